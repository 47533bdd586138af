//! Names that are unique in the whole catalogue, and SKUs that something still hangs on.

use crate::nouns::Key;
use crate::shop::Moment;
use crate::work::{Stop, Work};
use cartwright_domain::catalog::{Owned, Product, VariantData, claim, slug_candidates};
use cartwright_domain::inventory::{Level, LevelKey};
use cartwright_domain::{ProductId, Refusal, Sku, Slug};

/// Numbered slugs tried for one name; beyond it a slug ends in fresh letters, so that ten thousand products of one name
/// cost the loop no more than the first.
const MAX_NUMBERED: usize = 100;
/// Letters of the name that such a slug keeps, beside a dash and the 26 fresh letters.
const KEPT_LETTERS: usize = 37;

/// Reads something of each item; what is missing is asked for at once.
pub(super) fn each<T, R>(
    items: impl IntoIterator<Item = T>,
    read: impl Fn(T) -> Result<R, Stop>,
) -> Result<Vec<R>, Stop> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for item in items {
        match read(item) {
            Ok(value) => found.push(value),
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(refuse @ Stop::Refuse(_)) => return Err(refuse),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Stop::Need(missing))
    }
}

/// The keys that the names of a product are found under.
pub(super) fn plan_names(keys: &mut Vec<Key>, slug: Option<&Slug>, variants: &[VariantData]) {
    keys.extend(slug.cloned().map(Key::Slug));
    keys.extend(variants.iter().map(|variant| Key::Sku(variant.sku.clone())));
}

/// Refuses when a name belongs to another product.
pub(super) fn claim_names(
    work: &Work,
    product: &ProductId,
    slug: Option<&Slug>,
    variants: &[VariantData],
) -> Result<(), Stop> {
    let slugs = each(slug, |slug| Ok((slug, work.product_called(slug)?)))?;
    let skus = each(variants, |variant| {
        Ok((&variant.sku, work.product_of(&variant.sku)?))
    })?;
    let slugs = slugs
        .into_iter()
        .filter_map(|(slug, owner)| Some(Owned::Slug(slug, owner?)));
    let skus = skus
        .into_iter()
        .filter_map(|(sku, owner)| Some(Owned::Sku(sku, owner?)));
    Ok(claim(product, slugs.chain(skus))?)
}

/// The first slug for a name that no other product has.
pub(super) fn free_slug(
    work: &Work,
    name: &str,
    product: &ProductId,
    moment: &mut Moment<'_>,
) -> Result<Slug, Stop> {
    let mut missing = Vec::new();
    for (tried, slug) in slug_candidates(name).take(MAX_NUMBERED).enumerate() {
        match work.product_called(&slug) {
            Ok(Some(owner)) if owner != product => {}
            Ok(_) if missing.is_empty() => return Ok(slug),
            Ok(_) => break,
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(refuse @ Stop::Refuse(_)) => return Err(refuse),
        }
        // As many at once as are known to be taken: few rounds for many products of one name.
        if missing.len() > tried - missing.len().min(tried) {
            break;
        }
    }
    if !missing.is_empty() {
        return Err(Stop::Need(missing));
    }
    let letters = ProductId::made(moment.ids.fresh(moment.now));
    let letters = letters.as_str().trim_start_matches("prd_").to_lowercase();
    let base = slug_candidates(name).next();
    let base = base.as_ref().map_or("product", Slug::as_str);
    let kept = base[..base.len().min(KEPT_LETTERS)].trim_end_matches('-');
    Slug::new(&format!("{kept}-{letters}"))
        .map_err(|_| Refusal::invalid("slug", "required", "the name gives none").into())
}

/// Which of these SKUs have stock or holds anywhere.
pub(super) fn in_use(work: &Work, skus: &[Sku]) -> Result<Vec<Sku>, Stop> {
    let places = each(skus, |sku| Ok((sku, work.stores_of(sku)?)))?;
    let levels = places.into_iter().flat_map(|(sku, stores)| {
        let stores = stores.map_or(&[][..], |stores| stores.as_slice());
        stores.iter().map(move |store| LevelKey {
            sku: sku.clone(),
            store: store.clone(),
        })
    });
    let levels = each(levels, |key| work.level(&key))?;
    let busy = levels.into_iter().flatten().filter(|level| has_any(level));
    Ok(busy.map(|level| level.key.sku.clone()).collect())
}

fn has_any(level: &Level) -> bool {
    level.on_hand != 0 || level.promised() != 0 || level.backordered != 0
}

/// The SKUs that a product would get beside those it has.
pub(super) fn new_variants(current: &Product, variants: &[VariantData]) -> Vec<VariantData> {
    let new = variants
        .iter()
        .filter(|variant| current.variant(&variant.sku).is_none());
    new.cloned().collect()
}
