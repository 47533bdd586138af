//! Making a cart.

use super::goods::Loaded;
use super::{Terms, plan_lines, require_products, require_stores};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::CartId;
use cartwright_domain::cart::{self, Create, State};

/// Makes a cart, perhaps with its first lines. Refused: `NotFound` (`variant`, `store`) and what
/// [`cart::create`] refuses.
#[derive(Debug)]
pub struct CreateCart {
    /// Its id, drawn by the caller so that its secret can be derived from it.
    pub id: CartId,
    /// What it begins with, the hash of its secret too.
    pub create: Create,
    /// What it is decided against.
    pub terms: Terms,
    /// Anything but 0 is refused: it does not exist yet.
    pub expected_version: Option<u64>,
}

impl Command for CreateCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Cart(self.id));
        plan_lines(keys, &self.create.lines);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        check_version(self.expected_version, 0)?;
        let lines = &self.create.lines;
        require_products(work, lines.iter().map(|line| &line.sku))?;
        let stores = lines.iter().filter_map(|line| line.store.as_ref());
        require_stores(work, stores, State::Open)?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::create(&self.create, &goods, &self.terms.rules, moment.now)?;
        Ok(Decided {
            events: vec![Event::Cart(self.id, event)],
            answer: Key::Cart(self.id),
            created: true,
        })
    }
}
