//! Orders.

use super::checkout::{decode_totals, encode_totals};
use super::{Bad, id, missing, order_back};
use cartwright_domain::cart::LineId;
use cartwright_domain::order::{Event, Line, Placed, Source, Tracking};
use cartwright_domain::{
    CartId, CheckoutId, ContactId, Country, Currency, FulfillmentId, OrderId, PaymentId,
    ReservationId, Sku, StoreId,
};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Placed(_) => "order.placed",
        Event::Paid { .. } => "order.paid",
        Event::Fulfilled { .. } => "order.fulfilled",
        Event::Cancelled { .. } => "order.cancelled",
        Event::Restocked { .. } => "order.restocked",
        Event::RefundStarted(_) => "order.refund_started",
        Event::RefundAnswered { .. } => "order.refund_answered",
        Event::ReturnRequested { .. } => "order.return_requested",
        Event::ReturnReceived { .. } => "order.return_received",
        Event::ReturnCancelled { .. } => "order.return_cancelled",
        Event::ExchangeStarted(_) => "order.exchange_started",
        Event::ExchangePlaced { .. } => "order.exchange_placed",
        Event::ExchangeUndone { .. } => "order.exchange_undone",
        Event::ExchangeCancelled { .. } => "order.exchange_cancelled",
        Event::RefundResolved { .. } => "order.refund_resolved",
    }
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Placed(placed) => encode_placed(placed).encode_to_vec(),
        Event::Paid { invoice } => proto::OrderPaid { invoice: *invoice }.encode_to_vec(),
        Event::Fulfilled {
            id,
            lines,
            taken,
            tracking,
            by,
        } => proto::OrderFulfilled {
            id: id.to_bytes().to_vec(),
            lines: units(lines),
            taken: encode_taken(taken),
            tracking: tracking.as_ref().map(|it| proto::OrderTracking {
                carrier: it.carrier.as_ref().map(ToString::to_string),
                number: it.number.as_ref().map(ToString::to_string),
                url: it.url.as_ref().map(ToString::to_string),
            }),
            by: by.to_string(),
        }
        .encode_to_vec(),
        Event::Cancelled { by } => proto::OrderCancelled { by: by.to_string() }.encode_to_vec(),
        Event::Restocked {
            given_up,
            taken,
            back,
        } => proto::OrderRestocked {
            given_up: units(given_up),
            taken: encode_taken(taken),
            back: units(back),
        }
        .encode_to_vec(),
        Event::RefundStarted(_)
        | Event::RefundAnswered { .. }
        | Event::ReturnRequested { .. }
        | Event::ReturnReceived { .. }
        | Event::ReturnCancelled { .. }
        | Event::ExchangeStarted(_)
        | Event::ExchangePlaced { .. }
        | Event::ExchangeUndone { .. }
        | Event::ExchangeCancelled { .. }
        | Event::RefundResolved { .. } => order_back::encode(event),
    }
}

/// Lines and units.
pub(super) fn units(lines: &[(LineId, i64)]) -> Vec<proto::OrderUnits> {
    let units = lines.iter().map(|(line, units)| proto::OrderUnits {
        line_id: line.0,
        units: *units,
    });
    units.collect()
}

/// Lines and units, read back.
pub(super) fn units_of(lines: &[proto::OrderUnits]) -> Vec<(LineId, i64)> {
    let lines = lines.iter().map(|it| (LineId(it.line_id), it.units));
    lines.collect()
}

fn encode_taken(taken: &[(LineId, StoreId, i64)]) -> Vec<proto::OrderTaken> {
    let taken = taken.iter().map(|(line, store, units)| proto::OrderTaken {
        line_id: line.0,
        store: store.to_string(),
        units: *units,
    });
    taken.collect()
}

fn decode_taken(taken: &[proto::OrderTaken]) -> Result<Vec<(LineId, StoreId, i64)>, Bad> {
    let taken = taken
        .iter()
        .map(|it| Ok((LineId(it.line_id), StoreId::new(&it.store)?, it.units)));
    taken.collect()
}

fn encode_placed(placed: &Placed) -> proto::OrderPlaced {
    proto::OrderPlaced {
        number: placed.number,
        checkout_id: placed.checkout.to_bytes().to_vec(),
        attempt: placed.attempt,
        cart_id: placed.cart.to_bytes().to_vec(),
        customer_id: placed.customer.as_ref().map(ToString::to_string),
        contact_id: placed.contact.map(|id| id.to_bytes().to_vec()),
        country: placed.country.to_string(),
        currency: placed.currency.to_string(),
        lines: placed.lines.iter().map(encode_line).collect(),
        totals: Some(encode_totals(&placed.totals)),
        payments: placed
            .payments
            .iter()
            .map(|id| id.to_bytes().to_vec())
            .collect(),
        reservation_id: placed.reservation.to_bytes().to_vec(),
        exchange_of: placed.exchange_of.map(|id| id.to_bytes().to_vec()),
    }
}

fn encode_line(line: &Line) -> proto::OrderLine {
    proto::OrderLine {
        line_id: line.id.0,
        sku: line.sku.to_string(),
        name: line.name.to_string(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
        tax: line.tax,
        total: line.total,
        sources: line
            .sources
            .iter()
            .map(|source| proto::OrderSource {
                store: source.store.to_string(),
                units: source.units,
            })
            .collect(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "order.placed" => Event::Placed(Box::new(decode_placed(proto::OrderPlaced::decode(
            payload,
        )?)?)),
        "order.paid" => Event::Paid {
            invoice: proto::OrderPaid::decode(payload)?.invoice,
        },
        "order.fulfilled" => {
            let message = proto::OrderFulfilled::decode(payload)?;
            Event::Fulfilled {
                id: id(&message.id, FulfillmentId::from_slice, "id")?,
                lines: units_of(&message.lines),
                taken: decode_taken(&message.taken)?,
                tracking: message.tracking.map(|it| Tracking {
                    carrier: it.carrier.map(Into::into),
                    number: it.number.map(Into::into),
                    url: it.url.map(Into::into),
                }),
                by: message.by.into(),
            }
        }
        "order.cancelled" => Event::Cancelled {
            by: proto::OrderCancelled::decode(payload)?.by.into(),
        },
        "order.restocked" => {
            let message = proto::OrderRestocked::decode(payload)?;
            Event::Restocked {
                given_up: units_of(&message.given_up),
                taken: decode_taken(&message.taken)?,
                back: units_of(&message.back),
            }
        }
        other => return order_back::decode(other, payload),
    })
}

fn decode_placed(message: proto::OrderPlaced) -> Result<Placed, Bad> {
    let contact = message
        .contact_id
        .map(|bytes| id(&bytes, ContactId::from_slice, "contact_id"));
    let payments = message
        .payments
        .iter()
        .map(|bytes| id(bytes, PaymentId::from_slice, "payments"));
    Ok(Placed {
        number: message.number,
        checkout: id(&message.checkout_id, CheckoutId::from_slice, "checkout_id")?,
        attempt: message.attempt,
        cart: id(&message.cart_id, CartId::from_slice, "cart_id")?,
        customer: message.customer_id.map(Into::into),
        contact: contact.transpose()?,
        country: Country::new(&message.country)?,
        currency: Currency::new(&message.currency)?,
        lines: message
            .lines
            .into_iter()
            .map(decode_line)
            .collect::<Result<_, _>>()?,
        totals: decode_totals(message.totals.ok_or_else(|| missing("totals"))?),
        payments: payments.collect::<Result<_, _>>()?,
        reservation: id(
            &message.reservation_id,
            ReservationId::from_slice,
            "reservation_id",
        )?,
        exchange_of: message
            .exchange_of
            .map(|bytes| id(&bytes, OrderId::from_slice, "exchange_of"))
            .transpose()?,
    })
}

fn decode_line(message: proto::OrderLine) -> Result<Line, Bad> {
    let sources = message.sources.iter().map(|source| {
        Ok(Source {
            store: StoreId::new(&source.store)?,
            units: source.units,
        })
    });
    Ok(Line {
        id: LineId(message.line_id),
        sku: Sku::new(&message.sku)?,
        name: message.name.into(),
        quantity: message.quantity,
        unit_price: message.unit_price,
        discount: message.discount,
        tax: message.tax,
        total: message.total,
        sources: sources.collect::<Result<_, Bad>>()?,
        shipped: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
        cancelled: 0,
    })
}
