//! Payment providers over HTTP, and the signature of webhooks.

pub mod signature;
