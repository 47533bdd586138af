//! `cartwright prove` against three processes on all engines, by the door of one that does not write.

use std::sync::Arc;

use crate::alone;
use crate::cluster::{Cluster, Ground};
use crate::command::prove_at;
use crate::counts::Counts;

#[test]
fn prove_holds_at_any_door_of_three_processes() {
    let _alone = alone();
    let counts = Arc::new(Counts::default());
    let ground = if std::env::var_os("CARTWRIGHT_TEST_KAFKA_LIBS").is_some() {
        Ground::Kafka
    } else {
        Ground::Postgres
    };
    let Some(cluster) = Cluster::open("proved", ground, &counts) else {
        return;
    };
    let reader = (cluster.writer() + 1) % cluster.nodes.len();
    let gateway = format!("http://{}", cluster.world.gateway().address);
    let ended = prove_at(
        cluster.nodes[reader].front.address,
        &["--duration", "2s", "--gateway-sim", &gateway],
    );
    ended.is(0);
    assert!(ended.count("purchases of the last units", "orders") > 0);
    assert!(ended.trial("last units")["rounds"].as_u64() > Some(0));
    assert_eq!(ended.broken(), Vec::<&str>::new());
    cluster.settles();
    cluster.verify_log();
}
