//! One hot SKU that all want, through three processes at once: exactly what there is, a fair share for each, and nobody waits for ever.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::alone;
use crate::client::Load;
use crate::cluster::{Cluster, Ground};
use crate::counts::Counts;
use crate::support::{Level, fresh};

/// What there is of it.
const UNITS: i64 = 900;
/// Buyers at each door.
const BUYERS: usize = 8;
/// A door that gets less of the whole than one part in so many is not served fairly; each of the three should get a third.
const LEAST: i64 = 6;
/// Longer than anybody waits for an answer where nobody waits for another.
const WORST: Duration = Duration::from_secs(20);

/// What the buyers of one door got.
#[derive(Default, Debug)]
struct Got {
    units: i64,
    /// How many were told that there is no more.
    refused: usize,
    worst: Duration,
}

/// Buys one after the other, together with one of something that nobody lacks, until there is no more. Half of them name the two the
/// other way round: who locked rows in that order would wait for each other.
fn buy(load: &Load, hot: &Level, other: &Level, turned: bool, begin: &AtomicBool) -> Got {
    let (mut client, mut got) = (load.client(), Got::default());
    while !begin.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    loop {
        let line = |it: &Level| json!({"sku": it.sku, "store": it.store, "quantity": 1});
        let mut lines = vec![line(hot), line(other)];
        if turned {
            lines.reverse();
        }
        let body = json!({"lines": lines, "reference": fresh("hot"), "ttl_seconds": 3600});
        let request = load.request("POST", "/v1/reservations").admin();
        let since = Instant::now();
        let answer = client.insist(request.idempotency_key(&fresh("hot")).json(body));
        got.worst = got.worst.max(since.elapsed());
        if answer.one_of(&[201, 409]).status == 409 {
            got.refused += 1;
            return got;
        }
        got.units += 1;
    }
}

#[test]
fn one_hot_sku_through_three_processes_is_exact_and_fair_and_nobody_waits_for_ever() {
    let _alone = alone();
    let counts = Arc::new(Counts::default());
    let Some(cluster) = Cluster::open("hot", Ground::Postgres, &counts) else {
        return;
    };
    let shop = cluster.world.shop();
    let (hot, other) = (shop.stocked(UNITS), shop.stocked(1_000_000));
    let doors = cluster.doors();
    let loads: Vec<_> = doors
        .iter()
        .map(|it| Load::through([*it], &counts))
        .collect();
    let (begin, since) = (AtomicBool::new(false), Instant::now());
    let got: Vec<Got> = std::thread::scope(|scope| {
        let (begin, hot, other) = (&begin, &hot, &other);
        let buyers = loads
            .iter()
            .flat_map(|load| (0..BUYERS).map(move |it| (load, it)));
        let buyers: Vec<_> = buyers
            .map(|(load, it)| scope.spawn(move || buy(load, hot, other, it % 2 == 1, begin)))
            .collect();
        begin.store(true, Ordering::Release);
        let all: Vec<_> = buyers
            .into_iter()
            .map(|it| it.join().expect("a buyer"))
            .collect();
        let door = |some: &[Got]| Got {
            units: some.iter().map(|it| it.units).sum(),
            refused: some.iter().map(|it| it.refused).sum(),
            worst: some.iter().map(|it| it.worst).max().unwrap_or_default(),
        };
        all.chunks(BUYERS).map(door).collect()
    });
    let said = format!(
        "{UNITS} units of a hot SKU through three processes in {:.1} s: {got:?}",
        since.elapsed().as_secs_f64()
    );
    writeln!(std::io::stdout(), "{said}").expect("standard output");
    cluster.settles();
    for it in &got {
        assert!(it.units * LEAST >= UNITS, "each door gets some: {got:?}");
        assert!(it.worst < WORST, "nothing-waits-for-ever: {got:?}");
        assert_eq!(it.refused, BUYERS, "everybody is told when it is over");
    }
    let sold: i64 = got.iter().map(|it| it.units).sum();
    assert_eq!(sold, UNITS, "never-oversold, and none is left");
    for node in &cluster.nodes {
        let level = hot.clone().at(&node.shop()).read();
        let told = (&level["reserved"], &level["available"]);
        assert_eq!(told, (&UNITS.into(), &0.into()), "{}: {level}", node.name);
    }
    let other = other.at(&cluster.world.shop());
    assert_eq!(other.read()["reserved"], UNITS, "all or nothing");
    hot.at(&cluster.world.shop()).adds_up();
    assert_eq!(
        cluster
            .postgres
            .asked("SELECT sum(deadlocks) FROM pg_stat_database"),
        "0",
        "nobody waits for another"
    );
    cluster.verify_log();
}
