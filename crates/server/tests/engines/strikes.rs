//! What is done to processes and engines, one strike after the other, while clients are at work; each is put right again by itself.

use std::time::{Duration, Instant};

use cartwright_app::failpoint::Point;
use rustix::process::Signal;

use crate::around::LONG;
use crate::cluster::{Cluster, Ground, LEASE_MS, fair};
use crate::counts::one;
use crate::proxy::Weather;
use crate::random::Random;
use crate::support::eventually;

macro_rules! strikes {
    ($($strike:ident, $what:literal;)*) => {
        /// One of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Strike {
            $(#[doc = $what] $strike,)*
        }

        impl Strike {
            const ALL: &[Self] = &[$(Self::$strike),*];

            /// What it does, in a few words.
            pub(crate) fn what(self) -> &'static str {
                match self { $(Self::$strike => $what,)* }
            }
        }
    };
}

strikes! {
    WriterKilled, "the process that writes is killed, and started again";
    ReaderKilled, "another process is killed, and started again";
    WriterPaused, "the process that writes is stopped for longer than its lease";
    ReaderPaused, "another process is stopped for a while";
    WriterRelieved, "the process that writes is asked to end, and started again";
    TakerDies, "two are killed, and the third dies at a failpoint as it takes over";
    DatabaseKilled, "PostgreSQL and all its backends are killed, and started again";
    DatabasePaused, "PostgreSQL and all its backends are stopped for a while";
    BackendKilled, "one backend is killed: PostgreSQL throws out all and recovers";
    LinkCut, "a process's connections to PostgreSQL are reset";
    AnswersLost, "PostgreSQL's answers to the process that writes are swallowed for longer than its lease";
    CutAtAnswer, "connections to PostgreSQL are reset when the answer of a commit comes";
    LinkSlow, "the way from the process that writes to PostgreSQL is slow";
    FrontCut, "the network of a process is gone: clients and the other processes";
    RedisKilled, "Redis is killed, and started again";
    RedisPaused, "Redis is stopped for a while";
    RedisWiped, "Redis is emptied, its entries damaged before";
    BrokerKilled, "Kafka is killed, and started again";
    BrokerPaused, "Kafka is stopped for a while";
}

/// One that was struck and healed.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) strike: Strike,
    /// The process that it was meant for.
    pub(crate) node: Option<usize>,
    /// When it was in force.
    pub(crate) since: Instant,
    /// When it was over.
    pub(crate) healed: Instant,
}

/// Where the third one dies, and the how manieth time at most.
const DEATHS: [(Point, u64); 16] = [
    (Point::LeaseTaking, 1),
    (Point::LeaseTaken, 1),
    (Point::LeaseRenewing, 3),
    (Point::LeaseRenewed, 3),
    (Point::BatchDecided, 40),
    (Point::StoreRows, 40),
    (Point::StoreLogged, 40),
    (Point::StoreComplete, 40),
    (Point::StoreCommitted, 40),
    (Point::CommitAfter, 40),
    (Point::BatchPublished, 40),
    (Point::AuthorizeAnswered, 2),
    (Point::CaptureAsking, 2),
    (Point::CaptureAnswered, 2),
    (Point::CaptureRecorded, 2),
    (Point::ConsumerHandled, 6),
];

/// All that a ground has engines for, in an order that chance gives.
pub(crate) fn all(ground: Ground, random: &mut Random) -> Vec<Strike> {
    let is_of_broker = |it: &Strike| matches!(it, Strike::BrokerKilled | Strike::BrokerPaused);
    let has_broker = ground == Ground::Kafka;
    let mut all: Vec<_> = Strike::ALL.to_vec();
    all.retain(|it| has_broker || !is_of_broker(it));
    for place in (1..all.len()).rev() {
        all.swap(place, random.below(place as u64 + 1) as usize);
    }
    all
}

fn waits(random: &mut Random, least_ms: u64, more_ms: u64) {
    std::thread::sleep(Duration::from_millis(least_ms + random.below(more_ms)));
}

/// Strikes, and puts it right.
pub(crate) fn strike(cluster: &Cluster, strike: Strike, random: &mut Random) -> Struck {
    let writer = cluster.writer();
    let other = (writer + 1 + random.below(2) as usize) % cluster.nodes.len();
    let mut node = Some(writer);
    let since = match strike {
        Strike::WriterKilled => killed(cluster, writer),
        Strike::ReaderKilled => {
            node = Some(other);
            killed(cluster, other)
        }
        Strike::WriterPaused => paused(cluster, writer, LEASE_MS + 500 + random.below(1_000)),
        Strike::ReaderPaused => {
            node = Some(other);
            paused(cluster, other, 500 + random.below(2_000))
        }
        Strike::WriterRelieved => {
            let since = Instant::now();
            cluster.nodes[writer].relieve();
            one(&cluster.counts.relieved);
            assert!(cluster.nodes[writer].start(""));
            since
        }
        Strike::TakerDies => {
            node = Some(other);
            taker_dies(cluster, other, random)
        }
        Strike::DatabaseKilled => {
            node = None;
            cluster.postgres.kill();
            let since = Instant::now();
            cluster.postgres.run();
            since
        }
        Strike::DatabasePaused => {
            node = None;
            cluster.postgres.signal_all(Signal::STOP);
            let since = Instant::now();
            waits(random, 1_000, 2_500);
            cluster.postgres.signal_all(Signal::CONT);
            since
        }
        Strike::BackendKilled => {
            node = None;
            let chosen = random.next();
            eventually(LONG, "a backend serves somebody", || {
                cluster.postgres.kill_backend(chosen).then_some(())
            });
            Instant::now()
        }
        Strike::LinkCut => {
            let chosen = random.below(3) as usize;
            node = Some(chosen);
            cluster.nodes[chosen].link.cut();
            one(&cluster.counts.cuts);
            Instant::now()
        }
        Strike::AnswersLost => {
            let least = LEASE_MS + 500;
            weather(cluster, writer, Weather::NoAnswers, least, 1_000, random)
        }
        Strike::CutAtAnswer => weather(cluster, writer, Weather::CutAtAnswer, 300, 700, random),
        Strike::LinkSlow => {
            let slow = Weather::Slow(Duration::from_millis(10 + random.below(40)));
            weather(cluster, writer, slow, 500, 1_000, random)
        }
        Strike::FrontCut => {
            let chosen = random.below(3) as usize;
            node = Some(chosen);
            let front = &cluster.nodes[chosen].front;
            front.weather(Weather::Closed);
            let since = Instant::now();
            waits(random, 300, 1_500);
            fair(front);
            one(&cluster.counts.cuts);
            since
        }
        Strike::RedisKilled => {
            node = None;
            cluster.redis().kill();
            let since = Instant::now();
            waits(random, 300, 1_000);
            cluster.redis().start_again();
            since
        }
        Strike::RedisPaused => {
            node = None;
            cluster.redis().signal(Signal::STOP);
            let since = Instant::now();
            waits(random, 500, 1_000);
            cluster.redis().signal(Signal::CONT);
            since
        }
        Strike::RedisWiped => {
            node = None;
            cluster.redis().mangle();
            let since = Instant::now();
            waits(random, 200, 200);
            cluster.redis().wipe();
            since
        }
        Strike::BrokerKilled => {
            node = None;
            let mut broker = cluster.broker().expect("a Kafka");
            broker.kill();
            let since = Instant::now();
            waits(random, 500, 1_500);
            broker.run();
            since
        }
        Strike::BrokerPaused => {
            node = None;
            let broker = cluster.broker().expect("a Kafka");
            broker.signal(Signal::STOP);
            let since = Instant::now();
            // Longer than a consumer waits for Kafka.
            waits(random, 1_000, 3_000);
            broker.signal(Signal::CONT);
            since
        }
    };
    one(&cluster.counts.rounds);
    Struck {
        strike,
        node,
        since,
        healed: Instant::now(),
    }
}

fn killed(cluster: &Cluster, index: usize) -> Instant {
    let node = &cluster.nodes[index];
    node.kill();
    let since = Instant::now();
    one(&cluster.counts.random_kills);
    assert!(node.start(""));
    since
}

fn paused(cluster: &Cluster, index: usize, long_ms: u64) -> Instant {
    let node = &cluster.nodes[index];
    node.stop();
    let since = Instant::now();
    std::thread::sleep(Duration::from_millis(long_ms));
    node.go_on();
    one(&cluster.counts.pauses);
    since
}

/// What becomes of a process's way to PostgreSQL, for a while.
fn weather(
    cluster: &Cluster,
    index: usize,
    weather: Weather,
    least_ms: u64,
    more_ms: u64,
    random: &mut Random,
) -> Instant {
    let link = &cluster.nodes[index].link;
    link.weather(weather);
    let since = Instant::now();
    waits(random, least_ms, more_ms);
    fair(link);
    if !matches!(weather, Weather::Slow(_)) {
        // What was swallowed is missing in its stream: those connections are of no use any more.
        link.cut();
    }
    one(match weather {
        Weather::Slow(_) => &cluster.counts.slow,
        _ => &cluster.counts.cuts,
    });
    since
}

/// One that is to die is all that is left, and takes over.
fn taker_dies(cluster: &Cluster, index: usize, random: &mut Random) -> Instant {
    let (point, most) = DEATHS[random.below(DEATHS.len() as u64) as usize];
    let said = format!("{point}=kill@{}", 1 + random.below(most));
    let dying = &cluster.nodes[index];
    dying.kill();
    one(&cluster.counts.random_kills);
    let is_ready = dying.start(&said);
    for node in &cluster.nodes {
        if node.name != dying.name {
            node.kill();
            one(&cluster.counts.random_kills);
        }
    }
    let since = Instant::now();
    if is_ready {
        eventually(LONG, &format!("it dies at {said}"), || {
            dying.has_aborted().then_some(())
        });
    }
    cluster.counts.killed_at(point.name());
    for node in &cluster.nodes {
        assert!(node.start(""));
    }
    since
}
