//! One consumer's reading from the topic of the log.
//!
//! A message is taken only when it continues what was read: what was read already is dropped, what is missing is read from the store.
//! When Kafka brings nothing for a moment the store is read too, and Kafka taken up again where it continues.

use super::bus::Source;
use super::clients::{settings_of, unavailable};
use super::member::Member;
use super::records::{PART, batch_of, last_of};
use super::topics::{ONLY, WITHIN};
use cartwright_app::Fault;
use cartwright_app::ports::{Readers, Subscription};
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use cartwright_proto::events as proto;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How long a committed entry may stay away before it is read from the store.
const PATIENCE_NS: u64 = 500_000_000;
/// The same for the first one after the client was told where to read.
const FIRST_PATIENCE_NS: u64 = 3_000_000_000;
/// Longest wait for a message at once.
const POLL: Duration = Duration::from_millis(50);
/// How long joining a group may take before the store is read, when nobody else is in it.
const JOIN_NS: u64 = 8_000_000_000;
/// How often it is asked who else is in the group.
const ASK_EVERY_NS: u64 = 1_000_000_000;
/// Messages that are looked at in one call, most of which may be known already.
const LOOK_AT: usize = 10_000;
/// How often the place is told to Kafka at most.
const TELL_EVERY_NS: u64 = 100_000_000;

/// Tells the members of this process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One consumer's reading.
pub(super) struct KafkaSubscription {
    source: Arc<Source>,
    name: String,
    readers: Readers,
    client_id: String,
    topic: String,
    consumer: BaseConsumer<Member>,
    /// The assignment that it stands at the right place of.
    placed: Option<u64>,
    /// Batches that have come and were not taken yet.
    pending: VecDeque<proto::Batch>,
    /// The parts of a batch that have come so far.
    part: Option<proto::Batch>,
    /// Last position and offset of what has come and is not told to Kafka yet.
    come: VecDeque<(u64, i64)>,
    /// What is to be told to Kafka.
    done: Option<i64>,
    told_ns: u64,
    /// Kafka did not bring what was committed: the store is read without waiting.
    is_behind: bool,
    /// Since when it is in the group without the partition.
    waits_since_ns: u64,
    /// Whether somebody else had it when that was last asked, and when to ask again.
    others: (bool, u64),
}

impl KafkaSubscription {
    pub(super) fn new(
        source: Arc<Source>,
        consumer: &str,
        readers: Readers,
    ) -> Result<Self, Fault> {
        let options = &source.options;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let purpose = format!("{consumer}-{}-{number}", std::process::id());
        let client_id = format!("cartwright-{}-{purpose}", options.node);
        let group = match readers {
            Readers::One => options.group_of(consumer),
            Readers::Each => format!("{}.{}", options.group_of(consumer), options.node),
        };
        let mut settings = settings_of(options, &purpose);
        settings
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            .set("fetch.wait.max.ms", "100")
            .set("socket.timeout.ms", "5000")
            .set("queued.max.messages.kbytes", "16384")
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("allow.auto.create.topics", "false");
        let client: BaseConsumer<Member> = settings
            .create_with_context(Member::default())
            .map_err(unavailable)?;
        let topic = options.log_topic();
        if readers == Readers::One {
            client.subscribe(&[&topic]).map_err(unavailable)?;
        }
        Ok(Self {
            waits_since_ns: source.clock.monotonic_ns(),
            source,
            name: consumer.to_owned(),
            readers,
            client_id,
            topic,
            consumer: client,
            placed: None,
            pending: VecDeque::new(),
            part: None,
            come: VecDeque::new(),
            done: None,
            told_ns: 0,
            is_behind: false,
            others: (false, 0),
        })
    }

    /// Hears what the group says, and goes to the right place when that has changed; false where the partition is not this one's, or
    /// Kafka does not answer.
    fn stand(&mut self, after: u64) -> Result<bool, Fault> {
        let assigned = self.consumer.context().assigned();
        let is_another = self.placed.is_some_and(|it| it != assigned.generation);
        if is_another && !planted_in_engine(EngineBug::RebalanceRepeats) {
            // Another one may have read on meanwhile.
            tracing::info!(
                consumer = self.name,
                "the group gives the topic of the log to others, or anew"
            );
            self.waits_since_ns = self.source.clock.monotonic_ns();
            self.forget();
            return Err(Fault::NoLease);
        }
        if self.placed.is_some() {
            return Ok(true);
        }
        if (self.readers == Readers::One && !assigned.has) || !self.source.agrees() {
            return Ok(false);
        }
        if let Err(error) = self.go_to(after) {
            tracing::debug!(consumer = self.name, %error, "no place is found in the topic of the log");
            return Ok(false);
        }
        self.placed = Some(assigned.generation);
        tracing::debug!(consumer = self.name, after, "reads from Kafka");
        if self.readers == Readers::One && self.source.store.cursor(&self.name)? > Some(after) {
            // The one that had it before has come further since its place was asked.
            return Err(Fault::NoLease);
        }
        Ok(true)
    }

    fn forget(&mut self) {
        self.placed = None;
        self.pending.clear();
        self.part = None;
        self.come.clear();
        self.done = None;
    }

    /// Has the client fetch from where the next entry is, or a little before. A message has the time of its batch, and that never goes
    /// back in the log.
    fn go_to(&mut self, after: u64) -> Result<(), Fault> {
        let known = match after.checked_sub(1) {
            Some(before) => self.source.store.log(before, 1)?.into_iter().next(),
            None => None,
        };
        let known = known.filter(|it| it.first_position <= after);
        let offset = match known {
            Some(batch) => self.offset_at(batch.time_ms)?,
            None => Offset::Beginning,
        };
        match self.readers {
            Readers::Each => self.consumer.assign(&self.list(offset)?),
            Readers::One => self.consumer.seek(&self.topic, ONLY, offset, WITHIN),
        }
        .map_err(unavailable)
    }

    fn offset_at(&self, time_ms: i64) -> Result<Offset, Fault> {
        let asked = self.list(Offset::Offset(time_ms))?;
        let found = self
            .consumer
            .offsets_for_times(asked, WITHIN)
            .map_err(unavailable)?;
        let found = found.find_partition(&self.topic, ONLY);
        Ok(match found.map(|it| it.offset()) {
            Some(Offset::Offset(offset)) => Offset::Offset(offset),
            _ => Offset::End,
        })
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, ONLY, offset)
            .map_err(unavailable)?;
        Ok(list)
    }

    /// Takes one message from the client, if one comes; false when none does.
    fn receive(&mut self, wait: Duration, after: u64) -> bool {
        let come = match self.consumer.poll(wait) {
            Some(Ok(message)) => Some((message.offset(), come(&message))),
            Some(Err(error)) => {
                tracing::debug!(consumer = self.name, %error, "Kafka brings nothing");
                return false;
            }
            None => return false,
        };
        let Some((offset, Some((batch, part)))) = come else {
            // Somebody else's message, or another partition's.
            return true;
        };
        if self.placed.is_none() {
            return true;
        }
        let last = last_of(&batch);
        self.come.push_back((last, offset));
        if last <= after {
            return true;
        }
        self.put(batch, part);
        true
    }

    /// Puts the parts of a batch together.
    fn put(&mut self, batch: proto::Batch, (number, count): (usize, usize)) {
        if count == 1 {
            self.part = None;
            self.pending.push_back(batch);
            return;
        }
        let whole = match self.part.take() {
            _ if number == 1 => batch,
            Some(mut part)
                if part.batch_id == batch.batch_id
                    && last_of(&part) + 1 == batch.first_position =>
            {
                part.entries.extend(batch.entries);
                part
            }
            // A part is missing: that is a gap.
            _ => return,
        };
        if number == count {
            self.pending.push_back(whole);
        } else {
            self.part = Some(whole);
        }
    }

    /// What has come and continues after a position; before a gap, what the store has there.
    fn take(&mut self, after: u64, limit: usize) -> Result<Option<Vec<proto::Batch>>, Fault> {
        let (mut taken, mut at, mut count) = (Vec::new(), after, 0);
        while let Some(batch) = self.pending.front() {
            let last = last_of(batch);
            if last <= at {
                self.pending.pop_front();
                continue;
            }
            if batch.first_position > at + 1 || count >= limit {
                break;
            }
            (at, count) = (last, count + batch.entries.len());
            taken.extend(self.pending.pop_front());
        }
        if !taken.is_empty() {
            self.is_behind = false;
            count_in(&self.source.brought.by_kafka, &taken);
            return Ok(Some(taken));
        }
        let Some(next) = self.pending.front().map(|it| it.first_position) else {
            return Ok(None);
        };
        tracing::warn!(
            consumer = self.name,
            from = after + 1,
            to = next - 1,
            "the topic of the log has a gap; reading it from the store"
        );
        let mut missing = self.in_store(after, limit)?;
        missing.retain(|it| it.first_position < next);
        Ok(Some(missing))
    }

    fn in_store(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault> {
        let found = self.source.store.log(after, limit)?;
        count_in(&self.source.brought.by_store, &found);
        Ok(found)
    }

    /// Whether another member has the partition: then this one waits for its turn. Where Kafka does not answer, or nobody else is
    /// there, whoever writes goes on from the store.
    fn is_anothers(&mut self, now_ns: u64) -> bool {
        if self.readers == Readers::Each {
            return false;
        }
        let (known, until_ns) = self.others;
        if now_ns < until_ns {
            return known;
        }
        let group = self.source.options.group_of(&self.name);
        let found = self
            .consumer
            .fetch_group_list(Some(&group), Duration::from_secs(1));
        let is_anothers = found.is_ok_and(|found| {
            let members = || found.groups().iter().flat_map(|it| it.members());
            let is_other = members().any(|it| it.client_id() != self.client_id);
            is_other || now_ns < self.waits_since_ns + JOIN_NS
        });
        let now_ns = self.source.clock.monotonic_ns();
        self.others = (is_anothers, now_ns + ASK_EVERY_NS);
        is_anothers
    }

    fn tell(&mut self, mode: CommitMode) {
        let Some(offset) = self.done.take() else {
            return;
        };
        self.told_ns = self.source.clock.monotonic_ns();
        let told = self.list(Offset::Offset(offset + 1));
        let told = told.and_then(|list| self.consumer.commit(&list, mode).map_err(unavailable));
        if let Err(error) = told {
            tracing::debug!(consumer = self.name, %error, "Kafka could not be told how far a consumer is");
        }
    }
}

impl Subscription for KafkaSubscription {
    fn read(&mut self, after: u64, limit: usize) -> Result<Option<Vec<proto::Batch>>, Fault> {
        let now_ns = self.source.clock.monotonic_ns();
        let mut until_ns = now_ns + if self.is_behind { 0 } else { PATIENCE_NS };
        for _ in 0..LOOK_AT {
            // What is there already is taken together.
            let left =
                Duration::from_nanos(until_ns.saturating_sub(self.source.clock.monotonic_ns()));
            let wait = if self.pending.is_empty() {
                left.min(POLL)
            } else {
                Duration::ZERO
            };
            let has_come = self.receive(wait, after);
            let was_placed = self.placed.is_some();
            if self.stand(after)? {
                if !was_placed {
                    until_ns = self.source.clock.monotonic_ns() + FIRST_PATIENCE_NS;
                }
                let is_more = has_come && self.pending.len() < limit;
                if !is_more && let Some(batches) = self.take(after, limit)? {
                    return Ok(Some(batches));
                }
            }
            if !has_come && self.source.clock.monotonic_ns() >= until_ns {
                break;
            }
        }
        let now_ns = self.source.clock.monotonic_ns();
        if self.placed.is_none() && self.is_anothers(now_ns) {
            return Ok(None);
        }
        if !self.is_behind {
            tracing::info!(
                consumer = self.name,
                after,
                "Kafka does not bring what is committed; reading the store"
            );
        }
        self.is_behind = true;
        self.in_store(after, limit).map(Some)
    }

    fn kept(&mut self, position: u64) {
        while let Some((_, offset)) = self.come.pop_front_if(|it| it.0 <= position) {
            self.done = Some(offset);
        }
        let now_ns = self.source.clock.monotonic_ns();
        if now_ns.saturating_sub(self.told_ns) >= TELL_EVERY_NS {
            self.tell(CommitMode::Async);
        }
    }

    fn rest(&mut self) {
        self.tell(CommitMode::Async);
        // The group hears that this member lives; what comes meanwhile is kept for the next read.
        self.receive(Duration::ZERO, 0);
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        if self.placed.is_some() {
            self.tell(CommitMode::Async);
        }
    }
}

fn count_in(counter: &AtomicU64, batches: &[proto::Batch]) {
    let entries = batches.iter().map(|it| it.entries.len() as u64).sum();
    counter.fetch_add(entries, Ordering::Relaxed);
}

/// The batch that a message carries, and which part of it that is.
fn come(message: &BorrowedMessage<'_>) -> Option<(proto::Batch, (usize, usize))> {
    if message.partition() != ONLY {
        return None;
    }
    let headers = message.headers();
    let part = headers.and_then(|all| all.iter().find(|it| it.key == PART));
    let part = match part.and_then(|it| it.value) {
        None => (1, 1),
        Some(value) => {
            let (number, count) = std::str::from_utf8(value).ok()?.split_once('/')?;
            (number.parse().ok()?, count.parse().ok()?)
        }
    };
    Some((batch_of(message.payload()?)?, part))
}
