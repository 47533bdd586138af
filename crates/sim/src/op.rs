//! What clients ask and are told, as it travels.

use cartwright_app::nouns::{Key, Record};
use cartwright_domain::cart::LineId;
use cartwright_domain::inventory::{Ending, LevelKey};
use cartwright_domain::order::To;
use cartwright_domain::payment::Method;
use cartwright_domain::{
    CartId, CheckoutId, OrderId, QuoteId, Refusal, ReservationId, ReturnId, Sku,
};
use smol_str::SmolStr;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    CreateCart {
        id: CartId,
        customer: Option<SmolStr>,
    },
    AddLine {
        cart: CartId,
        sku: Sku,
        quantity: i64,
    },
    Open {
        cart: CartId,
        number: u128,
        hold: bool,
    },
    Complete {
        checkout: CheckoutId,
        quote: QuoteId,
        parts: Vec<(Method, String, Option<i64>)>,
    },
    GiveUp {
        checkout: CheckoutId,
    },
    Look {
        key: Key,
    },
    Reserve {
        level: LevelKey,
        quantity: i64,
        ttl_seconds: i64,
    },
    Settle {
        id: ReservationId,
        ending: Ending,
    },
    Extend {
        id: ReservationId,
    },
    Adjust {
        level: LevelKey,
        delta: i64,
    },
    CancelOrder {
        order: OrderId,
    },
    Fulfill {
        order: OrderId,
        line: LineId,
        quantity: i64,
    },
    Refund {
        order: OrderId,
        amount: i64,
        to: To,
    },
    SendBack {
        order: OrderId,
        id: ReturnId,
        line: LineId,
        quantity: i64,
    },
    Receive {
        order: OrderId,
        id: ReturnId,
        refund: bool,
    },
    Exchange {
        order: OrderId,
        number: u128,
        back: (LineId, i64),
        new: (Sku, i64),
        to: To,
    },
    Credit {
        customer: SmolStr,
        amount: i64,
    },
}

/// What a client is told.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// It was done, and this is what it is about as it stands now.
    Done(Option<Record>),
    /// A completion is still under way.
    Running,
    /// The business says no, for good.
    Refused(Refusal),
    /// Not now; whether it was done nobody knows.
    Failed,
}

/// A request under its idempotency key.
pub(crate) struct Ask {
    /// Whose it is.
    pub(crate) who: SmolStr,
    /// The same for each try.
    pub(crate) key: u64,
    pub(crate) op: Op,
    /// Hears the answer, if it does not get lost.
    pub(crate) tell: Box<dyn FnOnce(Said) + Send>,
}
