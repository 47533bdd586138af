//! A payment, what happens to it, and its state after that.

use crate::entity::Entity;
use crate::words::words;
use crate::{CheckoutId, Money, PaymentId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// The first pause of a payment whose provider cannot be reached, in milliseconds; doubled each time.
const PARKED_FIRST_MS: i64 = 500;
/// The longest one.
const PARKED_LAST_MS: i64 = 5_000;

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By a card, through a payment provider.
    Card,
    /// From the customer's wallet in this shop.
    Wallet,
    /// By what was paid for the units of another order that come back for these.
    Exchange,
}

/// Where a payment stands, as far as this shop knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has answered yet.
    Pending,
    /// A question went out and its answer was lost: money may have moved.
    Unknown,
    /// Money is held.
    Authorized,
    /// Money was taken.
    Captured,
    /// Nothing is held and nothing was taken.
    Voided,
    /// The card said no.
    Declined,
}

/// What a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// To hold the amount.
    Authorize,
    /// To take what is held.
    Capture,
    /// To release whatever is held under the payment's reference.
    Void,
    /// To give back all that was taken, because the purchase is undone.
    Refund,
}

/// Why a card said no, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum Decline {
    Declined,
    ExpiredCard,
    InsufficientFunds,
    /// No provider could be asked in time.
    Unavailable,
}

words!(Method {
    Card = "card",
    Wallet = "wallet",
    Exchange = "exchange"
});
words!(State {
    Pending = "pending",
    Unknown = "unknown",
    Authorized = "authorized",
    Captured = "captured",
    Voided = "voided",
    Declined = "declined"
});
words!(Question {
    Authorize = "authorize",
    Capture = "capture",
    Void = "void",
    Refund = "refund"
});
words!(Decline {
    Declined = "declined",
    ExpiredCard = "expired_card",
    InsufficientFunds = "insufficient_funds",
    Unavailable = "unavailable"
});

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The scheme in lower case, like `visa`.
    pub brand: SmolStr,
    /// The last four digits.
    pub last4: SmolStr,
}

/// Where the money of an exchange comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The card or wallet that was charged in the beginning, and is asked when money goes back.
    pub payment: PaymentId,
    /// The payment of the order that is exchanged: the same one, unless that order was an exchange too.
    pub parent: PaymentId,
}

/// What a payment begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// What is bought.
    pub checkout: CheckoutId,
    /// Which attempt at that, from 1.
    pub attempt: u32,
    /// How it is paid.
    pub method: Method,
    /// Who is asked; `None` for a wallet.
    pub provider: Option<SmolStr>,
    /// Whether nobody else may be asked.
    pub is_fixed: bool,
    /// How much; more than 0.
    pub amount: Money,
    /// Where the money of an exchange comes from; `None` otherwise.
    pub origin: Option<Origin>,
}

/// Money asked of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Made by us; the reference under which a provider knows it.
    pub id: PaymentId,
    /// What is bought.
    pub checkout: CheckoutId,
    /// Which attempt at that, from 1.
    pub attempt: u32,
    /// How it is paid.
    pub method: Method,
    /// Who is asked; `None` for a wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<SmolStr>,
    /// Whether nobody else may be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fixed: bool,
    /// The provider's id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<SmolStr>,
    /// Where it stands.
    pub state: State,
    /// The question that waits for its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Question>,
    /// How often that question went unanswered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// When that question was first put.
    pub asked_at: Time,
    /// How often it surely reached no provider, one time after the other.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parked: u32,
    /// Whether the provider was ever asked: then something may be held there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_asked: bool,
    /// Whether its provider will never capture it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_refused: bool,
    /// Whether its provider was told to release it, and said that nothing is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_released: bool,
    /// How much.
    pub amount: Money,
    /// How much was taken, in minor units.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub captured: i64,
    /// How much of that was given back.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub refunded: i64,
    /// How much of it was given back otherwise than through its provider: to the customer's wallet, or by hand.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub elsewhere: i64,
    /// How much of it pays for other orders, for which units were exchanged.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub moved: i64,
    /// Where the money of an exchange comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// What may be shown of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// Whether the provider was seen to agree with what is recorded here, after the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// When it last changed.
    pub updated_at: Time,
    /// Raised by each change.
    pub version: u64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_nothing(value: &i64) -> bool {
    *value == 0
}

/// What happens to a payment.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It is to be made.
    Started(Started),
    /// A question is about to be sent.
    Asked(Question),
    /// The answer to it was lost; money may have moved. It is asked again.
    Unclear,
    /// The first question surely reached no provider, so it is open again: it waits, and may then go to any of them.
    Unsent,
    /// Nobody could be asked and nothing happened: another provider is.
    Rerouted {
        /// Which.
        provider: SmolStr,
    },
    /// Money is held.
    Authorized {
        /// The provider's id for it; `None` for a wallet.
        provider_id: Option<SmolStr>,
        /// What may be shown of the card.
        card: Option<Card>,
    },
    /// The card said no.
    Declined(Decline),
    /// All of it was taken.
    Captured,
    /// The provider will never capture it: what is held must be released.
    Refused,
    /// Nothing is held any more.
    Voided,
    /// A part of what was taken was given back.
    Refunded {
        /// How much, in minor units.
        amount: i64,
    },
    /// A part of what was taken was given back otherwise: to the customer's wallet, or by hand.
    GivenElsewhere {
        /// How much, in minor units.
        amount: i64,
    },
    /// A part of what was taken pays for another order, for which units were exchanged.
    Moved {
        /// How much, in minor units.
        amount: i64,
    },
    /// A part of that pays for nothing else any more.
    MovedBack {
        /// How much, in minor units.
        amount: i64,
    },
    /// What the provider shows must be compared again.
    Doubted,
    /// The provider shows the same as is recorded here.
    Verified,
}

impl Entity for Payment {
    type Key = PaymentId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &PaymentId, event: &Event, at: Time) {
        if let Event::Started(started) = event {
            *state = Some(Arc::new(Self::begun(*key, started, at)));
            return;
        }
        let Some(payment) = state.as_mut().map(Arc::make_mut) else {
            return;
        };
        payment.version += 1;
        payment.updated_at = at;
        match event {
            Event::Started(_) => {}
            Event::Asked(question) => payment.ask(*question, at),
            Event::Unclear => {
                payment.state = State::Unknown;
                payment.tries += 1;
            }
            Event::Unsent => {
                payment.asked = None;
                payment.was_asked = false;
                payment.parked += 1;
            }
            Event::Rerouted { provider } => {
                payment.parked = 0;
                payment.provider = Some(provider.clone());
                payment.state = State::Pending;
            }
            Event::Authorized { provider_id, card } => {
                payment.settle(State::Authorized);
                payment.provider_id.clone_from(provider_id);
                if card.is_some() {
                    payment.card.clone_from(card);
                }
            }
            Event::Declined(decline) => {
                payment.settle(State::Declined);
                payment.decline = Some(*decline);
            }
            Event::Captured => {
                payment.settle(State::Captured);
                payment.captured = payment.amount.minor;
            }
            Event::Refused => {
                payment.settle(State::Authorized);
                payment.is_refused = true;
            }
            Event::Voided => {
                let was_declined = payment.decline.is_some();
                payment.settle(if was_declined {
                    State::Declined
                } else {
                    State::Voided
                });
                payment.is_released = true;
            }
            Event::Refunded { amount } => {
                payment.settle(State::Captured);
                payment.refunded += amount;
                payment.verified = false;
            }
            Event::GivenElsewhere { amount } => {
                payment.elsewhere += amount;
                payment.verified = false;
            }
            Event::Moved { amount } => payment.moved += amount,
            Event::MovedBack { amount } => payment.moved -= amount,
            Event::Doubted => payment.verified = false,
            Event::Verified => payment.verified = true,
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Payment {
    fn begun(id: PaymentId, started: &Started, at: Time) -> Self {
        Self {
            id,
            checkout: started.checkout,
            attempt: started.attempt,
            method: started.method,
            provider: started.provider.clone(),
            is_fixed: started.is_fixed,
            provider_id: None,
            state: State::Pending,
            asked: None,
            tries: 0,
            asked_at: at,
            parked: 0,
            was_asked: false,
            is_refused: false,
            is_released: false,
            amount: started.amount,
            captured: 0,
            refunded: 0,
            elsewhere: 0,
            moved: 0,
            origin: started.origin,
            decline: None,
            card: None,
            verified: false,
            updated_at: at,
            version: 1,
        }
    }

    fn ask(&mut self, question: Question, at: Time) {
        self.asked = Some(question);
        self.tries = 0;
        self.asked_at = at;
        self.was_asked = true;
        self.verified = false;
    }

    fn settle(&mut self, state: State) {
        self.state = state;
        self.asked = None;
        self.tries = 0;
        self.parked = 0;
    }

    /// Until when it waits before its first question is put again; `None` for one that waits for nothing.
    pub fn parked_until(&self) -> Option<Time> {
        let doubled = PARKED_FIRST_MS << (self.parked.clamp(1, 10) - 1);
        let pause = doubled.min(PARKED_LAST_MS);
        let is_parked = self.parked > 0 && self.asked.is_none();
        is_parked.then_some(Time(self.updated_at.0 + pause))
    }

    /// How much of what was taken does not pay for its order any more, in minor units.
    pub fn returned(&self) -> i64 {
        self.refunded + self.elsewhere + self.moved
    }

    /// Whether something may be held or was taken under it at its provider.
    pub fn is_open(&self) -> bool {
        self.asked.is_some() || self.state == State::Authorized
    }

    /// Whether it has come to an end that its provider was not yet seen to agree with; or, of one that no checkout looks
    /// after, whether it has not ended.
    pub fn is_unverified(&self) -> bool {
        if self.is_by_itself() && self.is_open() {
            return true;
        }
        let ended = match self.state {
            State::Captured => true,
            State::Voided | State::Declined => self.is_released,
            State::Pending | State::Unknown | State::Authorized => false,
        };
        self.method == Method::Card && ended && self.asked.is_none() && !self.verified
    }

    /// The idempotency key of a question: the same on every try.
    pub fn key(&self, question: Question) -> String {
        format!("{}:{}", self.id, question.as_str())
    }
}

#[cfg(test)]
mod tests;
