//! What lies in a topic.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

/// A message: its key, its value, and the header `position`.
pub(crate) struct Lying {
    pub(crate) key: Option<String>,
    pub(crate) value: Vec<u8>,
    pub(crate) position: Option<u64>,
}

fn client(brokers: &str) -> BaseConsumer {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", brokers);
    settings.set("group.id", "test");
    settings.create().expect("a client")
}

/// The topics whose names begin so.
pub(crate) fn topics(brokers: &str, prefix: &str) -> Vec<String> {
    let metadata = client(brokers).fetch_metadata(None, WITHIN);
    let metadata = metadata.expect("metadata");
    let names = metadata.topics().iter().map(|it| it.name().to_owned());
    names.filter(|it| it.starts_with(prefix)).collect()
}

/// All messages of a topic, oldest first in each partition; none where there is no such topic.
pub(crate) fn lying(brokers: &str, topic: &str) -> Vec<Lying> {
    let client = client(brokers);
    let metadata = client
        .fetch_metadata(Some(topic), WITHIN)
        .expect("metadata");
    let partitions = metadata.topics()[0].partitions().iter().map(|it| it.id());
    let (mut list, mut wanted) = (TopicPartitionList::new(), 0);
    for partition in partitions {
        // One that was just made may not be led yet: then nothing is there.
        let marks = client.fetch_watermarks(topic, partition, WITHIN);
        wanted += marks.map_or(0, |(low, high)| high - low);
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .expect("a partition");
    }
    client.assign(&list).expect("assigned");
    let mut all = Vec::new();
    while (all.len() as i64) < wanted {
        let message = client.poll(WITHIN).expect("a message in time");
        let message = message.expect("a message");
        let headers = message.headers();
        let position = headers.and_then(|all| all.iter().find(|it| it.key == "position"));
        let position = position.and_then(|it| String::from_utf8_lossy(it.value?).parse().ok());
        all.push(Lying {
            key: message
                .key()
                .map(|it| String::from_utf8_lossy(it).into_owned()),
            value: message.payload().unwrap_or_default().to_vec(),
            position,
        });
    }
    all
}
