//! What a card is charged through: a provider's stand-in for it, kept only as long as a payment may still need it.

use crate::entity::Entity;
use crate::{PaymentId, Time};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A provider's stand-in for a card. It is in no event and in no text made for people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Which payment it is for.
    pub payment: PaymentId,
    /// What the provider gave the buyer's browser.
    pub token: String,
}

impl fmt::Debug for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instrument({})", self.payment)
    }
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq)]
pub enum InstrumentEvent {
    /// It was given.
    Recorded(Arc<Instrument>),
    /// Nobody needs it any more.
    Erased,
}

impl Entity for Instrument {
    type Key = PaymentId;
    type Event = InstrumentEvent;

    fn apply(state: &mut Option<Arc<Self>>, _: &PaymentId, event: &InstrumentEvent, _: Time) {
        *state = match event {
            InstrumentEvent::Recorded(instrument) => Some(instrument.clone()),
            InstrumentEvent::Erased => None,
        };
    }

    fn version(&self) -> u64 {
        1
    }
}
