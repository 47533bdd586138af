//! What happens to an order.

use super::exchange::ExchangeStarted;
use super::refund::{RefundStarted, RefundState};
use super::{Line, Tracking};
use crate::cart::LineId;
use crate::checkout::Totals;
use crate::{
    CartId, CheckoutId, ContactId, Country, Currency, ExchangeId, FulfillmentId, OrderId,
    PaymentId, RefundId, ReservationId, ReturnId, StoreId,
};
use smol_str::SmolStr;

/// What an order begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Rising, without meaning: it opens nothing.
    pub number: u64,
    /// Which checkout made it.
    pub checkout: CheckoutId,
    /// By which of its attempts.
    pub attempt: u32,
    /// Which cart it was.
    pub cart: CartId,
    /// Whose it is, when that is known.
    pub customer: Option<SmolStr>,
    /// Under which id the person's data stands.
    pub contact: Option<ContactId>,
    /// Where it goes.
    pub country: Country,
    /// What it was paid in.
    pub currency: Currency,
    /// What was bought.
    pub lines: Vec<Line>,
    /// What it came to.
    pub totals: Totals,
    /// What it is paid with, in the order in which they were asked.
    pub payments: Vec<PaymentId>,
    /// The hold that became its own.
    pub reservation: ReservationId,
    /// The order whose units come back for it.
    pub exchange_of: Option<OrderId>,
}

/// What happens to an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was made.
    Placed(Box<Placed>),
    /// All its money was taken, and its invoice has this number.
    Paid {
        /// Rising without gaps.
        invoice: u64,
    },
    /// Units have left.
    Fulfilled {
        /// Made by the shop.
        id: FulfillmentId,
        /// Lines and units.
        lines: Vec<(LineId, i64)>,
        /// From where: line, location, units.
        taken: Vec<(LineId, StoreId, i64)>,
        /// How it is followed.
        tracking: Option<Tracking>,
        /// Who let them go.
        by: SmolStr,
    },
    /// What had not left was given up.
    Cancelled {
        /// Who gave it up.
        by: SmolStr,
    },
    /// Units that were paid back can be sold again.
    Restocked {
        /// Lines and units that had not left.
        given_up: Vec<(LineId, i64)>,
        /// Where those lay: line, location, units.
        taken: Vec<(LineId, StoreId, i64)>,
        /// Lines and units that had left.
        back: Vec<(LineId, i64)>,
    },
    /// Money shall go back; its provider is asked after that.
    RefundStarted(Box<RefundStarted>),
    /// A provider has answered, or its answer was lost.
    RefundAnswered {
        /// Which refund.
        id: RefundId,
        /// The part of which payment.
        payment: PaymentId,
        /// What is known from now on.
        state: RefundState,
    },
    /// Units are expected back.
    ReturnRequested {
        /// Made by the shop.
        id: ReturnId,
        /// Lines and units.
        lines: Vec<(LineId, i64)>,
        /// For people.
        reason: SmolStr,
        /// Who asked.
        by: SmolStr,
    },
    /// Units came back.
    ReturnReceived {
        /// Which return.
        id: ReturnId,
        /// Lines and units.
        lines: Vec<(LineId, i64)>,
        /// Who took them.
        by: SmolStr,
    },
    /// They are not expected any more.
    ReturnCancelled {
        /// Which return.
        id: ReturnId,
        /// Who called it off.
        by: SmolStr,
    },
    /// Units shall come back for others; the new order is being paid for.
    ExchangeStarted(Box<ExchangeStarted>),
    /// The new order is paid, and the units are expected back.
    ExchangePlaced {
        /// Which exchange.
        id: ExchangeId,
        /// The new order.
        order: OrderId,
        /// The return.
        back: ReturnId,
    },
    /// The new order was not paid: nothing of the exchange is left.
    ExchangeUndone {
        /// Which exchange.
        id: ExchangeId,
    },
    /// The new order was given up before the units came back: they are not expected any more, and what was paid for them is this
    /// order's again.
    ExchangeCancelled {
        /// Which exchange.
        id: ExchangeId,
    },
    /// Somebody has settled by hand what no provider would say.
    RefundResolved {
        /// Which refund.
        id: RefundId,
        /// What became of its open parts.
        state: RefundState,
        /// Why.
        note: SmolStr,
        /// Who.
        by: SmolStr,
    },
}

impl Event {
    /// Its name, after `order.`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Paid { .. } => "paid",
            Self::Fulfilled { .. } => "fulfilled",
            Self::Cancelled { .. } => "cancelled",
            Self::Restocked { .. } => "restocked",
            Self::RefundStarted(_) => "refund_started",
            Self::RefundAnswered { .. } => "refund_answered",
            Self::ReturnRequested { .. } => "return_requested",
            Self::ReturnReceived { .. } => "return_received",
            Self::ReturnCancelled { .. } => "return_cancelled",
            Self::ExchangeStarted(_) => "exchange_started",
            Self::ExchangePlaced { .. } => "exchange_placed",
            Self::ExchangeUndone { .. } => "exchange_undone",
            Self::ExchangeCancelled { .. } => "exchange_cancelled",
            Self::RefundResolved { .. } => "refund_resolved",
        }
    }
}
