//! What a setting may be, and the sentence for what it may not.

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
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A file or directory.
    Path,
    /// `host:port`.
    Address,
    /// ISO 4217.
    Currency,
    /// ISO 3166-1 alpha-2.
    Country,
    /// Shipping options and what they cost.
    Rates,
    /// `embedded`, or the URL of a Kafka.
    Bus,
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
            Self::Text => "text".into(),
            Self::Secret => "1 to 200 visible ASCII letters without spaces".into(),
            Self::Path => "a path".into(),
            Self::Address => "an address and a port, like 127.0.0.1:8080".into(),
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
            Self::Text | Self::Path => true,
            Self::Secret => value.len() <= 200 && value.bytes().all(|b| b.is_ascii_graphic()),
            Self::Address => value
                .to_socket_addrs()
                .is_ok_and(|mut found| found.next().is_some()),
            Self::Currency => Currency::new(value).is_ok(),
            Self::Country => Country::new(value).is_ok(),
            Self::Rates => Rates::parse(value).is_ok(),
            Self::Bus => value == "embedded" || crate::buses::check(value).is_ok(),
        };
        good.then(|| value.to_owned())
    }
}
