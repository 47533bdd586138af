//! `kill -9` of the shop and of the provider, at random moments of many purchases: everything ends, and the books agree.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::books;
use crate::random::Random;
use crate::support::eventually;
use crate::world::{Purchase, World, card, world};

/// Buyers at once.
const BUYERS: usize = 8;
/// Until everything has ended after a start.
pub(crate) const TAKEN_OVER: Duration = Duration::from_secs(10);

pub(crate) fn rounds() -> u64 {
    match std::env::var("CARTWRIGHT_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("CARTWRIGHT_CRASH_ROUNDS is a number"),
        Err(_) => 2,
    }
}

/// A purchase that was begun, how it was paid, and what its buyer was told.
#[derive(Debug)]
pub(crate) struct Deed {
    it: Purchase,
    payment: Value,
    status: Option<u16>,
}

/// Lets buyers buy while `accident` happens, and stops them then; what became of each purchase.
pub(crate) fn buying(
    world: &World,
    random: &mut Random,
    accident: impl FnOnce(&dyn Fn() -> usize),
) -> Vec<Deed> {
    let (stop, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seeds: Vec<u64> = (0..BUYERS).map(|_| random.next()).collect();
    std::thread::scope(|scope| {
        let buyers: Vec<_> = seeds
            .into_iter()
            .map(|seed| {
                let (stop, begun) = (&stop, &begun);
                scope.spawn(move || buy(world, Random::new(seed), stop, begun))
            })
            .collect();
        let ends = Ends(&stop);
        accident(&|| begun.load(Ordering::SeqCst));
        drop(ends);
        let buyers = buyers.into_iter();
        buyers.flat_map(|it| it.join().expect("a buyer")).collect()
    })
}

/// Stops the buyers whatever becomes of the accident.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn buy(world: &World, mut random: Random, stop: &AtomicBool, begun: &AtomicUsize) -> Vec<Deed> {
    let mut deeds = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let Some(it) = world.try_purchase(1 + random.below(3) as i64) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let payment = match random.below(6) {
            0 => it.parts(500, ["tok_visa", "tok_mastercard"]),
            1 => it.parts(500, ["tok_visa", "tok_declined"]),
            2 => card("tok_timeout_after_success"),
            3 => card("tok_insufficient_funds"),
            _ => card("tok_visa"),
        };
        begun.fetch_add(1, Ordering::SeqCst);
        let wait = if random.one_in(4) { 0 } else { 5 };
        let request = it.completing(&world.shop(), &it.key, wait, payment.clone());
        let status = request.try_send().ok().map(|answer| answer.status);
        let cancelled = random.one_in(10);
        if cancelled {
            // Whatever the answer is: the books must agree.
            let _ = it.cancelling(&world.shop()).try_send();
        }
        deeds.push(Deed {
            it,
            payment,
            status,
        });
    }
    deeds
}

/// Everything ends in time; what was promised stands, and who asks again is told the same.
#[track_caller]
pub(crate) fn settle(world: &World, deeds: &[Deed]) {
    let since = Instant::now();
    eventually(TAKEN_OVER, "everything ends", || {
        let left = world.in_state("processing").len() + world.in_state("needs_attention").len();
        (left == 0).then_some(())
    });
    eprintln!(
        "{} purchases, all ended after {:?}",
        deeds.len(),
        since.elapsed()
    );
    for deed in deeds {
        let ended = world.checkout(&deed.it.checkout);
        let stands = ended["state"] == "completed";
        if deed.status == Some(200) {
            assert!(stands, "it was promised: {ended:#}");
        }
        let again = world.complete(&deed.it, 10, deed.payment.clone());
        let allowed: &[u16] = if ended["attempts"][0].is_null() {
            // Never begun: it is now.
            &[200, 409]
        } else if stands {
            &[200]
        } else {
            &[409]
        };
        again.one_of(allowed);
    }
    books::agree_within(world, Duration::from_secs(20));
}

/// Delays that let accidents fall between steps.
fn slow(world: &World, random: &mut Random) {
    for op in ["authorize", "capture", "void"] {
        let delay = 5 + random.below(120);
        world
            .gateway()
            .fault(json!({"op": op, "kind": "delay", "delay_ms": delay}));
    }
}

#[test]
fn purchases_survive_a_shop_that_is_killed() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let world = world("killed");
    let mut all = Vec::new();
    for _ in 0..rounds() {
        slow(&world, &mut random);
        let kills = 1 + random.below(3);
        let moments: Vec<u64> = (0..kills).map(|_| random.below(400)).collect();
        let deeds = buying(&world, &mut random, |begun| {
            for moment in &moments {
                let before = begun();
                eventually(Duration::from_secs(30), "purchases begin", || {
                    (begun() >= before + BUYERS).then_some(())
                });
                std::thread::sleep(Duration::from_millis(*moment));
                world.kill();
                world.restart();
            }
        });
        settle(&world, &deeds);
        world.gateway().mend_all();
        all.extend(deeds);
    }
    settle(&world, &all);
    world.replays();
}

#[test]
fn purchases_survive_a_provider_that_is_killed() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let world = world("provider-killed");
    for _ in 0..rounds() {
        slow(&world, &mut random);
        let (moment, gone) = (random.below(500), random.below(700));
        let deeds = buying(&world, &mut random, |begun| {
            eventually(Duration::from_secs(30), "purchases begin", || {
                (begun() >= BUYERS).then_some(())
            });
            std::thread::sleep(Duration::from_millis(moment));
            world.gateway().kill();
            std::thread::sleep(Duration::from_millis(gone));
            world.gateway().restart();
        });
        settle(&world, &deeds);
    }
    world.replays();
}

#[test]
fn purchases_survive_when_shop_and_provider_are_killed_together() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let gateways = ["a", "b"].map(crate::gateway::Gateway::start);
    let world = World::with("both-killed", Vec::from(gateways), |setup| setup);
    for _ in 0..rounds() {
        slow(&world, &mut random);
        let (moment, gone) = (random.below(500), random.below(300));
        let deeds = buying(&world, &mut random, |begun| {
            eventually(Duration::from_secs(30), "purchases begin", || {
                (begun() >= BUYERS).then_some(())
            });
            std::thread::sleep(Duration::from_millis(moment));
            world.kill();
            world.gateway().kill();
            // The shop comes back first: whom it may have asked is down, and another provider is well.
            world.restart();
            std::thread::sleep(Duration::from_millis(gone));
            world.gateway().restart();
        });
        settle(&world, &deeds);
    }
    world.replays();
}
