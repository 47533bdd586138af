//! What a buyer of either drop-in package brings: money, a card, an address.

/// A card that both demos take.
pub const VISA: &str = "4432-8015-6152-0454";

/// The same in one package's types.
macro_rules! package {
    ($package:ident, $zip:expr) => {
        pub mod $package {
            use cartwright_proto::$package as proto;
            use proto::payment_service_client::PaymentServiceClient;
            use tonic::transport::Channel;
            use tonic::{Response, Status};

            pub fn money(units: i64, nanos: i32, code: &str) -> proto::Money {
                proto::Money {
                    currency_code: code.into(),
                    units,
                    nanos,
                }
            }

            pub fn card(number: &str) -> proto::CreditCardInfo {
                proto::CreditCardInfo {
                    credit_card_number: number.into(),
                    credit_card_cvv: 672,
                    credit_card_expiration_year: 2039,
                    credit_card_expiration_month: 1,
                }
            }

            pub fn address() -> proto::Address {
                proto::Address {
                    street_address: "1600 Amphitheatre Parkway".into(),
                    city: "Mountain View".into(),
                    state: "CA".into(),
                    country: "United States".into(),
                    zip_code: $zip,
                }
            }

            pub async fn charge(
                channel: &Channel,
                amount: proto::Money,
                card: proto::CreditCardInfo,
            ) -> Result<Response<proto::ChargeResponse>, Status> {
                let request = proto::ChargeRequest {
                    amount: Some(amount),
                    credit_card: Some(card),
                };
                PaymentServiceClient::new(channel.clone())
                    .charge(request)
                    .await
            }
        }
    };
}

package!(oteldemo, "94043".into());
package!(hipstershop, 94_043);
