//! Who fills carts, and who imports products: each write under a key, and what must be there afterwards.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Load;
use crate::counts::one;
use crate::random::Random;
use crate::support::{Shop, eventually, fresh, text, uuid, whole};

/// Lines of one cart.
const LINES: usize = 30;
/// Products of one import, and how many lie there of each.
const ROWS: usize = 12;
const UNITS: i64 = 5;

/// A cart, and how many were put into it of what.
#[derive(Debug)]
pub(crate) struct Filled {
    id: String,
    token: String,
    lines: HashMap<String, i64>,
}

/// One after the other, until the round stops.
pub(crate) fn fill(load: &Load, sku: &str, seed: u64) -> Vec<Filled> {
    let (mut random, mut client) = (Random::new(seed), load.client());
    let mut all = Vec::new();
    while !load.stops() {
        let body = json!({"currency": "USD", "country": "US"});
        let made = load.request("POST", "/v1/carts").idempotency_key(&uuid());
        let made = client.insist(made.json(body)).created();
        let (id, token) = (text(&made["id"]), text(&made["token"]));
        let mut lines = HashMap::new();
        while lines.len() < LINES && !load.stops() {
            let (tag, quantity) = (fresh("line"), 1 + random.below(3) as i64);
            let line = json!({"sku": sku, "quantity": quantity, "metadata": {"tag": tag}});
            let add = load.request("POST", &format!("/v1/carts/{id}/lines"));
            let add = add.token(&token).idempotency_key(&uuid()).json(line);
            client.insist(add).is(200);
            lines.insert(tag, quantity);
        }
        all.push(Filled { id, token, lines });
    }
    all
}

/// Each cart has its lines, each once, and a version for each.
pub(crate) fn check_carts(shop: &Shop, carts: &[Filled]) {
    for cart in carts {
        let path = format!("/v1/carts/{}", cart.id);
        let seen = shop.get(&path).token(&cart.token).send().is(200);
        let version = seen.etag();
        let mut missing = cart.lines.clone();
        for line in seen.json()["lines"].as_array().expect("lines") {
            let wanted = missing.remove(&text(&line["metadata"]["tag"]));
            assert_eq!(
                wanted,
                Some(whole(&line["quantity"])),
                "the-same-key-is-one-effect: {line}"
            );
        }
        assert!(
            missing.is_empty(),
            "acknowledged-is-durable: {} lost {missing:?}",
            cart.id
        );
        assert_eq!(
            version,
            1 + cart.lines.len() as i64,
            "versions-rise by one: {}",
            cart.id
        );
    }
}

/// One after the other, until the round stops; the ids that were acknowledged.
pub(crate) fn import(load: &Load, store: &str, pause: Duration) -> Vec<String> {
    let mut client = load.client();
    let mut all = Vec::new();
    while !load.stops() {
        let ids: Vec<_> = (0..ROWS).map(|_| fresh("import")).collect();
        let rows: Value = ids.iter().map(|id| product(id, store)).collect();
        let asked = load.request("POST", "/v1/imports").admin();
        let asked = asked.idempotency_key(&uuid()).json(rows);
        let report = eventually(Duration::from_secs(120), "an import ends", || {
            let report = client.insist(asked.clone()).ok();
            // A row that the shop could not take just then is taken when it comes again; the others are not taken twice.
            let open_codes = ["read_only", "overloaded", "dependency_unavailable"];
            let is_open = |item: &Value| open_codes.iter().any(|code| item["code"] == *code);
            let open = report["items"]
                .as_array()
                .expect("items")
                .iter()
                .any(is_open);
            (!open).then_some(report)
        });
        for item in report["items"].as_array().expect("items") {
            assert_eq!(
                item["result"], "created",
                "the-same-key-is-one-effect: {item}"
            );
        }
        all.extend(ids);
        one(&load.counts.imports);
        std::thread::sleep(pause);
    }
    all
}

fn product(id: &str, store: &str) -> Value {
    let variant =
        json!({"sku": id, "prices": [{"amount": 500, "currency": "USD"}], "stock": {store: UNITS}});
    json!({"id": id, "name": format!("Imported {id}"), "variants": [variant]})
}

/// Each product is there once, with its stock.
pub(crate) fn check_imports(shop: &Shop, store: &str, ids: &[String]) {
    for id in ids {
        let product = shop.get(&format!("/v1/products/{id}")).send().ok();
        assert_eq!(product["version"], 1, "acknowledged-is-durable: {product}");
        let level = shop.level(store, id, 0).read();
        assert_eq!(level["on_hand"], UNITS, "acknowledged-is-durable: {level}");
        assert_eq!(level["version"], 1, "the-same-key-is-one-effect: {level}");
    }
}
