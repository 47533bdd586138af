//! Who may call: bad keys nowhere, others as far as their scopes go.

use cartwright_proto::v1;
use cartwright_proto::v1::api_key_service_client::ApiKeyServiceClient;
use cartwright_proto::v1::inventory_service_client::InventoryServiceClient;
use cartwright_proto::v1::product_lookup_client::ProductLookupClient;
use cartwright_proto::v1::store_service_client::StoreServiceClient;
use tonic::{Code, Request};

use crate::caller::{admin, channel, metadata, refused, with, with_key};
use crate::support::shop;

#[tokio::test]
async fn a_bad_key_is_refused_on_public_methods_too() {
    let shop = shop();
    let channel = channel(&shop).await;
    let item = shop.product();
    let mut lookup = ProductLookupClient::new(channel.clone());
    let mut stores = StoreServiceClient::new(channel);
    let ask = v1::LookupRequest { sku: item.sku };
    lookup.lookup(ask.clone()).await.expect("public");
    lookup.lookup(admin(ask.clone())).await.expect("a good key");
    let bad = lookup.lookup(with_key(ask, "cwk_wrong")).await;
    refused(bad, Code::Unauthenticated, "unauthenticated");
    let list = v1::ListStoresRequest::default();
    let bad = stores.list(with_key(list, "cwk_wrong")).await;
    refused(bad, Code::Unauthenticated, "unauthenticated");
}

#[tokio::test]
async fn a_key_goes_as_far_as_its_scopes() {
    let shop = shop();
    let channel = channel(&shop).await;
    let mut inventory = InventoryServiceClient::new(channel.clone());
    let mut keys = ApiKeyServiceClient::new(channel);
    let (level, key) = (shop.stocked(3), shop.api_key(&["inventory:read"]));
    let get = v1::GetLevelRequest {
        store: level.store.clone(),
        sku: level.sku.clone(),
    };
    let nobody = inventory.get_level(get.clone()).await;
    refused(nobody, Code::Unauthenticated, "unauthenticated");
    inventory
        .get_level(with_key(get, &key))
        .await
        .expect("read");
    let adjust = v1::AdjustRequest {
        store: level.store,
        sku: level.sku,
        ..Default::default()
    };
    // Whether a caller may is said before what is wrong with the request.
    let fields = refused(
        inventory.adjust(with_key(adjust, &key)).await,
        Code::PermissionDenied,
        "forbidden",
    );
    assert_eq!(fields["scope"], "inventory:write");
    let list = v1::ListApiKeysRequest::default();
    let others = keys.list(with_key(list, &key)).await;
    refused(others, Code::PermissionDenied, "forbidden");
}

#[tokio::test]
async fn every_reply_names_its_request() {
    let shop = shop();
    let mut stores = StoreServiceClient::new(channel(&shop).await);
    let list = v1::ListStoresRequest::default();
    let named = with(Request::new(list.clone()), "request-id", "till-7");
    let named = stores.list(named).await.expect("public");
    assert_eq!(metadata(&named, "request-id").as_deref(), Some("till-7"));
    let unnamed = stores.list(list).await.expect("public");
    assert!(metadata(&unnamed, "request-id").is_some_and(|id| !id.is_empty()));
    let get = v1::GetStoreRequest {
        id: "nowhere".into(),
    };
    let refused = stores.get(get).await.expect_err("no such store");
    assert!(refused.metadata().contains_key("request-id"));
}
