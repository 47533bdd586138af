//! Where an order stands: as a whole, its goods, its money.

use crate::payment::{self, Payment};
use crate::words::words;
use serde::{Deserialize, Serialize};

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Sold; something is still to be done.
    Placed,
    /// Paid, and all of it is fulfilled.
    Completed,
    /// Nothing of it is left to do: what was not fulfilled was given up.
    Cancelled,
}

words!(State {
    Placed = "placed",
    Completed = "completed",
    Cancelled = "cancelled",
});

/// How much of an order has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum FulfillmentState {
    None,
    Partial,
    Fulfilled,
}

impl FulfillmentState {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Fulfilled => "fulfilled",
        }
    }
}

/// What became of the money, seen from its payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum PaymentState {
    Authorized,
    Captured,
    PartiallyRefunded,
    Refunded,
    Voided,
}

impl PaymentState {
    /// Of these payments; those of one order, whose total is `total`.
    pub fn of<'a>(payments: impl IntoIterator<Item = &'a Payment>, total: i64) -> Self {
        let (mut captured, mut refunded, mut is_open, mut any) = (0, 0, false, false);
        for payment in payments {
            any = true;
            captured += payment.captured;
            refunded += payment.returned();
            is_open |= !matches!(
                payment.state,
                payment::State::Voided | payment::State::Declined
            );
        }
        match (captured, refunded) {
            (0, _) if !any && total == 0 => Self::Captured,
            (0, _) if !is_open => Self::Voided,
            (taken, 0) if taken >= total => Self::Captured,
            (_, 0) => Self::Authorized,
            (taken, back) if back >= taken => Self::Refunded,
            _ => Self::PartiallyRefunded,
        }
    }

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::payments;
    use super::*;

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        for (state, word) in State::ALL {
            assert_eq!(state.as_str(), *word);
            assert_eq!(State::parse(word), Some(*state));
            assert_eq!(serde_json::to_value(state).ok(), Some((*word).into()));
        }
        let rows = [
            (FulfillmentState::None, "none"),
            (FulfillmentState::Partial, "partial"),
            (FulfillmentState::Fulfilled, "fulfilled"),
        ];
        for (state, word) in rows {
            assert_eq!(state.as_str(), word);
        }
    }

    /// Of two payments, 20.00 and 15.99: (taken, given back, where it stands) of each.
    #[test]
    fn the_money_stands_where_its_payments_do() {
        use payment::State::{Authorized, Captured, Declined, Voided};
        let rows = [
            ([(0, 0, Authorized), (0, 0, Voided)], 3599, "authorized"),
            ([(0, 0, Declined), (0, 0, Voided)], 3599, "voided"),
            (
                [(2000, 0, Captured), (0, 0, Authorized)],
                3599,
                "authorized",
            ),
            ([(2000, 0, Captured), (1599, 0, Captured)], 3599, "captured"),
            ([(2000, 0, Captured), (1599, 0, Captured)], 3000, "captured"),
            (
                [(2000, 1, Captured), (0, 0, Authorized)],
                3599,
                "partially_refunded",
            ),
            (
                [(2000, 2000, Captured), (1599, 1598, Captured)],
                3599,
                "partially_refunded",
            ),
            (
                [(2000, 2000, Captured), (1599, 1599, Captured)],
                3599,
                "refunded",
            ),
        ];
        for (parts, total, word) in rows {
            let mut all = payments();
            for (payment, (captured, refunded, state)) in all.iter_mut().zip(parts) {
                (payment.captured, payment.refunded) = (captured, refunded);
                payment.state = state;
            }
            assert_eq!(PaymentState::of(&all, total).as_str(), word, "{parts:?}");
        }
        assert_eq!(PaymentState::of(&[], 1).as_str(), "voided");
        assert_eq!(PaymentState::of(&[], 0).as_str(), "captured");
    }
}
