//! Every route, noun by noun. Reading this list shows the product.

use super::Endpoint;
use super::{
    attention, availability, cart_lines, cart_merge, carts, central, checkouts, complete, docs,
    exchanges, imports, invoices, keys, legacy, levels, operation, orders, products, refunds,
    reservations, returns, search, storefront, storefront_buying, stores, transfers, variants,
    wallets, watch, webhooks_in,
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
        carts::ROUTES,
        cart_lines::ROUTES,
        cart_merge::ROUTES,
        checkouts::ROUTES,
        complete::ROUTES,
        orders::ROUTES,
        refunds::ROUTES,
        returns::ROUTES,
        exchanges::ROUTES,
        invoices::ROUTES,
        watch::ROUTES,
        attention::ROUTES,
        webhooks_in::ROUTES,
        wallets::ROUTES,
        keys::ROUTES,
        central::ROUTES,
        storefront::ROUTES,
        storefront_buying::ROUTES,
        operation::ROUTES,
        docs::ROUTES,
        legacy::ROUTES,
    ]
    .into_iter()
    .flatten()
}
