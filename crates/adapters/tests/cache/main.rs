//! What every shared cache keeps to, with the one in memory, and with Redis where one can be had.
#![allow(
    clippy::disallowed_methods,
    reason = "names are made unique by the machine's clock"
)]

mod contract;
mod servers;

use cartwright_adapters::cache::{MemoryCache, RedisCache};
use cartwright_adapters::system::SystemClock;
use std::sync::Arc;

#[test]
fn memory_keeps_the_contract() {
    contract::check(|| Arc::new(MemoryCache::new(Arc::new(SystemClock::new()))));
}

#[test]
fn redis_keeps_the_contract() {
    if let Some(url) = servers::given() {
        contract::check(|| Arc::new(RedisCache::new(&url).expect("an address")));
    }
}

#[test]
fn a_cluster_of_redis_keeps_the_contract() {
    if let Some(cluster) = servers::Cluster::start() {
        let url = cluster.url();
        contract::check(|| Arc::new(RedisCache::new(&url).expect("an address")));
        let one = format!("{}?cluster", url.split(',').next().expect("a node"));
        contract::check(|| Arc::new(RedisCache::new(&one).expect("an address")));
    }
}

#[test]
fn a_redis_that_goes_and_comes_back_is_found_again() {
    let Some(mut server) = servers::Server::start(&[]) else {
        return;
    };
    contract::runtime().block_on(async {
        let cache = RedisCache::new(&server.url()).expect("an address");
        contract::until_it_works(&cache, "it is there").await;
        server.kill();
        contract::until_it_fails(&cache, "it is gone").await;
        server.start_again();
        contract::until_it_works(&cache, "it is back").await;
    });
}

#[test]
fn an_address_where_nothing_is_fails_at_once_and_harms_nobody() {
    contract::runtime().block_on(async {
        let cache = RedisCache::new("redis://127.0.0.1:1").expect("an address");
        contract::until_it_fails(&cache, "nobody is there").await;
    });
}
