//! Placing orders through both drop-in packages, by the same rows.

use serde_json::{Value, json};
use tonic::{Code, Response, Status};

use crate::caller::{channel, metadata, refused, with};
use crate::drop_in_buyer::VISA;
use crate::support::{Paying, Request, fresh, paying, text, usd, uuid, whole};

/// The order as the shop shows it to its staff.
fn order(paying: &Paying, id: &str) -> Value {
    let path = format!("/v1/orders/{id}");
    paying.shop.get(&path).admin().send().ok()
}

/// A refusal of PlaceOrder or Charge: code, message, reason.
#[track_caller]
fn says<T: std::fmt::Debug>(
    answer: Result<Response<T>, Status>,
    code: Code,
    message: &str,
    reason: &str,
) {
    let said = answer.as_ref().expect_err("it must be refused").message();
    assert_eq!(said, message);
    refused(answer, code, reason);
}

/// What the rows need of one package's generated clients.
macro_rules! package {
    ($package:ident, $card_code:ident) => {
        mod $package {
            use super::*;
            use crate::drop_in_buyer::$package::{address, card, charge, money};
            use cartwright_proto::$package as proto;
            use proto::cart_service_client::CartServiceClient;
            use proto::checkout_service_client::CheckoutServiceClient;
            use proto::product_catalog_service_client::ProductCatalogServiceClient;
            use tonic::transport::Channel;

            const PACKAGE: &str = stringify!($package);

            fn purchase(user: &str, currency: &str) -> proto::PlaceOrderRequest {
                proto::PlaceOrderRequest {
                    user_id: user.into(),
                    user_currency: currency.into(),
                    address: Some(address()),
                    email: "someone@example.com".into(),
                    credit_card: Some(card(VISA)),
                }
            }

            /// A user of this package in a shop that is paid.
            struct User {
                id: String,
                channel: Channel,
            }

            impl User {
                async fn of(paying: &Paying) -> Self {
                    Self {
                        id: fresh("user"),
                        channel: channel(&paying.shop).await,
                    }
                }

                async fn adds(&self, product: &str, quantity: i32) {
                    let request = proto::AddItemRequest {
                        user_id: self.id.clone(),
                        item: Some(proto::CartItem {
                            product_id: product.into(),
                            quantity,
                        }),
                    };
                    let mut carts = CartServiceClient::new(self.channel.clone());
                    carts.add_item(request).await.expect("added");
                }

                async fn items(&self) -> Vec<(String, i32)> {
                    let mut carts = CartServiceClient::new(self.channel.clone());
                    let user_id = self.id.clone();
                    let cart = carts.get_cart(proto::GetCartRequest { user_id }).await;
                    let items = cart.expect("a cart").into_inner().items.into_iter();
                    items.map(|it| (it.product_id, it.quantity)).collect()
                }

                async fn places(
                    &self,
                    request: proto::PlaceOrderRequest,
                ) -> Result<Response<proto::PlaceOrderResponse>, Status> {
                    let mut checkout = CheckoutServiceClient::new(self.channel.clone());
                    checkout.place_order(request).await
                }

                async fn buys(&self, currency: &str) -> proto::OrderResult {
                    let placed = self.places(purchase(&self.id, currency)).await;
                    placed.expect("placed").into_inner().order.expect("an order")
                }

                async fn charges(
                    &self,
                    amount: proto::Money,
                    card: proto::CreditCardInfo,
                ) -> Result<Response<proto::ChargeResponse>, Status> {
                    charge(&self.channel, amount, card).await
                }
            }

            #[tokio::test]
            async fn an_order_takes_stock_and_money_and_empties_the_cart() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(10);
                user.adds(&level.sku, 3).await;
                let placed = user.buys("USD").await;
                assert_eq!(placed.shipping_cost, Some(money(5, 990_000_000, "USD")));
                assert_eq!(placed.shipping_address, Some(address()));
                assert_eq!(placed.shipping_tracking_id.len(), 36);
                let item = proto::CartItem {
                    product_id: level.sku.clone(),
                    quantity: 3,
                };
                let bought = proto::OrderItem {
                    item: Some(item),
                    cost: Some(money(10, 0, "USD")),
                };
                assert_eq!(placed.items, [bought]);
                assert_eq!(user.items().await, []);

                let order = order(&paying, &placed.order_id);
                assert_eq!(order["payment_state"], "captured");
                assert_eq!(order["totals"]["total"], usd(3599));
                assert_eq!(order["email"], "someone@example.com");
                assert_eq!(order["shipping_address"]["country"], "US");
                assert_eq!(order["shipping_address"]["postal_code"], "94043");
                let stock = level.read();
                assert_eq!((whole(&stock["available"]), whole(&stock["on_hand"])), (7, 10));
                let cart = text(&order["cart_id"]);
                let captured = paying.gateway.effects(&cart, "capture");
                assert_eq!(captured.len(), 1);
                assert_eq!(captured[0]["amount"], usd(3599));

                let empty = user.places(purchase(&user.id, "USD")).await;
                says(
                    empty,
                    Code::FailedPrecondition,
                    "failed to prepare order: the cart is empty; add something to it first",
                    "invalid",
                );
                user.adds(&level.sku, 1).await;
                assert_ne!(user.buys("USD").await.order_id, placed.order_id);
            }

            #[tokio::test]
            async fn a_user_pays_in_their_currency_what_they_were_shown() {
                let paying = paying();
                let user = User::of(&paying).await;
                let product = paying.shop.product_with(json!({
                    "prices": [{"amount": 1500, "currency": "EUR"}, {"amount": 9999, "currency": "USD"}],
                }));
                user.adds(&product.sku, 2).await;
                let eur = user.buys("EUR").await;
                // 99.99 / 1.1305 and 5.99 / 1.1305, to the cent.
                assert_eq!(eur.items[0].cost, Some(money(88, 450_000_000, "EUR")));
                assert_eq!(eur.shipping_cost, Some(money(5, 300_000_000, "EUR")));
                let total = &order(&paying, &eur.order_id)["totals"]["total"];
                assert_eq!(*total, json!({"amount": 2 * 8845 + 530, "currency": "EUR"}));

                user.adds(&product.sku, 1).await;
                let jpy = user.buys("JPY").await;
                assert_eq!(jpy.items[0].cost, Some(money(11_180, 0, "JPY")));
                user.adds(&product.sku, 1).await;
                let unknown = user.places(purchase(&user.id, "XXX")).await;
                let message = format!(
                    "failed to prepare order: failed to convert price of {:?} to XXX",
                    product.sku
                );
                says(unknown, Code::Internal, &message, "invalid");
                assert_eq!(user.items().await.len(), 1);
            }

            #[tokio::test]
            async fn products_without_stock_records_are_sold_and_can_be_sent() {
                let paying = paying();
                let user = User::of(&paying).await;
                let (product, level) = (paying.shop.product(), paying.shop.stocked(2));
                let gone = paying.shop.stocked(1);
                gone.adjust(-1).is(200);
                user.adds(&product.sku, 4).await;
                user.adds(&level.sku, 2).await;
                let placed = user.buys("USD").await;
                let (shop, id) = (&paying.shop, &placed.order_id);
                let lines = json!({"lines": [
                    {"line_id": "ln_1", "quantity": 3}, {"line_id": "ln_2", "quantity": 2},
                ]});
                let path = format!("/v1/orders/{id}/fulfillments");
                shop.post(&path).admin().json(lines).send().is(201);
                assert_eq!(whole(&level.read()["on_hand"]), 0);
                let cancel = format!("/v1/orders/{id}/cancel");
                let rest = shop.post(&cancel).admin().send().ok();
                assert_eq!(rest["lines"][0]["cancelled"], 1);

                // Where anything was ever received, it counts.
                user.adds(&gone.sku, 1).await;
                let none = user.places(purchase(&user.id, "USD")).await;
                let message = none.as_ref().expect_err("none left").message().to_owned();
                assert!(message.starts_with("failed to prepare order: "), "{message}");
                let fields = refused(none, Code::FailedPrecondition, "insufficient_stock");
                assert_eq!((&*fields["requested"], &*fields["available"]), ("1", "0"));
                assert_eq!(user.items().await, [(gone.sku.clone(), 1)]);
            }

            #[tokio::test]
            async fn a_product_is_bought_by_its_id_too() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(5);
                let path = format!("/v1/variants/{}", level.sku);
                let id = text(&paying.shop.get(&path).send().ok()["product_id"]);
                assert_ne!(id, level.sku);
                let mut catalog = ProductCatalogServiceClient::new(user.channel.clone());
                let asked = proto::GetProductRequest { id: id.clone() };
                catalog.get_product(asked).await.expect("it is shown");
                user.adds(&id, 3).await;
                user.adds(&id, -1).await;
                assert_eq!(user.items().await, [(id.clone(), 2)]);
                let placed = user.buys("USD").await;
                let item = placed.items[0].item.as_ref().expect("an item");
                assert_eq!((&item.product_id, item.quantity), (&id, 2));
                assert_eq!(whole(&level.read()["available"]), 3);
            }

            #[tokio::test]
            async fn cards_are_judged_as_the_demo_judges_them() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(5);
                user.adds(&level.sku, 1).await;
                let expired = proto::CreditCardInfo {
                    credit_card_expiration_year: 2021,
                    ..card(VISA)
                };
                let rows = [
                    (card("4432-8015-6152-0455"), "Credit card info is invalid."),
                    (card(""), "Credit card info is invalid."),
                    (
                        card("378282246310005"),
                        "Sorry, we cannot process amex credit cards. Only VISA or MasterCard is accepted.",
                    ),
                    (expired, "The credit card (ending 0454) expired on 1/2021."),
                ];
                for (card, message) in rows {
                    let charged = user.charges(money(5, 0, "USD"), card.clone()).await;
                    says(charged, Code::$card_code, message, "payment_declined");
                    let request = proto::PlaceOrderRequest {
                        credit_card: Some(card),
                        ..purchase(&user.id, "USD")
                    };
                    let told = format!(
                        "failed to charge card: could not charge the card: rpc error: code = {} desc = {message}",
                        stringify!($card_code)
                    );
                    says(user.places(request).await, Code::Internal, &told, "payment_declined");
                }
                assert_eq!(whole(&level.read()["available"]), 5);
                assert_eq!(user.items().await.len(), 1);
                let said = paying.shop.process.said();
                assert!(!said.contains("0152") && !said.contains("378282"), "{said}");
                user.buys("USD").await;
            }

            #[tokio::test]
            async fn what_is_not_in_the_catalogue_cannot_be_bought() {
                let paying = paying();
                let user = User::of(&paying).await;
                let name = fresh("NONE");
                user.adds(&name, 1).await;
                let message =
                    format!("failed to prepare order: failed to get product #{name:?}");
                let answer = user.places(purchase(&user.id, "USD")).await;
                says(answer, Code::Internal, &message, "not_found");
                let nobody = user.places(proto::PlaceOrderRequest {
                    email: "nobody".into(),
                    ..purchase(&user.id, "USD")
                });
                refused(nobody.await, Code::InvalidArgument, "invalid");
            }

            #[tokio::test]
            async fn a_declined_purchase_is_undone_and_can_be_tried_again() {
                let paying = Paying::own(concat!(stringify!($package), "-declined"));
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(5);
                user.adds(&level.sku, 2).await;
                let no = json!({"op": "authorize", "kind": "decline", "code": "insufficient_funds", "count": 1});
                let fault = Request::new(paying.gateway.address, "POST", "/_sim/faults");
                fault.json(no).send().is(201);
                let declined = user.places(purchase(&user.id, "USD")).await;
                let message = declined.as_ref().expect_err("declined").message().to_owned();
                assert!(message.starts_with("failed to charge card: could not charge the card: "), "{message}");
                let fields = refused(declined, Code::Internal, "payment_declined");
                assert_eq!(&*fields["reason"], "insufficient_funds");
                assert_eq!(user.items().await, [(level.sku.clone(), 2)]);
                assert_eq!(whole(&level.read()["available"]), 5);
                user.buys("USD").await;
                assert_eq!(whole(&level.read()["available"]), 3);
            }

            #[tokio::test]
            async fn one_cart_placed_by_many_at_once_is_one_order() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(20);
                user.adds(&level.sku, 2).await;
                let mut placing = tokio::task::JoinSet::new();
                for _ in 0..8 {
                    let mut checkout = CheckoutServiceClient::new(user.channel.clone());
                    let request = purchase(&user.id, "USD");
                    placing.spawn(async move { checkout.place_order(request).await });
                }
                let mut orders = std::collections::BTreeSet::new();
                for answer in placing.join_all().await {
                    match answer {
                        Ok(placed) => {
                            let placed = placed.into_inner().order.expect("an order");
                            orders.insert(placed.order_id);
                        }
                        Err(late) => assert!(late.message().contains("the cart is empty"), "{late:?}"),
                    }
                }
                assert_eq!(orders.len(), 1, "{orders:?}");
                let order = order(&paying, orders.first().expect("one"));
                let cart = text(&order["cart_id"]);
                assert_eq!(paying.gateway.effects(&cart, "capture").len(), 1);
                assert_eq!(paying.gateway.effects(&cart, "authorize").len(), 1);
                assert_eq!(whole(&level.read()["available"]), 18);
            }

            #[tokio::test]
            async fn a_repeat_under_its_key_gets_the_same_order() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(9);
                let place = |key: &str, currency: &str| {
                    let request = tonic::Request::new(purchase(&user.id, currency));
                    let request = with(request, "idempotency-key", key);
                    let mut checkout = CheckoutServiceClient::new(user.channel.clone());
                    async move { checkout.place_order(request).await }
                };
                let (empty, key) = (uuid(), uuid());
                refused(place(&empty, "USD").await, Code::FailedPrecondition, "invalid");
                user.adds(&level.sku, 1).await;
                // What was decided under a key stays so.
                refused(place(&empty, "USD").await, Code::FailedPrecondition, "invalid");
                let first = place(&key, "USD").await.expect("placed");
                assert_eq!(metadata(&first, "idempotent-replayed"), None);
                user.adds(&level.sku, 5).await;
                let again = place(&key, "USD").await.expect("placed before");
                assert_eq!(metadata(&again, "idempotent-replayed").as_deref(), Some("true"));
                assert_eq!(first.into_inner(), again.into_inner());
                refused(place(&key, "EUR").await, Code::Aborted, "idempotency_key_reused");
                refused(place("k", "USD").await, Code::InvalidArgument, "malformed_request");
                assert_eq!(user.items().await, [(level.sku.clone(), 5)]);
                assert_eq!(whole(&level.read()["available"]), 8);
            }

            #[tokio::test]
            async fn another_package_s_user_is_somebody_else() {
                let paying = paying();
                let user = User::of(&paying).await;
                let level = paying.shop.stocked(5);
                user.adds(&level.sku, 1).await;
                assert_eq!(PACKAGE, stringify!($package));
                let other = super::other(PACKAGE, user.channel.clone(), &user.id).await;
                let other = other.expect_err("their cart is empty");
                assert!(other.message().contains("the cart is empty"), "{other:?}");
                user.buys("USD").await;
            }
        }
    };
}

package!(oteldemo, Unknown);
package!(hipstershop, InvalidArgument);

/// A user of the other package with the same id tries to buy.
async fn other(
    package: &str,
    channel: tonic::transport::Channel,
    user: &str,
) -> Result<(), Status> {
    use cartwright_proto::{hipstershop, oteldemo};
    let email = "someone@example.com".to_owned();
    if package == "oteldemo" {
        let mut client = hipstershop::checkout_service_client::CheckoutServiceClient::new(channel);
        let request = hipstershop::PlaceOrderRequest {
            user_id: user.to_owned(),
            user_currency: "USD".to_owned(),
            email,
            ..hipstershop::PlaceOrderRequest::default()
        };
        client.place_order(request).await.map(drop)
    } else {
        let mut client = oteldemo::checkout_service_client::CheckoutServiceClient::new(channel);
        let request = oteldemo::PlaceOrderRequest {
            user_id: user.to_owned(),
            user_currency: "USD".to_owned(),
            email,
            ..oteldemo::PlaceOrderRequest::default()
        };
        client.place_order(request).await.map(drop)
    }
}
