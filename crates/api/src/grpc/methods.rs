//! Every method of `cartwright.v1` (the lookup aside) and the HTTP route it is another spelling of:
//! same checks, same command, same reply.

use super::shapes::{
    explained, facets, flat_line, flat_product, merge_patch, plain, price, sku_list, sorted,
};
use crate::http::Verb::{self, Delete, Get, Patch, Post, Put};
use crate::problem::Problem;
use serde_json::{Map, Value};

/// Brings a request into the shape of its route's parameters and body.
pub type Ask = fn(&mut Map<String, Value>) -> Result<(), Problem>;
/// Brings a route's reply into the shape of the message.
pub type Show = fn(&mut Map<String, Value>);

/// One method.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "holds function pointers")]
pub struct Method {
    /// Service and method within the package.
    pub name: &'static str,
    /// Method of the route.
    pub verb: Verb,
    /// Path of the route.
    pub path: &'static str,
    /// Fields that stand in the path, in its order. The rest is the body or the query.
    pub params: &'static [&'static str],
    /// Before the route.
    pub ask: Ask,
    /// After it.
    pub show: Show,
}

const fn method(
    name: &'static str,
    verb: Verb,
    path: &'static str,
    params: &'static [&'static str],
) -> Method {
    Method {
        name,
        verb,
        path,
        params,
        ask: plain,
        show: |_| {},
    }
}

impl Method {
    const fn ask(self, ask: Ask) -> Self {
        Self { ask, ..self }
    }

    const fn show(self, show: Show) -> Self {
        Self { show, ..self }
    }
}

const LEVEL: &[&str] = &["store", "sku"];
const LINE: &[&str] = &["cart_id", "line_id"];

/// All of them, noun by noun.
#[rustfmt::skip]
pub const METHODS: &[Method] = &[
    method("ProductService/Create", Post, "/v1/products", &[]).ask(flat_product),
    method("ProductService/Get", Get, "/v1/products/{product}", &["id_or_slug"]),
    method("ProductService/List", Get, "/v1/products", &[]),
    method("ProductService/Update", Patch, "/v1/products/{product}", &["id"]).ask(merge_patch),
    method("ProductService/Archive", Delete, "/v1/products/{product}", &["id"]),
    method("ProductService/GetVariant", Get, "/v1/variants/{sku}", &["sku"]),
    method("ProductService/SetPrice", Put, "/v1/variants/{sku}/prices/{currency}", &["sku", "currency"]).ask(price),
    method("ProductService/Search", Get, "/v1/search", &[]).ask(sorted).show(facets),

    method("StoreService/Put", Put, "/v1/stores/{store}", &["id"]),
    method("StoreService/Get", Get, "/v1/stores/{store}", &["id"]),
    method("StoreService/List", Get, "/v1/stores", &[]),

    method("InventoryService/GetLevel", Get, "/v1/stores/{store}/inventory/{sku}", LEVEL),
    method("InventoryService/ListLevels", Get, "/v1/stores/{store}/inventory", &["store"]),
    method("InventoryService/Adjust", Post, "/v1/stores/{store}/inventory/{sku}/adjust", LEVEL),
    method("InventoryService/Count", Post, "/v1/stores/{store}/inventory/{sku}/count", LEVEL),
    method("InventoryService/Configure", Patch, "/v1/stores/{store}/inventory/{sku}", LEVEL),
    method("InventoryService/Reserve", Post, "/v1/stores/{store}/inventory/{sku}/reserve", LEVEL),
    method("InventoryService/Release", Post, "/v1/stores/{store}/inventory/{sku}/release", LEVEL),
    method("InventoryService/Confirm", Post, "/v1/stores/{store}/inventory/{sku}/confirm", LEVEL),
    method("InventoryService/Availability", Get, "/v1/availability", &[]).ask(sku_list),
    method("InventoryService/Movements", Get, "/v1/stores/{store}/inventory/{sku}/movements", LEVEL),

    method("ReservationService/Create", Post, "/v1/reservations", &[]),
    method("ReservationService/Get", Get, "/v1/reservations/{id}", &["id"]),
    method("ReservationService/Release", Post, "/v1/reservations/{id}/release", &["id"]),
    method("ReservationService/Confirm", Post, "/v1/reservations/{id}/confirm", &["id"]),
    method("ReservationService/Extend", Post, "/v1/reservations/{id}/extend", &["id"]),

    method("TransferService/Create", Post, "/v1/transfers", &[]),
    method("TransferService/Get", Get, "/v1/transfers/{id}", &["id"]),
    method("TransferService/Receive", Post, "/v1/transfers/{id}/receive", &["id"]),
    method("TransferService/Cancel", Post, "/v1/transfers/{id}/cancel", &["id"]),

    method("CartService/Create", Post, "/v1/carts", &[]),
    method("CartService/Get", Get, "/v1/carts/{id}", &["id"]),
    method("CartService/Update", Patch, "/v1/carts/{id}", &["id"]),
    method("CartService/Delete", Delete, "/v1/carts/{id}", &["id"]),
    method("CartService/AddLine", Post, "/v1/carts/{id}/lines", &["cart_id"]).ask(flat_line),
    method("CartService/AddLines", Post, "/v1/carts/{id}/lines/batch", &["cart_id"]),
    method("CartService/ReplaceLines", Put, "/v1/carts/{id}/lines", &["cart_id"]),
    method("CartService/UpdateLine", Patch, "/v1/carts/{id}/lines/{line_id}", LINE),
    method("CartService/RemoveLine", Delete, "/v1/carts/{id}/lines/{line_id}", LINE),
    method("CartService/RemoveLines", Post, "/v1/carts/{id}/lines/remove", &["cart_id"]),
    method("CartService/Clear", Post, "/v1/carts/{id}/clear", &["cart_id"]),
    method("CartService/Merge", Post, "/v1/carts/{id}/merge", &["cart_id"]),
    method("CartService/ListByCustomer", Get, "/v1/customers/{id}/carts", &["customer_id"]),
    method("CartService/Explain", Get, "/v1/carts/{id}/explain", &["id"]).show(explained),

    method("ApiKeyService/Create", Post, "/v1/api-keys", &[]),
    method("ApiKeyService/List", Get, "/v1/api-keys", &[]),
    method("ApiKeyService/Revoke", Delete, "/v1/api-keys/{id}", &["id"]),
];
