//! Search: products by words, filters and order, with facets.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema,
};
use crate::problem::Problem;
use crate::wire::catalog::Product;
use crate::wire::search::SearchPage;
use cartwright_app::ports::search::{SearchFault, SearchQuery, SearchSort};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::catalog::{MAX_AMOUNT, Product as Known, Status};
use cartwright_domain::{Currency, ProductId};
use smol_str::SmolStr;
use std::sync::Arc;

/// Longest text to look for, in characters.
const MAX_WORDS: usize = 200;
/// Most option filters of one search.
const MAX_OPTIONS: usize = 50;

const fn param(name: &'static str, schema: &'static str, description: &'static str) -> QueryParam {
    QueryParam {
        name,
        schema,
        repeated: false,
        description,
    }
}

/// Routes of search.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Get,
    path: "/v1/search",
    name: "search",
    summary: "Finds active products by words, filters and order; typos are forgiven.",
    access: Access::Public,
    query: &[
        param(
            "q",
            r#"{"type":"string","maxLength":200}"#,
            "Words; all products when absent.",
        ),
        param("category", r#"{"type":"string"}"#, "Only in this category."),
        param("brand", r#"{"type":"string"}"#, "Only of this brand."),
        QueryParam {
            name: "option",
            schema: r#"{"type":"array","items":{"type":"string"},"maxItems":50}"#,
            repeated: true,
            description: "Only with this option, as `name:value`; values of one name are alternatives.",
        },
        param(
            "price_min",
            r#"{"type":"integer","minimum":0}"#,
            "Lowest price in minor units.",
        ),
        param(
            "price_max",
            r#"{"type":"integer","minimum":0}"#,
            "Highest price in minor units.",
        ),
        param(
            "currency",
            r#"{"type":"string","pattern":"^[A-Z]{3}$"}"#,
            "Of price filters and price order; the shop's own when absent.",
        ),
        param(
            "in_stock",
            r#"{"type":"boolean"}"#,
            "Only what is, or is not, in stock.",
        ),
        param(
            "sort",
            r#"{"type":"string","enum":["relevance","price","-price","name","newest"],"default":"relevance"}"#,
            "Order.",
        ),
        LIMIT,
        CURSOR,
    ],
    body: BodyKind::None,
    request: None,
    replies: &[(200, Some(schema::<SearchPage<'_>>))],
    refusals: &[],
    produces: "application/json",
    handler: |call| Box::pin(get(call)),
}];

async fn get(call: Call) -> Result<Reply, Problem> {
    let query = call.search_query()?;
    let search = call.edge.search.clone();
    let found = tokio::task::spawn_blocking(move || search.query(&query)).await;
    let found = found.map_err(|error| Fault::Unavailable(error.to_string()))?;
    let page = found.map_err(|fault| match fault {
        SearchFault::BadCursor => Problem::invalid(
            "cursor",
            "malformed",
            "send next_cursor of the page before with the same query",
        ),
        SearchFault::Index { detail } => {
            tracing::error!(detail, "the search index failed");
            Fault::Unavailable(detail).into()
        }
    })?;
    let mut products = Vec::with_capacity(page.ids.len());
    for id in &page.ids {
        products.extend(call.find_active(id).await?);
    }
    Ok(Reply::of(&SearchPage {
        items: products
            .iter()
            .map(|found| Product::from(&**found))
            .collect(),
        next_cursor: page.next_cursor.as_deref(),
        total: page.total,
        facets: (&page.facets).into(),
    }))
}

fn flag(call: &Call, name: &str) -> Result<Option<bool>, Problem> {
    call.parsed::<bool>(name, "true or false")
}

impl Call {
    /// What the index found, as it is now: the index may be a moment behind.
    async fn find_active(&self, id: &str) -> Result<Option<Arc<Known>>, Problem> {
        let Ok(id) = ProductId::new(id) else {
            return Ok(None);
        };
        match self.edge.shop.find(&Key::Product(id)).await? {
            Some(Record::Product(product)) if product.data.status == Status::Active => {
                Ok(Some(product))
            }
            _ => Ok(None),
        }
    }

    fn search_query(&self) -> Result<SearchQuery, Problem> {
        let text = |name| self.query(name).map(SmolStr::new);
        let words = self.query("q").unwrap_or_default();
        if words.chars().count() > MAX_WORDS {
            let detail = format!("at most {MAX_WORDS} characters");
            return Err(Problem::invalid("q", "too_long", detail));
        }
        let currency = self.query("currency").map(Currency::new).transpose();
        let currency = currency.map_err(|_| {
            Problem::invalid(
                "currency",
                "malformed",
                "expected an ISO 4217 currency code",
            )
        })?;
        let currency = currency.unwrap_or(self.edge.options.cart_rules.currency);
        Ok(SearchQuery {
            q: words.to_owned(),
            category: text("category"),
            brand: text("brand"),
            price_min: self.price("price_min")?,
            price_max: self.price("price_max")?,
            currency: currency.code().into(),
            in_stock: flag(self, "in_stock")?,
            options: self.option_filters()?,
            sort: self.sort()?,
            limit: self.limit()?,
            after: self.query("cursor").map(str::to_owned),
        })
    }

    fn price(&self, name: &str) -> Result<Option<i64>, Problem> {
        let expects = "a whole number of minor units, 0 or more";
        let amount = self.parsed::<i64>(name, expects)?;
        match amount {
            Some(amount) if !(0..=MAX_AMOUNT).contains(&amount) => {
                Err(Problem::invalid(name, "out_of_range", expects))
            }
            amount => Ok(amount),
        }
    }

    fn option_filters(&self) -> Result<Vec<(SmolStr, SmolStr)>, Problem> {
        let given = self.query.iter().filter(|(name, _)| name == "option");
        let pairs = given.map(|(_, value)| {
            let pair = value.split_once(':').filter(|(name, _)| !name.is_empty());
            pair.map(|(name, value)| (name.into(), value.into()))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        pairs
            .filter(|pairs| pairs.len() <= MAX_OPTIONS)
            .ok_or_else(|| {
                let detail = format!("expected name:value, at most {MAX_OPTIONS} times");
                Problem::invalid("option", "malformed", detail)
            })
    }

    fn sort(&self) -> Result<SearchSort, Problem> {
        Ok(match self.query("sort") {
            None | Some("relevance") => SearchSort::Relevance,
            Some("price") => SearchSort::PriceAsc,
            Some("-price") => SearchSort::PriceDesc,
            Some("name") => SearchSort::Name,
            Some("newest") => SearchSort::Newest,
            Some(_) => {
                let detail = "expected relevance, price, -price, name or newest";
                return Err(Problem::invalid("sort", "malformed", detail));
            }
        })
    }
}
