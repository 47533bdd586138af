//! `cartwright migrate copy`: a shop that grew on SQLite goes on in PostgreSQL, with everything that it has promised.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Setup, Shop, TempDir, check, eventually, uuid};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(arguments)
        .output()
        .expect("the binary can be run")
}

/// An empty schema of the engine that the tests were given.
fn schema() -> Option<String> {
    let Ok(engine) = std::env::var("CARTWRIGHT_TEST_POSTGRES_URL") else {
        eprintln!("SKIPPED: moving to PostgreSQL, for CARTWRIGHT_TEST_POSTGRES_URL is not set");
        return None;
    };
    Some(format!("{engine}?schema=moved_{}", uuid().replace('-', "")))
}

#[test]
fn a_shop_moves_to_postgresql_with_all_that_it_promised() {
    let Some(url) = schema().filter(|_| !crate::support::on_postgres()) else {
        return;
    };
    let dir = Arc::new(TempDir::new("moving"));
    let mut setup = Setup::new(&dir);
    setup.sample = true;
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let level = shop.stocked(7);
    let held = level.hold(2);
    let metadata = json!({"gift": "Zoë \u{1F381}", "zero": "a\u{0}b", "much": 1e300});
    let (key, wanted) = (
        uuid(),
        json!({"currency": "USD", "country": "US", "metadata": metadata}),
    );
    let ask = |shop: &Shop| {
        let asked = shop.post("/v1/carts").idempotency_key(&key);
        asked.json(wanted.clone()).send()
    };
    let made = ask(&shop).is(201);
    let (id, token) = (made.json()["id"].clone(), made.json()["token"].clone());
    let path = format!("/v1/carts/{}", id.as_str().expect("an id"));
    let token = token.as_str().expect("a token").to_owned();
    let before = shop.get(&path).token(&token).send().ok();
    let products = shop.get("/v1/products").send().ok();
    let data = format!("sqlite:{}", setup.data.display());

    // Not while it runs, and not into something that is no database.
    let busy = run(&["migrate", "copy", "--from", &data, "--to", &url]);
    assert_eq!(busy.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("in use"));
    shop.process.terminate();
    eventually(Duration::from_secs(60), "it ends", || {
        shop.process.exit_status()
    });
    let nowhere = run(&["migrate", "copy", "--from", "sqlite:/nowhere", "--to", &url]);
    assert_eq!(nowhere.status.code(), Some(2));

    let moved = run(&["migrate", "copy", "--from", &data, "--to", &url, "--json"]);
    let said = String::from_utf8_lossy(&moved.stderr).into_owned();
    assert!(moved.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&moved.stdout).expect("JSON");
    check(&report, json!({"equal": true}));
    assert!(report["tables"]["products"].as_u64() > Some(10), "{report}");
    let again = run(&["migrate", "copy", "--from", &data, "--to", &url]);
    assert_eq!(again.status.code(), Some(2), "a shop is never written over");
    assert!(String::from_utf8_lossy(&again.stderr).contains("has a shop already"));

    // Tokens, kept replies, holds and the catalogue are as they were; the log makes the state.
    let mut setup = Setup::new(&dir).with("CARTWRIGHT_DATABASE", &url);
    setup.data = dir.path().join("elsewhere");
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    assert_eq!(shop.get(&path).token(&token).send().ok(), before);
    assert_eq!(shop.get("/v1/products").send().ok(), products);
    let again = ask(&shop);
    assert!(
        again.replayed() && again.json() == made.json(),
        "{}",
        again.story()
    );
    let confirm = format!("/v1/reservations/{}/confirm", held);
    shop.post(&confirm).admin().json(json!({})).send().is(200);
    let verified = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["replay", "--verify", "--all", "--database", &url])
        .arg("--data-dir")
        .arg(&setup.data)
        .output()
        .expect("the binary can be run");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "{said}");
}
