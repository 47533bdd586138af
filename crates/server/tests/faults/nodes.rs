//! Two processes of one shop: the one that writes is killed, dies by itself, is stopped or asked to end, and the other takes over under load.

use std::sync::Arc;
use std::time::Duration;

use cartwright_app::failpoint::Point;

use crate::counts::one;
use crate::random::Random;
use crate::site::{LONG, Site};
use crate::support::{Shop, eventually};

/// Where one that takes over, or has just done so, dies by itself.
const DEATHS: [Point; 6] = [
    Point::LeaseTaking,
    Point::LeaseTaken,
    Point::LeaseRenewing,
    Point::LeaseRenewed,
    Point::StoreComplete,
    Point::StoreCommitted,
];

/// So many times the writer is lost, one way or another; one process runs well in the end, and writes.
pub(crate) fn changes(site: &Site, rounds: u64, random: &mut Random) {
    for node in 0..rounds {
        std::thread::sleep(Duration::from_millis(300 + random.below(1_000)));
        match random.below(4) {
            0 => killed(site, node),
            1 => stopped(site, node, random),
            2 => relieved(site, node),
            _ => dies(site, node, random),
        }
        one(&site.counts.rounds);
    }
}

fn is_writer(shop: &Shop) -> bool {
    let ready = shop.get("/health/readiness").try_send();
    ready.is_ok_and(|it| it.status == 200 && it.json()["role"] == "writer")
}

/// One more process on the same data.
fn another(site: &Site, node: u64, failpoints: &str) -> Option<Shop> {
    let mut setup = site.world.setup().clone();
    setup.log = site.world.dir.path().join(format!("log-{node}"));
    let setup = setup
        .with("CARTWRIGHT_NODE_NAME", &format!("node-{node}"))
        .with("FAILPOINTS", failpoints);
    let process = setup.try_start();
    process
        .ok()
        .map(|it| Shop::of(it, Arc::clone(&site.world.dir)))
}

/// Waits until the other one writes; clients find it there from now on.
fn taken_over(site: &Site, other: Shop) {
    eventually(
        LONG,
        "a-lease-finds-a-holder: the other one takes over",
        || is_writer(&other).then_some(()),
    );
    site.front.to(Some(other.address()));
    site.front.cut();
    site.world.moved(other);
    one(&site.counts.takeovers);
}

fn killed(site: &Site, node: u64) {
    let other = another(site, node, "").expect("a start-succeeds");
    site.kill();
    one(&site.counts.random_kills);
    taken_over(site, other);
}

/// Asked to end, as when a new version is rolled out: it answers what it took, gives the lease back and exits with 0.
fn relieved(site: &Site, node: u64) {
    let (old, other) = (
        site.world.shop(),
        another(site, node, "").expect("a start succeeds"),
    );
    old.process.terminate();
    taken_over(site, other);
    let status = eventually(LONG, "it ends after SIGTERM", || old.process.exit_status());
    assert_eq!(status.code(), Some(0), "drains: {}", old.process.said());
    one(&site.counts.relieved);
}

/// Stopped for longer than its lease lasts; when it goes on, another one writes.
fn stopped(site: &Site, node: u64, random: &mut Random) {
    let (old, other) = (
        site.world.shop(),
        another(site, node, "").expect("a start succeeds"),
    );
    let stop = || {
        old.process.signal("STOP");
        eventually(LONG, "it stops", || old.process.is_stopped().then_some(()));
    };
    stop();
    eventually(LONG, "a-lease-finds-a-holder", || {
        // Stopped with a lock on the database it is woken by the other: what it was about to commit stands, its lease too.
        if !old.process.is_stopped() && is_writer(&old) {
            stop();
        }
        is_writer(&other).then_some(())
    });
    one(&site.counts.pauses);
    taken_over(site, other);
    // It goes on with whatever it was about to do, while the other one writes.
    old.process.try_signal("CONT");
    eventually(LONG, "the old one knows that it reads", || {
        (!is_writer(&old)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(random.below(300)));
    old.process.kill_now();
    one(&site.counts.random_kills);
}

/// The one that is to take over dies on the way; a third one does.
fn dies(site: &Site, node: u64, random: &mut Random) {
    let point = DEATHS[random.below(DEATHS.len() as u64) as usize];
    let said = format!("{point}=kill");
    let dying = another(site, node, &said).expect("as a reader it starts");
    site.kill();
    one(&site.counts.random_kills);
    let process = dying.process.clone();
    site.front.to(Some(dying.address()));
    site.world.moved(dying);
    eventually(LONG, &format!("it dies at {point}"), || {
        site.has_aborted().then_some(())
    });
    drop(process);
    site.counts.killed_at(point.name());
    site.restart();
    eventually(LONG, "a-lease-finds-a-holder: the third one", || {
        is_writer(&site.world.shop()).then_some(())
    });
    one(&site.counts.takeovers);
}
