//! Which nouns a process serves (OPS-2). All processes of a shop share one database; a role is a share of its work.

use super::endpoint::Endpoint;
use super::routes;
use crate::problem::Problem;
use std::collections::BTreeMap;

/// A share of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Catalogue, search, carts.
    Storefront,
    /// Locations, levels, holds, transfers, availability.
    Inventory,
    /// Checkouts, orders, returns, exchanges, invoices.
    Checkout,
    /// Refunds, wallets, messages of payment providers.
    Payment,
}

impl Role {
    /// All of them, as they are called.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Storefront, "storefront"),
        (Self::Inventory, "inventory"),
        (Self::Checkout, "checkout"),
        (Self::Payment, "payment"),
    ];

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(role, _)| *role)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(role, _)| *role == self);
        found.map_or("", |(_, name)| name)
    }
}

/// The roles of a process, and who has the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    mine: Vec<Role>,
    peers: BTreeMap<Role, String>,
}

impl Default for Roles {
    fn default() -> Self {
        Self {
            mine: Role::ALL.map(|(role, _)| role).into(),
            peers: BTreeMap::new(),
        }
    }
}

impl Roles {
    /// Reads `all`, or names with commas between them; and who serves others, as `inventory=http://10.0.0.8:8080,...`.
    pub fn parse(mine: &str, peers: &str) -> Option<Self> {
        let peer = |text: &str| {
            let (role, url) = text.trim().split_once('=')?;
            Some((Role::parse(role.trim())?, url.trim().to_owned()))
        };
        let peers = peers.split(',').filter(|text| !text.trim().is_empty());
        let mine = match mine.trim() {
            "all" => Self::default().mine,
            names => {
                let names = names.split(',').map(|name| Role::parse(name.trim()));
                let mut names = names.collect::<Option<Vec<_>>>()?;
                names.sort_unstable();
                names.dedup();
                names
            }
        };
        Some(Self {
            mine,
            peers: peers.map(peer).collect::<Option<_>>()?,
        })
    }

    /// Whether this process serves all of them.
    pub(crate) fn are_all(&self) -> bool {
        self.mine.len() >= Role::ALL.len()
    }

    /// Whether this process serves a role; what has none is served by all.
    pub fn serve(&self, role: Option<Role>) -> bool {
        role.is_none_or(|role| self.mine.contains(&role))
    }

    /// The process that serves a role in place of this one, where one is configured.
    pub fn peer(&self, role: Role) -> Option<&str> {
        let peer = self.peers.get(&role).filter(|_| !self.serve(Some(role)));
        peer.map(String::as_str)
    }

    /// Addresses of peers.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.peers.values().map(String::as_str)
    }

    /// What whoever asks for another role is told.
    pub(crate) fn refuse(&self, role: Option<Role>) -> Result<(), Problem> {
        let Some(role) = role.filter(|role| !self.serve(Some(*role))) else {
            return Ok(());
        };
        let name = role.as_str();
        let detail = format!("this process does not serve the role {name}; ask one that does");
        let problem = Problem::new("not_found", detail)
            .with("resource", "role")
            .with("id", name);
        Err(match self.peer(role) {
            Some(url) => problem.with("url", url),
            None => problem,
        })
    }
}

/// The role that a route belongs to; `None`: every process serves it.
pub(crate) fn role_of(endpoint: &Endpoint) -> Option<Role> {
    let found =
        routes::by_role().find(|(_, routes)| routes.iter().any(|it| it.name == endpoint.name));
    found.and_then(|(role, _)| role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_peers() {
        let all = Roles::parse("all", "").expect("all");
        assert_eq!(all, Roles::default());
        let two = Roles::parse("storefront, checkout", "inventory=http://10.0.0.8:1").expect("two");
        assert!(two.serve(Some(Role::Checkout)) && two.serve(None));
        assert!(!two.serve(Some(Role::Inventory)));
        assert_eq!(two.peer(Role::Inventory), Some("http://10.0.0.8:1"));
        for wrong in ["", "store", "all,inventory", "inventory,"] {
            assert_eq!(Roles::parse(wrong, ""), None, "{wrong}");
        }
        for wrong in ["inventory", "store=http://x:1"] {
            assert_eq!(Roles::parse("all", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn who_asks_for_another_role_is_told_who_serves_it() {
        let roles = Roles::parse("storefront", "inventory=http://x:1").expect("roles");
        assert_eq!(roles.refuse(Some(Role::Storefront)), Ok(()));
        let problem = roles.refuse(Some(Role::Inventory)).expect_err("another");
        assert_eq!(
            (problem.status(), &problem.fields["url"]),
            (404, &"http://x:1".into())
        );
    }

    #[test]
    fn every_route_has_its_role_or_is_served_by_all() {
        for (path, role) in [
            ("/v1/carts", Some(Role::Storefront)),
            ("/v1/availability", Some(Role::Inventory)),
            ("/v1/checkouts", Some(Role::Checkout)),
            ("/v1/wallets/{customer}", Some(Role::Payment)),
            ("/health/readiness", None),
            ("/v1/api-keys", None),
        ] {
            let route = routes::all().find(|it| it.path == path).expect("a route");
            assert_eq!(role_of(route), role, "{path}");
        }
    }
}
