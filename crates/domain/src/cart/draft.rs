//! A cart's lines while a decision works on them, and the event that takes the cart from one to the other.

use super::goods::Seen;
use super::limits::cart_limit;
use super::{Add, Cart, Event, Line, LineId, LinesChanged, Metadata, Rules};
use crate::{Refusal, Sku, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines in the making. Lines stay sorted by id: new ones get the highest and go last.
pub(super) struct Draft<'a> {
    pub(super) cart: &'a Cart,
    /// What limits are compared with: the cart's lines, or none when it begins afresh.
    pub(super) before: &'a [Arc<Line>],
    pub(super) lines: Vec<Arc<Line>>,
    pub(super) metadata: Metadata,
    next: u32,
    written: Vec<usize>,
    /// Positions by SKU, for decisions over many lines; one line is found faster by looking.
    index: Option<BTreeMap<Sku, Vec<usize>>>,
}

impl<'a> Draft<'a> {
    /// The cart's lines as they are at `now`: an expired drop-in cart has none.
    pub(super) fn new(cart: &'a Cart, now: Time) -> Self {
        let before = if cart.restarts(now) {
            &[]
        } else {
            cart.lines.as_slice()
        };
        Self {
            cart,
            before,
            lines: before.to_vec(),
            metadata: cart.metadata.clone(),
            next: cart.next_line,
            written: Vec::new(),
            index: None,
        }
    }

    /// No lines yet, to be filled with what replaces the cart's.
    pub(super) fn emptied(mut self) -> Self {
        self.lines.clear();
        self
    }

    /// Ready to find many lines quickly. Nothing may be removed from it afterwards.
    pub(super) fn indexed(mut self) -> Self {
        let mut index: BTreeMap<Sku, Vec<usize>> = BTreeMap::new();
        for (position, line) in self.lines.iter().enumerate() {
            index.entry(line.sku.clone()).or_default().push(position);
        }
        self.index = Some(index);
        self
    }

    /// Where the line stands that this joins.
    pub(super) fn position(&self, wanted: &Add) -> Option<usize> {
        let joins = |line: &Line| line.joins(&wanted.sku, wanted.store.as_ref(), &wanted.metadata);
        match &self.index {
            Some(index) => {
                let positions = index.get(&wanted.sku)?;
                positions
                    .iter()
                    .copied()
                    .find(|position| joins(&self.lines[*position]))
            }
            None => self.lines.iter().position(|line| joins(line)),
        }
    }

    /// Changes the line at a position.
    pub(super) fn write(&mut self, position: usize, change: impl FnOnce(&mut Line)) {
        change(Arc::make_mut(&mut self.lines[position]));
        self.written.push(position);
    }

    /// Puts a line with a new id at the end.
    pub(super) fn push_new(&mut self, wanted: &Add, seen: Seen) -> Result<(), Refusal> {
        let id = LineId(self.next);
        let Some(next) = self.next.checked_add(1) else {
            return cart_limit("the cart has used up its line numbers".to_owned());
        };
        self.next = next;
        self.push(Line {
            id,
            sku: wanted.sku.clone(),
            product_id: seen.product_id,
            name: seen.name,
            quantity: wanted.quantity,
            unit_price: seen.price,
            store: wanted.store.clone(),
            note: wanted.note.clone(),
            metadata: wanted.metadata.clone(),
        });
        Ok(())
    }

    /// Puts a line with its id at the end: higher than those before it.
    pub(super) fn push(&mut self, line: Line) {
        let position = self.lines.len();
        if let Some(index) = &mut self.index {
            index.entry(line.sku.clone()).or_default().push(position);
        }
        self.lines.push(Arc::new(line));
        self.written.push(position);
    }

    /// Puts a line where its id belongs.
    pub(super) fn insert(&mut self, line: Line) {
        let position = self.lines.partition_point(|known| known.id < line.id);
        self.lines.insert(position, Arc::new(line));
        self.written.push(position);
    }

    /// The lines that were written.
    pub(super) fn written(&self) -> impl Iterator<Item = &Line> {
        self.written
            .iter()
            .filter_map(|position| self.lines.get(*position))
            .map(Arc::as_ref)
    }

    /// The lines for a new cart, and the number of its next one.
    pub(super) fn into_lines(self) -> (Vec<Arc<Line>>, u32) {
        (self.lines, self.next)
    }

    /// What has changed since the cart was loaded; nothing: no event.
    pub(super) fn finish(self, rules: &Rules, now: Time) -> Option<Event> {
        let (set, removed) = difference(&self.cart.lines, self.lines);
        if set.is_empty() && removed.is_empty() {
            return None;
        }
        let expires_at = self.cart.expiry(rules, now);
        Some(Event::LinesChanged(LinesChanged {
            set,
            removed,
            next_line: self.next,
            expires_at,
        }))
    }
}

/// Both are sorted by id, so one walk is enough.
fn difference(before: &[Arc<Line>], after: Vec<Arc<Line>>) -> (Vec<Arc<Line>>, Vec<LineId>) {
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    let mut old = before.iter().peekable();
    for line in after {
        while let Some(gone) = old.next_if(|known| known.id < line.id) {
            removed.push(gone.id);
        }
        let known = old.next_if(|known| known.id == line.id);
        if known.is_none_or(|known| !Arc::ptr_eq(known, &line) && **known != *line) {
            set.push(line);
        }
    }
    removed.extend(old.map(|line| line.id));
    (set, removed)
}
