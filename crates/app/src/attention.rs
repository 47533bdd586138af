//! What somebody must look at, of every kind: where it is listed and where it is counted.

use crate::checkouts::saga::{Difference, Driver};
use crate::fault::Fault;
use crate::nouns::Record;
use crate::orders::{Overdue, Refunds};
use crate::ports::CheckoutsWanted;
use crate::shop::Shop;
use cartwright_domain::checkout::{Checkout, State};
use cartwright_domain::inventory::Level;
use std::sync::Arc;

/// Most of each kind.
const MOST: usize = 1_000;

/// Something that somebody must look at.
#[derive(Debug, Clone)]
pub enum Attention {
    /// A checkout whose money stays undecided.
    Checkout(Arc<Checkout>),
    /// A payment that its provider shows otherwise.
    Payment(Difference),
    /// A refund that no provider would say was made.
    Refund(Overdue),
    /// A level of which more is promised than lies there.
    Shortage(Arc<Level>),
}

/// All of it, at most 1,000 of each kind.
///
/// Errors: [`Fault`] of the store.
pub async fn list(shop: &Shop, saga: &Driver, refunds: &Refunds) -> Result<Vec<Attention>, Fault> {
    let wanted = CheckoutsWanted {
        state: Some(State::NeedsAttention),
        cart: None,
    };
    let (checkouts, levels) = shop
        .read(move |store| {
            let checkouts = store.list_checkouts(wanted, &None, MOST)?;
            Ok((checkouts, store.list_shortages(MOST)?))
        })
        .await?;
    let mut all = Vec::new();
    for record in checkouts.items.into_iter().chain(levels.items) {
        match record {
            Record::Checkout(it) => all.push(Attention::Checkout(it)),
            Record::Level(it) if it.is_short() => all.push(Attention::Shortage(it)),
            _ => {}
        }
    }
    all.extend(saga.named_differences().into_iter().map(Attention::Payment));
    let overdue = refunds.overdue(MOST).await?;
    all.extend(overdue.into_iter().map(Attention::Refund));
    Ok(all)
}
