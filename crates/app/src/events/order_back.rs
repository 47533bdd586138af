//! What comes back of an order: money and units.

use super::order::{units, units_of};
use super::{Bad, id, missing, unknown_type};
use cartwright_domain::cart::LineId;
use cartwright_domain::order::{
    Cause, Event, ExchangeStarted, RefundLine, RefundStarted, RefundState, To,
};
use cartwright_domain::{CheckoutId, ExchangeId, OrderId, PaymentId, RefundId, ReturnId};
use cartwright_proto::events as proto;
use cartwright_proto::events::order_refund_started::Cause as WireCause;
use prost::Message;

/// The payload of one of these events; empty for others.
pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::RefundStarted(started) => encode_started(started).encode_to_vec(),
        Event::RefundAnswered { id, payment, state } => proto::OrderRefundAnswered {
            id: id.to_bytes().to_vec(),
            payment_id: payment.to_bytes().to_vec(),
            state: state.as_str().to_owned(),
        }
        .encode_to_vec(),
        Event::ReturnRequested {
            id,
            lines,
            reason,
            by,
        } => proto::OrderReturnRequested {
            id: id.to_bytes().to_vec(),
            lines: units(lines),
            reason: reason.to_string(),
            by: by.to_string(),
        }
        .encode_to_vec(),
        Event::ReturnReceived { id, lines, by } => proto::OrderReturnReceived {
            id: id.to_bytes().to_vec(),
            lines: units(lines),
            by: by.to_string(),
        }
        .encode_to_vec(),
        Event::ReturnCancelled { id, by } => proto::OrderReturnCancelled {
            id: id.to_bytes().to_vec(),
            by: by.to_string(),
        }
        .encode_to_vec(),
        Event::ExchangeStarted(started) => encode_exchange(started).encode_to_vec(),
        Event::ExchangePlaced { id, order, back } => proto::OrderExchangePlaced {
            id: id.to_bytes().to_vec(),
            order_id: order.to_bytes().to_vec(),
            return_id: back.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        Event::ExchangeUndone { id } => proto::OrderExchangeUndone {
            id: id.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        Event::ExchangeCancelled { id } => proto::OrderExchangeCancelled {
            id: id.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        Event::RefundResolved {
            id,
            state,
            note,
            by,
        } => proto::OrderRefundResolved {
            id: id.to_bytes().to_vec(),
            state: state.as_str().to_owned(),
            note: note.to_string(),
            by: by.to_string(),
        }
        .encode_to_vec(),
        Event::Placed(_)
        | Event::Paid { .. }
        | Event::Fulfilled { .. }
        | Event::Cancelled { .. }
        | Event::Restocked { .. } => Vec::new(),
    }
}

fn encode_started(started: &RefundStarted) -> proto::OrderRefundStarted {
    let (key, payload) = started.asked.clone().unwrap_or_default();
    proto::OrderRefundStarted {
        id: started.id.to_bytes().to_vec(),
        amount: started.amount,
        shipping: started.shipping,
        lines: encode_lines(&started.lines),
        parts: encode_parts(&started.parts),
        to: started.to.as_str().to_owned(),
        reason: started.reason.to_string(),
        credit_note: started.credit_note,
        asked_key: key.to_string(),
        asked_payload: payload.to_string(),
        cause: started.cause.map(|cause| match cause {
            Cause::Cancelled => WireCause::Cancelled(true),
            Cause::Returned(id) => WireCause::ReturnId(id.to_bytes().to_vec()),
            Cause::Exchanged(id) => WireCause::ExchangeId(id.to_bytes().to_vec()),
        }),
        by: started.by.to_string(),
    }
}

fn encode_exchange(started: &ExchangeStarted) -> proto::OrderExchangeStarted {
    let (key, payload) = &started.asked;
    proto::OrderExchangeStarted {
        id: started.id.to_bytes().to_vec(),
        return_id: started.return_id.to_bytes().to_vec(),
        checkout_id: started.checkout.to_bytes().to_vec(),
        lines: encode_lines(&started.lines),
        credit: encode_parts(&started.credit),
        due: started.due,
        to: started.to.as_str().to_owned(),
        asked_key: key.to_string(),
        asked_payload: payload.to_string(),
        by: started.by.to_string(),
    }
}

fn encode_lines(lines: &[RefundLine]) -> Vec<proto::OrderRefundLine> {
    let lines = lines.iter().map(|line| proto::OrderRefundLine {
        line_id: line.id.0,
        units: line.units,
        amount: line.amount,
    });
    lines.collect()
}

fn encode_parts(parts: &[(PaymentId, i64)]) -> Vec<proto::OrderRefundPart> {
    let parts = parts
        .iter()
        .map(|(payment, amount)| proto::OrderRefundPart {
            payment_id: payment.to_bytes().to_vec(),
            amount: *amount,
        });
    parts.collect()
}

/// One of these events.
pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "order.refund_started" => {
            let message = proto::OrderRefundStarted::decode(payload)?;
            Event::RefundStarted(Box::new(decode_started(message)?))
        }
        "order.refund_answered" => {
            let message = proto::OrderRefundAnswered::decode(payload)?;
            Event::RefundAnswered {
                id: id(&message.id, RefundId::from_slice, "id")?,
                payment: id(&message.payment_id, PaymentId::from_slice, "payment_id")?,
                state: RefundState::parse(&message.state).ok_or_else(|| missing("state"))?,
            }
        }
        "order.return_requested" => {
            let message = proto::OrderReturnRequested::decode(payload)?;
            Event::ReturnRequested {
                id: id(&message.id, ReturnId::from_slice, "id")?,
                lines: units_of(&message.lines),
                reason: message.reason.into(),
                by: message.by.into(),
            }
        }
        "order.return_received" => {
            let message = proto::OrderReturnReceived::decode(payload)?;
            Event::ReturnReceived {
                id: id(&message.id, ReturnId::from_slice, "id")?,
                lines: units_of(&message.lines),
                by: message.by.into(),
            }
        }
        "order.return_cancelled" => {
            let message = proto::OrderReturnCancelled::decode(payload)?;
            Event::ReturnCancelled {
                id: id(&message.id, ReturnId::from_slice, "id")?,
                by: message.by.into(),
            }
        }
        "order.exchange_started" => {
            let message = proto::OrderExchangeStarted::decode(payload)?;
            Event::ExchangeStarted(Box::new(decode_exchange(message)?))
        }
        "order.exchange_placed" => {
            let message = proto::OrderExchangePlaced::decode(payload)?;
            Event::ExchangePlaced {
                id: id(&message.id, ExchangeId::from_slice, "id")?,
                order: id(&message.order_id, OrderId::from_slice, "order_id")?,
                back: id(&message.return_id, ReturnId::from_slice, "return_id")?,
            }
        }
        "order.exchange_undone" => {
            let message = proto::OrderExchangeUndone::decode(payload)?;
            Event::ExchangeUndone {
                id: id(&message.id, ExchangeId::from_slice, "id")?,
            }
        }
        "order.exchange_cancelled" => {
            let message = proto::OrderExchangeCancelled::decode(payload)?;
            Event::ExchangeCancelled {
                id: id(&message.id, ExchangeId::from_slice, "id")?,
            }
        }
        "order.refund_resolved" => {
            let message = proto::OrderRefundResolved::decode(payload)?;
            Event::RefundResolved {
                id: id(&message.id, RefundId::from_slice, "id")?,
                state: RefundState::parse(&message.state).ok_or_else(|| missing("state"))?,
                note: message.note.into(),
                by: message.by.into(),
            }
        }
        other => return Err(unknown_type(other)),
    })
}

fn decode_exchange(message: proto::OrderExchangeStarted) -> Result<ExchangeStarted, Bad> {
    Ok(ExchangeStarted {
        id: id(&message.id, ExchangeId::from_slice, "id")?,
        return_id: id(&message.return_id, ReturnId::from_slice, "return_id")?,
        checkout: id(&message.checkout_id, CheckoutId::from_slice, "checkout_id")?,
        lines: decode_lines(&message.lines),
        credit: decode_parts(&message.credit)?,
        due: message.due,
        to: decode_to(&message.to)?,
        asked: (message.asked_key.into(), message.asked_payload.into()),
        by: message.by.into(),
    })
}

/// Empty in entries from before there was a choice.
fn decode_to(word: &str) -> Result<To, Bad> {
    if word.is_empty() {
        return Ok(To::Original);
    }
    To::parse(word).ok_or_else(|| missing("to"))
}

fn decode_lines(lines: &[proto::OrderRefundLine]) -> Vec<RefundLine> {
    let lines = lines.iter().map(|line| RefundLine {
        id: LineId(line.line_id),
        units: line.units,
        amount: line.amount,
    });
    lines.collect()
}

fn decode_parts(parts: &[proto::OrderRefundPart]) -> Result<Vec<(PaymentId, i64)>, Bad> {
    let parts = parts.iter().map(|part| {
        let payment = id(&part.payment_id, PaymentId::from_slice, "payment_id")?;
        Ok((payment, part.amount))
    });
    parts.collect()
}

fn decode_started(message: proto::OrderRefundStarted) -> Result<RefundStarted, Bad> {
    let cause = match &message.cause {
        None => None,
        Some(WireCause::Cancelled(_)) => Some(Cause::Cancelled),
        Some(WireCause::ReturnId(bytes)) => Some(Cause::Returned(id(
            bytes,
            ReturnId::from_slice,
            "return_id",
        )?)),
        Some(WireCause::ExchangeId(bytes)) => Some(Cause::Exchanged(id(
            bytes,
            ExchangeId::from_slice,
            "exchange_id",
        )?)),
    };
    let asked = (!message.asked_key.is_empty())
        .then(|| (message.asked_key.into(), message.asked_payload.into()));
    Ok(RefundStarted {
        id: id(&message.id, RefundId::from_slice, "id")?,
        amount: message.amount,
        shipping: message.shipping,
        lines: decode_lines(&message.lines),
        parts: decode_parts(&message.parts)?,
        to: decode_to(&message.to)?,
        reason: message.reason.into(),
        credit_note: message.credit_note,
        asked,
        cause,
        by: message.by.into(),
    })
}
