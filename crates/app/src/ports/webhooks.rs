//! The port of incoming webhooks: which provider signed a message, and which payment it is about.

use smol_str::SmolStr;
use std::fmt::Debug;

/// What a message is good for: a hint to look up. Nothing else of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The provider's id of the message, the same when it is sent again.
    pub event_id: String,
    /// The payment's reference, if the message names one.
    pub reference: Option<String>,
}

/// The messages of the configured providers.
pub trait Webhooks: Debug + Send + Sync {
    /// The header that a provider signs its messages in, in lower case; `None` for a provider that is not configured.
    fn header(&self, provider: &str) -> Option<SmolStr>;

    /// Whether the provider has signed this body, not long before `now_seconds` (since 1970).
    fn is_signed(&self, provider: &str, now_seconds: i64, signature: &str, body: &[u8]) -> bool;

    /// What a signed body says; `None` when it is no message.
    fn hint(&self, body: &[u8]) -> Option<Hint>;
}
