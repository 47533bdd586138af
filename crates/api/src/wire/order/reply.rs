//! Orders in replies. What is kept of a reply has no person's data and no payments: both are put in when it is sent.

use super::exchange::Exchange;
use super::refund::Refund;
use super::returns::{Return, Units, units};
use crate::wire::checkout::{Person, Totals};
use crate::wire::schema::{LineId as LineIdText, TextId};
use crate::wire::{Money, Timestamp};
use cartwright_app::orders::DocumentKind;
use cartwright_domain::order::{self as domain, ExchangeState, FulfillmentState, State};
use cartwright_domain::{CartId, CheckoutId, Currency, FulfillmentId, OrderId, Sku};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Head<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: OrderId,
    /// Raised by each change; also its ETag.
    version: u64,
    /// Unique and rising. It opens nothing by itself.
    number: u64,
    /// `placed`, `completed` or `cancelled`.
    state: &'static str,
    /// `none`, `partial` or `fulfilled`.
    fulfillment_state: &'static str,
    /// The checkout that made it.
    #[schemars(with = "String")]
    checkout_id: CheckoutId,
    /// The cart it was.
    #[schemars(with = "String")]
    cart_id: CartId,
    /// Whose it is, when that is known.
    customer_id: Option<&'a str>,
    /// What it was paid in.
    #[schemars(with = "String")]
    currency: Currency,
    /// The order whose units come back for this one.
    #[schemars(with = "Option<String>")]
    exchange_of: Option<OrderId>,
}

/// What became of the money.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Paid {
    /// `authorized`, `captured`, `partially_refunded`, `refunded` or `voided`.
    payment_state: &'static str,
}

/// A line. `total` is what all its units came to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OrderLine")]
struct Line<'a> {
    /// Which line of the cart it was.
    #[schemars(with = "LineIdText")]
    line_id: String,
    /// What.
    #[schemars(with = "TextId")]
    sku: &'a Sku,
    /// For people.
    name: &'a str,
    /// How many were bought.
    quantity: i64,
    /// What one cost.
    unit_price: Money,
    /// What was taken off.
    discount: Money,
    /// What was added, or is inside.
    tax: Money,
    /// What it came to.
    total: Money,
    /// How many have left.
    fulfilled: i64,
    /// How many of those came back.
    returned: i64,
    /// How many are or will be paid back.
    refunded: i64,
    /// How many were given up before they left.
    cancelled: i64,
}

/// How a parcel is followed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OrderTracking")]
struct Tracking<'a> {
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    /// Its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    /// Where to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// Units that left together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Fulfillment")]
struct Fulfillment<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: FulfillmentId,
    /// Which units.
    lines: Vec<Units>,
    /// How they are followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<Tracking<'a>>,
    /// When.
    at: Timestamp,
}

/// A thing that happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OrderHistoryEntry")]
struct Happened<'a> {
    /// From 1: the order's version after it.
    seq: u64,
    /// When.
    at: Timestamp,
    /// What: `placed`, `paid`, `fulfilled`, `cancelled`, `restocked`, `refund_started`, `refund_unknown`, `refund_succeeded`,
    /// `refund_failed`, `refund_resolved`, `return_requested`, `return_received`, `return_cancelled`, `exchange_started`,
    /// `exchange_placed`, `exchange_undone` or `exchange_cancelled`.
    r#type: &'a str,
    /// Who did it: a key, a customer, a cart; `shop` for what it does by itself.
    actor: &'a str,
    /// What it was about.
    data: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Tail<'a> {
    /// In the order of the cart.
    lines: Vec<Line<'a>>,
    /// What they came to.
    totals: Totals,
    /// What has left, oldest first.
    fulfillments: Vec<Fulfillment<'a>>,
    /// What came or comes back, oldest first.
    returns: Vec<Return<'a>>,
    /// Money that went or goes back, oldest first.
    refunds: Vec<Refund<'a>>,
    /// Units that come or came back for others, oldest first.
    exchanges: Vec<Exchange>,
    /// Numbers of its invoices.
    invoices: Vec<String>,
    /// What happened to it, oldest first.
    history: Vec<Happened<'a>>,
    /// When it was placed.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// What was sold, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Order<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    person: Person<'a>,
    #[serde(flatten)]
    money: Paid,
    #[serde(flatten)]
    tail: Tail<'a>,
}

/// An order as JSON, with a place left for what is put in when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// JSON.
    pub body: Vec<u8>,
    /// Where the person's fields, the payments and what became of the money go.
    pub person_at: usize,
}

/// Renders an order without its person's data and its payments.
pub fn render(order: &domain::Order) -> Rendered {
    let head = Head {
        id: order.id,
        version: order.version,
        number: order.number,
        state: order.state.as_str(),
        fulfillment_state: fulfillment_state(order),
        checkout_id: order.checkout,
        cart_id: order.cart,
        customer_id: order.customer.as_deref(),
        currency: order.currency,
        exchange_of: order.exchange_of,
    };
    let mut body = crate::http::to_json(&head).to_vec();
    if let Some(last) = body.last_mut() {
        *last = b',';
    }
    let person_at = body.len();
    body.extend_from_slice(&crate::http::to_json(&tail(order))[1..]);
    Rendered { body, person_at }
}

/// An order of which nothing was or will be sent has nothing fulfilled.
fn fulfillment_state(order: &domain::Order) -> &'static str {
    if order.state == State::Cancelled {
        return FulfillmentState::None.as_str();
    }
    order.fulfillment_state().as_str()
}

fn tail(order: &domain::Order) -> Tail<'_> {
    let invoice = order
        .invoice
        .map(|number| DocumentKind::Invoice.numbered(number).to_string());
    let fulfillments = order.fulfillments.iter().map(|it| Fulfillment {
        id: it.id,
        lines: units(&it.lines),
        tracking: it.tracking.as_ref().map(|it| Tracking {
            carrier: it.carrier.as_deref(),
            number: it.number.as_deref(),
            url: it.url.as_deref(),
        }),
        at: Timestamp(it.at),
    });
    Tail {
        lines: order
            .lines
            .iter()
            .map(|line| line_of(order, line))
            .collect(),
        totals: Totals::new(&order.totals, order.currency),
        fulfillments: fulfillments.collect(),
        returns: order
            .returns
            .iter()
            .map(|it| Return::of(order, it))
            .collect(),
        refunds: order
            .refunds
            .iter()
            .map(|it| Refund::of(order, it))
            .collect(),
        exchanges: order
            .exchanges
            .iter()
            .filter(|it| it.state != ExchangeState::Undone)
            .map(|it| Exchange::of(order, it))
            .collect(),
        invoices: invoice.into_iter().collect(),
        history: (1..)
            .zip(&order.history)
            .map(|(seq, it)| happened(order, seq, it))
            .collect(),
        created_at: Timestamp(order.placed_at),
        updated_at: Timestamp(order.updated_at),
    }
}

fn line_of<'a>(order: &domain::Order, line: &'a domain::Line) -> Line<'a> {
    let money = |amount| Money {
        amount,
        currency: order.currency,
    };
    Line {
        line_id: line.id.to_string(),
        sku: &line.sku,
        name: &line.name,
        quantity: line.quantity,
        unit_price: money(line.unit_price),
        discount: money(line.discount),
        tax: money(line.tax),
        total: money(line.total),
        fulfilled: line.fulfilled,
        returned: line.returned,
        refunded: line.refunded,
        cancelled: line.cancelled,
    }
}

fn happened<'a>(order: &domain::Order, seq: u64, it: &'a domain::Happened) -> Happened<'a> {
    let mut data = Map::new();
    match (it.kind.as_str(), &it.about) {
        ("placed", _) => {
            data.insert("number".into(), json!(order.number));
        }
        ("paid", _) => {
            let number = order
                .invoice
                .map(|number| DocumentKind::Invoice.numbered(number).to_string());
            data.insert("invoice".into(), json!(number));
        }
        ("fulfilled", Some(id)) => {
            data.insert("fulfillment_id".into(), json!(id));
        }
        (kind, Some(id)) if kind.starts_with("exchange") => {
            data.insert("exchange_id".into(), json!(id));
        }
        (kind, Some(id)) if kind.starts_with("refund") => {
            data.insert("refund_id".into(), json!(id));
        }
        (_, Some(id)) => {
            data.insert("return_id".into(), json!(id));
        }
        (_, None) => {}
    }
    Happened {
        seq,
        at: Timestamp(it.at),
        r#type: &it.kind,
        actor: it.by.as_deref().unwrap_or("shop"),
        data,
    }
}
