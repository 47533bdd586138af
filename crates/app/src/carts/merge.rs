//! Merging one cart into another, in one transaction.

use super::goods::Loaded;
use super::{Target, Terms, existing, require_products};
use crate::checkouts::cancel_with_cart;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::CartId;
use cartwright_domain::cart::{self, Strategy};

/// Moves the lines of another cart into this one; the other ends as merged, and its open checkout as cancelled. Refused: `NotFound` (`cart`, of either),
/// `VersionConflict` (of this one), and what [`cart::merge`] refuses.
#[derive(Debug)]
pub struct MergeCarts {
    /// The cart that receives.
    pub cart: Target,
    /// The cart that ends.
    pub from: CartId,
    /// What becomes of lines that both have.
    pub strategy: Strategy,
    /// What it is decided against; stock is not asked.
    pub terms: Terms,
}

impl Command for MergeCarts {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        keys.push(Key::Cart(self.from));
        keys.push(Key::CheckoutOf(self.from));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = existing(work, self.cart.id)?;
        let source = existing(work, self.from)?;
        self.cart.find(work)?;
        require_products(work, source.lines.iter().map(|line| &line.sku))?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let rules = &self.terms.rules;
        let merged = cart::merge(target, source, self.strategy, &goods, rules, moment.now)?;
        let mut decided = self.cart.decided(merged.target);
        decided
            .events
            .extend(cancel_with_cart(work, self.from, moment.now)?);
        decided.events.push(Event::Cart(self.from, merged.source));
        Ok(decided)
    }
}
