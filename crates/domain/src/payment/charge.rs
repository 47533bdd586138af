//! A card charged by itself, for a purchase that is none of this shop's: taken at once, or released.

use super::{Answer, Event, Payment, Question, State, tell};
use crate::CheckoutId;

/// What stands for the checkout of a payment that has none.
pub const NO_CHECKOUT: CheckoutId = CheckoutId(0);

impl Payment {
    /// Whether it is charged by itself, outside any checkout.
    pub fn is_by_itself(&self) -> bool {
        self.checkout == NO_CHECKOUT
    }
}

/// What follows from the state that a charge has come to; `None`: an answer is waited for, or it has ended.
pub fn next_of_charge(payment: &Payment) -> Option<Question> {
    if payment.asked.is_some() {
        return None;
    }
    match payment.state {
        State::Authorized if payment.is_refused => Some(Question::Void),
        State::Authorized => Some(Question::Capture),
        // A provider may hold what it denies.
        State::Declined if payment.was_asked && !payment.is_released => Some(Question::Void),
        State::Pending | State::Unknown | State::Declined | State::Captured | State::Voided => None,
    }
}

/// What an answer changes, and whether the question after it is another one than what follows from the state.
pub fn tell_charge(
    payment: &Payment,
    question: Question,
    answer: &Answer,
) -> (Vec<Event>, Option<Question>) {
    let events = tell(payment, question, answer);
    let is_waited_for = payment.asked == Some(question);
    match (question, answer) {
        // Nobody was ever asked: nothing can be held.
        (Question::Authorize, Answer::Unsent) if is_waited_for && payment.tries == 0 => {
            (vec![Event::Voided], None)
        }
        (Question::Authorize, Answer::Unsent) if is_waited_for => (events, Some(Question::Void)),
        // It was given up, and was taken all the same.
        (Question::Void, _) if events.contains(&Event::Captured) => {
            (events, Some(Question::Refund))
        }
        _ => (events, None),
    }
}

/// Gives up a charge that nobody waits for any more: what is held is released. What is about to be taken is asked about
/// until the answer comes. `None`: nothing is to be done but to ask again.
pub fn give_up_charge(payment: &Payment) -> Option<Question> {
    match (payment.asked, payment.state) {
        (Some(Question::Authorize), _) | (None, State::Pending) => Some(Question::Void),
        (Some(Question::Capture | Question::Void | Question::Refund), _) | (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Card, Decline, Method, Sighting, Started};
    use super::*;
    use crate::entity::Entity;
    use crate::{Currency, Money, PaymentId, Time};
    use std::sync::Arc;

    fn started() -> Arc<Payment> {
        let usd = Currency::new("USD").unwrap_or_else(|error| panic!("{error}"));
        let started = Started {
            checkout: NO_CHECKOUT,
            attempt: 1,
            method: Method::Card,
            provider: Some("sim".into()),
            is_fixed: false,
            amount: Money::new(500, usd),
            origin: None,
        };
        let begun = [Event::Started(started), Event::Asked(Question::Authorize)];
        after(None, &begun)
    }

    fn after(payment: Option<Arc<Payment>>, events: &[Event]) -> Arc<Payment> {
        let mut state = payment;
        for event in events {
            Payment::apply(&mut state, &PaymentId(1), event, Time(0));
        }
        state.unwrap_or_else(|| panic!("no payment"))
    }

    fn seen(state: State) -> Answer {
        Answer::Seen(Sighting {
            provider_id: "p".into(),
            state,
            refunded: 0,
            decline: None,
            card: None::<Card>,
        })
    }

    /// Hears answers until nothing is asked; what was asked, and the state at the end.
    #[track_caller]
    fn check(answers: &[(Question, Answer)], end: State, refunded: i64) {
        let mut payment = started();
        for (question, answer) in answers {
            assert_eq!(payment.asked, Some(*question), "{answers:?}");
            let (events, instead) = tell_charge(&payment, *question, answer);
            payment = after(Some(payment), &events);
            if let Some(next) = instead.or_else(|| next_of_charge(&payment)) {
                payment = after(Some(payment), &[Event::Asked(next)]);
            }
        }
        assert_eq!(
            (payment.asked, payment.state, payment.refunded),
            (None, end, refunded),
            "{answers:?}"
        );
    }

    #[test]
    fn ends_taken_or_released() {
        use Question::{Authorize, Capture, Refund, Void};
        let taken = [
            (Authorize, seen(State::Authorized)),
            (Capture, Answer::Unclear),
            (Capture, seen(State::Captured)),
        ];
        check(&taken, State::Captured, 0);
        let declined = [
            (Authorize, Answer::Declined(Decline::Declined)),
            (Void, Answer::Nothing),
        ];
        check(&declined, State::Declined, 0);
        check(&[(Authorize, Answer::Unsent)], State::Voided, 0);
        let lost = [
            (Authorize, Answer::Unclear),
            (Authorize, Answer::Unsent),
            (Void, seen(State::Voided)),
        ];
        check(&lost, State::Voided, 0);
        let refused = [
            (Authorize, seen(State::Authorized)),
            (Capture, Answer::Refused),
            (Void, seen(State::Voided)),
        ];
        check(&refused, State::Voided, 0);
        let mut back = Sighting {
            provider_id: "p".into(),
            state: State::Captured,
            refunded: 0,
            decline: None,
            card: None,
        };
        let captured = Answer::Seen(back.clone());
        back.refunded = 500;
        let taken_all_the_same = [
            (Authorize, Answer::Unclear),
            (Authorize, Answer::Unsent),
            (Void, captured),
            (Refund, Answer::Seen(back)),
        ];
        check(&taken_all_the_same, State::Captured, 500);
    }

    #[test]
    fn what_is_given_up_is_released_unless_it_is_being_taken() {
        let payment = started();
        assert_eq!(give_up_charge(&payment), Some(Question::Void));
        let held = Event::Authorized {
            provider_id: Some("p".into()),
            card: None,
        };
        let taking = after(Some(payment), &[held, Event::Asked(Question::Capture)]);
        assert_eq!(give_up_charge(&taking), None);
    }

    #[test]
    fn what_follows_is_what_its_state_asks_for() {
        let held = || Event::Authorized {
            provider_id: Some("p".into()),
            card: None,
        };
        let declined = || Event::Declined(Decline::Declined);
        let rows: [(Vec<Event>, Option<Question>); 8] = [
            (vec![], None),
            (vec![held()], Some(Question::Capture)),
            (vec![held(), Event::Refused], Some(Question::Void)),
            (vec![held(), Event::Asked(Question::Capture)], None),
            (vec![held(), Event::Captured], None),
            (vec![declined()], Some(Question::Void)),
            (vec![declined(), Event::Voided], None),
            (vec![Event::Voided], None),
        ];
        for (events, expected) in rows {
            let payment = after(Some(started()), &events);
            assert_eq!(next_of_charge(&payment), expected, "{events:?}");
        }
        // Nobody was asked, so that nobody holds anything.
        let mut never = Payment::clone(&after(Some(started()), &[declined()]));
        never.was_asked = false;
        assert_eq!(next_of_charge(&never), None);
    }

    #[test]
    fn answers_to_other_questions_change_nothing() {
        let payment = started();
        let late = tell_charge(&payment, Question::Capture, &Answer::Unsent);
        assert_eq!(late, (Vec::new(), None));
        let held = Event::Authorized {
            provider_id: Some("p".into()),
            card: None,
        };
        let held = after(Some(payment), &[held]);
        let late = tell_charge(&held, Question::Authorize, &Answer::Unsent);
        assert_eq!(late, (Vec::new(), None));
    }

    #[test]
    fn only_a_first_question_is_given_up() {
        let rows = [
            (vec![], Some(Question::Void)),
            (vec![Event::Unsent], Some(Question::Void)),
            (vec![Event::Asked(Question::Void)], None),
            (vec![Event::Asked(Question::Refund)], None),
            (vec![Event::Declined(Decline::Declined)], None),
            (vec![Event::Voided], None),
        ];
        for (events, expected) in rows {
            let payment = after(Some(started()), &events);
            assert_eq!(give_up_charge(&payment), expected, "{events:?}");
        }
    }
}
