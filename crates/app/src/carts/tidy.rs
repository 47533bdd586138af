//! The end of carts that nobody writes to: first they expire, later they go.

use super::Target;
use crate::checkouts::cancel_with_cart;
use crate::fault::Fault;
use crate::nouns::Key;
use crate::ports::ReadStore;
use crate::shop::{Command, Decided, Moment, Reply, Shop, Submission};
use crate::work::{Stop, Work};
use cartwright_domain::cart::{self, Rules};
use cartwright_domain::{CartId, Time};
use smol_str::SmolStr;
use tokio::task::JoinSet;

/// Things asked for, and commands waiting for the loop, at a time.
pub(crate) const AT_ONCE: usize = 256;
/// How long a command of the sweep may wait.
const WAIT_NS: u64 = 30_000_000_000;

/// Marks an open cart whose time is over, and cancels its open checkout; any other stays as it is. Refused: `NotFound` (`cart`).
#[derive(Debug)]
pub struct ExpireCart {
    /// Which cart.
    pub id: CartId,
}

/// Removes a cart that ended long enough ago, with its open checkout cancelled; any other stays as it is. Refused: `NotFound` (`cart`).
#[derive(Debug)]
pub struct PurgeCart {
    /// Which cart.
    pub id: CartId,
    /// How long ago is long enough.
    pub rules: Rules,
}

fn any_version(id: CartId) -> Target {
    Target {
        id,
        expected_version: None,
    }
}

/// The end of a cart ends its open checkout.
fn with_checkout(
    work: &Work,
    target: Target,
    event: Option<cart::Event>,
    now: Time,
) -> Result<Decided, Stop> {
    let cancelled = match &event {
        Some(_) => cancel_with_cart(work, target.id, now)?,
        None => Vec::new(),
    };
    let mut decided = target.decided(event);
    decided.events.splice(..0, cancelled);
    Ok(decided)
}

impl Command for ExpireCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Cart(self.id));
        keys.push(Key::CheckoutOf(self.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = any_version(self.id);
        let cart = target.find(work)?;
        with_checkout(work, target, cart::expire(cart, moment.now), moment.now)
    }
}

impl Command for PurgeCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Cart(self.id));
        keys.push(Key::CheckoutOf(self.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = any_version(self.id);
        let cart = target.find(work)?;
        let event = cart::purge(cart, &self.rules, moment.now);
        with_checkout(work, target, event, moment.now)
    }
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Carts whose time was over.
    pub expired: usize,
    /// Carts that are gone.
    pub purged: usize,
}

/// Ends the carts whose time is over and removes those that ended long ago. Meant to run every minute; a sweep that fails
/// leaves the rest to the next.
///
/// Errors: [`Fault`] when the store or the loop fails.
pub async fn tidy(shop: &Shop, rules: &Rules) -> Result<Tidied, Fault> {
    let now = Time(shop.clock().now_ms());
    let expired = sweep(
        shop,
        move |store| store.stale_carts(now, AT_ONCE),
        |id| Box::new(ExpireCart { id }),
    )
    .await?;
    let before = now.plus_seconds(rules.keep_seconds.saturating_neg());
    let purged = sweep(
        shop,
        move |store| store.closed_carts(before, AT_ONCE),
        |id| {
            let rules = rules.clone();
            Box::new(PurgeCart { id, rules })
        },
    )
    .await?;
    Ok(Tidied { expired, purged })
}

/// Runs a command on each thing of a list, page by page, until the list is empty or brings nothing new.
pub(crate) async fn sweep<Id: Copy + PartialEq + Send + 'static>(
    shop: &Shop,
    list: impl Fn(&dyn ReadStore) -> Result<Vec<Id>, Fault> + Clone + Send + 'static,
    command: impl Fn(Id) -> Box<dyn Command>,
) -> Result<usize, Fault> {
    let (mut done, mut before) = (0, Vec::new());
    loop {
        let ids = shop.read(list.clone()).await?;
        if ids.is_empty() || ids == before {
            return Ok(done);
        }
        let mut running = JoinSet::new();
        for id in &ids {
            let submission = submission(shop, command(*id));
            let shop = shop.clone();
            running.spawn(async move { shop.submit(submission).await });
        }
        while let Some(ended) = running.join_next().await {
            let answer = ended.map_err(|error| Fault::Unavailable(error.to_string()))??;
            done += usize::from(matches!(answer.reply, Reply::Decided(Ok(_))));
        }
        before = ids;
    }
}

fn submission(shop: &Shop, command: Box<dyn Command>) -> Submission {
    let system = SmolStr::new_static("system");
    Submission {
        command,
        keyed: None,
        actor: system.clone(),
        correlation: system,
        deadline_ns: shop.clock().monotonic_ns() + WAIT_NS,
    }
}
