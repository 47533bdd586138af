//! Keys: the same request again gets the same reply, another one does not.

use cartwright_proto::v1;
use cartwright_proto::v1::api_key_service_client::ApiKeyServiceClient;
use cartwright_proto::v1::cart_service_client::CartServiceClient;
use cartwright_proto::v1::reservation_service_client::ReservationServiceClient;
use tonic::{Code, Request};

use crate::caller::{admin, channel, metadata, refused, with};
use crate::support::{fresh, shop, uuid};

#[tokio::test]
async fn a_cart_made_twice_under_one_key_is_one_cart_with_its_token() {
    let shop = shop();
    let mut carts = CartServiceClient::new(channel(&shop).await);
    let key = uuid();
    let create = |currency: &str| {
        let create = v1::CreateCartRequest {
            currency: Some(currency.into()),
            ..Default::default()
        };
        with(Request::new(create), "idempotency-key", &key)
    };
    let first = carts.create(create("USD")).await.expect("made");
    assert_eq!(metadata(&first, "idempotent-replayed"), None);
    let again = carts.create(create("USD")).await.expect("replayed");
    assert_eq!(
        metadata(&again, "idempotent-replayed").as_deref(),
        Some("true")
    );
    assert_eq!(first.into_inner(), again.into_inner());
    let other = carts.create(create("EUR")).await;
    refused(other, Code::Aborted, "idempotency_key_reused");
    let guessable = with(
        Request::new(v1::CreateCartRequest::default()),
        "idempotency-key",
        "order-1",
    );
    let guessable = carts.create(guessable).await;
    refused(guessable, Code::InvalidArgument, "malformed_request");
}

#[tokio::test]
async fn the_ids_in_a_message_belong_to_what_a_key_names() {
    let shop = shop();
    let mut carts = CartServiceClient::new(channel(&shop).await);
    let (sku, key) = (shop.stocked(9).sku, fresh("key"));
    let (one, two) = (shop.cart(), shop.cart());
    let add = |cart: &str| {
        let add = v1::AddCartLineRequest {
            cart_id: cart.into(),
            line: Some(v1::CartLineInput {
                sku: sku.clone(),
                quantity: 1,
                ..Default::default()
            }),
            expected_version: None,
        };
        with(admin(add), "idempotency-key", &key)
    };
    carts.add_line(add(&one.id)).await.expect("added");
    let other = carts.add_line(add(&two.id)).await;
    refused(other, Code::Aborted, "idempotency_key_reused");
    let again = carts.add_line(add(&one.id)).await.expect("replayed");
    assert_eq!(again.into_inner().lines[0].quantity, 1);
}

#[tokio::test]
async fn a_refusal_is_kept_with_its_details() {
    let shop = shop();
    let mut holds = ReservationServiceClient::new(channel(&shop).await);
    let (level, key, reference) = (shop.stocked(1), fresh("key"), fresh("hold"));
    let create = || {
        let create = v1::CreateReservationRequest {
            lines: vec![v1::ReservationLineInput {
                sku: level.sku.clone(),
                quantity: 2,
                store: None,
            }],
            reference: reference.clone(),
            ttl_seconds: 60,
            country: None,
        };
        with(admin(create), "idempotency-key", &key)
    };
    let first = holds.create(create()).await;
    let first = refused(first, Code::FailedPrecondition, "insufficient_stock");
    level.adjust(5).is(200);
    let again = holds.create(create()).await;
    let replayed = again.as_ref().expect_err("kept").metadata();
    assert!(replayed.contains_key("idempotent-replayed"));
    let again = refused(again, Code::FailedPrecondition, "insufficient_stock");
    assert_eq!(first, again);
}

#[tokio::test]
async fn an_api_key_shows_its_secret_to_its_retries_only() {
    let shop = shop();
    let mut keys = ApiKeyServiceClient::new(channel(&shop).await);
    let (key, name) = (fresh("key"), fresh("till"));
    let create = || {
        let create = v1::CreateApiKeyRequest {
            name: name.clone(),
            scopes: vec!["inventory:read".into()],
            limits: Some(v1::ApiKeyLimits {
                rate_rps: Some(50),
                ..Default::default()
            }),
        };
        with(admin(create), "idempotency-key", &key)
    };
    let made = keys.create(create()).await.expect("made").into_inner();
    let again = keys.create(create()).await.expect("again").into_inner();
    assert!(made.key.as_ref().is_some_and(|key| key.starts_with("cwk_")));
    assert_eq!(made, again);
    let list = v1::ListApiKeysRequest {
        limit: 200,
        cursor: String::new(),
    };
    let page = keys.list(admin(list)).await.expect("listed").into_inner();
    let listed = page.items.into_iter().find(|it| it.id == made.id);
    let listed = listed.expect("it is listed");
    assert_eq!((listed.key, listed.name), (None, name));
    assert_eq!(listed.limits.expect("limits").rate_rps, Some(50));
    let revoke = v1::RevokeApiKeyRequest {
        id: made.id,
        expected_version: None,
    };
    keys.revoke(admin(revoke.clone())).await.expect("revoked");
    let gone = keys.revoke(admin(revoke)).await;
    refused(gone, Code::NotFound, "not_found");
}
