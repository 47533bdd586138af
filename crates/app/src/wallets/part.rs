//! Wallets as a way to pay, and to give back.

use crate::nouns::Event;
use crate::shop::Moment;
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::wallet::{
    self, Booked, Booking, Capture, EntryEvent, Event as WalletEvent, Wallet,
};
use cartwright_domain::{Money, OrderId, PaymentId, Refusal, Time, WalletEntryId};
use smol_str::SmolStr;
use std::sync::Arc;

/// Money that goes back into a wallet.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Whose wallet.
    pub customer: SmolStr,
    /// How much; more than 0.
    pub amount: Money,
    /// The id of the refund, or of the payment that is given back.
    pub reference: SmolStr,
    /// Which order it is about.
    pub order: Option<OrderId>,
}

/// What giving back into a wallet comes to, for the caller's own transaction. It is not told from a repetition: whoever calls it
/// records in the same transaction that it was done. One call for each wallet in a command; for several take a `Purse`.
/// Refused: `Invalid` when the balance would become absurd.
pub fn refund(work: &Work, moment: &mut Moment<'_>, refund: Refund) -> Result<Vec<Event>, Stop> {
    let mut purse = purse(work, &refund.customer, moment.now)?;
    purse.refund(moment, refund.amount, refund.reference, refund.order)
}

/// A wallet in the hands of one command: what is decided later sees what was decided before.
#[derive(Debug)]
pub(crate) struct Purse {
    customer: SmolStr,
    wallet: Option<Arc<Wallet>>,
    now: Time,
}

/// Takes a customer's wallet into the hand.
pub(crate) fn purse(work: &Work, customer: &SmolStr, now: Time) -> Result<Purse, Stop> {
    Ok(Purse {
        customer: customer.clone(),
        wallet: work.wallet(customer)?.cloned(),
        now,
    })
}

impl Purse {
    /// Holds money for a payment. Refused: `InsufficientFunds`.
    pub(crate) fn hold(&mut self, payment: PaymentId, amount: Money) -> Result<Event, Refusal> {
        let held = wallet::hold(self.wallet.as_deref(), payment, amount)?;
        Ok(self.happens(held))
    }

    /// Sets free what a payment holds; nothing, when it holds nothing any more.
    pub(crate) fn release(&mut self, payment: PaymentId) -> Vec<Event> {
        let released = self.wallet.as_deref();
        let released = released.and_then(|it| wallet::release(it, payment));
        released
            .map(|event| self.happens(event))
            .into_iter()
            .collect()
    }

    /// Takes what a payment holds; nothing, when it holds nothing any more.
    pub(crate) fn capture(
        &mut self,
        moment: &mut Moment<'_>,
        payment: PaymentId,
        order: Option<OrderId>,
    ) -> Result<Vec<Event>, Stop> {
        let id = WalletEntryId(moment.ids.fresh(moment.now));
        let request = Capture { id, payment, order };
        let booked = match self.wallet.as_deref() {
            Some(wallet) => wallet::capture(wallet, request)?,
            None => None,
        };
        Ok(booked.map_or_else(Vec::new, |booked| self.booked(booked)))
    }

    /// Gives money back.
    pub(crate) fn refund(
        &mut self,
        moment: &mut Moment<'_>,
        amount: Money,
        reference: SmolStr,
        order: Option<OrderId>,
    ) -> Result<Vec<Event>, Stop> {
        let booking = Booking {
            id: WalletEntryId(moment.ids.fresh(moment.now)),
            customer: self.customer.clone(),
            amount,
            reference,
            reason: None,
            order,
        };
        let booked = wallet::refund(self.wallet.as_deref(), booking)?;
        Ok(self.booked(booked))
    }

    fn booked(&mut self, booked: Booked) -> Vec<Event> {
        Wallet::apply(&mut self.wallet, &self.customer, &booked.wallet, self.now);
        let [wallet, entry] = events(&self.customer, booked);
        if planted(Bug::WalletEntryMissing) {
            return vec![wallet];
        }
        vec![wallet, entry]
    }

    fn happens(&mut self, event: WalletEvent) -> Event {
        Wallet::apply(&mut self.wallet, &self.customer, &event, self.now);
        Event::Wallet(self.customer.clone(), event)
    }
}

pub(super) fn events(customer: &SmolStr, booked: Booked) -> [Event; 2] {
    [
        Event::Wallet(customer.clone(), booked.wallet),
        Event::WalletEntry(booked.id, EntryEvent::Posted(booked.entry)),
    ]
}
