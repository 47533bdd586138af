//! The steps of the schema, each with its way back; `steps.rs` takes them. In an empty schema all are taken in one transaction.

use super::fault::fault;
use super::link::{Io, Link};
use super::open::{Address, OpenError, connect};
use super::steps::{PATIENCE, current, take};
use crate::store::schema::{Direction, Kind, SchemaStatus, Step};
use std::sync::Arc;

/// Every step in order; the schema's number is how many of them were taken. What stood before a step may be in use while it is taken, by
/// this version and by the one before: `crate::store::schema` has the rules.
const STEPS: [Step; 5] = [
    Step {
        name: "the log, kept replies, cursors, the lease",
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
        name: "checkouts, payments, orders, returns",
        up: ORDERS_UP,
        down: ORDERS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "wallets and their ledger",
        up: WALLETS_UP,
        down: WALLETS_DOWN,
        kind: Kind::Expands,
    },
    Step {
        name: "webhooks and dead letters",
        up: WEBHOOKS_UP,
        down: WEBHOOKS_DOWN,
        kind: Kind::Expands,
    },
];

/// Steps that this program cannot do without: as long as it runs on a schema they are not taken back. A step that only makes something
/// quicker need not be among them.
pub(super) const NEEDED: i64 = 5;

const LOG_UP: &str = r#"
CREATE TABLE meta (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE cursors (consumer text COLLATE "C" PRIMARY KEY, position bigint NOT NULL CHECK (position >= 0));
-- One row a batch: its entries are encoded and packed together.
CREATE TABLE log (
    first_position bigint PRIMARY KEY CHECK (first_position > 0),
    last_position bigint NOT NULL CHECK (last_position >= first_position),
    time_ms bigint NOT NULL,
    entries bytea NOT NULL
);
ALTER TABLE log ALTER COLUMN entries SET STORAGE EXTERNAL;
-- In which batch a level's versions from version_first on are found.
CREATE TABLE movements (
    sku text COLLATE "C" NOT NULL,
    store text COLLATE "C" NOT NULL,
    version_first bigint NOT NULL,
    first_position bigint NOT NULL,
    PRIMARY KEY (sku, store, version_first)
);
-- One row a batch; hashes apart, so that the index of all of them reads nothing else.
CREATE TABLE kept (place bigint PRIMARY KEY, until_ms bigint NOT NULL, hashes bytea NOT NULL, replies bytea NOT NULL);
ALTER TABLE kept ALTER COLUMN hashes SET STORAGE EXTERNAL, ALTER COLUMN replies SET STORAGE EXTERNAL;
CREATE INDEX kept_by_until ON kept (until_ms);
"#;

const LOG_DOWN: &str = "
DROP FUNCTION fence(bigint);
DROP TABLE lease, kept, movements, log, cursors, meta;
";

const NOUNS_UP: &str = r#"
CREATE TABLE products (id text COLLATE "C" PRIMARY KEY, version bigint NOT NULL CHECK (version > 0), body json NOT NULL);
CREATE TABLE skus (
    sku text COLLATE "C" PRIMARY KEY,
    product_id text COLLATE "C" NOT NULL REFERENCES products DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX skus_by_product ON skus (product_id);
CREATE TABLE slugs (
    slug text COLLATE "C" PRIMARY KEY,
    product_id text COLLATE "C" NOT NULL REFERENCES products DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX slugs_by_product ON slugs (product_id);
CREATE TABLE stores (id text COLLATE "C" PRIMARY KEY, version bigint NOT NULL CHECK (version > 0), body json NOT NULL);
-- Rows that change often have room beside them, so that a change touches no index.
CREATE TABLE levels (
    sku text COLLATE "C" NOT NULL,
    store text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    reserved bigint NOT NULL CHECK (reserved >= 0),
    allocated bigint NOT NULL CHECK (allocated >= 0),
    granted bigint NOT NULL CHECK (granted >= 0),
    backordered bigint NOT NULL CHECK (backordered >= 0),
    updated_at bigint NOT NULL,
    -- Settings and who waits, when there is anything to say.
    more json,
    PRIMARY KEY (sku, store)
) WITH (fillfactor = 60);
CREATE INDEX levels_by_store ON levels (store, sku);
CREATE TABLE reservations (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    -- 0 pending, 1 confirmed, 2 released, 3 expired
    state bigint NOT NULL CHECK (state BETWEEN 0 AND 3),
    principal text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    body json NOT NULL
);
CREATE INDEX pending_reservations ON reservations (principal, expires_at) WHERE state = 0;
CREATE TABLE reservation_references (
    principal text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (principal, reference)
);
CREATE TABLE transfers (id uuid PRIMARY KEY, version bigint NOT NULL CHECK (version > 0), body json NOT NULL);
CREATE TABLE carts (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    -- 0 open, 1 checking out, 2 ordered, 3 merged, 4 expired
    state bigint NOT NULL CHECK (state BETWEEN 0 AND 4),
    customer_id text COLLATE "C",
    expires_at bigint NOT NULL,
    -- Hours since 1970: each write moves expires_at, and few move this.
    expires_hour bigint NOT NULL,
    body json NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX carts_by_customer ON carts (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX open_carts_by_expiry ON carts (expires_hour) WHERE state = 0;
CREATE INDEX closed_carts_by_expiry ON carts (expires_hour) WHERE state IN (3, 4);
CREATE TABLE user_carts (
    package text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (package, user_id)
);
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    hash bytea NOT NULL UNIQUE,
    body json NOT NULL
);
CREATE INDEX short_levels ON levels (sku, store) WHERE on_hand < reserved + allocated + granted;
"#;

const NOUNS_DOWN: &str = "
DROP TABLE api_keys, user_carts, carts, transfers, reservation_references, reservations, levels, stores, slugs, skus, products;
";

const ORDERS_UP: &str = r#"
CREATE TABLE checkouts (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    -- 0 open, 1 processing, 2 requires action, 3 needs attention, 4 completed, 5 cancelled, 6 expired
    state bigint NOT NULL CHECK (state BETWEEN 0 AND 6),
    cart_id uuid NOT NULL,
    expires_hour bigint NOT NULL,
    body json NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX checkouts_by_cart ON checkouts (cart_id);
-- A cart is bought once.
CREATE UNIQUE INDEX checkout_of_cart ON checkouts (cart_id) WHERE state < 5;
CREATE INDEX open_checkouts_by_expiry ON checkouts (expires_hour) WHERE state = 0;
CREATE INDEX unfinished_checkouts ON checkouts (state, id) WHERE state IN (1, 2, 3);
-- A person's data, nowhere else: a row can be removed without anything that follows from events changing.
CREATE TABLE contacts (id uuid PRIMARY KEY, checkout_id uuid NOT NULL, body json NOT NULL);
CREATE INDEX contacts_by_email ON contacts (lower(body ->> 'email'));
CREATE TABLE payments (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    -- Whether it has ended and its provider was not seen to agree yet.
    unverified boolean NOT NULL,
    body json NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX unverified_payments ON payments (id) WHERE unverified;
-- What a card is charged through, only as long as a payment may need it.
CREATE TABLE instruments (id uuid PRIMARY KEY, body json NOT NULL);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    number bigint NOT NULL UNIQUE CHECK (number > 0),
    invoice bigint UNIQUE CHECK (invoice > 0),
    -- 0 placed, 1 completed, 2 cancelled
    state bigint NOT NULL CHECK (state BETWEEN 0 AND 2),
    customer_id text COLLATE "C",
    contact_id uuid,
    -- Whether money is on its way back, or should be.
    unsettled boolean NOT NULL,
    body json NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX orders_by_contact ON orders (contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX unsettled_orders ON orders (id) WHERE unsettled;
CREATE TABLE credit_notes (
    number bigint PRIMARY KEY CHECK (number > 0),
    order_id uuid NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE returns (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED);
"#;

const ORDERS_DOWN: &str = "
DROP TABLE returns, credit_notes, orders, instruments, payments, contacts, checkouts;
";

const WALLETS_UP: &str = r#"
CREATE TABLE wallets (customer_id text COLLATE "C" PRIMARY KEY, version bigint NOT NULL CHECK (version > 0), body json NOT NULL);
-- Never changed, never removed.
CREATE TABLE wallet_entries (
    id uuid PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL,
    -- Of credits and debits; what follows from a purchase has none of its own.
    reference text COLLATE "C",
    body json NOT NULL
);
CREATE INDEX wallet_entries_by_customer ON wallet_entries (customer_id, id);
CREATE UNIQUE INDEX wallet_references ON wallet_entries (customer_id, reference) WHERE reference IS NOT NULL;
CREATE TABLE ledger_accounts (
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    -- Minor units; above 0 more was credited than debited.
    amount bigint NOT NULL,
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 50);
"#;

const WALLETS_DOWN: &str = "
DROP TABLE ledger_accounts, wallet_entries, wallets;
";

const WEBHOOKS_UP: &str = r#"
CREATE TABLE webhook_endpoints (id uuid PRIMARY KEY, version bigint NOT NULL CHECK (version > 0), body json NOT NULL);
-- What became of messages, for people; written beside the loop.
CREATE TABLE webhook_deliveries (
    endpoint uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    position bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    last text COLLATE "C" NOT NULL,
    next_try bigint,
    at bigint NOT NULL,
    PRIMARY KEY (endpoint, position, id)
);
CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    consumer text COLLATE "C" NOT NULL,
    event_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    body json NOT NULL
);
CREATE INDEX dead_letters_by_consumer ON dead_letters (consumer, id);
"#;

const WEBHOOKS_DOWN: &str = "
DROP TABLE dead_letters, webhook_deliveries, webhook_endpoints;
DELETE FROM cursors WHERE consumer LIKE 'webhook:%';
";

/// Takes the steps up or down; returns where the database stands after it.
///
/// # Errors
/// [`OpenError`]; a step that failed changed nothing, and those before it stay. [`OpenError::Needed`]: nothing was changed, for processes
/// that run need what was to be taken back.
pub fn migrate(url: &str, direction: Direction) -> Result<SchemaStatus, OpenError> {
    migrate_as(url, &[], direction)
}

/// As the program of a later version does, whose steps these are behind our own: what shops of this version have to bear while they run.
///
/// # Errors
/// As [`migrate`].
pub fn migrate_as(
    url: &str,
    later: &[Step],
    direction: Direction,
) -> Result<SchemaStatus, OpenError> {
    let (io, link, address) = opened(url)?;
    let steps: Vec<_> = STEPS.iter().chain(later).copied().collect();
    take(&io, &link, &address, steps.clone(), direction)?;
    Ok(SchemaStatus::of(&steps, current(&io, &link, &address)?))
}

/// Drops the schema that the address names, with all that is in it.
///
/// # Errors
/// [`OpenError`] when it cannot be reached, or may not be dropped.
pub fn erase(url: &str) -> Result<(), OpenError> {
    let (io, link, address) = opened(url)?;
    let drop = format!("DROP SCHEMA \"{}\" CASCADE", address.schema);
    let dropped = io.wait(
        PATIENCE,
        async move { link.run(&drop).await.map_err(fault) },
    );
    dropped.map_err(|fault| OpenError::Failed {
        at: address.shown.clone(),
        fault,
    })
}

/// Where the database stands. Changes nothing but an empty schema.
///
/// # Errors
/// [`OpenError`] when it cannot be reached.
pub fn status(url: &str) -> Result<SchemaStatus, OpenError> {
    let (io, link, address) = opened(url)?;
    Ok(SchemaStatus::of(&STEPS, current(&io, &link, &address)?))
}

fn opened(url: &str) -> Result<(Io, Arc<Link>, Arc<Address>), OpenError> {
    let address = Arc::new(Address::parse(url)?);
    let io = Io::new().map_err(OpenError::Thread)?;
    let link = connect(&io, &address)?;
    Ok((io, link, address))
}

/// Takes every step that was not taken yet.
pub(super) fn up_on(io: &Io, link: &Arc<Link>, address: &Address) -> Result<(), OpenError> {
    take(io, link, address, STEPS.to_vec(), Direction::Up)
}

#[cfg(test)]
mod tests {
    use super::{NEEDED, STEPS};

    #[test]
    fn no_step_hurts_a_shop_that_runs() {
        for step in &STEPS {
            assert_eq!(step.broken_rule(), None, "{}", step.name);
        }
        assert!(NEEDED <= STEPS.len() as i64);
    }
}
