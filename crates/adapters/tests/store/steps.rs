//! The steps of a schema, taken while processes use it.
#![allow(
    clippy::disallowed_methods,
    reason = "other sessions of an engine are waited for by the machine's clock"
)]

use crate::engine::Schema;
use crate::writers::{commit, lease};
use cartwright_adapters::store::schema::{Direction, Kind, Step, THEN};
use cartwright_adapters::store::{postgres, sqlite};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::{StoreParts, Swap};
use std::time::{Duration, Instant};

/// Longer than a step waits for its locks, and than it pauses then.
const A_WHILE: Duration = Duration::from_secs(2);
/// Longer than a session takes to end.
const SOON: Duration = Duration::from_secs(60);

/// What a later version adds.
const ADDED: Step = Step {
    name: "a note",
    up: "ALTER TABLE carts ADD COLUMN note TEXT",
    down: "ALTER TABLE carts DROP COLUMN note",
    kind: Kind::Expands,
};

/// What one after that takes away: programs that know our steps and the one above can use what is left.
fn narrowed(own: i64) -> Step {
    Step {
        name: "no note",
        up: "ALTER TABLE carts DROP COLUMN note",
        down: "ALTER TABLE carts ADD COLUMN note TEXT",
        kind: Kind::Contracts { oldest: own + 1 },
    }
}

fn in_postgres(schema: &Schema) -> Result<StoreParts, postgres::OpenError> {
    let options = postgres::PostgresOptions {
        is_shared: true,
        ..postgres::PostgresOptions::new(&schema.url)
    };
    postgres::open(&options, &SystemRandom)
}

fn writing(schema: &Schema) -> StoreParts {
    let mut parts = in_postgres(schema).unwrap();
    let swapped = parts.write.swap_lease(None, &lease("a", 1, 0)).unwrap();
    assert_eq!(swapped, Swap::Done);
    parts
}

#[test]
fn postgres_goes_up_and_down_and_up() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let tables = || {
        let name = "current_schema()";
        let found = schema.run(&format!(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = {name} ORDER BY 1, 2; \
             SELECT indexdef FROM pg_indexes WHERE schemaname = {name} ORDER BY 1"
        ));
        format!("{:?}", found.unwrap())
    };
    let latest = postgres::migrate(&schema.url, Direction::Up)
        .unwrap()
        .latest;
    let full = tables();
    for to in (0..latest).rev() {
        let stands = postgres::migrate(&schema.url, Direction::Down { to }).unwrap();
        assert_eq!(stands.current, to);
        assert_eq!(
            stands.steps.iter().filter(|(_, taken)| *taken).count() as i64,
            to
        );
    }
    let left = tables();
    assert!(!left.contains("carts") && !left.contains("lease"), "{left}");
    // One after the other again, as databases of older versions do.
    for to in 1..=latest {
        postgres::migrate(&schema.url, Direction::Down { to: 0 }).unwrap();
        postgres::migrate(&schema.url, Direction::Up).unwrap();
        postgres::migrate(&schema.url, Direction::Down { to }).unwrap();
        let stands = postgres::migrate(&schema.url, Direction::Up).unwrap();
        assert_eq!(stands.current, latest);
        assert_eq!(tables(), full, "from {to}");
    }
    commit(&mut writing(&schema), 1).unwrap();
}

#[test]
fn nobody_takes_a_step_back_that_a_process_needs() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let mut parts = writing(&schema);
    let latest = postgres::status(&schema.url).unwrap().latest;
    let down = || postgres::migrate(&schema.url, Direction::Down { to: latest - 1 });
    let refused = down().unwrap_err();
    assert!(
        matches!(refused, postgres::OpenError::Needed { step, .. } if step == latest),
        "{refused}"
    );
    commit(&mut parts, 1).unwrap();
    // A connection that is made anew says it too.
    parts.write.recover().unwrap();
    assert!(matches!(down(), Err(postgres::OpenError::Needed { .. })));
    drop(parts);
    let deadline = Instant::now() + SOON;
    while let Err(error) = down() {
        assert!(Instant::now() < deadline, "{error}");
    }
    assert_eq!(postgres::status(&schema.url).unwrap().current, latest - 1);
}

#[test]
fn a_schema_that_a_later_version_added_to_is_used_and_one_that_it_narrowed_is_not() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let mut parts = writing(&schema);
    let own = postgres::status(&schema.url).unwrap().latest;
    let up = |steps: &[Step]| postgres::migrate_as(&schema.url, steps, Direction::Up).unwrap();
    assert_eq!(up(&[ADDED]).current, own + 1);
    commit(&mut parts, 1).unwrap();
    // One that begins now, too. It takes nothing back of what it does not know.
    drop(in_postgres(&schema).unwrap());
    let back = postgres::migrate(&schema.url, Direction::Down { to: 0 });
    assert!(matches!(back, Err(postgres::OpenError::Newer { .. })));
    assert_eq!(up(&[ADDED, narrowed(own)]).current, own + 2);
    let refused = in_postgres(&schema).map(drop).unwrap_err();
    let wanted = own;
    assert!(
        matches!(refused, postgres::OpenError::Newer { found, known, .. } if (found, known) == (wanted + 2, wanted)),
        "{refused}"
    );
    let down = Direction::Down { to: own };
    postgres::migrate_as(&schema.url, &[ADDED, narrowed(own)], down).unwrap();
    commit(&mut parts, 2).unwrap();
    drop(in_postgres(&schema).unwrap());
}

#[test]
fn a_file_that_a_later_version_added_to_is_used_and_one_that_it_narrowed_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let shared = || {
        let options = sqlite::SqliteOptions {
            is_shared: true,
            ..sqlite::SqliteOptions::default()
        };
        sqlite::open(dir, options, &SystemRandom)
    };
    let mut parts = shared().unwrap();
    let first = lease("a", 1, 0);
    assert_eq!(parts.write.swap_lease(None, &first).unwrap(), Swap::Done);
    let taken = |steps: &[Step], way| sqlite::migrate_beside(dir, steps, way).unwrap().current;
    let own = taken(&[], Direction::Up);
    assert_eq!(taken(&[ADDED], Direction::Up), own + 1);
    commit(&mut parts, 1).unwrap();
    drop(shared().unwrap());
    assert_eq!(taken(&[ADDED, narrowed(own)], Direction::Up), own + 2);
    let refused = shared().map(drop).unwrap_err();
    assert!(
        matches!(refused, sqlite::OpenError::Newer { found, known, .. } if (found, known) == (own + 2, own)),
        "{refused}"
    );
    let down = Direction::Down { to: 0 };
    assert_eq!(taken(&[ADDED, narrowed(own)], down), own);
    commit(&mut parts, 2).unwrap();
    drop(shared().unwrap());
}

#[test]
fn who_reads_for_long_keeps_a_step_out_and_nobody_else() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let mut parts = writing(&schema);
    let reads = schema.late("SELECT count(*) FROM carts");
    std::thread::scope(|scope| {
        let step = scope.spawn(|| postgres::migrate_as(&schema.url, &[ADDED], Direction::Up));
        let since = Instant::now();
        let mut hash: u8 = 0;
        // Whoever stood behind a step that waits would stand there until the reader ends.
        while since.elapsed() < A_WHILE {
            // A quick machine comes round to the first one again.
            hash = hash.wrapping_add(1);
            schema.run("SELECT count(*) FROM carts").unwrap();
            commit(&mut parts, hash).unwrap();
        }
        assert!(!step.is_finished(), "somebody reads");
        reads.commit();
        step.join().unwrap().unwrap();
    });
}

#[test]
fn an_index_is_made_beside_a_shop_and_a_step_that_was_cut_off_is_taken_again() {
    const UP: &str = concat!(
        "DROP INDEX CONCURRENTLY IF EXISTS carts_by_version",
        "\n-- then\n",
        "CREATE INDEX CONCURRENTLY carts_by_version ON carts (version)",
        "\n-- then\n",
        "SELECT 1 / count(*) FROM products"
    );
    assert!(UP.contains(THEN));
    let index = Step {
        name: "an index",
        up: UP,
        down: "DROP INDEX CONCURRENTLY carts_by_version",
        kind: Kind::Beside,
    };
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let mut parts = writing(&schema);
    let own = postgres::status(&schema.url).unwrap().latest;
    let up = || postgres::migrate_as(&schema.url, &[index], Direction::Up);
    assert!(matches!(up(), Err(postgres::OpenError::Migrate(_))));
    assert_eq!(postgres::status(&schema.url).unwrap().current, own);
    schema
        .run("INSERT INTO products (id, version, body) VALUES ('p', 1, '{}')")
        .unwrap();
    assert_eq!(up().unwrap().current, own + 1);
    commit(&mut parts, 1).unwrap();
    let down = Direction::Down { to: own };
    let stands = postgres::migrate_as(&schema.url, &[index], down).unwrap();
    assert_eq!(stands.current, own);
}
