//! What the catalogue and the stock say to a cart: from what a batch has loaded, and from products at hand.

use super::Stock;
use crate::work::Work;
use cartwright_domain::cart::{Goods, Offer};
use cartwright_domain::catalog::{Product, Status};
use cartwright_domain::{Sku, StoreId};
use hashbrown::HashMap;
use std::sync::Arc;

/// What a product offers under a SKU; `None` when it has no such variant, is a draft or archived.
pub fn offer<'a>(product: &'a Product, sku: &Sku) -> Option<Offer<'a>> {
    let variant = match product.data.status {
        Status::Active => &product.variant(sku)?.data,
        Status::Draft | Status::Archived => return None,
    };
    Some(Offer {
        product_id: &product.id,
        name: &product.data.name,
        prices: &variant.prices,
        limits: variant.limits,
        denied_countries: &variant.denied_countries,
    })
}

/// Goods as a batch sees them. Products must be loaded: one that is not counts as unknown.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    pub(crate) work: &'a Work,
    pub(crate) stock: &'a Stock,
}

impl Goods for Loaded<'_> {
    fn find(&self, sku: &Sku) -> Option<Offer<'_>> {
        let id = self.work.product_of(sku).ok()??;
        let product = self.work.product(id).ok()??;
        offer(product, sku)
    }

    fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64> {
        self.stock.available(sku, store)
    }
}

/// Goods as a reply sees them: products found beforehand.
#[derive(Debug)]
pub struct Shelved<'a> {
    products: HashMap<&'a Sku, Arc<Product>>,
    stock: &'a Stock,
}

impl<'a> Shelved<'a> {
    /// Asks `find` for the product of each SKU once.
    pub fn new(
        skus: impl IntoIterator<Item = &'a Sku>,
        stock: &'a Stock,
        mut find: impl FnMut(&Sku) -> Option<Arc<Product>>,
    ) -> Self {
        let skus = skus.into_iter();
        let mut products = HashMap::with_capacity(skus.size_hint().0);
        for sku in skus {
            if !products.contains_key(sku)
                && let Some(product) = find(sku)
            {
                products.insert(sku, product);
            }
        }
        Self { products, stock }
    }
}

impl Goods for Shelved<'_> {
    fn find(&self, sku: &Sku) -> Option<Offer<'_>> {
        offer(self.products.get(sku)?, sku)
    }

    fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64> {
        self.stock.available(sku, store)
    }
}
