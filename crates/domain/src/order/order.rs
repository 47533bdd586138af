//! The order, what happens to it, and its state after that.

use crate::cart::LineId;
use crate::checkout::Totals;
use crate::entity::Entity;
use crate::{
    CartId, CheckoutId, ContactId, Country, Currency, FulfillmentId, OrderId, PaymentId,
    ReservationId, Sku, StoreId, Time,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

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

impl State {
    /// All states with their spelling.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Placed, "placed"),
        (Self::Completed, "completed"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// From its spelling.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state)
    }
}

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

/// Where units of a line lie until they leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// At which location.
    pub store: StoreId,
    /// How many are still allocated there.
    pub units: i64,
}

/// A line of an order. Amounts are in minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which line of the cart it was.
    pub id: LineId,
    /// What.
    pub sku: Sku,
    /// For people.
    pub name: SmolStr,
    /// How many were bought.
    pub quantity: i64,
    /// What one cost.
    pub unit_price: i64,
    /// What was taken off.
    pub discount: i64,
    /// What was added, or is inside.
    pub tax: i64,
    /// What it came to.
    pub total: i64,
    /// Where its units lie that are not fulfilled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// How many have left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fulfilled: i64,
    /// How many of those came back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: i64,
    /// How many were paid back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refunded: i64,
    /// How many were given up before they left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: i64,
}

impl Line {
    /// How many units have neither left nor been given up.
    pub fn open(&self) -> i64 {
        self.quantity - self.fulfilled - self.cancelled
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// How a parcel is followed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tracking {
    /// Who carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<SmolStr>,
    /// Its number there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<SmolStr>,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SmolStr>,
}

/// Units that left together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// Made by the shop.
    pub id: FulfillmentId,
    /// Which lines, and how many units of each.
    pub lines: Vec<(LineId, i64)>,
    /// How it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// When.
    pub at: Time,
}

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
}

/// A thing that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Time,
    /// What: the event's name after `order.`.
    pub kind: SmolStr,
}

/// What was sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Made by the shop.
    pub id: OrderId,
    /// Raised by each change.
    pub version: u64,
    /// Where it is in its life.
    pub state: State,
    /// Rising, without meaning.
    pub number: u64,
    /// Which checkout made it.
    pub checkout: CheckoutId,
    /// By which of its attempts.
    pub attempt: u32,
    /// Which cart it was.
    pub cart: CartId,
    /// Whose it is, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<SmolStr>,
    /// Under which id the person's data stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// Where it goes.
    pub country: Country,
    /// What it was paid in.
    pub currency: Currency,
    /// What was bought, in the order of the cart.
    pub lines: Vec<Line>,
    /// What it came to.
    pub totals: Totals,
    /// What it is paid with, in the order in which they were asked.
    pub payments: Vec<PaymentId>,
    /// The hold that became its own.
    pub reservation: ReservationId,
    /// Whether all its money was taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_paid: bool,
    /// Its invoice's number, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<u64>,
    /// What has left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillments: Vec<Fulfillment>,
    /// What happened to it, oldest first.
    pub history: Vec<Happened>,
    /// When it was placed.
    pub placed_at: Time,
    /// When it last changed.
    pub updated_at: Time,
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
    },
    /// What had not left was given up.
    Cancelled,
}

impl Event {
    /// Its name, after `order.`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Paid { .. } => "paid",
            Self::Fulfilled { .. } => "fulfilled",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Entity for Order {
    type Key = OrderId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &OrderId, event: &Event, at: Time) {
        if let Event::Placed(placed) = event {
            *state = Some(Arc::new(Self::begun(*key, placed, at)));
            return;
        }
        let Some(order) = state.as_mut().map(Arc::make_mut) else {
            return;
        };
        order.version += 1;
        order.updated_at = at;
        order.history.push(Happened {
            at,
            kind: SmolStr::new_static(event.name()),
        });
        match event {
            Event::Placed(_) => {}
            Event::Paid { invoice } => {
                order.is_paid = true;
                order.invoice = Some(*invoice);
            }
            Event::Fulfilled {
                id,
                lines,
                taken,
                tracking,
            } => {
                order.leave(lines, taken);
                order.fulfillments.push(Fulfillment {
                    id: *id,
                    lines: lines.clone(),
                    tracking: tracking.clone(),
                    at,
                });
            }
            Event::Cancelled => order.give_up(),
        }
        if order.state == State::Placed && order.is_paid && order.is_fulfilled() {
            order.state = State::Completed;
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Order {
    fn begun(id: OrderId, placed: &Placed, at: Time) -> Self {
        Self {
            id,
            version: 1,
            state: State::Placed,
            number: placed.number,
            checkout: placed.checkout,
            attempt: placed.attempt,
            cart: placed.cart,
            customer: placed.customer.clone(),
            contact: placed.contact,
            country: placed.country,
            currency: placed.currency,
            lines: placed.lines.clone(),
            totals: placed.totals,
            payments: placed.payments.clone(),
            reservation: placed.reservation,
            is_paid: false,
            invoice: None,
            fulfillments: Vec::new(),
            history: vec![Happened {
                at,
                kind: SmolStr::new_static("placed"),
            }],
            placed_at: at,
            updated_at: at,
        }
    }

    fn leave(&mut self, lines: &[(LineId, i64)], taken: &[(LineId, StoreId, i64)]) {
        for (id, units) in lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == *id) {
                line.fulfilled += units;
            }
        }
        for (id, store, units) in taken {
            let line = self.lines.iter_mut().find(|line| line.id == *id);
            let source =
                line.and_then(|line| line.sources.iter_mut().find(|it| it.store == *store));
            if let Some(source) = source {
                source.units -= units;
            }
        }
    }

    fn give_up(&mut self) {
        for line in &mut self.lines {
            line.cancelled += line.open();
            line.sources.clear();
        }
        self.state = if self.lines.iter().any(|line| line.fulfilled > 0) {
            State::Completed
        } else {
            State::Cancelled
        };
    }

    fn is_fulfilled(&self) -> bool {
        self.lines.iter().all(|line| line.open() == 0)
    }

    /// How much of it has left.
    pub fn fulfillment_state(&self) -> FulfillmentState {
        if self.lines.iter().all(|line| line.fulfilled == 0) {
            FulfillmentState::None
        } else if self.is_fulfilled() {
            FulfillmentState::Fulfilled
        } else {
            FulfillmentState::Partial
        }
    }

    /// A line by its id.
    pub fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }
}
