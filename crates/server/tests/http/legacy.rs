//! The store inventory plan's own spelling, beside ours: the same stock, in camelCase.

use serde_json::json;

use crate::support::{Level, Response, Setup, Shop, check, instant, shop, text};

/// Where the plan's routes stand; each is followed by `/stores/...`.
const ROOTS: [&str; 3] = ["", "/api/inventory", "/api"];

fn path(root: &str, level: &Level, verb: &str) -> String {
    format!(
        "{root}/stores/{}/inventory/{}{verb}",
        level.store, level.sku
    )
}

fn post(shop: &Shop, path: &str, body: serde_json::Value) -> Response {
    shop.post(path).admin().json(body).send()
}

#[test]
fn reads_adjusts_and_reserves_on_every_root() {
    let shop = shop();
    for root in ROOTS {
        let level = shop.stocked(10);
        let seen = shop.get(&path(root, &level, "")).admin().send().is(200);
        let body = seen.version(1);
        check(
            &body,
            json!({"sku": level.sku, "storeId": level.store, "qty": 10, "version": 1}),
        );
        instant(&body["updatedAt"]);

        let adjusted = post(&shop, &path(root, &level, "/adjust"), json!({"delta": 5}));
        check(&adjusted.ok(), json!({"qty": 15, "version": 2}));
        assert_eq!(text(&level.movements()[1]["reason"]), "legacy", "{root}");

        let reserved = post(&shop, &path(root, &level, "/reserve"), json!({"qty": 4}));
        check(&reserved.succeeded().json(), json!({"qty": 11}));
        // Reserved and confirmed in one command.
        check(
            &level.read(),
            json!({"on_hand": 11, "reserved": 0, "available": 11}),
        );
        level.adds_up();
    }
}

#[test]
fn calls_available_qty() {
    let shop = shop();
    let level = shop.stocked(10);
    level.hold(3);
    level.patch(json!({"safety_stock": 2})).is(200);
    for root in ROOTS {
        let seen = shop.get(&path(root, &level, "")).admin().send().ok();
        assert_eq!(seen["qty"], 5, "{root}");
    }
}

#[test]
fn takes_its_camel_case_version() {
    let shop = shop();
    let level = shop.stocked(10);
    for verb in ["/adjust", "/reserve"] {
        let path = path("/api/inventory", &level, verb);
        let body = |version: i64| match verb {
            "/adjust" => json!({"delta": 1, "expectedVersion": version}),
            _ => json!({"qty": 1, "expectedVersion": version}),
        };
        let now = level.get().send().etag();
        let problem = post(&shop, &path, body(now + 7)).refused(409, "version_conflict");
        assert_eq!(problem["current_version"], now);
        post(&shop, &path, body(now)).succeeded();
        let request = shop.post(&path).admin().if_match(99);
        let answer = request.json(if verb == "/adjust" {
            json!({"delta": 1})
        } else {
            json!({"qty": 1})
        });
        answer.send().refused(409, "version_conflict");
    }
}

#[test]
fn repeats_nothing_with_the_same_key() {
    let shop = shop();
    let level = shop.stocked(10);
    let path = path("", &level, "/reserve");
    let key = crate::support::fresh("key");
    let send = |quantity: i64| {
        let request = shop.post(&path).admin().idempotency_key(&key);
        request.json(json!({"qty": quantity})).send()
    };
    let first = send(2).succeeded();
    let again = send(2);
    assert!(again.replayed());
    assert_eq!(again.body, first.body);
    send(3).refused(409, "idempotency_key_reused");
    assert_eq!(level.read()["on_hand"], 8);
}

#[test]
fn refuses_as_everywhere() {
    let shop = shop();
    let level = shop.stocked(3);
    for root in ROOTS {
        let reserve = path(root, &level, "/reserve");
        let adjust = path(root, &level, "/adjust");
        post(&shop, &reserve, json!({"qty": 4})).refused(409, "insufficient_stock");
        post(&shop, &adjust, json!({"delta": -4})).refused(409, "insufficient_stock");
        post(&shop, &reserve, json!({"qty": 0})).invalid("qty");
        post(&shop, &reserve, json!({"qty": -1})).invalid("qty");
        post(&shop, &reserve, json!({})).invalid("qty");
        post(&shop, &adjust, json!({"delta": 0})).invalid("delta");
        post(&shop, &adjust, json!({"delta": 1, "color": "red"})).invalid("color");
        let missing = format!("{root}/stores/nowhere/inventory/{}", level.sku);
        shop.get(&missing).admin().send().refused(404, "not_found");

        shop.get(&path(root, &level, ""))
            .send()
            .refused(401, "unauthenticated");
        let body = json!({"qty": 1});
        shop.post(&reserve)
            .json(body.clone())
            .send()
            .refused(401, "unauthenticated");
        let reader = shop.api_key(&["inventory:read"]);
        shop.get(&path(root, &level, ""))
            .key(&reader)
            .send()
            .is(200);
        shop.post(&reserve)
            .key(&reader)
            .json(body)
            .send()
            .refused(403, "forbidden");
    }
    check(&level.read(), json!({"on_hand": 3, "version": 1}));
}

#[test]
fn answers_the_plans_machinery() {
    let shop = shop();
    let live = shop.get("/api/health/liveness").send().ok();
    assert_eq!(live["status"], "ok");
    let ready = shop.get("/api/health/readiness").send().ok();
    assert_eq!(ready["ready"], true, "{ready}");
    assert!(ready["queueDepth"].is_u64(), "{ready}");
    let requests = || {
        let metrics = shop.get("/api/metrics").admin();
        let counters = metrics.header("Accept", "application/json").send().ok();
        counters["requests"].as_i64().expect("requests")
    };
    let before = requests();
    shop.get("/v1/products").send().is(200);
    assert!(requests() > before);
    for path in ["/sync", "/api/sync"] {
        shop.post(path).send().refused(401, "unauthenticated");
        shop.post(path).admin().send().succeeded();
    }
}

#[test]
fn is_open_on_loopback_when_told_so() {
    let shop = Shop::with("legacy-open", |setup: Setup| {
        setup.argument("--legacy-open")
    });
    let level = shop.stocked(5);
    shop.get(&path("/api/inventory", &level, "")).send().is(200);
    let reserve = path("/api/inventory", &level, "/reserve");
    shop.post(&reserve)
        .json(json!({"qty": 1}))
        .send()
        .succeeded();
    assert_eq!(level.read()["on_hand"], 4);
    // Our own routes stay closed.
    shop.get(&level.path())
        .send()
        .refused(401, "unauthenticated");
}
