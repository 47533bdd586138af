//! The trials: this list is what `prove` does, in its order.

mod carts;
mod keys;
mod kills;
mod last_units;
mod one_cart;
mod purchases;
mod webhooks;

use super::stage::Stage;
use std::future::Future;
use std::pin::Pin;

/// What a trial cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// Purchases are made.
    Buying,
    /// The shop may be killed.
    Killing,
}

type Run = for<'a> fn(&'a Stage<'a>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// One kind of trouble, and what must hold under it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    pub(super) name: &'static str,
    /// What is tried, in one sentence.
    pub(super) says: &'static str,
    pub(super) needs: Needs,
    /// Its part of the time, in relation to the others'.
    pub(super) share: u32,
    pub(super) run: Run,
}

/// All trials.
pub(super) const TRIALS: &[Trial] = &[
    Trial {
        name: "last units",
        says: "More buyers than units reserve at the same moment.",
        needs: Needs::Nothing,
        share: 3,
        run: |stage| Box::pin(last_units::run(stage)),
    },
    Trial {
        name: "keys replayed",
        says: "The same write is sent again with its key: at once, later, after hanging up; and with another body.",
        needs: Needs::Nothing,
        share: 3,
        run: |stage| Box::pin(keys::run(stage)),
    },
    Trial {
        name: "carts",
        says: "Several clients change one cart at the same moment, each on the version that it has read.",
        needs: Needs::Nothing,
        share: 3,
        run: |stage| Box::pin(carts::run(stage)),
    },
    Trial {
        name: "one cart, many payers",
        says: "One cart is paid for by up to 50 clients at the same moment, with one key or with one each.",
        needs: Needs::Buying,
        share: 4,
        run: |stage| Box::pin(one_cart::run(stage)),
    },
    Trial {
        name: "purchases of the last units",
        says: "More carts than units are paid for at the same moment, some with cards that are declined; some orders are cancelled.",
        needs: Needs::Buying,
        share: 5,
        run: |stage| Box::pin(purchases::run(stage)),
    },
    Trial {
        name: "webhooks",
        says: "The provider's messages come twice, late, out of order, and forged.",
        needs: Needs::Buying,
        share: 3,
        run: |stage| Box::pin(webhooks::run(stage)),
    },
    Trial {
        name: "kill -9",
        says: "The shop is killed in the middle of writes and purchases and started again.",
        needs: Needs::Killing,
        share: 12,
        run: |stage| Box::pin(kills::run(stage)),
    },
];
