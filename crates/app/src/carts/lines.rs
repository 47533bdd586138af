//! Commands on the lines of one cart. All are refused with `NotFound` (`cart`) and `VersionConflict` before anything else.

use super::goods::Loaded;
use super::{Target, Terms, plan_lines, require_lines, require_products, require_stores};
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::Refusal;
use cartwright_domain::cart::{self, Add, LineId, Patch, Rules};

/// Adds one line's worth. Refused as [`cart::add`] is, and `NotFound` (`store`).
#[derive(Debug)]
pub struct AddLine {
    /// To which cart.
    pub cart: Target,
    /// What.
    pub line: Add,
    /// What it is decided against.
    pub terms: Terms,
}

impl Command for AddLine {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        plan_lines(keys, std::slice::from_ref(&self.line));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        require_lines(work, cart, std::slice::from_ref(&self.line), moment.now)?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::add(cart, &self.line, &goods, &self.terms.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Adds many lines' worth, all or nothing. Refused as [`cart::add_many`] is, and `NotFound` (`store`).
#[derive(Debug)]
pub struct AddLines {
    /// To which cart.
    pub cart: Target,
    /// What.
    pub lines: Vec<Add>,
    /// What it is decided against.
    pub terms: Terms,
}

impl Command for AddLines {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        plan_lines(keys, &self.lines);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        require_lines(work, cart, &self.lines, moment.now)?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::add_many(cart, &self.lines, &goods, &self.terms.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Makes these the cart's lines. Refused as [`cart::replace`] is, `VersionRequired` without one, and `NotFound` (`store`).
#[derive(Debug)]
pub struct ReplaceLines {
    /// Of which cart, and the version that it must have.
    pub cart: Target,
    /// Its lines from now on.
    pub lines: Vec<Add>,
    /// What it is decided against.
    pub terms: Terms,
}

impl Command for ReplaceLines {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        plan_lines(keys, &self.lines);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        self.cart.expected_version.ok_or(Refusal::VersionRequired)?;
        require_lines(work, cart, &self.lines, moment.now)?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::replace(cart, &self.lines, &goods, &self.terms.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Changes one line. Refused as [`cart::change`] is, and `NotFound` (`store`).
#[derive(Debug)]
pub struct ChangeLine {
    /// Of which cart.
    pub cart: Target,
    /// Which line, and how.
    pub change: cart::ChangeLine,
    /// What it is decided against.
    pub terms: Terms,
}

impl Command for ChangeLine {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        if let Patch::Set(store) = &self.change.store {
            keys.push(Key::Store(store.clone()));
        }
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        if let Some(line) = cart.line(self.change.line) {
            require_products(work, [&line.sku])?;
            if let Patch::Set(store) = &self.change.store {
                require_stores(work, [store], cart.state_at(moment.now))?;
            }
        }
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::change(cart, &self.change, &goods, &self.terms.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Removes one line. Refused as [`cart::remove`] is.
#[derive(Debug)]
pub struct RemoveLine {
    /// Of which cart.
    pub cart: Target,
    /// Which line.
    pub line: LineId,
    /// The shop's.
    pub rules: Rules,
}

impl Command for RemoveLine {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        let event = cart::remove(cart, self.line, &self.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Removes the lines of these ids; unknown ones are ignored. Refused as [`cart::remove_many`] is.
#[derive(Debug)]
pub struct RemoveLines {
    /// Of which cart.
    pub cart: Target,
    /// Which lines.
    pub lines: Vec<LineId>,
    /// The shop's.
    pub rules: Rules,
}

impl Command for RemoveLines {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        let event = cart::remove_many(cart, &self.lines, &self.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Removes all lines. Refused as [`cart::clear`] is.
#[derive(Debug)]
pub struct Clear {
    /// Of which cart.
    pub cart: Target,
    /// The shop's.
    pub rules: Rules,
}

impl Command for Clear {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        let event = cart::clear(cart, &self.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}
