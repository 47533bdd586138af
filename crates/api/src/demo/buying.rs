//! Checkout, payment, currencies, shipping and letters of both packages on one implementation: they differ in their names, their
//! generated types, and the status of a card that is not taken.

/// The services of one package.
macro_rules! package {
    ($(#[$doc:meta])* $package:ident, $card_code:ident) => {
        $(#[$doc])*
        pub(super) mod $package {
            use crate::demo::address::Address;
            use crate::demo::card::Card;
            use crate::demo::carts::{self, Item};
            use crate::demo::catalog::Price;
            use crate::demo::checkout::{Asking, Placed, Purchase, place_order};
            use crate::demo::email::{self, Told};
            use crate::demo::{currency, opening, payment, shipping};
            use crate::grpc::status::{of_problem, of_problem_as};
            use crate::http::Edge;
            use crate::problem::Problem;
            use cartwright_proto::$package as proto;
            use proto::checkout_service_server::{CheckoutService, CheckoutServiceServer};
            use proto::currency_service_server::{CurrencyService, CurrencyServiceServer};
            use proto::email_service_server::{EmailService, EmailServiceServer};
            use proto::payment_service_server::{PaymentService, PaymentServiceServer};
            use proto::shipping_service_server::{ShippingService, ShippingServiceServer};
            use std::sync::Arc;
            use tonic::metadata::MetadataValue;
            use tonic::{Code, Request, Response, Status};

            const PACKAGE: &str = stringify!($package);

            #[derive(Clone)]
            struct Shop(Arc<Edge>);

            pub(in crate::demo) fn add(routes: &mut tonic::service::RoutesBuilder, edge: &Arc<Edge>) {
                let limit = edge.options.max_body;
                let shop = || Shop(edge.clone());
                routes.add_service(CheckoutServiceServer::new(shop()).max_decoding_message_size(limit));
                routes.add_service(PaymentServiceServer::new(shop()).max_decoding_message_size(limit));
                routes.add_service(CurrencyServiceServer::new(shop()).max_decoding_message_size(limit));
                routes.add_service(ShippingServiceServer::new(shop()).max_decoding_message_size(limit));
                routes.add_service(EmailServiceServer::new(shop()).max_decoding_message_size(limit));
            }

            fn price(money: proto::Money) -> Price {
                Price {
                    currency_code: money.currency_code,
                    units: money.units,
                    nanos: money.nanos,
                }
            }

            fn money(price: Price) -> proto::Money {
                proto::Money {
                    currency_code: price.currency_code,
                    units: price.units,
                    nanos: price.nanos,
                }
            }

            fn address(address: proto::Address) -> Address {
                Address {
                    street_address: address.street_address,
                    city: address.city,
                    state: address.state,
                    country: address.country,
                    zip_code: address.zip_code.to_string(),
                }
            }

            fn card(card: proto::CreditCardInfo) -> Card {
                Card {
                    number: card.credit_card_number,
                    expiration_month: card.credit_card_expiration_month,
                    expiration_year: card.credit_card_expiration_year,
                }
            }

            fn item(item: proto::CartItem) -> Item {
                Item {
                    product_id: item.product_id,
                    quantity: item.quantity,
                }
            }

            fn items(items: Vec<proto::CartItem>) -> Vec<Item> {
                items.into_iter().map(item).collect()
            }

            fn placed(placed: Placed, to: proto::Address) -> proto::OrderResult {
                let items = placed.items.into_iter().map(|(item, cost)| proto::OrderItem {
                    item: Some(proto::CartItem {
                        product_id: item.product_id,
                        quantity: item.quantity,
                    }),
                    cost: Some(money(cost)),
                });
                proto::OrderResult {
                    order_id: placed.order_id,
                    shipping_tracking_id: placed.tracking_id,
                    shipping_cost: Some(money(placed.shipping_cost)),
                    shipping_address: Some(to),
                    items: items.collect(),
                }
            }

            fn told(order: proto::OrderResult) -> Told {
                let items = order.items.into_iter().map(|it| {
                    (it.item.map(item).unwrap_or_default(), it.cost.map(price))
                });
                Told {
                    order_id: order.order_id,
                    tracking_id: order.shipping_tracking_id,
                    shipping_cost: order.shipping_cost.map(price),
                    items: items.collect(),
                }
            }

            fn required(field: &'static str) -> Status {
                of_problem(&Problem::invalid(field, "required", format!("send the {field}")))
            }

            #[tonic::async_trait]
            impl CheckoutService for Shop {
                async fn place_order(
                    &self,
                    request: Request<proto::PlaceOrderRequest>,
                ) -> Result<Response<proto::PlaceOrderResponse>, Status> {
                    let headers = request.metadata().clone().into_headers();
                    let key = opening::key(&headers);
                    let asking = Asking {
                        request_id: self.0.request_id(&headers),
                        key: key.map_err(|problem| of_problem(&problem))?,
                        card_code: Code::$card_code,
                    };
                    let asked = request.into_inner();
                    let user = carts::user(PACKAGE, &asked.user_id);
                    let to = asked.address.unwrap_or_default();
                    let purchase = Purchase {
                        user: user.map_err(|problem| of_problem(&problem))?,
                        currency: asked.user_currency,
                        address: address(to.clone()),
                        email: asked.email,
                        card: asked.credit_card.map(card),
                    };
                    match place_order(&self.0, &purchase, &asking).await {
                        Ok(order) => {
                            let is_repeat = order.is_repeat;
                            let mut reply = Response::new(proto::PlaceOrderResponse {
                                order: Some(placed(order, to)),
                            });
                            if is_repeat {
                                let known = MetadataValue::from_static("true");
                                reply.metadata_mut().insert("idempotent-replayed", known);
                            }
                            Ok(reply)
                        }
                        Err(failure) => Err(failure.status()),
                    }
                }
            }

            #[tonic::async_trait]
            impl PaymentService for Shop {
                async fn charge(
                    &self,
                    request: Request<proto::ChargeRequest>,
                ) -> Result<Response<proto::ChargeResponse>, Status> {
                    let key = opening::key(&request.metadata().clone().into_headers());
                    let key = key.map_err(|problem| of_problem(&problem))?;
                    let proto::ChargeRequest { amount, credit_card } = request.into_inner();
                    let amount = amount.map(price).ok_or_else(|| required("amount"))?;
                    let id = payment::id(&self.0, PACKAGE, key.as_deref());
                    let card = credit_card.map(card);
                    match payment::charge(&self.0, id, &amount, card.as_ref()).await {
                        Ok(transaction_id) => {
                            Ok(Response::new(proto::ChargeResponse { transaction_id }))
                        }
                        Err(problem) if problem.code == "payment_declined" => {
                            Err(of_problem_as(&problem, Code::$card_code))
                        }
                        Err(problem) => Err(of_problem(&problem)),
                    }
                }
            }

            #[tonic::async_trait]
            impl CurrencyService for Shop {
                async fn get_supported_currencies(
                    &self,
                    _: Request<proto::Empty>,
                ) -> Result<Response<proto::GetSupportedCurrenciesResponse>, Status> {
                    Ok(Response::new(proto::GetSupportedCurrenciesResponse {
                        currency_codes: currency::supported(),
                    }))
                }

                async fn convert(
                    &self,
                    request: Request<proto::CurrencyConversionRequest>,
                ) -> Result<Response<proto::Money>, Status> {
                    let proto::CurrencyConversionRequest { from, to_code } = request.into_inner();
                    let from = from.map(price).ok_or_else(|| required("from"))?;
                    match currency::convert(&from, &to_code) {
                        Ok(converted) => Ok(Response::new(money(converted))),
                        Err(problem) => Err(of_problem(&problem)),
                    }
                }
            }

            #[tonic::async_trait]
            impl ShippingService for Shop {
                async fn get_quote(
                    &self,
                    request: Request<proto::GetQuoteRequest>,
                ) -> Result<Response<proto::GetQuoteResponse>, Status> {
                    let wanted = items(request.into_inner().items);
                    match shipping::quote(&self.0, &wanted) {
                        Ok(cost) => Ok(Response::new(proto::GetQuoteResponse {
                            cost_usd: Some(money(cost)),
                        })),
                        Err(problem) => Err(of_problem(&problem)),
                    }
                }

                async fn ship_order(
                    &self,
                    _: Request<proto::ShipOrderRequest>,
                ) -> Result<Response<proto::ShipOrderResponse>, Status> {
                    let tracking_id = shipping::ship(&self.0);
                    Ok(Response::new(proto::ShipOrderResponse { tracking_id }))
                }
            }

            #[tonic::async_trait]
            impl EmailService for Shop {
                async fn send_order_confirmation(
                    &self,
                    request: Request<proto::SendOrderConfirmationRequest>,
                ) -> Result<Response<proto::Empty>, Status> {
                    let proto::SendOrderConfirmationRequest { email, order } = request.into_inner();
                    let order = order.map(told).ok_or_else(|| required("order"))?;
                    match email::confirm(&self.0, &email, &order).await {
                        Ok(()) => Ok(Response::new(proto::Empty {})),
                        Err(problem) => Err(of_problem(&problem)),
                    }
                }
            }
        }
    };
}

package!(
    /// The OpenTelemetry demo, whose payment service gives its errors no status.
    oteldemo,
    Unknown
);
package!(
    /// Online Boutique, whose payment service calls a card that it does not take an invalid argument.
    hipstershop,
    InvalidArgument
);
