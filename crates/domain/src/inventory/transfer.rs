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
            Event::Started {
                sku,
                from,
                to,
                quantity,
            } => {
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
    let Some(transfer) = transfer.as_mut().map(Arc::make_mut) else {
        return;
    };
    transfer.state = state;
    transfer.version += 1;
}

/// Takes `quantity` units from a level; only what is available may leave.
///
/// Errors: [`Refusal::InsufficientStock`].
pub fn start(
    id: TransferId,
    from: &Level,
    to: &StoreId,
    quantity: i64,
) -> Result<(Event, Movement), Refusal> {
    if from.available() < quantity {
        return Err(Refusal::short(&from.key.sku, quantity, from.available()));
    }
    let mut movement = from.moved(MovementKind::TransferOut, -quantity, 0);
    movement.transfer = Some(id);
    let (sku, store) = (from.key.sku.clone(), from.key.store.clone());
    Ok((
        Event::Started {
            sku,
            from: store,
            to: to.clone(),
            quantity,
        },
        movement,
    ))
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

fn settle(
    transfer: &Transfer,
    state: State,
    event: Event,
    level: &Level,
) -> Result<Option<(Event, Movement)>, Refusal> {
    if transfer.state == state {
        return Ok(None);
    }
    if transfer.state != State::InTransit {
        let detail = format!("transfer {} is {}", transfer.id, transfer.state.as_str());
        return Err(Refusal::InvalidState {
            state: transfer.state.as_str(),
            detail,
        });
    }
    let mut movement = level.received(MovementKind::TransferIn, transfer.quantity);
    movement.transfer = Some(transfer.id);
    Ok(Some((event, movement)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{after, key, level, store_id};
    use super::*;

    const ID: TransferId = TransferId(4);

    fn moved(transfer: Option<Transfer>, event: &Event) -> Transfer {
        let mut state = transfer.map(Arc::new);
        Transfer::apply(&mut state, &ID, event, Time(7));
        Arc::unwrap_or_clone(state.expect("a transfer"))
    }

    fn started() -> Transfer {
        let started = start(ID, &level(5), &store_id("branch"), 3);
        moved(None, &started.expect("enough").0)
    }

    #[test]
    fn only_what_is_available_leaves() {
        let from = Level {
            reserved: 2,
            ..level(5)
        };
        let (event, movement) = start(ID, &from, &store_id("branch"), 3).expect("enough");
        assert_eq!(movement.kind, MovementKind::TransferOut);
        assert_eq!(movement.transfer, Some(ID));
        let left = after(&from, &movement);
        assert_eq!((left.on_hand, left.available()), (2, 0));
        let transfer = moved(None, &event);
        let expected = Transfer {
            id: ID,
            sku: from.key.sku.clone(),
            from: from.key.store.clone(),
            to: store_id("branch"),
            quantity: 3,
            state: State::InTransit,
            created_at: Time(7),
            version: 1,
        };
        assert_eq!(transfer, expected);
        assert_eq!(transfer.version(), 1);
        let refused = Err(Refusal::short(&from.key.sku, 4, 3));
        assert_eq!(start(ID, &from, &store_id("branch"), 4), refused);
    }

    #[test]
    fn units_arrive_or_come_back_once() {
        let to = Level::empty(key("A", "branch"));
        type Settle = fn(&Transfer, &Level) -> Result<Option<(Event, Movement)>, Refusal>;
        let rows: [(Settle, Settle, State); 2] = [
            (receive, cancel, State::Received),
            (cancel, receive, State::Cancelled),
        ];
        for (settle, otherwise, state) in rows {
            let (event, movement) = settle(&started(), &to)
                .expect("in transit")
                .expect("it changes");
            assert_eq!(movement.kind, MovementKind::TransferIn);
            assert_eq!(movement.transfer, Some(ID));
            assert_eq!(after(&to, &movement).on_hand, 3);
            let ended = moved(Some(started()), &event);
            assert_eq!((ended.state, ended.version()), (state, 2));
            assert_eq!(settle(&ended, &to), Ok(None));
            let refused = otherwise(&ended, &to);
            let word = state.as_str();
            assert!(
                matches!(&refused, Err(Refusal::InvalidState { state, detail })
                    if *state == word && detail.ends_with(word)),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        for state in [State::InTransit, State::Received, State::Cancelled] {
            let word = serde_json::to_value(state).expect("a word");
            assert_eq!(word, state.as_str());
        }
    }
}
