//! What a provider's answer to a question means for a payment.

use super::{Card, Decline, Event, Payment, Question, State};
use smol_str::SmolStr;

/// A payment as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The provider's id for it.
    pub provider_id: SmolStr,
    /// Where it stands there; never [`State::Pending`] or [`State::Unknown`].
    pub state: State,
    /// How much of what was taken was given back, in minor units.
    pub refunded: i64,
    /// Why it was declined, when it was.
    pub decline: Option<Decline>,
    /// What may be shown of the card.
    pub card: Option<Card>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The provider shows this under the payment's reference: its answer, or what a lookup found.
    Seen(Sighting),
    /// The provider shows nothing under the reference, and nothing can come any more.
    Nothing,
    /// The card said no to being charged.
    Declined(Decline),
    /// The provider will never do it. Nothing happened by this question.
    Refused,
    /// The provider has no such payment: what it said before was not true.
    Lost,
    /// Whether it happened is not known. It must be asked again.
    Unclear,
    /// The provider could not be asked, and no other can be. Nothing happened by this question.
    Unsent,
    /// Nobody could be asked; nothing happened. Another provider can be.
    Elsewhere(SmolStr),
}

/// What an answer changes. Nothing, if the payment no longer waits for an answer to this question: a late or a second one.
pub fn tell(payment: &Payment, question: Question, answer: &Answer) -> Vec<Event> {
    if payment.asked != Some(question) {
        return Vec::new();
    }
    match (question, answer) {
        (_, Answer::Unclear) => vec![Event::Unclear],
        (Question::Authorize, Answer::Unsent) if payment.state == State::Pending => {
            vec![Event::Unsent]
        }
        (_, Answer::Unsent) => Vec::new(),
        (Question::Refund, Answer::Seen(seen)) if seen.refunded >= payment.captured => {
            vec![Event::Refunded {
                amount: payment.captured - payment.refunded,
            }]
        }
        (Question::Refund, _) => vec![Event::Unclear],
        (_, Answer::Seen(seen)) => sighted(question, seen),
        (Question::Authorize, Answer::Elsewhere(provider)) if payment.state == State::Pending => {
            vec![Event::Rerouted {
                provider: provider.clone(),
            }]
        }
        (Question::Authorize, Answer::Declined(decline)) => vec![Event::Declined(*decline)],
        (Question::Authorize, Answer::Refused) => vec![Event::Declined(Decline::Declined)],
        // It was never held, whatever was said: it is held now, then taken.
        (Question::Capture, Answer::Lost) => vec![Event::Asked(Question::Authorize)],
        (Question::Capture, Answer::Declined(_) | Answer::Refused | Answer::Nothing) => {
            vec![Event::Refused]
        }
        (Question::Void, Answer::Nothing | Answer::Lost) => vec![Event::Voided],
        (Question::Authorize, Answer::Nothing | Answer::Lost | Answer::Elsewhere(_))
        | (Question::Capture, Answer::Elsewhere(_))
        | (Question::Void, Answer::Declined(_) | Answer::Refused | Answer::Elsewhere(_)) => {
            vec![Event::Unclear]
        }
    }
}

fn sighted(question: Question, seen: &Sighting) -> Vec<Event> {
    let authorized = || Event::Authorized {
        provider_id: Some(seen.provider_id.clone()),
        card: seen.card.clone(),
    };
    match (question, seen.state) {
        (Question::Authorize, State::Authorized) => vec![authorized()],
        (Question::Authorize, State::Captured) => vec![authorized(), Event::Captured],
        (Question::Authorize, State::Declined) => {
            vec![Event::Declined(seen.decline.unwrap_or(Decline::Declined))]
        }
        (Question::Authorize, State::Voided) => vec![Event::Declined(Decline::Unavailable)],
        (Question::Capture, State::Captured) => vec![Event::Captured],
        (Question::Capture, State::Voided | State::Declined) => vec![Event::Refused],
        (Question::Void, State::Voided | State::Declined) => vec![Event::Voided],
        // Money was taken that nobody asked for.
        (Question::Void, State::Captured) => vec![Event::Captured],
        (Question::Capture | Question::Void, State::Authorized)
        | (Question::Refund, _)
        | (_, State::Pending | State::Unknown) => vec![Event::Unclear],
    }
}

#[cfg(test)]
mod tests;
