//! What this process knows of the log, as far as products go: enough to tell whether what was true at an earlier place of
//! it is still true. Bounded by its form: it never forgets a change, it only takes two things for one now and then.

use crate::events;
use crate::nouns::{Event, Key, Record};
use cartwright_domain::ProductId;
use cartwright_domain::catalog::Event as ProductEvent;
use cartwright_proto::events as proto;
use hashbrown::DefaultHashBuilder;
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// A place in the log that every process recognizes: after a batch that is like no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Position of the batch's last entry.
    pub position: u64,
    /// The batch's id: another history has another one there.
    pub batch: [u8; 16],
}

/// Entries of the log after which there is a stamp, whatever they are about.
const STAMP_EVERY: u64 = 1024;
/// Stamps that are remembered; entries with older ones do not count.
const STAMPS: usize = 1 << 16;
/// Places for changes. Things that share one are taken for each other: then an entry does not count that would.
const SLOTS: usize = 1 << 20;

/// The stamps this process has seen without a gap up to now, and when each product was last changed.
#[derive(Debug)]
pub struct History {
    stamps: VecDeque<Stamp>,
    changed: Box<[u64]>,
    hasher: DefaultHashBuilder,
    /// Position up to which all is known; `None` when that is not so of any.
    seen: Option<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self::with_slots(SLOTS)
    }
}

impl History {
    /// Knows nothing yet, and tells `slots` things apart, about.
    pub fn with_slots(slots: usize) -> Self {
        Self {
            stamps: VecDeque::new(),
            changed: vec![0; slots].into(),
            hasher: DefaultHashBuilder::default(),
            seen: None,
        }
    }

    /// There are changes that it was not told of: nothing from before counts.
    pub fn lose(&mut self) {
        self.stamps.clear();
        self.seen = None;
    }

    /// The next batch of the log. One that is already known is passed over; after a gap nothing from before it counts.
    pub fn follow(&mut self, batch: &proto::Batch) {
        let Some(last) = last_position(batch) else {
            return;
        };
        match self.seen {
            Some(seen) if last <= seen => return,
            Some(seen) if batch.first_position == seen + 1 => {}
            Some(_) | None => self.stamps.clear(),
        }
        self.seen = Some(last);
        match self.note(batch) {
            Noted::Nothing => {}
            Noted::Stamp(stamp) => self.remember(stamp),
            Noted::Unclear(stamp) => {
                self.stamps.clear();
                self.remember(stamp);
            }
        }
    }

    /// What was read of the log up to its end, so that a process need not begin without any past. `batches` follow each
    /// other and go to `through` or beyond, or nothing is learnt.
    pub fn learn(&mut self, batches: impl Iterator<Item = proto::Batch>, through: u64) {
        self.lose();
        let mut stamps: VecDeque<Stamp> = VecDeque::new();
        let mut seen = None;
        for batch in batches {
            let Some(last) = last_position(&batch) else {
                continue;
            };
            if seen.is_some_and(|seen| batch.first_position != seen + 1) {
                stamps.clear();
            }
            seen = Some(last);
            match self.note(&batch) {
                Noted::Nothing => {}
                Noted::Stamp(stamp) => stamps.push_back(stamp),
                Noted::Unclear(stamp) => stamps = VecDeque::from([stamp]),
            }
        }
        if seen.is_some_and(|seen| seen >= through) {
            // Only now: a stamp counts when every change after it is known.
            (self.stamps, self.seen) = (stamps, seen);
        } else if through == 0 {
            self.seen = Some(0);
        }
    }

    /// The last place that is known. What is loaded after this call is as new as it, or newer.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamps.back().copied()
    }

    /// Whether what was true of a key at a stamp is true of it now, as far as this process has followed the log.
    pub fn counts(&self, stamp: &Stamp, key: &Key, value: Option<&Record>) -> bool {
        let place = self
            .stamps
            .binary_search_by_key(&stamp.position, |it| it.position);
        let is_ours = place.is_ok_and(|place| self.stamps[place].batch == stamp.batch);
        let is_unchanged = |key: &Key| self.changed[self.slot(key)] <= stamp.position;
        let owner = match value {
            // What a name finds changes only by a change of that product.
            Some(Record::ProductId(id)) => is_unchanged(&Key::Product(id.clone())),
            _ => true,
        };
        is_ours && is_unchanged(key) && owner
    }

    fn remember(&mut self, stamp: Stamp) {
        if self.stamps.len() == STAMPS {
            self.stamps.pop_front();
        }
        self.stamps.push_back(stamp);
    }

    /// Takes note of what a batch changes.
    fn note(&mut self, batch: &proto::Batch) -> Noted {
        let (first, last) = (batch.first_position, last_position(batch).unwrap_or(0));
        let (mut is_stamp, mut is_clear) = (false, true);
        for entry in batch.entries.iter().filter(|it| is_of_product(it)) {
            is_stamp = true;
            match events::decode(entry) {
                Ok(Some(Event::Product(id, event))) => {
                    changed_keys(&id, &event, |key| {
                        let slot = self.slot(&key);
                        self.changed[slot] = self.changed[slot].max(last);
                    });
                }
                _ => is_clear = false,
            }
        }
        let is_milestone = first == 1 || (first - 1) / STAMP_EVERY != last / STAMP_EVERY;
        let Ok(batch) = <[u8; 16]>::try_from(batch.batch_id.as_slice()) else {
            return Noted::Nothing;
        };
        let stamp = Stamp {
            position: last,
            batch,
        };
        match (is_clear, is_stamp || is_milestone) {
            (false, _) => Noted::Unclear(stamp),
            (true, true) => Noted::Stamp(stamp),
            (true, false) => Noted::Nothing,
        }
    }

    fn slot(&self, key: &Key) -> usize {
        (self.hasher.hash_one(key) % self.changed.len() as u64) as usize
    }
}

/// What a batch means for what is known.
enum Noted {
    Nothing,
    Stamp(Stamp),
    /// It has an entry that cannot be understood: any product may have changed.
    Unclear(Stamp),
}

/// Whether an entry may change a product or what finds one. Every version of the program keeps to this.
fn is_of_product(entry: &proto::Entry) -> bool {
    entry.r#type.starts_with("product.")
}

fn last_position(batch: &proto::Batch) -> Option<u64> {
    let length = batch.entries.len() as u64;
    (length > 0 && batch.first_position > 0).then(|| batch.first_position + length - 1)
}

/// The keys that an event gives another value. A name that a product gives up is known by the product itself: see
/// [`History::counts`].
fn changed_keys(id: &ProductId, event: &ProductEvent, mut visit: impl FnMut(Key)) {
    visit(Key::Product(id.clone()));
    match event {
        ProductEvent::PriceSet { .. } => {}
        ProductEvent::Put { data, variants } => {
            visit(Key::Slug(data.slug.clone()));
            variants
                .iter()
                .for_each(|it| visit(Key::Sku(it.sku.clone())));
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
