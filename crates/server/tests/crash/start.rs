//! Starts that must be refused, with a sentence that says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;

use crate::support::process::Refusal;
use crate::support::{Setup, Shop, TempDir};

/// A refusal to start is an exit code and a sentence, not a crash.
#[track_caller]
fn clear(refusal: &Refusal) {
    let Refusal { status, said } = refusal;
    assert!(
        status.code().is_some_and(|code| code != 0),
        "{status}: {said}"
    );
    for crash in ["panicked at", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!said.contains(crash), "{said}");
    }
    assert!(
        said.split_whitespace().count() >= 8,
        "no sentence: {said:?}"
    );
}

/// A data directory of a shop that sold something, stopped in good order; and its database files.
fn stopped(name: &str) -> (TempDir, Setup, Vec<PathBuf>) {
    let dir = TempDir::new(name);
    let setup = Setup::new(&dir);
    let process = setup.start();
    let body = json!({"name": "x", "variants": [{"sku": "sku-1", "prices": []}]});
    let request = process.request("POST", "/v1/products").admin();
    request.json(body).send().is(201);
    assert!(process.stop().success());
    let databases: Vec<_> = files(&setup.data)
        .into_iter()
        .filter(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")))
        .collect();
    assert!(
        !databases.is_empty(),
        "no database in {}",
        setup.data.display()
    );
    (dir, setup, databases)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn refuses_a_directory_that_another_process_has() {
    let dir = Arc::new(TempDir::new("two"));
    let first = Setup::new(&dir);
    let shop = Shop::of(first.start(), Arc::clone(&dir));
    let level = shop.stocked(5);
    let mut second = first.clone();
    second.log = dir.path().join("second");
    for _ in 0..3 {
        let refusal = second.refusal();
        clear(&refusal);
        let directory = second.data.display().to_string();
        assert!(
            refusal.said.contains(&directory),
            "names the directory: {}",
            refusal.said
        );
    }
    level.adjust(1).is(200);
    assert_eq!(level.read()["on_hand"], 6);
}

#[test]
fn refuses_a_database_that_is_none() {
    let (_dir, setup, databases) = stopped("garbage");
    for path in &databases {
        let mut bytes = fs::read(path).expect("a database");
        let end = bytes.len().min(4096);
        bytes[..end].fill(0xa5);
        fs::write(path, &bytes).expect("can be written");
    }
    let before: Vec<_> = databases
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect();
    let refusal = setup.refusal();
    clear(&refusal);
    let after: Vec<_> = databases
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect();
    assert!(
        before == after,
        "what is left of the data must stay for a rescue"
    );
}

#[test]
fn refuses_a_database_that_was_cut_off() {
    let (_dir, setup, databases) = stopped("cut");
    for path in &databases {
        let bytes = fs::read(path).expect("a database");
        assert!(bytes.len() >= 8192, "a database of several pages");
        fs::write(path, &bytes[..4096]).expect("can be written");
    }
    clear(&setup.refusal());
}

#[test]
fn refuses_a_database_of_a_newer_version() {
    let (_dir, setup, databases) = stopped("newer");
    for path in &databases {
        let database = Connection::open(path).expect("a database");
        age(&database).expect("the version can be raised");
    }
    let refusal = setup.refusal();
    clear(&refusal);
    assert!(
        refusal.said.contains("newer"),
        "says what is the matter: {}",
        refusal.said
    );
}

/// Raises whatever tells the version of the schema: SQLite's own number, and the newest row of each table of
/// migrations.
fn age(database: &Connection) -> rusqlite::Result<()> {
    database.pragma_update(None, "user_version", 1_000_000)?;
    let mut tables = database.prepare(
        "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND (m.name LIKE '%migration%' OR m.name LIKE '%schema%') AND c.name LIKE '%version%'",
    )?;
    let tables: Vec<(String, String)> = tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (table, column) in tables {
        database.execute(
            &format!(
                "UPDATE \"{table}\" SET \"{column}\" = 1000000
                 WHERE \"{column}\" = (SELECT max(\"{column}\") FROM \"{table}\")"
            ),
            [],
        )?;
    }
    Ok(())
}

#[test]
fn refuses_options_it_does_not_know() {
    let dir = TempDir::new("options");
    let refusal = Setup::new(&dir).argument("--lissten").refusal();
    clear(&refusal);
    assert!(
        refusal.said.contains("--listen"),
        "names the nearest: {}",
        refusal.said
    );
    assert!(
        !dir.data().exists(),
        "nothing is made before the options are read"
    );
}

#[test]
fn refuses_an_address_that_is_taken() {
    let shop = Shop::own("address");
    let dir = TempDir::new("address-second");
    let refusal = Setup::new(&dir).at(shop.address()).refusal();
    clear(&refusal);
    let port = shop.address().port().to_string();
    assert!(refusal.said.contains(&port), "{}", refusal.said);
}
