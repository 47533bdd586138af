//! Who asks providers for refunds: one task for each order with money on its way back, in the process that writes.
//!
//! Nothing is kept here that must not be lost. Whoever has the lease finds what is unfinished in the store, at once and then
//! every second, so a process that dies is replaced by any other.

use super::ask::Call;
use super::{HearRefund, RefundCancelled};
use crate::checkouts::saga::Providers;
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::OrdersWanted;
use crate::shop::{Command, Shop};
use crate::tasks::{self, Ended, Tasks};
use cartwright_domain::order::{Order, Refund, RefundPart, RefundState};
use cartwright_domain::payment::Payment;
use cartwright_domain::{OrderId, PaymentId, RefundId};
use hashbrown::HashSet;
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
}

impl Refunds {
    /// One that does nothing yet.
    pub fn new(shop: Shop, providers: Arc<Providers>) -> Self {
        Self(Arc::new(Inner {
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

    /// Tells when nobody drives the order any more. Ask before waking it.
    pub fn ended(&self, id: OrderId) -> Ended {
        self.0.tasks.ended(id)
    }
}

impl Inner {
    async fn drive(&self, id: OrderId, woken: &Notify) {
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

    /// Asks once for every part that is open; whether one still is.
    async fn go_on(
        &self,
        id: OrderId,
        asked: &mut HashSet<(RefundId, PaymentId)>,
    ) -> Result<bool, Fault> {
        if self
            .order(id)
            .await?
            .is_some_and(|it| it.owes && it.is_paid)
        {
            self.submit(RefundCancelled { order: id }).await?;
        }
        // What one payment owes goes back one after the other, so that a lookup tells which of them did.
        let mut busy = HashSet::new();
        while let Some((refund, part)) = self.next(id, &busy).await? {
            let at = (refund.id, part.payment);
            let is_retry = !asked.insert(at)
                || part.state == RefundState::Unknown
                || !self.fresh.lock().contains(&refund.id);
            let heard = match self.shop.find(&Key::Payment(part.payment)).await? {
                Some(Record::Payment(payment)) => {
                    self.ask(&payment, &refund, &part, is_retry).await
                }
                _ => return Err(Fault::Corrupt(format!("payment {} is gone", part.payment))),
            };
            let is_settled = heard.is_some_and(|state| !state.is_open());
            if let Some(state) = heard.filter(|state| *state != part.state) {
                self.submit(HearRefund {
                    order: id,
                    refund: refund.id,
                    payment: part.payment,
                    state,
                })
                .await?;
                self.report(id, &refund, state);
            }
            if !is_settled {
                busy.insert(part.payment);
            }
        }
        Ok(!busy.is_empty())
    }

    fn report(&self, order: OrderId, refund: &Refund, state: RefundState) {
        if state != RefundState::Unknown {
            self.fresh.lock().remove(&refund.id);
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

    /// The first open part of an order whose payment is not busy.
    async fn next(
        &self,
        id: OrderId,
        busy: &HashSet<PaymentId>,
    ) -> Result<Option<(Refund, RefundPart)>, Fault> {
        let Some(order) = self.order(id).await? else {
            return Ok(None);
        };
        let mut open = order.refunds.iter().flat_map(|refund| {
            let parts = refund.parts.iter();
            parts.map(move |part| (refund, part))
        });
        let found = open.find(|(_, part)| part.state.is_open() && !busy.contains(&part.payment));
        Ok(found.map(|(refund, part)| (refund.clone(), part.clone())))
    }

    async fn ask(
        &self,
        payment: &Payment,
        refund: &Refund,
        part: &RefundPart,
        is_retry: bool,
    ) -> Option<RefundState> {
        let Some(gateway) = self.providers.gateway(payment) else {
            tracing::warn!(
                provider = payment.provider.as_deref(),
                payment = %payment.id,
                "a refund waits for a provider that is not configured any more"
            );
            return None;
        };
        let call = Call {
            gateway,
            payment,
            refund,
            part,
            is_retry,
        };
        call.ask().await
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
