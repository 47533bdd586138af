//! Whether providers agree with what is recorded here about payments that have ended. What they show otherwise is put right, or
//! named for somebody to look at.

use super::driver::Driver;
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::ports::payment::{CORRELATION, GatewayPayment, PaymentGateway, PaymentState};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::payment::{Event as PaymentEvent, Payment, Question, State};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{Money, PaymentId, Time};
use hashbrown::HashMap;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often payments are looked for that nobody has verified.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many are compared in one round.
const AT_ONCE: usize = 256;
/// So long after its end a payment is left alone: its provider may still be writing.
const SETTLED_MS: i64 = 1_000;
/// So long after its last change a charge outside any checkout counts as driven by nobody.
const UNDRIVEN_MS: i64 = 15_000;
/// How many are looked up at the same moment.
const ABREAST: usize = 16;
/// How many lookups of one provider may fail in a round; then it is left alone until the next.
const FAILED_MAX: u32 = 16;
/// How long a provider must not show what it is known to have had, until that is believed: its lookups may lag or miss.
const ABSENT_MS: i64 = 60_000;
/// How many rounds a difference may last before it is named.
const NAMED_AFTER: u32 = 5;

/// A payment whose provider shows something else than what is recorded here.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Which payment.
    pub payment: PaymentId,
    /// What is recorded here.
    pub ours: State,
    /// What the provider shows, as far as it could be asked.
    pub theirs: Vec<(SmolStr, PaymentState)>,
    /// Since when.
    pub since: Time,
    /// In how many rounds it was seen.
    pub rounds: u32,
}

/// The provider could not be asked.
#[derive(Debug)]
struct Unanswered;

impl Difference {
    fn of(payment: &Payment, since: Time) -> Self {
        Self {
            payment: payment.id,
            ours: payment.state,
            theirs: Vec::new(),
            since,
            rounds: 0,
        }
    }

    /// Whether it has lasted too long to be the provider's delay.
    pub fn is_named(&self) -> bool {
        self.rounds >= NAMED_AFTER
    }
}

/// Marks payments whose provider was seen to agree. One that has changed since stays as it is.
#[derive(Debug)]
struct Verified {
    payments: Vec<Agreed>,
}

/// A payment whose provider was seen to agree with this version of it.
#[derive(Debug)]
struct Agreed {
    id: PaymentId,
    version: u64,
    /// The request that it belongs to; empty when that is not known.
    correlation: SmolStr,
}

impl Command for Verified {
    fn correlation(&self, event: &Event) -> Option<SmolStr> {
        let Event::Payment(id, _) = event else {
            return None;
        };
        let agreed = self.payments.iter().find(|it| it.id == *id)?;
        Some(agreed.correlation.clone()).filter(|it| !it.is_empty())
    }

    fn plan(&self, keys: &mut Vec<Key>) {
        keys.extend(self.payments.iter().map(|it| Key::Payment(it.id)));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let mut events = Vec::with_capacity(self.payments.len());
        for Agreed { id, version, .. } in &self.payments {
            let same = work
                .payment(id)?
                .is_some_and(|it| it.version == *version && it.is_unverified() && !it.is_open());
            if same {
                events.push(Event::Payment(*id, PaymentEvent::Verified));
            }
        }
        let first = self.payments.first().map_or(PaymentId(0), |it| it.id);
        Ok(Decided {
            events,
            answer: Key::Payment(first),
            created: false,
        })
    }
}

impl Driver {
    /// Compares what has ended with what providers show, for ever, as long as this process writes. Meant to be spawned.
    pub async fn verify(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.shop().health().is_reader() {
                self.differences().lock().clear();
                continue;
            }
            if let Err(fault) = self.verify_all().await {
                tracing::debug!(%fault, "payments could not be compared with their providers; trying again");
            }
        }
    }

    /// What lasts although it was tried to be put right.
    pub fn named_differences(&self) -> Vec<Difference> {
        let all = self.differences().lock();
        all.values().filter(|it| it.is_named()).cloned().collect()
    }

    /// Somebody has settled a difference by hand: it is not looked at again.
    ///
    /// Errors: [`Fault`] when the loop fails.
    pub async fn close_difference(&self, id: PaymentId) -> Result<(), Fault> {
        if let Some(Record::Payment(payment)) = self.shop().find(&Key::Payment(id)).await? {
            let agreed = Agreed {
                id,
                version: payment.version,
                correlation: self.correlation(&payment).await?,
            };
            let payments = vec![agreed];
            self.submit(Verified { payments }).await?;
        }
        self.differences().lock().remove(&id);
        Ok(())
    }

    async fn verify_all(&self) -> Result<(), Fault> {
        let (mut after, mut failed) = (None, HashMap::new());
        loop {
            let from = after;
            let list =
                move |store: &dyn crate::ports::ReadStore| store.unverified_payments(from, AT_ONCE);
            let found = self.shop().read(list).await?;
            after = found.last().copied();
            if found.is_empty() {
                return Ok(());
            }
            let mut agreed = Vec::with_capacity(found.len());
            for abreast in found.chunks(ABREAST) {
                agreed.extend(self.verify_some(abreast, &mut failed).await?);
            }
            if !agreed.is_empty() {
                self.submit(Verified { payments: agreed }).await?;
            }
        }
    }

    /// The request that began the attempt of a payment; empty when that is not known.
    async fn correlation(&self, payment: &Payment) -> Result<SmolStr, Fault> {
        let checkout = self.shop().find(&Key::Checkout(payment.checkout)).await?;
        let Some(Record::Checkout(checkout)) = checkout else {
            return Ok(SmolStr::default());
        };
        let mut attempts = checkout.attempts.iter();
        let attempt = attempts.find(|it| it.n == payment.attempt);
        Ok(attempt.map_or_else(SmolStr::default, |it| it.correlation.clone()))
    }

    /// Compares some payments at the same moment, so that one slow lookup keeps few others waiting; which of them agree.
    async fn verify_some(
        &self,
        ids: &[PaymentId],
        failed: &mut HashMap<SmolStr, u32>,
    ) -> Result<Vec<Agreed>, Fault> {
        let (mut asked, mut ending) = (JoinSet::new(), JoinSet::new());
        for id in ids {
            let Some(Record::Payment(payment)) = self.shop().find(&Key::Payment(*id)).await? else {
                continue;
            };
            let now = self.shop().clock().now_ms();
            if payment.is_open() {
                if now >= payment.updated_at.0 + UNDRIVEN_MS {
                    let this = self.clone();
                    ending.spawn(async move { this.end_charge(&payment).await });
                }
                continue;
            }
            let is_due = payment.is_unverified() && now >= payment.updated_at.0 + SETTLED_MS;
            let provider = payment.provider.clone().unwrap_or_default();
            if is_due && failed.get(&provider).is_none_or(|it| *it < FAILED_MAX) {
                let this = self.clone();
                let correlation = self.correlation(&payment).await?;
                let known = correlation.clone();
                asked.spawn(CORRELATION.scope(correlation, async move {
                    (this.agrees(&payment).await, payment, known)
                }));
            }
        }
        for ended in ending.join_all().await {
            ended?;
        }
        let mut agreed = Vec::with_capacity(asked.len());
        for (agrees, payment, correlation) in asked.join_all().await {
            match agrees {
                Ok(true) => {
                    self.differences().lock().remove(&payment.id);
                    agreed.push(Agreed {
                        id: payment.id,
                        version: payment.version,
                        correlation,
                    });
                }
                Ok(false) => {}
                Err(Unanswered) => {
                    *failed
                        .entry(payment.provider.clone().unwrap_or_default())
                        .or_default() += 1;
                }
            }
        }
        Ok(agreed)
    }

    /// Whether the provider shows what is recorded here. If not, it is asked to make it so; whether that helped is seen in the
    /// next round.
    async fn agrees(&self, payment: &Arc<Payment>) -> Result<bool, Unanswered> {
        if planted(Bug::VerifiedUnseen) {
            return Ok(true);
        }
        let gateway = self.providers().gateway(payment).ok_or(Unanswered)?;
        let found = gateway.find_all(&payment.id.to_string()).await;
        let found = found.map_err(|_| Unanswered)?;
        if is_as_recorded(payment, &found) {
            return Ok(!is_missing(payment, &found) || self.stays_missing(payment));
        }
        let theirs = found.iter().map(|it| (SmolStr::new(&it.id), it.state));
        let theirs: Vec<_> = theirs.collect();
        let rounds = self.note(payment, theirs);
        if rounds > 1 {
            put_right(gateway, payment, &found).await;
        }
        Ok(false)
    }

    /// Whether a payment was missing at its provider for long enough to be believed.
    fn stays_missing(&self, payment: &Payment) -> bool {
        let now = self.shop().clock().now_ms();
        let mut all = self.differences().lock();
        let known = all
            .entry(payment.id)
            .or_insert_with(|| Difference::of(payment, Time(now)));
        now >= known.since.0 + ABSENT_MS
    }

    /// Counts the rounds of a difference.
    fn note(&self, payment: &Payment, theirs: Vec<(SmolStr, PaymentState)>) -> u32 {
        let mut all = self.differences().lock();
        let now = Time(self.shop().clock().now_ms());
        let known = all
            .entry(payment.id)
            .or_insert_with(|| Difference::of(payment, now));
        known.theirs = theirs;
        known.rounds += 1;
        if known.rounds == NAMED_AFTER {
            tracing::error!(
                payment = %payment.id,
                provider = payment.provider.as_deref(),
                ours = payment.state.as_str(),
                theirs = ?known.theirs,
                "a payment provider shows something else than what is recorded; see /v1/attention"
            );
        }
        known.rounds
    }
}

/// What was taken must be one payment, taken whole and given back as much as here; of everything else nothing may be held or kept.
fn is_as_recorded(payment: &Payment, found: &[GatewayPayment]) -> bool {
    let is_idle = |it: &GatewayPayment| match it.state {
        PaymentState::Voided | PaymentState::Declined => true,
        PaymentState::Captured => it.refunded == it.captured,
        PaymentState::Authorized => false,
    };
    match payment.state {
        State::Captured => {
            let (ours, others): (Vec<_>, Vec<_>) = found
                .iter()
                .partition(|it| Some(it.id.as_str()) == payment.provider_id.as_deref());
            let taken = ours.first().is_some_and(|it| {
                it.state == PaymentState::Captured
                    && it.captured == payment.amount
                    && it.refunded.minor == payment.refunded
            });
            taken && others.into_iter().all(is_idle)
        }
        State::Voided | State::Declined => found.iter().all(is_idle),
        State::Pending | State::Unknown | State::Authorized => false,
    }
}

/// Whether the provider does not show what it is known to have had; or nothing, where no id of its is known.
fn is_missing(payment: &Payment, found: &[GatewayPayment]) -> bool {
    match payment.provider_id.as_deref() {
        Some(id) => !found.iter().any(|it| it.id == id),
        None => found.is_empty(),
    }
}

/// Asks for what is missing, under keys of their own that are the same in every round.
async fn put_right(gateway: &dyn PaymentGateway, payment: &Payment, found: &[GatewayPayment]) {
    for it in found {
        let is_ours = Some(it.id.as_str()) == payment.provider_id.as_deref();
        let wanted = payment.state == State::Captured && is_ours;
        let done = match it.state {
            PaymentState::Authorized if wanted => gateway
                .capture(&it.id, &payment.key(Question::Capture))
                .await
                .map(drop),
            PaymentState::Authorized => gateway
                .void(&it.id, &format!("{}:void:{}", payment.id, it.id))
                .await
                .map(drop),
            PaymentState::Captured if !wanted && it.refunded.minor < it.captured.minor => {
                let rest = Money::new(it.captured.minor - it.refunded.minor, it.captured.currency);
                gateway
                    .refund(&it.id, rest, &format!("{}:refund:{}", payment.id, it.id))
                    .await
                    .map(drop)
            }
            PaymentState::Captured | PaymentState::Voided | PaymentState::Declined => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(payment = %payment.id, %error, "a difference could not be put right; trying again");
        }
    }
}
