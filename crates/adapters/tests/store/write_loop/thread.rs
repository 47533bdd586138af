//! The loop on its own thread: when it wakes, how much it takes at once, and how it ends.

use super::disk::{Disk, Gate};
use super::stage::*;
use crate::looped::{Sequence, reserve, submission};
use cartwright_adapters::system::SystemClock;
use cartwright_app::commit::{LeaseOptions, Options, Running, start_shared};
use cartwright_app::ports::{Clock, Lease};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::inventory::State;
use crossbeam_channel::unbounded;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(10);

struct Site {
    till: Till,
    watch: Arc<Watch>,
    running: Running,
}

fn start(disk: &Arc<Disk>, options: Options, lease: Option<LeaseOptions>) -> Site {
    let (runtime, watch) = (runtime(), watch());
    let random = Arc::new(Sequence(AtomicU64::new(5)));
    let parts = disk.parts(lease.is_some());
    let handle = runtime.handle().clone();
    let started = start_shared(parts, watch.clone(), random, options, &handle, lease);
    let (shop, running) = started.expect("a loop");
    Site {
        till: Till { runtime, shop },
        watch,
        running,
    }
}

/// A stopwatch: these tests ask how long a real thread rests.
struct Begun {
    clock: SystemClock,
    ns: u64,
}

impl Begun {
    fn now() -> Self {
        let clock = SystemClock::new();
        let ns = clock.monotonic_ns();
        Self { clock, ns }
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.clock.monotonic_ns() - self.ns)
    }
}

/// Looks again and again until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Begun::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_idle_loop_ends_holds_by_itself() {
    let disk = Disk::new();
    let site = start(&disk, options(), None);
    let held = decided(
        site.till
            .answer(site.till.ask(submission(reserve("r", 1), None))),
    );
    let Some(Record::Reservation(hold)) = held.expect("a hold").record else {
        panic!("no hold");
    };
    let position = disk.position();
    site.watch.pass_wall(60_000);
    site.till.reach(position + 2);
    match site.till.find(&Key::Reservation(hold.id)) {
        Some(Record::Reservation(hold)) => assert_eq!(hold.state, State::Expired),
        other => panic!("no hold: {other:?}"),
    }
    site.running.close();
}

#[test]
fn an_idle_loop_rests_between_its_looks() {
    let disk = Disk::new();
    let mut lease = lease_options("a");
    lease.renew_ms = 20;
    let site = start(&disk, options(), Some(lease));
    let looks = || site.watch.looks.lock().expect("nobody panicked").clone();
    wait_until("eight looks at the clock", || looks().len() >= 8);
    for gap in looks().windows(2) {
        assert!(gap[1] - gap[0] >= 20_000_000, "{gap:?}");
    }
    site.running.close();
}

#[test]
fn a_batch_has_a_limit_and_what_waits_longer_comes_in_the_next() {
    let disk = Disk::new();
    let ((came, comes), (go, goes)) = (unbounded(), unbounded());
    disk.state().gate = Some(Gate { came, go: goes });
    let mut options = options();
    options.max_batch = 4;
    let site = start(&disk, options, None);
    let ask = || site.till.ask(submission(one_more("A"), None));
    let mut asked = vec![ask()];
    comes
        .recv_timeout(PATIENCE)
        .expect("a lone command goes at once");
    asked.extend((0..10).map(|_| ask()));
    for _ in 0..4 {
        go.send(()).expect("the loop runs");
    }
    for asked in asked {
        assert!(site.till.answer(asked).is_ok());
    }
    assert_eq!(disk.state().written, [1, 4, 4, 2]);
    drop(go);
    site.running.close();
}

#[test]
fn closing_finishes_what_waits_and_takes_nothing_more() {
    let disk = Disk::new();
    let ((came, comes), (go, goes)) = (unbounded(), unbounded());
    disk.state().gate = Some(Gate { came, go: goes });
    let Site { till, running, .. } = start(&disk, options(), None);
    let ask = || till.ask(submission(one_more("A"), None));
    let mut asked = vec![ask()];
    comes.recv_timeout(PATIENCE).expect("a commit");
    asked.extend((0..3).map(|_| ask()));
    let closing = std::thread::spawn(move || running.close());
    go.send(()).expect("the loop runs");
    go.send(()).expect("the loop runs");
    for asked in asked {
        assert!(till.answer(asked).is_ok());
    }
    closing.join().expect("it is closed");
    assert_eq!(disk.on_hand("A"), 24);
    let late = till.answer(ask());
    assert!(matches!(late, Err(Fault::Unavailable(_))), "{late:?}");
}

#[test]
fn who_closes_gives_the_lease_back() {
    let disk = Disk::new();
    let site = start(&disk, options(), Some(lease_options("a")));
    let taken = disk.lease();
    assert_eq!((taken.ttl_ms, taken.beat), (TTL_MS, 0));
    site.running.close();
    let free = Lease { ttl_ms: 0, ..taken };
    assert_eq!(disk.lease(), free);
}

#[test]
fn a_reader_that_is_nudged_looks_at_once() {
    let disk = Disk::new();
    let mut writer = Process::shared(&disk, "a");
    let site = start(&disk, options(), Some(lease_options("b")));
    let nudge = disk.state().nudges[1].clone();
    let looks = || disk.state().lease_looks;
    let nudged = (0..100).map(|_| {
        let (before, begun) = (looks(), Begun::now());
        // One that is still on its way does as well.
        let _ = nudge.try_send(());
        wait_until("a look", || looks() > before);
        begun.elapsed()
    });
    // Without being nudged each takes the 20 ms after which it looks by itself; a busy machine may be late, but not every time.
    assert!(nudged.min() < Some(Duration::from_millis(10)));

    assert!(writer.submit(one_more("A")).is_ok());
    site.till.reach(writer.head());
    assert_eq!(*site.till.shop.head().borrow(), writer.head());
    site.running.close();
    assert_eq!(
        disk.lease().holder,
        "a-1",
        "it was not its own to give back"
    );
}
