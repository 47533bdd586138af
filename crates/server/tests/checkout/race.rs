//! Many buyers of one cart at once: one order, one capture.

use std::collections::BTreeSet;

use crate::books;
use crate::support::{race, text, uuid};
use crate::world::{World, card, world};

const BUYERS: usize = 50;

fn buy_at_once(
    world: &World,
    token: &str,
    key: impl Fn(usize) -> String + Sync,
) -> Vec<(u16, String)> {
    let it = world.purchase(1);
    let answers = race(BUYERS, |buyer| {
        world.complete_with(&it, &key(buyer), 20, card(token))
    });
    answers
        .into_iter()
        .map(|answer| {
            let body = answer.json();
            let said = body["order_id"].as_str().or(body["reason"].as_str());
            (answer.status, said.unwrap_or_default().to_owned())
        })
        .collect()
}

#[test]
fn fifty_buyers_of_one_cart_get_one_order() {
    let world = world("fifty");
    let one = uuid();
    for by_one_key in [true, false] {
        let key = |_: usize| if by_one_key { one.clone() } else { uuid() };
        for (token, status) in [
            ("tok_visa", 200),
            ("tok_timeout_after_success", 200),
            ("tok_declined", 409),
        ] {
            let answers = buy_at_once(&world, token, key);
            let different: BTreeSet<_> = answers.iter().collect();
            if by_one_key || status == 200 {
                assert_eq!(different.len(), 1, "{token}: {different:?}");
            }
            assert!(
                answers.iter().all(|it| it.0 == status),
                "{token}: {different:?}"
            );
        }
    }
    books::agree(&world);
    let captures = world.gateway().ledger();
    let captures = captures.iter().filter(|it| it["op"] == "capture");
    assert_eq!(captures.count(), 4);
    world.replays();
}

#[test]
fn the_last_units_go_to_as_many_buyers() {
    let world = world("last");
    let level = world.level();
    let buyers: Vec<_> = (0..20).map(|_| world.purchase(1)).collect();
    let on_hand = crate::support::whole(&level.read()["on_hand"]);
    level.adjust(7 - on_hand).is(200);
    let answers = race(buyers.len(), |buyer| {
        world.complete(&buyers[buyer], 20, card("tok_visa"))
    });
    let sold = answers.iter().filter(|it| it.status == 200).count();
    assert_eq!(sold, 7);
    for answer in answers.iter().filter(|it| it.status != 200) {
        answer.refused(409, "insufficient_stock");
        assert_eq!(text(&answer.json()["sku"]), level.sku);
    }
    level.adjust(on_hand - 7).is(200);
    books::agree(&world);
    world.replays();
}
