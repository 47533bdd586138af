//! What becomes of a cart by what happens to it.

use super::super::samples::{NOW, cart, country, currency, metadata};
use super::*;
use serde_json::json;

fn after(cart: Cart, event: &Event) -> Cart {
    let version = cart.version();
    let mut state = Some(Arc::new(cart));
    Cart::apply(&mut state, &CartId(7), event, Time(NOW.0 + 5));
    let cart = Arc::unwrap_or_clone(state.expect("a cart"));
    assert_eq!(
        (cart.version(), cart.updated_at),
        (version + 1, Time(NOW.0 + 5))
    );
    cart
}

#[test]
fn each_event_counts_one_version_and_leads_to_its_state() {
    let first = cart(&[("MUG", 1)]);
    assert_eq!((first.version(), first.state), (1, State::Open));
    let into = CartId(9);
    let rows = [
        (Event::Merged { into }, State::Merged),
        (Event::CheckingOut, State::CheckingOut),
        (Event::Ordered, State::Ordered),
        (Event::Expired, State::Expired),
    ];
    for (event, state) in rows {
        let cart = after(first.clone(), &event);
        assert_eq!((cart.state, cart.lines.len()), (state, 1), "{event:?}");
        assert_eq!(cart.merged_into, (state == State::Merged).then_some(into));
        assert_eq!(cart.version(), 2);
        let word = state.as_str();
        assert_eq!(serde_json::to_value(state).ok(), Some(word.into()));
        let json = serde_json::to_value(&cart).expect("JSON");
        assert_eq!(json["state"], word);
        let refused = cart.require_open(NOW);
        assert!(matches!(refused, Err(Refusal::CartClosed { state, .. }) if state == word));
    }
    let json = serde_json::to_value(&first).expect("JSON");
    assert_eq!(json.get("state"), None);
    let updated = Updated {
        currency: currency("EUR"),
        country: country("DE"),
        customer_id: Some("ada".into()),
        metadata: metadata(json!({"a": 1})),
        set: Vec::new(),
        expires_at: Time(77),
    };
    let cart = after(first.clone(), &Event::Updated(Box::new(updated)));
    assert_eq!(
        (cart.currency, cart.country),
        (currency("EUR"), country("DE"))
    );
    assert_eq!(
        (cart.customer_id.as_deref(), cart.expires_at),
        (Some("ada"), Time(77))
    );
    assert_eq!(cart.metadata, metadata(json!({"a": 1})));
    let mut state = Some(Arc::new(first));
    Cart::apply(&mut state, &CartId(7), &Event::Deleted, NOW);
    assert_eq!(state, None);
}

#[test]
fn a_cart_is_expired_from_its_moment_on() {
    let open = cart(&[]);
    let rows = [(-1, State::Open), (0, State::Expired), (1, State::Expired)];
    for (millis, state) in rows {
        let now = Time(open.expires_at.0 + millis);
        assert_eq!(open.state_at(now), state, "{millis}");
        assert_eq!(open.require_open(now).is_ok(), state == State::Open);
    }
}

/// How long ago attempts failed, in milliseconds, and how many seconds the next one waits; `None`: it may begin.
#[test]
fn so_many_attempts_may_fail_within_an_hour() {
    let hour = 3_600_000;
    let rows: [(usize, &[i64], Option<u32>); 12] = [
        (2, &[], None),
        (2, &[1_000], None),
        (2, &[hour, 1_000], None),
        (2, &[hour - 1, 1_000], Some(1)),
        (2, &[hour - 1_000, 1_000], Some(1)),
        (2, &[hour - 1_001, 1_000], Some(2)),
        (2, &[hour - 1, 2_000_000, 1_000], Some(1_600)),
        (2, &[3 * hour, 2_000_000, 1_000], Some(1_600)),
        (3, &[3 * hour, 2_000_000, 1_000], None),
        (2, &[9_000, 8_000, 7_000, 6_000], Some(3_593)),
        (1, &[0], Some(3_600)),
        (0, &[], Some(3_600)),
    ];
    for (limit, ago, expected) in rows {
        let mut cart = cart(&[]);
        cart.tried_in_vain = ago.iter().map(|ago| Time(NOW.0 - ago)).collect();
        let refused = expected.map(|retry_after_seconds| Refusal::TooManyAttempts {
            limit,
            retry_after_seconds,
        });
        assert_eq!(
            cart.require_tries(limit, NOW).err(),
            refused,
            "{limit} {ago:?}"
        );
    }
}

#[test]
fn a_cart_remembers_its_last_failed_attempts() {
    let mut cart = after(cart(&[]), &Event::CheckingOut);
    for n in 0..TRIES_REMEMBERED + 3 {
        let expires_at = Time(n as i64);
        let mut state = Some(Arc::new(cart));
        Cart::apply(
            &mut state,
            &CartId(7),
            &Event::Reopened { expires_at },
            expires_at,
        );
        cart = Arc::unwrap_or_clone(state.expect("a cart"));
        assert_eq!((cart.state, cart.expires_at), (State::Open, expires_at));
        assert_eq!(cart.tried_in_vain.len(), (n + 1).min(TRIES_REMEMBERED));
        assert_eq!(cart.tried_in_vain.last(), Some(&expires_at));
    }
    assert_eq!(cart.tried_in_vain.first(), Some(&Time(3)));
}

#[test]
fn a_line_is_found_by_its_id() {
    let cart = cart(&[("MUG", 1), ("TEA", 2), ("GOLD", 3)]);
    for (id, quantity) in [(1, Some(1)), (2, Some(2)), (3, Some(3)), (4, None)] {
        let line = cart.line(LineId(id)).map(|line| line.quantity);
        assert_eq!(line, quantity);
    }
}
