//! Every route, noun by noun. Reading this list shows the product.

use super::Endpoint;
use super::roles::Role;
use super::{
    attention, availability, cart_lines, cart_merge, carts, central, checkouts, complete,
    dead_letters, docs, exchanges, imports, invoices, keys, legacy, levels, operation, orders,
    products, refunds, reservations, returns, search, storefront, storefront_buying, stores,
    transfers, variants, wallets, watch, webhook_endpoints, webhooks_in,
};

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    by_role().flat_map(|(_, routes)| routes)
}

/// All routes by the role that serves them; what has none is served by every process.
pub(super) fn by_role() -> impl Iterator<Item = (Option<Role>, &'static [Endpoint])> {
    let (storefront, inventory) = (Some(Role::Storefront), Some(Role::Inventory));
    let (checkout, payment) = (Some(Role::Checkout), Some(Role::Payment));
    [
        (storefront, products::ROUTES),
        (storefront, variants::ROUTES),
        (storefront, search::ROUTES),
        (storefront, imports::ROUTES),
        (inventory, stores::ROUTES),
        (inventory, levels::ROUTES),
        (inventory, reservations::ROUTES),
        (inventory, transfers::ROUTES),
        (inventory, availability::ROUTES),
        (storefront, carts::ROUTES),
        (storefront, cart_lines::ROUTES),
        (storefront, cart_merge::ROUTES),
        (checkout, checkouts::ROUTES),
        (checkout, complete::ROUTES),
        (checkout, orders::ROUTES),
        (payment, refunds::ROUTES),
        (checkout, returns::ROUTES),
        (checkout, exchanges::ROUTES),
        (checkout, invoices::ROUTES),
        (checkout, watch::ROUTES),
        (None, attention::ROUTES),
        (payment, webhooks_in::ROUTES),
        (None, webhook_endpoints::ROUTES),
        (None, dead_letters::ROUTES),
        (payment, wallets::ROUTES),
        (None, keys::ROUTES),
        (inventory, central::ROUTES),
        (storefront, storefront::ROUTES),
        (checkout, storefront_buying::ROUTES),
        (None, operation::ROUTES),
        (None, docs::ROUTES),
        (inventory, legacy::ROUTES),
    ]
    .into_iter()
}
