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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_there_until_it_is_erased_and_shown_to_nobody() {
        let payment = PaymentId(3);
        let token = "tok_secret".to_owned();
        let given = Arc::new(Instrument { payment, token });
        let mut state = None;
        let recorded = InstrumentEvent::Recorded(given.clone());
        Instrument::apply(&mut state, &payment, &recorded, Time(1));
        assert_eq!(state, Some(given.clone()));
        assert_eq!(given.version(), 1);
        assert_eq!(format!("{given:?}"), format!("Instrument({payment})"));
        Instrument::apply(&mut state, &payment, &InstrumentEvent::Erased, Time(2));
        assert_eq!(state, None);
    }
}
