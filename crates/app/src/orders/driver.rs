//! Who asks providers for refunds: one task for each order with money on its way back, in the process that writes.
//!
//! Nothing is kept here that must not be lost. Whoever has the lease finds what is unfinished in the store, at once and then
//! every second, so a process that dies is replaced by any other.

use super::ask::{Call, Sighted};
use super::{HearRefund, RefundCancelled};
use crate::checkouts::saga::Providers;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::OrdersWanted;
use crate::shop::{Command, Shop};
use crate::tasks::{self, Ended, Tasks};
use cartwright_domain::order::{Order, Refund, RefundPart, RefundState};
use cartwright_domain::payment::Payment;
use cartwright_domain::{OrderId, PaymentId, RefundId};
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often unfinished refunds are looked for that nobody drives.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many orders are found at once.
const FOUND_AT_ONCE: usize = 1_000;
/// The pause before a provider is asked a second time; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// Brings money back. Cheap to clone.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Refunds(Arc<Inner>);

struct Inner {
    shop: Shop,
    providers: Arc<Providers>,
    tasks: Tasks<OrderId>,
    /// Refunds that this process has just recorded: nobody can have asked for them.
    fresh: Mutex<HashSet<RefundId>>,
    /// How long a refund may stay open before somebody must look, in milliseconds.
    give_up_ms: i64,
    /// Refunds that stay open for too long, and what was last seen of each of their parts.
    overdue: Mutex<HashMap<RefundId, HashMap<PaymentId, Sighted>>>,
}

/// A refund that stays open for too long.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// Of which order.
    pub order: Arc<Order>,
    /// Which.
    pub refund: RefundId,
    /// The payments of its open parts, as their providers know them.
    pub payments: Vec<Arc<Payment>>,
    /// What these were last seen to show, as far as they could be asked.
    pub theirs: Vec<String>,
}

impl Refunds {
    /// One that does nothing yet; a refund that stays open for longer than `give_up_seconds` is put before somebody's eyes.
    pub fn new(shop: Shop, providers: Arc<Providers>, give_up_seconds: i64) -> Self {
        Self(Arc::new(Inner {
            give_up_ms: give_up_seconds.saturating_mul(1_000),
            overdue: Mutex::default(),
            shop,
            providers,
            tasks: Tasks::default(),
            fresh: Mutex::default(),
        }))
    }

    /// Looks for unfinished refunds for ever, as long as this process writes. Meant to be spawned.
    pub async fn watch(self) {
        loop {
            if self.0.shop.health().is_reader() {
                // Whoever writes now may ask for them.
                self.0.fresh.lock().clear();
            } else if let Err(fault) = self.look().await {
                tracing::warn!(%fault, "unfinished refunds could not be looked for; trying again");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let from = after.clone();
            let list = move |store: &dyn crate::ports::ReadStore| {
                let wanted = OrdersWanted {
                    is_unsettled: true,
                    ..OrdersWanted::default()
                };
                store.list_orders(&wanted, &from, FOUND_AT_ONCE)
            };
            let found = self.0.shop.read(list).await?;
            for record in found.items {
                if let Record::Order(it) = record {
                    self.found(it.id);
                }
            }
            after = found.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// An order with something to do: somebody drives it from now on.
    fn found(&self, id: OrderId) {
        let (task, is_new) = self.0.tasks.take(id, |()| {});
        if is_new {
            let inner = self.0.clone();
            tokio::spawn(async move {
                while inner.tasks.goes_on(id, &task) {
                    inner.drive(id, &task.woken).await;
                }
                inner.tasks.rests(id);
            });
        }
    }

    /// Something has changed about an order: it is looked at now. `fresh`: a refund that the caller has just recorded.
    pub fn wake(&self, id: OrderId, fresh: Option<RefundId>) {
        self.0.fresh.lock().extend(fresh);
        if !self.0.tasks.wake(id) {
            self.found(id);
        }
    }

    /// Refunds that stay open for too long, those of the oldest orders first; of at most so many orders.
    ///
    /// Errors: [`Fault`] of the store.
    pub async fn overdue(&self, most: usize) -> Result<Vec<Overdue>, Fault> {
        let list = move |store: &dyn crate::ports::ReadStore| {
            let wanted = OrdersWanted {
                is_unsettled: true,
                ..OrdersWanted::default()
            };
            store.list_orders(&wanted, &None, most)
        };
        let mut all = Vec::new();
        for record in self.0.shop.read(list).await?.items {
            let Record::Order(order) = record else {
                continue;
            };
            for refund in order.refunds.iter().filter(|it| self.0.is_late(it)) {
                all.push(self.0.shown(&order, refund).await?);
            }
        }
        Ok(all)
    }

    /// The payments whose provider was seen to show that their part of a refund was made.
    pub fn done(&self, refund: RefundId) -> Vec<PaymentId> {
        let overdue = self.0.overdue.lock();
        let seen = overdue.get(&refund).into_iter().flatten();
        let done = seen.filter(|(_, it)| it.is_done);
        done.map(|(payment, _)| *payment).collect()
    }

    /// Tells when nobody drives the order any more. Ask before waking it.
    pub fn ended(&self, id: OrderId) -> Ended {
        self.0.tasks.ended(id)
    }
}

/// A part of a refund that somebody still owes an answer to.
struct Open {
    order: OrderId,
    refund: Refund,
    part: RefundPart,
    /// The payment that the part is of.
    payment: Arc<Payment>,
    /// The payment that its provider knows: the same one, unless an exchange brought it.
    charged: Arc<Payment>,
}

impl Inner {
    async fn drive(self: &Arc<Self>, id: OrderId, woken: &Notify) {
        let mut pause = FIRST_PAUSE;
        let mut asked = HashSet::new();
        loop {
            match self.go_on(id, &mut asked).await {
                Ok(false) => return,
                Err(Fault::NoLease) => {
                    self.fresh.lock().clear();
                    // Whoever waits here wakes a driver again at once; it must not spin.
                    tokio::time::sleep(FIRST_PAUSE).await;
                    return;
                }
                Ok(true) => {}
                Err(fault) => tracing::debug!(order = %id, %fault, "a refund waits for the shop"),
            }
            // Either is a reason to go on.
            drop(tokio::time::timeout(pause, woken.notified()).await);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Asks once for every part that is open; whether one still is. Orders that exchanges made have money of the order they began
    /// with, so they are driven together with it: what one payment owes goes back one after the other, so that a lookup tells
    /// which part did.
    async fn go_on(
        self: &Arc<Self>,
        id: OrderId,
        asked: &mut HashSet<(RefundId, PaymentId)>,
    ) -> Result<bool, Fault> {
        let Some(order) = self.order(id).await? else {
            return Ok(false);
        };
        if order.owes && order.is_paid {
            self.submit(RefundCancelled { order: id }).await?;
        }
        if let Some(first) = order.exchange_of {
            return self.with_first(id, first).await;
        }
        let mut busy = HashSet::new();
        while let Some(open) = self.next(id, &busy).await? {
            let at = (open.refund.id, open.part.payment);
            let is_retry = !asked.insert(at)
                || open.part.state == RefundState::Unknown
                || !self.fresh.lock().contains(&open.refund.id);
            failpoint(Point::RefundAsking);
            let heard = self.ask(&open, is_retry).await;
            failpoint(Point::RefundAnswered);
            let is_settled = heard.is_some_and(|state| !state.is_open());
            if let Some(state) = heard.filter(|state| *state != open.part.state) {
                self.submit(HearRefund {
                    order: open.order,
                    refund: open.refund.id,
                    payment: open.part.payment,
                    state,
                })
                .await?;
                failpoint(Point::RefundRecorded);
                self.report(open.order, &open.refund, state);
            }
            if !is_settled {
                busy.insert(open.charged.id);
                self.report_late(&open);
            }
        }
        Ok(!busy.is_empty())
    }

    /// Lets the order be driven that an exchange began with; whether something of this one is open after that.
    async fn with_first(self: &Arc<Self>, id: OrderId, of: OrderId) -> Result<bool, Fault> {
        let mut first = of;
        while let Some(before) = self.order(first).await?.and_then(|it| it.exchange_of) {
            first = before;
        }
        let is_open = |order: Option<Arc<Order>>| order.is_some_and(|it| it.is_unsettled());
        if !is_open(self.order(id).await?) {
            return Ok(false);
        }
        let refunds = Refunds(self.clone());
        let ended = refunds.ended(first);
        refunds.wake(first, None);
        // Who is gone has ended too.
        drop(tokio::time::timeout(LAST_PAUSE, ended).await);
        Ok(is_open(self.order(id).await?))
    }

    /// The first open part, the oldest refund first, whose payment is not busy: of an order, or of one that its exchanges made.
    async fn next(&self, id: OrderId, busy: &HashSet<PaymentId>) -> Result<Option<Open>, Fault> {
        let (mut left, mut open) = (vec![id], Vec::new());
        while let Some(id) = left.pop() {
            let Some(order) = self.order(id).await? else {
                continue;
            };
            left.extend(order.exchanges.iter().filter_map(|it| it.order));
            for refund in &order.refunds {
                let parts = refund.parts.iter().filter(|part| part.state.is_open());
                open.extend(parts.map(|part| (order.id, refund.clone(), part.clone())));
            }
        }
        open.sort_by_key(|(_, refund, _)| refund.id);
        for (order, refund, part) in open {
            let payment = self.payment(part.payment).await?;
            let charged = match payment.origin {
                Some(origin) => self.payment(origin.payment).await?,
                None => payment.clone(),
            };
            if !busy.contains(&charged.id) {
                return Ok(Some(Open {
                    order,
                    refund,
                    part,
                    payment,
                    charged,
                }));
            }
        }
        Ok(None)
    }

    async fn payment(&self, id: PaymentId) -> Result<Arc<Payment>, Fault> {
        match self.shop.find(&Key::Payment(id)).await? {
            Some(Record::Payment(payment)) => Ok(payment),
            _ => Err(Fault::Corrupt(format!("payment {id} is gone"))),
        }
    }

    fn report(&self, order: OrderId, refund: &Refund, state: RefundState) {
        if state != RefundState::Unknown {
            self.fresh.lock().remove(&refund.id);
            self.overdue.lock().remove(&refund.id);
        }
        match state {
            RefundState::Unknown => {
                tracing::warn!(%order, refund = %refund.id, "whether a refund was made is not known; asking again");
            }
            RefundState::Failed => {
                tracing::error!(%order, refund = %refund.id, "a payment provider refuses a refund for good");
            }
            RefundState::Pending | RefundState::Succeeded => {}
        }
    }

    async fn ask(&self, open: &Open, is_retry: bool) -> Option<RefundState> {
        let payment = &*open.charged;
        let Some(gateway) = self.providers.gateway(payment) else {
            tracing::warn!(
                provider = payment.provider.as_deref(),
                payment = %payment.id,
                "a refund waits for a provider that is not configured any more"
            );
            return None;
        };
        let call = Call {
            sighted: Mutex::default(),
            gateway,
            payment,
            key: open.refund.key(open.payment.id),
            part: &open.part,
            is_retry,
        };
        let heard = call.ask().await;
        let mut overdue = self.overdue.lock();
        if let (Some(seen), Some(known)) =
            (call.sighted.lock().take(), overdue.get_mut(&open.refund.id))
        {
            known.insert(open.payment.id, seen);
        }
        heard
    }

    fn is_late(&self, refund: &Refund) -> bool {
        refund.state().is_open() && self.shop.clock().now_ms() >= refund.at.0 + self.give_up_ms
    }

    /// Says once that a refund stays open for too long, and watches from then on what its provider shows.
    fn report_late(&self, open: &Open) {
        let refund = open.refund.id;
        if self.is_late(&open.refund) && !self.overdue.lock().contains_key(&refund) {
            self.overdue.lock().insert(refund, HashMap::new());
            tracing::error!(order = %open.order, %refund, payment = %open.charged.id, "whether a refund was made stays unknown; see /v1/attention");
        }
    }

    async fn shown(&self, order: &Arc<Order>, refund: &Refund) -> Result<Overdue, Fault> {
        let mut payments = Vec::new();
        for part in refund.parts.iter().filter(|part| part.state.is_open()) {
            let payment = self.payment(part.payment).await?;
            payments.push(match payment.origin {
                Some(origin) => self.payment(origin.payment).await?,
                None => payment,
            });
        }
        let overdue = self.overdue.lock();
        let seen = overdue.get(&refund.id).into_iter().flatten();
        Ok(Overdue {
            order: order.clone(),
            refund: refund.id,
            payments,
            theirs: seen.map(|(_, it)| it.text.clone()).collect(),
        })
    }

    async fn order(&self, id: OrderId) -> Result<Option<Arc<Order>>, Fault> {
        Ok(match self.shop.find(&Key::Order(id)).await? {
            Some(Record::Order(it)) => Some(it),
            _ => None,
        })
    }

    async fn submit(&self, command: impl Command + 'static) -> Result<(), Fault> {
        tasks::submit(&self.shop, "refunds", command).await
    }
}
