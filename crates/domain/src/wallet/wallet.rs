//! A wallet, what happens to it, and its state after that.

use crate::entity::Entity;
use crate::{Currency, Money, PaymentId, Time, WalletEntryId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// What the shop owes a customer in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Which money.
    pub currency: Currency,
    /// Minor units, what is held included; never below 0.
    pub balance: i64,
}

/// What a purchase holds until it is paid or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which payment it is for.
    pub payment: PaymentId,
    /// How much; more than 0.
    pub amount: Money,
}

/// Money that the shop owes a customer. It begins with its first credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Whose.
    pub customer: SmolStr,
    /// One a currency it ever had, in the order of their codes.
    pub balances: Vec<Balance>,
    /// Open holds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// When it last changed.
    pub updated_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An entry changed a balance.
    Booked {
        /// Which entry.
        entry: WalletEntryId,
        /// By how much; below 0 it falls.
        change: Money,
    },
    /// A purchase holds so much.
    Held {
        /// For which payment.
        payment: PaymentId,
        /// How much; more than 0.
        amount: Money,
    },
    /// What a payment held is free again.
    Released {
        /// Of which payment.
        payment: PaymentId,
    },
    /// What a payment held was taken.
    Captured {
        /// Of which payment.
        payment: PaymentId,
        /// The entry that says so.
        entry: WalletEntryId,
    },
}

impl Entity for Wallet {
    type Key = SmolStr;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &SmolStr, event: &Event, at: Time) {
        let wallet = state.get_or_insert_with(|| Arc::new(Self::empty(key.clone())));
        let wallet = Arc::make_mut(wallet);
        wallet.version += 1;
        wallet.updated_at = at;
        match event {
            Event::Booked { change, .. } => wallet.change(*change),
            Event::Held { payment, amount } => wallet.holds.push(Hold {
                payment: *payment,
                amount: *amount,
            }),
            Event::Released { payment } => drop(wallet.end(*payment)),
            Event::Captured { payment, .. } => {
                if let Some(Hold { amount, .. }) = wallet.end(*payment) {
                    wallet.change(Money::new(-amount.minor, amount.currency));
                }
            }
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Wallet {
    /// The wallet of a customer to whom nothing was ever credited.
    pub fn empty(customer: SmolStr) -> Self {
        Self {
            customer,
            balances: Vec::new(),
            holds: Vec::new(),
            updated_at: Time::default(),
            version: 0,
        }
    }

    /// What the shop owes in a currency, in minor units.
    pub fn balance(&self, currency: Currency) -> i64 {
        let found = self.balances.iter().find(|it| it.currency == currency);
        found.map_or(0, |it| it.balance)
    }

    /// How much of that purchases hold.
    pub fn held(&self, currency: Currency) -> i64 {
        let holds = self.holds.iter().map(|hold| hold.amount);
        let held = holds.filter(|amount| amount.currency == currency);
        held.map(|amount| amount.minor).sum()
    }

    /// How much may be spent. Never below 0.
    pub fn available(&self, currency: Currency) -> i64 {
        self.balance(currency) - self.held(currency)
    }

    /// What a payment holds.
    pub fn hold_of(&self, payment: PaymentId) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.payment == payment)
    }

    fn change(&mut self, change: Money) {
        let by_code = |it: &Balance| it.currency.cmp(&change.currency);
        match self.balances.binary_search_by(by_code) {
            Ok(place) => self.balances[place].balance += change.minor,
            Err(place) => self.balances.insert(
                place,
                Balance {
                    currency: change.currency,
                    balance: change.minor,
                },
            ),
        }
    }

    fn end(&mut self, payment: PaymentId) -> Option<Hold> {
        let place = self.holds.iter().position(|it| it.payment == payment)?;
        Some(self.holds.remove(place))
    }
}
