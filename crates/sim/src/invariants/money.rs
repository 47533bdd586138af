//! Money that was taken, moved, given back and put into wallets.

use super::{Evidence, Tables};
use crate::found::Found;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::payment::{GatewayPayment, PaymentState};
use cartwright_domain::PaymentId;
use cartwright_domain::order::{ExchangeState, To};
use cartwright_domain::payment::{Method, State as PaymentIs};
use cartwright_domain::wallet::Kind as WalletKind;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// The providers' books are ours: what they took, and gave back, and nothing held.
pub(super) fn money(evidence: &Evidence<'_>, tables: &Tables, found: &Found) {
    let mut theirs: BTreeMap<(&str, &str), Vec<&GatewayPayment>> = BTreeMap::new();
    for (name, books) in &evidence.providers {
        for it in &books.payments {
            theirs.entry((name, &it.reference)).or_default().push(it);
        }
    }
    for ((provider, reference), payments) in &theirs {
        let known = reference
            .parse::<PaymentId>()
            .ok()
            .and_then(|id| tables.payments.get(&id));
        let Some(ours) = known else {
            let what = || format!("{provider} knows {reference} and we do not");
            found.must("their-ledger-is-ours", false, what);
            continue;
        };
        let taken: i64 = payments
            .iter()
            .map(|it| it.captured.minor - it.refunded.minor)
            .sum();
        let is_his = ours.provider.as_deref() == Some(*provider);
        let expected = if is_his {
            ours.captured - ours.refunded
        } else {
            0
        };
        found.must("their-ledger-is-ours", taken == expected, || {
            format!("{provider} keeps {taken} and we say {expected}: {ours:?} {payments:?}")
        });
        let held = payments
            .iter()
            .any(|it| it.state == PaymentState::Authorized);
        found.must("nothing-held-after-the-end", !held, || {
            format!("{provider} still holds money: {payments:?}")
        });
    }
    for it in tables.payments.values() {
        found.must("every-payment-ends", !it.is_open(), || {
            format!("a payment is open: {it:?}")
        });
        if it.method == Method::Card && it.state == PaymentIs::Captured {
            let provider = it.provider.as_deref().unwrap_or_default();
            let reference = it.id.to_string();
            let is_known = theirs.contains_key(&(provider, reference.as_str()));
            found.must("their-ledger-is-ours", is_known, || {
                format!("taken, and {provider} knows nothing: {it:?}")
            });
        }
        let token = evidence.store.load(&Key::Instrument(it.id));
        found.must("tokens-are-erased", matches!(token, Ok(None)), || {
            format!("a card's token is still kept: {}", it.id)
        });
    }
}

/// What a payment gave to other orders is what their payments have of it.
pub(super) fn moved(tables: &Tables, found: &Found) {
    let mut has: BTreeMap<PaymentId, i64> = BTreeMap::new();
    for it in tables.payments.values() {
        if let Some(origin) = it.origin {
            *has.entry(origin.payment).or_default() += it.captured - it.refunded - it.moved;
        }
    }
    for it in tables.payments.values().filter(|it| it.origin.is_none()) {
        let told = has.remove(&it.id).unwrap_or_default();
        found.must("exchanged-money-adds-up", it.moved == told, || {
            format!("{told} of it pays elsewhere: {it:?}")
        });
    }
    found.must("exchanged-money-adds-up", has.is_empty(), || {
        format!("of no payment: {has:?}")
    });
}

/// A balance is the sum of its entries, never below 0, and nothing is held after the end.
pub(super) fn wallets(tables: &Tables, found: &Found) {
    let mut sums: BTreeMap<SmolStr, i64> = BTreeMap::new();
    for record in tables.all.values() {
        if let Record::WalletEntry(entry) = record {
            let data = &entry.data;
            let sign = if data.kind.is_in() { 1 } else { -1 };
            *sums.entry(data.customer.clone()).or_default() += sign * data.amount.minor;
            let posted: i64 = data.postings.iter().map(|it| it.amount).sum();
            found.must("a-wallet-is-its-entries", posted == 0, || {
                format!("postings sum to {posted}: {data:?}")
            });
        }
    }
    for record in tables.all.values() {
        let Record::Wallet(wallet) = record else {
            continue;
        };
        let balance: i64 = wallet.balances.iter().map(|it| it.balance).sum();
        let sum = sums.remove(&wallet.customer).unwrap_or_default();
        found.must(
            "a-wallet-is-its-entries",
            balance == sum && balance >= 0,
            || format!("entries make {sum}: {wallet:?}"),
        );
        found.must(
            "nothing-held-after-the-end",
            wallet.holds.is_empty(),
            || format!("still held: {wallet:?}"),
        );
    }
}

/// Nothing comes back twice, exchanges end, and what goes into a wallet arrives there.
pub(super) fn returns(tables: &Tables, found: &Found) {
    let mut arrived: BTreeMap<&str, i64> = BTreeMap::new();
    for record in tables.all.values() {
        if let Record::WalletEntry(entry) = record
            && entry.data.kind == WalletKind::Refund
        {
            let reference = entry.data.reference.as_str();
            *arrived.entry(reference).or_default() += entry.data.amount.minor;
        }
    }
    for order in &tables.orders {
        for line in &order.lines {
            let received = order.returns.iter().flat_map(|it| &it.received);
            let received = received.filter(|(id, _)| *id == line.id);
            let received: i64 = received.map(|(_, units)| units).sum();
            let is_once = received == line.returned && line.returned <= line.fulfilled;
            found.must("nothing-comes-back-twice", is_once, || {
                format!("{received} were received of {}: {order:?}", line.id)
            });
        }
        for exchange in &order.exchanges {
            let has_ended = exchange.state != ExchangeState::Processing;
            found.must("every-exchange-ends", has_ended, || {
                format!("not ended: {exchange:?}")
            });
        }
        for refund in order.refunds.iter().filter(|it| it.to == To::Wallet) {
            let there = arrived.get(refund.id.to_string().as_str()).copied();
            let there = there.unwrap_or_default();
            found.must("a-refund-arrives", there == refund.amount, || {
                format!("{there} came into the wallet: {refund:?}")
            });
        }
    }
}
