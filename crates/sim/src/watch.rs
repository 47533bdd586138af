//! What must be true at every commit, not only at the end: each batch is looked at as soon as it is written.

use crate::found::Found;
use crate::provider::Books;
use cartwright_app::inventory::CHECKOUT;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::payment::PaymentState;
use cartwright_app::ports::{Batch, ReadStore};
use cartwright_domain::checkout::{AttemptState, Checkout};
use cartwright_domain::inventory::{Level, Reservation, State as HoldState};
use cartwright_domain::order::{Order, Refund};
use cartwright_domain::payment::State as PaymentIs;
use cartwright_domain::wallet::Wallet;
use cartwright_domain::{CheckoutId, Time};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So long after a commit every node must show it, in microseconds: readers may be 100 ms behind.
pub(crate) const SHOWN_AFTER_US: u64 = 400_000;
/// Versions of one thing that are remembered.
const REMEMBERED: usize = 32;

/// Follows all commits, and what nodes show.
pub(crate) struct Watch {
    store: Arc<dyn ReadStore>,
    found: Found,
    books: Mutex<Vec<Arc<Mutex<Books>>>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When which version of a thing was written.
    versions: BTreeMap<Key, Vec<(u64, u64)>>,
    undone: BTreeSet<(CheckoutId, u32)>,
    last_ms: i64,
}

impl Watch {
    pub(crate) fn new(store: Arc<dyn ReadStore>, found: Found) -> Self {
        Self {
            store,
            found,
            books: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// These providers are asked what they hold.
    pub(crate) fn providers(&self, books: Vec<Arc<Mutex<Books>>>) {
        *self.books.lock() = books;
    }

    /// A batch was written at this moment.
    pub(crate) fn written(&self, batch: &Batch<'_>, now_us: u64) {
        let mut seen = self.seen.lock();
        let is_logged = !batch.log.entries.is_empty();
        let goes_on = !is_logged || batch.now.0 >= seen.last_ms;
        self.found.must("time-never-goes-back", goes_on, || {
            format!("a batch of {} after one of {}", batch.now.0, seen.last_ms)
        });
        if is_logged {
            seen.last_ms = seen.last_ms.max(batch.now.0);
        }
        for (key, value) in batch.changed {
            let Some(record) = value else { continue };
            let before = self.rises(&mut seen, key, record, now_us);
            match record {
                Record::Level(it) => self.level(it),
                Record::Order(it) => self.order(it, before == 0),
                Record::Checkout(it) => self.checkout(&mut seen, it),
                Record::Reservation(it) => self.hold(it, batch.now),
                Record::Wallet(it) => self.wallet(it),
                _ => {}
            }
        }
    }

    /// Notes a version; which one was before it.
    fn rises(&self, seen: &mut Seen, key: &Key, record: &Record, now_us: u64) -> u64 {
        let is_plain = matches!(
            record,
            Record::Contact(_) | Record::Instrument(_) | Record::WalletEntry(_)
        );
        let version = record.version();
        if is_plain || version == 0 {
            return 0;
        }
        let known = seen.versions.entry(key.clone()).or_default();
        let before = known.last().map_or(0, |(_, version)| *version);
        self.found.must("versions-rise", version > before, || {
            format!("version {version} of {key:?} was written after {before}")
        });
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((now_us, version));
        before
    }

    fn level(&self, level: &Level) {
        let is_sane = level.reserved >= 0 && level.allocated >= 0;
        self.found
            .must("stock-never-negative", is_sane, || format!("{level:?}"));
        let promised = level.reserved + level.allocated;
        self.found
            .must("never-oversold", promised <= level.on_hand, || {
                format!("{level:?}")
            });
    }

    fn hold(&self, hold: &Reservation, now: Time) {
        if hold.state != HoldState::Expired {
            return;
        }
        self.found
            .must("no-hold-ends-early", hold.expires_at <= now, || {
                format!("ended at {}: {hold:?}", now.0)
            });
        let checkout = hold
            .reference
            .strip_prefix(CHECKOUT)
            .and_then(|id| id.parse().ok());
        if let Some(id) = checkout
            && let Ok(Some(Record::Checkout(it))) = self.store.load(&Key::Checkout(id))
        {
            let needs = it
                .attempt()
                .is_some_and(|it| it.state == AttemptState::Running && it.reservation == hold.id);
            self.found
                .must("a-purchase-keeps-its-hold", !needs, || format!("{hold:?}"));
        }
    }

    /// What is held is there.
    fn wallet(&self, wallet: &Wallet) {
        for it in &wallet.balances {
            let held = wallet.held(it.currency);
            self.found
                .must("what-is-held-is-covered", held <= it.balance, || {
                    format!("{held} is held of {wallet:?}")
                });
        }
    }

    fn order(&self, order: &Order, is_new: bool) {
        let going_back: i64 = order.refunds.iter().map(Refund::counted).sum();
        self.found.must(
            "never-refunds-more-than-taken",
            going_back <= order.totals.total,
            || format!("{going_back} goes back of {order:?}"),
        );
        let has_left = order.lines.iter().any(|it| it.fulfilled > 0);
        self.found
            .must("nothing-leaves-unpaid", order.is_paid || !has_left, || {
                format!("{order:?}")
            });
        if is_new {
            self.is_due(order);
        }
    }

    /// Whether an order may have been made.
    fn is_due(&self, order: &Order) {
        let mut held = 0;
        for id in &order.payments {
            if let Ok(Some(Record::Payment(it))) = self.store.load(&Key::Payment(*id))
                && matches!(it.state, PaymentIs::Authorized | PaymentIs::Captured)
            {
                held += it.amount.minor;
            }
        }
        self.found.must(
            "no-order-without-its-money",
            held == order.totals.total,
            || format!("{held} was held for {order:?}"),
        );
        let Ok(Some(Record::Checkout(checkout))) = self.store.load(&Key::Checkout(order.checkout))
        else {
            return;
        };
        let Some(attempt) = checkout.attempts.iter().find(|it| it.n == order.attempt) else {
            return;
        };
        self.found.must(
            "no-order-after-the-deadline",
            order.placed_at < attempt.order_by,
            || format!("{order:?} of {attempt:?}"),
        );
        self.found
            .must("no-order-after-giving-up", !attempt.cancel, || {
                format!("{order:?}")
            });
    }

    fn checkout(&self, seen: &mut Seen, checkout: &Checkout) {
        let Some(attempt) = checkout.attempt() else {
            return;
        };
        if attempt.state != AttemptState::Undone || !seen.undone.insert((checkout.id, attempt.n)) {
            return;
        }
        for books in &*self.books.lock() {
            for it in &books.lock().payments {
                let is_its = attempt
                    .payments
                    .iter()
                    .any(|id| id.to_string() == it.reference);
                let is_held = is_its && it.state == PaymentState::Authorized;
                self.found
                    .must("nothing-held-once-undone", !is_held, || format!("{it:?}"));
            }
        }
    }

    /// Who was told yes does not find it.
    pub(crate) fn is_lost(&self, what: impl FnOnce() -> String) {
        self.found.must("acknowledged-is-durable", false, what);
    }

    /// A node has shown this at this moment.
    pub(crate) fn shown(&self, key: &Key, record: Option<&Record>, now_us: u64) {
        let seen = self.seen.lock();
        let known = seen.versions.get(key).into_iter().flatten();
        let old = known.filter(|(at, _)| at + SHOWN_AFTER_US <= now_us);
        let least = old.map(|(_, version)| *version).max().unwrap_or(0);
        let version = record.map_or(0, Record::version);
        self.found.must("reads-are-fresh", version >= least, || {
            format!("version {version} of {key:?} was shown, {least} was written before")
        });
    }
}
