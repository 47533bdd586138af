//! Tells one endpoint what happens, in the order of the log: a message is sent until it arrives or has become a dead letter, and only
//! then the next one. The place in the log is kept after that, so after a crash the last ones are sent again, with the same ids.

use super::dispatch::Options;
use super::told::{self, Told};
use crate::consumers::{Seen, entries};
use crate::dead_letters::DeadLetters;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::nouns::Key;
use crate::ports::courier::{Courier, Message};
use crate::ports::{Bus, Delivery, DeliveryState, Random, Readers, Subscription};
use crate::shop::Shop;
use cartwright_domain::Time;
use cartwright_domain::webhook::WebhookEndpoint;
use cartwright_proto::events as proto;
use parking_lot::Mutex;
use smol_str::{SmolStr, ToSmolStr};
use std::sync::Arc;
use std::time::Duration;

/// Entries read at once, about.
const READ_AT_ONCE: usize = 1_000;
/// Messages that may arrive before the place in the log is kept: after a crash about so many are sent again.
const KEEP_AFTER: usize = 64;
/// How long that may take.
const KEEP_WITHIN: Duration = Duration::from_millis(100);
/// How long commits are gathered, so that many small ones are read at once.
const LINGER: Duration = Duration::from_millis(20);
/// How often its subscription hears that nothing is to be read.
const REST_EVERY: Duration = Duration::from_secs(2);
/// The pause after a fault of the shop.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Sender {
    pub(super) shop: Shop,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) courier: Arc<dyn Courier>,
    pub(super) random: Arc<dyn Random>,
    pub(super) secret: SmolStr,
    pub(super) options: Options,
    pub(super) consumer: SmolStr,
    pub(super) endpoint: Arc<WebhookEndpoint>,
    pub(super) letters: DeadLetters,
}

/// Where it stands, and what arrived since that was kept.
struct Progress {
    place: u64,
    kept: u64,
    kept_at: Time,
    deliveries: Vec<Delivery>,
}

impl Sender {
    /// Follows the log for ever; ends when somebody else writes, or the endpoint is gone.
    pub(super) async fn run(self) {
        loop {
            match self.follow().await {
                Ok(()) | Err(Fault::NoLease) => return,
                Err(fault) => {
                    let endpoint = self.endpoint.id;
                    tracing::error!(%endpoint, %fault, "an endpoint cannot be told what happens; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn follow(&self) -> Result<(), Fault> {
        let mut head = self.bus.head();
        let subscription = self.ask(|bus, consumer| bus.subscribe(consumer, Readers::One));
        let subscription = Arc::new(Mutex::new(subscription.await?));
        let place = match self.ask(|bus, consumer| bus.place(consumer)).await? {
            Some(place) => place,
            // Its place went with a restored backup: nobody is told of what happened long ago.
            None => *head.borrow(),
        };
        let mut progress = Progress {
            place,
            kept: place,
            kept_at: self.now(),
            deliveries: Vec::new(),
        };
        loop {
            let after = progress.place;
            let found = self.read(&subscription, &mut progress).await?;
            let has_come = found.is_some();
            let batches = found.unwrap_or_default();
            if self.shop.health().is_reader() {
                return Err(Fault::NoLease);
            }
            if let Some(first) = batches.first().filter(|it| it.first_position > after + 1) {
                let (endpoint, from, to) = (self.endpoint.id, after + 1, first.first_position);
                tracing::error!(%endpoint, from, to, "the log no longer has what an endpoint was not told yet");
            }
            for seen in batches.iter().flat_map(entries) {
                if seen.position > progress.place {
                    self.handle(&seen, &mut progress).await?;
                    progress.place = seen.position;
                    self.keep_some(&mut progress).await?;
                }
            }
            if !has_come {
                // More is committed than has come: unless all ends, that is asked for again.
                if head.has_changed().is_err() {
                    return Ok(());
                }
                continue;
            }
            if progress.place == after {
                self.keep(&mut progress).await?;
                loop {
                    let grown = async { head.wait_for(|head| *head > after).await.is_ok() };
                    match tokio::time::timeout(REST_EVERY, grown).await {
                        Ok(true) => break,
                        Ok(false) => return Ok(()),
                        Err(_) => with(&subscription, |it| it.rest()).await?,
                    }
                }
                tokio::time::sleep(LINGER).await;
            }
            subscription.lock().kept(progress.kept);
        }
    }

    /// The next batches. The bus may take its time to bring them; what has arrived until then is kept meanwhile.
    async fn read(
        &self,
        subscription: &Arc<Mutex<Box<dyn Subscription>>>,
        progress: &mut Progress,
    ) -> Result<Option<Vec<proto::Batch>>, Fault> {
        let after = progress.place;
        let reading = with(subscription, move |it| it.read(after, READ_AT_ONCE));
        tokio::pin!(reading);
        if let Ok(read) = tokio::time::timeout(KEEP_WITHIN, &mut reading).await {
            return read?;
        }
        self.keep(progress).await?;
        reading.await?
    }

    /// Asks the bus, off the async threads.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Bus, &str) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (bus, consumer) = (self.bus.clone(), self.consumer.clone());
        let done = tokio::task::spawn_blocking(move || ask(&*bus, &consumer)).await;
        done.map_err(|error| Fault::Unavailable(error.to_string()))?
    }

    fn now(&self) -> Time {
        Time(self.shop.clock().now_ms())
    }

    async fn handle(&self, seen: &Seen<'_>, progress: &mut Progress) -> Result<(), Fault> {
        if let Some((letter, entry)) = self.letters.asked_again(seen).await? {
            let again = Seen {
                position: letter.about.position,
                time: letter.about.occurred_at,
                origin: seen.origin,
                batch: seen.batch,
                entry: &entry,
            };
            let failure = self.replay(&again, letter.about.attempts, progress).await?;
            self.keep(progress).await?;
            let settlement = self.letters.settlement(&letter, failure, seen);
            return self
                .letters
                .submit(&letter.about.correlation, settlement)
                .await;
        }
        let messages = match told::of(&self.shop, &self.endpoint, seen).await {
            Ok(messages) => messages,
            // It never can be understood, and what comes after it can.
            Err(Fault::Corrupt(why)) => {
                return self.bury(seen, &why, 1, self.now(), progress).await;
            }
            Err(fault) => return Err(fault),
        };
        if messages.is_empty() {
            return Ok(());
        }
        if self.letters.parks(&seen.entry.stream).await? {
            let why = "it waits behind another dead letter";
            return self.bury(seen, why, 0, self.now(), progress).await;
        }
        for message in messages {
            if !self.deliver(seen, &message, progress).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends a dead letter once more; why that was in vain.
    async fn replay(
        &self,
        seen: &Seen<'_>,
        tried: u32,
        progress: &mut Progress,
    ) -> Result<Option<String>, Fault> {
        let messages = match told::of(&self.shop, &self.endpoint, seen).await {
            Ok(messages) => messages,
            Err(Fault::Corrupt(why)) => return Ok(Some(why)),
            Err(fault) => return Err(fault),
        };
        for message in messages {
            let sent = self.send(seen, &message).await?;
            let mut delivery = self.delivery(seen, &message, tried + 1, &sent);
            if sent.is_err() {
                delivery.state = DeliveryState::Dead;
            }
            progress.deliveries.push(delivery);
            if let Err(why) = sent {
                return Ok(Some(why.into()));
            }
        }
        Ok(None)
    }

    /// Sends a message until it arrives; false when it has become a dead letter.
    async fn deliver(
        &self,
        seen: &Seen<'_>,
        message: &Told,
        progress: &mut Progress,
    ) -> Result<bool, Fault> {
        let first_at = self.now();
        let mut tried = self.tried(seen, message).await?;
        loop {
            let sent = self.send(seen, message).await?;
            tried += 1;
            let mut delivery = self.delivery(seen, message, tried, &sent);
            let Err(why) = sent else {
                progress.deliveries.push(delivery);
                return Ok(true);
            };
            if tried >= self.options.tries {
                delivery.state = DeliveryState::Dead;
                progress.deliveries.push(delivery);
                self.bury(seen, &why, tried, first_at, progress).await?;
                return Ok(false);
            }
            let pause = self.pause(tried);
            let now = self.now();
            delivery.next_try = Some(Time(now.0 + pause.as_millis() as i64));
            progress.deliveries.push(delivery);
            self.keep(progress).await?;
            tracing::info!(endpoint = %self.endpoint.id, message = %message.id, tried, why = %why, "a message did not arrive; sending it again");
            tokio::time::sleep(pause).await;
            if self.shop.health().is_reader() {
                return Err(Fault::NoLease);
            }
        }
    }

    /// How often a message was sent before this process began; waits until it is due again.
    async fn tried(&self, seen: &Seen<'_>, message: &Told) -> Result<u32, Fault> {
        let (endpoint, id) = (self.endpoint.id, message.id.clone());
        let before = Some((seen.position + 1, SmolStr::default()));
        let last = move |store: &dyn crate::ports::ReadStore| {
            store.list_deliveries(endpoint, before, LAST_OF_AN_ENTRY)
        };
        let last = self.shop.read(last).await?;
        let pending = last.into_iter().find(|it| {
            it.position == seen.position && it.id == id && it.state == DeliveryState::Pending
        });
        let Some(pending) = pending else {
            return Ok(0);
        };
        let due = pending.next_try.map_or(0, |at| at.0 - self.now().0);
        let longest = self.options.last_pause.as_millis() as i64;
        let left = u64::try_from(due.min(longest)).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left)).await;
        Ok(pending.attempts)
    }

    /// Whether it was deleted since: who was told that hears of nothing more.
    async fn is_gone(&self) -> Result<bool, Fault> {
        let key = Key::WebhookEndpoint(self.endpoint.id);
        Ok(self.shop.find(&key).await?.is_none())
    }

    /// Sends a message once: the status that says that it arrived, or why it did not.
    async fn send(
        &self,
        seen: &Seen<'_>,
        message: &Told,
    ) -> Result<Result<SmolStr, SmolStr>, Fault> {
        if self.is_gone().await? {
            return Err(Fault::NoLease);
        }
        let message = Message {
            url: self.endpoint.url.clone(),
            secret: self.secret.clone(),
            id: message.id.clone(),
            name: message.name.into(),
            correlation: seen.entry.correlation_id.to_smolstr(),
            now_seconds: self.now().0.div_euclid(1_000),
            body: message.body(seen).into(),
        };
        failpoint(Point::WebhookSending);
        let delivered = self.courier.deliver(&message).await;
        failpoint(Point::WebhookSent);
        Ok(match delivered {
            Ok(status @ 200..=299) => Ok(status.to_smolstr()),
            Ok(status @ 300..=399) => Err(format!("{status}: redirects are not followed").into()),
            Ok(status) => Err(status.to_smolstr()),
            Err(error) => Err(error.to_smolstr()),
        })
    }

    fn delivery(
        &self,
        seen: &Seen<'_>,
        message: &Told,
        attempts: u32,
        sent: &Result<SmolStr, SmolStr>,
    ) -> Delivery {
        let (state, last) = match sent {
            Ok(status) => (DeliveryState::Delivered, status),
            Err(why) => (DeliveryState::Pending, why),
        };
        Delivery {
            position: seen.position,
            id: message.id.clone(),
            name: message.name.into(),
            state,
            attempts,
            last: last.clone(),
            next_try: None,
            at: self.now(),
        }
    }

    async fn bury(
        &self,
        seen: &Seen<'_>,
        cause: &str,
        attempts: u32,
        first_at: Time,
        progress: &mut Progress,
    ) -> Result<(), Fault> {
        self.keep(progress).await?;
        let burial = self.letters.burial(seen, cause, attempts, first_at);
        self.letters
            .submit(&seen.entry.correlation_id, burial)
            .await?;
        progress.kept = seen.position;
        Ok(())
    }

    /// Twice the last pause, and up to a fifth more or less, so that those who fail together do not come back together.
    fn pause(&self, tried: u32) -> Duration {
        let doubled = self.options.first_pause * 2_u32.saturating_pow(tried.min(20) - 1);
        let mut random = [0];
        self.random.fill(&mut random);
        let percent = 80 + u32::from(random[0]) * 40 / 255;
        doubled.min(self.options.last_pause) * percent / 100
    }

    async fn keep_some(&self, progress: &mut Progress) -> Result<(), Fault> {
        let since_ms = self.now().0 - progress.kept_at.0;
        let long_ago = u128::try_from(since_ms).is_ok_and(|it| it >= KEEP_WITHIN.as_millis());
        let many = progress.deliveries.len() >= KEEP_AFTER;
        if many || (long_ago && !progress.deliveries.is_empty()) {
            self.keep(progress).await?;
        }
        Ok(())
    }

    /// Keeps what arrived and the place in the log, together.
    async fn keep(&self, progress: &mut Progress) -> Result<(), Fault> {
        progress.kept_at = self.now();
        if progress.deliveries.is_empty() && progress.place <= progress.kept {
            return Ok(());
        }
        let deliveries = std::mem::take(&mut progress.deliveries);
        let (endpoint, consumer, through) =
            (self.endpoint.id, self.consumer.clone(), progress.place);
        let keep = move |store: &dyn crate::ports::ReadStore| {
            store.keep_deliveries(endpoint, &consumer, through, &deliveries)
        };
        self.shop.read(keep).await?;
        failpoint(Point::WebhookKept);
        progress.kept = progress.place;
        Ok(())
    }
}

/// Does something with a subscription, off the async threads.
async fn with<T: Send + 'static>(
    subscription: &Arc<Mutex<Box<dyn Subscription>>>,
    act: impl FnOnce(&mut dyn Subscription) -> T + Send + 'static,
) -> Result<T, Fault> {
    let subscription = subscription.clone();
    let done = tokio::task::spawn_blocking(move || act(&mut **subscription.lock())).await;
    done.map_err(|error| Fault::Unavailable(error.to_string()))
}

/// Messages of one entry at most.
const LAST_OF_AN_ENTRY: usize = 2;
