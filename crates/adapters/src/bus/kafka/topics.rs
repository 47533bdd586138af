//! The topics themselves: made, looked into, emptied.

use super::KafkaOptions;
use super::clients::{Quiet, settings_of, unavailable, wait};
use super::records::{Records, batch_of, last_of};
use cartwright_app::Fault;
use cartwright_app::ports::ReadStore;
use cartwright_proto::events as proto;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::time::Duration;

/// How long Kafka may take for such a thing.
pub(super) const WITHIN: Duration = Duration::from_secs(5);
/// How often, and how many times, a topic is asked for again that nobody leads.
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: u32 = 50;
/// The partition of the log's topic.
pub(super) const ONLY: i32 = 0;

/// Kafka gives up messages by their own time: what is published again after a year would be gone at once. Their clock may be ahead.
const KEPT: [(&str, &str); 2] = [
    ("retention.ms", "-1"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

fn admin(options: &KafkaOptions) -> Result<AdminClient<Quiet>, Fault> {
    AdminClient::from_config_and_context(&settings_of(options, "admin"), Quiet).map_err(unavailable)
}

fn patience() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(WITHIN))
        .operation_timeout(Some(WITHIN))
}

/// Makes the topics that are not there; all others are left as they are.
pub(super) fn ensure(options: &KafkaOptions) -> Result<(), Fault> {
    let (nouns, log) = Records::topics(options);
    let one = nouns.iter().map(|name| (name, options.partitions));
    let wanted: Vec<_> = one
        .chain([(&log, 1)])
        .map(|(name, partitions)| {
            let replication = TopicReplication::Fixed(options.replication);
            let topic = NewTopic::new(name, partitions, replication);
            KEPT.iter()
                .fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let made = wait(admin(options)?.create_topics(&wanted, &patience()))?;
    for topic in made.map_err(unavailable)? {
        match topic {
            Ok(name) => tracing::info!(topic = name, "a topic is made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, error)) => return Err(unavailable(format!("topic {name}: {error}"))),
        }
    }
    Ok(())
}

/// Removes topics; it is no error that one is not there. Kafka may take a moment more.
pub(super) fn delete(options: &KafkaOptions, names: &[String]) -> Result<(), Fault> {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let gone = wait(admin(options)?.delete_topics(&names, &patience()))?;
    for topic in gone.map_err(unavailable)? {
        match topic {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, error)) => return Err(unavailable(format!("topic {name}: {error}"))),
        }
    }
    Ok(())
}

/// Whether the log's topic continues this store's log. Where the store was restored from an older copy, Kafka has entries that never
/// happened, at positions that other ones get now.
pub(super) fn agrees(
    options: &KafkaOptions,
    store: &dyn ReadStore,
    head: u64,
) -> Result<bool, Fault> {
    let Some(last) = last_batch(options)? else {
        return Ok(true);
    };
    let here = store.log(last.first_position - 1, 1)?;
    let here = here
        .first()
        .filter(|it| it.first_position <= last.first_position);
    // Nothing is published before it is committed; what was compacted away cannot be compared.
    Ok(match here {
        Some(here) => here.batch_id == last.batch_id,
        None => last_of(&last) <= head,
    })
}

fn looker(options: &KafkaOptions) -> Result<BaseConsumer<Quiet>, Fault> {
    let mut settings = settings_of(options, "looker");
    settings.set("group.id", options.group_of("looker"));
    settings.set("enable.auto.commit", "false");
    settings.create_with_context(Quiet).map_err(unavailable)
}

/// The first offset of the log's topic and the one after its last; `None` where there is no such topic. A topic that was just made may
/// take a moment to be led.
fn marks(
    options: &KafkaOptions,
    consumer: &BaseConsumer<Quiet>,
) -> Result<Option<(i64, i64)>, Fault> {
    let topic = options.log_topic();
    let mut tries = 0;
    loop {
        tries += 1;
        match consumer.fetch_watermarks(&topic, ONLY, WITHIN) {
            Ok(marks) => return Ok(Some(marks)),
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) if is_moving(&error) && tries < TRIES => std::thread::sleep(PAUSE),
            Err(error) => return Err(unavailable(error)),
        }
    }
}

/// What was put last into the log's topic; `None` where there is none, or nothing of ours.
fn last_batch(options: &KafkaOptions) -> Result<Option<proto::Batch>, Fault> {
    let (topic, consumer) = (options.log_topic(), looker(options)?);
    let Some((low, high)) = marks(options, &consumer)?.filter(|(low, high)| low < high) else {
        return Ok(None);
    };
    let mut last = TopicPartitionList::new();
    last.add_partition_offset(&topic, ONLY, Offset::Offset(high - 1))
        .map_err(unavailable)?;
    consumer.assign(&last).map_err(unavailable)?;
    match consumer.poll(WITHIN) {
        Some(message) => Ok(message.map_err(unavailable)?.payload().and_then(batch_of)),
        None => Err(unavailable(format!(
            "{topic} ends at {high}, begins at {low} and shows nothing"
        ))),
    }
}

/// Whether that is because there is no such topic.
fn is_missing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
    )
}

/// Whether that is because nobody leads it for the moment.
fn is_moving(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable)
    )
}

/// Empties the log's topic.
pub(super) fn empty_log(options: &KafkaOptions) -> Result<(), Fault> {
    let topic = options.log_topic();
    let Some((_, high)) = marks(options, &looker(options)?)? else {
        return Ok(());
    };
    let mut until = TopicPartitionList::new();
    until
        .add_partition_offset(&topic, ONLY, Offset::Offset(high))
        .map_err(unavailable)?;
    wait(admin(options)?.delete_records(&until, &patience()))?.map_err(unavailable)?;
    Ok(())
}
