//! Wallets and the entries of their ledger.

use super::{Bad, id, missing, unknown_type};
use cartwright_domain::wallet::{Account, EntryData, EntryEvent, Event, Kind, Posting};
use cartwright_domain::{Currency, Money, OrderId, PaymentId, WalletEntryId};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) const ENTRY_POSTED: &str = "wallet_entry.posted";

pub(super) fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Booked { .. } => "wallet.booked",
        Event::Held { .. } => "wallet.held",
        Event::Released { .. } => "wallet.released",
        Event::Captured { .. } => "wallet.captured",
    }
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Booked { entry, change } => proto::WalletBooked {
            entry_id: entry.to_bytes().to_vec(),
            change: change.minor,
            currency: change.currency.to_string(),
        }
        .encode_to_vec(),
        Event::Held { payment, amount } => proto::WalletHeld {
            payment_id: payment.to_bytes().to_vec(),
            amount: amount.minor,
            currency: amount.currency.to_string(),
        }
        .encode_to_vec(),
        Event::Released { payment } => proto::WalletReleased {
            payment_id: payment.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        Event::Captured { payment, entry } => proto::WalletCaptured {
            payment_id: payment.to_bytes().to_vec(),
            entry_id: entry.to_bytes().to_vec(),
        }
        .encode_to_vec(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    let payment = |bytes: &[u8]| id(bytes, PaymentId::from_slice, "payment_id");
    let entry = |bytes: &[u8]| id(bytes, WalletEntryId::from_slice, "entry_id");
    Ok(match kind {
        "wallet.booked" => {
            let message = proto::WalletBooked::decode(payload)?;
            Event::Booked {
                entry: entry(&message.entry_id)?,
                change: Money::new(message.change, Currency::new(&message.currency)?),
            }
        }
        "wallet.held" => {
            let message = proto::WalletHeld::decode(payload)?;
            Event::Held {
                payment: payment(&message.payment_id)?,
                amount: Money::new(message.amount, Currency::new(&message.currency)?),
            }
        }
        "wallet.released" => Event::Released {
            payment: payment(&proto::WalletReleased::decode(payload)?.payment_id)?,
        },
        "wallet.captured" => {
            let message = proto::WalletCaptured::decode(payload)?;
            Event::Captured {
                payment: payment(&message.payment_id)?,
                entry: entry(&message.entry_id)?,
            }
        }
        other => return Err(unknown_type(other)),
    })
}

pub(super) fn encode_entry(event: &EntryEvent) -> Vec<u8> {
    let EntryEvent::Posted(data) = event;
    let postings = data.postings.iter().map(|it| proto::WalletPosting {
        account: it.account.as_str().to_owned(),
        amount: it.amount,
    });
    proto::WalletEntryPosted {
        customer_id: data.customer.to_string(),
        kind: data.kind.as_str().to_owned(),
        amount: data.amount.minor,
        currency: data.amount.currency.to_string(),
        balance: data.balance,
        reference: data.reference.to_string(),
        reason: data.reason.as_ref().map(ToString::to_string),
        order_id: data.order.map(|id| id.to_bytes().to_vec()),
        postings: postings.collect(),
    }
    .encode_to_vec()
}

pub(super) fn decode_entry(kind: &str, payload: &[u8]) -> Result<EntryEvent, Bad> {
    if kind != ENTRY_POSTED {
        return Err(unknown_type(kind));
    }
    let message = proto::WalletEntryPosted::decode(payload)?;
    let order = message
        .order_id
        .map(|bytes| id(&bytes, OrderId::from_slice, "order_id"));
    let postings = message.postings.iter().map(|it| {
        let account = Account::parse(&it.account).ok_or_else(|| missing("account"))?;
        let amount = it.amount;
        Ok(Posting { account, amount })
    });
    Ok(EntryEvent::Posted(Box::new(EntryData {
        customer: message.customer_id.into(),
        kind: Kind::parse(&message.kind).ok_or_else(|| missing("kind"))?,
        amount: Money::new(message.amount, Currency::new(&message.currency)?),
        balance: message.balance,
        reference: message.reference.into(),
        reason: message.reason.map(Into::into),
        order: order.transpose()?,
        postings: postings.collect::<Result<_, Bad>>()?,
    })))
}
