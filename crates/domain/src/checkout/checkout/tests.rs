use super::*;
use crate::cart::samples::{NOW, cart, shop, sku, store};
use crate::checkout::samples::{Desk, whole};
use crate::checkout::{
    AttemptState, FailureCode, Staleness, Step, StepState, cancel, cancel_with_cart, expire,
};

fn desk() -> Desk {
    Desk::open(&cart(&[("MUG", 1)]), &whole(), &shop()).unwrap_or_else(|it| panic!("{it}"))
}

const STATES: [State; 7] = [
    State::Open,
    State::Processing,
    State::RequiresAction,
    State::Completed,
    State::Cancelled,
    State::Expired,
    State::NeedsAttention,
];

#[test]
fn words_are_the_same_everywhere() {
    fn check<T>(all: &[(T, &str)], as_str: fn(T) -> &'static str, parse: fn(&str) -> Option<T>)
    where
        T: Copy + PartialEq + std::fmt::Debug + Serialize,
    {
        for (value, word) in all {
            assert_eq!(as_str(*value), *word);
            assert_eq!(parse(word), Some(*value));
            assert_eq!(serde_json::to_value(value).ok(), Some((*word).into()));
        }
    }
    check(State::ALL, State::as_str, State::parse);
    check(Step::ALL, Step::as_str, Step::parse);
    check(StepState::ALL, StepState::as_str, StepState::parse);
    check(AttemptState::ALL, AttemptState::as_str, AttemptState::parse);
    check(FailureCode::ALL, FailureCode::as_str, FailureCode::parse);
    for field in [Field::Email, Field::ShippingAddress, Field::ShippingOption] {
        let word = serde_json::to_value(field).ok();
        assert_eq!(word, Some(field.as_str().into()));
    }
    let rows = [
        (Staleness::Expired, "expired"),
        (Staleness::Superseded, "superseded"),
        (Staleness::CartChanged, "cart_changed"),
        (Staleness::Unknown, "unknown"),
    ];
    for (reason, word) in rows {
        assert_eq!(reason.as_str(), word);
    }
}

#[test]
fn only_an_open_checkout_takes_changes_expires_or_is_given_up() {
    for state in STATES {
        let mut checkout = desk().checkout;
        checkout.state = state;
        let (open, over) = (state == State::Open, checkout.terms.expires_at);
        assert_eq!(checkout.require_open(NOW).is_ok(), open, "{state:?}");
        assert_eq!(expire(&checkout, over).is_some(), open);
        assert_eq!(expire(&checkout, NOW), None);
        assert_eq!(cancel_with_cart(&checkout).is_some(), open);
        let then = if open { State::Expired } else { state };
        assert_eq!(checkout.state_at(over), then);
        assert_eq!(checkout.state_at(Time(over.0 - 1)), state);
        let given_up = cancel(&checkout, NOW);
        match state {
            State::Open => assert_eq!(given_up, Ok(Some(Event::Cancelled))),
            State::Cancelled => assert_eq!(given_up, Ok(None)),
            _ => assert_eq!(given_up, Err(checkout.closed(state))),
        }
        let frees = matches!(state, State::Cancelled | State::Expired);
        assert_eq!(state.frees_cart(), frees);
    }
}

#[test]
fn each_change_counts_one_version_and_is_remembered() {
    let first = desk();
    assert_eq!(first.checkout.version(), 1);
    assert_eq!(first.checkout.progress.len(), 1);
    assert_eq!(
        (first.checkout.created_at, first.checkout.updated_at),
        (NOW, NOW)
    );
    for (event, state) in [
        (Event::Cancelled, State::Cancelled),
        (Event::Expired, State::Expired),
    ] {
        let mut desk = desk();
        desk.apply(&event, Time(NOW.0 + 1));
        let checkout = &desk.checkout;
        assert_eq!((checkout.version(), checkout.state), (2, state));
        assert_eq!(checkout.updated_at, Time(NOW.0 + 1));
        let last = checkout.progress.last().map(|it| (it.version, it.state));
        assert_eq!(last, Some((2, state)));
        assert_eq!(checkout.progress.last().map(|it| it.step), Some(None));
    }
}

#[test]
fn what_must_be_held_is_summed_by_sku_and_store() {
    let mut terms = desk().checkout.terms;
    let line = |name: &str, at: Option<&str>, quantity| Line {
        sku: sku(name),
        store: at.and_then(store),
        quantity,
        ..terms.lines[0].clone()
    };
    let lines = vec![
        line("MUG", None, 1),
        line("MUG", Some("north"), 2),
        line("TEA", None, 4),
        line("MUG", None, 8),
        line("TEA", Some("north"), 16),
    ];
    terms.lines = lines;
    let asked: Vec<_> = terms
        .asked()
        .into_iter()
        .map(|it| (it.sku.to_string(), it.store.is_some(), it.quantity))
        .collect();
    let row = |name: &str, at, quantity| (name.to_owned(), at, quantity);
    let expected = [
        row("MUG", false, 9),
        row("MUG", true, 2),
        row("TEA", false, 4),
        row("TEA", true, 16),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn what_is_not_said_is_not_written() {
    let mut desk = desk();
    let json = serde_json::to_value(&desk.checkout).expect("JSON");
    let progress = &json["progress"][0];
    assert_eq!((progress.get("n"), progress.get("r")), (None, None));
    let told = Some((Step::Capture, StepState::Unknown, 2));
    desk.checkout.remember(told, NOW);
    let json = serde_json::to_value(&desk.checkout).expect("JSON");
    assert_eq!(json["progress"][1]["r"], 2);
    let read = serde_json::from_value::<Checkout>(json).expect("a checkout");
    assert_eq!(read, desk.checkout);
}
