//! What an operator does about a refund whose provider would not say whether it was made.

use super::existing;
use super::refund::returned;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::order::{RefundPart, RefundState, resolved};
use cartwright_domain::payment::{Event as PaymentEvent, Payment};
use cartwright_domain::{OrderId, PaymentId, RefundId, Refusal};
use smol_str::SmolStr;

/// Settles the open parts of a refund, and writes down who did and why. What their provider shows is compared again after that. Refused:
/// `NotFound` (`order`, `refund`), `InvalidState` when nothing of it is open.
#[derive(Debug)]
pub struct ResolveRefund {
    /// Of which order.
    pub order: OrderId,
    /// Which refund.
    pub refund: RefundId,
    /// What became of it: [`RefundState::Succeeded`], by hand, or [`RefundState::Failed`], and the money is left.
    pub state: RefundState,
    /// The payments whose provider shows that their part was made.
    pub shown: Vec<PaymentId>,
    /// Why.
    pub note: SmolStr,
    /// Who.
    pub by: SmolStr,
}

impl Command for ResolveRefund {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = existing(work, self.order)?;
        let refund = order.refund(self.refund);
        let refund = refund.ok_or_else(|| Refusal::not_found("refund", self.refund))?;
        let Some(event) = resolved(order, self.refund, self.state, &self.note, &self.by) else {
            let state = refund.state().as_str();
            let detail = format!("refund {} has {state}: nothing is open", self.refund);
            return Err(Refusal::InvalidState { state, detail }.into());
        };
        let mut events = Vec::new();
        for part in refund.parts.iter().filter(|part| part.state.is_open()) {
            let payment = work.payment(&part.payment)?;
            let payment = payment.ok_or_else(|| Refusal::not_found("payment", part.payment))?;
            events.extend(self.settled(payment, part));
        }
        events.push(Event::Order(self.order, event));
        Ok(Decided {
            events,
            answer: Key::Order(self.order),
            created: false,
        })
    }
}

impl ResolveRefund {
    /// What it means for a part's payment.
    fn settled(&self, payment: &Payment, part: &RefundPart) -> Vec<Event> {
        let amount = part.amount;
        if self.state == RefundState::Succeeded && self.shown.contains(&payment.id) {
            return returned(payment, amount);
        }
        let charged = payment.origin.map_or(payment.id, |it| it.payment);
        let mut events = vec![Event::Payment(charged, PaymentEvent::Doubted)];
        if self.state == RefundState::Succeeded {
            let elsewhere = PaymentEvent::GivenElsewhere { amount };
            events.push(Event::Payment(payment.id, elsewhere));
        }
        events
    }
}
