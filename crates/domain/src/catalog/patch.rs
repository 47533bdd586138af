//! Changing what is said of a product.

use super::{Draft, Event, Product};
use crate::{Refusal, Sku};

/// The SKUs that the product has and the draft has no more. Before it decides, the caller looks up which of them still
/// have stock or holds.
pub fn removed_skus(current: &Product, draft: &Draft) -> Vec<Sku> {
    let stays = |sku: &Sku| draft.variants().iter().any(|variant| variant.sku == *sku);
    let skus = current.variants.iter().map(|variant| &variant.data.sku);
    skus.filter(|sku| !stays(sku)).cloned().collect()
}

/// Makes the product what the draft says; `None` when it is so already. `in_use` are SKUs with stock or holds: at least
/// those of [`removed_skus`] that have any.
///
/// # Errors
/// [`Refusal::InvalidState`] when a SKU that is in use would vanish.
pub fn patch(current: &Product, draft: Draft, in_use: &[Sku]) -> Result<Option<Event>, Refusal> {
    let lost = removed_skus(current, &draft)
        .into_iter()
        .find(|sku| in_use.contains(sku));
    if let Some(sku) = lost {
        let detail = format!(
            "{sku} still has stock or holds: bring both to zero first, or keep the variant and archive the product"
        );
        return Err(Refusal::InvalidState {
            state: "in_use",
            detail,
        });
    }
    Ok((!draft.is(current)).then(|| draft.put()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{data, draft, product, sku, variant, variants};
    use super::*;
    use crate::entity::Entity;
    use crate::{Money, Time};
    use std::sync::Arc;

    fn apply(product: Product, event: &Event) -> Option<Product> {
        let id = product.id.clone();
        let mut state = Some(Arc::new(product));
        Product::apply(&mut state, &id, event, Time(9));
        state.map(Arc::unwrap_or_clone)
    }

    #[test]
    fn what_changes_nothing_is_no_event() {
        assert_eq!(patch(&product(), draft(), &[]), Ok(None));
        let mut turned = variants();
        turned
            .iter_mut()
            .for_each(|variant| variant.options.reverse());
        let turned = Draft::new(data(), turned);
        assert_eq!(
            turned.and_then(|draft| patch(&product(), draft, &[])),
            Ok(None)
        );
    }

    #[test]
    fn only_the_variants_that_changed_get_a_new_version() -> Result<(), Refusal> {
        let mut changed = variants();
        changed[0].weight_grams = Some(400);
        changed.push(variant("MUG-GREEN", "green"));
        let mut declared = data();
        declared.options[0].values.push("green".into());
        let event = patch(&product(), Draft::new(declared, changed)?, &[])?;
        let after = event.and_then(|event| apply(product(), &event));
        let versions = after.map(|product| {
            let of_variants: Vec<_> = product.variants.iter().map(|v| v.version).collect();
            (product.version, of_variants)
        });
        assert_eq!(versions, Some((2, vec![2, 1, 1])));
        Ok(())
    }

    #[test]
    fn a_sku_in_use_cannot_vanish() -> Result<(), Refusal> {
        let fewer = Draft::new(data(), vec![variants()[0].clone()])?;
        assert_eq!(removed_skus(&product(), &fewer), [sku("MUG-BLUE")]);
        let refused = patch(&product(), fewer.clone(), &[sku("MUG-BLUE")]);
        assert!(
            matches!(&refused, Err(Refusal::InvalidState { state: "in_use", detail }) if detail.contains("MUG-BLUE")),
            "{refused:?}"
        );
        assert!(matches!(
            patch(&product(), fewer, &[sku("MUG-RED")]),
            Ok(Some(_))
        ));
        Ok(())
    }

    #[test]
    fn a_price_is_replaced_where_it_stands() {
        let usd = product().variants[0].data.prices[0].currency;
        let event = Event::PriceSet {
            sku: sku("MUG-RED"),
            price: Money::new(999, usd),
        };
        let after = apply(product(), &event);
        let prices = after.map(|product| product.variants[0].data.prices.clone());
        let minors: Option<Vec<_>> = prices.map(|list| list.iter().map(|p| p.minor).collect());
        assert_eq!(minors, Some(vec![999, 1190]));
    }
}
