//! `kill -9` under load, again and again: every acknowledged write is there, nothing is half-done, and replay
//! equals state.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::deeds::Deed;
use crate::load::{Scene, WRITERS, write};
use crate::random::Random;
use crate::support::{Setup, Shop, TempDir, eventually};
use crate::verify;

fn rounds() -> u64 {
    match std::env::var("CARTWRIGHT_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("CARTWRIGHT_CRASH_ROUNDS is a number"),
        Err(_) => 10,
    }
}

/// Runs the writers and kills the server when they have had so many answers.
fn crash(shop: Shop, scene: &Scene, random: &mut Random) -> Vec<Deed> {
    let answers = AtomicU64::new(0);
    let moment = random.below(1500);
    let seeds: Vec<u64> = (0..WRITERS).map(|_| random.next()).collect();
    std::thread::scope(|scope| {
        let writers: Vec<_> = seeds
            .into_iter()
            .enumerate()
            .map(|(writer, seed)| {
                let (shop, answers) = (shop.clone(), &answers);
                scope.spawn(move || write(&shop, scene, writer, seed, answers))
            })
            .collect();
        eventually(Duration::from_secs(60), "the writers get answers", || {
            (answers.load(Ordering::Relaxed) >= moment).then_some(())
        });
        shop.process.kill_now();
        let deeds = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer's record"));
        deeds.flatten().collect()
    })
}

#[test]
fn loses_nothing_that_it_acknowledged() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let dir = Arc::new(TempDir::new("crash"));
    let setup = Setup::new(&dir);
    let mut history: Vec<(Scene, Vec<Deed>)> = Vec::new();
    let start = || Shop::of(setup.start(), Arc::clone(&dir));
    for round in 1..=rounds() {
        let shop = start();
        let scene = Scene::set(&shop);
        let mut deeds = crash(shop, &scene, &mut random);
        if random.one_in(3) {
            // A crash while it recovers from the crash.
            let moment = Duration::from_micros(random.below(150_000));
            setup.start_and_kill(moment);
        }
        let shop = start();
        let done = deeds.iter().filter(|deed| deed.done()).count();
        let open = deeds.iter().filter(|deed| deed.unknown()).count();
        eprintln!("round {round}: {done} acknowledged, {open} without an answer");
        verify::check(&shop, &scene, &deeds);
        verify::retry(&shop, &mut deeds);
        verify::check(&shop, &scene, &deeds);
        history.push((scene, deeds));
        if random.one_in(2) {
            shop.process.kill_now();
        } else {
            shop.process.terminate();
            eventually(Duration::from_secs(60), "the server ends", || {
                (!shop.process.alive()).then_some(())
            });
        }
    }
    let shop = start();
    for (scene, deeds) in &history {
        verify::check(&shop, scene, deeds);
    }
    assert!(stop(shop).success(), "SIGTERM exits 0");
    replay(&setup);
}

/// Stops the only shop there is.
fn stop(shop: Shop) -> std::process::ExitStatus {
    let process = Arc::clone(&shop.process);
    drop(shop);
    Arc::into_inner(process).expect("the last handle").stop()
}

/// `cartwright replay --verify` agrees with the live state.
fn replay(setup: &Setup) {
    let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["replay", "--verify", "--data-dir"])
        .arg(&setup.data)
        .envs(crate::support::database_of(&setup.data))
        .output()
        .expect("the binary can be run");
    assert!(
        output.status.success(),
        "replay differs ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn drains_what_it_took_before_it_stops() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let dir = Arc::new(TempDir::new("drain"));
    let setup = Setup::new(&dir);
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let scene = Scene::set(&shop);
    let answers = AtomicU64::new(0);
    let mut deeds: Vec<Deed> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (shop, scene, answers) = (shop.clone(), &scene, &answers);
                scope.spawn(move || write(&shop, scene, writer, seed ^ writer as u64, answers))
            })
            .collect();
        eventually(Duration::from_secs(60), "the writers get answers", || {
            (answers.load(Ordering::Relaxed) >= 200).then_some(())
        });
        shop.process.terminate();
        let deeds = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer's record"));
        deeds.flatten().collect()
    });
    let status = eventually(Duration::from_secs(60), "the server ends", || {
        shop.process.exit_status()
    });
    assert_eq!(status.code(), Some(0), "{}", shop.process.said());
    drop(shop);

    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    verify::check(&shop, &scene, &deeds);
    verify::retry(&shop, &mut deeds);
    verify::check(&shop, &scene, &deeds);
    assert!(stop(shop).success());
    replay(&setup);
}
