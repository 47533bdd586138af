//! What becomes of a payment by what happens to it.

use super::*;
use crate::payment::NO_CHECKOUT;
use crate::{Currency, RefundId};

const ID: PaymentId = PaymentId(7);

fn started(method: Method) -> Payment {
    let started = Started {
        checkout: CheckoutId(1),
        attempt: 2,
        method,
        provider: Some("a".into()),
        is_fixed: false,
        amount: Money::new(500, Currency::new("USD").expect("a currency")),
        origin: None,
    };
    let mut state = None;
    Payment::apply(&mut state, &ID, &Event::Started(started), Time(1));
    let payment = Arc::unwrap_or_clone(state.expect("a payment"));
    assert_eq!((payment.id, payment.version()), (ID, 1));
    assert_eq!((payment.attempt, payment.updated_at), (2, Time(1)));
    payment
}

/// After these events, each of which counts one version.
fn after(payment: Payment, events: &[Event]) -> Payment {
    let mut version = payment.version();
    let mut state = Some(Arc::new(payment));
    for event in events {
        Payment::apply(&mut state, &ID, event, Time(9));
        version += 1;
        let payment = state.as_deref().expect("a payment");
        assert_eq!((payment.version(), payment.updated_at), (version, Time(9)));
    }
    Arc::unwrap_or_clone(state.expect("a payment"))
}

fn card() -> Card {
    Card {
        brand: "visa".into(),
        last4: "4242".into(),
    }
}

fn authorized(card: Option<Card>) -> Event {
    Event::Authorized {
        provider_id: Some("p".into()),
        card,
    }
}

fn captured() -> Payment {
    let events = [
        Event::Asked(Question::Authorize),
        authorized(None),
        Event::Asked(Question::Capture),
        Event::Captured,
    ];
    after(started(Method::Card), &events)
}

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
        assert_eq!(parse("something else"), None);
    }
    check(Method::ALL, Method::as_str, Method::parse);
    check(State::ALL, State::as_str, State::parse);
    check(Question::ALL, Question::as_str, Question::parse);
    check(Decline::ALL, Decline::as_str, Decline::parse);
}

#[test]
fn a_question_waits_until_it_is_answered() {
    let asked = after(started(Method::Card), &[Event::Asked(Question::Authorize)]);
    assert_eq!(
        (asked.asked, asked.asked_at),
        (Some(Question::Authorize), Time(9))
    );
    assert!(asked.was_asked && asked.is_open());
    let unclear = after(asked, &[Event::Unclear, Event::Unclear]);
    assert_eq!((unclear.state, unclear.tries), (State::Unknown, 2));
    let held = after(unclear, &[authorized(Some(card()))]);
    assert_eq!(
        (held.state, held.asked, held.tries),
        (State::Authorized, None, 0)
    );
    assert_eq!(
        (held.provider_id.as_deref(), held.card.clone()),
        (Some("p"), Some(card()))
    );
    assert!(held.is_open());
    let again = after(held, &[Event::Unclear, Event::Asked(Question::Capture)]);
    assert_eq!((again.asked, again.tries), (Some(Question::Capture), 0));
    // What is known of the card stays when the next answer says nothing of it.
    let again = after(again, &[authorized(None)]);
    assert_eq!(again.card, Some(card()));
    let taken = after(again, &[Event::Captured]);
    assert_eq!((taken.state, taken.captured), (State::Captured, 500));
    assert!(!taken.is_open());
}

#[test]
fn a_payment_ends_declined_voided_or_refused() {
    let asked = || after(started(Method::Card), &[Event::Asked(Question::Authorize)]);
    let declined = after(asked(), &[Event::Declined(Decline::ExpiredCard)]);
    assert_eq!(
        (declined.state, declined.decline),
        (State::Declined, Some(Decline::ExpiredCard))
    );
    assert!(!declined.is_released);
    let released = after(declined, &[Event::Voided]);
    assert_eq!(
        (released.state, released.is_released),
        (State::Declined, true)
    );
    let voided = after(asked(), &[Event::Voided]);
    assert_eq!((voided.state, voided.is_released), (State::Voided, true));
    let refused = after(asked(), &[authorized(None), Event::Refused]);
    assert_eq!(
        (refused.state, refused.is_refused),
        (State::Authorized, true)
    );
}

#[test]
fn a_payment_that_reached_nobody_waits_longer_each_time() {
    let mut payment = started(Method::Card);
    assert_eq!(payment.parked_until(), None);
    for pause in [500, 1_000, 2_000, 4_000, 5_000, 5_000] {
        payment = after(payment, &[Event::Asked(Question::Authorize)]);
        assert_eq!(payment.parked_until(), None, "it is being asked");
        payment = after(payment, &[Event::Unsent]);
        assert_eq!((payment.asked, payment.was_asked), (None, false));
        assert_eq!(payment.parked_until(), Some(Time(9 + pause)));
    }
    payment.parked = 64;
    assert_eq!(payment.parked_until(), Some(Time(5_009)));
    let provider = "b".into();
    let rerouted = after(payment, &[Event::Rerouted { provider }]);
    assert_eq!((rerouted.parked, rerouted.state), (0, State::Pending));
    assert_eq!(rerouted.provider.as_deref(), Some("b"));
    assert_eq!(rerouted.parked_until(), None);
    let parked = after(started(Method::Card), &[Event::Unsent, authorized(None)]);
    assert_eq!((parked.parked, parked.parked_until()), (0, None));
}

#[test]
fn what_goes_back_is_counted_by_the_way_it_goes() {
    let payment = after(
        captured(),
        &[
            Event::Verified,
            Event::Refunded { amount: 100 },
            Event::Verified,
            Event::Refunded { amount: 20 },
        ],
    );
    assert_eq!((payment.refunded, payment.verified), (120, false));
    let payment = after(
        payment,
        &[Event::Verified, Event::GivenElsewhere { amount: 30 }],
    );
    assert_eq!((payment.elsewhere, payment.verified), (30, false));
    let payment = after(payment, &[Event::GivenElsewhere { amount: 4 }]);
    let moves = [
        Event::Moved { amount: 70 },
        Event::Moved { amount: 5 },
        Event::MovedBack { amount: 25 },
    ];
    let payment = after(payment, &moves);
    assert_eq!((payment.elsewhere, payment.moved), (34, 50));
    assert_eq!(payment.returned(), 120 + 34 + 50);
    assert_eq!(payment.captured, 500);
}

#[test]
fn an_ended_card_payment_is_compared_with_its_provider_once() {
    let unverified = |state, released, method| {
        let mut payment = started(method);
        (payment.state, payment.is_released) = (state, released);
        payment.is_unverified()
    };
    let rows = [
        (State::Captured, false, true),
        (State::Captured, true, true),
        (State::Voided, true, true),
        (State::Voided, false, false),
        (State::Declined, true, true),
        (State::Declined, false, false),
        (State::Pending, true, false),
        (State::Unknown, true, false),
        (State::Authorized, true, false),
    ];
    for (state, released, expected) in rows {
        let found = unverified(state, released, Method::Card);
        assert_eq!(found, expected, "{state:?} {released}");
        assert!(!unverified(state, released, Method::Wallet));
    }
    let ended = captured();
    assert!(ended.is_unverified());
    let seen = after(ended, &[Event::Verified]);
    assert!(!seen.is_unverified());
    let doubted = after(seen, &[Event::Doubted]);
    assert!(doubted.is_unverified());
    let asked = after(doubted, &[Event::Asked(Question::Refund)]);
    assert!(!asked.is_unverified());
}

#[test]
fn a_charge_of_no_checkout_is_looked_after_until_it_ends() {
    let mut payment = started(Method::Card);
    assert!(!payment.is_by_itself());
    payment.checkout = NO_CHECKOUT;
    assert!(payment.is_by_itself() && !payment.is_unverified());
    let asked = after(payment, &[Event::Asked(Question::Authorize)]);
    assert!(asked.is_unverified());
    let held = after(asked, &[authorized(None)]);
    assert!(held.is_unverified());
    let taken = after(held, &[Event::Captured, Event::Verified]);
    assert!(!taken.is_unverified());
}

#[test]
fn each_question_has_one_key() {
    let payment = started(Method::Card);
    assert_eq!(payment.key(Question::Capture), format!("{ID}:capture"));
    assert_ne!(payment.key(Question::Void), format!("{}:void", RefundId(7)));
}

#[test]
fn what_did_not_happen_is_not_written() {
    let first = started(Method::Card);
    let json = serde_json::to_value(&first).expect("JSON");
    for name in [
        "tries",
        "parked",
        "captured",
        "refunded",
        "elsewhere",
        "moved",
    ] {
        assert_eq!(json.get(name), None, "{name}");
    }
    assert_eq!(serde_json::from_value::<Payment>(json).ok(), Some(first));
    let mut other = captured();
    (other.tries, other.parked) = (2, 3);
    let json = serde_json::to_value(&other).expect("JSON");
    assert_eq!((&json["tries"], &json["parked"]), (&2.into(), &3.into()));
    assert_eq!(json["captured"], 500);
    assert_eq!(serde_json::from_value::<Payment>(json).ok(), Some(other));
}
