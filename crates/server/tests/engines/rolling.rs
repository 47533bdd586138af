//! A new version takes the place of the one before, process by process, under load.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::alone;
use crate::bout::meanwhile;
use crate::cluster::{Cluster, Ground};
use crate::counts::Counts;
use crate::random::Random;

/// Load between two steps.
const BETWEEN: Duration = Duration::from_millis(1_500);

#[test]
fn this_version_takes_the_place_of_the_one_before_without_a_failed_request() {
    let Some(previous) = std::env::var_os("CARTWRIGHT_TEST_PREVIOUS").map(PathBuf::from) else {
        let skipped = "SKIPPED, nothing was checked: a rolling restart needs CARTWRIGHT_TEST_PREVIOUS, the path of the version before";
        writeln!(std::io::stderr(), "{skipped}").expect("standard error");
        return;
    };
    assert!(previous.is_file(), "{} is no file", previous.display());
    let _alone = alone();
    let counts = Arc::new(Counts::default());
    let ground = if std::env::var_os("CARTWRIGHT_TEST_KAFKA_LIBS").is_some() {
        Ground::Kafka
    } else {
        Ground::Postgres
    };
    let opened = Cluster::open_by(Some(&previous), "rolling", ground, &counts);
    let Some(cluster) = opened else {
        return;
    };
    let mut random = Random::new(Random::seed());
    let since = Instant::now();
    meanwhile(&cluster, &mut random, |_, probes, _| {
        for node in &cluster.nodes {
            std::thread::sleep(BETWEEN);
            node.relieve();
            node.run_by(None);
            assert!(node.start(""));
        }
        std::thread::sleep(BETWEEN);
        let longest: Vec<_> = probes.iter().map(|it| it.longest().as_millis()).collect();
        let read = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
        let said = format!(
            "rolled on {ground:?} in {:.1} s: {} writes acknowledged, {} sent again, a write waited {longest:?} ms at most at each door",
            since.elapsed().as_secs_f64(),
            read(&counts.acknowledged),
            read(&counts.retries),
        );
        writeln!(std::io::stdout(), "{said}").expect("standard output");
    });
    cluster.verify_log();
}
