//! One row of an import: a product and its stock, all of it or nothing.

use super::names::{claim_names, each, free_slug, in_use, plan_names};
use crate::inventory::moved;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::catalog::{self, Create, Draft, Import, Product, StockOf, removed_skus};
use cartwright_domain::inventory::{Count, Level, LevelKey, count};
use cartwright_domain::location::{Details, Kind, put};
use cartwright_domain::{Country, ProductId, Refusal, StoreId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Creates the product of a row, or makes the known one what the row says, and sets its stock.
///
/// A row without an id means the product that has its first SKU, if there is one, so that the same file twice is one catalogue.
#[derive(Debug)]
pub struct ImportProduct {
    /// The row.
    pub row: Import,
    /// The id it gets when the row has none and its first SKU is new.
    pub made_id: ProductId,
    /// Whether levels that exist are counted too; else only those that do not exist are set.
    pub count: bool,
    /// Where a location stands that is not known yet, as a warehouse; `None`: an unknown one is refused.
    pub create_stores: Option<Country>,
    /// Learns what its stock came to.
    pub tally: Arc<Tally>,
}

/// How many levels a row set and how many it left alone, as its last decision told. Both are 0 for a row that was refused.
#[derive(Debug, Default)]
pub struct Tally {
    set: AtomicU64,
    kept: AtomicU64,
}

impl Tally {
    /// Levels that were counted.
    pub fn set(&self) -> u64 {
        self.set.load(Ordering::Acquire)
    }

    /// Levels that stood before and were left alone.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire)
    }

    fn tell(&self, set: usize, kept: usize) {
        self.set.store(set as u64, Ordering::Release);
        self.kept.store(kept as u64, Ordering::Release);
    }
}

/// Why a level moved, in its movements.
const REASON: &str = "import";

impl ImportProduct {
    fn id<'a>(&'a self, work: &'a Work) -> Result<&'a ProductId, Stop> {
        let product = &self.row.product;
        match (&product.id, product.draft.variants().first()) {
            (Some(id), _) => Ok(id),
            (None, Some(first)) => Ok(work.product_of(&first.sku)?.unwrap_or(&self.made_id)),
            (None, None) => Ok(&self.made_id),
        }
    }

    fn stores(&self) -> BTreeSet<&StoreId> {
        self.row.stock.iter().map(|of| &of.store).collect()
    }

    /// Locations the row names and nobody knows: made, where that is asked.
    fn new_stores(&self, work: &Work) -> Result<Vec<Event>, Stop> {
        let known = each(self.stores(), |id| Ok((id, work.store(id)?.is_some())))?;
        let mut events = Vec::new();
        for (id, _) in known.iter().filter(|(_, known)| !known) {
            let Some(country) = self.create_stores else {
                return Err(Refusal::not_found("store", id).into());
            };
            let details = Details {
                name: id.as_str().into(),
                kind: Kind::Warehouse,
                country,
                ships_to: None,
                priority: 0,
                position: None,
            };
            events.extend(put(None, details).map(|event| Event::Store((*id).clone(), event)));
        }
        Ok(events)
    }

    /// The product's own event.
    fn product(
        &self,
        work: &Work,
        id: &ProductId,
        existing: Option<&Product>,
        moment: &mut Moment<'_>,
    ) -> Result<Option<catalog::Event>, Stop> {
        let Create { slug, draft, .. } = &self.row.product;
        claim_names(work, id, slug.as_ref(), draft.variants())?;
        let removed = existing.map_or_else(Vec::new, |product| removed_skus(product, draft));
        let busy = in_use(work, &removed)?;
        let draft: Draft = match (existing, slug) {
            (None, None) => {
                let free = free_slug(work, &draft.data().name.clone(), id, moment)?;
                draft.clone().with_slug(free)
            }
            _ => draft.clone(),
        };
        let row = Create {
            id: Some(id.clone()),
            slug: slug.clone(),
            draft,
        };
        Ok(catalog::import(existing, row, &busy)?)
    }

    fn stock(&self, work: &Work) -> Result<Vec<Event>, Stop> {
        let levels = each(&self.row.stock, |of| {
            let key = level_key(of);
            Ok((of.quantity, work.level(&key)?, key))
        })?;
        let (mut events, mut kept) = (Vec::new(), 0);
        for (quantity, level, key) in levels {
            let counted = Count {
                quantity,
                on_hand_then: None,
            };
            let mut movement = match level {
                Some(level) if self.count => count(level, counted)?,
                Some(_) => {
                    kept += 1;
                    continue;
                }
                None => count(&Level::empty(key.clone()), counted)?,
            };
            movement.reason = Some(REASON.into());
            events.extend(moved(key, movement));
        }
        self.tally.tell(self.row.stock.len() - kept, kept);
        Ok(events)
    }
}

fn level_key(of: &StockOf) -> LevelKey {
    LevelKey {
        sku: of.sku.clone(),
        store: of.store.clone(),
    }
}

impl Command for ImportProduct {
    fn plan(&self, keys: &mut Vec<Key>) {
        let Create { id, draft, slug } = &self.row.product;
        keys.extend(id.clone().map(Key::Product));
        // A row with an id may keep the slug of its product: then the derived one need not be looked up.
        let slug = slug.as_ref().or(Some(&draft.data().slug));
        plan_names(keys, slug, draft.variants());
        keys.extend(self.stores().into_iter().cloned().map(Key::Store));
        for of in &self.row.stock {
            keys.push(Key::Level(level_key(of)));
            keys.push(Key::StoresOf(of.sku.clone()));
        }
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        self.tally.tell(0, 0);
        let id = self.id(work)?;
        let existing: Option<&Arc<Product>> = work.product(id)?;
        let mut events = self.new_stores(work)?;
        let event = self.product(work, id, existing.map(AsRef::as_ref), moment)?;
        events.extend(event.map(|event| Event::Product(id.clone(), event)));
        events.extend(self.stock(work)?);
        Ok(Decided {
            events,
            answer: Key::Product(id.clone()),
            created: existing.is_none(),
        })
    }
}
