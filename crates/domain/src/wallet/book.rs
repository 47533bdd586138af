//! Booking: money into a wallet and out of it.

use super::{Entry, EntryData, Event, Kind, Wallet};
use crate::planted::{Bug, planted};
use crate::{Money, OrderId, Refusal, WalletEntryId};
use smol_str::SmolStr;

/// Most minor units of one credit or debit.
pub const MAX_AMOUNT: i64 = 10_000_000_000_000;
/// Most minor units of a balance that credits lead to.
const MAX_BALANCE: i64 = 1_000_000_000_000_000;

/// What is to be booked.
#[derive(Debug, Clone)]
pub struct Booking {
    /// The entry's id.
    pub id: WalletEntryId,
    /// Whose wallet.
    pub customer: SmolStr,
    /// How much; more than 0.
    pub amount: Money,
    /// What whoever books it calls it.
    pub reference: SmolStr,
    /// For people.
    pub reason: Option<SmolStr>,
    /// Which order it is about.
    pub order: Option<OrderId>,
}

/// What a booking comes to: a change of the wallet, and the entry that says why.
#[derive(Debug, Clone, PartialEq)]
pub struct Booked {
    /// What happens to the wallet.
    pub wallet: Event,
    /// The entry's id.
    pub id: WalletEntryId,
    /// The entry.
    pub entry: Box<EntryData>,
}

/// Puts money into a wallet; `None`: the customer has none yet. Refused: `Invalid` (`amount`).
pub fn credit(wallet: Option<&Wallet>, booking: Booking) -> Result<Booked, Refusal> {
    require_amount(booking.amount)?;
    let booked = book(Kind::Credit, wallet, booking)?;
    if booked.entry.balance > MAX_BALANCE {
        return Err(too_much(MAX_BALANCE));
    }
    Ok(booked)
}

/// Takes money out of a wallet. Refused: `Invalid` (`amount`), `InsufficientFunds`.
pub fn debit(wallet: Option<&Wallet>, booking: Booking) -> Result<Booked, Refusal> {
    require_amount(booking.amount)?;
    require_available(wallet, booking.amount)?;
    book(Kind::Debit, wallet, booking)
}

/// Gives back what a purchase was paid with, by this wallet or otherwise. Refused: `Invalid` (`amount`).
pub fn refund(wallet: Option<&Wallet>, booking: Booking) -> Result<Booked, Refusal> {
    book(Kind::Refund, wallet, booking)
}

/// Whether a credit or debit is the one that was booked under its reference already. Refused: `AlreadyExists` when it is another.
pub fn is_repeat(known: Option<&Entry>, kind: Kind, booking: &Booking) -> Result<bool, Refusal> {
    match known {
        None => Ok(false),
        Some(it) if (it.data.kind, it.data.amount) == (kind, booking.amount) => Ok(true),
        Some(_) => Err(Refusal::AlreadyExists {
            resource: "wallet entry",
            id: booking.reference.to_string(),
        }),
    }
}

pub(super) fn require_available(wallet: Option<&Wallet>, amount: Money) -> Result<(), Refusal> {
    let available = wallet.map_or(0, |wallet| {
        if planted(Bug::WalletSpentTwice) {
            return wallet.balance(amount.currency);
        }
        wallet.available(amount.currency)
    });
    if amount.minor > available {
        return Err(Refusal::InsufficientFunds {
            requested: amount.minor,
            available,
            currency: amount.currency,
        });
    }
    Ok(())
}

pub(super) fn book(
    kind: Kind,
    wallet: Option<&Wallet>,
    booking: Booking,
) -> Result<Booked, Refusal> {
    let Money { minor, currency } = booking.amount;
    let change = if kind.is_in() { minor } else { -minor };
    let before = wallet.map_or(0, |wallet| wallet.balance(currency));
    let balance = before
        .checked_add(change)
        .ok_or_else(|| too_much(i64::MAX))?;
    Ok(Booked {
        wallet: Event::Booked {
            entry: booking.id,
            change: Money::new(change, currency),
        },
        id: booking.id,
        entry: Box::new(EntryData {
            customer: booking.customer,
            kind,
            amount: booking.amount,
            balance,
            reference: booking.reference,
            reason: booking.reason,
            order: booking.order,
            postings: kind.postings(minor),
        }),
    })
}

fn require_amount(amount: Money) -> Result<(), Refusal> {
    if (1..=MAX_AMOUNT).contains(&amount.minor) {
        return Ok(());
    }
    let detail = format!("expected 1 to {MAX_AMOUNT} minor units");
    Err(Refusal::invalid("amount.amount", "out_of_range", detail))
}

fn too_much(most: i64) -> Refusal {
    let detail = format!("a balance is at most {most} minor units");
    Refusal::invalid("amount.amount", "out_of_range", detail)
}
