//! What can be had.

use super::endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::stock::{Availability, AvailabilityList};
use cartwright_app::inventory::availability;
use cartwright_app::{Key, Record};
use cartwright_domain::catalog::Status;
use cartwright_domain::{Country, Sku, StoreId};

/// SKUs asked for at most.
const MAX_SKUS: usize = 200;

/// Routes of availability.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Get,
    path: "/v1/availability",
    name: "getAvailability",
    summary: "Says what can be had of some SKUs, and where most of it is.",
    access: Access::Public,
    query: &[
        QueryParam {
            name: "sku",
            schema: r#"{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":200}"#,
            repeated: true,
            description: "Which SKUs.",
        },
        QueryParam {
            name: "country",
            schema: r#"{"type":"string","pattern":"^[A-Z]{2}$"}"#,
            repeated: false,
            description: "Where the units shall go.",
        },
        QueryParam {
            name: "store",
            schema: r#"{"type":"string"}"#,
            repeated: false,
            description: "Only at this location.",
        },
    ],
    body: BodyKind::None,
    request: None,
    replies: &[(200, Some(schema::<AvailabilityList>))],
    refusals: &["not_found"],
    produces: "application/json",
    handler: |call| Box::pin(get(call)),
}];

async fn get(call: Call) -> Result<Reply, Problem> {
    let country = call
        .parsed::<CountryText>("country", "an ISO 3166-1 alpha-2 country code")?
        .map(|code| code.0);
    let store = call.parsed::<StoreId>("store", "the id of a location")?;
    let skus: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "sku")
        .map(|(_, value)| value.as_str())
        .collect();
    if skus.is_empty() || skus.len() > MAX_SKUS {
        return Err(Problem::invalid(
            "sku",
            "out_of_range",
            format!("name 1-{MAX_SKUS} SKUs as ?sku=A&sku=B"),
        ));
    }
    if let Some(store) = &store
        && call
            .edge
            .shop
            .find(&Key::Store(store.clone()))
            .await?
            .is_none()
    {
        return Err(Problem::not_found("store", store));
    }
    let mut items = Vec::with_capacity(skus.len());
    for text in skus {
        items.push(one(&call, text, country, store.as_ref()).await?);
    }
    Ok(Reply::of(&AvailabilityList { items }))
}

async fn one(
    call: &Call,
    text: &str,
    country: Option<Country>,
    store: Option<&StoreId>,
) -> Result<Availability, Problem> {
    let nothing = Availability {
        sku: text.to_owned(),
        available: 0,
        store: None,
        in_stock: false,
    };
    let Ok(sku) = Sku::new(text) else {
        return Err(Problem::invalid(
            "sku",
            "malformed",
            "expected 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'",
        ));
    };
    if !call.is_sold(&sku).await? {
        return Ok(nothing);
    }
    let found = availability(
        &call.edge.shop,
        &sku,
        country,
        store,
        call.edge.options.sourcing,
        &[],
    )
    .await?;
    Ok(Availability {
        available: found.available,
        store: found.store.map(|store| store.to_string()),
        in_stock: found.available > 0,
        ..nothing
    })
}

impl Call {
    /// Whether the public may buy a SKU.
    pub(super) async fn is_sold(&self, sku: &Sku) -> Result<bool, Problem> {
        let Some(Record::ProductId(id)) = self.edge.shop.find(&Key::Sku(sku.clone())).await? else {
            return Ok(false);
        };
        let product = self.edge.shop.find(&Key::Product(id)).await?;
        Ok(
            matches!(product, Some(Record::Product(product)) if product.data.status == Status::Active),
        )
    }
}

struct CountryText(Country);

impl std::str::FromStr for CountryText {
    type Err = cartwright_domain::place::BadCountry;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Country::new(text).map(Self)
    }
}
