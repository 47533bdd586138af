//! What is put under a key: one statement a table, whatever number of rows.

use super::link::Value;
use super::table::{Cell, Kind, Rows, Table};
use crate::store::form::{encode, hold, level, state};
use Kind::{Bytes, Flag, Id, Json, Number, Text};
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use serde::Serialize;

/// The tables that a batch writes to, as [`TABLES`] has them.
#[derive(Debug, Clone, Copy)]
enum Into {
    Products,
    Skus,
    Slugs,
    Stores,
    Levels,
    Reservations,
    References,
    Transfers,
    Carts,
    UserCarts,
    ApiKeys,
    Checkouts,
    Contacts,
    Payments,
    Instruments,
    Orders,
    CreditNotes,
    Returns,
    Wallets,
    WalletEntries,
    Accounts,
    Endpoints,
    DeadLetters,
    Cursors,
}

/// A row of an id, a version and a body.
const fn plain(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table {
        name,
        columns,
        key: 1,
        changes: &["version", "body"],
    }
}

const TEXT_ID: &[(&str, Kind)] = &[("id", Text), ("version", Number), ("body", Json)];
const MADE_ID: &[(&str, Kind)] = &[("id", Id), ("version", Number), ("body", Json)];

/// In the order of [`Into`].
pub(super) const TABLES: [Table; 24] = [
    plain("products", TEXT_ID),
    Table {
        name: "skus",
        columns: &[("sku", Text), ("product_id", Text)],
        key: 1,
        changes: &["product_id"],
    },
    Table {
        name: "slugs",
        columns: &[("slug", Text), ("product_id", Text)],
        key: 1,
        changes: &["product_id"],
    },
    plain("stores", TEXT_ID),
    Table {
        name: "levels",
        columns: &[
            ("sku", Text),
            ("store", Text),
            ("version", Number),
            ("on_hand", Number),
            ("reserved", Number),
            ("allocated", Number),
            ("granted", Number),
            ("backordered", Number),
            ("updated_at", Number),
            ("more", Json),
        ],
        key: 2,
        changes: &[
            "version",
            "on_hand",
            "reserved",
            "allocated",
            "granted",
            "backordered",
            "updated_at",
            "more",
        ],
    },
    Table {
        name: "reservations",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("state", Number),
            ("principal", Text),
            ("expires_at", Number),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "state", "expires_at", "body"],
    },
    Table {
        name: "reservation_references",
        columns: &[("principal", Text), ("reference", Text), ("id", Id)],
        key: 2,
        changes: &[],
    },
    plain("transfers", MADE_ID),
    Table {
        name: "carts",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("state", Number),
            ("customer_id", Text),
            ("expires_at", Number),
            ("expires_hour", Number),
            ("body", Json),
        ],
        key: 1,
        changes: &[
            "version",
            "state",
            "customer_id",
            "expires_at",
            "expires_hour",
            "body",
        ],
    },
    Table {
        name: "user_carts",
        columns: &[("package", Text), ("user_id", Text), ("id", Id)],
        key: 2,
        changes: &["id"],
    },
    Table {
        name: "api_keys",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("hash", Bytes),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "hash", "body"],
    },
    Table {
        name: "checkouts",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("state", Number),
            ("cart_id", Id),
            ("expires_hour", Number),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "state", "expires_hour", "body"],
    },
    Table {
        name: "contacts",
        columns: &[("id", Id), ("checkout_id", Id), ("body", Json)],
        key: 1,
        changes: &[],
    },
    Table {
        name: "payments",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("unverified", Flag),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "unverified", "body"],
    },
    Table {
        name: "instruments",
        columns: &[("id", Id), ("body", Json)],
        key: 1,
        changes: &[],
    },
    Table {
        name: "orders",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("number", Number),
            ("invoice", Number),
            ("state", Number),
            ("customer_id", Text),
            ("contact_id", Id),
            ("unsettled", Flag),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "invoice", "state", "unsettled", "body"],
    },
    Table {
        name: "credit_notes",
        columns: &[("number", Number), ("order_id", Id)],
        key: 1,
        changes: &[],
    },
    Table {
        name: "returns",
        columns: &[("id", Id), ("order_id", Id)],
        key: 1,
        changes: &[],
    },
    Table {
        name: "wallets",
        columns: &[("customer_id", Text), ("version", Number), ("body", Json)],
        key: 1,
        changes: &["version", "body"],
    },
    Table {
        name: "wallet_entries",
        columns: &[
            ("id", Id),
            ("customer_id", Text),
            ("reference", Text),
            ("body", Json),
        ],
        key: 1,
        changes: &[],
    },
    Table {
        name: "ledger_accounts",
        columns: &[("account", Text), ("currency", Text), ("amount", Number)],
        key: 2,
        changes: &["amount"],
    },
    plain("webhook_endpoints", MADE_ID),
    Table {
        name: "dead_letters",
        columns: &[
            ("id", Id),
            ("version", Number),
            ("consumer", Text),
            ("event_id", Id),
            ("key", Text),
            ("body", Json),
        ],
        key: 1,
        changes: &["version", "body"],
    },
    Table {
        name: "cursors",
        columns: &[("consumer", Text), ("position", Number)],
        key: 1,
        changes: &["position"],
    },
];

/// The rows of one batch.
#[derive(Default)]
pub(super) struct Puts {
    put: [Option<Rows>; TABLES.len()],
    removed: [Option<Rows>; TABLES.len()],
    json: Vec<u8>,
    /// Consumers of endpoints that are gone.
    silenced: Vec<String>,
}

impl Puts {
    /// What is under `key` from now on; `None`: nothing. Rows must come in the order of their keys.
    pub(super) fn put(&mut self, key: &Key, value: Option<&Record>) -> Result<(), Fault> {
        let Some(value) = value else {
            self.remove(key);
            return Ok(());
        };
        match (key, value) {
            (Key::Product(id), Record::Product(it)) => {
                let id = Cell::text(id.as_str());
                self.body(Into::Products, id, it.version, &**it)
            }
            (Key::Store(id), Record::Store(it)) => {
                self.body(Into::Stores, Cell::text(id.as_str()), it.version, &**it)
            }
            (Key::Level(key), Record::Level(it)) => {
                let more = level::more(&mut self.json, it)?;
                let row = [
                    Cell::text(key.sku.as_str()),
                    Cell::text(key.store.as_str()),
                    it.version.into(),
                    it.on_hand.into(),
                    it.reserved.into(),
                    it.allocated.into(),
                    it.granted.into(),
                    it.backordered.into(),
                    it.updated_at.0.into(),
                    more.map_or(Cell::Null, |more| Cell::Text(more.to_owned())),
                ];
                self.row(Into::Levels, row)
            }
            (Key::Reservation(id), Record::Reservation(it)) => {
                let body = Cell::Text(hold::body(&mut self.json, it)?.to_owned());
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    state::of_hold(it.state).into(),
                    Cell::text(&it.principal),
                    it.expires_at.0.into(),
                    body,
                ];
                self.row(Into::Reservations, row)
            }
            (Key::Transfer(id), Record::Transfer(it)) => {
                self.body(Into::Transfers, Cell::id(id.0), it.version, &**it)
            }
            (Key::Cart(id), Record::Cart(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    state::of_cart(it.state).into(),
                    it.customer_id.as_deref().map_or(Cell::Null, Cell::text),
                    it.expires_at.0.into(),
                    state::expires_hour(it.expires_at).into(),
                    self.json(&**it)?,
                ];
                self.row(Into::Carts, row)
            }
            (Key::Checkout(id), Record::Checkout(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    state::of_checkout(it.state).into(),
                    Cell::id(it.cart_id.0),
                    state::expires_hour(it.terms.expires_at).into(),
                    self.json(&**it)?,
                ];
                self.row(Into::Checkouts, row)
            }
            (Key::Contact(id), Record::Contact(it)) => {
                let row = [
                    Cell::id(id.0),
                    Cell::id(it.checkout_id.0),
                    self.json(&**it)?,
                ];
                self.row(Into::Contacts, row)
            }
            (Key::Payment(id), Record::Payment(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    Cell::Flag(it.is_unverified()),
                    self.json(&**it)?,
                ];
                self.row(Into::Payments, row)
            }
            (Key::Instrument(id), Record::Instrument(it)) => {
                let row = [Cell::id(id.0), self.json(&**it)?];
                self.row(Into::Instruments, row)
            }
            (Key::Order(id), Record::Order(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    it.number.into(),
                    it.invoice.into(),
                    state::of_order(it.state).into(),
                    it.customer.as_deref().map_or(Cell::Null, Cell::text),
                    it.contact.map_or(Cell::Null, |id| Cell::id(id.0)),
                    Cell::Flag(it.is_unsettled()),
                    self.json(&**it)?,
                ];
                self.row(Into::Orders, row)
            }
            (Key::Wallet(customer), Record::Wallet(it)) => {
                self.body(Into::Wallets, Cell::text(customer), it.version, &**it)
            }
            (Key::WalletEntry(id), Record::WalletEntry(it)) => {
                let reference = it.data.is_clients().then_some(&*it.data.reference);
                let row = [
                    Cell::id(id.0),
                    Cell::text(&it.data.customer),
                    reference.map_or(Cell::Null, Cell::text),
                    self.json(&**it)?,
                ];
                self.row(Into::WalletEntries, row)
            }
            (Key::Account(account, currency), Record::Amount(amount)) => {
                let row = [
                    Cell::text(account.as_str()),
                    Cell::text(currency.code()),
                    (*amount).into(),
                ];
                self.row(Into::Accounts, row)
            }
            (Key::ApiKey(id), Record::ApiKey(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    Cell::Bytes(it.hash.to_vec()),
                    self.json(&**it)?,
                ];
                self.row(Into::ApiKeys, row)
            }
            (Key::WebhookEndpoint(id), Record::WebhookEndpoint(it)) => {
                self.body(Into::Endpoints, Cell::id(id.0), it.version, &**it)
            }
            (Key::DeadLetter(id), Record::DeadLetter(it)) => {
                let row = [
                    Cell::id(id.0),
                    it.version.into(),
                    Cell::text(&it.about.consumer),
                    Cell::id(it.about.event.0),
                    Cell::text(&it.about.key),
                    self.json(&**it)?,
                ];
                self.row(Into::DeadLetters, row)
            }
            (Key::Cursor(consumer), Record::Count(position)) => {
                self.row(Into::Cursors, [Cell::text(consumer), (*position).into()])
            }
            (Key::Sku(sku), Record::ProductId(id)) => self.row(
                Into::Skus,
                [Cell::text(sku.as_str()), Cell::text(id.as_str())],
            ),
            (Key::Slug(slug), Record::ProductId(id)) => self.row(
                Into::Slugs,
                [Cell::text(slug.as_str()), Cell::text(id.as_str())],
            ),
            (Key::Reference(principal, reference), Record::ReservationId(id)) => {
                let row = [Cell::text(principal), Cell::text(reference), Cell::id(id.0)];
                self.row(Into::References, row)
            }
            (Key::UserCart(package, user), Record::CartId(id)) => {
                let row = [Cell::text(package), Cell::text(user), Cell::id(id.0)];
                self.row(Into::UserCarts, row)
            }
            (Key::CreditNote(number), Record::OrderId(order)) => {
                self.row(Into::CreditNotes, [(*number).into(), Cell::id(order.0)])
            }
            (Key::Return(id), Record::OrderId(order)) => {
                self.row(Into::Returns, [Cell::id(id.0), Cell::id(order.0)])
            }
            // They follow from the rows of levels, API keys, reservations, checkouts, orders, entries, endpoints and letters.
            (Key::WalletReference(..), Record::WalletEntryId(_))
            | (Key::OrderNumber(_) | Key::Invoice(_), Record::OrderId(_))
            | (Key::Last(_), Record::Count(_))
            | (Key::StoresOf(_), Record::Stores(_))
            | (Key::KeyHash(_), Record::ApiKeyId(_))
            | (Key::CheckoutOf(_), Record::CheckoutId(_))
            | (Key::DeadLettersOf(_), Record::DeadLetters(_))
            | (Key::OpenHolds(_) | Key::WebhookEndpoints, Record::Count(_)) => Ok(()),
            (key, value) => Err(Fault::Rejected(format!(
                "{value:?} cannot be kept under {key:?}"
            ))),
        }
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<Cell, Fault> {
        Ok(Cell::Text(encode(&mut self.json, value)?.to_owned()))
    }

    fn body<T: Serialize>(
        &mut self,
        into: Into,
        id: Cell,
        version: u64,
        value: &T,
    ) -> Result<(), Fault> {
        let body = self.json(value)?;
        self.row(into, [id, version.into(), body])
    }

    fn row<const N: usize>(&mut self, into: Into, row: [Cell; N]) -> Result<(), Fault> {
        let table = &TABLES[into as usize];
        debug_assert_eq!(table.columns.len(), N, "{}", table.name);
        let rows = self.put[into as usize]
            .get_or_insert_with(|| Rows::of(table.columns.iter().map(|(_, kind)| *kind)));
        rows.push(row);
        Ok(())
    }

    fn gone<const N: usize>(&mut self, from: Into, key: [Cell; N]) {
        let table = &TABLES[from as usize];
        debug_assert_eq!(table.key, N, "{}", table.name);
        let rows = self.removed[from as usize].get_or_insert_with(|| {
            Rows::of(table.columns[..table.key].iter().map(|(_, kind)| *kind))
        });
        rows.push(key);
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::Product(id) => self.gone(Into::Products, [Cell::text(id.as_str())]),
            Key::Store(id) => self.gone(Into::Stores, [Cell::text(id.as_str())]),
            Key::Level(key) => {
                let key = [Cell::text(key.sku.as_str()), Cell::text(key.store.as_str())];
                self.gone(Into::Levels, key);
            }
            Key::Reservation(id) => self.gone(Into::Reservations, [Cell::id(id.0)]),
            Key::Transfer(id) => self.gone(Into::Transfers, [Cell::id(id.0)]),
            Key::Cart(id) => self.gone(Into::Carts, [Cell::id(id.0)]),
            Key::Checkout(id) => self.gone(Into::Checkouts, [Cell::id(id.0)]),
            Key::Contact(id) => self.gone(Into::Contacts, [Cell::id(id.0)]),
            Key::Payment(id) => self.gone(Into::Payments, [Cell::id(id.0)]),
            Key::Instrument(id) => self.gone(Into::Instruments, [Cell::id(id.0)]),
            Key::Order(id) => self.gone(Into::Orders, [Cell::id(id.0)]),
            Key::Wallet(customer) => self.gone(Into::Wallets, [Cell::text(customer)]),
            Key::WalletEntry(id) => self.gone(Into::WalletEntries, [Cell::id(id.0)]),
            Key::Account(account, currency) => {
                let key = [Cell::text(account.as_str()), Cell::text(currency.code())];
                self.gone(Into::Accounts, key);
            }
            Key::ApiKey(id) => self.gone(Into::ApiKeys, [Cell::id(id.0)]),
            Key::Sku(sku) => self.gone(Into::Skus, [Cell::text(sku.as_str())]),
            Key::Slug(slug) => self.gone(Into::Slugs, [Cell::text(slug.as_str())]),
            Key::Reference(principal, reference) => {
                self.gone(
                    Into::References,
                    [Cell::text(principal), Cell::text(reference)],
                );
            }
            Key::UserCart(package, user) => {
                self.gone(Into::UserCarts, [Cell::text(package), Cell::text(user)]);
            }
            Key::WebhookEndpoint(id) => {
                self.gone(Into::Endpoints, [Cell::id(id.0)]);
                let consumer = cartwright_app::webhooks::consumer_of(*id);
                self.silenced.push(consumer.to_string());
            }
            Key::DeadLetter(id) => self.gone(Into::DeadLetters, [Cell::id(id.0)]),
            Key::Cursor(consumer) => self.gone(Into::Cursors, [Cell::text(consumer)]),
            Key::StoresOf(_)
            | Key::DeadLettersOf(_)
            | Key::WebhookEndpoints
            | Key::KeyHash(_)
            | Key::CheckoutOf(_)
            | Key::WalletReference(..)
            | Key::OrderNumber(_)
            | Key::Invoice(_)
            | Key::CreditNote(_)
            | Key::Return(_)
            | Key::Last(_)
            | Key::OpenHolds(_) => {}
        }
    }

    /// The statements, tables always in the same order: what goes, then what comes.
    pub(super) fn statements(mut self) -> Vec<(String, Vec<Value>)> {
        for consumer in std::mem::take(&mut self.silenced) {
            self.gone(Into::Cursors, [Cell::Text(consumer)]);
        }
        let of = |rows: [Option<Rows>; TABLES.len()], sql: fn(&Table) -> String| {
            let rows = TABLES.iter().zip(rows);
            rows.filter_map(move |(table, rows)| Some((sql(table), rows?.values())))
        };
        let removed = of(self.removed, Table::remove);
        removed.chain(of(self.put, Table::put)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_columns_key_and_changes() {
        assert_eq!(
            TABLES[Into::Accounts as usize].put(),
            "INSERT INTO ledger_accounts (account, currency, amount) SELECT rows.account, rows.currency, rows.amount \
             FROM unnest($1::text[], $2::text[], $3::bigint[]) AS rows (account, currency, amount) \
             ON CONFLICT (account, currency) DO UPDATE SET amount = excluded.amount"
        );
        assert_eq!(
            TABLES[Into::UserCarts as usize].remove(),
            "DELETE FROM user_carts USING unnest($1::text[], $2::text[]) AS rows (package, user_id) \
             WHERE user_carts.package = rows.package AND user_carts.user_id = rows.user_id"
        );
        assert_eq!(TABLES[Into::Cursors as usize].name, "cursors");
    }
}
