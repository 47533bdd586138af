//! What could be had when a request came in. A line promises nothing, so a committed read is enough.

use crate::fault::Fault;
use crate::inventory::availability;
use crate::ports::inventory::{Asked, Inventory};
use crate::shop::Shop;
use cartwright_domain::inventory::{Held, Sourcing};
use cartwright_domain::{Country, Sku, StoreId};

/// A SKU and the store it shall come from; `None`: from wherever the cart's country is served.
pub type Place = (Sku, Option<StoreId>);

/// Availability of some places. Of others it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stock(Vec<(Place, i64)>);

impl Stock {
    /// From pairs in any order; of equal places the last one counts.
    pub fn new(mut pairs: Vec<(Place, i64)>) -> Self {
        pairs.reverse();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(pairs)
    }

    /// Units of a SKU; `None` when nobody asked.
    pub fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64> {
        let key = (sku, store);
        let found = self
            .0
            .binary_search_by(|((sku, store), _)| (sku, store.as_ref()).cmp(&key));
        found.ok().map(|place| self.0[place].1)
    }
}

/// Asks for the availability of each place once: at its store, or for the country. What the cart's own checkout holds (`own`)
/// can be had. Unknown SKUs have 0. A place whose stock
/// cannot be read is left out, so that the line goes unchecked and the hold at checkout decides.
pub async fn stock(
    shop: &Shop,
    mut places: Vec<Place>,
    country: Country,
    sourcing: Sourcing,
    own: &[Held],
) -> Stock {
    places.sort_unstable();
    places.dedup();
    let mut found = Vec::with_capacity(places.len());
    for (sku, store) in places {
        match availability(shop, &sku, Some(country), store.as_ref(), sourcing, own).await {
            Ok(at) => found.push(((sku, store), at.available)),
            Err(fault) => {
                tracing::warn!(%fault, %sku, "stock cannot be read; the line goes unchecked")
            }
        }
    }
    Stock(found)
}

/// SKUs in one question at most.
const ASKED_AT_ONCE: usize = 200;

/// As [`stock`], where another process of the shop says what can be had: a question for the country, and one for each store that
/// is named. What the cart's own checkout holds counts where most of the SKU is.
///
/// Errors: [`Fault`] of the first question that is not answered.
pub async fn stock_elsewhere(
    inventory: &dyn Inventory,
    mut places: Vec<Place>,
    country: Country,
    own: &[Held],
    asking: &Asked,
) -> Result<Stock, Fault> {
    places.sort_unstable_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    places.dedup();
    let mut found = Vec::with_capacity(places.len());
    for of_store in places.chunk_by(|one, other| one.1 == other.1) {
        for part in of_store.chunks(ASKED_AT_ONCE) {
            let store = part[0].1.clone();
            let asked = Asked {
                skus: part.iter().map(|(sku, _)| sku.clone()).collect(),
                country: store.is_none().then_some(country),
                store: store.clone(),
                ..asking.clone()
            };
            let answer = inventory.available(asked).await?;
            found.extend(answer.into_iter().map(|it| {
                let at = store.as_ref().or(it.store.as_ref());
                let own = own
                    .iter()
                    .filter(|held| held.level.sku == it.sku && Some(&held.level.store) == at);
                let own: i64 = own.map(|held| held.quantity).sum();
                ((it.sku, store.clone()), it.available + own)
            }));
        }
    }
    Ok(Stock::new(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_asked_and_nothing_else() -> Result<(), cartwright_domain::id::BadId> {
        let (mug, tea, north) = (Sku::new("MUG")?, Sku::new("TEA")?, StoreId::new("north")?);
        let stock = Stock::new(vec![
            ((tea.clone(), None), 3),
            ((mug.clone(), Some(north.clone())), 2),
            ((mug.clone(), None), 7),
            ((tea.clone(), None), 4),
        ]);
        assert_eq!(stock.available(&mug, None), Some(7));
        assert_eq!(stock.available(&mug, Some(&north)), Some(2));
        assert_eq!(stock.available(&tea, None), Some(4));
        assert_eq!(stock.available(&tea, Some(&north)), None);
        assert_eq!(Stock::default().available(&mug, None), None);
        Ok(())
    }
}
