//! That it can fail: a shop behind a proxy that breaks a promise, and what is said about it.

use std::net::SocketAddr;

use crate::command::{Ended, prove_at};
use crate::proxy::{Lie, before};
use crate::support::{Paying, paying, text};

/// The promise is broken in this trial, and the report names it.
#[track_caller]
fn is_caught(lie: Lie, trial: &str, invariant: &str, more: &[&str]) -> (Ended, Paying) {
    let paying = paying();
    let proxy = before(paying.shop.address(), lie);
    let ended = tried(proxy, trial, more);
    says(&ended, trial, invariant);
    (ended, paying)
}

fn tried(shop: SocketAddr, trial: &str, more: &[&str]) -> Ended {
    let arguments = [
        "--duration",
        "2s",
        "--patience",
        "2s",
        "--seed",
        "1",
        "--only",
        trial,
    ];
    prove_at(shop, &[arguments.as_slice(), more].concat())
}

#[track_caller]
fn says(ended: &Ended, trial: &str, invariant: &str) {
    ended.is(1);
    assert_eq!(ended.report["verdict"], "violated");
    assert!(ended.broken().contains(&invariant), "{}", ended.text);
    let told = ended.report["violations"].as_array().expect("violations");
    let it = told
        .iter()
        .find(|it| it["invariant"] == invariant)
        .expect("it is told");
    assert_eq!(it["trial"], trial, "{it}");
    for field in ["expected", "seen"] {
        assert!(!text(&it[field]).is_empty(), "{field}: {it}");
    }
    assert_ne!(it["ids"].as_array().map(Vec::len), Some(0), "{it}");
    for shown in [&ended.text, &ended.page] {
        assert!(shown.contains(invariant), "{shown}");
    }
    assert!(ended.said.contains("Seed 1."), "{}", ended.said);
}

#[test]
fn keys_that_are_dropped_are_effects_that_happen_twice() {
    let name = "the-same-key-is-one-effect";
    let (ended, _shop) = is_caught(Lie::DropsKeys, "keys replayed", name, &[]);
    assert!(
        ended.broken().contains(&"a-key-means-one-request"),
        "{}",
        ended.text
    );
}

#[test]
fn versions_that_are_dropped_are_updates_that_are_lost() {
    is_caught(Lie::DropsVersions, "carts", "no-update-is-lost", &[]);
}

#[test]
fn holds_of_what_is_gone_are_an_oversell() {
    is_caught(Lie::PromisesWhatIsGone, "last units", "never-oversold", &[]);
}

#[test]
fn holds_that_are_made_twice_leave_buyers_without() {
    is_caught(
        Lie::HoldsTwice,
        "last units",
        "what-is-there-can-be-had",
        &[],
    );
}

#[test]
fn confirmations_that_are_forgotten_are_units_that_do_not_add_up() {
    is_caught(
        Lie::ForgetsConfirmations,
        "last units",
        "units-are-conserved",
        &[],
    );
}

#[test]
fn webhooks_that_anybody_may_send_are_forgeries() {
    let name = "forged-messages-are-refused";
    is_caught(Lie::BelievesEverybody, "webhooks", name, &["--buy"]);
}

#[test]
fn payers_who_are_told_of_different_orders_are_seen() {
    let name = "one-order-for-each-cart";
    is_caught(
        Lie::SellsToEverybody,
        "one cart, many payers",
        name,
        &["--buy"],
    );
}

#[test]
fn a_provider_that_took_more_than_the_shop_says_is_seen() {
    let (paying, trial) = (paying(), "purchases of the last units");
    let proxy = before(paying.gateway.address, Lie::TakesTwice);
    let ended = tried(
        paying.shop.address(),
        trial,
        &["--gateway-sim", &format!("http://{proxy}")],
    );
    says(&ended, trial, "their-ledger-is-ours");
}
