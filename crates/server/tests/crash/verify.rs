//! After a restart: the state against everything that clients were told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use crate::deeds::{Deed, Kind, Outcome};
use crate::load::Scene;
use crate::support::{Level, Response, Shop, eventually, text, whole};

/// Sends every keyed write that has no answer or was not taken again, as a client would; then once more, which must
/// be a replay. Acknowledged ones are replayed too.
pub(crate) fn retry(shop: &Shop, deeds: &mut [Deed]) {
    for deed in deeds.iter_mut().filter(|deed| deed.key.is_some()) {
        if !deed.taken() {
            let answer = answer(shop, deed);
            assert!(answer.status < 500, "{}", answer.story());
            deed.outcome = Outcome::of(Ok(answer));
        }
        let (Outcome::Done(first) | Outcome::Refused(first)) = &deed.outcome else {
            unreachable!("it has an answer now");
        };
        let again = answer(shop, deed);
        assert!(again.replayed(), "{}", again.story());
        assert_eq!(again.status, first.status, "{}", again.story());
        assert_eq!(again.text(), first.text(), "{}", again.story());
        assert_eq!(
            again.header("etag"),
            first.header("etag"),
            "{}",
            again.story()
        );
    }
}

/// What the shop says to this write. On a busy machine it may lose its lease for a moment; it says "try again".
fn answer(shop: &Shop, deed: &Deed) -> Response {
    eventually(Duration::from_secs(20), "a write is taken", || {
        let answer = deed.request(shop.address()).send();
        (answer.status != 503).then_some(answer)
    })
}

/// Holds the state to the record of a round.
pub(crate) fn check(shop: &Shop, scene: &Scene, deeds: &[Deed]) {
    let levels: Vec<Level> = scene
        .levels
        .iter()
        .map(|level| shop.level(&level.store, &level.sku, 0))
        .collect();
    let movements: Vec<Vec<Value>> = levels.iter().map(Level::movements).collect();
    for level in &levels {
        level.adds_up();
    }
    check_adjusts(scene, deeds, &movements);
    let holds = check_holds(deeds, &movements);
    check_states(shop, &levels, deeds, &movements, &holds);
    check_carts(shop, scene, deeds);
}

/// Each adjust has as many movements as its client may expect, and there are no others.
fn check_adjusts(scene: &Scene, deeds: &[Deed], movements: &[Vec<Value>]) {
    let mut known = HashSet::new();
    for deed in deeds {
        let Kind::Adjust { level, delta } = deed.kind else {
            continue;
        };
        known.insert(deed.tag.as_str());
        let found: Vec<_> = movements[level]
            .iter()
            .filter(|movement| movement["reason"] == deed.tag.as_str())
            .collect();
        deed.expect(found.len());
        for movement in &found {
            assert_eq!(whole(&movement["on_hand_delta"]), delta, "{movement}");
        }
        if let Outcome::Done(answer) = &deed.outcome {
            let told = answer.json();
            for field in ["version", "on_hand", "reserved"] {
                assert_eq!(found[0][field], told[field], "{field}: {deed:#?}");
            }
        }
    }
    for (level, movements) in movements.iter().enumerate() {
        assert_eq!(whole(&movements[0]["on_hand_delta"]), scene.received[level]);
        for movement in &movements[1..] {
            if movement["type"] == "adjusted" {
                let reason = text(&movement["reason"]);
                assert!(
                    known.contains(reason.as_str()),
                    "nobody asked for {movement}"
                );
            }
        }
    }
}

/// Each hold is in all of its levels or in none; returns reference and id of those that are there.
fn check_holds(deeds: &[Deed], movements: &[Vec<Value>]) -> HashMap<String, String> {
    let mut ids = HashMap::new();
    let mut places: HashMap<String, BTreeMap<usize, i64>> = HashMap::new();
    for (level, movements) in movements.iter().enumerate() {
        for movement in movements
            .iter()
            .filter(|movement| movement["type"] == "reserved")
        {
            let reference = text(&movement["reference"]);
            let id = text(&movement["reservation_id"]);
            let first = ids.entry(reference.clone()).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "one reference, two holds: {movement}");
            let place = places.entry(reference).or_default();
            let twice = place.insert(level, whole(&movement["reserved_delta"]));
            assert!(twice.is_none(), "held twice: {movement}");
        }
    }
    let mut known = HashSet::new();
    for deed in deeds {
        let Kind::Reserve { lines } = &deed.kind else {
            continue;
        };
        known.insert(deed.tag.as_str());
        deed.expect(usize::from(places.contains_key(&deed.tag)));
        if let Some(place) = places.get(&deed.tag) {
            let asked: BTreeMap<usize, i64> = lines.iter().copied().collect();
            assert_eq!(*place, asked, "half a hold: {deed:#?}");
        }
        if let Outcome::Done(answer) = &deed.outcome {
            assert_eq!(text(&answer.json()["id"]), ids[&deed.tag], "{deed:#?}");
        }
    }
    for reference in places.keys() {
        assert!(
            known.contains(reference.as_str()),
            "nobody asked for {reference}"
        );
    }
    ids
}

/// Each hold's state is the one that was acknowledged, its levels moved with it, and what is pending is what is
/// reserved.
fn check_states(
    shop: &Shop,
    levels: &[Level],
    deeds: &[Deed],
    movements: &[Vec<Value>],
    holds: &HashMap<String, String>,
) {
    let mut settles: HashMap<&str, &Deed> = HashMap::new();
    for deed in deeds {
        if let Kind::Settle { hold, .. } = &deed.kind {
            settles.insert(hold, deed);
        }
    }
    let mut pending = vec![0; levels.len()];
    for (reference, id) in holds {
        let path = format!("/v1/reservations/{id}");
        let hold = shop.get(&path).admin().send().ok();
        assert_eq!(hold["reference"], reference.as_str(), "{hold}");
        let state = text(&hold["state"]);
        if let Some(deed) = settles.get(id.as_str()) {
            let Kind::Settle { state: wanted, .. } = deed.kind else {
                unreachable!("only those are in the map");
            };
            deed.expect(usize::from(state == wanted));
            assert!(
                state == wanted || state == "pending",
                "{hold} after {deed:#?}"
            );
        } else {
            assert_eq!(state, "pending", "nobody ended {hold}");
        }
        for line in hold["lines"].as_array().expect("lines") {
            let level = levels
                .iter()
                .position(|level| line["sku"] == level.sku.as_str());
            let level = level.expect("a level of this round");
            let quantity = whole(&line["quantity"]);
            let story: Vec<_> = movements[level]
                .iter()
                .filter(|movement| movement["reservation_id"] == id.as_str())
                .collect();
            let kinds: Vec<_> = story
                .iter()
                .map(|movement| text(&movement["type"]))
                .collect();
            let moved: i64 = story
                .iter()
                .map(|movement| whole(&movement["reserved_delta"]))
                .sum();
            if state == "pending" {
                assert_eq!(kinds, ["reserved"], "{hold}");
                assert_eq!(moved, quantity, "{hold}");
                pending[level] += quantity;
            } else {
                assert_eq!(kinds, ["reserved", state.as_str()], "half an end: {hold}");
                assert_eq!(moved, 0, "{hold}");
            }
        }
    }
    for (level, pending) in levels.iter().zip(pending) {
        assert_eq!(
            whole(&level.read()["reserved"]),
            pending,
            "what is pending is reserved"
        );
    }
}

/// Each cart has the lines it may have, each once, and a version for each of them.
fn check_carts(shop: &Shop, scene: &Scene, deeds: &[Deed]) {
    for (index, cart) in scene.carts.iter().enumerate() {
        let seen = shop.get(&cart.path("")).token(&cart.token).send().is(200);
        let version = seen.etag();
        let seen = seen.json();
        let mut lines: HashMap<String, i64> = HashMap::new();
        for line in seen["lines"].as_array().expect("lines") {
            let twice = lines.insert(text(&line["metadata"]["tag"]), whole(&line["quantity"]));
            assert!(twice.is_none(), "two lines: {line}");
        }
        assert_eq!(
            version,
            1 + lines.len() as i64,
            "a version for each line: {}",
            cart.id
        );
        for deed in deeds {
            match deed.kind {
                Kind::Line { cart, quantity } if cart == index => {
                    let found = lines.remove(&deed.tag);
                    deed.expect(usize::from(found.is_some()));
                    assert_eq!(found.unwrap_or(quantity), quantity, "twice: {deed:#?}");
                }
                _ => {}
            }
        }
        assert!(lines.is_empty(), "nobody asked for {lines:?}");
    }
}
