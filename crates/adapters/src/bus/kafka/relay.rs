//! The relay: publishes every committed entry, in order, and keeps its place only when the brokers have them.
//!
//! It reads the log itself, so nothing is published that is not committed. After a crash the last ones are published again; they are
//! known by their position and event id.

use super::clients::settings_of;
use super::publisher::{Publisher, Record};
use super::records::{Records, batches};
use super::registry::{Registry, RegistryError};
use super::schemas::COMPATIBILITY;
use super::{KafkaOptions, topics};
use cartwright_app::consumers::{Consumer, Place, Seen, early, entries};
use cartwright_app::dead_letters::DeadLetters;
use cartwright_app::{Fault, Shop, events};
use cartwright_domain::Time;
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use std::time::Duration;

/// Its name among cursors and dead letters.
pub const RELAY: &str = "kafka-relay";
/// Bytes sent before the next ones are made, about.
const BYTES_AT_ONCE: usize = 16 << 20;
/// How often it looks whether the registry still knows the schemas.
const LOOK_EVERY_NS: u64 = 2_000_000_000;
/// How long commits are gathered.
const LINGER: Duration = Duration::from_millis(2);

/// Carries the log to Kafka.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Relay {
    shop: Shop,
    options: KafkaOptions,
    registry: Registry,
    publisher: Publisher,
    letters: DeadLetters,
    records: Option<Records>,
    look_again_ns: u64,
}

impl Relay {
    /// Of this shop. What can never be published becomes a letter of `letters`.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the system gives no event loop for the registry.
    pub fn new(shop: Shop, options: KafkaOptions, letters: DeadLetters) -> Result<Self, Fault> {
        let settings = settings_of(&options, "relay");
        Ok(Self {
            registry: Registry::new(&options.registry).map_err(fault)?,
            publisher: Publisher::new(settings, options.max_message_bytes),
            shop,
            options,
            letters,
            records: None,
            look_again_ns: 0,
        })
    }

    /// Sees to topics and schemas, when it has not for a while.
    fn prepare(&mut self) -> Result<(), Fault> {
        let now_ns = self.shop.clock().monotonic_ns();
        if self.records.is_some() && now_ns < self.look_again_ns {
            return Ok(());
        }
        if self.records.is_none() {
            topics::ensure(&self.options)?;
            let head = *self.shop.head().borrow();
            if !topics::agrees(&self.options, &**self.shop.store(), head)? {
                tracing::error!(
                    topic = self.options.log_topic(),
                    "Kafka has entries that this log never had: was the database restored from an older copy? Its topic of the log is emptied; `cartwright bus rebuild` makes the others agree"
                );
                topics::empty_log(&self.options)?;
            }
        }
        let known = self.known();
        self.shop
            .health()
            .note_outside("schema_registry", known.is_err());
        match known {
            Ok(true) => {}
            Ok(false) => self.records = Some(self.register()?),
            // The ids are good as long as nobody says otherwise.
            Err(error) if self.records.is_some() => {
                tracing::warn!(%error, "the schemas could not be looked at; going on with the ids that are known");
            }
            Err(error) => return Err(fault(error)),
        }
        self.look_again_ns = now_ns + LOOK_EVERY_NS;
        Ok(())
    }

    /// Whether the registry has the schemas under the ids that are known here.
    fn known(&self) -> Result<bool, RegistryError> {
        let Some(records) = &self.records else {
            return Ok(false);
        };
        let (subject, text, id) = records.log_schema();
        Ok(self.registry.find(&subject, text)? == Some(id))
    }

    fn register(&self) -> Result<Records, Fault> {
        let records = Records::new(&self.options, |subject, schema| {
            self.registry.register(subject, &schema.text, COMPATIBILITY)
        });
        self.shop
            .health()
            .note_outside("schema_registry", records.is_err());
        let records = records.map_err(fault)?;
        tracing::info!("the events' schemas are registered");
        Ok(records)
    }

    fn publish(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        self.prepare()?;
        let Some(records) = &self.records else {
            return Err(Fault::Unavailable(
                "Kafka: no schemas are registered".into(),
            ));
        };
        let mut parked = self.letters.parked_now()?;
        let (mut made, mut of, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut never = Vec::new();
        for batch in batches(seen) {
            for it in batch {
                match records.of_entry(it) {
                    Ok(_) if parked.contains(it.entry.stream.as_str()) => {
                        never.push((it, "it waits behind another dead letter".to_owned(), 0));
                    }
                    Ok(record) => {
                        bytes += record.value.len();
                        made.push(record);
                        of.push(Some(it));
                    }
                    Err(why) => {
                        parked.insert(it.entry.stream.as_str().into());
                        never.push((it, why, 1));
                    }
                }
            }
            for record in records.of_batch(batch) {
                bytes += record.value.len();
                made.push(record);
                of.push(None);
            }
            if bytes > BYTES_AT_ONCE {
                never.extend(send(&mut self.publisher, &made, &of)?);
                (made, of, bytes) = (Vec::new(), Vec::new(), 0);
            }
        }
        never.extend(send(&mut self.publisher, &made, &of)?);
        never.sort_by_key(|it| it.0.position);
        for (it, why, attempts) in never {
            self.bury(it, &why, attempts)?;
        }
        Ok(())
    }

    fn bury(&self, seen: &Seen<'_>, why: &str, attempts: u32) -> Result<(), Fault> {
        if seen.entry.stream.starts_with("dead_letter:") {
            // A letter about a letter would be larger still.
            tracing::error!(
                stream = seen.entry.stream,
                position = seen.position,
                why,
                "an entry of a dead letter is not published"
            );
            return Ok(());
        }
        let first_at = Time(self.shop.clock().now_ms());
        let burial = self.letters.burial(seen, why, attempts, first_at);
        self.letters.submit_now(&seen.entry.correlation_id, burial)
    }

    /// Publishes dead letters once more, where an operator asked for that.
    fn publish_again(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        for it in seen
            .iter()
            .filter(|it| it.entry.r#type == events::REPLAYING)
        {
            let Some((letter, entry)) = self.letters.asked_again_now(it)? else {
                continue;
            };
            let again = Seen {
                position: letter.about.position,
                time: letter.about.occurred_at,
                entry: &entry,
                ..*it
            };
            let record = self
                .records
                .as_ref()
                .map(|records| records.of_entry(&again));
            let failure = match record {
                Some(Ok(record)) => {
                    let refused = self.publisher.publish(&[record])?;
                    refused.into_iter().next().map(|it| it.1)
                }
                Some(Err(why)) => Some(why),
                None => {
                    return Err(Fault::Unavailable(
                        "Kafka: no schemas are registered".into(),
                    ));
                }
            };
            let settlement = self.letters.settlement(&letter, failure, it);
            self.letters
                .submit_now(&letter.about.correlation, settlement)?;
        }
        Ok(())
    }
}

/// An entry that never can be published, why, and how often it was tried.
type Never<'s, 'e> = (&'s Seen<'e>, String, u32);

/// Sends records; the entries among them that Kafka will never take.
fn send<'s, 'e>(
    publisher: &mut Publisher,
    made: &[Record],
    of: &[Option<&'s Seen<'e>>],
) -> Result<Vec<Never<'s, 'e>>, Fault> {
    let refused = publisher.publish(made)?;
    let never = refused
        .into_iter()
        .filter_map(|(index, why)| match of[index] {
            Some(seen) => Some((seen, why, 1)),
            None => {
                tracing::warn!(
                    why,
                    "Kafka does not take a batch of the log; consumers read it from the store"
                );
                None
            }
        });
    Ok(never.collect())
}

fn fault(error: RegistryError) -> Fault {
    Fault::Unavailable(error.to_string())
}

impl Consumer for Relay {
    fn name(&self) -> &'static str {
        RELAY
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        if planted_in_engine(EngineBug::RelayAheadOfCommit) {
            for batch in early::take() {
                self.publish(&entries(&batch).collect::<Vec<_>>())?;
            }
        }
        let done = self.publish(seen).and_then(|()| self.publish_again(seen));
        self.shop.health().note_outside("kafka", done.is_err());
        if done.is_err() {
            // Topics may have gone, or the brokers' data: it is all looked at again.
            self.records = None;
        }
        done
    }

    fn leave(&mut self) {
        for name in ["kafka", "schema_registry"] {
            self.shop.health().forget_outside(name);
        }
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    /// All that the log has: who reads the topics finds what happened before there were any.
    fn start_over(&mut self) -> Result<u64, Fault> {
        let first = self.shop.store().log(0, 1)?;
        Ok(first.first().map_or(0, |batch| batch.first_position - 1))
    }
}
