//! Invoices and credit notes, and the accounts of the ledger.

use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_domain::wallet::Account;
use cartwright_domain::{Money, OrderId};
use std::collections::BTreeMap;

/// Invoices, then credit notes, each by number.
pub(super) fn list(
    records: &BTreeMap<Key, Record>,
    only: Option<DocumentKind>,
    after: Option<DocumentNumber>,
    limit: usize,
) -> Vec<(DocumentNumber, OrderId)> {
    let all = records.iter().filter_map(|(key, record)| {
        let number = match key {
            Key::Invoice(number) => DocumentKind::Invoice.numbered(*number),
            Key::CreditNote(number) => DocumentKind::CreditNote.numbered(*number),
            _ => return None,
        };
        match record {
            Record::OrderId(order) => Some((number, *order)),
            _ => None,
        }
    });
    let mut wanted: Vec<_> = all
        .filter(|(number, _)| {
            only.is_none_or(|only| number.kind == only) && after.is_none_or(|after| *number > after)
        })
        .collect();
    wanted.sort_unstable();
    wanted.truncate(limit);
    wanted
}

/// How the accounts stand, in the order of currencies and accounts.
pub(super) fn accounts(records: &BTreeMap<Key, Record>) -> Vec<(Account, Money)> {
    let accounts = records
        .iter()
        .filter_map(|(key, record)| match (key, record) {
            (Key::Account(account, currency), Record::Amount(amount)) => {
                Some((*account, Money::new(*amount, *currency)))
            }
            _ => None,
        });
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_unstable_by_key(|(account, money)| (money.currency, *account));
    accounts
}
