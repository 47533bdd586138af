//! Entries of the ledger: what was booked, and between which accounts.

use crate::entity::Entity;
use crate::words::words;
use crate::{Money, OrderId, Time, WalletEntryId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Accounts of the ledger. A posting above 0 credits one, a posting below 0 debits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What the shop owes its customers: the sum of all wallets (a liability).
    CustomerWallets,
    /// What wallets were credited with, as a present or for money that came in elsewhere (an expense).
    CreditIssued,
    /// What was taken from wallets otherwise than by a purchase: paid out, expired, corrected.
    CreditWithdrawn,
    /// What was bought with wallets (revenue).
    Sales,
    /// What was given back to wallets for purchases (against revenue).
    Refunds,
}

/// Why a balance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody put money in.
    Credit,
    /// Somebody took money out.
    Debit,
    /// A purchase was paid.
    Payment,
    /// A purchase was given back.
    Refund,
}

words!(Account {
    CustomerWallets = "customer_wallets",
    CreditIssued = "credit_issued",
    CreditWithdrawn = "credit_withdrawn",
    Sales = "sales",
    Refunds = "refunds"
});
words!(Kind {
    Credit = "credit",
    Debit = "debit",
    Payment = "payment",
    Refund = "refund"
});

impl Kind {
    /// Whether the balance rises.
    pub fn is_in(self) -> bool {
        matches!(self, Self::Credit | Self::Refund)
    }

    /// Where the money comes from or goes to.
    fn counter(self) -> Account {
        match self {
            Self::Credit => Account::CreditIssued,
            Self::Debit => Account::CreditWithdrawn,
            Self::Payment => Account::Sales,
            Self::Refund => Account::Refunds,
        }
    }

    /// What an entry of so much posts; sums to 0.
    pub(super) fn postings(self, amount: i64) -> Vec<Posting> {
        let change = if self.is_in() { amount } else { -amount };
        let posting = |account, amount| Posting { account, amount };
        vec![
            posting(Account::CustomerWallets, change),
            posting(self.counter(), -change),
        ]
    }
}

/// What an entry does to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Which.
    pub account: Account,
    /// Minor units of the entry's currency; above 0 credits, below 0 debits.
    pub amount: i64,
}

/// What was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryData {
    /// Whose wallet.
    pub customer: SmolStr,
    /// Why.
    pub kind: Kind,
    /// How much; more than 0, whichever way it went.
    pub amount: Money,
    /// The wallet's balance of that currency after it.
    pub balance: i64,
    /// What whoever booked it calls it; the payment's id for a payment.
    pub reference: SmolStr,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SmolStr>,
    /// Which order was paid or given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// What it does to the accounts. They sum to 0.
    pub postings: Vec<Posting>,
}

impl EntryData {
    /// Whether its reference is its client's own choice, and so may be taken once for each wallet.
    pub fn is_clients(&self) -> bool {
        matches!(self.kind, Kind::Credit | Kind::Debit)
    }
}

/// An entry of the ledger: never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub id: WalletEntryId,
    /// What.
    pub data: EntryData,
    /// When.
    pub at: Time,
}

/// What happens to an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryEvent {
    /// It was posted, and stays as it is.
    Posted(Box<EntryData>),
}

impl Entity for Entry {
    type Key = WalletEntryId;
    type Event = EntryEvent;

    fn apply(state: &mut Option<Arc<Self>>, key: &WalletEntryId, event: &EntryEvent, at: Time) {
        let EntryEvent::Posted(data) = event;
        let data = EntryData::clone(data);
        *state = Some(Arc::new(Self { id: *key, data, at }));
    }

    fn version(&self) -> u64 {
        1
    }
}
