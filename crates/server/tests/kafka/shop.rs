//! A shop on Kafka, from the outside.

use crate::caller::channel;
use crate::drop_in_buyer::VISA;
use crate::drop_in_buyer::oteldemo::{address, card};
use crate::lying::lying;
use crate::support::{Gateway, Setup, Shop, TempDir, eventually, fresh, whole};
use cartwright_proto::oteldemo as proto;
use prost::Message as _;
use proto::cart_service_client::CartServiceClient;
use proto::checkout_service_client::CheckoutServiceClient;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Brokers and the URL of a bus with topics of its own; `None`, said loudly, where there are none.
fn kafka(test: &str) -> Option<(String, String, String)> {
    let said = |name| {
        std::env::var(name)
            .ok()
            .filter(|it: &String| !it.is_empty())
    };
    let brokers = said("CARTWRIGHT_TEST_KAFKA");
    let registry = said("CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL");
    let (Some(brokers), Some(registry)) = (brokers, registry) else {
        eprintln!(
            "SKIPPED, nothing was checked: {test} needs CARTWRIGHT_TEST_KAFKA and CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL"
        );
        return None;
    };
    let prefix = fresh("shop");
    let url = format!("kafka://{brokers}?registry={registry}&prefix={prefix}&partitions=2");
    Some((brokers, prefix, url))
}

/// An order by the demo's own services.
async fn buys(shop: &Shop, sku: &str) -> proto::OrderResult {
    let channel = channel(shop).await;
    let user_id = fresh("user");
    let item = proto::CartItem {
        product_id: sku.to_owned(),
        quantity: 2,
    };
    let add = proto::AddItemRequest {
        user_id: user_id.clone(),
        item: Some(item),
    };
    let added = CartServiceClient::new(channel.clone()).add_item(add).await;
    added.expect("added");
    let order = proto::PlaceOrderRequest {
        user_id,
        user_currency: "USD".into(),
        address: Some(address()),
        email: "someone@example.com".into(),
        credit_card: Some(card(VISA)),
    };
    let placed = CheckoutServiceClient::new(channel).place_order(order).await;
    placed
        .expect("placed")
        .into_inner()
        .order
        .expect("an order")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_kafka_serves_publishes_and_is_rebuilt() {
    let Some((brokers, prefix, url)) = kafka("a shop on Kafka") else {
        return;
    };
    let gateway = Gateway::start();
    let dir = Arc::new(TempDir::new("kafka"));
    let setup = gateway
        .setting(Setup::new(&dir))
        .with("CARTWRIGHT_BUS", &url)
        .with("KAFKA_ADDR", &brokers);
    let shop = Shop::of(setup.start(), dir.clone());

    // Search follows from Kafka.
    let level = shop.stocked(10);
    let finds = || {
        let found = shop.get(&format!("/v1/search?q={}", level.sku)).send().ok();
        (whole(&found["total"]) == 1).then_some(())
    };
    eventually(PATIENCE, "search finds a product", finds);

    // An order of the demo, byte for byte what its caller was told.
    let placed = buys(&shop, &level.sku).await;
    let wanted = placed.encode_to_vec();
    let told = || {
        let found = lying(&brokers, "orders").into_iter();
        let of_it = |value: &[u8]| {
            let order = proto::OrderResult::decode(value);
            order.is_ok_and(|it| it.order_id == placed.order_id)
        };
        let found: Vec<_> = found.filter(|it| of_it(&it.value)).collect();
        (!found.is_empty()).then_some(found)
    };
    let found = eventually(PATIENCE, "the order is published", told);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].value, wanted);
    assert_eq!(found[0].key, None);

    // All that happened lies in the topics, and the shop says that they are well.
    let events = format!("{prefix}.order.v1");
    let of_order = format!("order:{}", placed.order_id);
    let published = || {
        let found = lying(&brokers, &events).into_iter();
        let count = found
            .filter(|it| it.key.as_ref() == Some(&of_order))
            .count();
        (count >= 2).then_some(())
    };
    eventually(PATIENCE, "the order's events are published", published);
    let well = || {
        let health = shop.get("/health/readiness").send().is(200).json();
        let of = |name: &str| health["dependencies"][name] == "ok";
        (of("kafka") && of("kafka_orders") && of("schema_registry")).then_some(())
    };
    eventually(PATIENCE, "readiness tells of Kafka", well);
    let position = whole(&shop.get("/health/readiness").send().json()["position"]) as u64;
    assert!(
        shop.process
            .said()
            .lines()
            .all(|line| !line.contains("ERROR")),
        "{}",
        shop.process.said()
    );
    shop.process.terminate();
    eventually(PATIENCE, "the shop ends", || shop.process.exit_status());

    // Its topics are made again.
    let rebuild = |arguments: &[&str]| -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartwright"));
        command
            .args(["bus", "rebuild", "--json", "--data-dir"])
            .arg(dir.data());
        let done = command.args(arguments).env("CARTWRIGHT_BUS", &url).output();
        let done = done.expect("the binary can be run");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        serde_json::from_slice(&done.stdout).expect("JSON")
    };
    let before = positions(&brokers, &events);
    let done = rebuild(&["--topic", &events]);
    assert_eq!(done["messages"], json!(before.len()), "{done}");
    assert_eq!(positions(&brokers, &events), before, "the same entries");
    let all = rebuild(&[]);
    assert!(whole(&all["through"]) as u64 >= position, "{all}");
    assert_eq!(all["left_out"], 0);
    assert_eq!(positions(&brokers, &events), before);

    // It goes on from there.
    let again = Shop::of(setup.start(), dir.clone());
    let level = again.stocked(5);
    let finds = || {
        let found = again
            .get(&format!("/v1/search?q={}", level.sku))
            .send()
            .ok();
        (whole(&found["total"]) == 1).then_some(())
    };
    eventually(PATIENCE, "search finds what came later", finds);
}

fn positions(brokers: &str, topic: &str) -> BTreeSet<u64> {
    let found = lying(brokers, topic).into_iter();
    found.map(|it| it.position.expect("a position")).collect()
}

#[test]
fn a_shop_whose_kafka_is_down_sells_and_says_so() {
    // Nobody listens there.
    let address = crate::support::free_address();
    let url = format!("kafka://{address}?registry=http://{address}");
    let shop = Shop::with("no-kafka", |setup| setup.with("CARTWRIGHT_BUS", &url));
    let level = shop.stocked(10);
    let finds = || {
        let found = shop.get(&format!("/v1/search?q={}", level.sku)).send().ok();
        (whole(&found["total"]) == 1).then_some(())
    };
    eventually(PATIENCE, "search follows from the log", finds);
    let degraded = || {
        let health = shop.get("/health/readiness").send().is(200).json();
        (health["dependencies"]["kafka"] == "degraded").then_some(health)
    };
    let health = eventually(PATIENCE, "readiness says so", degraded);
    assert_eq!(health["ready"], true);
}

#[test]
fn a_process_that_writes_no_more_says_nothing_of_kafka() {
    let address = crate::support::free_address();
    let dir = Arc::new(TempDir::new("no-kafka-two"));
    let node = |name: &str| {
        let mut setup = Setup::new(&dir)
            .with(
                "CARTWRIGHT_BUS",
                &format!("kafka://{address}?registry=http://{address}"),
            )
            .with("CARTWRIGHT_NODE_NAME", name)
            .with("LOCKS_ENABLED", "true")
            .with("LOCK_TTL_MS", "1000")
            .with("LOCK_RENEW_MS", "250");
        setup.log = dir.path().join(format!("log-{name}"));
        Shop::of(setup.start(), dir.clone())
    };
    let (first, second) = (node("first"), node("second"));
    first.stocked(10);
    let of = |shop: &Shop, role: &str, kafka: &Value| {
        let ready = shop.get("/health/readiness").try_send().ok()?;
        let ready = (ready.status == 200).then(|| ready.json())?;
        (ready["role"] == role && ready["dependencies"]["kafka"] == *kafka).then_some(())
    };
    let degraded = json!("degraded");
    eventually(PATIENCE, "readiness says so", || {
        of(&first, "writer", &degraded)
    });
    first.process.signal("STOP");
    eventually(PATIENCE, "the other one finds Kafka down as well", || {
        of(&second, "writer", &degraded)
    });
    first.process.signal("CONT");
    eventually(PATIENCE, "the first one knows nothing of it now", || {
        of(&first, "reader", &Value::Null)
    });
}

#[test]
fn a_bus_that_cannot_be_understood_is_refused() {
    let dir = TempDir::new("bad-bus");
    let refused = Setup::new(&dir)
        .with("CARTWRIGHT_BUS", "kafka://nowhere")
        .refusal();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        refused.said.contains("kafka://host:port"),
        "{}",
        refused.said
    );
}
