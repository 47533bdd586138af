//! On a running shop: nothing is touched but its own, and nothing is left.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{prove_at, start};
use crate::support::{ADMIN_KEY, Paying, Shop, eventually, fresh, text, whole};

const SOON: Duration = Duration::from_secs(60);

fn list(shop: &Shop, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    let mark = if path.contains('?') { '&' } else { '?' };
    loop {
        let path = format!("{path}{mark}limit=200{cursor}");
        let mut page = shop.get(&path).admin().send().ok();
        all.append(page["items"].as_array_mut().expect("items"));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Products of any run that can be seen or sold.
fn products(shop: &Shop) -> Vec<String> {
    let all = ["active", "draft"].map(|it| list(shop, &format!("/v1/products?status={it}")));
    let ids = all.iter().flatten().map(|it| text(&it["id"]));
    ids.filter(|it| it.starts_with("prove-")).collect()
}

/// Nothing to see, to sell, or to ship.
#[track_caller]
fn is_clean(shop: &Shop, run: &str) {
    assert_eq!(products(shop), Vec::<String>::new());
    for level in list(shop, "/v1/stores/cartwright-prove/inventory") {
        for figure in ["on_hand", "reserved", "allocated", "available"] {
            assert_eq!(level[figure], 0, "{level}");
        }
    }
    for cart in list(shop, &format!("/v1/customers/prove-{run}/carts")) {
        assert_ne!(cart["state"], "open", "{cart}");
    }
    for order in list(shop, &format!("/v1/orders?customer_id=prove-{run}")) {
        let back: i64 = order["payments"]
            .as_array()
            .expect("payments")
            .iter()
            .map(|it| whole(&it["captured"]["amount"]) - whole(&it["refunded"]["amount"]))
            .sum();
        assert_eq!((&order["state"], back), (&json!("cancelled"), 0), "{order}");
    }
}

#[test]
fn a_running_shop_is_proved_with_its_gateway_and_left_as_it_was() {
    let paying = Paying::own("prove-live");
    let shop = &paying.shop;
    let other = shop.stocked(5);
    other.hold(2);
    let bought = paying.order(&[1]);
    let (level, order) = (other.read(), bought.read());
    let gateway = format!("http://{}", paying.gateway.address);
    let ended = prove_at(
        shop.address(),
        &["--duration", "4s", "--gateway-sim", &gateway],
    );
    ended.is(0);
    assert!(ended.count("purchases of the last units", "orders") > 0);
    assert!(ended.count("webhooks", "forged messages") > 0);
    assert!(ended.trial("kill -9")["left_out"].is_string());
    is_clean(shop, &text(&ended.report["run"]));
    assert_eq!((other.read(), bought.read()), (level, order), "not its own");
    let swept = &ended.report["cleaned_up"];
    let orders = list(
        shop,
        &format!(
            "/v1/orders?customer_id=prove-{}",
            text(&ended.report["run"])
        ),
    );
    assert_eq!(swept["orders"].as_array().map(Vec::len), Some(orders.len()));
    assert_eq!(swept["stuck"], json!([]), "{swept}");
}

#[test]
fn nothing_is_bought_where_nobody_said_so() {
    let paying = Paying::own("prove-unsaid");
    let ended = prove_at(paying.shop.address(), &["--duration", "1ms"]);
    ended.is(0);
    for trial in [
        "one cart, many payers",
        "purchases of the last units",
        "webhooks",
    ] {
        let why = text(&ended.trial(trial)["left_out"]);
        assert!(why.contains("--buy"), "{trial}: {why}");
    }
    assert!(ended.trial("last units")["rounds"].as_u64() > Some(0));
    assert_eq!(list(&paying.shop, "/v1/orders"), Vec::<Value>::new());
    is_clean(&paying.shop, &text(&ended.report["run"]));

    // Whoever says so, buys.
    let ended = prove_at(
        paying.shop.address(),
        &["--duration", "1ms", "--buy", "--only", "one cart"],
    );
    ended.is(0);
    assert!(ended.trial("one cart, many payers")["rounds"].as_u64() > Some(0));
    is_clean(&paying.shop, &text(&ended.report["run"]));
}

#[test]
fn another_gateway_than_the_shops_own_is_refused_before_anything_is_bought() {
    let (one, other) = (Paying::own("prove-one"), Paying::own("prove-other"));
    let wrong = format!("http://{}", other.gateway.address);
    let ended = prove_at(
        one.shop.address(),
        &["--duration", "1ms", "--gateway-sim", &wrong],
    );
    ended.is(2);
    assert!(ended.said.contains("another provider"), "{}", ended.said);
    assert_eq!(products(&one.shop), Vec::<String>::new());
    assert_eq!(list(&one.shop, "/v1/orders"), Vec::<Value>::new());
}

#[test]
fn a_key_that_may_not_do_enough_ends_with_2() {
    let shop = Shop::own("prove-weak");
    let url = format!("http://{}", shop.address());
    for key in ["no-such-key".to_owned(), shop.api_key(&["catalog:write"])] {
        let ended = crate::command::prove(&["--server", &url, "--key", &key, "--duration", "1ms"]);
        ended.is(2);
        assert!(ended.said.contains("key"), "{}", ended.said);
    }
}

#[test]
fn ctrl_c_cleans_up_and_still_reports() {
    let paying = Paying::own("prove-ctrl-c");
    let shop = &paying.shop;
    let url = format!("http://{}", shop.address());
    let running = start(&[
        "--server",
        &url,
        "--key",
        ADMIN_KEY,
        "--duration",
        "10m",
        "--buy",
        "--only",
        "purchases",
    ]);
    eventually(SOON, "something is bought", || {
        (list(shop, "/v1/orders").len() > 2).then_some(())
    });
    let sent = Command::new("kill")
        .args(["-INT", &running.child.id().to_string()])
        .status();
    assert!(sent.expect("kill can be run").success());
    let ended = running.ends();
    ended.is(1);
    assert_eq!(ended.report["verdict"], "unfinished", "{}", ended.text);
    is_clean(shop, &text(&ended.report["run"]));
}

/// What a run leaves that dies: a product with stock, a hold, and a cart.
fn left_behind(shop: &Shop, run: &str, until: i64) -> String {
    let sku = format!("prove-{run}-{}", fresh("left"));
    let store = json!({"name": "Left", "kind": "warehouse", "country": "US"});
    shop.put("/v1/stores/cartwright-prove")
        .admin()
        .json(store)
        .send()
        .one_of(&[200, 201]);
    let product = json!({"id": sku, "name": sku, "brand": "cartwright-prove", "attributes": {"prove_until": until.to_string()},
        "variants": [{"sku": sku, "prices": [{"amount": 1000, "currency": "USD"}]}]});
    shop.post("/v1/products")
        .admin()
        .json(product)
        .send()
        .is(201);
    let level = shop.level("cartwright-prove", &sku, 9);
    level.hold(2);
    let confirmed = level.hold(1);
    level
        .post("confirm", json!({"reservation_id": confirmed}))
        .is(200);
    shop.cart_for(&format!("prove-{run}")).add(&sku, 1).is(200);
    sku
}

#[test]
fn what_a_dead_run_left_is_removed_and_what_a_living_one_works_with_is_not() {
    let shop = Shop::own("prove-left");
    left_behind(&shop, "0000dead", 1);
    let living = left_behind(&shop, "0000a11e", i64::from(u32::MAX));
    // A shop's own product, however it is called.
    let own = json!({"id": "prove-it-album", "name": "Prove It", "brand": "cartwright-prove",
        "variants": [{"sku": "prove-it-album", "prices": [{"amount": 1000, "currency": "USD"}]}]});
    shop.post("/v1/products").admin().json(own).send().is(201);
    let ended = prove_at(shop.address(), &["--duration", "1ms", "--only", "carts"]);
    ended.is(0);
    let mut left = products(&shop);
    left.sort();
    assert_eq!(left, [living.clone(), "prove-it-album".to_owned()]);
    let earlier = &ended.report["left_by_earlier_runs"];
    assert_eq!(earlier["earlier_runs"], json!(["0000dead"]));
    assert_eq!(
        (
            &earlier["products_archived"],
            &earlier["carts_deleted"],
            &earlier["holds_released"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(
        ended.text.contains("run 0000a11e may still be at work"),
        "{}",
        ended.text
    );
    let level = shop.level("cartwright-prove", &living, 0).read();
    assert_eq!(
        (&level["on_hand"], &level["reserved"]),
        (&json!(8), &json!(2))
    );
}
