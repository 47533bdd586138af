//! The steps of the schema, each with its way back; `steps.rs` takes them.

use crate::store::schema::{Kind, Step};

/// Every step in order; the schema's number is how many of them were taken. Steps after the tenth may be taken while processes of the
/// version before share the directory: `crate::store::schema` has the rules.
pub(super) const STEPS: [Step; 10] = [
    Step {
        name: "the log, kept replies, cursors",
        up: LOG_UP,
        down: LOG_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "catalogue, stock, carts, API keys",
        up: NOUNS_UP,
        down: NOUNS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "closed carts by expiry",
        up: CLOSED_CARTS_UP,
        down: CLOSED_CARTS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "checkouts, and what they know of persons",
        up: CHECKOUTS_UP,
        down: CHECKOUTS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "payments and orders",
        up: ORDERS_UP,
        down: ORDERS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "refunds and returns",
        up: RETURNS_UP,
        down: RETURNS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "wallets and their ledger",
        up: WALLETS_UP,
        down: WALLETS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "checkouts and orders apart from their keys",
        up: APART_UP,
        down: APART_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "levels that are short",
        up: SHORTAGES_UP,
        down: SHORTAGES_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "webhooks and dead letters",
        up: WEBHOOKS_UP,
        down: WEBHOOKS_DOWN,
        kind: Kind::Expands,
    },
];

/// The schema that this program knows.
pub(super) const LATEST: i64 = STEPS.len() as i64;

const CLOSED_CARTS_UP: &str = "
CREATE INDEX closed_carts_by_expiry ON carts (expires_hour) WHERE state IN (3, 4);
";

const CLOSED_CARTS_DOWN: &str = "
DROP INDEX closed_carts_by_expiry;
";

const CHECKOUTS_UP: &str = "
CREATE TABLE checkouts (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    -- 0 open, 1 processing, 2 requires action, 3 needs attention, 4 completed, 5 cancelled, 6 expired
    state INTEGER NOT NULL,
    cart_id BLOB NOT NULL,
    -- Hours since 1970: each write moves the expiry, and few move this.
    expires_hour INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX checkouts_by_cart ON checkouts (cart_id);
CREATE INDEX open_checkouts_by_expiry ON checkouts (expires_hour) WHERE state = 0;
CREATE INDEX unfinished_checkouts ON checkouts (state) WHERE state IN (1, 2, 3);
-- A person's data, nowhere else: a row can be removed without anything that follows from events changing.
CREATE TABLE contacts (id BLOB PRIMARY KEY, checkout_id BLOB NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
";

const ORDERS_UP: &str = "
CREATE TABLE payments (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    -- Whether it has ended and its provider was not seen to agree yet.
    unverified INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX unverified_payments ON payments (id) WHERE unverified = 1;
-- What a card is charged through, only as long as a payment may need it.
CREATE TABLE instruments (id BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    invoice INTEGER,
    -- 0 placed, 1 completed, 2 cancelled
    state INTEGER NOT NULL,
    customer_id TEXT,
    contact_id BLOB,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX orders_by_contact ON orders (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX contacts_by_email ON contacts (lower(body ->> '$.email'));
CREATE UNIQUE INDEX orders_by_number ON orders (number);
CREATE UNIQUE INDEX orders_by_invoice ON orders (invoice) WHERE invoice IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer_id) WHERE customer_id IS NOT NULL;
";

const RETURNS_UP: &str = "
-- Whether money is on its way back, or should be.
ALTER TABLE orders ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX unsettled_orders ON orders (id) WHERE unsettled = 1;
CREATE TABLE credit_notes (number INTEGER PRIMARY KEY, order_id BLOB NOT NULL);
CREATE TABLE returns (id BLOB PRIMARY KEY, order_id BLOB NOT NULL) WITHOUT ROWID;
";

const RETURNS_DOWN: &str = "
DROP TABLE returns;
DROP TABLE credit_notes;
DROP INDEX unsettled_orders;
ALTER TABLE orders DROP COLUMN unsettled;
";

const ORDERS_DOWN: &str = "
DROP INDEX contacts_by_email;
DROP TABLE orders;
DROP TABLE instruments;
DROP TABLE payments;
";

const WALLETS_UP: &str = "
CREATE TABLE wallets (customer_id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
-- Never changed, never removed.
CREATE TABLE wallet_entries (
    id BLOB PRIMARY KEY,
    customer_id TEXT NOT NULL,
    -- Of credits and debits; what follows from a purchase has none of its own.
    reference TEXT,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX wallet_entries_by_customer ON wallet_entries (customer_id, id);
CREATE UNIQUE INDEX wallet_references ON wallet_entries (customer_id, reference) WHERE reference IS NOT NULL;
CREATE TABLE ledger_accounts (
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- Minor units; above 0 more was credited than debited.
    amount INTEGER NOT NULL,
    PRIMARY KEY (account, currency)
) WITHOUT ROWID;
";

const SHORTAGES_UP: &str = "
CREATE INDEX short_levels ON levels (sku, store) WHERE on_hand < reserved + allocated + granted;
";

const SHORTAGES_DOWN: &str = "
DROP INDEX short_levels;
";

const WALLETS_DOWN: &str = "
DROP TABLE ledger_accounts;
DROP TABLE wallet_entries;
DROP TABLE wallets;
";

const WEBHOOKS_UP: &str = "
CREATE TABLE webhook_endpoints (id BLOB PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
-- What became of messages, for people; written beside the loop.
CREATE TABLE webhook_deliveries (
    endpoint BLOB NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    last TEXT NOT NULL,
    next_try INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (endpoint, position, id)
) WITHOUT ROWID;
CREATE TABLE dead_letters (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX dead_letters_by_consumer ON dead_letters (consumer, id);
";

const WEBHOOKS_DOWN: &str = "
DROP TABLE dead_letters;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
DELETE FROM cursors WHERE consumer LIKE 'webhook:%';
";

// A row of a table without rowid spills over to a page of its own from 1 kB on, and stands in inner pages too: changing it dirtied two to
// three pages. Beside its key it is changed in place.
const APART_UP: &str = "
DROP INDEX checkouts_by_cart;
DROP INDEX open_checkouts_by_expiry;
DROP INDEX unfinished_checkouts;
ALTER TABLE checkouts RENAME TO checkouts_before;
CREATE TABLE checkouts (
    id BLOB PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    -- 0 open, 1 processing, 2 requires action, 3 needs attention, 4 completed, 5 cancelled, 6 expired
    state INTEGER NOT NULL,
    cart_id BLOB NOT NULL,
    -- Hours since 1970: each write moves the expiry, and few move this.
    expires_hour INTEGER NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO checkouts SELECT id, version, state, cart_id, expires_hour, body FROM checkouts_before ORDER BY id;
DROP TABLE checkouts_before;
CREATE INDEX checkouts_by_cart ON checkouts (cart_id);
CREATE INDEX open_checkouts_by_expiry ON checkouts (expires_hour) WHERE state = 0;
CREATE INDEX unfinished_checkouts ON checkouts (state, id) WHERE state IN (1, 2, 3);
DROP INDEX orders_by_contact;
DROP INDEX orders_by_number;
DROP INDEX orders_by_invoice;
DROP INDEX orders_by_customer;
DROP INDEX unsettled_orders;
ALTER TABLE orders RENAME TO orders_before;
CREATE TABLE orders (
    id BLOB PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    invoice INTEGER,
    -- 0 placed, 1 completed, 2 cancelled
    state INTEGER NOT NULL,
    customer_id TEXT,
    contact_id BLOB,
    -- Whether money is on its way back, or should be.
    unsettled INTEGER NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO orders SELECT id, version, number, invoice, state, customer_id, contact_id, unsettled, body FROM orders_before ORDER BY id;
DROP TABLE orders_before;
CREATE INDEX orders_by_contact ON orders (contact_id, id) WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX orders_by_number ON orders (number);
CREATE UNIQUE INDEX orders_by_invoice ON orders (invoice) WHERE invoice IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX unsettled_orders ON orders (id) WHERE unsettled = 1;
";

const APART_DOWN: &str = "
DROP INDEX checkouts_by_cart;
DROP INDEX open_checkouts_by_expiry;
DROP INDEX unfinished_checkouts;
ALTER TABLE checkouts RENAME TO checkouts_before;
CREATE TABLE checkouts (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    -- 0 open, 1 processing, 2 requires action, 3 needs attention, 4 completed, 5 cancelled, 6 expired
    state INTEGER NOT NULL,
    cart_id BLOB NOT NULL,
    -- Hours since 1970: each write moves the expiry, and few move this.
    expires_hour INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO checkouts SELECT id, version, state, cart_id, expires_hour, body FROM checkouts_before ORDER BY id;
DROP TABLE checkouts_before;
CREATE INDEX checkouts_by_cart ON checkouts (cart_id);
CREATE INDEX open_checkouts_by_expiry ON checkouts (expires_hour) WHERE state = 0;
CREATE INDEX unfinished_checkouts ON checkouts (state) WHERE state IN (1, 2, 3);
DROP INDEX orders_by_contact;
DROP INDEX orders_by_number;
DROP INDEX orders_by_invoice;
DROP INDEX orders_by_customer;
DROP INDEX unsettled_orders;
ALTER TABLE orders RENAME TO orders_before;
CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    invoice INTEGER,
    -- 0 placed, 1 completed, 2 cancelled
    state INTEGER NOT NULL,
    customer_id TEXT,
    contact_id BLOB,
    -- Whether money is on its way back, or should be.
    unsettled INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO orders SELECT id, version, number, invoice, state, customer_id, contact_id, unsettled, body FROM orders_before ORDER BY id;
DROP TABLE orders_before;
CREATE INDEX orders_by_contact ON orders (contact_id) WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX orders_by_number ON orders (number);
CREATE UNIQUE INDEX orders_by_invoice ON orders (invoice) WHERE invoice IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX unsettled_orders ON orders (id) WHERE unsettled = 1;
";

const CHECKOUTS_DOWN: &str = "
DROP TABLE contacts;
DROP TABLE checkouts;
";

const LOG_UP: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
-- One row a batch: its entries are encoded together.
CREATE TABLE log (
    first_position INTEGER PRIMARY KEY,
    last_position INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    entries BLOB NOT NULL
);
-- In which batch a level's versions from version_first on are found.
CREATE TABLE movements (
    sku TEXT NOT NULL,
    store TEXT NOT NULL,
    version_first INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    PRIMARY KEY (sku, store, version_first)
) WITHOUT ROWID;
-- One row a batch; hashes first, so that the index of all of them reads nothing else.
CREATE TABLE kept (
    place INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    replies BLOB NOT NULL
);
CREATE INDEX kept_by_until ON kept (until_ms);
";

const LOG_DOWN: &str = "
DROP TABLE kept;
DROP TABLE movements;
DROP TABLE log;
DROP TABLE cursors;
DROP TABLE meta;
";

const NOUNS_UP: &str = "
CREATE TABLE products (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE skus (sku TEXT PRIMARY KEY, product_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE slugs (slug TEXT PRIMARY KEY, product_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stores (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE levels (
    sku TEXT NOT NULL,
    store TEXT NOT NULL,
    version INTEGER NOT NULL,
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    backordered INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Settings and who waits, when there is anything to say.
    more TEXT,
    PRIMARY KEY (sku, store)
) WITHOUT ROWID;
CREATE INDEX levels_by_store ON levels (store, sku);
CREATE TABLE reservations (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    -- 0 pending, 1 confirmed, 2 released, 3 expired
    state INTEGER NOT NULL,
    principal TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX pending_reservations ON reservations (principal, expires_at) WHERE state = 0;
CREATE TABLE reservation_references (
    principal TEXT NOT NULL,
    reference TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (principal, reference)
) WITHOUT ROWID;
CREATE TABLE transfers (id BLOB PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE carts (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    -- 0 open, 1 checking out, 2 ordered, 3 merged, 4 expired
    state INTEGER NOT NULL,
    customer_id TEXT,
    expires_at INTEGER NOT NULL,
    -- Hours since 1970: each write moves expires_at, and few move this.
    expires_hour INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX carts_by_customer ON carts (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX open_carts_by_expiry ON carts (expires_hour) WHERE state = 0;
CREATE TABLE user_carts (
    package TEXT NOT NULL,
    user TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (package, user)
) WITHOUT ROWID;
CREATE TABLE api_keys (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) WITHOUT ROWID;
";

const NOUNS_DOWN: &str = "
DROP TABLE api_keys;
DROP TABLE user_carts;
DROP TABLE carts;
DROP TABLE transfers;
DROP TABLE reservation_references;
DROP TABLE reservations;
DROP TABLE levels;
DROP TABLE stores;
DROP TABLE slugs;
DROP TABLE skus;
DROP TABLE products;
";

#[cfg(test)]
mod tests {
    use super::STEPS;

    /// Those before were made when no directory was shared with a later version yet; the eighth makes tables anew.
    const FIRST_SHARED: usize = 10;

    #[test]
    fn no_step_hurts_a_shop_that_runs() {
        for step in STEPS.iter().skip(FIRST_SHARED) {
            assert_eq!(step.broken_rule(), None, "{}", step.name);
        }
    }
}
