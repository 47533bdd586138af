//! Commits that were written although they were told as failed, on every store: what is acknowledged afterwards was written.

use crate::desk::check;
use crate::looped::{Hands, Sequence, reserve, submission};
use crate::samples::*;
use cartwright_adapters::store::memory;
use cartwright_app::commit::{ByHand, Options};
use cartwright_app::inventory::Adjust;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::{Batch, StoreParts, WriteStore};
use cartwright_app::shop::{Answer, Command};
use cartwright_app::{Fault, Key, Record, Shop};
use cartwright_domain::{ReservationId, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use tokio::runtime::Runtime;

/// The next commit goes well.
const WELL: u8 = 0;
/// It is refused, and nothing is written.
const REFUSED: u8 = 1;
/// It is written, and told as failed.
const UNCLEAR: u8 = 2;

/// A store whose next commit may fail.
struct Shaky {
    inner: Box<dyn WriteStore>,
    next: Arc<AtomicU8>,
    /// Something failed beside the loop.
    in_doubt: Arc<AtomicBool>,
}

impl Shaky {
    fn trusted(&self) -> Result<(), Fault> {
        let failed = || Err(Fault::Unavailable("it is to be repaired".into()));
        if self.is_in_doubt() { failed() } else { Ok(()) }
    }
}

impl WriteStore for Shaky {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        self.trusted()?;
        self.inner.load(keys)
    }

    fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::SeqCst)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.trusted()?;
        let failed = || Fault::Unavailable("the disk says nothing".into());
        match self.next.swap(WELL, Ordering::SeqCst) {
            WELL => self.inner.commit(batch),
            REFUSED => Err(failed()),
            _ => self.inner.commit(batch).and_then(|()| Err(failed())),
        }
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        self.in_doubt.store(false, Ordering::SeqCst);
        self.inner.recover()
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        self.inner.head()
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.inner.last_batch()
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        self.inner.kept_index(now)
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        self.inner.next_kept_place()
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        self.inner.kept(place, hash)
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        self.inner.drop_kept(before)
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        self.inner.pending_holds()
    }
}

struct Stage {
    runtime: Runtime,
    shop: Shop,
    turns: ByHand,
    clock: Arc<Hands>,
    next: Arc<AtomicU8>,
    in_doubt: Arc<AtomicBool>,
}

impl Stage {
    fn submit(&mut self, command: impl Command + 'static) -> Result<Answer, Fault> {
        let shop = self.shop.clone();
        let submission = submission(command, None);
        let answer = self
            .runtime
            .spawn(async move { shop.submit(submission).await });
        self.runtime.block_on(tokio::task::yield_now());
        self.turns.turn();
        self.runtime.block_on(answer).expect("an answer")
    }

    fn on_hand(&self) -> i64 {
        match self
            .shop
            .store()
            .load(&Key::Level(level_key("A", "berlin")))
        {
            Ok(Some(Record::Level(level))) => level.on_hand,
            other => panic!("{other:?}"),
        }
    }
}

/// Units that come in under so many entries of the log.
fn receive_more() -> Adjust {
    Adjust {
        level: level_key("A", "berlin"),
        delta: 1,
        reason: "found".into(),
        expected_version: None,
    }
}

fn on_each(test: impl Fn(&str, &mut Stage)) {
    check(|name, desk| {
        desk.commit(&[
            product("lamp", &["A"]),
            store("berlin"),
            crate::samples::receive("A", "berlin", 20),
        ])
        .unwrap();
        let random = Sequence(AtomicU64::new(0));
        let StoreParts { write, read } = std::mem::replace(&mut desk.parts, memory::open(&random));
        let next = Arc::new(AtomicU8::new(WELL));
        let in_doubt = Arc::new(AtomicBool::new(false));
        let parts = StoreParts {
            write: Box::new(Shaky {
                inner: write,
                next: next.clone(),
                in_doubt: in_doubt.clone(),
            }),
            read,
        };
        let clock = Arc::new(Hands(AtomicI64::new(NOW.0)));
        let options = Options {
            max_batch: 64,
            max_waiting: 100,
            max_kept: 100,
            cache_bytes: 1 << 20,
            origin: "test".into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let random = Arc::new(Sequence(AtomicU64::new(1)));
        let (shop, turns) = ByHand::new(
            parts,
            clock.clone(),
            random,
            options,
            runtime.handle(),
            None,
        )
        .unwrap();
        let mut stage = Stage {
            runtime,
            shop,
            turns,
            clock,
            next,
            in_doubt,
        };
        test(name, &mut stage);
    });
}

#[test]
fn what_was_written_is_acknowledged_and_what_was_not_is_not() {
    on_each(|name, stage| {
        stage.next.store(UNCLEAR, Ordering::SeqCst);
        assert!(stage.submit(receive_more()).is_ok(), "{name}");
        assert_eq!(stage.on_hand(), 21, "{name}");
        stage.next.store(REFUSED, Ordering::SeqCst);
        assert!(stage.submit(receive_more()).is_err(), "{name}");
        assert_eq!(stage.on_hand(), 21, "{name}");
        assert!(stage.submit(receive_more()).is_ok(), "{name}");
        assert_eq!(stage.on_hand(), 22, "{name}");
    });
}

#[test]
fn a_store_in_doubt_is_repaired_before_anything_is_decided() {
    on_each(|name, stage| {
        stage.in_doubt.store(true, Ordering::SeqCst);
        let answer = stage.submit(receive_more());
        assert!(answer.is_ok(), "{name}: {answer:?}");
        assert_eq!(stage.on_hand(), 21, "{name}");
    });
}

#[test]
fn a_batch_is_not_taken_for_another_that_ends_at_the_same_position() {
    on_each(|name, stage| {
        assert!(stage.submit(reserve("r", 1)).is_ok(), "{name}");
        // The store has just been repaired, so it is not looked at again for a while.
        stage.next.store(REFUSED, Ordering::SeqCst);
        assert!(stage.submit(receive_more()).is_err(), "{name}");
        // The hold's end is written, and told as failed: two entries.
        stage.clock.0.fetch_add(61_000, Ordering::SeqCst);
        stage.next.store(UNCLEAR, Ordering::SeqCst);
        stage.turns.turn();
        // Another batch of two entries: whatever is answered must be so.
        let answer = stage.submit(reserve("s", 1));
        let held = stage
            .shop
            .store()
            .load(&Key::Reference("key_1".into(), "s".into()));
        assert_eq!(
            answer.is_ok(),
            held.unwrap().is_some(),
            "{name}: {answer:?}"
        );
    });
}
