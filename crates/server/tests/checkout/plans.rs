//! How PostgreSQL finds what the shop asks for: by an index, however small a table was when the statement was planned.

use std::time::Duration;

use serde_json::json;

use crate::support::database_of;
use crate::world::{card, world};

const SOON: Duration = Duration::from_secs(30);
/// Purchases; whatever is looked for once in each of them shows as often.
const PURCHASES: u64 = 12;
/// Clients that hold stock at the same time.
const TOGETHER: usize = 24;
/// Sequential scans of a table that starting a shop may make (it is empty then), and what is done once in a while.
const SOME: u64 = 8;
/// Tables of one row.
const LONE: [&str; 2] = ["lease", "schema_steps"];

/// `(table, sequential scans, index scans)` of a schema, as far as its sessions have told.
fn scans(url: &str) -> Vec<(String, u64, u64)> {
    let (engine, schema) = url.split_once("?schema=").expect("a schema");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let connected = tokio_postgres::connect(engine, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("PostgreSQL answers");
        let driven = tokio::spawn(connection);
        let sql = "SELECT relname::text, seq_scan, coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE schemaname = $1";
        let rows = client.query(sql, &[&schema]).await.expect("counters");
        driven.abort();
        let count = |row: &tokio_postgres::Row, place| row.get::<_, i64>(place).unsigned_abs();
        let counts = |row: &tokio_postgres::Row| (row.get(0), count(row, 1), count(row, 2));
        rows.iter().map(counts).collect()
    })
}

#[test]
fn whatever_a_purchase_needs_is_found_by_an_index() {
    let world = world("plans");
    let Some((_, url)) = database_of(&world.setup().data) else {
        return;
    };
    for _ in 0..PURCHASES {
        let it = world.purchase(1);
        let done = world.complete(&it, 10, card("tok_visa")).ok();
        assert_eq!(done["state"], "completed", "{done}");
        let shop = world.shop();
        for list in ["orders", "checkouts", "products"] {
            shop.get(&format!("/v1/{list}")).admin().send().ok();
        }
        let returning = json!({"reason": "plans"});
        let order = done["order_id"].as_str().expect("an order");
        let cancel = shop.post(&format!("/v1/orders/{order}/cancel")).admin();
        cancel.json(returning).send();
    }
    // Many at once, so that batches ask for many keys: what is best for ten of them is another plan than for one.
    std::thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                for _ in 0..PURCHASES {
                    let held = world.level().hold(1);
                    let path = format!("/v1/reservations/{held}");
                    world.shop().delete(&path).admin().send();
                }
            });
        }
    });
    crate::support::eventually(SOON, "sessions have told of their scans", || {
        let told = scans(&url);
        let of = |table: &str| {
            told.iter()
                .find(|(name, ..)| name == table)
                .map_or(0, |(_, _, by_index)| *by_index)
        };
        (of("carts") >= PURCHASES && of("orders") >= PURCHASES && of("levels") >= PURCHASES)
            .then_some(())
    });
    for (table, sequential, by_index) in scans(&url) {
        assert!(
            sequential <= SOME || LONE.contains(&&*table),
            "{table} was read from end to end {sequential} times, by an index {by_index} times"
        );
    }
}
