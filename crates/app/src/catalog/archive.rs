//! Taking a product out of sale.

use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::{ProductId, catalog};

/// Archives a product. It stays known: carts, orders and stock go on naming it.
#[derive(Debug)]
pub struct ArchiveProduct {
    /// Which.
    pub id: ProductId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for ArchiveProduct {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Product(self.id.clone()));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let current = super::require_product(work, &self.id)?;
        check_version(self.expected_version, current.version)?;
        let event = catalog::archive(current);
        Ok(super::answer(self.id.clone(), event, false))
    }
}
