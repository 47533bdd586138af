//! Incoming webhooks: which payment a message is about. Nothing else of it is believed: it is a hint to look up.

use super::Provider;
pub use cartwright_app::ports::webhooks::Hint;
use cartwright_app::ports::webhooks::Webhooks;
use serde_json::Value;
use smol_str::SmolStr;

/// The messages of these providers.
#[derive(Debug)]
pub struct ProviderWebhooks(pub Vec<Provider>);

impl ProviderWebhooks {
    fn find(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name == name)
    }
}

impl Webhooks for ProviderWebhooks {
    fn header(&self, provider: &str) -> Option<SmolStr> {
        self.find(provider)
            .map(|provider| SmolStr::new_static(provider.signature_header))
    }

    fn is_signed(&self, provider: &str, now_seconds: i64, signature: &str, body: &[u8]) -> bool {
        self.find(provider)
            .is_some_and(|provider| provider.signed(now_seconds, signature, body))
    }

    fn hint(&self, body: &[u8]) -> Option<Hint> {
        hint(body)
    }
}

/// Reads a verified body, in the gateway page's shape (`data.reference`) or Stripe's (`data.object.metadata.reference`).
/// `None` when it is no JSON object with an `id`: answer 400, nothing can be done with it.
pub fn hint(body: &[u8]) -> Option<Hint> {
    let message: Value = serde_json::from_slice(body).ok()?;
    let event_id = message.get("id")?.as_str()?.to_owned();
    let data = message.get("data");
    let reference = data
        .and_then(|data| {
            data.get("reference")
                .or_else(|| data.pointer("/object/metadata/reference"))
        })
        .and_then(Value::as_str)
        .map(str::to_owned);
    Some(Hint {
        event_id,
        reference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_payment_in_both_shapes() {
        let rows = [
            (
                r#"{"id":"e1","type":"payment.captured","data":{"id":"p","reference":"r1"}}"#,
                Some("r1"),
            ),
            (
                r#"{"id":"e1","type":"payment_intent.succeeded","data":{"object":{"metadata":{"reference":"r2"}}}}"#,
                Some("r2"),
            ),
            (r#"{"id":"e1","type":"ping"}"#, None),
            (r#"{"id":"e1","data":{"reference":7}}"#, None),
        ];
        for (body, reference) in rows {
            let expected = Hint {
                event_id: "e1".to_owned(),
                reference: reference.map(str::to_owned),
            };
            assert_eq!(hint(body.as_bytes()), Some(expected), "{body}");
        }
        for body in ["", "[]", "{}", r#"{"id":1}"#] {
            assert_eq!(hint(body.as_bytes()), None, "{body}");
        }
    }
}
