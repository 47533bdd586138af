//! What only a store on disk promises: it is there again, it is alone, and it refuses what it cannot trust.

use crate::desk::Desk;
use crate::samples::*;
use cartwright_adapters::store::schema::Direction;
use cartwright_adapters::store::sqlite::{
    DATABASE_FILE, OpenError, SqliteOptions, migrate, open, status,
};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::StoreParts;
use std::path::Path;

fn opened(dir: &Path) -> Result<StoreParts, OpenError> {
    open(dir, SqliteOptions::default(), &SystemRandom)
}

fn refused(dir: &Path) -> OpenError {
    match opened(dir) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(opened(directory.path()).unwrap());
    desk.commit(&[
        product("lamp", &["A"]),
        store("berlin"),
        receive("A", "berlin", 5),
    ])
    .unwrap();
    desk.commit(&[
        hold(1, "key_1", "a", NOW),
        cart(1, Some("c"), None, NOW),
        api_key(1, 1),
    ])
    .unwrap();
    desk.parts.read.set_cursor("search", 3).unwrap();
    let secret = desk.parts.read.secret();
    let Desk {
        parts,
        state,
        position,
        now,
    } = desk;
    drop(parts);
    let mut desk = Desk {
        parts: opened(directory.path()).unwrap(),
        state,
        position,
        now,
    };
    desk.agrees("reopened");
    assert_eq!(desk.parts.write.head().unwrap(), (6, NOW));
    assert_eq!(desk.parts.read.cursor("search").unwrap(), Some(3));
    assert_eq!(desk.parts.read.secret(), secret);
    assert_ne!(secret, [0; 32]);
    desk.commit(&[receive("A", "berlin", 1)]).unwrap();
    assert_eq!(desk.parts.write.recover().unwrap(), 7);
    desk.commit(&[receive("A", "berlin", 1)]).unwrap();
    desk.agrees("recovered");
}

#[test]
fn a_copy_taken_while_it_runs_holds_every_acknowledged_write() {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut desk = Desk::new(opened(directory.path()).unwrap());
    for units in 1..=50 {
        desk.commit(&[receive("A", "berlin", units)]).unwrap();
    }
    // What a kill leaves behind: the files as they are, without a goodbye.
    for name in [DATABASE_FILE.to_owned(), format!("{DATABASE_FILE}-wal")] {
        std::fs::copy(directory.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let Desk {
        parts: _running,
        state,
        position,
        now,
    } = desk;
    Desk {
        parts: opened(copy.path()).unwrap(),
        state,
        position,
        now,
    }
    .agrees("after a kill");
}

#[test]
fn one_process_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = opened(directory.path()).unwrap();
    let error = refused(directory.path());
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(matches!(
        status(directory.path()),
        Err(OpenError::Locked { .. })
    ));
    drop(first);
    opened(directory.path()).unwrap();
}

#[test]
fn a_newer_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(opened(directory.path()).unwrap());
    let file = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let error = refused(directory.path());
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer"), "{error}");
}

#[test]
fn a_damaged_or_foreign_file_is_refused() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("is damaged", |file| {
            std::fs::write(file, "no database, just text".repeat(99)).unwrap()
        }),
        ("is damaged", |file| {
            let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("another program", |file| {
            rusqlite::Connection::open(file)
                .unwrap()
                .pragma_update(None, "application_id", 7)
                .unwrap();
        }),
    ];
    for (sentence, damage) in damages {
        let directory = tempfile::tempdir().unwrap();
        drop(opened(directory.path()).unwrap());
        damage(&directory.path().join(DATABASE_FILE));
        let error = refused(directory.path());
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let error = refused(&file.join("data"));
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[test]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let _parts = opened(directory.path()).unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            entry.path()
        );
    }
}

#[test]
fn the_schema_goes_up_and_down_and_up() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let tables = || {
        let file = rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap();
        let sql = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)";
        file.query_row(sql, [], |row| row.get::<_, Option<String>>(0))
            .unwrap()
    };
    assert_eq!(status(dir).unwrap().current, 0);
    let latest = migrate(dir, Direction::Up).unwrap().latest;
    let full = tables();
    for to in (0..latest).rev() {
        let stands = migrate(dir, Direction::Down { to }).unwrap();
        assert_eq!(stands.current, to);
        assert_eq!(
            stands.steps.iter().filter(|(_, taken)| *taken).count() as i64,
            to
        );
    }
    assert_eq!(tables(), None, "nothing is left of what the steps made");
    assert_eq!(migrate(dir, Direction::Up).unwrap().current, latest);
    assert_eq!(tables(), full);
    let mut desk = Desk::new(opened(dir).unwrap());
    desk.commit(&[store("berlin")]).unwrap();
    desk.agrees("migrated");
}
