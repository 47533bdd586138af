//! Tills and correctors: many cheap writes at once, each under a key of its own, and what must be left of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Load};
use crate::random::Random;
use crate::support::{Level, Request, Response, Shop, eventually, fresh, text, whole};

/// Requests of one till on their way at once.
const AT_ONCE: usize = 24;
/// How long holds last that nobody ends.
const TTL_SECONDS: u64 = 2;
/// One acknowledged write in so many is asked for once more.
const ASKED_AGAIN: u64 = 40;

/// What the tills of a round work on: two levels with plenty, and one that sells out.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) levels: Vec<Level>,
    received: Vec<i64>,
}

impl Counter {
    pub(crate) fn set(shop: &Shop) -> Self {
        let received = vec![100_000, 100_000, 60];
        Self {
            levels: received.iter().map(|units| shop.stocked(*units)).collect(),
            received,
        }
    }
}

#[derive(Clone, Debug)]
enum Kind {
    Adjust {
        delta: i64,
    },
    Reserve {
        quantity: i64,
    },
    /// Ends a hold so, by its reference.
    End {
        hold: String,
        state: &'static str,
    },
}

/// One write, and what its till was told in the end.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    kind: Kind,
    level: usize,
    /// The movement's `reason`, or the hold's `reference`.
    tag: String,
    request: Request,
    answer: Response,
}

impl Deed {
    fn is_done(&self) -> bool {
        self.answer.status < 300
    }
}

/// One till: does what chance says until the round stops.
pub(crate) fn work(load: &Load, counter: &Counter, seed: u64) -> Vec<Deed> {
    let (mut random, mut client) = (Random::new(seed), load.client());
    let (mut deeds, mut holds) = (Vec::new(), Vec::new());
    while !load.stops() {
        let planned: Vec<_> = (0..AT_ONCE)
            .map(|_| plan(load, counter, &mut random, &mut holds))
            .collect();
        let requests: Vec<_> = planned.iter().map(|it| it.3.clone()).collect();
        let answers = client.insist_on(&requests);
        for ((kind, level, tag, request), answer) in planned.into_iter().zip(answers) {
            let is_expected = answer.status < 300 || answer.status == 409;
            assert!(is_expected, "acknowledged-is-durable: {}", answer.story());
            if let (Kind::Reserve { .. }, 201) = (&kind, answer.status) {
                holds.push((level, tag.clone(), text(&answer.json()["id"])));
            }
            deeds.push(Deed {
                kind,
                level,
                tag,
                request,
                answer,
            });
        }
        ask_again(&mut client, &mut random, &deeds[deeds.len() - AT_ONCE..]);
    }
    deeds
}

type Planned = (Kind, usize, String, Request);

fn plan(
    load: &Load,
    counter: &Counter,
    random: &mut Random,
    holds: &mut Vec<(usize, String, String)>,
) -> Planned {
    let level = random.below(3) as usize;
    let path = counter.levels[level].path();
    let (kind, level, tag, path, body) = match random.below(5) {
        0 | 1 => {
            let delta = match random.below(8) as i64 - 3 {
                0 => 5,
                delta => delta,
            };
            let tag = fresh("fix");
            let body = json!({"delta": delta, "reason": tag});
            let path = format!("{path}/adjust");
            (Kind::Adjust { delta }, level, tag, path, body)
        }
        2 if !holds.is_empty() => {
            let chosen = random.below(holds.len() as u64) as usize;
            let (level, hold, id) = holds.swap_remove(chosen);
            let (verb, state) = if random.one_in(2) {
                ("release", "released")
            } else {
                ("confirm", "confirmed")
            };
            let path = format!("/v1/reservations/{id}/{verb}");
            (
                Kind::End { hold, state },
                level,
                fresh("end"),
                path,
                json!({}),
            )
        }
        _ => {
            let quantity = 1 + random.below(3) as i64;
            let tag = fresh("till");
            let body = json!({"quantity": quantity, "reference": tag, "ttl_seconds": TTL_SECONDS});
            let path = format!("{path}/reserve");
            (Kind::Reserve { quantity }, level, tag, path, body)
        }
    };
    let request = load.request("POST", &path).admin();
    let request = request.idempotency_key(&fresh("key")).json(body);
    (kind, level, tag, request)
}

/// The same key again has the same answer, byte for byte.
fn ask_again(client: &mut Client, random: &mut Random, deeds: &[Deed]) {
    for deed in deeds {
        if !random.one_in(ASKED_AGAIN) {
            continue;
        }
        let again = client.again(&deed.request);
        let first = &deed.answer;
        let same = (again.status, again.text()) == (first.status, first.text());
        assert!(
            same && again.header("etag") == first.header("etag") && again.replayed(),
            "the-same-key-is-one-effect: first {}\nthen {}",
            first.story(),
            again.story()
        );
    }
}

/// Once all rests: the levels are what their tills were told, no more and no less.
pub(crate) fn check(shop: &Shop, counter: &Counter, deeds: &[Deed], has_movements: bool) {
    for (index, level) in counter.levels.iter().enumerate() {
        let level = shop.level(&level.store, &level.sku, 0);
        let rests = eventually(Duration::from_secs(30), "every-hold-ends", || {
            let now = level.read();
            (now["reserved"] == 0).then_some(now)
        });
        let deeds: Vec<_> = deeds.iter().filter(|it| it.level == index).collect();
        let told = Told::of(counter.received[index], &deeds);
        if has_movements {
            let movements = level.movements();
            adds_up(&movements);
            told.check_movements(&movements);
        }
        told.check_sums(&rests);
    }
}

/// One movement for each version, each running figure the sum of the changes before it, and never below nothing.
fn adds_up(movements: &[Value]) {
    let (mut on_hand, mut reserved, mut position) = (0, 0, -1);
    for (index, movement) in movements.iter().enumerate() {
        assert_eq!(
            whole(&movement["version"]),
            index as i64 + 1,
            "versions-rise: {movement}"
        );
        let later = whole(&movement["position"]) > position;
        assert!(later, "the-log-makes-the-state: {movement}");
        position = whole(&movement["position"]);
        on_hand += whole(&movement["on_hand_delta"]);
        reserved += whole(&movement["reserved_delta"]);
        let told = (whole(&movement["on_hand"]), whole(&movement["reserved"]));
        assert_eq!(told, (on_hand, reserved), "units-are-conserved: {movement}");
        assert!(
            on_hand >= reserved && reserved >= 0,
            "never-oversold, stock-never-negative: {movement}"
        );
    }
}

/// What the tills of one level were told.
struct Told<'a> {
    received: i64,
    adjusts: HashMap<&'a str, (&'a Deed, i64)>,
    holds: HashMap<&'a str, (&'a Deed, i64)>,
    /// How holds were ended, by their reference.
    ends: HashMap<&'a str, (&'a Deed, &'static str)>,
}

impl<'a> Told<'a> {
    fn of(received: i64, deeds: &[&'a Deed]) -> Self {
        let (mut adjusts, mut holds) = (HashMap::new(), HashMap::new());
        let mut ends = HashMap::new();
        for deed in deeds {
            match &deed.kind {
                Kind::Adjust { delta } => {
                    adjusts.insert(&*deed.tag, (*deed, *delta));
                }
                Kind::Reserve { quantity } => {
                    holds.insert(&*deed.tag, (*deed, *quantity));
                }
                Kind::End { hold, state } => {
                    ends.insert(&**hold, (*deed, *state));
                }
            }
        }
        Self {
            received,
            adjusts,
            holds,
            ends,
        }
    }

    /// Every effect counts once: in what lies there, and in the version.
    fn check_sums(&self, level: &Value) {
        let done = |it: &&(&Deed, i64)| it.0.is_done();
        let adjusts = || self.adjusts.values().filter(done);
        let holds = self.holds.values().filter(done).count() as i64;
        let confirmed = self
            .ends
            .iter()
            .filter(|(_, (deed, state))| deed.is_done() && *state == "confirmed");
        let left: i64 = confirmed.map(|(hold, _)| self.holds[hold].1).sum();
        let fixed: i64 = adjusts().map(|(_, delta)| delta).sum();
        assert_eq!(
            whole(&level["on_hand"]),
            self.received + fixed - left,
            "units-are-conserved, acknowledged-is-durable: {level}"
        );
        // Received, corrected, held and ended.
        let version = 1 + adjusts().count() as i64 + 2 * holds;
        assert_eq!(
            whole(&level["version"]),
            version,
            "versions-rise by one for each effect, the-same-key-is-one-effect: {level}"
        );
        let available = whole(&level["available"]);
        assert!(available >= 0, "stock-never-negative: {level}");
    }

    /// Each movement was asked for, and each acknowledged write has its own.
    fn check_movements(&self, movements: &[Value]) {
        let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
        for movement in &movements[1..] {
            let kind = text(&movement["type"]);
            let (key, wanted) = match kind.as_str() {
                "adjusted" => (text(&movement["reason"]), &self.adjusts),
                _ => (text(&movement["reference"]), &self.holds),
            };
            let (deed, amount) = wanted
                .get(key.as_str())
                .unwrap_or_else(|| panic!("nobody asked for {movement}"));
            let field = if kind == "adjusted" {
                "on_hand_delta"
            } else {
                "reserved_delta"
            };
            let moved = whole(&movement[field]);
            let is_end = !["adjusted", "reserved"].contains(&kind.as_str());
            let wanted = if is_end { -amount } else { *amount };
            assert_eq!(moved, wanted, "units-are-conserved: {movement} {deed:#?}");
            *found.entry((key, kind)).or_default() += 1;
        }
        let times = |key: &str, kind: &str| {
            let key = (key.to_owned(), kind.to_owned());
            found.get(&key).copied().unwrap_or(0)
        };
        for (tag, (deed, _)) in &self.adjusts {
            let effects = times(tag, "adjusted");
            assert_eq!(
                effects,
                usize::from(deed.is_done()),
                "acknowledged-is-durable: {deed:#?}"
            );
        }
        for (tag, (deed, _)) in &self.holds {
            let effects = times(tag, "reserved");
            assert_eq!(
                effects,
                usize::from(deed.is_done()),
                "acknowledged-is-durable: {deed:#?}"
            );
            let ends = ["released", "confirmed", "expired"].map(|kind| times(tag, kind));
            let all: usize = ends.iter().sum();
            assert_eq!(all, effects, "every-hold-ends, once: {ends:?} {deed:#?}");
            if let Some((end, state)) = self.ends.get(tag) {
                let is_so = times(tag, state) == 1;
                assert_eq!(is_so, end.is_done(), "acknowledged-is-durable: {end:#?}");
            }
        }
    }
}
