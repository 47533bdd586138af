//! What comes back of an order: money and units.

use super::order::{units, units_of};
use super::{Bad, id, missing, unknown_type};
use cartwright_domain::cart::LineId;
use cartwright_domain::order::{Cause, Event, RefundLine, RefundStarted, RefundState};
use cartwright_domain::{PaymentId, RefundId, ReturnId};
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
        lines: started
            .lines
            .iter()
            .map(|line| proto::OrderRefundLine {
                line_id: line.id.0,
                units: line.units,
                amount: line.amount,
            })
            .collect(),
        parts: started
            .parts
            .iter()
            .map(|(payment, amount)| proto::OrderRefundPart {
                payment_id: payment.to_bytes().to_vec(),
                amount: *amount,
            })
            .collect(),
        reason: started.reason.to_string(),
        credit_note: started.credit_note,
        asked_key: key.to_string(),
        asked_payload: payload.to_string(),
        cause: started.cause.map(|cause| match cause {
            Cause::Cancelled => WireCause::Cancelled(true),
            Cause::Returned(id) => WireCause::ReturnId(id.to_bytes().to_vec()),
        }),
        by: started.by.to_string(),
    }
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
        other => return Err(unknown_type(other)),
    })
}

fn decode_started(message: proto::OrderRefundStarted) -> Result<RefundStarted, Bad> {
    let parts = message.parts.iter().map(|part| {
        let payment = id(&part.payment_id, PaymentId::from_slice, "payment_id")?;
        Ok((payment, part.amount))
    });
    let lines = message.lines.iter().map(|line| RefundLine {
        id: LineId(line.line_id),
        units: line.units,
        amount: line.amount,
    });
    let cause = match &message.cause {
        None => None,
        Some(WireCause::Cancelled(_)) => Some(Cause::Cancelled),
        Some(WireCause::ReturnId(bytes)) => Some(Cause::Returned(id(
            bytes,
            ReturnId::from_slice,
            "return_id",
        )?)),
    };
    let asked = (!message.asked_key.is_empty())
        .then(|| (message.asked_key.into(), message.asked_payload.into()));
    Ok(RefundStarted {
        id: id(&message.id, RefundId::from_slice, "id")?,
        amount: message.amount,
        shipping: message.shipping,
        lines: lines.collect(),
        parts: parts.collect::<Result<_, Bad>>()?,
        reason: message.reason.into(),
        credit_note: message.credit_note,
        asked,
        cause,
        by: message.by.into(),
    })
}
