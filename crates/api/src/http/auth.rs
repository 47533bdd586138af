//! Who calls: an API key, the holder of a cart's token, or nobody in particular.

use super::Edge;
use crate::problem::Problem;
use cartwright_app::keys::hash;
use cartwright_app::{Key, Record};
use cartwright_domain::key::{KeyLimits, Scope};
use http::HeaderMap;
use smol_str::SmolStr;

/// Who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Who {
    /// The name that keys, limits and the log know: a key's id, a cart's id, or empty.
    pub principal: SmolStr,
    /// What the key may do; none without a key.
    pub scopes: Vec<Scope>,
    /// Limits of the key.
    pub limits: KeyLimits,
    /// Whether it is the first admin key, which has no rate limit.
    pub is_root: bool,
    /// `Cart-Token`, not yet checked.
    pub cart_token: Option<String>,
    /// Whether the cart of the path is not the caller's. To them it does not exist, which is said after what is wrong with the
    /// shape of the request.
    pub is_shut_out: bool,
}

/// Principal of the first admin key.
pub const ROOT: &str = "admin";

impl Who {
    /// Nobody in particular.
    pub fn nobody() -> Self {
        Self {
            principal: SmolStr::default(),
            scopes: Vec::new(),
            limits: KeyLimits::default(),
            is_root: false,
            cart_token: None,
            is_shut_out: false,
        }
    }

    /// Whether a key with this scope calls.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes
            .iter()
            .any(|has| *has == scope || *has == Scope::Admin)
    }

    /// Whether a key calls at all.
    pub fn has_key(&self) -> bool {
        !self.scopes.is_empty() || self.is_root
    }
}

/// Reads the credentials. A bad one is refused even where none is needed.
pub async fn identify(edge: &Edge, headers: &HeaderMap) -> Result<Who, Problem> {
    let mut who = Who::nobody();
    let mut sent = headers.get_all(http::header::AUTHORIZATION).iter();
    if let Some(header) = sent.next() {
        if sent.any(|other| other != header) {
            return Err(bad("send one Authorization header"));
        }
        let text = header
            .to_str()
            .map_err(|_| bad("the Authorization header is not plain text"))?;
        let (scheme, secret) = text
            .split_once(' ')
            .ok_or_else(|| bad("send Authorization: Bearer <API key>"))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(bad("send Authorization: Bearer <API key>"));
        }
        who = key_holder(edge, secret.trim()).await?;
    }
    if let Some(token) = headers.get("cart-token") {
        who.cart_token = token.to_str().ok().map(str::to_owned);
    }
    Ok(who)
}

async fn key_holder(edge: &Edge, secret: &str) -> Result<Who, Problem> {
    let hash = hash(secret);
    if edge.options.admin_key_hash == Some(hash) {
        let principal = SmolStr::new_static(ROOT);
        return Ok(Who {
            principal,
            scopes: vec![Scope::Admin],
            is_root: true,
            ..Who::nobody()
        });
    }
    let Some(Record::ApiKeyId(id)) = edge.shop.find(&Key::KeyHash(hash)).await? else {
        return Err(bad(
            "the API key is not known; check it, or ask who keeps the keys for a new one",
        ));
    };
    let Some(Record::ApiKey(key)) = edge.shop.find(&Key::ApiKey(id)).await? else {
        return Err(bad(
            "the API key was deleted; ask who keeps the keys for a new one",
        ));
    };
    let principal = SmolStr::new(id.to_string());
    Ok(Who {
        principal,
        scopes: key.scopes.clone(),
        limits: key.limits,
        is_root: false,
        cart_token: None,
        is_shut_out: false,
    })
}

/// Name of the admin key that the first start makes. Its limits say that it has no rate.
pub const ROOT_NAME: &str = "first admin key";

fn bad(detail: &str) -> Problem {
    Problem::new("unauthenticated", detail)
}
