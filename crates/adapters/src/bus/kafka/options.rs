//! Where Kafka is and what the topics are called: `kafka://host:port[,host:port]?registry=http://...`.

use percent_encoding::percent_decode_str;

/// How the shop speaks to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `host:port[,host:port]`.
    pub brokers: String,
    /// Base URL of the schema registry.
    pub registry: String,
    /// What the names of topics and groups begin with, before a dot.
    pub prefix: String,
    /// Partitions of a noun's topic when it is made here.
    pub partitions: i32,
    /// Copies of each topic made here; -1: as the brokers are set.
    pub replication: i32,
    /// Largest message in bytes; brokers take 1,048,588 unless set otherwise.
    pub max_message_bytes: usize,
    /// This process among the others.
    pub node: String,
}

/// What a URL begins with.
const SCHEME: &str = "kafka://";

impl KafkaOptions {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix(SCHEME)
            .ok_or_else(|| format!("a Kafka URL begins with {SCHEME}"))?;
        let (brokers, query) = rest.split_once('?').unwrap_or((rest, ""));
        let brokers = brokers.trim_end_matches('/');
        check_brokers(brokers)?;
        let mut options = Self {
            brokers: brokers.to_owned(),
            registry: String::new(),
            prefix: "cartwright".to_owned(),
            partitions: 6,
            replication: -1,
            max_message_bytes: 1_000_000,
            node: "main".to_owned(),
        };
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("{name} is not UTF-8"))?;
            options.set(name, &value)?;
        }
        if options.registry.is_empty() {
            return Err("say where the schema registry is: ?registry=http://host:port".into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = |min: i64, max: i64| {
            let number = value.parse::<i64>().ok();
            let number = number.filter(|it| (min..=max).contains(it));
            number.ok_or_else(|| format!("{name} is a whole number from {min} to {max}"))
        };
        match name {
            "registry" if value.starts_with("http://") || value.starts_with("https://") => {
                self.registry = value.trim_end_matches('/').to_owned();
            }
            "registry" => return Err("registry is a URL of http or https".into()),
            "prefix" if is_name(value) => self.prefix = value.to_owned(),
            "prefix" => return Err("prefix is up to 100 of A-Z a-z 0-9 . -".into()),
            "partitions" => self.partitions = number(1, 1_000)? as i32,
            "replication" => self.replication = number(-1, 15)? as i32,
            "max_message_bytes" => self.max_message_bytes = number(1_000, 1_000_000_000)? as usize,
            _ => {
                return Err(format!(
                    "{name} is none of registry, prefix, partitions, replication, max_message_bytes"
                ));
            }
        }
        Ok(())
    }

    /// The topic of a noun's events.
    pub fn topic_of(&self, noun: &str) -> String {
        format!("{}.{}.v1", self.prefix, noun.replace('_', "-"))
    }

    /// The topic that carries the whole log, in its order.
    pub fn log_topic(&self) -> String {
        format!("{}.log.v1", self.prefix)
    }

    /// The group that reads for a consumer.
    pub fn group_of(&self, consumer: &str) -> String {
        format!("{}.{consumer}", self.prefix)
    }
}

fn check_brokers(brokers: &str) -> Result<(), String> {
    let is_broker = |it: &str| {
        let parts = it.rsplit_once(':');
        parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if brokers.split(',').all(is_broker) {
        return Ok(());
    }
    Err("brokers are host:port, parted by commas".into())
}

fn is_name(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    (1..=100).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_brokers_registry_and_names() {
        let url =
            "kafka://a:9092,b:9093?registry=http%3A%2F%2Fr:8081/apis/&prefix=shop-1&partitions=3";
        let options = KafkaOptions::parse(url).expect("good");
        assert_eq!(options.brokers, "a:9092,b:9093");
        assert_eq!(options.registry, "http://r:8081/apis");
        assert_eq!(options.topic_of("wallet_entry"), "shop-1.wallet-entry.v1");
        assert_eq!(options.log_topic(), "shop-1.log.v1");
        assert_eq!(options.group_of("mail"), "shop-1.mail");
        assert_eq!(options.partitions, 3);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let rows = [
            ("amqp://a:1", "kafka://"),
            ("kafka://a:9092", "registry"),
            ("kafka://?registry=http://r", "host:port"),
            ("kafka://a?registry=http://r", "host:port"),
            ("kafka://a:9092?registry=r:8081", "http"),
            (
                "kafka://a:9092?registry=http://r&partitions=0",
                "partitions",
            ),
            ("kafka://a:9092?registry=http://r&prefix=a_b", "prefix"),
            ("kafka://a:9092?registry=http://r&topic=x", "topic is none"),
        ];
        for (url, word) in rows {
            let error = KafkaOptions::parse(url).expect_err(url);
            assert!(error.contains(word), "{url}: {error}");
        }
    }
}
