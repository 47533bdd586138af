//! A shop whose nouns are split over two processes: one has the stock, the other one sells.

use std::time::{Duration, Instant};

use cartwright_proto::v1;
use serde_json::json;
use tonic::Code;

use crate::caller::{channel, refused};
use crate::nodes::{Nodes, is_writer};
use crate::proxy::{Proxy, Weather};
use crate::support::{Cart, Level, Shop, check, eventually};

const SOON: Duration = Duration::from_secs(20);

/// One that sells, which asks the other one through a proxy what can be had.
struct Split {
    between: Proxy,
    sells: Shop,
    stocks: Shop,
}

impl Split {
    fn start(name: &str, setting: &[(&str, &str)]) -> Self {
        let between = Proxy::start(None);
        let mut nodes = Nodes::forwarding(name).with("LOCK_TTL_MS", "60000");
        for (name, value) in setting {
            nodes = nodes.with(name, value);
        }
        let sells = nodes
            .clone()
            .with("CARTWRIGHT_ROLES", "storefront,checkout");
        let peers = format!("inventory=http://{}", between.address);
        let sells = sells.with("CARTWRIGHT_PEERS", &peers).start("sells");
        let stocks = nodes.with("CARTWRIGHT_ROLES", "inventory").start("stocks");
        between.to(Some(stocks.address()));
        assert!(is_writer(&sells) && !is_writer(&stocks));
        Self {
            between,
            sells,
            stocks,
        }
    }

    /// Five units, and a cart for them.
    fn five(&self) -> (Level, Cart) {
        let (item, store) = (self.sells.product(), self.stocks.warehouse());
        (self.stocks.level(&store, &item.sku, 5), self.sells.cart())
    }

    fn breaker(&self) -> String {
        let seen = self.sells.get("/health/readiness").send().ok();
        let state = seen["breakers"]["inventory"].as_str();
        state.expect("a breaker").to_owned()
    }
}

#[test]
fn each_process_serves_its_roles_and_says_who_has_the_others() {
    let split = Split::start("roles", &[]);
    let (level, _) = split.five();
    let availability = format!("/v1/availability?sku={}", level.sku);
    let problem = split
        .sells
        .get(&availability)
        .send()
        .refused(404, "not_found");
    let url = format!("http://{}", split.between.address);
    check(
        &problem,
        json!({"resource": "role", "id": "inventory", "url": url}),
    );
    let seen = split.stocks.get(&availability).send().ok();
    assert_eq!(seen["items"][0]["available"], 5);
    let product = format!("/v1/variants/{}", level.sku);
    let problem = split.stocks.get(&product).send().refused(404, "not_found");
    check(&problem, json!({"resource": "role", "id": "storefront"}));
    split.sells.get(&product).send().is(200);
    // The process that writes does what another one passes on, whatever it serves itself.
    level.adjust(1).is(200);
    let path = level.path();
    let own = split.sells.post(&format!("{path}/adjust")).admin();
    own.json(json!({"delta": 1, "reason": "x"}))
        .send()
        .refused(404, "not_found");
    level.adds_up();
    // Operation and keys are everybody's.
    for shop in [&split.sells, &split.stocks] {
        shop.get("/v1/api-keys").admin().send().is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_grpc_have_their_roles_too() {
    let split = tokio::task::spawn_blocking(|| Split::start("grpc-roles", &[]));
    let split = split.await.expect("two processes");
    let sells = channel(&split.sells).await;
    let mut inventory = v1::inventory_service_client::InventoryServiceClient::new(sells);
    let asked = v1::AvailabilityRequest {
        skus: vec!["x".to_owned()],
        ..Default::default()
    };
    let fields = refused(
        inventory.availability(asked.clone()).await,
        Code::NotFound,
        "not_found",
    );
    assert_eq!(fields["id"], "inventory");
    let stocks = channel(&split.stocks).await;
    let mut inventory = v1::inventory_service_client::InventoryServiceClient::new(stocks.clone());
    let seen = inventory
        .availability(asked)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(seen.items[0].available, 0);
    let mut lookup = v1::product_lookup_client::ProductLookupClient::new(stocks);
    let asked = v1::LookupRequest {
        sku: "x".to_owned(),
    };
    refused(lookup.lookup(asked).await, Code::NotFound, "not_found");
}

#[test]
fn carts_are_checked_against_the_other_process_and_go_on_without_it() {
    let split = Split::start(
        "open",
        &[
            ("CARTWRIGHT_BREAKER_WINDOW_MS", "2000"),
            ("BREAKER_COOLDOWN_MS", "500"),
        ],
    );
    let (level, cart) = split.five();
    cart.add(&level.sku, 4).is(200);
    let refusal = cart.add(&level.sku, 2).refused(409, "insufficient_stock");
    check(
        &refusal,
        json!({"sku": level.sku, "requested": 6, "available": 5}),
    );
    assert_eq!(cart.quantity(&level.sku), 4);
    assert_eq!(split.breaker(), "closed");

    // It does not answer: the line goes unchecked, within the timeout, and after some of that it is not asked any more.
    split.between.weather(Weather::NoAnswers);
    let mut unchecked = 0;
    eventually(SOON, "the breaker opens", || {
        let since = Instant::now();
        cart.add(&level.sku, 1).is(200);
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "{:?}",
            since.elapsed()
        );
        unchecked += 1;
        (split.breaker() == "open").then_some(())
    });
    assert_eq!(cart.quantity(&level.sku), 4 + unchecked);
    let told = split.sells.get("/metrics").admin().send().is(200).text();
    let counted = format!("cartwright_cart_validations_total{{result=\"unchecked\"}} {unchecked}");
    assert!(told.contains(&counted), "{counted} in {told}");
    assert!(
        split.sells.process.said().contains("degraded"),
        "it is logged"
    );

    // It answers again: one question finds that out, and then carts are checked as before.
    split.between.cut();
    split.between.weather(Weather::Fair);
    let other = split.sells.cart();
    eventually(SOON, "carts are checked again", || {
        let answer = other.add(&level.sku, 6);
        (answer.status == 409).then_some(())
    });
    assert_eq!(split.breaker(), "closed");
}

#[test]
fn a_shop_that_would_rather_not_sell_refuses() {
    let split = Split::start("closed", &[("CARTWRIGHT_VALIDATION_FAILS_OPEN", "false")]);
    let (level, cart) = split.five();
    cart.add(&level.sku, 1).is(200);
    split.between.weather(Weather::Closed);
    let answer = cart.add(&level.sku, 1);
    answer.refused(503, "dependency_unavailable");
    assert!(answer.header("retry-after").is_some());
    // What is only shown, or taken out, needs no stock.
    assert_eq!(cart.quantity(&level.sku), 1);
    cart.post("/clear", json!({})).is(200);
}

#[test]
fn settings_that_name_no_role_are_refused() {
    let nodes = Nodes::new("wrong-roles");
    for (name, value) in [
        ("CARTWRIGHT_ROLES", "warehouse"),
        ("CARTWRIGHT_PEERS", "inventory"),
        ("CARTWRIGHT_PEERS", "inventory=https://x"),
    ] {
        let refusal = nodes.setup("a").with(name, value).refusal();
        assert!(refusal.said.contains(value), "{}", refusal.said);
    }
}
