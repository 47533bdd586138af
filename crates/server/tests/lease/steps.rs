//! The schema goes up and down beneath processes that share a data directory and write: as the first process of a later version does.

use cartwright_adapters::store::schema::{Direction, Kind, Step};
use cartwright_adapters::store::sqlite::migrate_beside;

use crate::load::{Scene, WRITERS};
use crate::nodes::{Nodes, is_writer};
use crate::random::Random;
use crate::takeover::{load, replays, settle};

/// What a later version adds.
const LATER: [Step; 3] = [
    Step {
        name: "columns, and a table",
        up: "ALTER TABLE levels ADD COLUMN counted_at INTEGER NOT NULL DEFAULT 0; \
             ALTER TABLE carts ADD COLUMN note TEXT; CREATE TABLE badges (id BLOB PRIMARY KEY, sku TEXT);",
        down: "DROP TABLE badges; ALTER TABLE carts DROP COLUMN note; ALTER TABLE levels DROP COLUMN counted_at;",
        kind: Kind::Expands,
    },
    Step {
        name: "an index on what is there",
        up: "CREATE INDEX CONCURRENTLY levels_by_count ON levels (counted_at);",
        down: "DROP INDEX levels_by_count;",
        kind: Kind::Beside,
    },
    Step {
        name: "rows that are filled in",
        up: "UPDATE levels SET counted_at = updated_at;",
        down: "UPDATE levels SET counted_at = 0;",
        kind: Kind::Beside,
    },
];
/// So often up and down.
const ROUNDS: usize = 8;

#[test]
fn nothing_is_lost_while_a_later_version_takes_its_steps_up_and_down() {
    // In PostgreSQL the engines' test does it.
    if crate::support::on_postgres() {
        return;
    }
    for step in &LATER {
        assert_eq!(step.broken_rule(), None, "{}", step.name);
    }
    let mut random = Random::new(Random::seed());
    let nodes = Nodes::new("steps");
    let (first, second) = (nodes.start("first"), nodes.start("second"));
    let scene = Scene::set(&first);
    let take = |way| migrate_beside(&nodes.dir.data(), &LATER, way).expect("steps are taken");
    let own = take(Direction::Down { to: 0 }).current;
    let deeds = load(&first, &scene, &mut random, 100, || {
        for round in 0..ROUNDS {
            assert_eq!(take(Direction::Up).current, own + LATER.len() as i64);
            if round == ROUNDS / 2 {
                // One of this version begins on the schema of the later one, and reads what is there.
                let third = nodes.start("third");
                let level = &scene.levels[0];
                assert!(!is_writer(&third));
                third.level(&level.store, &level.sku, 0).read();
            }
            assert_eq!(take(Direction::Down { to: own }).current, own);
        }
        take(Direction::Up);
        assert!(is_writer(&first), "it has lost its lease");
    });
    let (done, open) = (
        deeds.iter().filter(|it| it.done()).count(),
        deeds.iter().filter(|it| it.unknown()).count(),
    );
    assert!(done > 100, "{done} were acknowledged");
    // It was killed in the end, and each writer waited for an answer then.
    assert!(open <= WRITERS, "{open} of {} failed", deeds.len());
    settle(&second, &scene, deeds);
    replays(&nodes, second);
}
