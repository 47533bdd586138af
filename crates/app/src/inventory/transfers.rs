//! Moving stock between locations.

use super::{moved, require_level, require_store};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{self, Level, LevelKey};
use cartwright_domain::{Refusal, Sku, StoreId, TransferId};

/// Sends units from one location to another.
#[derive(Debug)]
pub struct StartTransfer {
    /// What.
    pub sku: Sku,
    /// From where.
    pub from: StoreId,
    /// To where; another location.
    pub to: StoreId,
    /// How many.
    pub quantity: i64,
    /// The version the level at `from` must have.
    pub expected_version: Option<u64>,
}

impl Command for StartTransfer {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Level(LevelKey { sku: self.sku.clone(), store: self.from.clone() }));
        keys.push(Key::Store(self.to.clone()));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let key = LevelKey { sku: self.sku.clone(), store: self.from.clone() };
        require_store(work, &self.from)?;
        require_store(work, &self.to)?;
        let level = require_level(work, &key)?;
        check_version(self.expected_version, level.version)?;
        let id = TransferId(moment.ids.fresh(moment.now));
        let (started, movement) = inventory::start(id, level, &self.to, self.quantity)?;
        let mut events = vec![Event::Transfer(id, started)];
        events.extend(moved(key, movement));
        Ok(Decided { events, answer: Key::Transfer(id), created: true })
    }
}

/// How a transfer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEnd {
    /// The units arrived.
    Receive,
    /// They came back.
    Cancel,
}

/// Ends a transfer.
#[derive(Debug)]
pub struct EndTransfer {
    /// Which.
    pub id: TransferId,
    /// How.
    pub end: TransferEnd,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for EndTransfer {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Transfer(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let transfer = work.transfer(&self.id)?.ok_or_else(|| Refusal::not_found("transfer", self.id))?;
        check_version(self.expected_version, transfer.version)?;
        let place = match self.end {
            TransferEnd::Receive => &transfer.to,
            TransferEnd::Cancel => &transfer.from,
        };
        let key = LevelKey { sku: transfer.sku.clone(), store: place.clone() };
        let empty = Level::empty(key.clone());
        let level = work.level(&key)?.map_or(&empty, AsRef::as_ref);
        let ended = match self.end {
            TransferEnd::Receive => inventory::receive(transfer, level)?,
            TransferEnd::Cancel => inventory::cancel(transfer, level)?,
        };
        let mut events = Vec::new();
        if let Some((ended, movement)) = ended {
            events.push(Event::Transfer(self.id, ended));
            events.extend(moved(key, movement));
        }
        Ok(Decided { events, answer: Key::Transfer(self.id), created: false })
    }
}
