//! Every route, noun by noun. Reading this list shows the product.

use super::Endpoint;
use super::{
    availability, central, docs, keys, legacy, levels, operation, reservations, stores, transfers,
};

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    [
        stores::ROUTES,
        levels::ROUTES,
        reservations::ROUTES,
        transfers::ROUTES,
        availability::ROUTES,
        keys::ROUTES,
        central::ROUTES,
        operation::ROUTES,
        docs::ROUTES,
        legacy::ROUTES,
    ]
    .into_iter()
    .flatten()
}
