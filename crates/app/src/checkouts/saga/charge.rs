//! Charging a card by itself: recorded before it is asked, taken at once, and never left open.
//!
//! Whoever charges waits and drives it. What nobody drives any more, because its process died or its caller's time was over,
//! is found by the comparison with providers and given up.

use super::begin::Part;
use super::driver::Driver;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::payment::{
    Answer, Event as PaymentEvent, Instrument, InstrumentEvent, NO_CHECKOUT, Payment, Question,
    Started, State, give_up_charge, next_of_charge, tell_charge,
};
use cartwright_domain::{Money, PaymentId, Refusal, Time};
use std::sync::Arc;
use std::time::Duration;

/// The pause before a question is sent again.
const PAUSE: Duration = Duration::from_millis(100);
/// What the provider's dashboard shows for the cart of a charge without one.
const NO_CART: &str = "none";

/// Records that a card is to be charged, and the first question; nothing, when that was done before.
#[derive(Debug)]
struct BeginCharge {
    id: PaymentId,
    amount: Money,
    part: Part,
}

impl Command for BeginCharge {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Payment(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        if work.payment(&self.id)?.is_some() {
            return Ok(Decided {
                events: Vec::new(),
                answer: Key::Payment(self.id),
                created: false,
            });
        }
        let started = Started {
            checkout: NO_CHECKOUT,
            attempt: 1,
            method: self.part.method,
            provider: self.part.provider.clone(),
            is_fixed: self.part.is_fixed,
            amount: self.amount,
            origin: None,
        };
        let instrument = Arc::new(Instrument {
            payment: self.id,
            token: self.part.token.clone().unwrap_or_default(),
        });
        let asked = PaymentEvent::Asked(Question::Authorize);
        Ok(Decided {
            events: vec![
                Event::Payment(self.id, PaymentEvent::Started(started)),
                Event::Instrument(self.id, InstrumentEvent::Recorded(instrument)),
                Event::Payment(self.id, asked),
            ],
            answer: Key::Payment(self.id),
            created: true,
        })
    }
}

/// Hands in what came of a question, or gives the charge up, and records the next question.
#[derive(Debug)]
struct MoveCharge {
    id: PaymentId,
    heard: Option<(Question, Answer)>,
}

impl Command for MoveCharge {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Payment(self.id));
        keys.push(Key::Instrument(self.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let before = work.payment(&self.id)?;
        let before = before.ok_or_else(|| Refusal::not_found("payment", self.id))?;
        let (mut events, instead) = match &self.heard {
            Some((question, answer)) => tell_charge(before, *question, answer),
            None => (Vec::new(), give_up_charge(before)),
        };
        let after = applied(before, &events, &self.id, moment.now);
        if let Some(next) = instead.or_else(|| next_of_charge(&after)) {
            events.push(PaymentEvent::Asked(next));
        }
        let ends = !applied(before, &events, &self.id, moment.now).is_open();
        let mut all: Vec<_> = events
            .into_iter()
            .map(|event| Event::Payment(self.id, event))
            .collect();
        if ends && work.instrument(&self.id)?.is_some() {
            all.push(Event::Instrument(self.id, InstrumentEvent::Erased));
        }
        Ok(Decided {
            events: all,
            answer: Key::Payment(self.id),
            created: false,
        })
    }
}

fn applied(
    before: &Arc<Payment>,
    events: &[PaymentEvent],
    id: &PaymentId,
    now: Time,
) -> Arc<Payment> {
    let mut state = Some(before.clone());
    for event in events {
        Payment::apply(&mut state, id, event, now);
    }
    state.unwrap_or_else(|| before.clone())
}

impl Driver {
    /// Charges a card: authorizes and captures `amount`, more than 0. The payment as it stands at its end, or when `until_ns`
    /// is over; what is open then ends by itself. A payment that is known by its id is the answer, whatever its amount.
    ///
    /// Errors: [`Fault`] when the loop or the store fails. What was recorded by then ends by itself too.
    pub async fn charge(
        &self,
        id: PaymentId,
        amount: Money,
        part: Part,
        until_ns: u64,
    ) -> Result<Arc<Payment>, Fault> {
        self.submit(BeginCharge { id, amount, part }).await?;
        loop {
            let payment = self.charged(id).await?;
            if !payment.is_open() || self.shop().clock().monotonic_ns() >= until_ns {
                return Ok(payment);
            }
            self.ask_charge(&payment).await?;
        }
    }

    /// Goes on with a charge that nobody drives: it is given up, as far as its money was not asked for.
    pub(super) async fn end_charge(&self, payment: &Payment) -> Result<(), Fault> {
        if give_up_charge(payment).is_some() {
            let given_up = MoveCharge {
                id: payment.id,
                heard: None,
            };
            self.submit(given_up).await?;
        }
        let payment = self.charged(payment.id).await?;
        if payment.is_open() {
            self.ask_charge(&payment).await?;
        }
        Ok(())
    }

    async fn ask_charge(&self, payment: &Payment) -> Result<(), Fault> {
        let Some(question) = payment.asked else {
            // A state that is followed by a question which was not recorded: it is now.
            let next = MoveCharge {
                id: payment.id,
                heard: None,
            };
            return self.submit(next).await;
        };
        if payment.tries > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let token = self.shop().find(&Key::Instrument(payment.id)).await?;
        let token = match &token {
            Some(Record::Instrument(it)) => Some(it.token.as_str()),
            _ => None,
        };
        let clock = self.shop().clock();
        failpoint(Point::ChargeAsking);
        let told = self
            .providers()
            .ask(payment, question, token, NO_CART, || clock.monotonic_ns())
            .await;
        failpoint(Point::ChargeAnswered);
        if told.answer == Answer::Unsent && question != Question::Authorize {
            tokio::time::sleep(PAUSE).await;
        }
        let heard = MoveCharge {
            id: payment.id,
            heard: Some((question, told.answer)),
        };
        self.submit(heard).await?;
        failpoint(Point::ChargeRecorded);
        Ok(())
    }

    async fn charged(&self, id: PaymentId) -> Result<Arc<Payment>, Fault> {
        match self.shop().find(&Key::Payment(id)).await? {
            Some(Record::Payment(payment)) => Ok(payment),
            _ => Err(Fault::Corrupt(format!("payment {id} is gone"))),
        }
    }
}

/// Whether a charge took its money and kept it.
pub fn was_charged(payment: &Payment) -> bool {
    payment.state == State::Captured && payment.asked.is_none() && payment.refunded == 0
}
