//! Credits and debits.

use super::part::events;
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::wallet::{Booking, Kind, credit, debit, is_repeat};
use cartwright_domain::{Money, Refusal, WalletEntryId};
use smol_str::SmolStr;

/// Puts money into a customer's wallet or takes some out; the answer is the entry. The same reference again with the same amount is
/// the entry that is there, whatever became of the wallet since. Refused: `VersionConflict`, `AlreadyExists` (the reference),
/// `Invalid` (`amount`), `InsufficientFunds`.
#[derive(Debug)]
pub struct Book {
    /// [`Kind::Credit`] or [`Kind::Debit`].
    pub kind: Kind,
    /// Whose wallet.
    pub customer: SmolStr,
    /// How much.
    pub amount: Money,
    /// What the caller calls it, for ever.
    pub reference: SmolStr,
    /// Why, for people.
    pub reason: SmolStr,
    /// The version the wallet must have (0: there was nothing in it ever).
    pub expected_version: Option<u64>,
}

impl Command for Book {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Wallet(self.customer.clone()));
        let (customer, reference) = (self.customer.clone(), self.reference.clone());
        keys.push(Key::WalletReference(customer, reference));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let wallet = work.wallet(&self.customer)?.map(AsRef::as_ref);
        check_version(self.expected_version, wallet.map_or(0, |it| it.version))?;
        let mut booking = Booking {
            id: WalletEntryId(0),
            customer: self.customer.clone(),
            amount: self.amount,
            reference: self.reference.clone(),
            reason: Some(self.reason.clone()),
            order: None,
        };
        if let Some(known) = work.entry_called(&self.customer, &self.reference)? {
            let entry = work.wallet_entry(known)?.map(AsRef::as_ref);
            if is_repeat(entry, self.kind, &booking)? {
                return Ok(Decided {
                    events: Vec::new(),
                    answer: Key::WalletEntry(*known),
                    created: false,
                });
            }
        }
        booking.id = WalletEntryId(moment.ids.fresh(moment.now));
        let id = booking.id;
        let booked = match self.kind {
            Kind::Credit => credit(wallet, booking)?,
            Kind::Debit => debit(wallet, booking)?,
            Kind::Payment | Kind::Refund => {
                let detail = "only credits and debits are booked by hand";
                return Err(Refusal::invalid("type", "malformed", detail).into());
            }
        };
        Ok(Decided {
            events: events(&self.customer, booked).into(),
            answer: Key::WalletEntry(id),
            created: true,
        })
    }
}
