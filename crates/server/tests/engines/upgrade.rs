//! The schema goes up and down beneath three processes that sell, as `cartwright migrate` of a later version does: nothing is lost, nothing
//! fails, and nobody waits for a step, also while somebody reads everything for long, as a backup does.

use std::io::Write as _;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cartwright_adapters::store::postgres::migrate_as;
use cartwright_adapters::store::schema::{Direction, Kind, Step};

use crate::alone;
use crate::bout::meanwhile;
use crate::cluster::{Cluster, Ground};
use crate::counts::Counts;
use crate::random::Random;
use crate::support::eventually;

/// What a later version adds, by each kind of step that the rules know.
const LATER: [Step; 5] = [
    Step {
        name: "columns, and a table",
        up: "ALTER TABLE levels ADD COLUMN counted_at bigint NOT NULL DEFAULT 0; ALTER TABLE carts ADD COLUMN note text; \
             ALTER TABLE orders ADD COLUMN gift boolean; ALTER TABLE checkouts ADD COLUMN gift boolean; \
             CREATE TABLE badges (id uuid PRIMARY KEY, sku text NOT NULL)",
        down: "DROP TABLE badges; ALTER TABLE checkouts DROP COLUMN gift; ALTER TABLE orders DROP COLUMN gift; \
               ALTER TABLE carts DROP COLUMN note; ALTER TABLE levels DROP COLUMN counted_at",
        kind: Kind::Expands,
    },
    Step {
        name: "an index on what is there",
        up: "DROP INDEX CONCURRENTLY IF EXISTS levels_by_count\n-- then\nCREATE INDEX CONCURRENTLY levels_by_count ON levels (counted_at)",
        down: "DROP INDEX CONCURRENTLY IF EXISTS levels_by_count",
        kind: Kind::Beside,
    },
    Step {
        name: "what must hold from now on",
        up: "ALTER TABLE levels ADD CONSTRAINT counted CHECK (counted_at >= 0) NOT VALID",
        down: "ALTER TABLE levels DROP CONSTRAINT counted",
        kind: Kind::Expands,
    },
    Step {
        name: "rows that are filled in, some at a time",
        up: "DO $$ BEGIN LOOP \
               UPDATE levels SET counted_at = updated_at WHERE (sku, store) IN \
                 (SELECT sku, store FROM levels WHERE counted_at = 0 AND updated_at > 0 ORDER BY sku, store LIMIT 200 FOR UPDATE); \
               EXIT WHEN NOT FOUND; COMMIT; \
             END LOOP; END $$",
        down: "SELECT",
        kind: Kind::Beside,
    },
    Step {
        name: "what has held before, too",
        up: "ALTER TABLE levels VALIDATE CONSTRAINT counted",
        down: "SELECT",
        kind: Kind::Beside,
    },
];
/// Somebody who reads everything reads for so long.
const READS: Duration = Duration::from_secs(5);
/// Writes that are acknowledged before a schema counts as one that the shop can sell on.
const WRITES: u64 = 60;
/// Writes that may be sent again while steps are taken and nobody is killed: a process that stands still on a busy machine loses its lease.
const AGAIN: u64 = 20;
/// Long enough for anything that is bound to come.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_schema_goes_up_and_down_while_three_processes_sell() {
    for step in &LATER {
        assert_eq!(step.broken_rule(), None, "{}", step.name);
    }
    let _alone = alone();
    let counts = Arc::new(Counts::default());
    let Some(cluster) = Cluster::open("upgrade", Ground::Postgres, &counts) else {
        return;
    };
    let url = format!(
        "{}?schema=shop",
        cluster.postgres.url_at(cluster.postgres.address)
    );
    let take = |way| migrate_as(&url, &LATER, way).expect("steps are taken");
    let own = take(Direction::Down { to: i64::MAX }).current;
    let all = own + LATER.len() as i64;
    let mut random = Random::new(Random::seed());
    let (mut waited, mut again) = (Vec::new(), 0);
    let acknowledged = || counts.acknowledged.load(Ordering::Relaxed);
    meanwhile(&cluster, &mut random, |load, probes, _| {
        let sells = || {
            let wanted = acknowledged() + WRITES;
            eventually(LONG, "the shop sells", || {
                (acknowledged() >= wanted).then_some(())
            });
            let now = Instant::now();
            for probe in probes {
                probe.works(now, load);
            }
        };
        sells();
        let before = counts.retries.load(Ordering::Relaxed);
        assert_eq!(take(Direction::Up).current, all);
        sells();
        assert_eq!(take(Direction::Down { to: own }).current, own);
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| cluster.postgres.asked(&everything(READS)));
            eventually(LONG, "it reads", || is_reading(&cluster).then_some(()));
            let (since, before) = (Instant::now(), acknowledged());
            let step = scope.spawn(|| take(Direction::Up).current);
            reads.join().expect("it has read");
            // Behind a step that waits for whom reads everybody would have stood until now.
            let meanwhile = acknowledged() - before;
            assert!(meanwhile >= WRITES, "{meanwhile} writes while it waited");
            assert_eq!(step.join().expect("steps are taken"), all);
            assert!(since.elapsed() > READS / 2, "it has waited for who reads");
        });
        sells();
        again = counts.retries.load(Ordering::Relaxed) - before;
        waited = probes.iter().map(|it| it.longest()).collect();
        // Whoever comes back does so on the schema of the later version: the one that writes, and another one.
        let writer = cluster.writer();
        for node in [writer, (writer + 1) % cluster.nodes.len()] {
            cluster.nodes[node].kill();
            assert!(cluster.nodes[node].start(""));
        }
        sells();
        refused(&url, own);
        assert_eq!(take(Direction::Down { to: own }).current, own);
        refused(&url, own);
    });
    let said = format!(
        "{} writes acknowledged; while steps were taken {again} were sent again, and a write waited {waited:?} at most at each door",
        acknowledged(),
    );
    writeln!(std::io::stdout(), "{said}").expect("standard output");
    let data = cluster.nodes[0].setup().data;
    let data = data.to_str().expect("a path");
    assert!(again <= AGAIN, "{again} were sent again");
    let looked = cartwright(&["doctor", "--data-dir", data], &url);
    assert!(looked.status.success(), "{looked:?}");
    cluster.verify_log();
}

/// A transaction that has all tables in use for so long.
fn everything(long: Duration) -> String {
    let all = "shop.levels, shop.carts, shop.orders, shop.checkouts";
    let seconds = long.as_secs_f64();
    format!(
        "BEGIN; LOCK TABLE {all} IN ACCESS SHARE MODE; SELECT pg_sleep({seconds})::text; COMMIT"
    )
}

fn is_reading(cluster: &Cluster) -> bool {
    let look = "SELECT count(*)::text FROM pg_locks WHERE relation = 'shop.orders'::regclass AND mode = 'AccessShareLock' \
                AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid())";
    cluster.postgres.asked(look) != "0"
}

/// What the processes need is not taken back from under them, and the command says so; with a newer schema it leaves all to the newer version.
#[track_caller]
fn refused(url: &str, own: i64) {
    let to = (own - 1).to_string();
    let down = cartwright(&["migrate", "down", "--to", &to, "--yes"], url);
    let said = String::from_utf8_lossy(&down.stderr);
    assert_eq!(down.status.code(), Some(2), "{said}");
    let is_newer = said.contains("newer version");
    let wanted = format!("cannot do without step {own} ");
    assert!(is_newer || said.contains(&wanted), "{said}");
}

fn cartwright(arguments: &[&str], url: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(arguments)
        .env("CARTWRIGHT_DATABASE", url)
        .output()
        .expect("the binary can be run")
}
