//! API keys: create, delete. Secrets are derived, so that a retry can show the same one and nothing keeps it.

use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_domain::key::{Event as KeyEvent, KeyLimits, Scope};
use cartwright_domain::{ApiKeyId, Refusal};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

/// Derives what only the holder and this shop can know from the shop's own secret.
#[derive(Clone)]
pub struct Secrets([u8; 32]);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// From the secret kept with the data.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The secret of a thing (a cart, an API key): 43 letters of base64url, the same every time.
    pub fn derive(&self, of: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("any length is a key"));
        mac.update(of.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Makes a key.
#[derive(Debug)]
pub struct CreateKey {
    /// Its id, drawn by the caller so that the secret can be derived from it.
    pub id: ApiKeyId,
    /// For people.
    pub name: SmolStr,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How much of it.
    pub limits: KeyLimits,
    /// Hash of its secret.
    pub hash: [u8; 32],
    /// The version it must have: 0, it does not exist yet.
    pub expected_version: Option<u64>,
}

impl Command for CreateKey {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::ApiKey(self.id));
    }

    fn decide(&self, _: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        check_version(self.expected_version, 0)?;
        let event = KeyEvent::Created {
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            limits: self.limits,
            hash: self.hash,
        };
        Ok(Decided {
            events: vec![Event::ApiKey(self.id, event)],
            answer: Key::ApiKey(self.id),
            created: true,
        })
    }
}

/// Deletes a key: it opens nothing from the reply on.
#[derive(Debug)]
pub struct DeleteKey {
    /// Which.
    pub id: ApiKeyId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for DeleteKey {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::ApiKey(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let key = work
            .api_key(&self.id)?
            .ok_or_else(|| Refusal::not_found("api_key", self.id))?;
        crate::stores::check_version(self.expected_version, key.version)?;
        Ok(Decided {
            events: vec![Event::ApiKey(self.id, KeyEvent::Deleted)],
            answer: Key::ApiKey(self.id),
            created: false,
        })
    }
}
