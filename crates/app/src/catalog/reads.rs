//! Reading products: committed state only, so that writers see their own writes.

use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::{Cursor, Page};
use crate::shop::Shop;
use cartwright_domain::catalog::{Product, Status};
use cartwright_domain::{ProductId, Sku, Slug};
use std::sync::Arc;

/// Products looked at for one page of a filtered list: beyond it the page ends early, with a cursor.
const MAX_LOOKED_AT: usize = 20_000;
/// Products read at once.
const READ_AT_ONCE: usize = 500;

/// The product with this id or, when none has it, with this slug.
pub async fn find_product(shop: &Shop, name: &str) -> Result<Option<Arc<Product>>, Fault> {
    let Ok(id) = ProductId::new(name) else {
        return Ok(None);
    };
    if let Some(Record::Product(product)) = shop.find(&Key::Product(id)).await? {
        return Ok(Some(product));
    }
    let Ok(slug) = Slug::new(name) else {
        return Ok(None);
    };
    let owner = shop.find(&Key::Slug(slug)).await?;
    load_owner(shop, owner).await
}

/// The product that has a SKU, whatever its status.
pub async fn find_product_of(shop: &Shop, sku: &Sku) -> Result<Option<Arc<Product>>, Fault> {
    if let Some(found) = shop.ask_product_of(sku).await {
        return Ok(found?.and_then(into_product));
    }
    let owner = shop.find(&Key::Sku(sku.clone())).await?;
    load_owner(shop, owner).await
}

async fn load_owner(shop: &Shop, owner: Option<Record>) -> Result<Option<Arc<Product>>, Fault> {
    let Some(Record::ProductId(id)) = owner else {
        return Ok(None);
    };
    let product = shop.find(&Key::Product(id)).await?;
    Ok(product.and_then(into_product))
}

/// As [`find_product`], from memory alone; `None`: it must be loaded.
pub fn peek_product(shop: &Shop, name: &str) -> Option<Option<Arc<Product>>> {
    let Ok(id) = ProductId::new(name) else {
        return Some(None);
    };
    if let Some(Record::Product(product)) = shop.peek(&Key::Product(id))? {
        return Some(Some(product));
    }
    let Ok(slug) = Slug::new(name) else {
        return Some(None);
    };
    peek_owner(shop, shop.peek(&Key::Slug(slug))?)
}

/// As [`find_product_of`], from memory alone; `None`: it must be loaded.
pub fn peek_product_of(shop: &Shop, sku: &Sku) -> Option<Option<Arc<Product>>> {
    peek_owner(shop, shop.peek(&Key::Sku(sku.clone()))?)
}

fn peek_owner(shop: &Shop, owner: Option<Record>) -> Option<Option<Arc<Product>>> {
    let Some(Record::ProductId(id)) = owner else {
        return Some(None);
    };
    Some(shop.peek(&Key::Product(id))?.and_then(into_product))
}

fn into_product(record: Record) -> Option<Arc<Product>> {
    match record {
        Record::Product(product) => Some(product),
        _ => None,
    }
}

/// Which products a list shows: all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this category.
    pub category: Option<String>,
    /// Of this brand.
    pub brand: Option<String>,
    /// In this status.
    pub status: Option<Status>,
    /// Only what the public sees.
    pub public: bool,
}

impl Filter {
    fn shows(&self, product: &Product) -> bool {
        let data = &product.data;
        let category = self.category.as_deref();
        let brand = self.brand.as_deref();
        (!self.public || data.status == Status::Active)
            && self.status.is_none_or(|status| data.status == status)
            && category.is_none_or(|wanted| data.categories.iter().any(|it| it == wanted))
            && brand.is_none_or(|wanted| data.brand.as_deref() == Some(wanted))
    }
}

/// Products that a filter shows, in the order of their ids. A page of a rare kind in a large catalogue may be shorter than
/// `limit`, even empty, with a cursor that goes on.
pub async fn list_products(
    shop: &Shop,
    filter: Filter,
    after: Cursor,
    limit: usize,
) -> Result<Page<Arc<Product>>, Fault> {
    let read = move |store: &dyn crate::ports::ReadStore| {
        let (mut items, mut next, mut looked_at) = (Vec::new(), after, 0);
        let mut at_once = limit + 1;
        loop {
            let page = store.list_products(&next, at_once)?;
            at_once = READ_AT_ONCE.max(limit);
            looked_at += page.items.len();
            for product in page.items.into_iter().filter_map(into_product) {
                if !filter.shows(&product) {
                    continue;
                }
                // Only one that would be shown makes another page.
                if items.len() == limit {
                    let last = items.last().map(|last: &Arc<Product>| last.id.to_string());
                    return Ok(Page { items, next: last });
                }
                items.push(product);
            }
            next = page.next;
            if next.is_none() || looked_at >= MAX_LOOKED_AT {
                return Ok(Page { items, next });
            }
        }
    };
    shop.read(read).await
}
