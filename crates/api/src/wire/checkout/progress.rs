//! What attempts at completing a checkout did, and what they were paid with.

use crate::wire::{Money, Timestamp};
use cartwright_domain::checkout::{self as domain, StepState};
use cartwright_domain::payment as payments;
use cartwright_domain::{OrderId, PaymentId, ReservationId};
use schemars::JsonSchema;
use serde::Serialize;

/// Money asked of a card or a wallet.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Payment<'a> {
    /// Made by the shop; the provider knows it as its reference.
    #[schemars(with = "String")]
    id: PaymentId,
    /// Of which attempt.
    attempt: u32,
    /// `card`, `wallet`, or `exchange`: what was paid for the units that come back.
    method: &'static str,
    /// Who is asked; `null` for a wallet and an exchange.
    provider: Option<&'a str>,
    /// The provider's id for it, once there is one.
    provider_id: Option<&'a str>,
    /// `pending`, `unknown`, `authorized`, `captured`, `voided` or `declined`.
    state: &'static str,
    /// How much.
    amount: Money,
    /// How much was taken.
    captured: Money,
    /// How much of that was given back the same way.
    refunded: Money,
    /// How much was given back otherwise: to the customer's wallet, or by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_elsewhere: Option<Money>,
    /// How much of it pays for orders that units were exchanged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    exchanged: Option<Money>,
    /// Of an exchange: the payment that its money came in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    origin_payment_id: Option<PaymentId>,
    /// What may be shown of the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<Card<'a>>,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Card<'a> {
    /// The scheme.
    brand: &'a str,
    /// The last four digits.
    last4: &'a str,
}

impl<'a> Payment<'a> {
    /// As it stands.
    pub fn of(payment: &'a payments::Payment) -> Self {
        let money = |amount| Money {
            amount,
            currency: payment.amount.currency,
        };
        Self {
            id: payment.id,
            attempt: payment.attempt,
            method: payment.method.as_str(),
            provider: payment.provider.as_deref(),
            provider_id: payment.provider_id.as_deref(),
            state: payment.state.as_str(),
            amount: money(payment.amount.minor),
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            refunded_elsewhere: (payment.elsewhere != 0).then(|| money(payment.elsewhere)),
            exchanged: (payment.moved != 0).then(|| money(payment.moved)),
            origin_payment_id: payment.origin.map(|it| it.payment),
            card: payment.card.as_ref().map(|card| Card {
                brand: &card.brand,
                last4: &card.last4,
            }),
        }
    }
}

/// Why an attempt was undone.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Failure {
    /// A stable word.
    code: &'static str,
    /// Why a payment was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// For people.
    detail: &'static str,
}

impl Failure {
    /// As the buyer is told.
    pub fn of(failure: domain::Failure) -> Self {
        Self {
            code: match failure.code {
                domain::FailureCode::Cancelled => "cancelled",
                domain::FailureCode::PaymentDeclined | domain::FailureCode::CaptureRefused => {
                    "payment_declined"
                }
            },
            reason: failure.reason.map(payments::Decline::as_str),
            detail: detail(failure),
        }
    }
}

impl Failure {
    /// A stable word.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// What the buyer can do about it.
pub fn detail(failure: domain::Failure) -> &'static str {
    use payments::Decline::{Declined, ExpiredCard, InsufficientFunds, Unavailable};
    match (failure.code, failure.reason) {
        (domain::FailureCode::Cancelled, _) => "it was cancelled while it was being paid",
        (domain::FailureCode::CaptureRefused, _) => {
            "the payment was taken back by its provider; nothing was charged"
        }
        (_, Some(ExpiredCard)) => "the card has expired; pay with another one",
        (_, Some(InsufficientFunds)) => "there is not enough money; pay with something else",
        (_, Some(Unavailable)) => {
            "the payment provider could not be reached in time; nothing was charged, try again"
        }
        (_, Some(Declined) | None) => "the payment was declined; pay with something else",
    }
}

/// One try at completing it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Attempt {
    /// From 1.
    n: u32,
    /// `running`, `succeeded` or `undone`.
    state: &'static str,
    /// Why it is or was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The order it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    /// The stock that it holds or held.
    #[schemars(with = "String")]
    reservation_id: ReservationId,
    /// When it began.
    started_at: Timestamp,
}

impl Attempt {
    pub(super) fn of(attempt: &domain::Attempt) -> Self {
        Self {
            n: attempt.n,
            state: attempt.state.as_str(),
            failure: attempt.failure.map(Failure::of),
            order_id: attempt.order,
            reservation_id: attempt.reservation,
            started_at: Timestamp(attempt.started_at),
        }
    }
}

/// A step of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// Of which attempt.
    attempt: u32,
    /// `reserve`, `authorize`, `order`, `capture` or `notify`.
    step: &'static str,
    /// `running`, `unknown`, `done`, `failed`, `undoing` or `undone`.
    state: &'static str,
    /// How often somebody outside was asked in vain.
    tries: u32,
    /// When it began.
    started_at: Timestamp,
    /// When it ended; `null` while it runs.
    ended_at: Option<Timestamp>,
}

/// The steps of all attempts as they stand, in the order in which they began.
pub(super) fn steps(checkout: &domain::Checkout) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for told in &checkout.progress {
        let Some((step, state)) = told.step else {
            continue;
        };
        let name = step.as_str();
        let known = steps
            .iter_mut()
            .find(|it| it.attempt == told.attempt && it.step == name);
        let has_ended = matches!(
            state,
            StepState::Done | StepState::Failed | StepState::Undone
        );
        let ended_at = has_ended.then_some(Timestamp(told.at));
        match known {
            Some(step) => {
                step.state = state.as_str();
                step.tries = step.tries.max(told.tries);
                step.ended_at = ended_at;
            }
            None => steps.push(Step {
                attempt: told.attempt,
                step: name,
                state: state.as_str(),
                tries: told.tries,
                started_at: Timestamp(told.at),
                ended_at,
            }),
        }
    }
    steps
}

/// Something the buyer is told.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Message<'a> {
    /// A stable word: `rerouted`, `parked`.
    code: &'a str,
    /// For people.
    detail: &'a str,
    /// When.
    at: Timestamp,
}

impl<'a> Message<'a> {
    pub(super) fn of(message: &'a domain::Message) -> Self {
        Self {
            code: &message.code,
            detail: &message.detail,
            at: Timestamp(message.at),
        }
    }
}
