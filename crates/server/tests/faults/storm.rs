//! Storms: in each round the shop is started, badly treated for a while, and killed. What happens is drawn from a seed.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cartwright_app::failpoint::Point;
use serde_json::json;

use crate::counts::one;
use crate::proxy::{Proxy, Weather};
use crate::random::Random;
use crate::site::Site;
use crate::support::eventually;
use crate::walk::OF_CHARGES;

/// How long a shop lives in a round, in milliseconds: at least, and so much more at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives(pub(crate) u64, pub(crate) u64);

/// How long bad weather lasts at most, in milliseconds.
const WEATHER_MS: u64 = 700;

/// So many rounds, one after the other; the shop runs well in the end.
pub(crate) fn storm(site: &Site, rounds: u64, lives: Lives, random: &mut Random) {
    site.kill();
    for _ in 0..rounds {
        round(site, lives, random);
        one(&site.counts.rounds);
    }
    site.heal();
    site.restart();
}

fn round(site: &Site, Lives(least, more): Lives, random: &mut Random) {
    let since = Instant::now();
    let point = failpoint(random);
    let said = said(point, random);
    let lives = Duration::from_millis(least + random.below(more));
    if !site.start(&said) {
        // It died before it was ready.
        return site.counts.killed_at(point.expect("it was to die").name());
    }
    strike(site, random);
    let ends = || site.has_aborted() || since.elapsed() >= lives;
    eventually(lives * 2, "its life ends", || ends().then_some(()));
    site.heal();
    if site.has_aborted() {
        site.counts.killed_at(point.expect("it was to die").name());
    } else {
        site.kill();
        one(&site.counts.random_kills);
    }
}

/// Where it is to die by itself, in two of three rounds.
fn failpoint(random: &mut Random) -> Option<Point> {
    let all: Vec<_> = Point::ALL
        .iter()
        .filter(|it| !OF_CHARGES.contains(it))
        .collect();
    let chosen = *all[random.below(all.len() as u64) as usize];
    (!random.one_in(3)).then_some(chosen)
}

/// What `FAILPOINTS` says: a death, and perhaps a pause somewhere else.
fn said(point: Option<Point>, random: &mut Random) -> String {
    let pause = Point::ALL[random.below(Point::ALL.len() as u64) as usize];
    let (time, long, when) = (
        1 + random.below(60),
        50 + random.below(400),
        1 + random.below(10),
    );
    let death = point.map(|point| format!("{point}=kill@{time}"));
    let pause = random
        .one_in(3)
        .then(|| format!("{pause}=stop:{long}@{when}"));
    let both: Vec<_> = death.into_iter().chain(pause).collect();
    both.join(",")
}

/// What happens to it from outside while it lives.
fn strike(site: &Site, random: &mut Random) {
    let long = Duration::from_millis(100 + random.below(WEATHER_MS));
    match random.below(9) {
        0 => pause(site, long),
        1 if site.disk.is_some() => fill(site, long),
        2 | 3 => weather(site, &site.front, random, long),
        4 | 5 => weather(site, &site.around.back, random, long),
        6 => fault(site, random),
        7 => {
            site.world.gateway().kill();
            std::thread::sleep(long);
            site.world.gateway().restart();
            one(&site.counts.provider_kills);
        }
        _ => {}
    }
}

/// SIGSTOP, and SIGCONT after a while.
fn pause(site: &Site, long: Duration) {
    let process = &site.world.shop().process;
    if process.try_signal("STOP") {
        std::thread::sleep(long);
        process.try_signal("CONT");
        one(&site.counts.pauses);
    }
}

fn fill(site: &Site, long: Duration) {
    let disk = site.disk.as_ref().expect("a small disk");
    let until = Instant::now() + long;
    while Instant::now() < until {
        // What the shop has freed since is taken too.
        disk.fill();
        std::thread::sleep(Duration::from_millis(20));
    }
    disk.free_if_full();
    one(&site.counts.full_disks);
}

fn weather(site: &Site, proxy: &Proxy, random: &mut Random, long: Duration) {
    let weather = match random.below(8) {
        0 => Weather::Slow(Duration::from_millis(20 + random.below(200))),
        1 => Weather::Narrow(2_000 + random.below(50_000) as u32),
        2 => Weather::NoAnswers,
        3 => Weather::NoRequests,
        4 => Weather::CutAtAnswer,
        5 => Weather::HalfClosed,
        6 => Weather::Closed,
        _ => Weather::Fair,
    };
    one(match weather {
        Weather::Slow(_) | Weather::Narrow(_) => &site.counts.slow,
        _ => &site.counts.cuts,
    });
    proxy.weather(weather);
    std::thread::sleep(long);
    proxy.weather(Weather::Fair);
    // Those that wait for an answer that was swallowed learn it now.
    proxy.cut();
}

/// The provider does badly what it is asked.
fn fault(site: &Site, random: &mut Random) {
    let ops = ["authorize", "capture", "void", "refund", "any"];
    let kinds = [
        "delay",
        "error_before",
        "error_after",
        "close_before",
        "close_after",
        "hang_before",
        "hang_after",
        "decline",
    ];
    let op = ops[random.below(ops.len() as u64) as usize];
    let kind = kinds[random.below(kinds.len() as u64) as usize];
    let fault = match kind {
        "delay" => json!({"op": op, "kind": kind, "delay_ms": 20 + random.below(400)}),
        // Only these can be refused for good.
        "decline" => json!({"op": "capture", "kind": kind, "code": "declined", "rate": 0.4}),
        _ => json!({"op": op, "kind": kind, "rate": 0.5}),
    };
    site.world.gateway().fault(fault);
    one(&site.counts.provider_faults);
}

/// How far a long run has come, in one line.
pub(crate) fn progress(site: &Site, done: u64, all: u64, since: Instant) {
    let counts = &site.counts;
    let acknowledged = counts.acknowledged.load(Ordering::Relaxed);
    let orders = counts.orders.load(Ordering::Relaxed);
    // Past the capture of the test's output: a long run is watched.
    let said = format!(
        "{done}/{all} rounds in {:.0} s: {} kills, {acknowledged} writes acknowledged, {orders} orders, nothing lost",
        since.elapsed().as_secs_f64(),
        counts.kills(),
    );
    writeln!(std::io::stderr(), "{said}").expect("standard error");
}
