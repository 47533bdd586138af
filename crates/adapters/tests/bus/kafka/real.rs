//! The broker and the registry that tests speak to, and a shop that is carried to them.

use crate::floor::Floor;
use cartwright_adapters::bus::EmbeddedBus;
use cartwright_adapters::bus::kafka::{KafkaBus, KafkaOptions, RELAY, Relay};
use cartwright_app::consumers::{self, Consumer, Consumers};
use cartwright_app::dead_letters::DeadLetters;
use cartwright_app::ports::Bus;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

/// Options with topics of their own; `None`, said loudly, where there is no broker.
pub(crate) fn options(test: &str) -> Option<KafkaOptions> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // `RUST_LOG=cartwright_adapters=debug` shows what happens; that it is there already is no error.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    let said = |name| {
        std::env::var(name)
            .ok()
            .filter(|it: &String| !it.is_empty())
    };
    let kafka = said("CARTWRIGHT_TEST_KAFKA");
    let registry = said("CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL");
    let (Some(kafka), Some(registry)) = (kafka, registry) else {
        eprintln!(
            "SKIPPED, nothing was checked: {test} needs CARTWRIGHT_TEST_KAFKA and CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL"
        );
        return None;
    };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("t{}-{number}", std::process::id());
    let url = format!("kafka://{kafka}?registry={registry}&prefix={prefix}&partitions=3");
    Some(KafkaOptions::parse(&url).expect("options"))
}

pub(crate) fn relay(floor: &Floor, options: &KafkaOptions) -> Relay {
    let letters = DeadLetters::new(floor.shop.clone(), RELAY, 100);
    Relay::new(floor.shop.clone(), options.clone(), letters).expect("a relay")
}

/// The relay at work.
pub(crate) fn relayed(floor: &Floor, options: &KafkaOptions) -> Consumers {
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(&floor.shop));
    consumers::start(&floor.shop, &bus, vec![Box::new(relay(floor, options))]).expect("threads")
}

/// Consumers that read from Kafka.
pub(crate) fn following(
    floor: &Floor,
    bus: &Arc<KafkaBus>,
    followers: Vec<Box<dyn Consumer>>,
) -> Consumers {
    let bus: Arc<dyn Bus> = bus.clone();
    consumers::start(&floor.shop, &bus, followers).expect("threads")
}

/// A message as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lying {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) time_ms: Option<i64>,
}

impl Lying {
    pub(crate) fn position(&self) -> u64 {
        self.headers["position"].parse().expect("a position")
    }
}

pub(crate) fn client(options: &KafkaOptions) -> BaseConsumer {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &options.brokers);
    settings.set("group.id", format!("{}.test", options.prefix));
    settings.create().expect("a client")
}

/// All that lies in a topic, partition by partition.
pub(crate) fn lying(options: &KafkaOptions, topic: &str) -> Vec<Lying> {
    let client = client(options);
    let metadata = client
        .fetch_metadata(Some(topic), WITHIN)
        .expect("metadata");
    let partitions = metadata.topics()[0].partitions().iter().map(|it| it.id());
    let (mut list, mut wanted) = (TopicPartitionList::new(), 0);
    for partition in partitions {
        // One that was just made may not be led yet: then nothing is there.
        let marks = client.fetch_watermarks(topic, partition, WITHIN);
        let (low, high) = marks.unwrap_or((0, 0));
        wanted += high - low;
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .expect("a partition");
    }
    client.assign(&list).expect("assigned");
    let mut all = Vec::new();
    while (all.len() as i64) < wanted {
        let message = client
            .poll(WITHIN)
            .expect("a message in time")
            .expect("a message");
        let headers = message.headers().expect("headers").iter().map(|it| {
            let value = String::from_utf8_lossy(it.value.unwrap_or_default()).into_owned();
            (it.key.to_owned(), value)
        });
        all.push(Lying {
            partition: message.partition(),
            key: message
                .key()
                .map(|it| String::from_utf8_lossy(it).into_owned()),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers.collect(),
            time_ms: message.timestamp().to_millis(),
        });
    }
    all.sort_by_key(|it| it.partition);
    all
}

/// The offset that a consumer's group has told Kafka.
pub(crate) fn told(options: &KafkaOptions, group: &str) -> Option<i64> {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", &options.brokers)
        .set("group.id", group);
    let client: BaseConsumer = settings.create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition(&options.log_topic(), 0);
    let found = client.committed_offsets(list, WITHIN).expect("offsets");
    found.elements()[0].offset().to_raw().filter(|it| *it >= 0)
}
