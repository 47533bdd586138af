//! The writer is killed or paused under load: another takes over, nothing acknowledged is lost, nothing is done twice.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::deeds::{Deed, Outcome, without_lease};
use crate::load::{Scene, WRITERS, write};
use crate::nodes::{Nodes, TTL, is_writer, standing, writer};
use crate::random::Random;
use crate::support::{Level, Shop, eventually};
use crate::verify;

const LONG: Duration = Duration::from_secs(60);

fn rounds() -> u64 {
    match std::env::var("CARTWRIGHT_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("CARTWRIGHT_CRASH_ROUNDS is a number"),
        Err(_) => 4,
    }
}

/// Loads `shop` with writers while `accident` happens to it, after so many answers; what the writers were told.
pub(crate) fn load(
    shop: &Shop,
    scene: &Scene,
    random: &mut Random,
    moment: u64,
    accident: impl FnOnce(),
) -> Vec<Deed> {
    let answers = AtomicU64::new(0);
    let seeds: Vec<u64> = (0..WRITERS).map(|_| random.next()).collect();
    std::thread::scope(|scope| {
        let writers: Vec<_> = seeds
            .into_iter()
            .enumerate()
            .map(|(writer, seed)| {
                let answers = &answers;
                scope.spawn(move || write(shop, scene, writer, seed, answers))
            })
            .collect();
        eventually(LONG, "the writers get answers", || {
            (answers.load(Ordering::Relaxed) >= moment).then_some(())
        });
        // Whatever becomes of it, the writers end when the process does.
        let ends = Ends(shop);
        accident();
        drop(ends);
        let deeds = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer's record"));
        deeds.flatten().collect()
    })
}

/// Kills a process when it goes.
struct Ends<'a>(&'a Shop);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.process.kill_now();
    }
}

/// Holds the new writer to what the old one said, sends again what is open, and looks once more.
pub(crate) fn settle(shop: &Shop, scene: &Scene, mut deeds: Vec<Deed>) {
    verify::check(shop, scene, &deeds);
    verify::retry(shop, &mut deeds);
    verify::check(shop, scene, &deeds);
}

fn counts(deeds: &[Deed]) -> (usize, usize) {
    let done = deeds.iter().filter(|deed| deed.done()).count();
    let open = deeds.iter().filter(|deed| deed.unknown()).count();
    (done, open)
}

/// Adjusts a level by one until it is acknowledged; how long that took.
fn first_write(level: &Level, limit: Duration) -> Duration {
    let since = Instant::now();
    eventually(limit, "writes work again", || {
        (level.adjust(1).status == 200).then_some(())
    });
    since.elapsed()
}

#[test]
fn takes_over_from_a_writer_that_was_killed() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let nodes = Nodes::new("killed");
    let mut old = nodes.start("node-0");
    let mut new = nodes.start("node-1");
    let extra = old.stocked(1);
    for round in 1..=rounds() {
        let scene = Scene::set(&old);
        let moment = 50 + random.below(800);
        let level = new.level(&extra.store, &extra.sku, 0);
        let mut took = Duration::ZERO;
        let deeds = load(&old, &scene, &mut random, moment, || {
            old.process.kill_now();
            took = first_write(&level, LONG);
        });
        let (done, open) = counts(&deeds);
        eprintln!("round {round}: {done} acknowledged, {open} open; taken over in {took:?}");
        assert!(took <= TTL + Duration::from_secs(1), "it took {took:?}");
        assert_eq!(standing(&new), ("writer".to_owned(), round + 1));
        settle(&new, &scene, deeds);
        level.adds_up();
        old = new;
        new = nodes.start(&format!("node-{}", round + 1));
        assert!(!is_writer(&new));
    }
    assert_eq!(extra.store, new.level(&extra.store, &extra.sku, 0).store);
    drop(new);
    replays(&nodes, old);
}

/// `cartwright replay --verify` agrees with the state.
pub(crate) fn replays(nodes: &Nodes, last: Shop) {
    last.process.terminate();
    eventually(LONG, "the last one ends", || last.process.exit_status());
    let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["replay", "--verify", "--data-dir"])
        .arg(nodes.dir.data())
        .envs(crate::support::database_of(&nodes.dir.data()))
        .output()
        .expect("the binary can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "replay differs: {said}");
}

/// Whichever of three is paused: the two others go on, and the paused one finds out before it writes or answers.
#[test]
fn a_paused_writer_never_commits_beyond_its_lease() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let nodes = Nodes::new("paused");
    let mut shops = vec![nodes.start("a"), nodes.start("b"), nodes.start("c")];
    for round in 1..=rounds() {
        let place = shops.iter().position(is_writer).expect("a writer");
        let old = shops.remove(place);
        let scene = Scene::set(&old);
        let moment = 50 + random.below(800);
        let deeds = load(&old, &scene, &mut random, moment, || {
            let both: Vec<&Shop> = shops.iter().collect();
            let (new, took) = pause(&old, &both);
            let level = &scene.levels[0];
            let level = new.level(&level.store, &level.sku, 0);
            level.reserve(1).is(201);
            let held = new.get(&level.path()).admin().send().ok();
            old.process.signal("CONT");
            eprintln!("round {round}: taken over in {took:?}");
            assert!(took <= TTL + Duration::from_secs(1), "it took {took:?}");
            resumed(&old, &level, &held);
        });
        let (done, open) = counts(&deeds);
        eprintln!("round {round}: {done} acknowledged, {open} open");
        let new = writer(&shops.iter().collect::<Vec<_>>(), LONG);
        let mut all = deeds;
        all.push(foreign(new, &scene));
        settle(new, &scene, all);
        shops.push(nodes.start(&format!("again-{round}")));
    }
}

/// Stops the writer until one of the others writes; which, and how long that took.
///
/// Stopped in the middle of a renewal it is woken, for it keeps the others from the database, and that renewal stands: nobody
/// has overtaken it. Then it still writes, and is stopped again.
fn pause<'a>(old: &Shop, others: &[&'a Shop]) -> (&'a Shop, Duration) {
    let stop = || {
        old.process.signal("STOP");
        let since = Instant::now();
        eventually(LONG, "it stops", || old.process.is_stopped().then_some(()));
        since
    };
    let mut since = stop();
    let new = eventually(LONG, "another one takes the lease", || {
        if !old.process.is_stopped() && is_writer(old) {
            since = stop();
        }
        others.iter().copied().find(|shop| is_writer(shop))
    });
    (new, since.elapsed())
}

/// What a writer serves after it was paused: reads that know what happened meanwhile, and no writes.
fn resumed(old: &Shop, level: &Level, held: &serde_json::Value) {
    let here = old.level(&level.store, &level.sku, 0);
    let version = held["version"].as_i64().expect("a version");
    eventually(Duration::from_secs(1), "its reads are current", || {
        (here.read()["version"].as_i64() >= Some(version)).then_some(())
    });
    for _ in 0..20 {
        let refused = here.adjust(1);
        assert!(without_lease(&refused), "{}", refused.story());
    }
    eventually(LONG, "the paused one knows that it reads", || {
        (standing(old).0 == "reader").then_some(())
    });
}

/// The hold that this test itself made at the new writer, as a deed to be accounted for.
fn foreign(shop: &Shop, scene: &Scene) -> Deed {
    let level = &scene.levels[0];
    let level = shop.level(&level.store, &level.sku, 0);
    let made = level.movements().pop().expect("the hold");
    let path = format!(
        "/v1/reservations/{}",
        made["reservation_id"].as_str().expect("an id")
    );
    let answer = shop.get(&path).admin().send().is(200);
    Deed {
        tag: answer.json()["reference"]
            .as_str()
            .expect("a reference")
            .to_owned(),
        kind: crate::deeds::Kind::Reserve {
            lines: vec![(0, 1)],
        },
        path,
        body: serde_json::json!({}),
        key: None,
        outcome: Outcome::Done(answer),
    }
}
