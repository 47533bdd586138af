//! Buying over the demo's HTTP: the storefront's checkout, currencies and shipping; and its shipping and e-mail services, which
//! speak JSON in snake case.

use super::endpoint::{BodyKind, Call, Endpoint, QueryParam, Reply, Verb, schema};
use super::storefront::{
    CURRENCY, CartItem, PACKAGE, Price, ProductCartItem, READ, SESSION, currency, require_drop_in,
};
use crate::demo::address::Address as Kept;
use crate::demo::card::Card as KeptCard;
use crate::demo::carts::{self, Item};
use crate::demo::catalog::Price as Amount;
use crate::demo::checkout::{Asking, Purchase, place_order};
use crate::demo::email::{self, Told};
use crate::demo::failure::Failure;
use crate::demo::{currency as currencies, shipping};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tonic::Code;

const ITEMS: QueryParam = QueryParam {
    name: "itemList",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "JSON: `[{\"productId\": \"...\", \"quantity\": 1}]`.",
};
const ADDRESS: QueryParam = QueryParam {
    name: "address",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "JSON: where it goes, as in a checkout.",
};

/// Where it goes.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "StorefrontAddress")]
struct Address {
    street_address: String,
    city: String,
    state: String,
    /// A name or an ISO 3166-1 code.
    country: String,
    zip_code: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

impl From<Address> for Kept {
    fn from(address: Address) -> Self {
        Self {
            street_address: address.street_address,
            city: address.city,
            state: address.state,
            country: address.country,
            zip_code: address.zip_code,
        }
    }
}

/// A card. Its number is checked, stands for a test card of its brand at the simulated provider, and is never kept.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreditCard {
    #[serde(deserialize_with = "digits")]
    credit_card_number: String,
    /// Not looked at.
    #[serde(default, rename = "creditCardCvv")]
    #[schemars(rename = "creditCardCvv")]
    _cvv: Option<i32>,
    credit_card_expiration_year: i32,
    credit_card_expiration_month: i32,
}

/// The digits of a card, written as a text or a number. No error repeats what came instead.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(serde::de::Error::custom("expected the digits of a card"))
        }
    }
}

/// `POST /api/checkout`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlaceOrder {
    /// Whose cart.
    user_id: String,
    /// What it is paid in.
    user_currency: String,
    address: Address,
    /// Where to write to.
    email: String,
    credit_card: CreditCard,
}

/// What was bought of a product, and what one cost.
#[derive(Debug, Serialize, JsonSchema)]
struct BoughtItem {
    cost: Price,
    item: ProductCartItem,
}

/// An order that was placed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StorefrontOrder")]
struct PlacedOrder {
    /// Its id, as everywhere in this shop.
    order_id: String,
    shipping_tracking_id: String,
    shipping_cost: Price,
    shipping_address: Address,
    items: Vec<BoughtItem>,
}

/// Whole units plus billionths, in snake case.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DemoMoney")]
struct SnakeMoney {
    #[serde(default)]
    currency_code: String,
    #[serde(default)]
    units: i64,
    #[serde(default)]
    nanos: i32,
}

impl From<SnakeMoney> for Amount {
    fn from(money: SnakeMoney) -> Self {
        Self {
            currency_code: money.currency_code,
            units: money.units,
            nanos: money.nanos,
        }
    }
}

/// So many of a product, in snake case.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "DemoCartItem")]
struct SnakeItem {
    product_id: String,
    quantity: i32,
}

impl From<SnakeItem> for Item {
    fn from(item: SnakeItem) -> Self {
        Self {
            product_id: item.product_id,
            quantity: item.quantity,
        }
    }
}

/// Where it goes, in snake case.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "DemoAddress")]
struct SnakeAddress {
    street_address: String,
    city: String,
    state: String,
    country: String,
    zip_code: String,
}

/// `POST /get-quote` and `POST /ship-order`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parcel {
    /// What is in it.
    #[serde(default)]
    items: Option<Vec<SnakeItem>>,
    /// Where it goes: the price does not depend on it.
    #[serde(default, rename = "address")]
    #[schemars(rename = "address")]
    _address: Option<SnakeAddress>,
}

/// What sending it costs.
#[derive(Debug, Serialize, JsonSchema)]
struct Quoted {
    cost_usd: SnakeMoney,
}

/// What the parcel is called.
#[derive(Debug, Serialize, JsonSchema)]
struct Shipped {
    tracking_id: String,
}

/// What was bought of a product, and what one cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DemoOrderItem")]
struct SnakeOrderItem {
    #[serde(default)]
    item: Option<SnakeItem>,
    #[serde(default)]
    cost: Option<SnakeMoney>,
}

/// An order as a letter tells it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DemoOrder")]
struct SnakeOrder {
    #[serde(default)]
    order_id: String,
    #[serde(default)]
    shipping_tracking_id: String,
    #[serde(default)]
    shipping_cost: Option<SnakeMoney>,
    /// Not told.
    #[serde(default, rename = "shipping_address")]
    #[schemars(rename = "shipping_address")]
    _shipping_address: Option<SnakeAddress>,
    #[serde(default)]
    items: Option<Vec<SnakeOrderItem>>,
}

/// `POST /send_order_confirmation`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// Where to write to.
    email: String,
    order: SnakeOrder,
}

/// A write of the demo's.
const WRITE: Endpoint = Endpoint {
    method: Verb::Post,
    query: &[],
    body: BodyKind::Json,
    ..READ
};

/// Routes of buying.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        path: "/api/checkout",
        name: "storefrontPlaceOrder",
        summary: "Buys the cart of a user, as the OpenTelemetry demo's frontend does: holds stock, charges the card, makes a real order. A refusal says in `error` what the demo says.",
        query: &[CURRENCY, SESSION],
        request: Some(schema::<PlaceOrder>),
        replies: &[(200, Some(schema::<PlacedOrder>))],
        refusals: &[
            "not_found",
            "insufficient_stock",
            "payment_declined",
            "idempotency_key_reused",
            "currency_mismatch",
            "invalid_state",
            "not_sold_here",
            "quantity_limit",
            "cart_limit",
        ],
        handler: |call| Box::pin(checkout(call)),
        ..WRITE
    },
    Endpoint {
        path: "/api/currency",
        name: "storefrontCurrencies",
        summary: "Lists the currencies that prices can be converted to.",
        query: &[CURRENCY, SESSION],
        replies: &[(200, Some(schema::<Vec<String>>))],
        handler: |call| Box::pin(currency_codes(call)),
        ..READ
    },
    Endpoint {
        path: "/api/shipping",
        name: "storefrontShipping",
        summary: "Shows what sending some items costs, in a currency.",
        query: &[ITEMS, CURRENCY, ADDRESS, SESSION],
        replies: &[(200, Some(schema::<Price>))],
        handler: |call| Box::pin(shipping_cost(call)),
        ..READ
    },
    Endpoint {
        path: "/get-quote",
        name: "demoShippingQuote",
        summary: "Shows what sending some items costs, as the OpenTelemetry demo's shipping service does.",
        request: Some(schema::<Parcel>),
        replies: &[(200, Some(schema::<Quoted>))],
        handler: |call| Box::pin(quote(call)),
        ..WRITE
    },
    Endpoint {
        path: "/ship-order",
        name: "demoShipOrder",
        summary: "Names a parcel, as the OpenTelemetry demo's shipping service does.",
        request: Some(schema::<Parcel>),
        replies: &[(200, Some(schema::<Shipped>))],
        handler: |call| Box::pin(ship(call)),
        ..WRITE
    },
    Endpoint {
        path: "/send_order_confirmation",
        name: "demoConfirmOrder",
        summary: "Sends the letter for an order, as the OpenTelemetry demo's e-mail service does; without a mail server it is only logged.",
        request: Some(schema::<Confirmation>),
        replies: &[(200, None)],
        handler: |call| Box::pin(confirm(call)),
        ..WRITE
    },
];

async fn checkout(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let (body, _) = call.json::<PlaceOrder>()?;
    let asking = Asking {
        request_id: call.request_id.clone(),
        key: call.idempotency_key()?.map(Into::into),
        card_code: Code::Unknown,
    };
    let to = body.address;
    let purchase = Purchase {
        user: carts::user(PACKAGE, &body.user_id)?,
        currency: body.user_currency,
        address: to.clone().into(),
        email: body.email,
        card: Some(KeptCard {
            number: body.credit_card.credit_card_number,
            expiration_month: body.credit_card.credit_card_expiration_month,
            expiration_year: body.credit_card.credit_card_expiration_year,
        }),
    };
    let placed = place_order(&call.edge, &purchase, &asking).await;
    let placed = placed.map_err(told)?;
    let mut items = Vec::with_capacity(placed.items.len());
    for (item, cost) in placed.items {
        items.push(BoughtItem {
            cost: cost.into(),
            item: ProductCartItem::of(&call, item).await?,
        });
    }
    let is_repeat = placed.is_repeat;
    let reply = Reply::of(&PlacedOrder {
        order_id: placed.order_id,
        shipping_tracking_id: placed.tracking_id,
        shipping_cost: placed.shipping_cost.into(),
        shipping_address: to,
        items,
    });
    Ok(if is_repeat {
        reply.with("idempotent-replayed", "true")
    } else {
        reply
    })
}

/// The demo's frontend shows `error`.
fn told(failure: Failure) -> Problem {
    let detail = failure.problem.detail.clone();
    failure.problem.with("error", detail)
}

async fn currency_codes(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    Ok(Reply::of(&currencies::supported()))
}

async fn shipping_cost(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let list = call.query("itemList").filter(|text| !text.is_empty());
    let items: Vec<CartItem> = read("itemList", list.unwrap_or("[]"))?;
    if let Some(text) = call.query("address").filter(|text| !text.is_empty()) {
        read::<Address>("address", text)?;
    }
    let items = items.into_iter().map(|item| Item {
        product_id: item.product_id,
        quantity: item.quantity,
    });
    let cost = shipping::quote(&call.edge, &items.collect::<Vec<_>>())?;
    let cost = currencies::convert(&cost, currency(&call))?;
    Ok(Reply::of(&Price::from(cost)))
}

fn read<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<T, Problem> {
    serde_json::from_str(text)
        .map_err(|error| Problem::invalid(field, "malformed", format!("expected JSON: {error}")))
}

async fn quote(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let (body, _) = call.json::<Parcel>()?;
    let items = body.items.unwrap_or_default().into_iter();
    let items: Vec<Item> = items.map(Into::into).collect();
    let cost = shipping::quote(&call.edge, &items)?;
    Ok(Reply::of(&Quoted {
        cost_usd: SnakeMoney {
            currency_code: cost.currency_code,
            units: cost.units,
            nanos: cost.nanos,
        },
    }))
}

async fn ship(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    call.json::<Parcel>()?;
    Ok(Reply::of(&Shipped {
        tracking_id: shipping::ship(&call.edge),
    }))
}

async fn confirm(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let (body, _) = call.json::<Confirmation>()?;
    let order = body.order;
    let items = order.items.unwrap_or_default().into_iter().map(|it| {
        let item = it.item.map(Into::into).unwrap_or_default();
        (item, it.cost.map(Into::into))
    });
    let told = Told {
        order_id: order.order_id,
        tracking_id: order.shipping_tracking_id,
        shipping_cost: order.shipping_cost.map(Into::into),
        items: items.collect(),
    };
    email::confirm(&call.edge, &body.email, &told).await?;
    Ok(Reply::json("{}"))
}
