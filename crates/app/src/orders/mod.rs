//! Orders: the commands on them, and who brings money back.
//!
//! A refund is recorded, with its credit note, before anybody is asked; [`Refunds`] asks and hands in the answers, and may die at any
//! moment.

mod ask;
mod cancel;
mod document;
mod driver;
mod exchange;
mod fulfill;
mod refund;
mod resolve;
mod returns;
mod stock;

pub use cancel::{CancelOrder, RefundCancelled};
pub use document::{DocumentKind, DocumentNumber};
pub use driver::{Overdue, Refunds};
pub(crate) use exchange::exchanged;
pub use fulfill::FulfillOrder;
pub(crate) use refund::payments;
pub use refund::{HearRefund, RefundOrder};
pub use resolve::ResolveRefund;
pub use returns::{CancelReturn, ReceiveReturn, RequestReturn};
pub(crate) use stock::Levels;

use crate::nouns::{Event, Key};
use crate::shop::Decided;
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::order::{Event as OrderEvent, Order, To};
use cartwright_domain::{OrderId, Refusal, Time};
use smol_str::SmolStr;
use std::sync::Arc;

/// Which order a command is about, and the version it must have.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Which order.
    pub id: OrderId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Target {
    /// The order, if it is there and as the caller knows it.
    fn find(self, work: &Work) -> Result<&Arc<Order>, Stop> {
        let found = existing(work, self.id)?;
        check_version(self.expected_version, found.version)?;
        Ok(found)
    }

    /// What a decision on the order comes to.
    fn decided(self, events: Vec<Event>, created: bool) -> Decided {
        Decided {
            events,
            answer: Key::Order(self.id),
            created,
        }
    }
}

pub(crate) fn existing(work: &Work, id: OrderId) -> Result<&Arc<Order>, Stop> {
    let found = work.order(&id)?;
    Ok(found.ok_or_else(|| Refusal::not_found("order", id))?)
}

/// Whether the request with this key did its work before, by what is known of those who did: their key and what they asked for.
///
/// Refused: `KeyReused` when it asked for something else.
pub(crate) fn is_repeated<'a>(
    mut known: impl Iterator<Item = &'a (SmolStr, SmolStr)>,
    key: &SmolStr,
    body: &SmolStr,
) -> Result<bool, Refusal> {
    match known.find(|(known, _)| known == key) {
        Some((_, asked)) if asked != body => Err(Refusal::KeyReused),
        found => Ok(found.is_some()),
    }
}

/// Refused: `Invalid` (`to`) when money of the order cannot go there.
pub(crate) fn check_to(order: &Order, to: To) -> Result<(), Refusal> {
    if to == To::Wallet && order.customer.is_none() {
        let detail = "only an order with a customer_id can be paid back to a wallet";
        return Err(Refusal::invalid("to", "customer_required", detail));
    }
    Ok(())
}

/// The order as it is after an event.
fn after(order: &Arc<Order>, event: &OrderEvent, now: Time) -> Arc<Order> {
    let mut state = Some(order.clone());
    Order::apply(&mut state, &order.id, event, now);
    state.unwrap_or_else(|| order.clone())
}
