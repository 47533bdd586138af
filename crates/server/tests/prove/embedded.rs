//! On a shop of its own.

use serde_json::json;

use crate::command::{prove, start_in};

#[test]
fn everything_is_tried_and_holds_on_an_embedded_shop() {
    let ended = prove(&["--duration", "6s", "--seed", "7"]);
    ended.is(0);
    let report = &ended.report;
    assert_eq!(
        (&report["verdict"], &report["seed"], &report["shop"]),
        (&json!("held"), &json!(7), &json!("embedded"))
    );
    let trials = report["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), 8, "{}", ended.text);
    for trial in trials {
        assert!(trial["rounds"].as_u64() > Some(0), "{trial}");
        assert_eq!(trial["left_out"], json!(null), "{trial}");
        assert!(ended.text.contains(trial["name"].as_str().expect("a name")));
    }
    for (trial, what) in [
        ("last units", "units offered"),
        ("keys replayed", "keys with another body"),
        ("carts", "changes acknowledged"),
        ("one cart, many payers", "payers"),
        ("purchases of the last units", "orders"),
        ("webhooks", "forged messages"),
        ("kill -9", "kills"),
        ("kill -9", "writes acknowledged"),
        ("at the end", "state rebuilt from the log"),
    ] {
        assert!(
            ended.count(trial, what) > 0,
            "{trial}: {what}: {}",
            ended.text
        );
    }
    for row in report["invariants"].as_array().expect("invariants") {
        assert!(
            row["checked"].as_u64() > Some(0) && row["broken"] == 0,
            "{row}"
        );
    }
    assert!(ended.text.contains("seed 7"), "{}", ended.text);
    assert!(
        ended.text.contains("What this does not cover"),
        "{}",
        ended.text
    );
    assert!(ended.page.starts_with("<!doctype html>"), "{}", ended.page);
    assert!(ended.page.contains("Everything held"), "{}", ended.page);
    for loaded in ["<script", "http-equiv", "src=", "@import", "url("] {
        assert!(!ended.page.contains(loaded), "{loaded}");
    }
}

#[test]
fn the_same_seed_makes_the_same_plan() {
    let once = |seed: &str| {
        let arguments = [
            "--duration",
            "1ms",
            "--only",
            "last units",
            "--only",
            "purchases",
        ];
        let ended = prove(&[arguments.as_slice(), &["--seed", seed]].concat());
        ended.is(0);
        [
            ("last units", "units offered"),
            ("last units", "buyers"),
            ("purchases of the last units", "buyers at the till"),
        ]
        .map(|(trial, what)| ended.count(trial, what))
    };
    assert_eq!(once("42"), once("42"));
    assert_ne!(once("42"), once("43"));
}

#[test]
fn wrong_options_and_a_shop_that_is_not_there_end_with_2() {
    for arguments in [
        ["--duration", "soon"].as_slice(),
        &["--duration", "0s"],
        &["--buy"],
        &["--server", "http://127.0.0.1:1"],
        &["--server", "http://127.0.0.1:1", "--key", "k"],
        &["--server", "nowhere", "--key", "k"],
        &["--only", "nothing of this name"],
        &["--report", "pdf"],
    ] {
        let ended = prove(arguments);
        ended.is(2);
        assert!(!ended.said.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_embedded_shop_never_uses_the_database_of_another_one() {
    // Where a shop runs its settings are often in the environment.
    let settings = [
        ("CARTWRIGHT_DATABASE", "postgres://nobody@127.0.0.1:1/none"),
        ("LOCKS_ENABLED", "true"),
    ];
    let ended = start_in(&settings, &["--duration", "1ms", "--only", "last units"]).ends();
    ended.is(0);
}

#[test]
fn everything_holds_on_a_postgres_that_keeps_nothing_of_it() {
    let Ok(engine) = std::env::var("CARTWRIGHT_TEST_POSTGRES_URL") else {
        eprintln!(
            "SKIPPED, nothing was checked: prove on PostgreSQL needs CARTWRIGHT_TEST_POSTGRES_URL"
        );
        return;
    };
    let ended = prove(&["--duration", "6s", "--seed", "7", "--database", &engine]);
    ended.is(0);
    assert!(ended.count("kill -9", "kills") > 0, "{}", ended.text);
    let verified = ended.count("at the end", "state rebuilt from the log");
    assert!(verified > 0, "{}", ended.text);
    assert!(ended.text.contains("--database URL"), "{}", ended.text);
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'prove\\_%'";
    assert_eq!(asked(&engine, left), "0");
    let named = format!("{engine}?schema=mine");
    prove(&["--database", &named]).is(2);
    prove(&["--database", "sqlite:here"]).is(2);
}

fn asked(engine: &str, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let connected = tokio_postgres::connect(engine, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("a connection");
        let driven = tokio::spawn(connection);
        let found = client.simple_query(sql).await.expect("an answer");
        driven.abort();
        let mut rows = found.into_iter().filter_map(|it| match it {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.next().expect("a row")
    })
}
