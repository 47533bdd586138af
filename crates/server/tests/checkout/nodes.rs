//! Two processes of one shop: the one that writes is killed or stopped while it buys, and the other takes over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::books;
use crate::crash::{Deed, TAKEN_OVER, buying, rounds, settle};
use crate::gateway::Gateway;
use crate::random::Random;
use crate::receiver::{Receiver, Way};
use crate::support::{Setup, Shop, eventually, text};
use crate::world::{World, card, paying};

const LONG: Duration = Duration::from_secs(30);

fn shared(setup: Setup) -> Setup {
    setup
        .with("LOCKS_ENABLED", "true")
        .with("CARTWRIGHT_FORWARD_WRITES", "false")
        .with("LOCK_TTL_MS", "1000")
        .with("LOCK_RENEW_MS", "250")
        .with("CARTWRIGHT_WEBHOOKS_ALLOW_PRIVATE", "true")
        .with("CARTWRIGHT_WEBHOOK_RETRY_BASE_MS", "20")
        .with("CARTWRIGHT_WEBHOOK_TRIES", "100")
}

/// One more process on the world's data.
fn another(world: &World, node: usize) -> Shop {
    let mut setup = shared(paying(Setup::new(&world.dir), &world.gateways));
    setup = setup.with("CARTWRIGHT_NODE_NAME", &format!("node-{node}"));
    setup.log = world.dir.path().join(format!("log-{node}"));
    Shop::of(setup.start(), Arc::clone(&world.dir))
}

fn is_writer(shop: &Shop) -> bool {
    shop.get("/health/readiness").send().ok()["role"] == "writer"
}

/// Waits until the other one writes; from now on the world is served by it.
fn taken_over(world: &World, other: &Shop, since: Instant) {
    eventually(TAKEN_OVER, "the other one takes over", || {
        is_writer(other).then_some(())
    });
    eprintln!("taken over after {:?}", since.elapsed());
    world.moved(other.clone());
}

/// Stops the one that writes until the other one does.
///
/// Stopped with a lock on the database it is woken by the other, and what it was about to commit stands, its lease too. Then it is
/// stopped again.
fn stop(old: &Shop, other: &Shop) {
    let stop = || {
        old.process.signal("STOP");
        eventually(LONG, "it stops", || old.process.is_stopped().then_some(()));
    };
    stop();
    eventually(LONG, "the other one takes over", || {
        if !old.process.is_stopped() && is_writer(old) {
            stop();
        }
        is_writer(other).then_some(())
    });
}

fn round(
    world: &World,
    random: &mut Random,
    node: usize,
    accident: impl FnOnce(&Shop, &Shop),
) -> (Shop, Vec<Deed>) {
    let other = another(world, node);
    let old = world.shop();
    assert!(is_writer(&old) && !is_writer(&other));
    world.gateway().mend_all();
    world.gateway().slow(5 + random.below(80));
    let moment = random.below(500);
    let deeds = buying(world, random, |begun| {
        eventually(LONG, "purchases begin", || (begun() >= 8).then_some(()));
        std::thread::sleep(Duration::from_millis(moment));
        accident(&old, &other);
    });
    (old, deeds)
}

#[test]
fn another_process_ends_what_a_killed_one_began() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let world = World::with("node-killed", vec![Gateway::start("a")], shared);
    for node in 0..rounds() {
        let (_, deeds) = round(&world, &mut random, node as usize, |old, other| {
            let since = Instant::now();
            old.process.kill_now();
            taken_over(&world, other, since);
        });
        settle(&world, &deeds);
    }
    books::agree(&world);
    world.replays();
}

#[test]
fn another_process_ends_what_a_stopped_one_began() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let world = World::with("node-stopped", vec![Gateway::start("a")], shared);
    for node in 0..rounds() {
        let (old, deeds) = round(&world, &mut random, node as usize, |old, other| {
            stop(old, other);
            taken_over(&world, other, Instant::now());
            // It goes on with whatever it was about to do.
            old.process.signal("CONT");
        });
        settle(&world, &deeds);
        eventually(LONG, "the old one knows that it reads", || {
            (!is_writer(&old)).then_some(())
        });
        old.process.kill_now();
    }
    books::agree(&world);
    world.replays();
}

#[test]
fn another_process_tells_what_a_killed_one_could_not() {
    let world = World::with("node-tells", vec![Gateway::start("a")], shared);
    let other = another(&world, 1);
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url(), "events": ["order.*"]});
    let made = world.shop().post("/v1/webhook-endpoints").admin();
    made.json(body.clone()).send().is(201);
    receiver.next([Way::Status(200)]);
    receiver.always(Way::Status(503));
    let it = world.purchase(1);
    world.complete(&it, 10, card("tok_visa")).is(200);
    eventually(LONG, "the second message is refused", || {
        (receiver.came().len() > 2).then_some(())
    });
    let reader = other.post("/v1/webhook-endpoints").admin();
    reader.json(body).send().refused(503, "read_only");
    world.kill();
    taken_over(&world, &other, Instant::now());
    receiver.always(Way::Status(200));
    eventually(LONG, "the other one tells it", || {
        let taken = receiver.taken();
        taken
            .iter()
            .any(|it| it["type"] == "order.paid")
            .then_some(())
    });
    let ids = |kind: &str| {
        let taken = receiver.taken();
        let of = taken.iter().filter(|it| it["type"] == kind);
        of.map(|it| text(&it["id"])).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((ids("order.placed"), ids("order.paid")), (1, 1));
    world.replays();
}
