//! Around the shop: health, metrics, documentation, the central model.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;

use crate::support::{Setup, Shop, TempDir, check, instant, shop};

#[test]
fn is_alive_and_ready() {
    let shop = shop();
    for path in ["/health/liveness", "/health/readiness"] {
        assert!(shop.get(path).send().ok().is_object(), "{path}");
    }
}

#[test]
fn counts_in_two_forms() {
    let shop = shop();
    let level = shop.stocked(1);
    level.reserve(5).refused(409, "insufficient_stock");
    let plain = shop.get("/metrics").admin().send().is(200);
    let content_type = plain.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    let page = plain.text();
    assert!(page.contains("# TYPE "), "{page}");
    for line in page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let figure = line.rsplit(' ').next().unwrap_or_default();
        assert!(figure.parse::<f64>().is_ok(), "{line}");
    }
    for secret in [crate::support::ADMIN_KEY, &level.sku] {
        assert!(!page.contains(secret), "{secret} is in the metrics");
    }

    let counters = shop
        .get("/metrics")
        .admin()
        .header("Accept", "application/json")
        .send()
        .ok();
    assert!(counters.is_object(), "{counters}");
}

#[test]
fn counts_while_the_store_does_not_answer() {
    if crate::support::on_postgres() {
        return;
    }
    let dir = Arc::new(TempDir::new("metrics"));
    let shop = Shop::of(Setup::new(&dir).start(), Arc::clone(&dir));
    let database = Connection::open(dir.data().join("cartwright.db")).expect("opens");
    let run = |sql: &str| database.execute_batch(sql).expect(sql);
    let metrics = || shop.get("/metrics").admin().send().is(200).text();
    let lag = "cartwright_consumer_lag{consumer=\"somebody\"} ";
    run("INSERT INTO cursors (consumer, position) VALUES ('somebody', 0)");
    assert!(metrics().contains(lag));

    run("ALTER TABLE dead_letters RENAME TO lost_letters");
    let listed = shop.get("/v1/dead-letters").admin().send();
    listed.refused(503, "dependency_unavailable");
    let page = metrics();
    assert!(page.contains(lag), "{page}");
    assert!(page.contains("\ncartwright_dead_letters 0\n"), "{page}");
    let json = shop.get("/metrics").admin();
    let json = json.header("Accept", "application/json").send().ok();
    assert_eq!(json["deadLetters"], 0);

    run("ALTER TABLE lost_letters RENAME TO dead_letters");
    run("DELETE FROM cursors WHERE consumer = 'somebody'");
    assert!(!metrics().contains(lag), "it is looked at again");
}

#[test]
fn describes_itself() {
    let shop = shop();
    let docs = shop
        .get("/docs")
        .admin()
        .header("Accept", "text/html")
        .send()
        .is(200);
    let content_type = docs.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("text/html"), "{content_type}");
    let page = docs.text();
    for foreign in [
        "src=\"http",
        "src='http",
        "href=\"https://cdn",
        "//unpkg",
        "//cdn.",
    ] {
        assert!(
            !page.contains(foreign),
            "the page needs the internet: {foreign}"
        );
    }

    let api = shop.get("/openapi.json").admin().send().ok();
    assert!(
        api["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let paths = api["paths"].as_object().expect("paths");
    let shape = |path: &str| {
        let parts = path
            .split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    let rows = [
        ("/v1/products", "post get"),
        ("/v1/products/{}", "get patch delete"),
        ("/v1/variants/{}", "get"),
        ("/v1/variants/{}/prices/{}", "put"),
        ("/v1/search", "get"),
        ("/v1/stores", "get"),
        ("/v1/stores/{}", "put get"),
        ("/v1/stores/{}/inventory", "get"),
        ("/v1/stores/{}/inventory/{}", "get patch"),
        ("/v1/stores/{}/inventory/{}/adjust", "post"),
        ("/v1/stores/{}/inventory/{}/count", "post"),
        ("/v1/stores/{}/inventory/{}/reserve", "post"),
        ("/v1/stores/{}/inventory/{}/release", "post"),
        ("/v1/stores/{}/inventory/{}/confirm", "post"),
        ("/v1/stores/{}/inventory/{}/movements", "get"),
        ("/v1/reservations", "post"),
        ("/v1/reservations/{}", "get"),
        ("/v1/reservations/{}/release", "post"),
        ("/v1/reservations/{}/confirm", "post"),
        ("/v1/reservations/{}/extend", "post"),
        ("/v1/transfers", "post"),
        ("/v1/transfers/{}/receive", "post"),
        ("/v1/transfers/{}/cancel", "post"),
        ("/v1/availability", "get"),
        ("/v1/carts", "post"),
        ("/v1/carts/{}", "get patch delete"),
        ("/v1/carts/{}/lines", "post put"),
        ("/v1/carts/{}/lines/batch", "post"),
        ("/v1/carts/{}/lines/remove", "post"),
        ("/v1/carts/{}/lines/{}", "patch delete"),
        ("/v1/carts/{}/clear", "post"),
        ("/v1/carts/{}/merge", "post"),
        ("/v1/carts/{}/explain", "get"),
        ("/v1/customers/{}/carts", "get"),
        ("/v1/api-keys", "post get"),
    ];
    for (path, methods) in rows {
        let found = paths.iter().find(|(known, _)| shape(known) == path);
        let (_, item) = found.unwrap_or_else(|| panic!("{path} is not described"));
        for method in methods.split(' ') {
            let operation = &item[method];
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
}

#[test]
fn serves_the_description_that_is_committed() {
    let shop = shop();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let committed = std::fs::read_to_string(path).expect("docs/openapi.json is committed");
    let committed: serde_json::Value = serde_json::from_str(&committed).expect("JSON");
    let served = shop.get("/openapi.json").admin().send().ok();
    assert_eq!(served["paths"], committed["paths"]);
    assert_eq!(served["components"], committed["components"]);
}

#[test]
fn shows_the_central_model() {
    let shop = shop();
    let level = shop.stocked(9);
    level.reserve(2).is(201);
    shop.post("/v1/sync").admin().send().succeeded();
    let model = shop.get("/v1/inventory").admin().send().ok();
    let entry = &model[&level.store][&level.sku];
    check(entry, json!({"version": 2}));
    assert!(entry["qty"].is_i64(), "{entry}");
    instant(&entry["updated_at"]);
}
