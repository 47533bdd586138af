//! Changing what is said of a product.

use super::names::{claim_names, in_use, new_variants};
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::catalog::{self, Draft, Product, removed_skus};
use cartwright_domain::{ProductId, Refusal};
use std::fmt::Debug;

/// What a product shall become, given what it is.
pub trait Change: Debug + Send {
    /// The product as it shall be.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every field of the result that is not allowed.
    fn draft(&self, current: &Product) -> Result<Draft, Refusal>;
}

/// Changes a product. Refuses in this order: absent, version, values, names of others, SKUs in use.
#[derive(Debug)]
pub struct PatchProduct {
    /// Which.
    pub id: ProductId,
    /// How.
    pub change: Box<dyn Change>,
    /// The version it must have; without one it is refused.
    pub expected_version: Option<u64>,
}

impl Command for PatchProduct {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Product(self.id.clone()));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let current = super::require_product(work, &self.id)?;
        let expected = self.expected_version.ok_or(Refusal::VersionRequired)?;
        check_version(Some(expected), current.version)?;
        let draft = self.change.draft(current)?;
        if draft.is(current) {
            return Ok(super::answer(self.id.clone(), None, false));
        }
        let slug = &draft.data().slug;
        let renamed = (*slug != current.data.slug).then_some(slug);
        let added = new_variants(current, draft.variants());
        claim_names(work, &self.id, renamed, &added)?;
        let busy = in_use(work, &removed_skus(current, &draft))?;
        let event = catalog::patch(current, draft, &busy)?;
        Ok(super::answer(self.id.clone(), event, false))
    }
}
