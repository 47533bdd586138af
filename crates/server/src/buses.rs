//! The bus that the settings name, and what carries the log to it.

use crate::CannotStart;
use crate::config::Config;
use cartwright_adapters::bus::EmbeddedBus;
use cartwright_app::Shop;
use cartwright_app::consumers::Consumers;
use cartwright_app::ports::Bus;
use std::sync::Arc;

#[cfg(feature = "kafka")]
use cartwright_adapters::bus::kafka::{KafkaBus, KafkaOptions, OrdersTopic, RELAY, Relay};
#[cfg(feature = "kafka")]
use cartwright_app::consumers::{self, Consumer};

/// Whether a URL names a bus that this build has.
///
/// # Errors
/// A sentence that says what is wrong with it.
#[cfg(feature = "kafka")]
pub(crate) fn check(url: &str) -> Result<(), String> {
    KafkaOptions::parse(url).map(drop)
}

/// Whether a URL names a bus that this build has.
///
/// # Errors
/// A sentence that says what is wrong with it.
#[cfg(not(feature = "kafka"))]
pub(crate) fn check(_: &str) -> Result<(), String> {
    Err("this build has no Kafka".into())
}

/// The Kafka of the settings; `None` for the embedded bus.
///
/// # Errors
/// [`CannotStart`] when the URL cannot be understood.
#[cfg(feature = "kafka")]
pub fn kafka(config: &Config) -> Result<Option<KafkaOptions>, CannotStart> {
    let url = config.text("bus");
    if url == "embedded" {
        return Ok(None);
    }
    let options = KafkaOptions::parse(url).map_err(CannotStart)?;
    Ok(Some(KafkaOptions {
        node: config.text("node_name").to_owned(),
        ..options
    }))
}

/// The bus, and at work what brings the log to it: that reads the log itself.
///
/// # Errors
/// [`CannotStart`] when the system gives no threads.
#[cfg(feature = "kafka")]
pub(crate) fn start(
    shop: &Shop,
    config: &Config,
) -> Result<(Arc<dyn Bus>, Consumers), CannotStart> {
    use cartwright_app::dead_letters::DeadLetters;

    let log: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(shop));
    let max = config.size("dead_letters_max");
    let mut carriers: Vec<Box<dyn Consumer>> = Vec::new();
    let brokers = config.text("kafka_orders");
    if !brokers.is_empty() {
        let order_of = |shop: &Shop, seen: &consumers::Seen<'_>| {
            cartwright_api::demo::order_result(shop, seen.entry)
        };
        let node = config.text("node_name");
        let orders = OrdersTopic::new(shop.clone(), brokers, node, max, Box::new(order_of));
        carriers.push(Box::new(orders));
    }
    let bus: Arc<dyn Bus> = match kafka(config)? {
        None => log.clone(),
        Some(options) => {
            let letters = DeadLetters::new(shop.clone(), RELAY, max);
            let relay = Relay::new(shop.clone(), options.clone(), letters);
            carriers.push(Box::new(relay.map_err(CannotStart::because)?));
            Arc::new(KafkaBus::new(shop, options))
        }
    };
    let carriers = consumers::start(shop, &log, carriers).map_err(CannotStart::because)?;
    Ok((bus, carriers))
}

/// The bus, and at work what brings the log to it.
///
/// # Errors
/// [`CannotStart`] when the settings ask for Kafka.
#[cfg(not(feature = "kafka"))]
pub(crate) fn start(
    shop: &Shop,
    config: &Config,
) -> Result<(Arc<dyn Bus>, Consumers), CannotStart> {
    if !config.text("kafka_orders").is_empty() {
        return Err(CannotStart("kafka_orders: this build has no Kafka".into()));
    }
    Ok((Arc::new(EmbeddedBus::new(shop)), Consumers::default()))
}
