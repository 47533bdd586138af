//! The process that writes goes while others pass writes on to it: they wait for the next one, and nothing is done twice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::nodes::{Nodes, is_writer, metric, writer};
use crate::proxy::{Proxy, Weather};
use crate::support::client::Connection;
use crate::support::{Level, Request, Response, Shop, eventually, fresh, whole};

const LONG: Duration = Duration::from_secs(60);
/// Clients at once.
const CLIENTS: usize = 8;

fn adjust(level: &Level, reason: &str, is_keyed: bool) -> Request {
    let body = json!({"delta": 1, "reason": reason});
    let request = level.request("adjust").json(body);
    if is_keyed {
        request.idempotency_key(reason)
    } else {
        request
    }
}

/// What clients were told, and for how long one waited.
struct Told {
    answers: Vec<(String, Response)>,
    worst: Duration,
}

/// Adjusts through one process, by keys, while an accident happens and for a while after it.
fn load(level: &Level, shop: &Shop, after: u64, accident: impl FnOnce()) -> Told {
    let (done, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| client(level, shop, &done, &count)))
            .collect();
        let ends = Ends(&done);
        eventually(LONG, "answers come", || {
            (count.load(Ordering::Relaxed) >= after).then_some(())
        });
        accident();
        let then = count.load(Ordering::Relaxed);
        eventually(LONG, "answers come again", || {
            (count.load(Ordering::Relaxed) >= then + 2 * after).then_some(())
        });
        drop(ends);
        let clients = clients.into_iter().map(|it| it.join().expect("a client"));
        clients.fold(
            Told {
                answers: Vec::new(),
                worst: Duration::ZERO,
            },
            |mut all, one| {
                all.answers.extend(one.answers);
                all.worst = all.worst.max(one.worst);
                all
            },
        )
    })
}

fn client(level: &Level, shop: &Shop, done: &AtomicBool, count: &AtomicU64) -> Told {
    let mut connection = Connection::open(shop.address()).expect("it listens");
    let mut told = Told {
        answers: Vec::new(),
        worst: Duration::ZERO,
    };
    while !done.load(Ordering::Relaxed) {
        let reason = fresh("adjust");
        let since = Instant::now();
        let answer = connection.send(adjust(level, &reason, true));
        told.worst = told.worst.max(since.elapsed());
        told.answers.push((reason, answer.expect("an answer")));
        count.fetch_add(1, Ordering::Relaxed);
    }
    told
}

/// Every request was answered 200, and each was done once.
#[track_caller]
fn once_each(level: &Level, told: &Told, before: i64) {
    for (_, answer) in &told.answers {
        assert_eq!(answer.status, 200, "{}", answer.story());
    }
    let done = i64::try_from(told.answers.len()).expect("few");
    assert_eq!(whole(&level.read()["on_hand"]), before + done);
    level.adds_up();
}

fn three(name: &str) -> (Nodes, Vec<Shop>) {
    let nodes = Nodes::forwarding(name);
    let shops = ["a", "b", "c"].map(|node| nodes.start(node));
    (nodes, shops.into())
}

#[test]
fn writes_go_on_when_the_process_that_writes_is_killed() {
    let (nodes, mut shops) = three("kill");
    let level = shops[2].stocked(10);
    let mut before = 10;
    for round in 0..2 {
        let old = eventually(LONG, "one of them writes", || {
            shops.iter().position(is_writer)
        });
        let old = shops.remove(old);
        let through = shops[0].clone();
        let level = through.level(&level.store, &level.sku, 0);
        let told = load(&level, &through, 200, || old.process.kill_now());
        eprintln!(
            "round {round}: {} answers, at most {:?}",
            told.answers.len(),
            told.worst
        );
        once_each(&level, &told, before);
        before += told.answers.len() as i64;
        shops.push(nodes.start(&format!("d{round}")));
    }
}

#[test]
fn writes_go_on_when_the_process_that_writes_is_paused() {
    let (_nodes, mut shops) = three("pause");
    let old = shops.iter().position(is_writer).expect("a writer");
    let old = shops.remove(old);
    let through = shops[0].clone();
    let level = through.stocked(10);
    let told = load(&level, &through, 200, || {
        old.process.signal("STOP");
        let others: Vec<&Shop> = shops.iter().collect();
        eventually(LONG, "another one takes the lease", || {
            // Stopped with a lock on the database it is woken, and writes on.
            if !old.process.is_stopped() && says_it_writes(&old) {
                old.process.signal("STOP");
            }
            others.iter().find(|shop| is_writer(shop)).map(|_| ())
        });
        old.process.try_signal("CONT");
    });
    eprintln!("{} answers, at most {:?}", told.answers.len(), told.worst);
    once_each(&level, &told, 10);
    // The old one passes on what it is asked from now on.
    eventually(LONG, "it knows that it reads", || {
        (!is_writer(&old)).then_some(())
    });
    old.level(&level.store, &level.sku, 0).adjust(1).is(200);
}

/// As [`is_writer`], of one that may be stopped meanwhile.
fn says_it_writes(shop: &Shop) -> bool {
    let asked = Connection::open_within(shop.address(), Duration::from_secs(1))
        .and_then(|mut connection| connection.send(shop.get("/health/readiness")));
    asked.is_ok_and(|seen| seen.json()["role"] == "writer")
}

/// One after the other is told to stop and started again: nobody is refused anything, with a key or without.
#[test]
fn a_rolling_restart_fails_no_request() {
    let (nodes, mut shops) = three("rolling");
    let level = shops[0].stocked(10);
    let answered = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let through = nodes.start("front");
    let here = through.level(&level.store, &level.sku, 0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|place| {
                let (here, through, answered, done) = (&here, &through, &answered, &done);
                scope.spawn(move || {
                    let mut connection = Connection::open(through.address()).expect("it listens");
                    while !done.load(Ordering::Relaxed) {
                        let request = adjust(here, &fresh("adjust"), place % 2 == 0);
                        let answer = connection.send(request).expect("an answer");
                        assert_eq!(answer.status, 200, "{}", answer.story());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let ends = Ends(&done);
        for round in 0..3 {
            let then = answered.load(Ordering::Relaxed);
            eventually(LONG, "answers come", || {
                (answered.load(Ordering::Relaxed) >= then + 200).then_some(())
            });
            let mut all: Vec<&Shop> = shops.iter().collect();
            all.push(&through);
            let old = writer(&all, LONG).address();
            // The one in front goes on: its clients are held to it.
            let Some(old) = shops.iter().position(|shop| shop.address() == old) else {
                break;
            };
            let old = shops.remove(old);
            old.process.terminate();
            let status = eventually(LONG, "it ends", || old.process.exit_status());
            assert_eq!(status.code(), Some(0), "{}", old.process.said());
            shops.push(nodes.start(&format!("again-{round}")));
        }
        drop(ends);
        clients
            .into_iter()
            .for_each(|it| it.join().expect("no failed request"));
    });
    let done = answered.load(Ordering::Relaxed) as i64;
    eprintln!("{done} answers");
    assert_eq!(whole(&here.read()["on_hand"]), 10 + done);
    here.adds_up();
}

/// Says that it is over, whatever happens.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Between the two stands a proxy that loses answers.
#[test]
fn a_lost_answer_is_one_effect() {
    let nodes = Nodes::forwarding("lost");
    let between = Proxy::start(None);
    let url = format!("http://{}", between.address);
    let writer = nodes
        .clone()
        .with("CARTWRIGHT_ADVERTISE_URL", &url)
        .start("a");
    between.to(Some(writer.address()));
    let other = nodes.with("CARTWRIGHT_REQUEST_WAIT_MS", "20000").start("b");
    let level = other.stocked(10);
    let there = writer.level(&level.store, &level.sku, 0);
    let mut expected = 10;
    let lose = |send: &(dyn Fn() -> Response + Sync)| {
        // A connection that is there already, so that the request gets through.
        level.adjust(0).refused(422, "invalid");
        between.broken();
        between.weather(Weather::CutAtAnswer);
        std::thread::scope(|scope| {
            let answer = scope.spawn(send);
            eventually(LONG, "an answer is lost", || {
                (between.broken() > 0).then_some(())
            });
            between.weather(Weather::Fair);
            answer.join().expect("an answer")
        })
    };
    for _ in 0..3 {
        let key = fresh("key");
        let answer = lose(&|| adjust(&level, &key, true).send());
        assert!(answer.is_replayed_of(200), "{}", answer.story());
        expected += 1;
        assert_eq!(there.read()["on_hand"], expected);

        // Nobody knows whether it may be sent again.
        let answer = lose(&|| adjust(&level, &fresh("no-key"), false).send());
        answer.refused(503, "dependency_unavailable");
        assert!(answer.header("retry-after").is_some());
        expected += 1;
        assert_eq!(there.read()["on_hand"], expected);

        // A hold is known by its reference.
        let reference = fresh("hold");
        let body = json!({"quantity": 1, "reference": reference, "ttl_seconds": 600});
        let answer = lose(&|| level.request("reserve").json(body.clone()).send());
        assert_eq!(answer.status, 200, "{}", answer.story());
    }
    assert_eq!(there.read()["reserved"], 3);
    there.adds_up();
    assert!(whole(&metric(&other, "position")) > 0);
}

impl Response {
    fn is_replayed_of(&self, status: u16) -> bool {
        self.status == status && self.replayed()
    }
}

/// Nobody writes: a write waits as long as it is configured to, and then says when to come back.
#[test]
fn without_anybody_who_writes_a_write_waits_and_is_refused() {
    // There a dead holder is known to be dead at once, however long its lease is.
    if crate::support::database_of(std::path::Path::new("")).is_some() {
        return;
    }
    let nodes = Nodes::forwarding("nobody")
        .with("LOCK_TTL_MS", "3600000")
        .with("LOCK_RENEW_MS", "1000")
        .with("CARTWRIGHT_REQUEST_WAIT_MS", "500");
    let (old, other) = (nodes.start("a"), nodes.start("b"));
    let level = other.stocked(1);
    old.process.kill_now();
    let since = Instant::now();
    let problem = level.adjust(1).refused(503, "read_only");
    assert_eq!(problem["role"], "reader");
    assert!(
        since.elapsed() >= Duration::from_millis(400),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(level.read()["on_hand"], 1);
    // What cannot write for longer than a write waits is not ready for any.
    eventually(LONG, "it says that it is cut off", || {
        let seen = other.get("/health/readiness").send();
        (seen.status == 503 && seen.json()["dependencies"]["writer"] == "failing").then_some(())
    });
}
