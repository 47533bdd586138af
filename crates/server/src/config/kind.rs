//! What a setting may be, and the sentence for what it may not.

use cartwright_api::http::Roles;
use cartwright_domain::checkout::Rates;
use cartwright_domain::{Country, Currency};
use std::net::ToSocketAddrs;

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds.
    Whole {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number from 0 to 1.
    Ratio,
    /// `true` or `false` (also 1, 0, yes, no, on, off).
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Where an engine is: a word for what comes with the program, else an address that begins with this. It may hold a password.
    Engine {
        /// What stands for the part that comes with the program; empty: nothing does.
        word: &'static str,
        /// What an address begins with.
        scheme: &'static str,
    },
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A file or directory.
    Path,
    /// `host:port`.
    Address,
    /// Where another process is reached: `http://host:port`; or nothing.
    Peer,
    /// `all`, or names of roles with commas between them.
    Roles,
    /// Roles and where others serve them.
    RolePeers,
    /// ISO 4217.
    Currency,
    /// ISO 3166-1 alpha-2.
    Country,
    /// Shipping options and what they cost.
    Rates,
    /// `embedded`, or the URL of a Kafka.
    Bus,
}

/// A whole number within bounds.
pub(super) const fn whole(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

/// The address of a PostgreSQL, or a word that stands for another database.
pub(super) const fn postgres(word: &'static str) -> Kind {
    Kind::Engine {
        word,
        scheme: "postgres://",
    }
}

impl Kind {
    /// What is allowed, to follow "must be".
    pub fn allowed(self) -> String {
        match self {
            Self::Whole { min, max: i64::MAX } => format!("a whole number from {min}"),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Ratio => "a number from 0 to 1".into(),
            Self::Flag => "true or false".into(),
            Self::Choice([only]) => format!("`{only}`: this version has nothing else"),
            Self::Choice(words) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            Self::Engine { word, scheme } => {
                let own = if word.is_empty() { String::new() } else { format!("`{word}` or ") };
                format!("{own}an address that begins with {scheme}")
            }
            Self::Text => "text".into(),
            Self::Secret => "1 to 200 visible ASCII letters without spaces".into(),
            Self::Path => "a path".into(),
            Self::Address => "an address and a port, like 127.0.0.1:8080".into(),
            Self::Peer => "like http://10.0.0.7:8080: without TLS, a path or a query".into(),
            Self::Roles => "`all`, or some of `storefront`, `inventory`, `checkout`, `payment` with commas".into(),
            Self::RolePeers => "roles and addresses, like inventory=http://10.0.0.8:8080".into(),
            Self::Currency => "three capital letters of ISO 4217, like USD".into(),
            Self::Bus => "`embedded` or `kafka://host:port[,host:port]?registry=http://host:port`".into(),
            Self::Country => "two capital letters of ISO 3166-1, like US".into(),
            Self::Rates => {
                "options with prices in minor units, like `standard=USD:599 EUR:499, express=USD:1499`"
                    .into()
            }
        }
    }

    /// The value in its one spelling; `None` when it is not allowed.
    pub fn check(self, value: &str) -> Option<String> {
        let value = if self == Self::Text {
            value
        } else {
            value.trim()
        };
        let good = match self {
            Self::Whole { min, max } => {
                let digits = value.replace('_', "");
                return digits
                    .parse()
                    .ok()
                    .filter(|number: &i64| (min..=max).contains(number))
                    .map(|it| it.to_string());
            }
            Self::Flag => {
                return match value.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => Some("true".into()),
                    "false" | "0" | "no" | "off" => Some("false".into()),
                    _ => None,
                };
            }
            Self::Ratio => value
                .parse()
                .is_ok_and(|number: f64| (0.0..=1.0).contains(&number)),
            Self::Choice(words) => words.contains(&value),
            Self::Engine { word, scheme } => value == word || value.starts_with(scheme),
            Self::Text | Self::Path => true,
            Self::Secret => value.len() <= 200 && value.bytes().all(|b| b.is_ascii_graphic()),
            Self::Address => value
                .to_socket_addrs()
                .is_ok_and(|mut found| found.next().is_some()),
            Self::Peer => value.is_empty() || is_peer(value),
            Self::Roles => Roles::parse(value, "").is_some(),
            Self::RolePeers => Roles::parse("all", value).is_some_and(|it| it.peers().all(is_peer)),
            Self::Currency => Currency::new(value).is_ok(),
            Self::Country => Country::new(value).is_ok(),
            Self::Rates => Rates::parse(value).is_ok(),
            Self::Bus => value == "embedded" || crate::buses::check(value).is_ok(),
        };
        good.then(|| value.to_owned())
    }
}

/// Whether processes of a shop can be reached at it.
fn is_peer(value: &str) -> bool {
    let host = value.strip_prefix("http://");
    let (host, port) = host.and_then(|it| it.rsplit_once(':')).unwrap_or_default();
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-._[]:".contains(&letter);
    !host.is_empty() && host.bytes().all(is_plain) && port.parse().is_ok_and(|port: u16| port > 0)
}
