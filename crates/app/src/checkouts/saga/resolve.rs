//! What an operator does about a checkout that needs attention.

use super::desk::Desk;
use crate::checkouts::Target;
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{AttemptState, SagaEvent};
use cartwright_domain::{CheckoutId, Refusal};
use smol_str::SmolStr;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is tried again now.
    Retry,
    /// It goes back, as if the buyer had given up. Only before there is an order.
    Undo,
    /// Its money was settled by hand: holds are released, an order is cancelled, and nobody is asked any more.
    Close,
}

impl Action {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Undo => "undo",
            Self::Close => "close",
        }
    }

    /// From its spelling.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Retry, Self::Undo, Self::Close]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// Does it, and writes down who did and why. Refused: `NotFound` (`checkout`), `InvalidState` for a checkout that is not being
/// completed, and for an undo after the order.
#[derive(Debug)]
pub struct Resolve {
    /// Which checkout.
    pub checkout: CheckoutId,
    /// What is done.
    pub action: Action,
    /// Why.
    pub note: SmolStr,
}

impl Command for Resolve {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = Target {
            id: self.checkout,
            expected_version: None,
        };
        let checkout = target.find(work)?;
        let state = checkout.state_at(moment.now).as_str();
        let running = checkout
            .attempt()
            .filter(|it| it.state == AttemptState::Running);
        let Some(running) = running else {
            let detail = format!("checkout {} is {state}: nothing is open", checkout.id);
            return Err(Refusal::InvalidState { state, detail }.into());
        };
        if self.action == Action::Undo && running.order.is_some() {
            let detail =
                "there is an order already: retry, or close what was settled by hand".into();
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        let mut desk = Desk::take(work, checkout, moment.now)?;
        desk.tell(SagaEvent::Resolved {
            action: SmolStr::new_static(self.action.as_str()),
            note: self.note.clone(),
        });
        match self.action {
            Action::Retry => desk.go(moment)?,
            Action::Undo => {
                desk.tell(SagaEvent::GivenUp);
                desk.go(moment)?;
            }
            Action::Close => desk.close()?,
        }
        Ok(desk.decided(false))
    }
}
