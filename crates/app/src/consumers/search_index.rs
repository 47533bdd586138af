//! Keeps the search index fresh: changed products are indexed again, and products whose stock came or went.

use super::{Consumer, Place, Seen};
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::search::{Search, SearchChange, SearchDocument, SearchFault};
use crate::shop::Shop;
use cartwright_domain::catalog::{Product, Status};
use cartwright_domain::inventory::LevelKey;
use cartwright_domain::{ProductId, Sku};
use cartwright_proto::events as proto;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Changes of one commit of the index.
const CHANGES_AT_ONCE: usize = 500;
/// After so many entries that say nothing to the index its cursor follows.
const MAX_SKIPPED: u64 = 100_000;
/// Position of an index that is being filled; one that stopped there is filled again.
const FILLING: u64 = 1;

/// The consumer that follows the log with the search index. Its cursor is that of the index.
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub struct SearchIndex {
    shop: Shop,
    search: Arc<dyn Search>,
    /// Last position seen.
    seen: u64,
    /// Entries seen since the index knows its position.
    skipped: u64,
}

impl SearchIndex {
    /// Follows the log of `shop` with `search`.
    pub fn new(shop: Shop, search: Arc<dyn Search>) -> Self {
        let seen = search.cursor();
        Self {
            shop,
            search,
            seen,
            skipped: 0,
        }
    }

    fn apply(&self, changes: &[SearchChange], position: u64) -> Result<(), Fault> {
        self.search.apply(changes, position).map_err(fault)
    }

    /// Products that these entries may show otherwise in the index.
    fn touched(&self, seen: &[Seen<'_>]) -> Result<BTreeSet<ProductId>, Fault> {
        let (mut products, mut skus) = (BTreeSet::new(), BTreeSet::new());
        for Seen { entry, .. } in seen {
            match entry.stream.split_once(':') {
                Some(("product", id)) => products.extend(ProductId::new(id)),
                Some(("level", level)) if moves_stock(entry) => {
                    let sku = level.split_once('@').map_or(level, |(sku, _)| sku);
                    skus.extend(Sku::new(sku));
                }
                _ => {}
            }
        }
        let skus: Vec<_> = skus.into_iter().map(Key::Sku).collect();
        for owner in self.shop.read_many_now(&skus)? {
            if let Some(Record::ProductId(id)) = owner {
                products.insert(id);
            }
        }
        Ok(products)
    }

    /// What the index must learn of these products.
    fn changes(&self, ids: &[ProductId]) -> Result<Vec<SearchChange>, Fault> {
        let keys: Vec<_> = ids.iter().cloned().map(Key::Product).collect();
        let found = self.shop.read_many_now(&keys)?;
        let (mut gone, mut shown) = (Vec::new(), Vec::new());
        for (id, found) in ids.iter().zip(found) {
            match found {
                Some(Record::Product(it)) if it.data.status == Status::Active => shown.push(it),
                _ => gone.push(SearchChange::Delete {
                    id: id.as_str().into(),
                }),
            }
        }
        let mut changes = self.upserts(&shown)?;
        changes.append(&mut gone);
        Ok(changes)
    }

    fn upserts(&self, products: &[Arc<Product>]) -> Result<Vec<SearchChange>, Fault> {
        let in_stock = self.in_stock(products)?;
        let upsert = |product: &Arc<Product>| {
            let mut document = document(product);
            let mut skus = product.variants.iter().map(|variant| &variant.data.sku);
            document.in_stock = skus.any(|sku| in_stock.contains(sku));
            SearchChange::Upsert(Box::new(document))
        };
        Ok(products.iter().map(upsert).collect())
    }

    /// The SKUs of which any location can promise a unit.
    fn in_stock(&self, products: &[Arc<Product>]) -> Result<BTreeSet<Sku>, Fault> {
        let variants = products.iter().flat_map(|product| &product.variants);
        let skus: Vec<_> = variants.map(|variant| variant.data.sku.clone()).collect();
        let keys: Vec<_> = skus.iter().cloned().map(Key::StoresOf).collect();
        let mut levels = Vec::new();
        for (sku, stores) in skus.iter().zip(self.shop.read_many_now(&keys)?) {
            let Some(Record::Stores(stores)) = stores else {
                continue;
            };
            levels.extend(stores.iter().map(|store| LevelKey {
                sku: sku.clone(),
                store: store.clone(),
            }));
        }
        let keys: Vec<_> = levels.iter().cloned().map(Key::Level).collect();
        let found = self.shop.read_many_now(&keys)?;
        let sellable = |level: &Option<Record>| matches!(level, Some(Record::Level(level)) if level.sellable() > 0);
        let sold = levels.into_iter().zip(found);
        Ok(sold
            .filter(|(_, level)| sellable(level))
            .map(|(key, _)| key.sku)
            .collect())
    }
}

/// Whether a level may have come to have something to sell, or to have nothing more. Notices tell it of stock; that more can
/// be promised beyond stock shows in the movement itself.
fn moves_stock(entry: &proto::Entry) -> bool {
    if entry.r#type.starts_with("stock.") || entry.stream_version == 1 {
        return true;
    }
    entry.r#type == "level.configured"
        || proto::Moved::decode(entry.payload.as_slice())
            .is_ok_and(|moved| moved.backordered_delta != 0)
}

fn fault(fault: SearchFault) -> Fault {
    Fault::Unavailable(fault.to_string())
}

/// All that the index knows of a product but its stock.
fn document(product: &Product) -> SearchDocument {
    let data = &product.data;
    let variants = || product.variants.iter().map(|variant| &variant.data);
    let options: BTreeSet<_> = variants().flat_map(|data| data.options.clone()).collect();
    let mut prices = BTreeMap::new();
    for price in variants().flat_map(|data| &data.prices) {
        let lowest = prices.entry(price.currency).or_insert(price.minor);
        *lowest = price.minor.min(*lowest);
    }
    SearchDocument {
        id: product.id.as_str().into(),
        slug: data.slug.as_str().into(),
        name: data.name.to_string(),
        description: data.description.clone(),
        brand: data.brand.clone(),
        categories: data.categories.clone(),
        skus: variants().map(|data| data.sku.as_str().into()).collect(),
        options: options.into_iter().collect(),
        prices: prices
            .into_iter()
            .map(|(currency, minor)| (currency.code().into(), minor))
            .collect(),
        in_stock: false,
        created_at_ms: product.created_at.0,
    }
}

impl Consumer for SearchIndex {
    fn name(&self) -> &'static str {
        "search-index"
    }

    fn place(&self) -> Place {
        match self.search.cursor() {
            0 | FILLING => Place::Anew,
            position => Place::Kept(position),
        }
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        let last = seen.last().map_or(self.seen, |last| last.position);
        let touched: Vec<_> = self.touched(seen)?.into_iter().collect();
        self.skipped += seen.len() as u64;
        let mut parts = touched.chunks(CHANGES_AT_ONCE).peekable();
        while let Some(part) = parts.next() {
            let changes = self.changes(part)?;
            // Only the last part moves the cursor: what was not applied comes again after a crash.
            let position = match parts.peek() {
                Some(_) => self.search.cursor(),
                None => last,
            };
            self.apply(&changes, position)?;
            self.skipped = 0;
        }
        if self.skipped >= MAX_SKIPPED {
            self.apply(&[], last)?;
            self.skipped = 0;
        }
        self.seen = last;
        Ok(())
    }

    fn start_over(&mut self) -> Result<u64, Fault> {
        let head = *self.shop.head().borrow();
        self.search.rebuild().map_err(fault)?;
        let (mut after, mut filled) = (None, 0);
        loop {
            let page = self.shop.store().list_products(&after, CHANGES_AT_ONCE)?;
            let active = page.items.iter().filter_map(|record| match record {
                Record::Product(it) if it.data.status == Status::Active => Some(it.clone()),
                _ => None,
            });
            let changes = self.upserts(&active.collect::<Vec<_>>())?;
            filled += changes.len();
            if !changes.is_empty() {
                self.apply(&changes, FILLING)?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if head > 0 {
            self.apply(&[], head)?;
        }
        tracing::info!(
            products = filled,
            position = head,
            "the search index is filled"
        );
        (self.seen, self.skipped) = (head, 0);
        Ok(head)
    }

    fn rest(&mut self) -> Result<(), Fault> {
        if self.skipped > 0 {
            self.apply(&[], self.seen)?;
            self.skipped = 0;
        }
        self.search.rest();
        Ok(())
    }

    fn linger(&self) -> Duration {
        Duration::from_millis(100)
    }
}
