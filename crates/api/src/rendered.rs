//! Replies of the catalogue kept ready to send: rendered once a version, not once a request.
//!
//! An entry is good while the product it was rendered from is committed in the same version, which is looked up each time:
//! whoever has written sees the write at once, and nothing needs to be told of it.

use bytes::Bytes;
use cartwright_app::{Key, Record, Shop};
use cartwright_domain::catalog::{Product, Status, Variant};
use cartwright_domain::{ProductId, Sku};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

use crate::grpc::lookup_shop::lookup_reply;
use crate::wire::catalog::{product_json, variant_json};

/// Bytes of replies kept for each of the three kinds.
const KEPT_BYTES: u64 = 12 << 20;
/// Guessed bytes of one reply, to size the tables.
const TYPICAL_REPLY: u64 = 800;
/// Bytes that an entry takes beside its reply.
const OVERHEAD: u64 = 200;

/// A reply and what it was rendered from.
#[derive(Debug, Clone)]
pub struct Ready {
    product: Key,
    product_version: u64,
    /// Whether the public sees it.
    pub is_public: bool,
    /// The reply.
    pub body: Bytes,
    /// Its `ETag`.
    pub etag: String,
}

impl Ready {
    fn of(product: &Product, version: u64, body: Vec<u8>) -> Arc<Self> {
        Arc::new(Self {
            product: Key::Product(product.id.clone()),
            product_version: product.version,
            is_public: product.data.status == Status::Active,
            body: body.into(),
            etag: format!("\"{version}\""),
        })
    }

    fn is_current(&self, shop: &Shop) -> bool {
        match shop.peek(&self.product) {
            Some(Some(Record::Product(product))) => product.version == self.product_version,
            _ => false,
        }
    }
}

#[derive(Debug, Clone)]
struct BytesOf;

impl<K> Weighter<K, Arc<Ready>> for BytesOf {
    fn weight(&self, _: &K, ready: &Arc<Ready>) -> u64 {
        ready.body.len() as u64 + OVERHEAD
    }
}

type Replies<K> = Cache<K, Arc<Ready>, BytesOf>;

/// Replies of the catalogue, as many as fit.
#[derive(Debug)]
pub struct Rendered {
    products: Replies<ProductId>,
    variants: Replies<Sku>,
    lookups: Replies<Sku>,
}

impl Default for Rendered {
    fn default() -> Self {
        Self {
            products: empty(),
            variants: empty(),
            lookups: empty(),
        }
    }
}

fn empty<K: std::hash::Hash + Eq>() -> Replies<K> {
    let entries = (KEPT_BYTES / TYPICAL_REPLY) as usize;
    Cache::with_weighter(entries, KEPT_BYTES, BytesOf)
}

impl Rendered {
    /// The product with this id as JSON, if it is ready and current.
    pub fn find_product(&self, shop: &Shop, id: &str) -> Option<Arc<Ready>> {
        let ready = self.products.get(id);
        ready.filter(|ready| ready.is_current(shop))
    }

    /// A product as JSON; kept from now on.
    pub fn product(&self, product: &Product) -> Arc<Ready> {
        let known = self.products.get(product.id.as_str());
        if let Some(ready) = known.filter(|ready| ready.product_version == product.version) {
            return ready;
        }
        let ready = Ready::of(product, product.version, product_json(product));
        self.products.insert(product.id.clone(), ready.clone());
        ready
    }

    /// The variant with this SKU as JSON, if it is ready and current.
    pub fn find_variant(&self, shop: &Shop, sku: &str) -> Option<Arc<Ready>> {
        let ready = self.variants.get(sku);
        ready.filter(|ready| ready.is_current(shop))
    }

    /// A variant of a product as JSON; kept from now on.
    pub fn variant(&self, product: &Product, variant: &Variant) -> Arc<Ready> {
        let ready = Ready::of(product, variant.version, variant_json(product, variant));
        self.variants
            .insert(variant.data.sku.clone(), ready.clone());
        ready
    }

    /// The encoded `cartwright.v1.LookupReply` of a SKU, if it is ready and current.
    pub fn find_lookup(&self, shop: &Shop, sku: &str) -> Option<Arc<Ready>> {
        let ready = self.lookups.get(sku);
        ready.filter(|ready| ready.is_current(shop))
    }

    /// The encoded `cartwright.v1.LookupReply` of a variant; kept from now on.
    pub fn lookup(&self, product: &Product, variant: &Variant) -> Arc<Ready> {
        let ready = Ready::of(product, variant.version, lookup_reply(product, variant));
        self.lookups.insert(variant.data.sku.clone(), ready.clone());
        ready
    }

    /// Forgets all of it.
    pub fn clear(&self) {
        self.products.clear();
        self.variants.clear();
        self.lookups.clear();
    }
}
