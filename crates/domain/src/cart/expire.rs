//! The end of carts that nobody writes to: first they expire, later they go.

use super::{Cart, Event, Rules, State};
use crate::Time;

/// Marks an open cart whose time has passed; `None` for any other. A cart in checkout never expires.
pub fn expire(cart: &Cart, now: Time) -> Option<Event> {
    let due = cart.state == State::Open && cart.state_at(now) == State::Expired;
    due.then_some(Event::Expired)
}

/// Removes a cart that expired or was merged at least [`Rules::keep_seconds`] ago; `None` for any other. A cart that became
/// an order stays with it.
pub fn purge(cart: &Cart, rules: &Rules, now: Time) -> Option<Event> {
    let since = match cart.state_at(now) {
        State::Expired => cart.expires_at,
        State::Merged => cart.updated_at,
        State::Open | State::CheckingOut | State::Ordered => return None,
    };
    (now >= since.plus_seconds(rules.keep_seconds)).then_some(Event::Deleted)
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;

    #[test]
    fn each_state_ends_in_its_time() {
        let cart = cart(&[("MUG", 1)]);
        let end = cart.expires_at;
        let gone = end.plus_seconds(rules().keep_seconds);
        let before = Time(end.0 - 1);
        let rows = [
            (State::Open, before, None, None),
            (State::Open, end, Some(Event::Expired), None),
            (
                State::Open,
                gone,
                Some(Event::Expired),
                Some(Event::Deleted),
            ),
            (State::Expired, end, None, None),
            (State::Expired, gone, None, Some(Event::Deleted)),
            (State::Merged, NOW, None, None),
            (State::Merged, gone, None, Some(Event::Deleted)),
            (State::CheckingOut, gone, None, None),
            (State::Ordered, gone, None, None),
        ];
        for (state, now, expired, purged) in rows {
            let cart = Cart {
                state,
                ..cart.clone()
            };
            assert_eq!(
                (expire(&cart, now), purge(&cart, &rules(), now)),
                (expired, purged),
                "{state:?} at {now}"
            );
        }
    }

    #[test]
    fn only_writes_slide_the_expiry() {
        let cart = cart(&[("MUG", 1)]);
        let later = NOW.plus_seconds(1000);
        let written = super::super::add(&cart, &wanted("TEA", 1), &shop(), &rules(), later)
            .unwrap_or_default();
        assert_eq!(
            after_at(&cart, written, later).expires_at,
            cart.expires_at.plus_seconds(1000)
        );
        let expired = after(&cart, expire(&cart, cart.expires_at));
        assert_eq!(
            (expired.state, expired.version, expired.expires_at),
            (State::Expired, 2, cart.expires_at)
        );
    }
}
