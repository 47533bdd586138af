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
