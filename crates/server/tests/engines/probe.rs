//! Somebody at each door who writes all the time, one thing after the other, and notes when that was acknowledged.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Load;
use crate::support::client::Connection;
use crate::support::{Level, Shop, eventually, fresh, whole};

/// How long an answer may take before it is asked for again.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);
/// Longer than anything keeps a door closed.
const GIVES_UP: Duration = Duration::from_secs(90);

/// One door, and what was acknowledged there.
#[derive(Debug)]
pub(crate) struct Probe {
    door: SocketAddr,
    level: Level,
    /// When each was sent, the last time, and how long its answer took.
    acknowledged: Mutex<Vec<(Instant, Duration)>>,
    /// The longest that one waited, with all its tries.
    longest: Mutex<Duration>,
}

impl Probe {
    pub(crate) fn at(door: SocketAddr, shop: &Shop) -> Self {
        Self {
            door,
            level: shop.stocked(1),
            acknowledged: Mutex::default(),
            longest: Mutex::default(),
        }
    }

    /// Writes until the round stops.
    pub(crate) fn work(&self, load: &Load) {
        let mut kept = None;
        while !load.stops() {
            let (tag, since) = (fresh("probe"), Instant::now());
            let body = json!({"delta": 1, "reason": tag});
            let request = load
                .request("POST", &format!("{}/adjust", self.level.path()))
                .admin()
                .idempotency_key(&tag)
                .json(body);
            loop {
                assert!(
                    since.elapsed() < GIVES_UP,
                    "nothing-waits-for-ever: {} answers nothing",
                    self.door
                );
                let lost = load.lost.load(std::sync::atomic::Ordering::SeqCst);
                assert!(!lost, "somebody else has failed");
                let sent = Instant::now();
                let connection = kept.take();
                let connection =
                    connection.or_else(|| Connection::open_within(self.door, PATIENCE).ok());
                let answer = connection.and_then(|mut connection| {
                    let answer = connection.send(request.clone()).ok()?;
                    let closes = answer.header("connection") == Some("close");
                    kept = (!closes).then_some(connection);
                    Some(answer)
                });
                if answer.is_some_and(|it| it.status == 200) {
                    let mut all = self.lock();
                    all.push((sent, sent.elapsed()));
                    let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
                    *longest = longest.max(since.elapsed());
                    break;
                }
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// The longest that a write waited here, with all its tries.
    pub(crate) fn longest(&self) -> Duration {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Duration)>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How long after `since` the first write was acknowledged that was sent later.
    pub(crate) fn first_after(&self, since: Instant) -> Option<Duration> {
        let all = self.lock();
        let first = all.iter().find(|(sent, _)| *sent >= since);
        first.map(|(sent, took)| *sent + *took - since)
    }

    /// Once all rests: each of them is there once.
    #[track_caller]
    pub(crate) fn check(&self, shop: &Shop) {
        let level = shop.level(&self.level.store, &self.level.sku, 0);
        let wanted = 1 + self.lock().len() as i64;
        let on_hand = whole(&level.read()["on_hand"]);
        assert_eq!(on_hand, wanted, "acknowledged-is-durable: {}", level.sku);
        level.adds_up();
    }

    /// Waits until its door works again.
    #[track_caller]
    pub(crate) fn works(&self, since: Instant, load: &Load) -> Duration {
        eventually(GIVES_UP, "a door works again", || {
            let lost = load.lost.load(std::sync::atomic::Ordering::SeqCst);
            assert!(!lost, "somebody else has failed");
            self.first_after(since)
        })
    }
}
