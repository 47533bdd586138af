//! Carts in replies. They borrow from the domain, so that rendering copies nothing.

use crate::wire::schema::{
    AnyObject, CartChange, CountryCode, CurrencyCode, LineId as LineIdText, TextId,
};
use crate::wire::{Money, Timestamp};
use cartwright_domain::cart::{
    self as domain, About, Change, LineId, Metadata, PricedCart, PricedLine, State,
};
use cartwright_domain::{CartId, Country, Currency, ProductId, Sku, StoreId, Time};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

/// Bytes of a rendered cart without lines, and of one line, rounded up: what is allocated at once.
const CART_BYTES: usize = 640;
const LINE_BYTES: usize = 320;

/// Where a cart is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartState {
    /// Takes changes.
    Open,
    /// Being paid for.
    CheckingOut,
    /// Has become an order.
    Ordered,
    /// Its lines went into another cart.
    Merged,
    /// Nobody wrote to it for too long.
    Expired,
}

impl From<State> for CartState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::CheckingOut => Self::CheckingOut,
            State::Ordered => Self::Ordered,
            State::Merged => Self::Merged,
            State::Expired => Self::Expired,
        }
    }
}

fn spell<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A line at today's price.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line<'a> {
    /// Within its cart; never used again.
    #[serde(serialize_with = "spell")]
    #[schemars(with = "LineIdText")]
    id: LineId,
    /// What is wanted.
    #[schemars(with = "TextId")]
    sku: &'a Sku,
    /// The product it belongs to; `null` for a SKU that the catalogue does not know.
    #[schemars(with = "Option<TextId>")]
    product_id: Option<&'a ProductId>,
    /// For people.
    name: &'a str,
    /// How many.
    quantity: i64,
    /// Today's price of one; `null` when there is none.
    unit_price: Option<Money>,
    /// Price times quantity; `null` when it is no part of the totals.
    total: Option<Money>,
    /// The only location it may come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextId>")]
    store: Option<&'a StoreId>,
    /// What the buyer wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// What the client hung on it.
    #[schemars(with = "AnyObject")]
    metadata: &'a Metadata,
    /// What differs from the line's last write, or stands in the way of buying it; absent when nothing does.
    #[serde(skip_serializing_if = "<[Change]>::is_empty")]
    #[schemars(with = "Option<Vec<CartChange>>")]
    changes: &'a [Change],
}

/// What it comes to: `total` = `subtotal` - `discount` + `shipping` + `tax`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Totals {
    /// The sum of the lines.
    subtotal: Money,
    /// Taken off by promotions.
    discount: Money,
    /// For sending it.
    shipping: Money,
    /// On top of the prices.
    tax: Money,
    /// To be paid.
    total: Money,
}

impl From<domain::Totals> for Totals {
    fn from(totals: domain::Totals) -> Self {
        Self {
            subtotal: totals.subtotal.into(),
            discount: totals.discount.into(),
            shipping: totals.shipping.into(),
            tax: totals.tax.into(),
            total: totals.total.into(),
        }
    }
}

/// A cart at today's prices.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cart<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: CartId,
    /// Raised by each change; also its ETag.
    version: u64,
    /// Where it is in its life.
    state: CartState,
    /// What its prices are in.
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// Where it is bought from.
    #[schemars(with = "CountryCode")]
    country: Country,
    /// Whose it is, when that is known.
    customer_id: Option<&'a str>,
    /// In the order in which they were added.
    lines: Vec<Line<'a>>,
    /// What it comes to, of all lines.
    totals: Totals,
    /// Coupon codes.
    #[schemars(with = "Vec<String>")]
    coupons: &'a [SmolStr],
    /// What the client hung on it.
    #[schemars(with = "AnyObject")]
    metadata: &'a Metadata,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it expires unless it is written to.
    expires_at: Timestamp,
    /// The cart that its lines went into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    merged_into: Option<CartId>,
    /// Only when lines are paged: where the next page begins; `null`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    next_cursor: Option<Option<String>>,
    /// The secret that opens it: send it as `Cart-Token`. Shown by its creation and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    token: Option<&'static str>,
}

impl<'a> Cart<'a> {
    /// A cart and its figures, with all lines.
    pub fn new(cart: &'a domain::Cart, priced: &'a PricedCart, state: State) -> Self {
        Self {
            id: cart.id,
            version: cart.version,
            state: state.into(),
            currency: cart.currency,
            country: cart.country,
            customer_id: cart.customer_id.as_deref(),
            lines: cart
                .lines
                .iter()
                .zip(&priced.lines)
                .map(|(line, priced)| shown(line, priced))
                .collect(),
            totals: priced.totals.into(),
            coupons: &cart.coupons,
            metadata: &cart.metadata,
            created_at: Timestamp(cart.created_at),
            updated_at: Timestamp(cart.updated_at),
            expires_at: Timestamp(cart.expires_at),
            merged_into: cart.merged_into,
            next_cursor: None,
            token: None,
        }
    }

    /// Only the lines after one (`None`: from the first), so many of them. Returns the last of them when more follow.
    #[must_use]
    pub fn page(mut self, after: Option<LineId>, limit: usize) -> (Self, Option<LineId>) {
        let start = self
            .lines
            .partition_point(|line| after.is_some_and(|after| line.id <= after));
        self.lines.drain(..start);
        let more = self.lines.len() > limit;
        self.lines.truncate(limit);
        let last = self.lines.last().filter(|_| more).map(|line| line.id);
        (self, last)
    }

    /// With the cursor of the next page at the top.
    #[must_use]
    pub fn next(self, cursor: Option<String>) -> Self {
        Self {
            next_cursor: Some(cursor),
            ..self
        }
    }

    /// With an empty place for the token, which is two bytes before the end.
    #[must_use]
    pub fn with_token_place(self) -> Self {
        Self {
            token: Some(""),
            ..self
        }
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CART_BYTES + LINE_BYTES * self.lines.len());
        match serde_json::to_writer(&mut bytes, self) {
            Ok(()) => bytes,
            Err(error) => {
                tracing::error!(%error, "a cart could not be written as JSON");
                b"null".to_vec()
            }
        }
    }
}

fn shown<'a>(line: &'a domain::Line, priced: &'a PricedLine) -> Line<'a> {
    Line {
        id: line.id,
        sku: &line.sku,
        product_id: line.product_id.as_ref(),
        name: &line.name,
        quantity: line.quantity,
        unit_price: priced.unit_price.map(Into::into),
        total: priced.total.map(Into::into),
        store: line.store.as_ref(),
        note: line.note.as_deref(),
        metadata: &line.metadata,
        changes: &priced.changes,
    }
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The sum of the lines, or one line's part of it.
    Subtotal,
    /// What promotions take off.
    Discount,
    /// What sending costs.
    Shipping,
    /// Tax on top.
    Tax,
    /// What is to be paid.
    Total,
    /// Whether a line can be had.
    Availability,
}

impl From<About> for Subject {
    fn from(about: About) -> Self {
        match about {
            About::Subtotal => Self::Subtotal,
            About::Discount => Self::Discount,
            About::Shipping => Self::Shipping,
            About::Tax => Self::Tax,
            About::Total => Self::Total,
            About::Availability => Self::Availability,
        }
    }
}

/// One link of the chain that led to a figure.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Reason<'a> {
    /// Which figure.
    about: Subject,
    /// The name of the rule.
    rule: &'static str,
    /// The line whose part of the figure this is; `null`: the figure itself.
    #[schemars(with = "Option<LineIdText>")]
    line_id: Option<String>,
    /// How the rule came to it.
    detail: &'a str,
    /// What the rule contributed.
    amount: Option<Money>,
}

/// The rules behind each total and each line's availability, in the order in which they applied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CartExplanation<'a> {
    /// Which cart.
    #[schemars(with = "String")]
    id: CartId,
    /// Of this version.
    version: u64,
    /// The figures.
    totals: Totals,
    /// What led to them.
    reasons: Vec<Reason<'a>>,
}

impl<'a> CartExplanation<'a> {
    /// The reasons for a cart's figures.
    pub fn new(cart: &domain::Cart, explanation: &'a domain::Explanation) -> Self {
        let reason = |reason: &'a domain::Reason| Reason {
            about: reason.about.into(),
            rule: reason.rule,
            line_id: reason.line.map(|line| line.to_string()),
            detail: &reason.detail,
            amount: reason.amount.map(Into::into),
        };
        Self {
            id: cart.id,
            version: cart.version,
            totals: explanation.priced.totals.into(),
            reasons: explanation.reasons.iter().map(reason).collect(),
        }
    }
}

/// Until when a rendered cart shows the right state, as long as its version stays.
pub fn shows_until(cart: &domain::Cart, now: Time) -> Time {
    match cart.state_at(now) {
        State::Open => cart.expires_at,
        State::CheckingOut | State::Ordered | State::Merged | State::Expired => Time(i64::MAX),
    }
}
