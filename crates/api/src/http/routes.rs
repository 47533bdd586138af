//! Every route, noun by noun. Reading this list shows the product.

use super::Endpoint;
use super::{
    availability, imports, keys, levels, operation, products, reservations, search, storefront,
    stores, transfers, variants,
};

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    [
        products::ROUTES,
        variants::ROUTES,
        search::ROUTES,
        imports::ROUTES,
        stores::ROUTES,
        levels::ROUTES,
        reservations::ROUTES,
        transfers::ROUTES,
        availability::ROUTES,
        keys::ROUTES,
        storefront::ROUTES,
        operation::ROUTES,
    ]
    .into_iter()
    .flatten()
}
