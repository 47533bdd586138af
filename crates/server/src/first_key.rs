//! The first admin key (SEC-1): made when no key of the shop could administer it, and shown once.

use cartwright_api::http::{Edge, ROOT_NAME, SECRET_PREFIX};
use cartwright_app::keys::{CreateKey, hash};
use cartwright_app::shop::{Reply, Submission};
use cartwright_app::{Fault, Record};
use cartwright_domain::ApiKeyId;
use cartwright_domain::key::{KeyLimits, Scope};

/// Makes the key and returns its secret, unless the configuration gives one or the shop has one already.
///
/// # Errors
/// [`Fault`] when the store cannot be read or written.
pub async fn ensure(edge: &Edge) -> Result<Option<String>, Fault> {
    if edge.options.admin_key_hash.is_some() || has_admin(edge).await? {
        return Ok(None);
    }
    let id = ApiKeyId(edge.fresh_id());
    let secret = format!("{SECRET_PREFIX}{}", edge.secrets.derive(&id.to_string()));
    let command = CreateKey {
        id,
        name: ROOT_NAME.into(),
        scopes: vec![Scope::Admin],
        limits: KeyLimits {
            rate_rps: Some(0),
            ..KeyLimits::default()
        },
        hash: hash(&secret),
        expected_version: None,
    };
    let submission = Submission {
        command: Box::new(command),
        keyed: None,
        actor: "system".into(),
        correlation: "first-start".into(),
        deadline_ns: u64::MAX,
    };
    match edge.shop.submit(submission).await?.reply {
        Reply::Decided(Ok(_)) => Ok(Some(secret)),
        other => Err(Fault::Rejected(format!("the first admin key: {other:?}"))),
    }
}

async fn has_admin(edge: &Edge) -> Result<bool, Fault> {
    let mut after = None;
    loop {
        let page = edge
            .shop
            .read(move |store| store.list_api_keys(&after, 200))
            .await?;
        let administers = |record: &Record| matches!(record, Record::ApiKey(key) if key.scopes.contains(&Scope::Admin));
        if page.items.iter().any(administers) {
            return Ok(true);
        }
        if page.next.is_none() {
            return Ok(false);
        }
        after = page.next;
    }
}
