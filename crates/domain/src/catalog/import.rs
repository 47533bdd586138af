//! A row of an import: creates the product, or makes the known one what the row says.

use super::{Create, Event, Product, patch};
use crate::{Refusal, Sku, StoreId};

/// How much of a SKU lies at a location, as a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockOf {
    /// Which SKU; one of the row's variants.
    pub sku: Sku,
    /// Where.
    pub store: StoreId,
    /// How many; not negative.
    pub quantity: i64,
}

/// One row: a product and what lies of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The product.
    pub product: Create,
    /// Its stock; at most one entry per SKU and location.
    pub stock: Vec<StockOf>,
}

/// Creates the product, or updates `existing` (the one with the row's id); `None` when it is just so already. A row
/// without a slug keeps that of the existing product. `in_use` as in [`patch`].
///
/// # Errors
/// As [`patch`].
pub fn import(
    existing: Option<&Product>,
    row: Create,
    in_use: &[Sku],
) -> Result<Option<Event>, Refusal> {
    let Create { slug, draft, .. } = row;
    match existing {
        None => Ok(Some(draft.put())),
        Some(product) => {
            let slug = slug.unwrap_or_else(|| product.data.slug.clone());
            patch(product, draft.with_slug(slug), in_use)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{data, draft, id, product, sku, variants};
    use super::super::{Draft, slug_candidates};
    use super::*;
    use crate::Time;
    use crate::entity::Entity;

    fn row(draft: Draft) -> Create {
        Create {
            id: Some(id("mug")),
            slug: None,
            draft,
        }
    }

    #[test]
    fn the_same_row_twice_is_one_product_in_one_version() -> Result<(), Refusal> {
        let mut state = None;
        for _ in 0..2 {
            let event = import(state.as_deref(), row(draft()), &[])?;
            event
                .iter()
                .for_each(|event| Product::apply(&mut state, &id("mug"), event, Time(1)));
        }
        assert_eq!(state.map(|product| product.version), Some(1));
        Ok(())
    }

    #[test]
    fn a_known_product_keeps_its_slug_unless_the_row_names_one() -> Result<(), Refusal> {
        let mut known = product();
        known.data.slug = slug_candidates("Mug").nth(1).unwrap_or(known.data.slug);
        assert_eq!(import(Some(&known), row(draft()), &[]), Ok(None));
        let slug = Some(draft().data().slug.clone());
        let renamed = import(
            Some(&known),
            Create {
                slug,
                ..row(draft())
            },
            &[],
        )?;
        assert!(matches!(renamed, Some(Event::Put { data, .. }) if data.slug.as_str() == "mug"));
        Ok(())
    }

    #[test]
    fn a_row_cannot_lose_a_sku_in_use() -> Result<(), Refusal> {
        let fewer = row(Draft::new(data(), vec![variants()[0].clone()])?);
        let refused = import(Some(&product()), fewer, &[sku("MUG-BLUE")]);
        assert!(
            matches!(refused, Err(Refusal::InvalidState { .. })),
            "{refused:?}"
        );
        Ok(())
    }
}
