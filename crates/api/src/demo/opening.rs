//! Opening the checkout of a drop-in cart, once for each idempotency key: what the first request opened is what a repeat finds.

use crate::codes::CODES;
use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::checkouts::OpenDropIn;
use cartwright_app::kept::KeptReply;
use cartwright_app::shop::{Keyed, Outcome, Submission};
use cartwright_app::{Record, Reply};
use cartwright_domain::{CheckoutId, QuoteId};
use http::HeaderMap;
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// A key of a request without credentials, and what is asked under it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) hash: [u8; 16],
    pub(super) payload_hash: [u8; 32],
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// A checkout that can be completed with this quote.
    Quoted(CheckoutId, QuoteId),
    /// It cannot be sent.
    Unsendable,
    /// Somebody completes it already.
    Taken(CheckoutId),
    /// An earlier request under the same key opened it.
    Again(CheckoutId),
}

/// Opens it.
///
/// # Errors
/// The refusal, kept or not; `idempotency_key_reused`; the failure of the store.
pub(super) async fn open(
    edge: &Edge,
    command: OpenDropIn,
    request_id: SmolStr,
    named: Option<Named>,
) -> Result<Opened, Problem> {
    let keyed = named.map(|named| Keyed {
        hash: named.hash,
        payload_hash: named.payload_hash,
        keep_ms: edge.options.keep_replies_ms,
        render: Box::new(|decided, _| match decided {
            Ok(outcome) => KeptReply {
                status: 200,
                body: ids(outcome).into(),
                ..KeptReply::default()
            },
            Err(refusal) => {
                let problem = Problem::from(refusal.clone());
                KeptReply {
                    status: problem.status(),
                    body: problem.body(),
                    ..KeptReply::default()
                }
            }
        }),
    });
    let submission = Submission {
        actor: command.user.package.clone(),
        command: Box::new(command),
        keyed,
        correlation: request_id,
        deadline_ns: edge.shop.clock().monotonic_ns() + edge.options.wait_ns,
    };
    let (text, is_repeat) = match edge.shop.submit(submission).await?.reply {
        Reply::Decided(Ok(outcome)) => (ids(&outcome), false),
        Reply::Decided(Err(refusal)) => return taken(refusal.into()),
        Reply::Kept(kept, is_repeat) if kept.status == 200 => {
            (String::from_utf8_lossy(&kept.body).into_owned(), is_repeat)
        }
        Reply::Kept(kept, _) => return taken(known(&kept.body)),
        Reply::KeyReused => {
            let detail = "this idempotency key was used with another purchase; use a new key";
            return Err(Problem::new("idempotency_key_reused", detail));
        }
    };
    let (checkout, quote) = text.split_once(' ').unwrap_or((&text, ""));
    let gone = || Problem::new("internal", "a checkout was opened and is gone");
    let checkout = checkout.parse().map_err(|_| gone())?;
    Ok(match quote.parse() {
        _ if is_repeat => Opened::Again(checkout),
        Ok(quote) => Opened::Quoted(checkout, quote),
        Err(_) => Opened::Unsendable,
    })
}

/// The checkout and its quote, if it has one.
fn ids(outcome: &Outcome) -> String {
    let Some(Record::Checkout(checkout)) = &outcome.record else {
        return String::new();
    };
    let quote = checkout.terms.quote.map(|quote| quote.id.to_string());
    format!("{} {}", checkout.id, quote.unwrap_or_default())
}

/// The checkout that closes the cart, if that is why it is closed.
fn taken(problem: Problem) -> Result<Opened, Problem> {
    let id = problem.fields.get("checkout_id").and_then(Value::as_str);
    match id.and_then(|id| id.parse().ok()) {
        Some(id) if problem.code == "cart_closed" => Ok(Opened::Taken(id)),
        _ => Err(problem),
    }
}

/// A problem as it was kept.
fn known(body: &[u8]) -> Problem {
    const COMMON: [&str; 6] = ["type", "title", "status", "detail", "code", "docs"];
    let mut fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let code = fields.get("code").and_then(Value::as_str);
    let code = CODES.iter().find(|(known, _)| Some(*known) == code);
    let detail = fields.get("detail").and_then(Value::as_str);
    let problem = Problem::new(
        code.map_or("internal", |(code, _)| code),
        detail.unwrap_or_default(),
    );
    fields.retain(|name, _| !COMMON.contains(&name.as_str()));
    Problem { fields, ..problem }
}

/// The idempotency key of a request without credentials: a UUID, so that nobody guesses it.
///
/// # Errors
/// `malformed_request` for anything else.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().unwrap_or_default();
    let is_uuid = key.len() == 36
        && key.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        return Ok(Some(key.to_owned()));
    }
    let detail =
        "without credentials the idempotency-key must be a UUID, so that nobody guesses it";
    Err(Problem::new("malformed_request", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_refusal_reads_back() {
        let problem = Problem::new("insufficient_stock", "only 1").with("sku", "A");
        assert_eq!(known(&problem.body()), problem);
    }

    #[test]
    fn a_closed_cart_names_its_checkout() {
        let id = CheckoutId(7);
        let closed = Problem::new("cart_closed", "").with("checkout_id", id.to_string());
        assert_eq!(taken(closed), Ok(Opened::Taken(id)));
        let other = Problem::new("cart_closed", "");
        assert_eq!(taken(other.clone()), Err(other));
    }

    #[test]
    fn a_key_is_a_uuid() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", http::HeaderValue::from_static(text));
            key(&headers).map_err(|problem| problem.code)
        };
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(of(uuid), Ok(Some(uuid.to_owned())));
        assert_eq!(of("k"), Err("malformed_request"));
        assert_eq!(key(&HeaderMap::new()), Ok(None));
    }
}
