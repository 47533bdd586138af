//! API keys: who may do what.

use crate::entity::Entity;
use crate::{ApiKeyId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// What a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Create and change products.
    #[serde(rename = "catalog:write")]
    CatalogWrite,
    /// Create and change stores.
    #[serde(rename = "stores:write")]
    StoresWrite,
    /// Read levels, movements and reservations.
    #[serde(rename = "inventory:read")]
    InventoryRead,
    /// Adjust, count, configure, transfer.
    #[serde(rename = "inventory:write")]
    InventoryWrite,
    /// Hold, release, confirm.
    #[serde(rename = "reservations")]
    Reservations,
    /// Open any cart.
    #[serde(rename = "carts")]
    Carts,
    /// See and end any checkout.
    #[serde(rename = "checkouts")]
    Checkouts,
    /// Read any order.
    #[serde(rename = "orders:read")]
    OrdersRead,
    /// Change any order.
    #[serde(rename = "orders:write")]
    OrdersWrite,
    /// Give money back.
    #[serde(rename = "refunds")]
    Refunds,
    /// Credit and debit wallets.
    #[serde(rename = "wallets")]
    Wallets,
    /// Create and delete keys.
    #[serde(rename = "keys")]
    Keys,
    /// Operate the service.
    #[serde(rename = "ops")]
    Ops,
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All scopes with their spelling.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::CatalogWrite, "catalog:write"),
        (Self::StoresWrite, "stores:write"),
        (Self::InventoryRead, "inventory:read"),
        (Self::InventoryWrite, "inventory:write"),
        (Self::Reservations, "reservations"),
        (Self::Carts, "carts"),
        (Self::Checkouts, "checkouts"),
        (Self::OrdersRead, "orders:read"),
        (Self::OrdersWrite, "orders:write"),
        (Self::Refunds, "refunds"),
        (Self::Wallets, "wallets"),
        (Self::Keys, "keys"),
        (Self::Ops, "ops"),
        (Self::Admin, "admin"),
    ];

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(scope, _)| *scope == self)
            .map_or("", |(_, name)| name)
    }

    /// From its spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(scope, _)| *scope)
    }
}

/// What one key may do at most; unset means the configured default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLimits {
    /// Requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_rps: Option<u32>,
    /// Requests at once beyond the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Open reservations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_reservations: Option<u64>,
}

/// A key. Its secret is never kept: only the hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public part; also the principal's name.
    pub id: ApiKeyId,
    /// For people.
    pub name: SmolStr,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How much of it.
    #[serde(default)]
    pub limits: KeyLimits,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was made.
    Created {
        /// For people.
        name: SmolStr,
        /// What it may do.
        scopes: Vec<Scope>,
        /// How much of it.
        limits: KeyLimits,
        /// SHA-256 of the secret.
        hash: [u8; 32],
    },
    /// It opens nothing any more.
    Deleted,
}

impl Entity for ApiKey {
    type Key = ApiKeyId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &ApiKeyId, event: &Event, at: Time) {
        match event {
            Event::Created {
                name,
                scopes,
                limits,
                hash,
            } => {
                *state = Some(Arc::new(Self {
                    id: *key,
                    name: name.clone(),
                    scopes: scopes.clone(),
                    limits: *limits,
                    hash: *hash,
                    created_at: at,
                    version: 1,
                }));
            }
            Event::Deleted => *state = None,
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_the_same_word_everywhere() {
        for (scope, word) in Scope::ALL {
            assert_eq!(scope.as_str(), word);
            assert_eq!(Scope::parse(word), Some(scope));
            assert_eq!(serde_json::to_value(scope).ok(), Some(word.into()));
        }
        assert_eq!(Scope::parse("orders"), None);
    }

    #[test]
    fn a_key_opens_until_it_is_deleted() {
        let id = ApiKeyId(3);
        let created = Event::Created {
            name: "till".into(),
            scopes: vec![Scope::Reservations],
            limits: KeyLimits {
                burst: Some(4),
                ..KeyLimits::default()
            },
            hash: [7; 32],
        };
        let mut state = None;
        ApiKey::apply(&mut state, &id, &created, Time(2));
        let expected = ApiKey {
            id,
            name: "till".into(),
            scopes: vec![Scope::Reservations],
            limits: KeyLimits {
                burst: Some(4),
                ..KeyLimits::default()
            },
            hash: [7; 32],
            created_at: Time(2),
            version: 1,
        };
        assert_eq!(state.as_deref(), Some(&expected));
        assert_eq!(expected.version(), 1);
        let changed = ApiKey {
            version: 2,
            ..expected
        };
        assert_eq!(changed.version(), 2);
        ApiKey::apply(&mut state, &id, &Event::Deleted, Time(3));
        assert_eq!(state, None);
    }
}
