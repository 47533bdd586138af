//! A new product.

use super::names::{claim_names, free_slug, plan_names};
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::ProductId;
use cartwright_domain::catalog::{self, Create};

/// Creates a product. A slug that is derived from its name is the first free one.
#[derive(Debug)]
pub struct CreateProduct {
    /// What it shall be.
    pub create: Create,
    /// The id it gets when the client chose none.
    pub made_id: ProductId,
    /// 0, or nothing: it must not exist.
    pub expected_version: Option<u64>,
}

impl CreateProduct {
    fn id(&self) -> &ProductId {
        self.create.id.as_ref().unwrap_or(&self.made_id)
    }
}

impl Command for CreateProduct {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Product(self.id().clone()));
        let draft = &self.create.draft;
        plan_names(keys, Some(&draft.data().slug), draft.variants());
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let Create { slug, draft, .. } = &self.create;
        let existing = work.product(self.id())?;
        check_version(
            self.expected_version,
            existing.map_or(0, |product| product.version),
        )?;
        if existing.is_none() {
            claim_names(work, self.id(), slug.as_ref(), draft.variants())?;
        }
        let mut draft = draft.clone();
        if slug.is_none() && existing.is_none() {
            let free = free_slug(work, &draft.data().name.clone(), self.id(), moment)?;
            draft = draft.with_slug(free);
        }
        let event = catalog::create(existing.map(AsRef::as_ref), draft)?;
        Ok(super::answer(self.id().clone(), Some(event), true))
    }
}
