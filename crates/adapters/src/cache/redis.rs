//! A Redis or Valkey server, or a cluster of them, as the cache that processes share: GET, MGET and SET with PX. One
//! connection for each server, shared by all requests; lost ones come back by themselves.

use bytes::Bytes;
use cartwright_app::ports::{Cache, CacheFault, Cached, Put};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, RedisError, cmd, pipe};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// An answer that takes longer will not come: who asked has long given up.
const ANSWER: Duration = Duration::from_secs(2);
const SCHEME: &str = "redis://";

/// One server, or a cluster.
#[derive(Clone)]
enum Servers {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

/// The cache in Redis.
#[derive(Clone)]
pub struct RedisCache {
    servers: Servers,
    /// Without user and password.
    shown: String,
}

impl std::fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedisCache({})", self.shown)
    }
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cache's address {0}; it is like redis://host:6379, or redis://user:password@host:6379/0, or redis://a:6379,b:6379 for a cluster"
)]
pub struct BadAddress(String);

/// An address taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// One URL a server.
    urls: Vec<String>,
    is_cluster: bool,
    shown: String,
}

impl Address {
    /// `redis://[user:password@]host[:port][,host[:port]...][/database][?cluster]`: several hosts are nodes of one cluster,
    /// and so is a single one with `?cluster`.
    fn parse(text: &str) -> Result<Self, BadAddress> {
        let bad = |why: &str| BadAddress(why.to_owned());
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| bad("must begin with redis://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !matches!(query, "" | "cluster") {
            return Err(bad("has an option that is not known"));
        }
        let (who, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let who = if who.is_empty() {
            String::new()
        } else {
            format!("{who}@")
        };
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(bad("names no host"));
        }
        let is_cluster = hosts.len() > 1 || query == "cluster";
        if is_cluster && !database.is_empty() {
            return Err(bad("names a database, and a cluster has none"));
        }
        let path = if database.is_empty() {
            String::new()
        } else {
            format!("/{database}")
        };
        let url = |host: &&str| format!("{SCHEME}{who}{host}{path}");
        Ok(Self {
            urls: hosts.iter().map(url).collect(),
            is_cluster,
            shown: format!("{SCHEME}{}{path}", hosts.join(",")),
        })
    }
}

impl RedisCache {
    /// The cache at an address: `redis://[user:password@]host:port[/database]`, or with several hosts, `a:6379,b:6379`, a
    /// cluster that has these nodes. Connects when it is first asked, so nothing need run there yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        let Address {
            urls,
            is_cluster,
            shown,
        } = Address::parse(address)?;
        let bad = |error: RedisError| BadAddress(format!("{shown} is none ({error})"));
        let servers = if is_cluster {
            let client = ClusterClient::new(urls).map_err(bad)?;
            let config = ClusterConfig::new()
                .set_connection_timeout(CONNECT)
                .set_response_timeout(ANSWER);
            Servers::Cluster(client.get_pending_async_connection_with_config(config))
        } else {
            let client = redis::Client::open(urls[0].as_str()).map_err(bad)?;
            // Who asks comes again; a long series of attempts would only keep the answer from being quick.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(ANSWER));
            Servers::One(client.get_connection_manager_lazy(config).map_err(bad)?)
        };
        Ok(Self { servers, shown })
    }

    async fn find(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, RedisError> {
        let mut get = cmd("MGET");
        get.arg(names);
        match self.servers.clone() {
            Servers::One(mut server) => get.query_async(&mut server).await,
            Servers::Cluster(mut cluster) => get.query_async(&mut cluster).await,
        }
    }

    async fn keep(&self, puts: &[Put]) -> Result<(), RedisError> {
        match self.servers.clone() {
            Servers::One(mut server) => {
                let mut all = pipe();
                for put in puts {
                    all.add_command(set(put)).ignore();
                }
                all.query_async(&mut server).await
            }
            Servers::Cluster(cluster) => {
                let mut on_their_way = JoinSet::new();
                for put in puts {
                    let (set, mut cluster) = (set(put), cluster.clone());
                    on_their_way.spawn(async move { set.query_async::<()>(&mut cluster).await });
                }
                while let Some(done) = on_their_way.join_next().await {
                    done.unwrap_or_else(|_| Ok(()))?;
                }
                Ok(())
            }
        }
    }
}

fn set(put: &Put) -> Cmd {
    let ttl_ms = u64::try_from(put.ttl.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let mut set = cmd("SET");
    set.arg(&put.name).arg(&put.value[..]).arg("PX").arg(ttl_ms);
    set
}

fn fault(error: &RedisError) -> CacheFault {
    CacheFault(error.to_string())
}

impl Cache for RedisCache {
    fn get<'a>(&'a self, names: &'a [String]) -> Cached<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let found = self.find(names).await.map_err(|error| fault(&error))?;
            Ok(found.into_iter().map(|it| it.map(Bytes::from)).collect())
        })
    }

    fn put<'a>(&'a self, puts: &'a [Put]) -> Cached<'a, ()> {
        Box::pin(async move {
            if puts.is_empty() {
                return Ok(());
            }
            self.keep(puts).await.map_err(|error| fault(&error))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, urls: &[&str], is_cluster: bool) {
        let address = Address::parse(text).expect("an address");
        assert_eq!(address.urls, urls);
        assert_eq!(address.is_cluster, is_cluster);
        assert!(!address.shown.contains("secret"), "{}", address.shown);
    }

    #[test]
    fn an_address_names_one_server_or_a_cluster() {
        check("redis://h:1", &["redis://h:1"], false);
        check("redis://u:secret@h:1/2", &["redis://u:secret@h:1/2"], false);
        check("redis://h:1?cluster", &["redis://h:1"], true);
        check(
            "redis://u:secret@a:1,b:2",
            &["redis://u:secret@a:1", "redis://u:secret@b:2"],
            true,
        );
    }

    #[test]
    fn other_addresses_are_refused() {
        let bad = [
            "http://h",
            "redis://",
            "redis://a:1,",
            "redis://a,b/1",
            "redis://h?x=1",
        ];
        for text in bad {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
