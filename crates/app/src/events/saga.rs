//! What happens to a checkout while it is being completed.

use super::{Bad, id, missing, unknown_type};
use cartwright_domain::checkout::{
    Attempt, AttemptState, ExchangeOf, Failure, FailureCode, SagaEvent, State, Step, StepState,
};
use cartwright_domain::payment::Decline;
use cartwright_domain::{ExchangeId, OrderId, PaymentId, QuoteId, ReservationId, Time};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn type_of(event: &SagaEvent) -> &'static str {
    match event {
        SagaEvent::Began(_) => "checkout.began",
        SagaEvent::Attached { .. } => "checkout.attached",
        SagaEvent::Stepped { .. } => "checkout.stepped",
        SagaEvent::GivenUp => "checkout.given_up",
        SagaEvent::WentBack(_) => "checkout.went_back",
        SagaEvent::Ordered(_) => "checkout.ordered",
        SagaEvent::Completed => "checkout.completed",
        SagaEvent::Undone { .. } => "checkout.undone",
        SagaEvent::NeedsAttention => "checkout.needs_attention",
        SagaEvent::Resolved { .. } => "checkout.resolved",
        SagaEvent::Told { .. } => "checkout.told",
    }
}

pub(super) fn encode(event: &SagaEvent) -> Vec<u8> {
    match event {
        SagaEvent::Began(attempt) => proto::CheckoutBegan {
            n: attempt.n,
            quote_id: attempt.quote.to_bytes().to_vec(),
            body: attempt.body.to_string(),
            key: attempt
                .keys
                .first()
                .map_or_else(String::new, ToString::to_string),
            reservation_id: attempt.reservation.to_bytes().to_vec(),
            payments: attempt
                .payments
                .iter()
                .map(|id| id.to_bytes().to_vec())
                .collect(),
            order_by_ms: attempt.order_by.0,
            started_at_ms: attempt.started_at.0,
            exchange_id: attempt
                .exchange_of
                .map(|it| it.exchange.to_bytes().to_vec()),
            exchange_of: attempt.exchange_of.map(|it| it.order.to_bytes().to_vec()),
        }
        .encode_to_vec(),
        SagaEvent::Attached { key } => proto::CheckoutAttached {
            key: key.to_string(),
        }
        .encode_to_vec(),
        SagaEvent::Stepped { step, state, tries } => proto::CheckoutStepped {
            step: step.as_str().to_owned(),
            state: state.as_str().to_owned(),
            tries: *tries,
        }
        .encode_to_vec(),
        SagaEvent::WentBack(failure) => proto::CheckoutWentBack {
            code: failure.code.as_str().to_owned(),
            reason: failure.reason.map(|reason| reason.as_str().to_owned()),
        }
        .encode_to_vec(),
        SagaEvent::Ordered(order) => proto::CheckoutOrdered {
            order_id: order.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        SagaEvent::Undone { to } => proto::CheckoutUndone {
            to: to.as_str().to_owned(),
        }
        .encode_to_vec(),
        SagaEvent::Resolved { action, note } => proto::CheckoutResolved {
            action: action.to_string(),
            note: note.to_string(),
        }
        .encode_to_vec(),
        SagaEvent::Told { code, detail } => proto::CheckoutTold {
            code: code.to_string(),
            detail: detail.to_string(),
        }
        .encode_to_vec(),
        SagaEvent::GivenUp | SagaEvent::Completed | SagaEvent::NeedsAttention => Vec::new(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<SagaEvent, Bad> {
    Ok(match kind {
        "checkout.began" => {
            let message = proto::CheckoutBegan::decode(payload)?;
            let payments = message
                .payments
                .iter()
                .map(|bytes| id(bytes, PaymentId::from_slice, "payments"));
            let exchange_of = match (&message.exchange_id, &message.exchange_of) {
                (Some(exchange), Some(order)) => Some(ExchangeOf {
                    order: id(order, OrderId::from_slice, "exchange_of")?,
                    exchange: id(exchange, ExchangeId::from_slice, "exchange_id")?,
                }),
                _ => None,
            };
            SagaEvent::Began(Box::new(Attempt {
                n: message.n,
                state: AttemptState::Running,
                quote: id(&message.quote_id, QuoteId::from_slice, "quote_id")?,
                body: message.body.into(),
                keys: vec![message.key.into()],
                reservation: id(
                    &message.reservation_id,
                    ReservationId::from_slice,
                    "reservation_id",
                )?,
                payments: payments.collect::<Result<_, _>>()?,
                exchange_of,
                order: None,
                started_at: Time(message.started_at_ms),
                order_by: Time(message.order_by_ms),
                failure: None,
                cancel: false,
            }))
        }
        "checkout.attached" => SagaEvent::Attached {
            key: proto::CheckoutAttached::decode(payload)?.key.into(),
        },
        "checkout.stepped" => {
            let message = proto::CheckoutStepped::decode(payload)?;
            SagaEvent::Stepped {
                step: Step::parse(&message.step).ok_or_else(|| missing("step"))?,
                state: StepState::parse(&message.state).ok_or_else(|| missing("state"))?,
                tries: message.tries,
            }
        }
        "checkout.went_back" => {
            let message = proto::CheckoutWentBack::decode(payload)?;
            SagaEvent::WentBack(Failure {
                code: FailureCode::parse(&message.code).ok_or_else(|| missing("code"))?,
                reason: message.reason.as_deref().and_then(Decline::parse),
            })
        }
        "checkout.ordered" => {
            let message = proto::CheckoutOrdered::decode(payload)?;
            SagaEvent::Ordered(id(&message.order_id, OrderId::from_slice, "order_id")?)
        }
        "checkout.undone" => {
            let message = proto::CheckoutUndone::decode(payload)?;
            SagaEvent::Undone {
                to: State::parse(&message.to).ok_or_else(|| missing("to"))?,
            }
        }
        "checkout.told" => {
            let message = proto::CheckoutTold::decode(payload)?;
            SagaEvent::Told {
                code: message.code.into(),
                detail: message.detail.into(),
            }
        }
        "checkout.resolved" => {
            let message = proto::CheckoutResolved::decode(payload)?;
            SagaEvent::Resolved {
                action: message.action.into(),
                note: message.note.into(),
            }
        }
        "checkout.given_up" => SagaEvent::GivenUp,
        "checkout.completed" => SagaEvent::Completed,
        "checkout.needs_attention" => SagaEvent::NeedsAttention,
        other => return Err(unknown_type(other)),
    })
}
