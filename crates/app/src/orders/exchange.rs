//! What an exchange does to the order whose units come back, once the new one is paid.

use super::existing;
use super::refund::{Start, start_of};
use crate::nouns::Event;
use crate::shop::Moment;
use crate::work::{Stop, Work};
use cartwright_domain::checkout::ExchangeOf;
use cartwright_domain::order::{Cause, Event as OrderEvent, Sum, To};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{OrderId, Refusal};
use smol_str::SmolStr;

/// The new order stands: the units are expected back, and what was paid for them is credited, for it pays for the new ones.
pub(crate) fn exchanged(
    work: &Work,
    of: ExchangeOf,
    made: OrderId,
    moment: &mut Moment<'_>,
) -> Result<Vec<Event>, Stop> {
    let order = existing(work, of.order)?;
    let exchange = order.exchange(of.exchange);
    let exchange = exchange.ok_or_else(|| Refusal::not_found("exchange", of.exchange))?;
    let placed = OrderEvent::ExchangePlaced {
        id: of.exchange,
        order: made,
        back: exchange.started.return_id,
    };
    let mut events = vec![Event::Order(order.id, placed)];
    if exchange.value() > 0 && !planted(Bug::ExchangeNotCredited) {
        let why = Start {
            reason: SmolStr::new_static("exchange"),
            asked: None,
            cause: Some(Cause::Exchanged(of.exchange)),
            to: To::Exchange,
            takes_back: false,
            by: exchange.started.by.clone(),
        };
        let sum = Sum {
            amount: exchange.credit(),
            shipping: 0,
            lines: exchange.credited(),
        };
        let credit = exchange.started.credit.clone();
        events.extend(start_of(work, order, sum, credit, why, moment)?);
    }
    Ok(events)
}
