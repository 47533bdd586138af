//! How the columns `state` and `expires_hour` spell what they say. Partial indexes name these numbers.

use cartwright_domain::Time;
use cartwright_domain::cart::State as CartState;
use cartwright_domain::checkout::State as CheckoutState;
use cartwright_domain::inventory::State as HoldState;
use cartwright_domain::order::State as OrderState;

const HOUR_MS: i64 = 3_600_000;

/// Hours since 1970: each write moves an expiry, and few move this.
pub(in crate::store) fn expires_hour(at: Time) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

/// Of a hold: pending is 0, which the index of pending holds asks for.
pub(in crate::store) fn of_hold(state: HoldState) -> i64 {
    match state {
        HoldState::Pending => 0,
        HoldState::Confirmed => 1,
        HoldState::Released => 2,
        HoldState::Expired => 3,
    }
}

/// The state of a hold; `None` for a number that is none.
pub(in crate::store) fn hold_of(number: i64) -> Option<HoldState> {
    use HoldState::{Confirmed, Expired, Pending, Released};
    [Pending, Confirmed, Released, Expired]
        .into_iter()
        .find(|of| of_hold(*of) == number)
}

/// Of a cart: open is 0, what is over 3 and 4.
pub(in crate::store) fn of_cart(state: CartState) -> i64 {
    match state {
        CartState::Open => 0,
        CartState::CheckingOut => 1,
        CartState::Ordered => 2,
        CartState::Merged => 3,
        CartState::Expired => 4,
    }
}

/// Of a checkout: a cart has one below 5 at most.
pub(in crate::store) fn of_checkout(state: CheckoutState) -> i64 {
    match state {
        CheckoutState::Open => 0,
        CheckoutState::Processing => 1,
        CheckoutState::RequiresAction => 2,
        CheckoutState::NeedsAttention => 3,
        CheckoutState::Completed => 4,
        CheckoutState::Cancelled => 5,
        CheckoutState::Expired => 6,
    }
}

/// Of an order.
pub(in crate::store) fn of_order(state: OrderState) -> i64 {
    match state {
        OrderState::Placed => 0,
        OrderState::Completed => 1,
        OrderState::Cancelled => 2,
    }
}
