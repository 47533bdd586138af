//! Moves of stock between two locations: what left is in transit until it is received or comes back.

use super::{Level, Movement, MovementKind};
use crate::entity::Entity;
use crate::{Refusal, Sku, StoreId, Time, TransferId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a transfer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum State {
    InTransit,
    Received,
    Cancelled,
}

impl State {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InTransit => "in_transit",
            Self::Received => "received",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Units of a SKU on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Made by us.
    pub id: TransferId,
    /// What.
    pub sku: Sku,
    /// Where it left.
    pub from: StoreId,
    /// Where it goes.
    pub to: StoreId,
    /// How many.
    pub quantity: i64,
    /// Where it is in its life.
    pub state: State,
    /// When it left.
    pub created_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to a transfer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The units left.
    Started {
        /// What.
        sku: Sku,
        /// Where it left.
        from: StoreId,
        /// Where it goes.
        to: StoreId,
        /// How many.
        quantity: i64,
    },
    /// They arrived.
    Received,
    /// They came back.
    Cancelled,
}

impl Entity for Transfer {
    type Key = TransferId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &TransferId, event: &Event, at: Time) {
        match event {
            Event::Started { sku, from, to, quantity } => {
                *state = Some(Arc::new(Self {
                    id: *key,
                    sku: sku.clone(),
                    from: from.clone(),
                    to: to.clone(),
                    quantity: *quantity,
                    state: State::InTransit,
                    created_at: at,
                    version: 1,
                }));
            }
            Event::Received => finish(state, State::Received),
            Event::Cancelled => finish(state, State::Cancelled),
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn finish(transfer: &mut Option<Arc<Transfer>>, state: State) {
    let Some(transfer) = transfer.as_mut().map(Arc::make_mut) else { return };
    transfer.state = state;
    transfer.version += 1;
}

/// Takes `quantity` units from a level; only what is available may leave.
///
/// Errors: [`Refusal::InsufficientStock`].
pub fn start(id: TransferId, from: &Level, to: &StoreId, quantity: i64) -> Result<(Event, Movement), Refusal> {
    if from.available() < quantity {
        return Err(Refusal::short(&from.key.sku, quantity, from.available()));
    }
    let mut movement = from.moved(MovementKind::TransferOut, -quantity, 0);
    movement.transfer = Some(id);
    let (sku, store) = (from.key.sku.clone(), from.key.store.clone());
    Ok((Event::Started { sku, from: store, to: to.clone(), quantity }, movement))
}

/// Puts the units down at `to`. `None`: received already.
///
/// Errors: [`Refusal::InvalidState`] when it was cancelled.
pub fn receive(transfer: &Transfer, to: &Level) -> Result<Option<(Event, Movement)>, Refusal> {
    settle(transfer, State::Received, Event::Received, to)
}

/// Puts the units back at `from`. `None`: cancelled already.
///
/// Errors: [`Refusal::InvalidState`] when it was received.
pub fn cancel(transfer: &Transfer, from: &Level) -> Result<Option<(Event, Movement)>, Refusal> {
    settle(transfer, State::Cancelled, Event::Cancelled, from)
}

fn settle(transfer: &Transfer, state: State, event: Event, level: &Level) -> Result<Option<(Event, Movement)>, Refusal> {
    if transfer.state == state {
        return Ok(None);
    }
    if transfer.state != State::InTransit {
        let detail = format!("transfer {} is {}", transfer.id, transfer.state.as_str());
        return Err(Refusal::InvalidState { state: transfer.state.as_str(), detail });
    }
    let mut movement = level.received(MovementKind::TransferIn, transfer.quantity);
    movement.transfer = Some(transfer.id);
    Ok(Some((event, movement)))
}
