//! Named places between two steps where a process can be made to die or to pause, so that tests can show that it may.
//!
//! What is shipped has none: without `debug_assertions` [`failpoint`] is an empty constant function and the environment is not read.
//! In a debug build `FAILPOINTS` says what happens where: `commit.before=kill@3` (the third time: the process aborts, without any
//! unwinding or cleanup), `saga.capture.answered=kill%0.01:42` (one time in a hundred, by this seed), `batch.published=stop:800` (it
//! sleeps so many milliseconds, each time; `stop:800@2`: the second time only). Several are parted by commas.

use std::fmt;

macro_rules! points {
    ($($point:ident, $name:literal, $what:literal;)*) => {
        /// A boundary between two steps.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $(#[doc = $what] $point,)*
        }

        impl Point {
            /// Every one, in the order of the steps.
            pub const ALL: &'static [Self] = &[$(Self::$point),*];

            /// What it is called in `FAILPOINTS`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }

            /// Where it is, in a sentence.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$point => $what,)* }
            }
        }
    };
}

points! {
    BatchTaken, "batch.taken", "Commands are taken from the queue; nothing is decided.";
    BatchDecided, "batch.decided", "A batch is decided; nothing is written.";
    CommitBefore, "commit.before", "A batch goes to the store.";
    StoreRows, "store.rows", "Changed rows are in the transaction, log entries are not.";
    StoreLogged, "store.logged", "Log entries are in the transaction, kept replies are not.";
    StoreComplete, "store.complete", "All is in the transaction; COMMIT comes next.";
    StoreCommitted, "store.committed", "COMMIT has returned.";
    CommitAfter, "commit.after", "A batch is durable; memory does not show it.";
    BatchPublished, "batch.published", "Memory shows a batch; nobody is answered.";
    BatchAnswered, "batch.answered", "The answers of a batch are on their way.";
    ExpiryDecided, "expiry.decided", "Holds whose time is over are ended in memory of the batch; nothing is written.";
    ExpiryCommitted, "expiry.committed", "The end of holds is durable; memory does not show it.";
    StoreReopening, "store.reopening", "A write has failed; the store is about to be opened again.";
    StoreReopened, "store.reopened", "The store works again; memory is not read back.";
    WalCopying, "wal.copying", "Pages of the write-ahead log are about to be copied into the database.";
    WalCopied, "wal.copied", "Pages of the write-ahead log are in the database.";
    LeaseTaking, "lease.taking", "The lease is free and about to be taken.";
    LeaseTaken, "lease.taken", "The lease is taken; nothing is read back yet.";
    LeaseRenewing, "lease.renewing", "The lease is about to be renewed.";
    LeaseRenewed, "lease.renewed", "The lease is renewed; this process does not know it yet.";
    PurchaseBegun, "purchase.begun", "An attempt and its first question are recorded; nobody drives it.";
    AuthorizeAsking, "saga.authorize.asking", "A provider is about to be asked to hold money.";
    AuthorizeAnswered, "saga.authorize.answered", "A provider has answered about holding money; nothing is recorded.";
    AuthorizeRecorded, "saga.authorize.recorded", "What a provider said about holding money is recorded, with the next question.";
    CaptureAsking, "saga.capture.asking", "A provider is about to be asked to take money.";
    CaptureAnswered, "saga.capture.answered", "A provider has answered about taking money; nothing is recorded.";
    CaptureRecorded, "saga.capture.recorded", "What a provider said about taking money is recorded, with what follows.";
    VoidAsking, "saga.void.asking", "A provider is about to be asked to release money.";
    VoidAnswered, "saga.void.answered", "A provider has answered about releasing money; nothing is recorded.";
    VoidRecorded, "saga.void.recorded", "What a provider said about releasing money is recorded, with what follows.";
    GiveBackAsking, "saga.refund.asking", "A provider is about to be asked to give back what an undone purchase took.";
    GiveBackAnswered, "saga.refund.answered", "A provider has answered about giving back; nothing is recorded.";
    GiveBackRecorded, "saga.refund.recorded", "What a provider said about giving back is recorded, with what follows.";
    SagaMoving, "saga.moving", "An attempt is about to be moved on without an answer.";
    SagaMoved, "saga.moved", "An attempt has moved on without an answer.";
    ChargeAsking, "charge.asking", "A provider is about to be asked about a charge by itself.";
    ChargeAnswered, "charge.answered", "A provider has answered about a charge by itself; nothing is recorded.";
    ChargeRecorded, "charge.recorded", "What a provider said about a charge by itself is recorded.";
    RefundAsking, "refund.asking", "A provider is about to be asked for a refund of an order.";
    RefundAnswered, "refund.answered", "A provider has answered about a refund; nothing is recorded.";
    RefundRecorded, "refund.recorded", "What a provider said about a refund is recorded.";
    ConsumerHandling, "consumer.handling", "A consumer is about to handle entries of the log.";
    ConsumerHandled, "consumer.handled", "A consumer has handled entries; its place in the log is not kept.";
    ConsumerKept, "consumer.kept", "A shared consumer's place in the log is kept.";
    WebhookSending, "webhook.sending", "An endpoint is about to be told something.";
    WebhookSent, "webhook.sent", "An endpoint has been told; nothing is noted.";
    WebhookKept, "webhook.kept", "What arrived at an endpoint is noted, with the place in the log.";
    MailSending, "mail.sending", "A letter is about to be handed over.";
    MailSent, "mail.sent", "A letter is handed over; the place in the log is not kept.";
    FileSynced, "file.synced", "A snapshot or archive is whole and on disk, and has no name.";
    SnapshotTaken, "snapshot.taken", "A snapshot has its name; older ones are still there.";
    ArchiveWritten, "archive.written", "Old log entries are in an archive, and still in the log.";
    ArchiveDone, "archive.done", "Old log entries are in an archive, and no more in the log.";
    ImportRow, "import.row", "A row of an import is durable; others are not.";
    ImportDone, "import.done", "All rows of an import are durable; its caller knows of none.";
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A boundary is reached: whatever `FAILPOINTS` says of it happens.
#[cfg(debug_assertions)]
pub fn failpoint(point: Point) {
    armed::reached(point);
}

/// Nothing: what is shipped has no failpoints.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn failpoint(_: Point) {}

/// Takes what `FAILPOINTS` says, once in the life of a process.
///
/// Errors: a sentence that says what it does not understand.
#[cfg(debug_assertions)]
pub fn arm(said: &str) -> Result<(), String> {
    armed::arm(said)
}

/// Nothing: what is shipped has no failpoints.
///
/// Errors: none.
#[cfg(not(debug_assertions))]
pub fn arm(_: &str) -> Result<(), String> {
    Ok(())
}

#[cfg(debug_assertions)]
mod armed {
    use super::Point;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();

    /// When it happens, of all the times that a place is reached.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub(super) enum When {
        Always,
        /// That time, counted from 1.
        Time(u64),
        /// With this probability.
        Rate(f64),
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    pub(super) enum Deed {
        Kill,
        Stop(Duration),
    }

    #[derive(Debug)]
    pub(super) struct Armed {
        pub(super) point: Point,
        pub(super) deed: Deed,
        pub(super) when: When,
        seed: u64,
        times: AtomicU64,
    }

    pub(super) fn arm(said: &str) -> Result<(), String> {
        let armed = parse(said)?;
        ARMED
            .set(armed)
            .map_err(|_| "FAILPOINTS was taken already".to_owned())
    }

    pub(super) fn parse(said: &str) -> Result<Vec<Armed>, String> {
        let parts = said.split(',').map(str::trim).filter(|it| !it.is_empty());
        parts.map(one).collect()
    }

    fn one(said: &str) -> Result<Armed, String> {
        let malformed = || {
            format!(
                "FAILPOINTS has `{said}`: write NAME=kill, kill@N, kill%RATE:SEED, stop:MS or stop:MS@N"
            )
        };
        let (name, what) = said.split_once('=').ok_or_else(malformed)?;
        let mut all = Point::ALL.iter().copied();
        let point = all.find(|it| it.name() == name).ok_or_else(|| {
            let known: Vec<_> = Point::ALL.iter().map(|it| it.name()).collect();
            format!(
                "FAILPOINTS names `{name}`, which there is not: {}",
                known.join(", ")
            )
        })?;
        let (what, time) = match what.split_once('@') {
            Some((what, time)) => (what, Some(time.parse().map_err(|_| malformed())?)),
            None => (what, None),
        };
        let (deed, when, seed) = match (what, time) {
            ("kill", time) => (Deed::Kill, When::Time(time.unwrap_or(1)), 0),
            (what, time) => match (what.strip_prefix("stop:"), what.strip_prefix("kill%")) {
                (Some(millis), _) => {
                    let long = Duration::from_millis(millis.parse().map_err(|_| malformed())?);
                    (Deed::Stop(long), time.map_or(When::Always, When::Time), 0)
                }
                (_, Some(chance)) => {
                    let (rate, seed) = chance.split_once(':').ok_or_else(malformed)?;
                    let rate = rate.parse().map_err(|_| malformed())?;
                    let seed = seed.parse().map_err(|_| malformed())?;
                    (Deed::Kill, When::Rate(rate), seed)
                }
                _ => return Err(malformed()),
            },
        };
        Ok(Armed {
            point,
            deed,
            when,
            seed,
            times: AtomicU64::new(0),
        })
    }

    pub(super) fn reached(point: Point) {
        let armed = ARMED.get().map_or(&[][..], Vec::as_slice);
        for it in armed.iter().filter(|it| it.point == point) {
            let time = it.times.fetch_add(1, Ordering::Relaxed) + 1;
            if !it.happens(time) {
                continue;
            }
            match it.deed {
                Deed::Kill => {
                    eprintln!("failpoint {point}: killed, the {time}. time");
                    std::process::abort();
                }
                Deed::Stop(long) => {
                    eprintln!("failpoint {point}: stops for {long:?}, the {time}. time");
                    std::thread::sleep(long);
                }
            }
        }
    }

    impl Armed {
        pub(super) fn happens(&self, time: u64) -> bool {
            match self.when {
                When::Always => true,
                When::Time(at) => time == at,
                When::Rate(rate) => {
                    // SplitMix64 of seed and time: the same seed, the same times.
                    let step = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(time);
                    let mut mixed = self.seed.wrapping_add(step);
                    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    mixed ^= mixed >> 31;
                    ((mixed >> 11) as f64) < rate * (1_u64 << 53) as f64
                }
            }
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::Point;
    use super::armed::{Deed, When, parse};
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn every_name_is_its_own() {
        let names: BTreeSet<_> = Point::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        assert!(Point::ALL.iter().all(|it| it.what().ends_with('.')));
    }

    #[test]
    fn says_what_happens_where() {
        let long = Duration::from_millis(800);
        let rows = [
            ("commit.before=kill", Deed::Kill, When::Time(1)),
            ("commit.before=kill@3", Deed::Kill, When::Time(3)),
            ("commit.before=kill%0.25:7", Deed::Kill, When::Rate(0.25)),
            ("commit.before=stop:800", Deed::Stop(long), When::Always),
            ("commit.before=stop:800@2", Deed::Stop(long), When::Time(2)),
        ];
        for (said, deed, when) in rows {
            let parsed = parse(said).expect(said);
            assert_eq!(parsed.len(), 1, "{said}");
            let found = (parsed[0].point, parsed[0].deed, parsed[0].when);
            assert_eq!(found, (Point::CommitBefore, deed, when), "{said}");
        }
        assert_eq!(parse("").map(|it| it.len()), Ok(0));
        let two = parse("batch.taken=kill, mail.sent=stop:5");
        assert_eq!(two.map(|it| it.len()), Ok(2));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let rows = [
            "commit.befor=kill",
            "commit.before",
            "commit.before=die",
            "commit.before=kill@often",
            "commit.before=kill%0.5",
            "commit.before=stop:long",
        ];
        for said in rows {
            let refused = parse(said).expect_err(said);
            assert!(refused.contains("FAILPOINTS"), "{refused}");
        }
        let named = parse("commit.befor=kill").expect_err("unknown");
        assert!(named.contains("commit.before"), "{named}");
    }

    #[test]
    fn a_rate_is_kept_and_a_seed_repeats_it() {
        let times = |said: &str| -> Vec<u64> {
            let armed = parse(said).expect(said).remove(0);
            (1..=10_000).filter(|time| armed.happens(*time)).collect()
        };
        let first = times("commit.before=kill%0.1:1");
        assert!((800..1200).contains(&first.len()), "{}", first.len());
        assert_eq!(first, times("commit.before=kill%0.1:1"));
        assert_ne!(first, times("commit.before=kill%0.1:2"));
    }
}
