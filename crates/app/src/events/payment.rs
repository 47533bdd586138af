//! Payments, and that what a card is charged through was taken down or erased.

use super::{Bad, id, missing, unknown_type};
use cartwright_domain::payment::{Card, Decline, Event, Method, Origin, Question, Started};
use cartwright_domain::{CheckoutId, Currency, Money, PaymentId};
use cartwright_proto::events as proto;
use prost::Message;
use smol_str::SmolStr;

pub(super) fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Started(_) => "payment.started",
        Event::Asked(_) => "payment.asked",
        Event::Unclear => "payment.unclear",
        Event::Rerouted { .. } => "payment.rerouted",
        Event::Authorized { .. } => "payment.authorized",
        Event::Declined(_) => "payment.declined",
        Event::Captured => "payment.captured",
        Event::Refused => "payment.refused",
        Event::Voided => "payment.voided",
        Event::Refunded { .. } => "payment.refunded",
        Event::GivenElsewhere { .. } => "payment.given_elsewhere",
        Event::Moved { .. } => "payment.moved",
        Event::MovedBack { .. } => "payment.moved_back",
        Event::Doubted => "payment.doubted",
        Event::Verified => "payment.verified",
    }
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    let text = |it: &SmolStr| it.to_string();
    match event {
        Event::Started(started) => proto::PaymentStarted {
            checkout_id: started.checkout.to_bytes().to_vec(),
            attempt: started.attempt,
            method: started.method.as_str().to_owned(),
            provider: started.provider.as_ref().map(text),
            is_fixed: started.is_fixed,
            amount: started.amount.minor,
            currency: started.amount.currency.to_string(),
            origin_id: started.origin.map(|it| it.payment.to_bytes().to_vec()),
            parent_id: started.origin.map(|it| it.parent.to_bytes().to_vec()),
        }
        .encode_to_vec(),
        Event::Asked(question) => proto::PaymentAsked {
            question: question.as_str().to_owned(),
        }
        .encode_to_vec(),
        Event::Rerouted { provider } => proto::PaymentRerouted {
            provider: provider.to_string(),
        }
        .encode_to_vec(),
        Event::Authorized { provider_id, card } => proto::PaymentAuthorized {
            provider_id: provider_id.as_ref().map(text),
            card_brand: card.as_ref().map(|card| text(&card.brand)),
            card_last4: card.as_ref().map(|card| text(&card.last4)),
        }
        .encode_to_vec(),
        Event::Declined(decline) => proto::PaymentDeclined {
            code: decline.as_str().to_owned(),
        }
        .encode_to_vec(),
        Event::Refunded { amount } => proto::PaymentRefunded { amount: *amount }.encode_to_vec(),
        Event::GivenElsewhere { amount } => {
            proto::PaymentGivenElsewhere { amount: *amount }.encode_to_vec()
        }
        Event::Moved { amount } => proto::PaymentMoved { amount: *amount }.encode_to_vec(),
        Event::MovedBack { amount } => proto::PaymentMovedBack { amount: *amount }.encode_to_vec(),
        Event::Unclear
        | Event::Captured
        | Event::Refused
        | Event::Voided
        | Event::Doubted
        | Event::Verified => Vec::new(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "payment.started" => {
            let message = proto::PaymentStarted::decode(payload)?;
            let currency = Currency::new(&message.currency)?;
            let origin = match (&message.origin_id, &message.parent_id) {
                (Some(payment), Some(parent)) => Some(Origin {
                    payment: id(payment, PaymentId::from_slice, "origin_id")?,
                    parent: id(parent, PaymentId::from_slice, "parent_id")?,
                }),
                _ => None,
            };
            Event::Started(Started {
                checkout: id(&message.checkout_id, CheckoutId::from_slice, "checkout_id")?,
                attempt: message.attempt,
                method: Method::parse(&message.method).ok_or_else(|| missing("method"))?,
                provider: message.provider.map(Into::into),
                is_fixed: message.is_fixed,
                amount: Money::new(message.amount, currency),
                origin,
            })
        }
        "payment.asked" => {
            let message = proto::PaymentAsked::decode(payload)?;
            Event::Asked(Question::parse(&message.question).ok_or_else(|| missing("question"))?)
        }
        "payment.rerouted" => Event::Rerouted {
            provider: proto::PaymentRerouted::decode(payload)?.provider.into(),
        },
        "payment.authorized" => {
            let message = proto::PaymentAuthorized::decode(payload)?;
            let card = message.card_brand.zip(message.card_last4);
            Event::Authorized {
                provider_id: message.provider_id.map(Into::into),
                card: card.map(|(brand, last4)| Card {
                    brand: brand.into(),
                    last4: last4.into(),
                }),
            }
        }
        "payment.declined" => {
            let message = proto::PaymentDeclined::decode(payload)?;
            Event::Declined(Decline::parse(&message.code).ok_or_else(|| missing("code"))?)
        }
        "payment.refunded" => Event::Refunded {
            amount: proto::PaymentRefunded::decode(payload)?.amount,
        },
        "payment.given_elsewhere" => Event::GivenElsewhere {
            amount: proto::PaymentGivenElsewhere::decode(payload)?.amount,
        },
        "payment.moved" => Event::Moved {
            amount: proto::PaymentMoved::decode(payload)?.amount,
        },
        "payment.moved_back" => Event::MovedBack {
            amount: proto::PaymentMovedBack::decode(payload)?.amount,
        },
        "payment.unclear" => Event::Unclear,
        "payment.captured" => Event::Captured,
        "payment.refused" => Event::Refused,
        "payment.voided" => Event::Voided,
        "payment.doubted" => Event::Doubted,
        "payment.verified" => Event::Verified,
        other => return Err(unknown_type(other)),
    })
}
