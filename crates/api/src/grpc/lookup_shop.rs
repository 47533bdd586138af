//! `ProductLookup` over the shop: replies from committed memory, loaded when they are not there.

use super::lookup::{Found, Loading, Lookup};
use crate::rendered::Rendered;
use bytes::Bytes;
use cartwright_app::Shop;
use cartwright_app::catalog::{find_product_of, peek_product_of};
use cartwright_domain::Sku;
use cartwright_domain::catalog::{Product, Status, Variant};
use cartwright_proto::v1;
use prost::Message;
use std::sync::Arc;

/// What the public may buy, by SKU.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct LookupShop {
    shop: Shop,
    rendered: Arc<Rendered>,
}

impl LookupShop {
    /// Looks into this shop and keeps replies in `rendered`.
    pub fn new(shop: Shop, rendered: Arc<Rendered>) -> Self {
        Self { shop, rendered }
    }
}

/// The reply for what the public sees of a SKU.
fn reply(rendered: &Rendered, product: Option<&Product>, sku: &Sku) -> Option<Bytes> {
    let product = product.filter(|product| product.data.status == Status::Active)?;
    let variant = product.variant(sku)?;
    Some(rendered.lookup(product, variant).body.clone())
}

impl Lookup for LookupShop {
    fn find(&self, sku: &str) -> Found {
        if let Some(ready) = self.rendered.find_lookup(&self.shop, sku) {
            return if ready.is_public {
                Found::Here(ready.body.clone())
            } else {
                Found::Nothing
            };
        }
        let Ok(sku) = Sku::new(sku) else {
            return Found::Nothing;
        };
        match peek_product_of(&self.shop, &sku) {
            None => Found::NotInMemory,
            Some(product) => match reply(&self.rendered, product.as_deref(), &sku) {
                Some(reply) => Found::Here(reply),
                None => Found::Nothing,
            },
        }
    }

    fn load(&self, sku: String) -> Loading {
        let (shop, rendered) = (self.shop.clone(), self.rendered.clone());
        Box::pin(async move {
            let Ok(sku) = Sku::new(&sku) else {
                return Ok(None);
            };
            let product = find_product_of(&shop, &sku).await?;
            Ok(reply(&rendered, product.as_deref(), &sku))
        })
    }
}

/// An encoded `cartwright.v1.LookupReply`. Limits that are not set are 0.
pub(crate) fn lookup_reply(product: &Product, variant: &Variant) -> Vec<u8> {
    let data = &variant.data;
    let limit =
        |units: Option<i64>| units.map_or(0, |units| i32::try_from(units).unwrap_or(i32::MAX));
    let option = |(name, value): &(smol_str::SmolStr, smol_str::SmolStr)| {
        (name.to_string(), value.to_string())
    };
    let money = |money: &cartwright_domain::Money| v1::Money {
        amount: money.minor,
        currency: money.currency.to_string(),
    };
    v1::LookupReply {
        sku: data.sku.to_string(),
        product_id: product.id.to_string(),
        name: product.data.name.to_string(),
        options: data.options.iter().map(option).collect(),
        prices: data.prices.iter().map(money).collect(),
        limits: Some(v1::Limits {
            min: limit(data.limits.min),
            max: limit(data.limits.max),
            multiple: limit(data.limits.multiple),
        }),
        version: variant.version.cast_signed(),
    }
    .encode_to_vec()
}
