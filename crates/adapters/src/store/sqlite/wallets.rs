//! What the tables of wallets are asked for.

use super::fault::fault;
use super::rows::bad;
use cartwright_app::Fault;
use cartwright_domain::wallet::Account;
use cartwright_domain::{Currency, Money};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use std::io::{Error, ErrorKind};

/// The entry that a wallet has under a reference.
pub(super) const CALLED: &str =
    "SELECT id FROM wallet_entries WHERE customer_id = ?1 AND reference = ?2";

/// Entries of a wallet, oldest first.
pub(super) const ENTRIES: &str =
    "SELECT body FROM wallet_entries WHERE customer_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

/// How all accounts stand, in one statement, so that they are of one moment.
pub(super) fn accounts(connection: &Connection) -> Result<Vec<(Account, Money)>, Fault> {
    let sql = "SELECT account, currency, amount FROM ledger_accounts";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement.query_map([], account).map_err(fault)?;
    let mut found = found.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    found.sort_unstable_by_key(|(account, money)| (money.currency, *account));
    Ok(found)
}

fn account(row: &Row<'_>) -> rusqlite::Result<(Account, Money)> {
    let name = row.get_ref(0)?.as_str()?;
    let account = Account::parse(name).ok_or_else(|| {
        let unknown = Error::new(ErrorKind::InvalidData, "an unknown account");
        bad(0, Type::Text, unknown)
    })?;
    let currency = Currency::new(row.get_ref(1)?.as_str()?);
    let currency = currency.map_err(|error| bad(1, Type::Text, error))?;
    Ok((account, Money::new(row.get(2)?, currency)))
}
