//! A stock level and its movements. Every change of a level is one movement and raises its version by one.

use super::Shortage;
use crate::entity::Entity;
use crate::planted::{Bug, planted};
use crate::{ReservationId, Sku, StoreId, Time, TransferId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Whether more may be promised than lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackorderMode {
    /// No.
    #[default]
    None,
    /// Yes: more is on its way.
    Backorder,
    /// Yes: it has not been there yet.
    Preorder,
}

/// How much may be promised beyond stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backorder {
    /// Whether at all.
    pub mode: BackorderMode,
    /// At most so many units at a time.
    pub limit: i64,
    /// When it is expected, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_from: Option<Time>,
}

/// What an operator sets on a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Units never promised.
    pub safety_stock: i64,
    /// `stock.low` is told when available falls to this or below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_stock: Option<i64>,
    /// Promises beyond stock.
    #[serde(default)]
    pub backorder: Backorder,
}

/// Which level: a SKU at a location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LevelKey {
    /// What.
    pub sku: Sku,
    /// Where.
    pub store: StoreId,
}

/// The stock of one SKU at one location, in units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// What and where.
    pub key: LevelKey,
    /// What lies there.
    pub on_hand: i64,
    /// Held by pending reservations.
    pub reserved: i64,
    /// Sold by orders and not yet shipped.
    pub allocated: i64,
    /// Given to another channel to sell.
    pub granted: i64,
    /// Promised beyond stock; waits for receipts.
    pub backordered: i64,
    /// What an operator set.
    pub settings: Settings,
    /// Who waits for receipts, first come first served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<(ReservationId, i64)>,
    /// Set as long as more is promised than lies there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortage: Option<Shortage>,
    /// When it last changed.
    pub updated_at: Time,
    /// Raised by each movement.
    pub version: u64,
}

impl Level {
    /// A level before its first movement.
    pub fn empty(key: LevelKey) -> Self {
        Self {
            key,
            on_hand: 0,
            reserved: 0,
            allocated: 0,
            granted: 0,
            backordered: 0,
            settings: Settings::default(),
            waiting: Vec::new(),
            shortage: None,
            updated_at: Time(0),
            version: 0,
        }
    }

    /// Units already promised out of what lies there.
    pub fn promised(&self) -> i64 {
        if planted(Bug::AllocatedCountsFree) {
            return self.reserved + self.granted;
        }
        self.reserved + self.allocated + self.granted
    }

    /// Units that can still be promised from stock; never negative.
    pub fn available(&self) -> i64 {
        (self.on_hand - self.promised() - self.settings.safety_stock).max(0)
    }

    /// Units that can be promised at all: from stock, then beyond it where that is allowed.
    pub fn sellable(&self) -> i64 {
        self.available() + self.backorder_room()
    }

    /// Units that can still be promised beyond stock.
    pub fn backorder_room(&self) -> i64 {
        match self.settings.backorder.mode {
            BackorderMode::None => 0,
            BackorderMode::Backorder | BackorderMode::Preorder => {
                (self.settings.backorder.limit - self.backordered).max(0)
            }
        }
    }

    /// What those who wait get when `received` more units can be promised: first come, first served.
    pub fn fills(&self, received: i64) -> Vec<(ReservationId, i64)> {
        let free = self.on_hand - self.promised() - self.settings.safety_stock + received;
        let mut left = free.max(0);
        let mut fills = Vec::new();
        for (reservation, wanted) in &self.waiting {
            let got = left.min(*wanted);
            if got > 0 {
                fills.push((*reservation, got));
                left -= got;
            }
        }
        fills
    }

    fn movement(&self, kind: MovementKind) -> Movement {
        Movement {
            kind,
            on_hand: self.on_hand,
            reserved: self.reserved,
            ..Movement::default()
        }
    }

    /// A movement of `on_hand` and `reserved` from this state.
    pub fn moved(&self, kind: MovementKind, on_hand_delta: i64, reserved_delta: i64) -> Movement {
        let mut movement = self.movement(kind);
        movement.on_hand_delta = on_hand_delta;
        movement.reserved_delta = reserved_delta;
        movement.on_hand += on_hand_delta;
        movement.reserved += reserved_delta;
        movement
    }

    /// A movement that changes `on_hand` and gives what becomes free to those who wait.
    pub fn received(&self, kind: MovementKind, on_hand_delta: i64) -> Movement {
        self.freed(kind, on_hand_delta, on_hand_delta)
    }

    /// A movement that changes `on_hand` and frees units, which those who wait get first.
    pub fn freed(&self, kind: MovementKind, on_hand_delta: i64, freed: i64) -> Movement {
        let fills = if self.waiting.is_empty() {
            Vec::new()
        } else {
            self.fills(freed)
        };
        let filled: i64 = fills.iter().map(|(_, units)| units).sum();
        let mut movement = self.moved(kind, on_hand_delta, filled);
        movement.backordered_delta = -filled;
        movement.fills = fills;
        movement
    }
}

/// Why a level moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum MovementKind {
    #[default]
    Adjusted,
    Counted,
    Configured,
    Reserved,
    Released,
    Confirmed,
    Expired,
    Allocated,
    Shipped,
    Restocked,
    TransferOut,
    TransferIn,
    Granted,
    GrantReturned,
}

impl MovementKind {
    /// Every kind with its spelling; the place in the list is its number in stored events.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Adjusted, "adjusted"),
        (Self::Counted, "counted"),
        (Self::Configured, "configured"),
        (Self::Reserved, "reserved"),
        (Self::Released, "released"),
        (Self::Confirmed, "confirmed"),
        (Self::Expired, "expired"),
        (Self::Allocated, "allocated"),
        (Self::Shipped, "shipped"),
        (Self::Restocked, "restocked"),
        (Self::TransferOut, "transfer_out"),
        (Self::TransferIn, "transfer_in"),
        (Self::Granted, "granted"),
        (Self::GrantReturned, "grant_returned"),
    ];

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// One change of a level: what moved, what is there after it, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Movement {
    /// Why.
    pub kind: MovementKind,
    /// Change of what lies there.
    pub on_hand_delta: i64,
    /// Change of what is held.
    pub reserved_delta: i64,
    /// Change of what is sold and not shipped.
    pub allocated_delta: i64,
    /// Change of what another channel may sell.
    pub granted_delta: i64,
    /// Change of what is promised beyond stock.
    pub backordered_delta: i64,
    /// What lies there after it.
    pub on_hand: i64,
    /// What is held after it.
    pub reserved: i64,
    /// The hold that caused it.
    pub reservation: Option<ReservationId>,
    /// The client's name for that hold.
    pub reference: Option<SmolStr>,
    /// The transfer that caused it.
    pub transfer: Option<TransferId>,
    /// Free text of the caller.
    pub reason: Option<SmolStr>,
    /// The settings after it, when they changed.
    pub settings: Option<Settings>,
    /// How many missing units somebody has accepted.
    pub accepted_shortage: Option<i64>,
    /// Who of the waiting got how many units.
    pub fills: Vec<(ReservationId, i64)>,
}

impl Entity for Level {
    type Key = LevelKey;
    type Event = Movement;

    fn apply(state: &mut Option<Arc<Self>>, key: &LevelKey, movement: &Movement, at: Time) {
        let level = Arc::make_mut(state.get_or_insert_with(|| Arc::new(Self::empty(key.clone()))));
        level.on_hand += movement.on_hand_delta;
        level.reserved += movement.reserved_delta;
        level.allocated += movement.allocated_delta;
        level.granted += movement.granted_delta;
        level.backordered += movement.backordered_delta;
        if let Some(settings) = movement.settings {
            level.settings = settings;
        }
        queue(level, movement);
        level.note_shortage(movement.accepted_shortage, at);
        level.updated_at = at;
        if planted(Bug::LevelVersionStays) && movement.kind == MovementKind::Expired {
            return;
        }
        level.version += 1;
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn queue(level: &mut Level, movement: &Movement) {
    if let Some(reservation) = movement.reservation {
        if movement.backordered_delta > 0 {
            level
                .waiting
                .push((reservation, movement.backordered_delta));
        } else if movement.backordered_delta < 0 && movement.fills.is_empty() {
            level.waiting.retain(|(waiting, _)| *waiting != reservation);
        }
    }
    for (reservation, units) in &movement.fills {
        if let Some(place) = level
            .waiting
            .iter_mut()
            .find(|(waiting, _)| waiting == reservation)
        {
            place.1 -= units;
        }
    }
    level.waiting.retain(|(_, units)| *units > 0);
}

/// Something worth telling about a level, beside its movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Available fell to the low-stock mark or below.
    Low,
    /// Nothing is available any more.
    OutOfStock,
    /// Something is available again.
    BackInStock,
    /// More is promised than lies there.
    Shortage,
}

/// How a level stood before a movement, as far as notices care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    available: i64,
    short: bool,
}

impl Level {
    /// How it stands now.
    pub fn standing(&self) -> Standing {
        Standing {
            available: self.available(),
            short: self.on_hand < self.promised(),
        }
    }
}

impl Notice {
    /// What a change of a level is worth telling; at most one thing of each kind. `before`: `None` for a new level.
    pub fn between(before: Option<Standing>, after: &Level) -> impl Iterator<Item = Self> {
        let available = before.map_or(0, |standing| standing.available);
        let was_short = before.is_some_and(|standing| standing.short);
        let now = after.standing();
        let low = after
            .settings
            .low_stock
            .is_some_and(|mark| now.available <= mark && available > mark);
        [
            low.then_some(Self::Low),
            (available > 0 && now.available == 0).then_some(Self::OutOfStock),
            (before.is_some() && available == 0 && now.available > 0).then_some(Self::BackInStock),
            (!was_short && now.short).then_some(Self::Shortage),
        ]
        .into_iter()
        .flatten()
    }

    /// Its type in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "stock.low",
            Self::OutOfStock => "stock.out",
            Self::BackInStock => "stock.back",
            Self::Shortage => "stock.shortage",
        }
    }
}

#[cfg(test)]
mod tests;
