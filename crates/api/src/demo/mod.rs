//! Drop-in services: carts, catalogue, checkout, payment, currencies, shipping and letters of the OpenTelemetry demo
//! (`oteldemo`) and of Online Boutique (`hipstershop`), and the storefront routes of the former.
//!
//! Their callers send no credentials, so whoever reaches the port may use them, as with the
//! originals; `drop_in` switches all of it off.

pub mod address;
mod buying;
pub mod card;
pub mod carts;
pub mod catalog;
pub mod checkout;
pub mod currency;
pub mod email;
pub mod failure;
mod opening;
mod packages;
pub mod payment;
mod placed;
pub mod shipping;

pub use placed::order_result;

use crate::http::{Edge, Role};
use crate::problem::Problem;
use http::HeaderMap;
use std::sync::Arc;
use tonic::Status;
use tonic::service::RoutesBuilder;

/// Full names of the services served.
pub const SERVICES: &[&str] = &[
    "oteldemo.CartService",
    "oteldemo.ProductCatalogService",
    "oteldemo.CheckoutService",
    "oteldemo.PaymentService",
    "oteldemo.CurrencyService",
    "oteldemo.ShippingService",
    "oteldemo.EmailService",
    "hipstershop.CartService",
    "hipstershop.ProductCatalogService",
    "hipstershop.CheckoutService",
    "hipstershop.PaymentService",
    "hipstershop.CurrencyService",
    "hipstershop.ShippingService",
    "hipstershop.EmailService",
];

/// Methods that change the shop, whichever package they are of.
const WRITES: [&str; 4] = [
    "CartService/AddItem",
    "CartService/EmptyCart",
    "CheckoutService/PlaceOrder",
    "PaymentService/Charge",
];

/// Whether a call changes the shop: `/oteldemo.CartService/AddItem`.
pub(crate) fn writes(path: &str) -> bool {
    let method = ["/oteldemo.", "/hipstershop."]
        .iter()
        .find_map(|package| path.strip_prefix(package));
    method.is_some_and(|method| WRITES.contains(&method))
}

/// Whether sending a call again does no more than sending it once. Adding to a cart knows no keys.
pub(crate) fn repeatable(path: &str, headers: &HeaderMap) -> bool {
    let knows_keys = path.ends_with("/PlaceOrder") || path.ends_with("/Charge");
    path.ends_with("/EmptyCart") || knows_keys && headers.contains_key("idempotency-key")
}

/// The role that a call belongs to.
pub(crate) fn role(path: &str) -> Option<Role> {
    let service = path.strip_prefix("/oteldemo.");
    let service = service.or_else(|| path.strip_prefix("/hipstershop."))?;
    match service.split('/').next()? {
        "CartService" | "ProductCatalogService" => Some(Role::Storefront),
        "PaymentService" => Some(Role::Payment),
        _ => Some(Role::Checkout),
    }
}

/// Adds the services of both packages.
pub fn add_services(routes: &mut RoutesBuilder, edge: &Arc<Edge>) {
    packages::oteldemo::add(routes, edge);
    packages::hipstershop::add(routes, edge);
    buying::oteldemo::add(routes, edge);
    buying::hipstershop::add(routes, edge);
}

/// The status of what went wrong with a cart. A failing store is what those clients know it as.
fn cart_status(problem: &Problem) -> Status {
    let status = crate::grpc::status::of_problem(problem);
    match problem.code {
        "dependency_unavailable" | "read_only" | "internal" => Status::with_details(
            tonic::Code::FailedPrecondition,
            format!("Can't access cart storage. {}", problem.detail),
            status.details().to_vec().into(),
        ),
        _ => status,
    }
}
