//! The load: writers that do keyed and unkeyed adjusts, holds, confirms, releases and line adds until the server
//! is gone, and remember what they were told.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::deeds::{Deed, Kind, Outcome};
use crate::random::Random;
use crate::support::client::Connection;
use crate::support::{Cart, Level, Shop, fresh, text};

/// How many writers work at once; each has a cart of its own.
pub(crate) const WRITERS: usize = 6;
/// A cart holds 500 lines.
const LINES_PER_CART: usize = 450;
/// Longer than any run.
const TTL_SECONDS: i64 = 86_400;

/// What one round of writers works on.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) levels: Vec<Level>,
    pub(crate) carts: Vec<Cart>,
    /// How many of each level were received at first.
    pub(crate) received: [i64; 3],
}

impl Scene {
    /// Two levels with plenty, one that sells out, and a cart for each writer.
    pub(crate) fn set(shop: &Shop) -> Self {
        let received = [100_000, 100_000, 60];
        Self {
            levels: received.iter().map(|units| shop.stocked(*units)).collect(),
            carts: (0..WRITERS).map(|_| shop.cart()).collect(),
            received,
        }
    }
}

/// One writer: does what chance says until the server does not answer any more.
pub(crate) fn write(
    shop: &Shop,
    scene: &Scene,
    writer: usize,
    seed: u64,
    answers: &AtomicU64,
) -> Vec<Deed> {
    let mut random = Random::new(seed);
    let mut deeds = Vec::new();
    let mut holds = Vec::new();
    let mut lines = 0;
    let Ok(mut connection) = Connection::open(shop.address()) else {
        return deeds;
    };
    loop {
        let mut deed = match random.below(4) {
            0 => adjust(scene, &mut random),
            1 if !holds.is_empty() => settle(&mut holds, &mut random),
            2 if lines < LINES_PER_CART => {
                lines += 1;
                add_line(scene, writer, &mut random)
            }
            _ => reserve(scene, &mut random),
        };
        if random.one_in(2) {
            deed.key = Some(fresh("crash-key"));
        }
        let answer = connection.send(deed.request(shop.address()));
        let gone = answer.is_err();
        deed.outcome = Outcome::of(answer);
        if let (Kind::Reserve { .. }, Outcome::Done(answer)) = (&deed.kind, &deed.outcome) {
            holds.push(text(&answer.json()["id"]));
        }
        deeds.push(deed);
        if gone {
            return deeds;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn deed(kind: Kind, tag: String, path: String, body: serde_json::Value) -> Deed {
    Deed {
        tag,
        kind,
        path,
        body,
        key: None,
        outcome: Outcome::Unknown,
    }
}

fn adjust(scene: &Scene, random: &mut Random) -> Deed {
    let level = random.below(3) as usize;
    let delta = match random.below(8) as i64 - 3 {
        0 => 5,
        delta => delta,
    };
    let tag = fresh("adjust");
    let path = format!("{}/adjust", scene.levels[level].path());
    let body = json!({"delta": delta, "reason": tag});
    deed(Kind::Adjust { level, delta }, tag, path, body)
}

fn reserve(scene: &Scene, random: &mut Random) -> Deed {
    let tag = fresh("hold");
    let quantity = 1 + random.below(3) as i64;
    let first = random.below(3) as usize;
    let lines = if random.one_in(2) {
        vec![(first, quantity)]
    } else {
        vec![(first, quantity), ((first + 1) % 3, quantity + 1)]
    };
    let asked: Vec<_> = lines
        .iter()
        .map(|(level, quantity)| {
            let level = &scene.levels[*level];
            json!({"sku": level.sku, "store": level.store, "quantity": quantity})
        })
        .collect();
    let body = json!({"lines": asked, "reference": tag, "ttl_seconds": TTL_SECONDS});
    deed(
        Kind::Reserve { lines },
        tag,
        "/v1/reservations".to_owned(),
        body,
    )
}

fn settle(holds: &mut Vec<String>, random: &mut Random) -> Deed {
    let hold = holds.swap_remove(random.below(holds.len() as u64) as usize);
    let (verb, state) = if random.one_in(3) {
        ("release", "released")
    } else {
        ("confirm", "confirmed")
    };
    let path = format!("/v1/reservations/{hold}/{verb}");
    deed(
        Kind::Settle { hold, state },
        fresh("settle"),
        path,
        json!({}),
    )
}

fn add_line(scene: &Scene, cart: usize, random: &mut Random) -> Deed {
    let tag = fresh("line");
    let quantity = 1 + random.below(5) as i64;
    let path = scene.carts[cart].path("/lines");
    let body = json!({
        "sku": scene.levels[0].sku, "quantity": quantity, "metadata": {"tag": tag}
    });
    deed(Kind::Line { cart, quantity }, tag, path, body)
}
