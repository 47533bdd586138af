//! What a process without the lease serves: current reads, and no writes.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::nodes::{Nodes, standing};
use crate::support::{Response, Shop, eventually, fresh, whole};

/// Far beyond what a reader needs: machines that test are busy.
const SOON: Duration = Duration::from_secs(5);

/// 503, or what is configured, with all that a client needs to try again.
#[track_caller]
fn turned_away(answer: &Response, status: u16, seconds: &str, millis: u64) {
    let problem = answer.refused(status, "read_only");
    assert_eq!(problem["role"], "reader", "{problem}");
    assert_eq!(problem["retry_after_ms"], millis, "{problem}");
    assert_eq!(answer.header("retry-after"), Some(seconds), "{problem}");
}

#[test]
fn readers_refuse_every_write_and_show_what_was_written() {
    let nodes = Nodes::new("readers");
    let writer = nodes.start("a");
    let reader = nodes.start("b");
    let other = nodes
        .with("LOCK_REJECT_STATUS", "423")
        .with("LOCK_RETRY_AFTER_MS", "2500")
        .start("c");
    assert_eq!(standing(&writer), ("writer".to_owned(), 1));
    assert_eq!(standing(&reader), ("reader".to_owned(), 1));

    let level = writer.stocked(1000);
    let cart = writer.cart();
    let here = |shop: &Shop| shop.level(&level.store, &level.sku, 0);
    eventually(SOON, "the level is seen", || {
        (here(&reader).get().admin().send().status == 200).then_some(())
    });
    refused(&reader, &level, &cart);
    turned_away(&here(&other).adjust(1), 423, "3", 2500);
    assert_eq!(here(&writer).read()["version"], 1, "nothing was written");

    let mut worst = Duration::ZERO;
    for round in 1..=40 {
        let answer = level.adjust(1).is(200);
        cart.add(&level.sku, 1).is(200);
        let since = Instant::now();
        for shop in [&reader, &other] {
            eventually(SOON, "a reader sees the level", || {
                (whole(&here(shop).read()["version"]) == whole(&answer.json()["version"]))
                    .then_some(())
            });
            eventually(SOON, "a reader sees the cart", || {
                let seen = shop.get(&cart.path("")).token(&cart.token).send().ok();
                (seen["lines"][0]["quantity"] == round).then_some(())
            });
        }
        worst = worst.max(since.elapsed());
    }
    eprintln!("readers were at most {worst:?} behind");
    catalogue(&writer, &reader);
}

/// Every kind of write, over HTTP.
fn refused(reader: &Shop, level: &crate::support::Level, cart: &crate::support::Cart) {
    let body = json!({"name": "x", "variants": [{"sku": fresh("sku"), "prices": []}]});
    let line = json!({"sku": level.sku, "quantity": 1});
    let hold = json!({"lines": [line], "reference": fresh("hold"), "ttl_seconds": 60});
    let here = reader.level(&level.store, &level.sku, 0);
    let writes = [
        reader.post("/v1/products").admin().json(body.clone()),
        reader
            .post("/v1/products")
            .admin()
            .json(body)
            .idempotency_key(&fresh("key")),
        reader.post("/v1/carts").json(json!({})),
        reader
            .post(&cart.path("/lines"))
            .token(&cart.token)
            .json(line.clone()),
        reader.delete(&cart.path("")).token(&cart.token),
        reader.post("/v1/reservations").admin().json(hold),
        reader
            .put(&format!("/v1/stores/{}", level.store))
            .admin()
            .json(json!({"name": "x", "kind": "store", "country": "US"})),
        reader
            .post("/v1/api-keys")
            .admin()
            .json(json!({"name": "x", "scopes": ["ops"]})),
        here.request("adjust")
            .json(json!({"delta": 1, "reason": "x"})),
    ];
    for write in writes {
        turned_away(&write.send(), 503, "1", 300);
    }
}

/// Prices, new products, keys and search follow too.
fn catalogue(writer: &Shop, reader: &Shop) {
    let item = writer.product();
    let seen = || reader.get(&format!("/v1/variants/{}", item.sku)).send();
    let price = |amount: i64| {
        writer
            .put(&format!("/v1/variants/{}/prices/USD", item.sku))
            .admin()
            .if_match(seen().etag())
            .json(json!({"amount": amount}))
            .send()
            .is(200)
    };
    eventually(SOON, "a reader sees the product", || {
        (seen().status == 200).then_some(())
    });
    for amount in [1100, 1200, 1300] {
        price(amount);
        eventually(SOON, "a reader sees the price", || {
            (seen().json()["prices"][0]["amount"] == amount).then_some(())
        });
    }
    eventually(SOON, "a reader finds the product", || {
        let found = reader
            .get(&format!("/v1/search?q={}", item.sku))
            .send()
            .ok();
        (found["total"] == 1).then_some(())
    });
    let key = writer.api_key(&["inventory:read"]);
    eventually(SOON, "a reader knows the key", || {
        let list = reader.get("/v1/stores").key(&key).send();
        (list.status == 200).then_some(())
    });
}
