//! `POST /v1/imports` and `cartwright import`: rows in, a report out, repeated without harm.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Request, Setup, Shop, TempDir, check, eventually, fresh, shop};

/// A row with one variant and its stock.
fn row(id: &str, name: &str, store: &str, quantity: i64) -> Value {
    json!({"id": id, "name": name, "variants": [
        {"sku": id, "prices": [{"amount": 100, "currency": "USD"}], "stock": {store: quantity}}
    ]})
}

fn post(shop: &Shop, query: &str) -> Request {
    shop.post(&format!("/v1/imports{query}")).admin()
}

#[track_caller]
fn counts(report: &Value, expected: Value) {
    let mut seen = report.clone();
    seen.as_object_mut().expect("a report").remove("items");
    check(&seen, expected);
}

#[test]
fn takes_arrays_and_lines_and_counts_what_it_did() {
    let shop = shop();
    let (store, a, b) = (shop.warehouse(), fresh("import"), fresh("import"));
    let rows = json!([row(&a, "First", &store, 5), row(&b, "Second", &store, 0)]);
    let report = post(&shop, "").json(rows.clone()).send().ok();
    counts(
        &report,
        json!({"created": 2, "updated": 0, "unchanged": 0, "failed": 0, "stock_set": 2, "stock_kept": 0, "dry_run": false}),
    );
    check(
        &report["items"][0],
        json!({"index": 0, "id": a, "result": "created", "stock_set": 1, "stock_kept": 0}),
    );
    assert_eq!(shop.level(&store, &a, 0).read()["on_hand"], 5);

    // The same rows as lines: known products, and stock stays as it stands.
    let lines = format!("{}\n\n{}\r\n", rows[0], rows[1]);
    let again = post(&shop, "")
        .text("application/x-ndjson", &lines)
        .send()
        .ok();
    counts(
        &again,
        json!({"created": 0, "updated": 0, "unchanged": 2, "failed": 0, "stock_set": 0, "stock_kept": 2, "dry_run": false}),
    );
    let more = json!([row(&a, "First, renamed", &store, 9)]);
    let kept = post(&shop, "").json(more.clone()).send().ok();
    counts(
        &kept,
        json!({"created": 0, "updated": 1, "unchanged": 0, "failed": 0, "stock_set": 0, "stock_kept": 1, "dry_run": false}),
    );
    let counted = post(&shop, "?stock=count").json(more).send().ok();
    assert_eq!(
        (&counted["stock_set"], &counted["updated"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shop.level(&store, &a, 0).read()["on_hand"], 9);
    assert_eq!(
        post(&shop, "").json(json!([])).send().ok()["items"],
        json!([])
    );
}

#[test]
fn a_row_that_fails_leaves_the_others_alone() {
    let shop = shop();
    let (store, good) = (shop.warehouse(), fresh("good"));
    let body = format!(
        "{}\n{}\n{}\n{}\nnot json\n[1]\n",
        row(&good, "Good", &store, 1),
        json!({"id": "x", "name": "No variants"}),
        row(&fresh("lost"), "Lost", "nowhere-at-all", 1),
        json!({"id": fresh("odd"), "name": "Odd", "odd": 1, "variants": []}),
    );
    let report = post(&shop, "")
        .text("application/x-ndjson", &body)
        .send()
        .ok();
    counts(
        &report,
        json!({"created": 1, "updated": 0, "unchanged": 0, "failed": 5, "stock_set": 1, "stock_kept": 0, "dry_run": false}),
    );
    let codes: Vec<_> = (0..6).map(|n| report["items"][n]["code"].clone()).collect();
    let expected = json!([
        null,
        "invalid",
        "not_found",
        "invalid",
        "malformed_json",
        "malformed_request"
    ]);
    assert_eq!(json!(codes), expected, "{report}");
    for (index, item) in report["items"].as_array().expect("rows").iter().enumerate() {
        assert_eq!(item["index"], index);
        assert_eq!(item["detail"].is_string(), index > 0, "{item}");
    }
    assert_eq!(shop.level(&store, &good, 0).read()["on_hand"], 1);
    shop.get("/v1/stores/nowhere-at-all")
        .send()
        .refused(404, "not_found");
    let made = json!([row(&fresh("made"), "Made", &fresh("made-store"), 1)]);
    let made = post(&shop, "?create_stores=true").json(made).send().ok();
    assert_eq!(
        (&made["created"], &made["stock_set"]),
        (&json!(1), &json!(1)),
        "{made}"
    );
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let shop = shop();
    let (store, id) = (shop.warehouse(), fresh("dry"));
    let rows = json!([
        row(&id, "Dry", &store, 3),
        row(&fresh("dry"), "Lost", "nowhere-at-all", 1)
    ]);
    let tried = post(&shop, "?dry_run=true").json(rows).send().ok();
    counts(
        &tried,
        json!({"created": 1, "updated": 0, "unchanged": 0, "failed": 1, "stock_set": 1, "stock_kept": 0, "dry_run": true}),
    );
    shop.get(&format!("/v1/products/{id}"))
        .admin()
        .send()
        .refused(404, "not_found");
}

/// Each row has the key with its place: what an interrupted request has done is replayed, and the rest is done.
#[test]
fn the_same_key_goes_on_where_the_first_request_ended() {
    let shop = shop();
    let (store, key) = (shop.warehouse(), fresh("import-key"));
    let ids: Vec<_> = (0..300).map(|_| fresh("resumed")).collect();
    let rows = |count: usize| -> Value {
        ids[..count]
            .iter()
            .map(|id| row(id, id, &store, 2))
            .collect()
    };
    let send = |rows: Value| post(&shop, "").idempotency_key(&key).json(rows).send();
    let first = send(rows(120));
    assert!(!first.replayed());
    let rest = send(rows(300));
    assert!(!rest.replayed(), "not all of it was done before");
    // A replayed row says what it said when it was done.
    counts(
        &rest.clone().ok(),
        json!({"created": 300, "updated": 0, "unchanged": 0, "failed": 0, "stock_set": 300, "stock_kept": 0, "dry_run": false}),
    );
    let all = send(rows(300));
    assert!(all.replayed());
    assert_eq!(all.text(), rest.text());
    for id in [&ids[0], &ids[119], &ids[120], &ids[299]] {
        let level = shop.level(&store, id, 0).read();
        assert_eq!(
            (&level["on_hand"], &level["version"]),
            (&json!(2), &json!(1)),
            "{id}"
        );
    }
    let other = send(json!([row(&ids[0], "Another", &store, 1)]));
    other.refused(409, "idempotency_key_reused");
}

#[test]
fn refuses_what_is_no_import_before_any_row() {
    let shop = Shop::with("imports", |setup| {
        setup.with("CARTWRIGHT_MAX_IMPORT_BYTES", "4096")
    });
    for body in ["[{}", "[{}] {}", "[\"]"] {
        let answer = post(&shop, "").text("application/json", body).send();
        answer.refused(400, "malformed_json");
    }
    for kind in [
        "text/csv",
        "application/yaml",
        "application/x-www-form-urlencoded",
    ] {
        let answer = post(&shop, "").text(kind, "id,sku\na,a\n").send();
        let problem = answer.refused(415, "unsupported_media_type");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|said| said.contains("cartwright import"))
        );
    }
    let big = format!("[{}]", " ".repeat(5000));
    let answer = post(&shop, "").text("application/json", &big).send();
    assert_eq!(answer.refused(413, "too_large")["limit"], 4096);
    for query in ["?stock=some", "?dry_run=perhaps", "?unknown=1"] {
        post(&shop, query)
            .json(json!([]))
            .send()
            .refused(422, "invalid");
    }
    shop.post("/v1/imports")
        .json(json!([]))
        .send()
        .refused(401, "unauthenticated");
    let list = shop.get("/v1/products").send().ok();
    assert_eq!(list["items"], json!([]), "nothing was taken");
}

#[test]
fn asks_for_a_scope_for_each_thing_it_changes() {
    let shop = shop();
    let (store, id) = (shop.warehouse(), fresh("scoped"));
    let rows = json!([row(&id, "Scoped", &store, 1)]);
    let by = |scopes: &[&str], query: &str| {
        let request = shop.post(&format!("/v1/imports{query}"));
        request.key(&shop.api_key(scopes)).json(rows.clone()).send()
    };
    assert_eq!(
        by(&["inventory:write"], "").refused(403, "forbidden")["scope"],
        "catalog:write"
    );
    let without_stock = by(&["catalog:write"], "").ok();
    assert_eq!(
        without_stock["items"][0]["code"], "forbidden",
        "{without_stock}"
    );
    let both = ["catalog:write", "inventory:write"];
    assert_eq!(
        by(&both, "?create_stores=true").refused(403, "forbidden")["scope"],
        "stores:write"
    );
    assert_eq!(by(&both, "").ok()["created"], 1);
}

/// `cartwright import` with these arguments.
fn import(file: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .arg("import")
        .arg(file)
        .args(["--json", "--create-stores"])
        .args(arguments)
        .envs(crate::support::database_in(arguments))
        .output()
        .expect("the binary can be run")
}

#[track_caller]
fn said(output: &Output, code: i32) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {error}"))
}

/// The three forms, into a stopped shop and then over HTTP into the same one running.
#[test]
fn the_command_line_imports_into_stopped_and_running_shops() {
    let dir = Arc::new(TempDir::new("import"));
    let setup = Setup::new(&dir);
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    };
    let forms = [
        file(
            "a.csv",
            "id,name,sku,price:USD,stock:main\ncsv,Of CSV,csv-1,1299,3\ncsv,,csv-2,1399,4\n",
        ),
        file(
            "b.yaml",
            "- id: yaml\n  name: Of YAML\n  variants:\n    - sku: yaml-1\n      prices: [{amount: 5, currency: USD}]\n      stock: {main: 7}\n",
        ),
        file(
            "c.jsonl",
            &format!(
                "{}\n{}\n",
                row("json", "Of JSON", "main", 2),
                json!({"id": "bad", "name": ""})
            ),
        ),
    ];
    let data = setup.data.display().to_string();
    let stopped = ["--data-dir", data.as_str()];
    let first: Vec<_> = forms
        .iter()
        .zip([0, 0, 1])
        .map(|(file, code)| said(&import(file, &stopped), code))
        .collect();
    check(
        &first[0],
        json!({"created": 1, "failed": 0, "stock_set": 2, "stock_kept": 0, "resumed_after_row": 0}),
    );
    check(
        &first[1],
        json!({"created": 1, "failed": 0, "stock_set": 1}),
    );
    check(
        &first[2],
        json!({"created": 1, "failed": 1, "stock_set": 1}),
    );
    let report = fs::read_to_string(dir.path().join("c.jsonl.errors.jsonl")).expect("a report");
    let failed: Value = serde_json::from_str(report.trim()).expect("one line");
    check(
        &failed,
        json!({"row": 2, "line": 2, "id": "bad", "code": "invalid"}),
    );

    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    for (sku, quantity) in [("csv-1", 3), ("csv-2", 4), ("yaml-1", 7), ("json", 2)] {
        assert_eq!(
            shop.level("main", sku, 0).read()["on_hand"],
            quantity,
            "{sku}"
        );
    }
    // A running shop keeps its directory to itself, and takes the same files over HTTP.
    let refused = import(&forms[0], &stopped);
    assert_eq!(refused.status.code(), Some(2));
    let server = format!("http://{}", shop.address());
    let running = ["--server", server.as_str(), "--key", ADMIN_KEY];
    let again = said(&import(&forms[0], &running), 0);
    check(
        &again,
        json!({"created": 0, "unchanged": 1, "stock_set": 0, "stock_kept": 2}),
    );
    let counted = said(
        &import(&forms[1], &[&running[..], &["--stock", "count"]].concat()),
        0,
    );
    check(&counted, json!({"stock_set": 1, "stock_kept": 0}));
    let tried = said(
        &import(&forms[2], &[&running[..], &["--dry-run"]].concat()),
        1,
    );
    check(
        &tried,
        json!({"unchanged": 1, "failed": 1, "stock_kept": 1, "dry_run": true}),
    );

    goes_on(&dir, &running);
}

/// A run that is killed lets the next one go on behind the last acknowledged row.
fn goes_on(dir: &TempDir, running: &[&str]) {
    const ROWS: u64 = 10_000;
    let many: String = (0..ROWS)
        .map(|n| format!("{}\n", row(&format!("many-{n}"), "Many", "main", 1)))
        .collect();
    let file = dir.path().join("many.jsonl");
    fs::write(&file, many).expect("the file can be written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .arg("import")
        .arg(&file)
        .args(["--json", "--create-stores"])
        .args(running)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be run");
    let state = dir.path().join("many.jsonl.cartwright-resume");
    eventually(
        Duration::from_secs(60),
        "some rows are acknowledged",
        || state.exists().then_some(()),
    );
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let whole = said(&import(&file, running), 0);
    let resumed = whole["resumed_after_row"].as_u64().expect("a number");
    assert!((1..ROWS).contains(&resumed), "{whole}");
    // Rows under way when it was killed may have been taken, and are found unchanged.
    let (created, unchanged) = (&whole["created"], &whole["unchanged"]);
    assert_eq!(
        created.as_u64().zip(unchanged.as_u64()).map(|(a, b)| a + b),
        Some(ROWS),
        "{whole}"
    );
    assert!(!state.exists());
}

/// The Retail Demo Store's file names no store: that of `--store` is made. What is exported is imported again.
#[test]
fn the_command_line_takes_foreign_files_and_its_own() {
    let dir = Arc::new(TempDir::new("foreign"));
    let setup = Setup::new(&dir);
    let command = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(arguments)
            .envs(crate::support::database_in(arguments))
            .output()
            .expect("the binary can be run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let path = |name: &str| dir.path().join(name).display().to_string();
    let retail = path("retail.yaml");
    let text = "- id: r1\n  current_stock: 15\n  name: Tan\n  price: 90.99\n  style: bag\n- id: r2\n  current_stock: 0\n  name: Two\n  price: 5\n";
    fs::write(&retail, text).expect("the file can be written");
    let free = path("free.jsonl");
    let product =
        json!({"id": "free", "name": "Free", "variants": [{"sku": "free", "prices": []}]});
    fs::write(&free, format!("{product}\n")).expect("the file can be written");
    let data = setup.data.display().to_string();
    command(&["import", &retail, &free, "--data-dir", &data]);

    let lines = command(&["export", "--data-dir", &data]);
    for form in ["jsonl", "json", "yaml", "csv"] {
        let file = path(&format!("whole.{form}"));
        command(&["export", "--output", &file, "--data-dir", &data]);
        let copy = path(&format!("copy-{form}"));
        command(&["import", &file, "--create-stores", "--data-dir", &copy]);
        assert_eq!(command(&["export", "--data-dir", &copy]), lines, "{form}");
        // Nothing but a product without prices: its CSV says so too.
        let alone = path(&format!("alone-{form}"));
        let file = path(&format!("alone.{form}"));
        command(&["import", &free, "--data-dir", &alone]);
        command(&["export", "--output", &file, "--data-dir", &alone]);
        command(&["import", &file, "--data-dir", &alone]);
    }

    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    assert_eq!(shop.level("main", "r1", 0).read()["on_hand"], 15);
    let server = format!("http://{}", shop.address());
    let into = |store: &str, scopes: &[&str]| {
        let key = shop.api_key(scopes);
        let arguments = [
            "--store", store, "--server", &server, "--key", &key, "--json",
        ];
        let import = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(["import", &retail])
            .args(arguments)
            .output();
        import.expect("the binary can be run")
    };
    // Only to make a store the key needs the scope for it.
    let known = said(&into("main", &["catalog:write", "inventory:write"]), 0);
    check(&known, json!({"unchanged": 2, "stock_kept": 2}));
    let refused = into("late", &["catalog:write", "inventory:write"]);
    assert_eq!(refused.status.code(), Some(1));
    let made = into(
        "late",
        &["catalog:write", "inventory:write", "stores:write"],
    );
    check(&said(&made, 0), json!({"stock_set": 2}));
    assert_eq!(shop.level("late", "r1", 0).read()["on_hand"], 15);
}

#[test]
fn the_command_line_tells_what_could_not_start() {
    let shop = shop();
    let dir = TempDir::new("cannot-start");
    let file = dir.path().join("a.jsonl");
    fs::write(&file, row("a", "A", "main", 1).to_string()).expect("the file can be written");
    let server = format!("http://{}", shop.address());
    let weak = shop.api_key(&["carts"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    // arguments, what is said
    let rows = [
        (&["--server", "nowhere"][..], "http://host:port"),
        (&["--server", &nobody], "cartwright serve"),
        (&["--server", &server], "Authorization"),
        (&["--server", &server, "--key", "none"], "not known"),
        (&["--server", &server, "--key", &weak], "catalog:write"),
        (&["--currency", "usd"], "--currency"),
        (&["--bogus"], "--bogus"),
    ];
    for (arguments, says) in rows {
        let output = import(&file, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in [
        &["config", "show"][..],
        &["config", "reference"],
        &["openapi"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && error.is_empty(),
            "{arguments:?}: {error}"
        );
    }
}
