//! Every method of `cartwright.v1` (the lookup aside) and the HTTP route it is another spelling of:
//! same checks, same command, same reply.

use super::shapes::{
    cleared, explained, facets, flat_line, flat_product, merge_patch, plain, price, refund,
    sku_list, some_lines, some_parts, sorted,
};
use crate::http::Verb::{self, Delete, Get, Patch, Post, Put};
use crate::problem::Problem;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// Brings a request into the shape of its route's parameters and body.
pub type Ask = fn(&mut Map<String, Value>) -> Result<(), Problem>;
/// Brings a route's reply into the shape of the message.
pub type Show = fn(&mut Map<String, Value>);

/// A field of a request that HTTP sends as a header.
#[derive(Debug, Clone, Copy)]
pub struct HeaderField {
    /// In the request.
    pub field: &'static str,
    /// Of the route.
    pub header: &'static str,
    /// What stands before the value there.
    pub before: &'static str,
}

impl HeaderField {
    /// Takes the field out of a request, to be a header when it is there.
    pub(super) fn lift(&self, object: &mut Map<String, Value>, headers: &mut HeaderMap) {
        let Some(value) = object.remove(self.field) else {
            return;
        };
        if let Ok(value) = HeaderValue::try_from(format!("{}{value}", self.before)) {
            headers.insert(HeaderName::from_static(self.header), value);
        }
    }
}

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
    /// Fields that the route reads from headers.
    pub headers: &'static [HeaderField],
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
        headers: &[],
        ask: plain,
        show: |_| {},
    }
}

impl Method {
    const fn headers(self, headers: &'static [HeaderField]) -> Self {
        Self { headers, ..self }
    }

    const fn ask(self, ask: Ask) -> Self {
        Self { ask, ..self }
    }

    const fn show(self, show: Show) -> Self {
        Self { show, ..self }
    }
}

const LEVEL: &[&str] = &["store", "sku"];
const LINE: &[&str] = &["cart_id", "line_id"];
const WAIT: &[HeaderField] = &[HeaderField {
    field: "wait_seconds",
    header: "prefer",
    before: "wait=",
}];
const AFTER: &[HeaderField] = &[HeaderField {
    field: "after_version",
    header: "last-event-id",
    before: "",
}];

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

    method("CheckoutService/Create", Post, "/v1/checkouts", &[]),
    method("CheckoutService/Get", Get, "/v1/checkouts/{id}", &["id"]),
    method("CheckoutService/List", Get, "/v1/checkouts", &[]),
    method("CheckoutService/Update", Patch, "/v1/checkouts/{id}", &["id"]).ask(cleared),
    method("CheckoutService/Complete", Post, "/v1/checkouts/{id}/complete", &["id"]).headers(WAIT).ask(some_parts),
    method("CheckoutService/Cancel", Post, "/v1/checkouts/{id}/cancel", &["id"]),
    method("CheckoutService/Watch", Get, "/v1/checkouts/{id}/events", &["id"]).headers(AFTER),

    method("OrderService/Get", Get, "/v1/orders/{id}", &["id"]),
    method("OrderService/List", Get, "/v1/orders", &[]),
    method("OrderService/Cancel", Post, "/v1/orders/{id}/cancel", &["id"]),
    method("OrderService/Fulfill", Post, "/v1/orders/{id}/fulfillments", &["id"]),
    method("OrderService/Refund", Post, "/v1/orders/{id}/refunds", &["order_id"]).headers(WAIT).ask(refund),
    method("OrderService/GetRefund", Get, "/v1/orders/{id}/refunds/{refund_id}", &["order_id", "id"]),
    method("OrderService/Exchange", Post, "/v1/orders/{id}/exchanges", &["order_id"]).headers(WAIT).ask(some_parts),
    method("OrderService/GetExchange", Get, "/v1/orders/{id}/exchanges/{exchange_id}", &["order_id", "id"]),

    method("ReturnService/Request", Post, "/v1/orders/{id}/returns", &["order_id"]),
    method("ReturnService/Get", Get, "/v1/returns/{id}", &["id"]),
    method("ReturnService/List", Get, "/v1/returns", &[]),
    method("ReturnService/Receive", Post, "/v1/returns/{id}/receive", &["id"]).ask(some_lines),
    method("ReturnService/Cancel", Post, "/v1/returns/{id}/cancel", &["id"]),

    method("InvoiceService/Get", Get, "/v1/invoices/{number}", &["number"]),
    method("InvoiceService/List", Get, "/v1/invoices", &[]),

    method("WalletService/Get", Get, "/v1/wallets/{customer}", &["customer_id"]),
    method("WalletService/Credit", Post, "/v1/wallets/{customer}/credits", &["customer_id"]),
    method("WalletService/Debit", Post, "/v1/wallets/{customer}/debits", &["customer_id"]),
    method("WalletService/ListEntries", Get, "/v1/wallets/{customer}/entries", &["customer_id"]),
    method("WalletService/GetEntry", Get, "/v1/wallets/{customer}/entries/{id}", &["customer_id", "id"]),
    method("WalletService/ListAccounts", Get, "/v1/ledger/accounts", &[]),

    method("AttentionService/List", Get, "/v1/attention", &[]),
    method("AttentionService/Resolve", Post, "/v1/attention/{id}/resolve", &["id"]),

    method("ApiKeyService/Create", Post, "/v1/api-keys", &[]),
    method("ApiKeyService/List", Get, "/v1/api-keys", &[]),
    method("ApiKeyService/Revoke", Delete, "/v1/api-keys/{id}", &["id"]),
];
