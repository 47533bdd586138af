//! Paying with a wallet: what a purchase needs is held with its stock, then taken or set free, once.

use super::book::{Booked, Booking, book, require_available};
use super::{Event, Kind, Wallet};
use crate::planted::{Bug, planted};
use crate::{Money, OrderId, PaymentId, Refusal, WalletEntryId};
use smol_str::ToSmolStr;

/// Holds money for a payment. Refused: `InsufficientFunds`.
pub fn hold(wallet: Option<&Wallet>, payment: PaymentId, amount: Money) -> Result<Event, Refusal> {
    require_available(wallet, amount)?;
    Ok(Event::Held { payment, amount })
}

/// Sets free what a payment holds; `None`: it holds nothing any more.
pub fn release(wallet: &Wallet, payment: PaymentId) -> Option<Event> {
    let hold = wallet.hold_of(payment)?;
    if planted(Bug::WalletHoldStays) {
        return None;
    }
    Some(Event::Released {
        payment: hold.payment,
    })
}

/// What is held is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Capture {
    /// The entry's id.
    pub id: WalletEntryId,
    /// Which payment holds it.
    pub payment: PaymentId,
    /// Which order it pays.
    pub order: Option<OrderId>,
}

/// Takes what a payment holds; `None`: it holds nothing any more. Never refused: a hold is covered.
pub fn capture(wallet: &Wallet, request: Capture) -> Result<Option<Booked>, Refusal> {
    let Some(hold) = wallet.hold_of(request.payment) else {
        return Ok(None);
    };
    let booking = Booking {
        id: request.id,
        customer: wallet.customer.clone(),
        amount: hold.amount,
        reference: request.payment.to_smolstr(),
        reason: None,
        order: request.order,
    };
    let booked = book(Kind::Payment, Some(wallet), booking)?;
    Ok(Some(Booked {
        wallet: Event::Captured {
            payment: request.payment,
            entry: request.id,
        },
        ..booked
    }))
}
