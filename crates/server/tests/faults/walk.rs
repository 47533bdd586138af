//! Once through all failpoints: the shop is killed at each of them, under load, and started again with the next one set.

use std::time::{Duration, Instant};

use cartwright_app::failpoint::Point;
use serde_json::json;

use crate::client::Load;
use crate::counts::one;
use crate::proxy::Weather;
use crate::random::Random;
use crate::site::Site;
use crate::support::eventually;

/// Longer than the load needs to get to any of them.
const REACHED: Duration = Duration::from_secs(40);

/// What the drop-in payment services do by themselves; `charges` walks through them.
pub(crate) const OF_CHARGES: [Point; 3] = [
    Point::ChargeAsking,
    Point::ChargeAnswered,
    Point::ChargeRecorded,
];

/// Only a disk that can be filled gets there.
const OF_FULL_DISKS: [Point; 2] = [Point::StoreReopening, Point::StoreReopened];

/// The failpoints that the load of a site can reach.
pub(crate) fn points(site: &Site) -> Vec<Point> {
    let reachable = |it: &Point| {
        !OF_CHARGES.contains(it) && (site.disk.is_some() || !OF_FULL_DISKS.contains(it))
    };
    Point::ALL.iter().copied().filter(reachable).collect()
}

/// How often a place is passed before the shop is killed there: a start passes some, too.
fn time(point: Point, random: &mut Random) -> u64 {
    match point {
        Point::BatchTaken
        | Point::BatchDecided
        | Point::CommitBefore
        | Point::StoreRows
        | Point::StoreLogged
        | Point::StoreComplete
        | Point::StoreCommitted
        | Point::CommitAfter
        | Point::BatchPublished
        | Point::BatchAnswered => 5 + random.below(150),
        Point::ImportRow | Point::ConsumerHandling | Point::ConsumerHandled => 1 + random.below(12),
        Point::LeaseTaking
        | Point::LeaseTaken
        | Point::StoreReopening
        | Point::StoreReopened
        | Point::SagaMoving
        | Point::SagaMoved
        | Point::FileSynced
        | Point::SnapshotTaken
        | Point::ArchiveWritten
        | Point::ArchiveDone => 1,
        _ => 1 + random.below(2),
    }
}

/// Kills the shop at each of these once; it runs again in the end.
pub(crate) fn walk(site: &Site, load: &Load, points: &[Point], random: &mut Random) {
    site.kill();
    for (index, point) in points.iter().enumerate() {
        let since = Instant::now();
        prepare(site, *point);
        let said = format!("{point}=kill@{}", time(*point, random));
        let is_of_lease = point.name().starts_with("lease.");
        let is_ready = if is_of_lease {
            site.start_shared(&said)
        } else {
            site.start(&said)
        };
        if is_ready {
            eventually(REACHED, &format!("the load reaches {said}"), || {
                provoke(site, *point, since);
                site.has_aborted().then_some(())
            });
        }
        site.counts.killed_at(point.name());
        one(&site.counts.rounds);
        site.heal();
        eprintln!(
            "{}/{}: killed at {point} after {:.1} s, {} acknowledged so far",
            index + 1,
            points.len(),
            since.elapsed().as_secs_f64(),
            load.counts
                .acknowledged
                .load(std::sync::atomic::Ordering::Relaxed)
        );
    }
    site.restart();
}

/// What the load alone would come to too seldom.
fn prepare(site: &Site, point: Point) {
    let refused = || {
        let fault = json!({"op": "capture", "kind": "decline", "code": "declined", "rate": 0.5});
        site.world.gateway().fault(fault);
    };
    match point {
        Point::GiveBackAsking | Point::GiveBackAnswered | Point::GiveBackRecorded => refused(),
        _ => {}
    }
}

/// The same, once it runs.
fn provoke(site: &Site, point: Point, since: Instant) {
    match point {
        Point::SagaMoving | Point::SagaMoved => {
            let is_closed = since.elapsed().as_millis() % 800 < 500;
            site.around.back.weather(if is_closed {
                Weather::Closed
            } else {
                Weather::Fair
            });
        }
        Point::StoreReopening | Point::StoreReopened => {
            if let Some(disk) = &site.disk {
                if point == Point::StoreReopened && since.elapsed().as_millis() % 1500 > 700 {
                    disk.free_if_full();
                } else {
                    disk.fill();
                }
            }
        }
        _ => {}
    }
}
