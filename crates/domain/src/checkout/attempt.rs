//! An attempt at completing a checkout: what it does, step by step, and how it ended.

use crate::payment::Decline;
use crate::words::words;
use crate::{ExchangeId, OrderId, PaymentId, QuoteId, ReservationId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The steps of an attempt, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Stock is held.
    Reserve,
    /// Money is held.
    Authorize,
    /// The order is made, what was held becomes its own, and the cart is closed.
    Order,
    /// Money is taken.
    Capture,
    /// Everybody who must know is told.
    Notify,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum StepState {
    Running,
    /// The answer of somebody outside was lost.
    Unknown,
    Done,
    Failed,
    Undoing,
    Undone,
}

/// How an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Not ended yet.
    Running,
    /// There is an order, and it is paid.
    Succeeded,
    /// Nothing of it is left.
    Undone,
}

/// Why an attempt is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// A part was not paid.
    PaymentDeclined,
    /// The buyer gave up.
    Cancelled,
    /// Money that was held could not be taken.
    CaptureRefused,
}

words!(Step {
    Reserve = "reserve",
    Authorize = "authorize",
    Order = "order",
    Capture = "capture",
    Notify = "notify"
});
words!(StepState {
    Running = "running",
    Unknown = "unknown",
    Done = "done",
    Failed = "failed",
    Undoing = "undoing",
    Undone = "undone"
});
words!(AttemptState {
    Running = "running",
    Succeeded = "succeeded",
    Undone = "undone"
});
words!(FailureCode {
    PaymentDeclined = "payment_declined",
    Cancelled = "cancelled",
    CaptureRefused = "capture_refused"
});

/// Why an attempt is undone, for the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub code: FailureCode,
    /// Why a payment was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Decline>,
}

/// Which exchange an attempt pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeOf {
    /// The order whose units come back.
    pub order: OrderId,
    /// Which of its exchanges.
    pub exchange: ExchangeId,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub n: u32,
    /// How it stands.
    pub state: AttemptState,
    /// What is charged.
    pub quote: QuoteId,
    /// Hash of what was asked: the quote and how it is paid.
    pub body: SmolStr,
    /// Hashes of the idempotency keys that it answers to; the first one began it.
    pub keys: Vec<SmolStr>,
    /// The stock that it holds.
    pub reservation: ReservationId,
    /// How it is paid, in the order in which it is asked for. Empty when there is nothing to pay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<PaymentId>,
    /// The exchange that it pays for; `None` for a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_of: Option<ExchangeOf>,
    /// The order it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// When it began.
    pub started_at: Time,
    /// From this moment on no order is made any more.
    pub order_by: Time,
    /// Set as soon as it is to be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Whether the buyer wants the whole checkout given up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
}

/// Changes of a checkout that it remembers.
pub const REMEMBERED: usize = 256;

/// One change of a checkout, as those are told who watch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The checkout's version with it.
    #[serde(rename = "v")]
    pub version: u64,
    /// When.
    #[serde(rename = "t")]
    pub at: Time,
    /// The checkout's state with it.
    #[serde(rename = "s")]
    pub state: super::State,
    /// Of which attempt; 0 before the first.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Which step stands how since.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<(Step, StepState)>,
    /// How often somebody outside was asked in vain for that step.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub tries: u32,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Something the buyer is told while it takes longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// A stable word: `rerouted`, `parked`.
    pub code: SmolStr,
    /// For people.
    pub detail: SmolStr,
    /// When.
    pub at: Time,
}
