//! Reflection and health, as grpcurl and orchestrators use them.

use std::time::{Duration, Instant};

use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::caller::channel;
use crate::support::{Shop, shop};

const SERVICES: [&str; 28] = [
    "cartwright.v1.ApiKeyService",
    "cartwright.v1.AttentionService",
    "cartwright.v1.CartService",
    "cartwright.v1.CheckoutService",
    "cartwright.v1.InventoryService",
    "cartwright.v1.InvoiceService",
    "cartwright.v1.OrderService",
    "cartwright.v1.ProductLookup",
    "cartwright.v1.ProductService",
    "cartwright.v1.ReservationService",
    "cartwright.v1.ReturnService",
    "cartwright.v1.StoreService",
    "cartwright.v1.TransferService",
    "cartwright.v1.WalletService",
    "hipstershop.CartService",
    "hipstershop.CheckoutService",
    "hipstershop.CurrencyService",
    "hipstershop.EmailService",
    "hipstershop.PaymentService",
    "hipstershop.ProductCatalogService",
    "hipstershop.ShippingService",
    "oteldemo.CartService",
    "oteldemo.CheckoutService",
    "oteldemo.CurrencyService",
    "oteldemo.EmailService",
    "oteldemo.PaymentService",
    "oteldemo.ProductCatalogService",
    "oteldemo.ShippingService",
];

async fn status(health: &mut HealthClient<Channel>, service: &str) -> Result<ServingStatus, Code> {
    let service = service.to_owned();
    let answer = health.check(HealthCheckRequest { service }).await;
    answer
        .map(|answer| answer.into_inner().status())
        .map_err(|status| status.code())
}

#[tokio::test]
async fn health_knows_what_is_served_and_nothing_else() {
    let shop = shop();
    let mut health = HealthClient::new(channel(&shop).await);
    for name in SERVICES.iter().chain([&""]) {
        assert_eq!(
            status(&mut health, name).await,
            Ok(ServingStatus::Serving),
            "{name}"
        );
    }
    for name in ["oteldemo.AdService", "cartwright.v1.Nothing", "x"] {
        assert_eq!(
            status(&mut health, name).await,
            Err(Code::NotFound),
            "{name}"
        );
    }
    let service = "cartwright.v1.Nothing".to_owned();
    let watch = health.watch(HealthCheckRequest { service }).await;
    let first = watch.expect("watched").into_inner().message().await;
    let first = first.expect("an answer").expect("at once");
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
}

#[tokio::test]
async fn health_turns_while_the_shop_drains() {
    let shop = Shop::with("drain", |setup| {
        setup.with("CARTWRIGHT_DRAIN_DELAY_MS", "5000")
    });
    let mut health = HealthClient::new(channel(&shop).await);
    let service = String::new();
    let watch = health.watch(HealthCheckRequest { service }).await;
    let mut watch = watch.expect("watched").into_inner();
    let first = watch.message().await.expect("an answer").expect("at once");
    assert_eq!(first.status(), ServingStatus::Serving);
    shop.process.terminate();
    let second = watch.message().await.expect("an answer").expect("a change");
    assert_eq!(second.status(), ServingStatus::NotServing);
    assert_eq!(
        watch.message().await.map(|it| it.is_none()).ok(),
        Some(true)
    );
    let deadline = Instant::now() + Duration::from_secs(4);
    let mut told = status(&mut health, "").await;
    while told != Ok(ServingStatus::NotServing) {
        assert!(Instant::now() < deadline, "{told:?}");
        told = status(&mut health, "").await;
    }
}

macro_rules! listed {
    ($version:ident, $channel:expr) => {{
        use $version::server_reflection_client::ServerReflectionClient;
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        let ask = $version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let asked = futures_util::stream::iter([ask]);
        let mut reflection = ServerReflectionClient::new($channel);
        let answers = reflection.server_reflection_info(Request::new(asked)).await;
        let answer = answers.expect("served").into_inner().message().await;
        match answer
            .expect("an answer")
            .expect("at once")
            .message_response
        {
            Some(MessageResponse::ListServicesResponse(list)) => {
                let names = list.service.into_iter().map(|service| service.name);
                names.collect::<Vec<_>>()
            }
            other => panic!("no list: {other:?}"),
        }
    }};
}

#[tokio::test]
async fn reflection_lists_what_is_served_in_both_versions() {
    let shop = shop();
    let channel = channel(&shop).await;
    for names in [listed!(v1, channel.clone()), listed!(v1alpha, channel)] {
        for name in SERVICES.iter().chain([&"grpc.health.v1.Health"]) {
            assert!(
                names.iter().any(|known| known == name),
                "{name} in {names:?}"
            );
        }
        let unserved = names.iter().find(|name| name.contains("Recommendation"));
        assert_eq!(unserved, None);
    }
}

#[tokio::test]
async fn drop_in_services_can_be_switched_off() {
    let shop = Shop::with("no-drop-in", |setup| {
        setup.with("CARTWRIGHT_DROP_IN", "false")
    });
    let channel = channel(&shop).await;
    let names = listed!(v1, channel.clone());
    assert!(
        !names.iter().any(|name| name.starts_with("oteldemo.")),
        "{names:?}"
    );
    let mut health = HealthClient::new(channel);
    let told = status(&mut health, "oteldemo.CartService").await;
    assert_eq!(told, Err(Code::NotFound));
    shop.get("/api/products").send().refused(404, "not_found");
}
