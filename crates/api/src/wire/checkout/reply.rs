//! Checkouts in replies. What is kept of a reply has no person's data and no signature: both are put in when it is sent.

use super::Address;
use super::progress::{Attempt, Failure, Message, Payment, Step, steps};
use crate::wire::schema::{LineId as LineIdText, TextId};
use crate::wire::{Money, Timestamp};
use cartwright_domain::checkout::{self as domain, Contact, Terms};
use cartwright_domain::payment as payments;
use cartwright_domain::{
    CartId, CheckoutId, Currency, OrderId, QuoteId, ReservationId, Sku, StoreId,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Bytes of a rendered checkout without lines, and of one line, rounded up: what is allocated at once.
const CHECKOUT_BYTES: usize = 1600;
const LINE_BYTES: usize = 640;

/// Where a checkout is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutState {
    /// Takes changes.
    Open,
    /// Being paid for.
    Processing,
    /// Waits for the buyer; reserved for 3-D Secure.
    RequiresAction,
    /// Has become an order.
    Completed,
    /// Given up.
    Cancelled,
    /// Nobody went on with it for too long.
    Expired,
    /// Somebody must look.
    NeedsAttention,
}

impl From<domain::State> for CheckoutState {
    fn from(state: domain::State) -> Self {
        match state {
            domain::State::Open => Self::Open,
            domain::State::Processing => Self::Processing,
            domain::State::RequiresAction => Self::RequiresAction,
            domain::State::Completed => Self::Completed,
            domain::State::Cancelled => Self::Cancelled,
            domain::State::Expired => Self::Expired,
            domain::State::NeedsAttention => Self::NeedsAttention,
        }
    }
}

/// What completing a checkout still wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingField {
    /// Where to write to.
    Email,
    /// Where to send it.
    ShippingAddress,
    /// How to send it: nothing is offered in the currency.
    ShippingOption,
}

impl From<domain::Field> for MissingField {
    fn from(field: domain::Field) -> Self {
        match field {
            domain::Field::Email => Self::Email,
            domain::Field::ShippingAddress => Self::ShippingAddress,
            domain::Field::ShippingOption => Self::ShippingOption,
        }
    }
}

/// A way to send it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ShippingOption<'a> {
    /// What it is chosen by.
    id: &'a str,
    /// For people.
    name: &'a str,
    /// What it costs.
    price: Money,
}

/// A line, bindingly priced. `total` = `unit_price` * `quantity` - `discount` + `tax`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "QuoteLine")]
pub struct Line<'a> {
    /// Which line of the cart.
    #[schemars(with = "LineIdText")]
    line_id: String,
    /// What.
    #[schemars(with = "TextId")]
    sku: &'a Sku,
    /// For people.
    name: &'a str,
    /// How many.
    quantity: i64,
    /// The only location it may come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextId>")]
    store: Option<&'a StoreId>,
    /// What one costs.
    unit_price: Money,
    /// What is taken off.
    discount: Money,
    /// What is added.
    tax: Money,
    /// What it comes to.
    total: Money,
}

/// What it comes to: `total` = `subtotal` - `discount` + `shipping` + `tax`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "CheckoutTotals")]
pub struct Totals {
    /// List price of all lines.
    subtotal: Money,
    /// Taken off by promotions.
    discount: Money,
    /// For sending it.
    shipping: Money,
    /// On top of the prices.
    tax: Money,
    /// Whether tax is inside the prices.
    tax_included: bool,
    /// To be paid.
    total: Money,
}

impl Totals {
    /// Totals of a currency.
    pub fn new(totals: &domain::Totals, currency: Currency) -> Self {
        let money = |amount| Money { amount, currency };
        Self {
            subtotal: money(totals.subtotal),
            discount: money(totals.discount),
            shipping: money(totals.shipping),
            tax: money(totals.tax),
            tax_included: totals.tax_included,
            total: money(totals.total),
        }
    }

    /// List price of all lines.
    pub fn subtotal(&self) -> Money {
        self.subtotal
    }

    /// Taken off by promotions.
    pub fn discount(&self) -> Money {
        self.discount
    }

    /// For sending it.
    pub fn shipping(&self) -> Money {
        self.shipping
    }

    /// On top of the prices, or inside.
    pub fn tax(&self) -> Money {
        self.tax
    }

    /// Whether tax is inside the prices.
    pub fn is_tax_included(&self) -> bool {
        self.tax_included
    }

    /// To be paid.
    pub fn total(&self) -> Money {
        self.total
    }
}

/// The hold that lives as long as its quote.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct QuoteHold {
    /// Which reservation.
    #[schemars(with = "String")]
    reservation_id: ReservationId,
    /// When its units are free again.
    expires_at: Timestamp,
}

/// What it costs, bindingly until it expires.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Quote<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: QuoteId,
    /// Of which checkout.
    #[schemars(with = "String")]
    checkout_id: CheckoutId,
    /// In the order of the cart.
    lines: Vec<Line<'a>>,
    /// What they come to.
    totals: Totals,
    /// From this moment on.
    issued_at: Timestamp,
    /// Up to this moment.
    expires_at: Timestamp,
    /// The stock that is held for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<QuoteHold>,
    /// Detached JWS (ES256) over RFC 8785 of the rest of the quote; the keys are at `/.well-known/jwks.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    signature: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Head {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: CheckoutId,
    /// Raised by each change; also its ETag.
    version: u64,
    /// Where it is in its life.
    state: CheckoutState,
    /// What is bought.
    #[schemars(with = "String")]
    cart_id: CartId,
}

/// What is known of a person, and payments as they stand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Person<'a> {
    /// Where to write to.
    email: Option<&'a str>,
    /// Where to send it.
    shipping_address: Option<Address>,
    /// Whom to bill: who gets it, unless somebody else is named.
    billing_address: Option<Address>,
    /// What it was or is to be paid with, oldest first.
    payments: Vec<Payment<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Figures<'a> {
    /// What `complete` still wants.
    missing: Vec<MissingField>,
    /// The cheapest first.
    shipping_options: Vec<ShippingOption<'a>>,
    /// The one that counts: the chosen one, else the cheapest.
    shipping_option: Option<&'a str>,
    /// Whether stock is held as long as a quote lives.
    hold: bool,
    /// In the order of the cart, priced at the last write.
    lines: Vec<Line<'a>>,
    /// What they come to.
    totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Progress<'a> {
    /// Attempts to complete it, oldest first.
    attempts: Vec<Attempt>,
    /// What these attempts did, each step once.
    steps: Vec<Step>,
    /// What the buyer is told.
    messages: Vec<Message<'a>>,
    /// Why the last attempt was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The order it has become.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    /// When it was opened.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When an open one expires unless it is written to.
    expires_at: Timestamp,
}

/// A cart on its way to an order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Checkout<'a> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    person: Person<'a>,
    #[serde(flatten)]
    figures: Figures<'a>,
    /// `null` while something is missing.
    quote: Option<Quote<'a>>,
    #[serde(flatten)]
    progress: Progress<'a>,
}

/// A checkout as JSON, with places left for what is put in when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// JSON.
    pub body: Vec<u8>,
    /// Where [`person`] goes.
    pub person_at: usize,
    /// Where the quote begins, and where its last brace stands.
    pub quote: Option<(usize, usize)>,
}

/// Renders a checkout in a state, without its person's data and its quote's signature.
pub fn render(checkout: &domain::Checkout, state: domain::State) -> Rendered {
    let terms = &checkout.terms;
    let mut body = Vec::with_capacity(CHECKOUT_BYTES + 2 * LINE_BYTES * terms.lines.len());
    let head = Head {
        id: checkout.id,
        version: checkout.version,
        state: state.into(),
        cart_id: checkout.cart_id,
    };
    write(&mut body, &head);
    join(&mut body);
    let person_at = body.len();
    let figures = body.len();
    write(&mut body, &figures_of(terms));
    // Its opening brace is not needed: it goes on where the head ended.
    body.remove(figures);
    join(&mut body);
    body.extend_from_slice(b"\"quote\":");
    let from = body.len();
    write(&mut body, &quote_of(checkout));
    let quote = terms.quote.map(|_| (from, body.len() - 1));
    body.push(b',');
    let rest = body.len();
    write(&mut body, &progress_of(checkout));
    body.remove(rest);
    Rendered {
        body,
        person_at,
        quote,
    }
}

/// The fields of a person and the payments, to go in front of other fields; all `null` when nothing is known of the person, or not any more.
pub fn person(contact: Option<&Contact>, payments: &[Arc<payments::Payment>]) -> Vec<u8> {
    let mut fields = Vec::with_capacity(512);
    write(&mut fields, &person_of(contact, payments));
    fields.remove(0);
    join(&mut fields);
    fields
}

/// Makes an object's end a place for more of its fields.
fn join(object: &mut [u8]) {
    if let Some(last) = object.last_mut() {
        *last = b',';
    }
}

fn write(body: &mut Vec<u8>, part: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(&mut *body, part) {
        tracing::error!(%error, "a checkout could not be written as JSON");
    }
}

fn person_of<'a>(
    contact: Option<&'a Contact>,
    payments: &'a [Arc<payments::Payment>],
) -> Person<'a> {
    let contact = contact.filter(|contact| !contact.is_empty());
    Person {
        email: contact.and_then(|it| it.email.as_ref().map(domain::Email::as_str)),
        shipping_address: contact.and_then(|it| it.shipping_address.as_deref().map(Into::into)),
        billing_address: contact.and_then(|it| it.billed_to().map(|address| (&**address).into())),
        payments: payments.iter().map(|it| Payment::of(it)).collect(),
    }
}

fn figures_of(terms: &Terms) -> Figures<'_> {
    let options = terms.shipping_options.iter().map(|option| ShippingOption {
        id: &option.id,
        name: &option.name,
        price: Money {
            amount: option.price,
            currency: terms.currency,
        },
    });
    Figures {
        missing: terms.missing.iter().map(|field| (*field).into()).collect(),
        shipping_options: options.collect(),
        shipping_option: terms.shipping_option.as_deref(),
        hold: terms.hold,
        lines: lines_of(terms),
        totals: Totals::new(&terms.totals, terms.currency),
    }
}

fn lines_of(terms: &Terms) -> Vec<Line<'_>> {
    let money = |amount| Money {
        amount,
        currency: terms.currency,
    };
    let lines = terms.lines.iter().map(|line| Line {
        line_id: line.id.to_string(),
        sku: &line.sku,
        name: &line.name,
        quantity: line.quantity,
        store: line.store.as_ref(),
        unit_price: money(line.unit_price),
        discount: money(line.discount),
        tax: money(line.tax),
        total: money(line.total),
    });
    lines.collect()
}

fn quote_of(checkout: &domain::Checkout) -> Option<Quote<'_>> {
    let terms = &checkout.terms;
    let quote = terms.quote.as_ref()?;
    let expires_at = Timestamp(quote.expires_at);
    Some(Quote {
        id: quote.id,
        checkout_id: checkout.id,
        lines: lines_of(terms),
        totals: Totals::new(&terms.totals, terms.currency),
        issued_at: Timestamp(quote.issued_at),
        expires_at,
        hold: quote.reservation_id.map(|reservation_id| QuoteHold {
            reservation_id,
            expires_at,
        }),
        signature: None,
    })
}

fn progress_of(checkout: &domain::Checkout) -> Progress<'_> {
    let last = checkout.attempt();
    Progress {
        attempts: checkout.attempts.iter().map(Attempt::of).collect(),
        steps: steps(checkout),
        messages: checkout.messages.iter().map(Message::of).collect(),
        failure: last.and_then(|it| it.failure).map(Failure::of),
        order_id: last
            .filter(|it| it.state != domain::AttemptState::Undone)
            .and_then(|it| it.order),
        created_at: Timestamp(checkout.created_at),
        updated_at: Timestamp(checkout.updated_at),
        expires_at: Timestamp(checkout.terms.expires_at),
    }
}

#[cfg(test)]
mod tests;
