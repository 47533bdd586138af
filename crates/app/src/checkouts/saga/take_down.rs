//! That a provider sent word: kept under the message's own key, so that a repeat is known. Nothing of it is believed.

use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::PaymentId;

/// Changes nothing and shows nothing; submitted with the message's key, it leaves the kept reply.
#[derive(Debug)]
pub struct TakeDown;

impl Command for TakeDown {
    fn plan(&self, _: &mut Vec<Key>) {}

    fn decide(&self, _: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        Ok(Decided {
            events: Vec::new(),
            answer: Key::Payment(PaymentId(0)),
            created: false,
        })
    }
}
