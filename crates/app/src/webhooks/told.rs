//! What the world is told of an entry of the log: a stable name and data without persons.
//!
//! A message is made of the entry and of what never changes about its thing, so that it is the same whenever it is made again.

use crate::consumers::Seen;
use crate::events;
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::shop::Shop;
use cartwright_domain::cart::LineId;
use cartwright_domain::checkout::{Checkout, Event as CheckoutEvent, SagaEvent, State, Totals};
use cartwright_domain::order::{Event as OrderEvent, Order};
use cartwright_domain::webhook::WebhookEndpoint;
use cartwright_domain::{CheckoutId, Currency, EventId, Money, OrderId};
use cartwright_proto::events as proto;
use prost::Message;
use serde_json::{Value, json};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::sync::Arc;

/// Every name there is.
pub const NAMES: &[&str] = &[
    "checkout.opened",
    "checkout.processing",
    "checkout.failed",
    "checkout.completed",
    "checkout.cancelled",
    "checkout.expired",
    "checkout.needs_attention",
    "order.placed",
    "order.paid",
    COMPLETED,
    "order.cancelled",
    "fulfillment.created",
    "refund.created",
    "refund.updated",
    "return.requested",
    "return.received",
    "return.cancelled",
    "exchange.created",
    "exchange.cancelled",
    "stock.low",
    "stock.out",
    "stock.back",
    "stock.shortage",
];

/// The last units of an order have left, which the entry of their fulfillment tells too.
const COMPLETED: &str = "order.completed";

/// Whether somebody can ask for this: `*`, a name, or a noun like `order.*`.
pub fn is_filter(text: &str) -> bool {
    let is_noun = || {
        let noun = text.strip_suffix('*').filter(|noun| noun.ends_with('.'));
        noun.is_some_and(|noun| NAMES.iter().any(|name| name.starts_with(noun)))
    };
    text == "*" || NAMES.contains(&text) || is_noun()
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) id: SmolStr,
    pub(super) name: &'static str,
    pub(super) data: Value,
}

impl Told {
    /// What is sent.
    pub(super) fn body(&self, seen: &Seen<'_>) -> Vec<u8> {
        let at = seen.time.to_string();
        let body = json!({"id": self.id, "type": self.name, "at": at, "data": self.data});
        body.to_string().into_bytes()
    }
}

/// Whether an entry may be told of at all: most are not, and need no look.
fn is_of_interest(kind: &str) -> bool {
    const NOUNS: [&str; 3] = ["order.", "checkout.", "stock."];
    NOUNS.iter().any(|noun| kind.starts_with(noun))
}

/// What an entry tells an endpoint, in order. Nothing is read for what it does not hear of.
///
/// Errors: [`Fault::Corrupt`] for an entry that cannot be understood, others when the store cannot be read.
pub(super) async fn of(
    shop: &Shop,
    endpoint: &WebhookEndpoint,
    seen: &Seen<'_>,
) -> Result<Vec<Told>, Fault> {
    let entry = seen.entry;
    if !is_of_interest(&entry.r#type) {
        return Ok(Vec::new());
    }
    let id = EventId::from_slice(&entry.event_id)
        .ok_or_else(|| Fault::corrupt("an entry has no event id"))?;
    let told = |name: &'static str, data: Value| Told {
        id: id.to_smolstr(),
        name,
        data,
    };
    if entry.r#type.starts_with("stock.") {
        let told = stock(entry, told)?;
        return Ok(match endpoint.hears(told.name) {
            true => vec![told],
            false => Vec::new(),
        });
    }
    match events::decode(entry)? {
        Some(Event::Checkout(id, event)) => {
            let name = checkout_name(&event).filter(|name| endpoint.hears(name));
            let Some(name) = name else {
                return Ok(Vec::new());
            };
            let checkout = checkout(shop, id).await?;
            Ok(vec![told(name, checkout_data(&checkout, name))])
        }
        Some(Event::Order(of, event)) => {
            let may_complete =
                matches!(event, OrderEvent::Fulfilled { .. }) && endpoint.hears(COMPLETED);
            let name = order_name(&event).filter(|name| may_complete || endpoint.hears(name));
            let Some(name) = name else {
                return Ok(Vec::new());
            };
            let order = order(shop, of).await?;
            let mut all = vec![told(name, order_data(&order, &event))];
            if completes(&order, &event) {
                let mut last = told(COMPLETED, order_data(&order, &event));
                last.id = format_smolstr!("{id}.completed");
                last.data["state"] = json!("completed");
                all.push(last);
            }
            all.retain(|it| endpoint.hears(it.name));
            Ok(all)
        }
        _ => Ok(Vec::new()),
    }
}

fn stock(entry: &proto::Entry, told: impl Fn(&'static str, Value) -> Told) -> Result<Told, Fault> {
    let notice = proto::StockNotice::decode(entry.payload.as_slice()).map_err(Fault::corrupt)?;
    let name = NAMES.iter().find(|name| **name == entry.r#type);
    let name = name.ok_or_else(|| Fault::Corrupt(format!("unknown type {}", entry.r#type)))?;
    let Some(Key::Level(level)) = events::key_of(&entry.stream) else {
        return Err(Fault::Corrupt(format!("{} is no level", entry.stream)));
    };
    let data = json!({
        "sku": level.sku, "store": level.store, "available": notice.available, "on_hand": notice.on_hand,
    });
    Ok(told(name, data))
}

async fn checkout(shop: &Shop, id: CheckoutId) -> Result<Arc<Checkout>, Fault> {
    match shop.find(&Key::Checkout(id)).await? {
        Some(Record::Checkout(it)) => Ok(it),
        _ => Err(Fault::Corrupt(format!("there is no checkout {id}"))),
    }
}

async fn order(shop: &Shop, id: OrderId) -> Result<Arc<Order>, Fault> {
    match shop.find(&Key::Order(id)).await? {
        Some(Record::Order(it)) => Ok(it),
        _ => Err(Fault::Corrupt(format!("there is no order {id}"))),
    }
}

fn checkout_name(event: &CheckoutEvent) -> Option<&'static str> {
    Some(match event {
        CheckoutEvent::Opened { .. } => "checkout.opened",
        CheckoutEvent::Cancelled => "checkout.cancelled",
        CheckoutEvent::Expired => "checkout.expired",
        CheckoutEvent::Updated(_) => return None,
        CheckoutEvent::Saga(saga) => match saga {
            SagaEvent::Began(_) => "checkout.processing",
            SagaEvent::Completed => "checkout.completed",
            SagaEvent::NeedsAttention => "checkout.needs_attention",
            SagaEvent::Undone { to } if *to == State::Cancelled => "checkout.cancelled",
            SagaEvent::Undone { .. } => "checkout.failed",
            SagaEvent::Attached { .. }
            | SagaEvent::Stepped { .. }
            | SagaEvent::GivenUp
            | SagaEvent::WentBack(_)
            | SagaEvent::Ordered(_)
            | SagaEvent::Resolved { .. }
            | SagaEvent::Told { .. } => return None,
        },
    })
}

fn checkout_data(checkout: &Checkout, name: &str) -> Value {
    let mut data = json!({"checkout_id": checkout.id, "cart_id": checkout.cart_id});
    // What has an order keeps it.
    let order = checkout.attempt().and_then(|it| it.order);
    if let Some(order) = order.filter(|_| name == "checkout.completed") {
        data["order_id"] = json!(order);
    }
    data
}

fn order_name(event: &OrderEvent) -> Option<&'static str> {
    Some(match event {
        OrderEvent::Placed(_) => "order.placed",
        OrderEvent::Paid { .. } => "order.paid",
        OrderEvent::Cancelled { .. } => "order.cancelled",
        OrderEvent::Fulfilled { .. } => "fulfillment.created",
        OrderEvent::RefundStarted(_) => "refund.created",
        OrderEvent::RefundAnswered { .. } => "refund.updated",
        OrderEvent::ReturnRequested { .. } => "return.requested",
        OrderEvent::ReturnReceived { .. } => "return.received",
        OrderEvent::ReturnCancelled { .. } => "return.cancelled",
        OrderEvent::ExchangePlaced { .. } => "exchange.created",
        OrderEvent::ExchangeCancelled { .. } => "exchange.cancelled",
        OrderEvent::RefundResolved { .. } => "refund.updated",
        // Nothing that anybody could act on: goods that can be sold again, and exchanges that are not paid (yet).
        OrderEvent::Restocked { .. }
        | OrderEvent::ExchangeStarted(_)
        | OrderEvent::ExchangeUndone { .. } => return None,
    })
}

fn order_data(order: &Order, event: &OrderEvent) -> Value {
    let currency = order.currency;
    let mut data = json!({"order_id": order.id, "number": order.number});
    let mut set = |name: &str, value: Value| data[name] = value;
    let lines = |lines: &[(LineId, i64)]| -> Value {
        let lines = lines.iter();
        lines
            .map(|(id, units)| json!({"line_id": id.to_string(), "quantity": units}))
            .collect()
    };
    match event {
        OrderEvent::Placed(_) | OrderEvent::Paid { .. } | OrderEvent::Cancelled { .. } => {
            let state = match event {
                OrderEvent::Cancelled { .. } => "cancelled",
                _ => "placed",
            };
            set("state", json!(state));
            set("checkout_id", json!(order.checkout));
            set("cart_id", json!(order.cart));
            set("totals", totals(&order.totals, currency));
        }
        OrderEvent::Fulfilled {
            id, lines: left, ..
        } => {
            set("fulfillment_id", json!(id));
            set("lines", lines(left));
        }
        OrderEvent::RefundStarted(started) => {
            let parts = started.parts.iter();
            let amount = parts.map(|(_, amount)| amount).sum::<i64>();
            set("refund_id", json!(started.id));
            set("amount", json!(Money::new(amount, currency)));
            set("state", json!("pending"));
        }
        OrderEvent::RefundAnswered { id, payment, state } => {
            set("refund_id", json!(id));
            set("payment_id", json!(payment));
            set("state", json!(state.as_str()));
        }
        OrderEvent::ReturnRequested {
            id, lines: back, ..
        }
        | OrderEvent::ReturnReceived {
            id, lines: back, ..
        } => {
            set("return_id", json!(id));
            set("lines", lines(back));
        }
        OrderEvent::ReturnCancelled { id, .. } => set("return_id", json!(id)),
        OrderEvent::ExchangePlaced {
            id,
            order: made,
            back,
        } => {
            set("exchange_id", json!(id));
            set("new_order_id", json!(made));
            set("return_id", json!(back));
        }
        OrderEvent::ExchangeCancelled { id } => set("exchange_id", json!(id)),
        OrderEvent::RefundResolved { id, state, .. } => {
            set("refund_id", json!(id));
            set("state", json!(state.as_str()));
        }
        OrderEvent::Restocked { .. }
        | OrderEvent::ExchangeStarted(_)
        | OrderEvent::ExchangeUndone { .. } => {}
    }
    data
}

fn totals(totals: &Totals, currency: Currency) -> Value {
    let money = |minor| json!(Money::new(minor, currency));
    json!({
        "subtotal": money(totals.subtotal), "discount": money(totals.discount), "shipping": money(totals.shipping),
        "tax": money(totals.tax), "total": money(totals.total),
    })
}

/// Whether with these units the last one has left, and none was given up.
fn completes(order: &Order, event: &OrderEvent) -> bool {
    let OrderEvent::Fulfilled { id, .. } = event else {
        return false;
    };
    let is_last = order.fulfillments.last().is_some_and(|it| it.id == *id);
    is_last && order.lines.iter().all(|it| it.fulfilled == it.quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_what_there_is_not_is_told() {
        for good in ["*", "order.placed", "order.*", "stock.*", "refund.updated"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in [
            "",
            "order",
            "order.",
            "ord*",
            "orders.*",
            "order.placed*",
            "**",
            ".*",
        ] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
