//! The lean lookup, end to end: what it answers is what HTTP answers, from memory and from the store.

use cartwright_proto::v1::product_lookup_client::ProductLookupClient;
use cartwright_proto::v1::{LookupManyRequest, LookupReply, LookupRequest};
use serde_json::{Value, json};
use std::sync::Arc;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::caller::{admin, channel, refused, with_key};
use crate::support::{Item, Setup, Shop, TempDir, fresh, shop, whole};

type Client = ProductLookupClient<Channel>;

fn one(sku: &str) -> LookupRequest {
    LookupRequest { sku: sku.into() }
}

fn many(skus: impl IntoIterator<Item = impl Into<String>>) -> LookupManyRequest {
    LookupManyRequest {
        skus: skus.into_iter().map(Into::into).collect(),
    }
}

/// A product with prices in three currencies and limits.
fn rich(shop: &Shop) -> Item {
    shop.product_with(json!({
        "prices": [
            {"amount": 1299, "currency": "USD"}, {"amount": 1099, "currency": "EUR"}, {"amount": 1800, "currency": "JPY"}
        ],
        "limits": {"min": 2, "max": 10, "multiple": 2}
    }))
}

/// The seven fields of a reply as `GET /v1/variants/{sku}` spells them.
fn spelled(reply: &LookupReply) -> Value {
    let prices: Vec<_> = reply
        .prices
        .iter()
        .map(|it| json!({"amount": it.amount, "currency": it.currency}))
        .collect();
    let set = |units: i32| (units > 0).then_some(units);
    let limits = reply.limits.unwrap_or_default();
    json!({
        "sku": reply.sku, "product_id": reply.product_id, "name": reply.name, "options": reply.options, "prices": prices,
        "limits": {"min": set(limits.min), "max": set(limits.max), "multiple": set(limits.multiple)},
        "version": reply.version,
    })
}

#[track_caller]
fn agree(shop: &Shop, reply: &LookupReply) {
    let http = shop.get(&format!("/v1/variants/{}", reply.sku)).send().ok();
    assert_eq!(spelled(reply), http);
}

#[tokio::test]
async fn answers_what_http_answers_in_every_currency() {
    let dir = Arc::new(TempDir::new("lookup"));
    let setup = Setup::new(&dir);
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let (rich, plain) = (rich(&shop), shop.product());
    let mut skus = vec![rich.sku.clone(), plain.sku.clone()];
    let mut lookup = Client::new(channel(&shop).await);
    let reply = lookup
        .lookup(one(&rich.sku))
        .await
        .expect("sold")
        .into_inner();
    let prices: Vec<_> = reply
        .prices
        .iter()
        .map(|it| (it.amount, &*it.currency))
        .collect();
    for price in [(1299, "USD"), (1099, "EUR"), (1800, "JPY")] {
        assert!(prices.contains(&price), "{prices:?}");
    }
    agree(&shop, &reply);
    shop.process.kill_now();
    drop(shop);

    // Nothing is in memory after a restart.
    let shop = Shop::of(setup.start(), dir);
    let mut lookup = Client::new(channel(&shop).await);
    skus.push("never-sold".into());
    let reply = lookup
        .lookup_many(many(skus.clone()))
        .await
        .expect("many")
        .into_inner();
    assert_eq!(reply.missing, ["never-sold"]);
    let found: Vec<_> = reply.items.iter().map(|it| it.sku.clone()).collect();
    assert_eq!(found, skus[..2]);
    for reply in &reply.items {
        agree(&shop, reply);
    }
}

#[tokio::test]
async fn many_keep_their_order_and_have_a_limit() {
    let shop = shop();
    let items: Vec<_> = (0..5).map(|_| shop.product().sku).collect();
    let mut lookup = Client::new(channel(&shop).await);
    let asked: Vec<_> = (0..200).map(|n| items[n % 5].clone()).collect();
    let reply = lookup
        .lookup_many(many(asked.clone()))
        .await
        .expect("200")
        .into_inner();
    let found: Vec<_> = reply.items.into_iter().map(|it| it.sku).collect();
    assert_eq!((found, reply.missing), (asked.clone(), vec![]));
    let beyond = lookup
        .lookup_many(many(asked.into_iter().chain([items[0].clone()])))
        .await;
    refused(beyond, Code::InvalidArgument, "invalid");
    let missing = many([
        "b-missing",
        &items[0],
        "",
        "a-missing",
        "b-missing",
        "not a sku",
    ]);
    let reply = lookup
        .lookup_many(missing)
        .await
        .expect("some")
        .into_inner();
    assert_eq!(reply.items.len(), 1);
    assert_eq!(
        reply.missing,
        ["b-missing", "", "a-missing", "b-missing", "not a sku"]
    );
}

#[tokio::test]
async fn what_the_public_does_not_see_is_not_there() {
    let shop = shop();
    let mut lookup = Client::new(channel(&shop).await);
    let (draft, sku) = (fresh("draft"), fresh("sku"));
    let body = json!({"id": draft, "name": "Draft", "status": "draft", "variants": [{"sku": sku, "prices": []}]});
    shop.post("/v1/products").admin().json(body).send().is(201);
    for sku in [sku.as_str(), "never-sold", "", "not a sku"] {
        let fields = refused(lookup.lookup(one(sku)).await, Code::NotFound, "not_found");
        assert_eq!((&*fields["resource"], &*fields["id"]), ("variant", sku));
    }
    let item = shop.product();
    lookup.lookup(one(&item.sku)).await.expect("sold");
    shop.delete(&format!("/v1/products/{}", item.id))
        .admin()
        .send()
        .succeeded();
    refused(
        lookup.lookup(one(&item.sku)).await,
        Code::NotFound,
        "not_found",
    );

    // Public, but a bad key is a bad key.
    let bad = with_key(one("any"), "no-key-of-this-shop");
    refused(
        lookup.lookup(bad).await,
        Code::Unauthenticated,
        "unauthenticated",
    );
    let good = lookup.lookup(admin(one(&shop.product().sku))).await;
    good.expect("an admin sees what the public sees");
}

/// Calls are counted by method and status, and timed, as HTTP's are.
#[tokio::test]
async fn calls_are_counted_by_method_and_status() {
    let shop = Shop::own("counted");
    let sku = shop.product().sku;
    let channel = channel(&shop).await;
    let mut lookup = Client::new(channel.clone());
    for _ in 0..3 {
        lookup.lookup(one(&sku)).await.expect("sold");
    }
    lookup.lookup(admin(one(&sku))).await.expect("sold");
    lookup.lookup(one("missing")).await.expect_err("not sold");
    lookup.lookup_many(many([&sku])).await.expect("many");
    let mut carts =
        cartwright_proto::v1::cart_service_client::CartServiceClient::new(channel.clone());
    carts
        .get(Request::new(cartwright_proto::v1::GetCartRequest {
            id: "x".into(),
            ..Default::default()
        }))
        .await
        .expect_err("no cart");
    let mut demo = cartwright_proto::oteldemo::product_catalog_service_client::ProductCatalogServiceClient::new(channel);
    demo.list_products(cartwright_proto::oteldemo::Empty {})
        .await
        .expect("listed");

    let text = shop.get("/metrics").admin().send().is(200).text();
    let counted = |method: &str, status: &str, calls: u64| {
        let line = format!(
            "cartwright_grpc_requests_total{{method=\"{method}\",status=\"{status}\"}} {calls}\n"
        );
        assert!(text.contains(&line), "{line} in {text}");
    };
    counted("cartwright.v1.ProductLookup/Lookup", "OK", 4);
    counted("cartwright.v1.ProductLookup/Lookup", "NOT_FOUND", 1);
    counted("cartwright.v1.ProductLookup/LookupMany", "OK", 1);
    counted("cartwright.v1.CartService/Get", "NOT_FOUND", 1);
    counted("oteldemo.ProductCatalogService/ListProducts", "OK", 1);
    let timed = "cartwright_grpc_request_duration_seconds_count{method=\"cartwright.v1.ProductLookup/Lookup\"} 5\n";
    assert!(text.contains(timed), "{text}");
    let json = shop
        .get("/metrics")
        .admin()
        .header("Accept", "application/json")
        .send()
        .ok();
    assert_eq!(
        (whole(&json["grpcRequests"]), whole(&json["grpcErrors"])),
        (8, 0)
    );
}
