//! Payment, currencies, shipping and letters of both drop-in packages, by the same rows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tonic::{Code, Response, Status};

use crate::caller::{channel, refused, with};
use crate::drop_in_buyer::VISA;
use crate::support::{
    Gateway, Paying, Request, Setup, Shop, TempDir, eventually, fresh, paying, text, usd, uuid,
};

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(90);
/// Another one.
const MASTERCARD: &str = "5555 5555 5555 4444";

/// All that the provider did.
fn ledger(gateway: &Gateway) -> Vec<Value> {
    let asked = Request::new(gateway.address, "GET", "/_sim/ledger?limit=10000");
    asked.send().ok()["items"]
        .as_array()
        .expect("items")
        .clone()
}

/// What the provider did under a reference.
fn effects(gateway: &Gateway, reference: &str, op: &str) -> Vec<Value> {
    let mut all = ledger(gateway);
    all.retain(|it| it["reference"] == reference && it["op"] == op);
    all
}

/// What the rows need of one package's generated clients.
macro_rules! package {
    ($package:ident) => {
        mod $package {
            use super::*;
            use crate::drop_in_buyer::$package::{address, card, charge, money};
            use cartwright_proto::$package as proto;
            use proto::currency_service_client::CurrencyServiceClient;
            use proto::email_service_client::EmailServiceClient;
            use proto::payment_service_client::PaymentServiceClient;
            use proto::shipping_service_client::ShippingServiceClient;
            use tonic::transport::Channel;

            /// A client of this package's services.
            struct Client {
                channel: Channel,
            }

            impl Client {
                async fn of(paying: &Paying) -> Self {
                    Self {
                        channel: channel(&paying.shop).await,
                    }
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
            async fn a_charge_takes_its_money_once_and_names_it() {
                let paying = paying();
                let client = Client::of(&paying).await;
                let charged = client
                    .charges(money(12, 345_000_000, "USD"), card(MASTERCARD))
                    .await;
                let id = charged.expect("charged").into_inner().transaction_id;
                let captured = effects(&paying.gateway, &id, "capture");
                assert_eq!(captured.len(), 1, "{id}");
                assert_eq!(captured[0]["amount"], usd(1235));
                let key = uuid();
                let charge = |units| {
                    let request = proto::ChargeRequest {
                        amount: Some(money(units, 0, "USD")),
                        credit_card: Some(card(VISA)),
                    };
                    let mut payments = PaymentServiceClient::new(client.channel.clone());
                    let request = with(tonic::Request::new(request), "idempotency-key", &key);
                    async move { payments.charge(request).await }
                };
                let first = charge(3).await.expect("charged").into_inner();
                let again = charge(3).await.expect("charged").into_inner();
                assert_eq!(first, again);
                assert_eq!(
                    effects(&paying.gateway, &first.transaction_id, "capture").len(),
                    1
                );
                refused(charge(4).await, Code::Aborted, "idempotency_key_reused");
                let nothing = client.charges(money(0, 0, "USD"), card(VISA)).await;
                let nothing = nothing.expect("nothing to pay").into_inner().transaction_id;
                assert_eq!(
                    effects(&paying.gateway, &nothing, "authorize"),
                    [] as [Value; 0]
                );
                for amount in [money(-1, 0, "USD"), money(1, 0, "ABC")] {
                    let answer = client.charges(amount, card(VISA)).await;
                    refused(answer, Code::InvalidArgument, "invalid");
                }
            }

            #[tokio::test]
            async fn a_charge_whose_shop_dies_is_released() {
                let gateway = Arc::new(Gateway::start());
                let dir = Arc::new(TempDir::new(concat!(stringify!($package), "-charge")));
                let setup = gateway.setting(Setup::new(&dir));
                let shop = Arc::new(Shop::of(setup.start(), Arc::clone(&dir)));
                let paying = Paying { shop, gateway };
                let client = Client::of(&paying).await;
                paying.gateway.fault("authorize", "hang_after", "none", 1);
                let waiting =
                    tokio::spawn(
                        async move { client.charges(money(7, 0, "USD"), card(VISA)).await },
                    );
                let gateway = Arc::clone(&paying.gateway);
                let booked = tokio::task::spawn_blocking(move || {
                    eventually(SOON, "the provider books", || {
                        ledger(&gateway).first().cloned()
                    })
                });
                let booked = booked.await.expect("booked");
                assert_eq!(booked["op"], "authorize");
                paying.shop.process.kill_now();
                waiting
                    .await
                    .expect("it ends")
                    .expect_err("nobody answered");
                let _again = Shop::of(setup.start(), dir);
                let reference = text(&booked["reference"]);
                eventually(SOON, "what was held is released", || {
                    (effects(&paying.gateway, &reference, "void").len() == 1).then_some(())
                });
                assert_eq!(ledger(&paying.gateway).len(), 2);
            }

            #[tokio::test]
            async fn currencies_are_those_of_the_demo() {
                let paying = paying();
                let client = Client::of(&paying).await;
                let mut currencies = CurrencyServiceClient::new(client.channel.clone());
                let known = currencies.get_supported_currencies(proto::Empty {}).await;
                let codes = known.expect("listed").into_inner().currency_codes;
                assert_eq!((codes.len(), &*codes[0], &*codes[1]), (33, "EUR", "USD"));
                let rows = [
                    (money(12, 990_000_000, "USD"), money(11, 490_490_933, "EUR")),
                    (money(100, 0, "EUR"), money(113, 50_000_000, "USD")),
                    (money(0, 10_000_000, "CHF"), money(0, 10_000_000, "CHF")),
                    (money(1, 0, "EUR"), money(15_999, 400_000_000, "IDR")),
                ];
                for (from, to) in rows {
                    let request = proto::CurrencyConversionRequest {
                        from: Some(from),
                        to_code: to.currency_code.clone(),
                    };
                    let converted = currencies.convert(request).await.expect("converted");
                    assert_eq!(converted.into_inner(), to);
                }
                let unknown = proto::CurrencyConversionRequest {
                    from: Some(money(1, 0, "USD")),
                    to_code: "BTC".into(),
                };
                refused(
                    currencies.convert(unknown).await,
                    Code::InvalidArgument,
                    "invalid",
                );
            }

            #[tokio::test]
            async fn parcels_have_a_price_and_a_name() {
                let paying = paying();
                let client = Client::of(&paying).await;
                let mut shipping = ShippingServiceClient::new(client.channel.clone());
                let some = proto::CartItem {
                    product_id: "A".into(),
                    quantity: 2,
                };
                for (items, cost) in [
                    (vec![some.clone()], money(5, 990_000_000, "USD")),
                    (vec![], money(0, 0, "USD")),
                ] {
                    let address = Some(address());
                    let quote = shipping
                        .get_quote(proto::GetQuoteRequest { address, items })
                        .await;
                    assert_eq!(quote.expect("quoted").into_inner().cost_usd, Some(cost));
                }
                let mut names = std::collections::BTreeSet::new();
                for _ in 0..3 {
                    let request = proto::ShipOrderRequest {
                        address: Some(address()),
                        items: vec![some.clone()],
                    };
                    let shipped = shipping.ship_order(request).await.expect("shipped");
                    names.insert(shipped.into_inner().tracking_id);
                }
                assert_eq!(names.len(), 3, "{names:?}");
            }

            #[tokio::test]
            async fn a_confirmation_without_a_mail_server_is_logged() {
                let paying = paying();
                let client = Client::of(&paying).await;
                let mut letters = EmailServiceClient::new(client.channel.clone());
                let order = proto::OrderResult {
                    order_id: fresh("order"),
                    shipping_address: Some(address()),
                    ..proto::OrderResult::default()
                };
                let to = |email: &str| proto::SendOrderConfirmationRequest {
                    email: email.into(),
                    order: Some(order.clone()),
                };
                let sent = letters
                    .send_order_confirmation(to("someone@example.com"))
                    .await;
                sent.expect("taken");
                let nobody = letters.send_order_confirmation(to("nobody")).await;
                refused(nobody, Code::InvalidArgument, "invalid");
                let none = proto::SendOrderConfirmationRequest {
                    email: "someone@example.com".into(),
                    order: None,
                };
                let none = letters.send_order_confirmation(none).await;
                refused(none, Code::InvalidArgument, "invalid");
            }
        }
    };
}

package!(oteldemo);
package!(hipstershop);
