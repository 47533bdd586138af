//! The schema and its steps, each with its way back. They run in one transaction: a step that fails changes nothing.
//!
//! Steps are of two kinds, so that processes of this version and the one before run beside each other: a step that *expands* (a new table, a
//! column with a default, an index) may come with the version that uses it; one that *contracts* (drops or narrows) comes a version after
//! the last one that used what goes.

use super::fault::fault;
use super::lease::{self, Locks};
use super::link::{Io, Link, value};
use super::open::{Address, OpenError, connect};
use crate::store::schema::{Direction, SchemaStatus};
use cartwright_app::Fault;
use std::sync::Arc;
use std::time::Duration;

/// One step of the schema.
struct Migration {
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

/// Every step in order; the schema's number is how many of them were taken.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "the log, kept replies, cursors, the lease",
        up: LOG_UP,
        down: LOG_DOWN,
    },
    Migration {
        name: "catalogue, stock, carts, API keys",
        up: NOUNS_UP,
        down: NOUNS_DOWN,
    },
    Migration {
        name: "checkouts, payments, orders, returns",
        up: ORDERS_UP,
        down: ORDERS_DOWN,
    },
    Migration {
        name: "wallets and their ledger",
        up: WALLETS_UP,
        down: WALLETS_DOWN,
    },
    Migration {
        name: "webhooks and dead letters",
        up: WEBHOOKS_UP,
        down: WEBHOOKS_DOWN,
    },
];

const LATEST: i64 = MIGRATIONS.len() as i64;
/// So long all steps together may take.
const PATIENCE: Duration = Duration::from_secs(3600);

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

/// Why the steps could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("schema step {step} ({name}) failed and nothing was changed: {fault}")]
pub struct MigrateError {
    step: i64,
    name: &'static str,
    fault: Fault,
}

/// Takes the steps up or down, in one transaction; returns where the database stands after it.
///
/// # Errors
/// [`OpenError`]; then nothing was changed.
pub fn migrate(url: &str, direction: Direction) -> Result<SchemaStatus, OpenError> {
    let (io, link, address) = opened(url)?;
    match direction {
        Direction::Up => up_on(&io, &link, &address)?,
        Direction::Down { to } => steps(&io, &link, &address, Some(to.max(0)))?,
    }
    standing(&io, &link, &address)
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
    standing(&io, &link, &address)
}

fn opened(url: &str) -> Result<(Io, Arc<Link>, Arc<Address>), OpenError> {
    let address = Arc::new(Address::parse(url)?);
    let io = Io::new().map_err(OpenError::Thread)?;
    let link = connect(&io, &address)?;
    Ok((io, link, address))
}

fn standing(io: &Io, link: &Arc<Link>, address: &Address) -> Result<SchemaStatus, OpenError> {
    let asked = link.clone();
    let current = io.wait(PATIENCE, async move { version(&asked).await });
    let current = current.map_err(|fault| OpenError::Failed {
        at: address.shown.clone(),
        fault,
    })?;
    let steps = MIGRATIONS
        .iter()
        .zip(1..)
        .map(|(step, number)| (step.name, number <= current))
        .collect();
    Ok(SchemaStatus {
        current,
        latest: LATEST,
        steps,
    })
}

/// Steps taken so far.
async fn version(link: &Link) -> Result<i64, Fault> {
    let exists = "SELECT to_regclass('schema_steps') IS NOT NULL";
    let rows = link.query_once(exists).await.map_err(fault)?;
    if !rows.iter().any(|row| row.get(0)) {
        return Ok(0);
    }
    let rows = link
        .query_once("SELECT taken FROM schema_steps")
        .await
        .map_err(fault)?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Takes every step that was not taken yet.
pub(super) fn up_on(io: &Io, link: &Arc<Link>, address: &Address) -> Result<(), OpenError> {
    steps(io, link, address, None)
}

enum Stopped {
    Newer(i64),
    At(MigrateError),
    Fault(Fault),
}

/// Up to the last one, or down until so many are left.
fn steps(
    io: &Io,
    link: &Arc<Link>,
    address: &Address,
    down_to: Option<i64>,
) -> Result<(), OpenError> {
    let locks = Locks::of(&address.schema);
    let link = link.clone();
    let taken = io.wait(PATIENCE, async move {
        let taken = run(&link, locks, down_to).await;
        let end = if taken.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = link.run(end).await.map_err(fault);
        Ok(taken.and_then(|()| ended.map_err(Stopped::Fault)))
    });
    let at = || address.shown.clone();
    match taken {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Stopped::Newer(found))) => Err(OpenError::Newer {
            at: at(),
            found,
            known: LATEST,
        }),
        Ok(Err(Stopped::At(error))) => Err(OpenError::Migrate(Box::new(error))),
        Ok(Err(Stopped::Fault(fault))) | Err(fault) => Err(OpenError::Failed { at: at(), fault }),
    }
}

async fn run(link: &Arc<Link>, locks: Locks, down_to: Option<i64>) -> Result<(), Stopped> {
    let said = |error| Stopped::Fault(fault(error));
    // Who opens at the same time waits here, and then finds the steps taken.
    link.run("BEGIN; SET LOCAL lock_timeout TO '60s'")
        .await
        .map_err(said)?;
    lease::schema_alone(link, locks).await.map_err(said)?;
    let current = version(link).await.map_err(Stopped::Fault)?;
    if current > LATEST {
        return Err(Stopped::Newer(current));
    }
    let to = down_to.unwrap_or(LATEST);
    if current == to || (down_to.is_some() && current < to) {
        return Ok(());
    }
    let create = "CREATE TABLE IF NOT EXISTS schema_steps (taken bigint NOT NULL)";
    link.run(create).await.map_err(said)?;
    let ups = (current..to).map(|taken| (taken + 1, true));
    let downs = (to..current).rev().map(|left| (left + 1, false));
    let numbers: Vec<_> = if to > current {
        ups.collect()
    } else {
        downs.collect()
    };
    for (number, is_up) in numbers {
        let Some(step) = usize::try_from(number - 1)
            .ok()
            .and_then(|it| MIGRATIONS.get(it))
        else {
            continue;
        };
        let failed = |error| {
            Stopped::At(MigrateError {
                step: number,
                name: step.name,
                fault: fault(error),
            })
        };
        let sql = if is_up { step.up } else { step.down };
        link.run(sql).await.map_err(failed)?;
        if number == 1 && is_up {
            link.run(&lease::tables(locks)).await.map_err(failed)?;
        }
    }
    link.run("DELETE FROM schema_steps").await.map_err(said)?;
    let note = "INSERT INTO schema_steps (taken) VALUES ($1)";
    link.query(note, &[value(to)]).await.map(drop).map_err(said)
}
