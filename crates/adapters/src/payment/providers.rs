//! The list of providers as it is written in one setting: `a=sim+http://host:port,b=stripe+https://api.stripe.com`.

use super::endpoint::{Endpoint, Secret};
use super::{SimGateway, StripeGateway, signature};
use crate::http::HttpClient;
use cartwright_app::ports::payment::PaymentGateway;
use http::Uri;
use std::sync::Arc;
use std::time::Duration;

/// How long a call may take unless the setting says otherwise.
const TIMEOUT_MS: u64 = 5_000;
/// Longest timeout.
const TIMEOUT_MS_MAX: u64 = 600_000;
/// Letters of a name.
const NAME_MAX: usize = 32;

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sim,
    Stripe,
}

/// A configured provider, in order of preference.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in the setting, in routes and on payments.
    pub name: String,
    /// How it is asked.
    pub gateway: Arc<dyn PaymentGateway>,
    /// The header that its webhooks are signed in, in lower case.
    pub signature_header: &'static str,
    webhook_secret: Option<Secret>,
}

/// Why the setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentences say it; fields are what they name"
)]
pub enum ProvidersError {
    #[error(
        "`{0}` is no payment provider: write NAME=sim+http://HOST:PORT or NAME=stripe+https://HOST"
    )]
    Malformed(String),
    #[error("the payment provider name `{0}` must have 1 to 32 of a-z, 0-9, - and _")]
    Name(String),
    #[error("the payment provider `{0}` is named twice")]
    Twice(String),
    #[error("the payment provider `{name}` needs its key in {variable}")]
    Key { name: String, variable: String },
    #[error("{variable} must be a whole number of milliseconds from 1 to 600000")]
    Timeout { variable: String },
}

/// Reads the setting; `variable` gives the environment's value of a name (`CARTWRIGHT_PAYMENT_<NAME>_KEY`,
/// `_WEBHOOK_SECRET`, `_TIMEOUT_MS`; NAME in capitals, `-` as `_`). An empty text is no provider at all. Nothing is sent yet.
///
/// # Errors
/// [`ProvidersError`], a sentence that says what to change.
pub fn parse(
    setting: &str,
    client: &HttpClient,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Provider>, ProvidersError> {
    let mut providers: Vec<Provider> = Vec::new();
    for item in setting
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let (name, kind, base) =
            split(item).ok_or_else(|| ProvidersError::Malformed(item.to_owned()))?;
        let good = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(good) {
            return Err(ProvidersError::Name(name));
        }
        if providers
            .iter()
            .any(|known| known_as(&known.name) == known_as(&name))
        {
            return Err(ProvidersError::Twice(name));
        }
        let named = |what: &str| format!("CARTWRIGHT_PAYMENT_{}_{what}", known_as(&name));
        let given = |what: &str| {
            variable(&named(what))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let key = given("KEY").ok_or_else(|| ProvidersError::Key {
            name: name.clone(),
            variable: named("KEY"),
        })?;
        let timeout = match given("TIMEOUT_MS") {
            None => TIMEOUT_MS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|millis| (1..=TIMEOUT_MS_MAX).contains(millis))
                .ok_or_else(|| ProvidersError::Timeout {
                    variable: named("TIMEOUT_MS"),
                })?,
        };
        let endpoint = Endpoint {
            base,
            key: Secret::new(key),
            timeout: Duration::from_millis(timeout),
            client: client.clone(),
        };
        let (gateway, signature_header): (Arc<dyn PaymentGateway>, _) = match kind {
            Kind::Sim => (
                Arc::new(SimGateway::new(name.clone(), endpoint)),
                "webhook-signature",
            ),
            Kind::Stripe => (
                Arc::new(StripeGateway::new(name.clone(), endpoint)),
                "stripe-signature",
            ),
        };
        let webhook_secret = given("WEBHOOK_SECRET").map(Secret::new);
        providers.push(Provider {
            name,
            gateway,
            signature_header,
            webhook_secret,
        });
    }
    Ok(providers)
}

impl Provider {
    /// Whether a webhook's body was signed by this provider; false when no secret is configured.
    pub fn signed(&self, now_seconds: i64, header: &str, body: &[u8]) -> bool {
        self.webhook_secret.as_ref().is_some_and(|secret| {
            signature::verify(secret.expose().as_bytes(), now_seconds, header, body).is_ok()
        })
    }
}

/// The part of the variables' names.
fn known_as(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

fn split(item: &str) -> Option<(String, Kind, String)> {
    let (name, address) = item.split_once('=')?;
    let (kind, url) = address.split_once('+')?;
    let kind = match kind {
        "sim" => Kind::Sim,
        "stripe" => Kind::Stripe,
        _ => return None,
    };
    let base = url.trim_end_matches('/');
    let uri: Uri = base.parse().ok()?;
    let whole = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none();
    whole.then(|| (name.trim().to_owned(), kind, base.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(setting: &str) -> Result<Vec<String>, ProvidersError> {
        let given = |name: &str| match name {
            "CARTWRIGHT_PAYMENT_A_KEY"
            | "CARTWRIGHT_PAYMENT_B_2_KEY"
            | "CARTWRIGHT_PAYMENT_SLOW_KEY" => Some("k".to_owned()),
            "CARTWRIGHT_PAYMENT_SLOW_TIMEOUT_MS" => Some("0".to_owned()),
            _ => None,
        };
        let providers = parse(setting, &HttpClient::new(), given)?;
        Ok(providers
            .iter()
            .map(|provider| provider.gateway.name().to_owned())
            .collect())
    }

    #[test]
    fn reads_the_list_in_order_and_says_what_is_wrong() {
        let malformed = |item: &str| Err(ProvidersError::Malformed(item.to_owned()));
        let owned = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        let rows: Vec<(&str, Result<Vec<String>, ProvidersError>)> = vec![
            ("", owned(&[])),
            ("a=sim+http://127.0.0.1:9", owned(&["a"])),
            (
                "b-2=stripe+https://api.stripe.com/, a=sim+http://h:1",
                owned(&["b-2", "a"]),
            ),
            ("a", malformed("a")),
            ("a=http://h:1", malformed("a=http://h:1")),
            ("a=paypal+http://h:1", malformed("a=paypal+http://h:1")),
            ("a=sim+ftp://h:1", malformed("a=sim+ftp://h:1")),
            ("a=sim+http://", malformed("a=sim+http://")),
            (
                "A=sim+http://h:1",
                Err(ProvidersError::Name("A".to_owned())),
            ),
            (
                "a=sim+http://h:1,a=sim+http://h:2",
                Err(ProvidersError::Twice("a".to_owned())),
            ),
            (
                "c=sim+http://h:1",
                Err(ProvidersError::Key {
                    name: "c".to_owned(),
                    variable: "CARTWRIGHT_PAYMENT_C_KEY".to_owned(),
                }),
            ),
            (
                "slow=sim+http://h:1",
                Err(ProvidersError::Timeout {
                    variable: "CARTWRIGHT_PAYMENT_SLOW_TIMEOUT_MS".to_owned(),
                }),
            ),
        ];
        for (setting, expected) in rows {
            assert_eq!(names(setting), expected, "{setting}");
        }
    }

    #[test]
    fn shows_no_secret() {
        let secret = |_: &str| Some("12345".to_owned());
        let providers = parse(
            "a=sim+http://h:1,b=stripe+http://h:1",
            &HttpClient::new(),
            secret,
        )
        .expect("providers");
        let shown = format!("{providers:?}");
        assert!(!shown.contains("\"12345\""), "{shown}");
    }
}
