//! The process whose disk fails: it does what the write loop does, on SQLite, and compares each step with the store in memory.

use super::compare::all;
use super::control::{Control, Fault, KINDS, Kind, on};
use super::steps::{CONSUMERS, Dice, Step, now, step};
use super::told::{Orders, say};
use crate::desk::Desk;
use crate::looped::Sequence;
use cartwright_adapters::store::memory;
use cartwright_adapters::store::sqlite::{DATABASE_FILE, OpenError, SqliteOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::{Batch, Keep, Lease, StoreParts, Swap};
use cartwright_app::{Key, Record};
use cartwright_domain::Time;
use cartwright_proto::events as proto;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

struct Child {
    orders: Orders,
    control: Control,
    dice: Dice,
    memory: Desk,
    sqlite: StoreParts,
    history: Vec<u8>,
    is_shared: bool,
    lease: Option<Lease>,
    /// Where those stand who remember their places beside the loop.
    places: BTreeMap<&'static str, u64>,
    /// Syncs that failed and lost writes, when last seen.
    lossy: u64,
    /// Whether nobody knows where they stand.
    is_place_open: bool,
    /// Whether somebody takes long to read.
    is_reading: bool,
}

/// A commit that failed, which says nothing of whether it was written.
struct Failed {
    number: u64,
    step: Step,
    fault: cartwright_app::Fault,
}

/// The test's own end of [`super::child`].
pub(super) fn run(orders: Orders) {
    let control = Control::open(&orders.control);
    let mut dice = Dice::new(orders.seed, 1_000_000 + orders.life);
    let is_shared = Dice::new(orders.seed, 3).one_in(4);
    let sqlite = opened(&orders, &control, &mut dice, is_shared);
    let mut child = Child {
        history: orders.history.clone().into_bytes(),
        memory: Desk::new(memory::open(&Sequence(AtomicU64::new(0)))),
        orders,
        control,
        dice,
        sqlite,
        is_shared,
        lease: None,
        places: BTreeMap::new(),
        lossy: 0,
        is_place_open: false,
        is_reading: false,
    };
    child.remember();
    child.steps();
    let Child {
        control, sqlite, ..
    } = child;
    drop(sqlite);
    control.off();
}

/// Sizes that make the WAL start afresh often, sometimes, or only after faults: then one thread alone writes, and a seed repeats exactly.
fn options(seed: u64, is_shared: bool) -> SqliteOptions {
    let (checkpoint_mib, wal_limit_mib) =
        Dice::new(seed, 2).of(&[(0, 0), (0, 1), (0, 1 << 20), (1 << 20, 1 << 20)]);
    SqliteOptions {
        cache_mib: 1,
        readers: 2,
        reader_cache_mib: 1,
        checkpoint_mib,
        wal_limit_mib,
        is_shared,
    }
}

/// Opens the store, perhaps with a fault on the way: then it is refused with a reason, and opens when the fault is over.
fn opened(orders: &Orders, control: &Control, dice: &mut Dice, is_shared: bool) -> StoreParts {
    let directory = orders.root.join("data");
    let faults = |control: &Control| control.fired().iter().sum::<u64>();
    let before = faults(control);
    if dice.one_in(2) {
        control.plan(fault(dice, 60));
    }
    let again = || open(&directory, options(orders.seed, is_shared), &SystemRandom);
    let opened = again();
    control.off();
    opened.unwrap_or_else(|error| {
        assert!(faults(control) > before, "no fault, yet: {error}");
        let is_wrong = matches!(
            error,
            OpenError::Corrupt { .. } | OpenError::Foreign { .. } | OpenError::Newer { .. }
        );
        assert!(!is_wrong, "a fault that passes is told as damage: {error}");
        again().unwrap_or_else(|error| panic!("the fault is over, and it does not open: {error}"))
    })
}

/// Any fault: now or after some calls. There are many writes to a sync, so faults of syncs come sooner.
fn fault(dice: &mut Dice, within: u64) -> Fault {
    let kind = dice.of(&KINDS.map(|(kind, _)| kind));
    let is_of_writes = matches!(
        kind,
        Kind::WriteError
            | Kind::DiskFull
            | Kind::ShortWrite
            | Kind::FullInTheMiddle
            | Kind::PowerCut
    );
    let files = match dice.below(4) {
        0 | 1 if !is_of_writes => on::DATABASE,
        0 => on::DATABASE,
        1 => on::WAL,
        _ => on::ALL,
    };
    Fault {
        kind,
        after: dice.below(if is_of_writes { within } else { 3 }) as u32,
        times: 1 + dice.below(4) as u32,
        files,
        seed: dice.next() as u32,
    }
}

impl Child {
    /// Brings memory to where the processes before came, and finds out what became of the step that a cut interrupted.
    fn remember(&mut self) {
        let history = std::mem::take(&mut self.history);
        for (number, outcome) in (0..).zip(history) {
            let step = step(self.orders.seed, number, &self.memory.state);
            let is_taken = match (outcome, &step) {
                (b'O', Step::Batch { .. }) => {
                    let is_taken = self.was_written(&step);
                    say(format_args!("resolved {}", letter(is_taken)));
                    is_taken
                }
                (b'O', _) => {
                    say(format_args!("resolved {}", letter(false)));
                    false
                }
                (outcome, _) => outcome == b'T',
            };
            if let (true, Step::Batch { .. }) = (is_taken, &step) {
                self.take(number, &step);
            }
            self.history.push(letter(is_taken) as u8);
        }
        self.places_are_right().expect("nothing fails just now");
        let secret = self.sqlite.read.secret();
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        say(format_args!("secret {secret}"));
        assert!(
            self.orders.secret.is_empty() || self.orders.secret == secret,
            "the secret of the shop is another one"
        );
        self.is_sound();
        self.agrees(self.history.len() as u64);
        self.take_lease();
        say(format_args!("opened"));
    }

    /// Consumers beside the loop may stand where they stood before, but never before what a later transaction made durable.
    fn places_are_right(&mut self) -> Result<(), cartwright_app::Fault> {
        let (mut steps, mut durable) = (Vec::new(), 0);
        for (number, outcome) in (0..).zip(&self.history) {
            // Which kind of step it is follows from seed and number alone.
            match step(self.orders.seed, number, &BTreeMap::new()) {
                Step::Place { consumer, at } => steps.push((consumer, at)),
                Step::Batch { .. } if *outcome == b'T' => durable = number,
                // Dropping nothing writes nothing, so it makes nothing durable.
                Step::Batch { .. } | Step::Drop => {}
            }
        }
        for consumer in CONSUMERS {
            let found = self.sqlite.read.cursor(consumer)?;
            let was_set = |at| steps.contains(&(consumer, at));
            let least = steps
                .iter()
                .filter(|(name, at)| {
                    *name == consumer && *at <= durable && self.history[*at as usize - 1] == b'T'
                })
                .map(|(_, at)| *at)
                .max();
            assert!(
                found.is_none_or(was_set) && found >= least,
                "{consumer} stands at {found:?}, and stood at {least:?} when step {durable} was acknowledged"
            );
            match found {
                Some(at) => self.places.insert(consumer, at),
                None => self.places.remove(consumer),
            };
            for (_, at) in steps
                .iter()
                .filter(|(name, at)| *name == consumer && found < Some(*at))
            {
                say(format_args!("lost {}", at - 1));
                self.history[*at as usize - 1] = b'N';
            }
        }
        Ok(())
    }

    fn steps(&mut self) {
        let first = self.history.len() as u64;
        let end = first + self.orders.steps;
        let cut = (!self.dice.one_in(4)).then(|| first + self.dice.below(self.orders.steps));
        while (self.history.len() as u64) < end {
            if self.dice.one_in(8) {
                self.steps_under_a_read(cut, end);
            } else if let Err(failed) = self.one(cut) {
                self.looked_up(failed);
            }
        }
        self.control.off();
        self.is_sound();
        if self.dice.one_in(2) {
            self.control.plan(fault(&mut self.dice, 20));
        }
    }

    /// Some steps while somebody reads what was before them: until he ends, the WAL can be copied only in part.
    fn steps_under_a_read(&mut self, cut: Option<u64>, end: u64) {
        let (read, many) = (self.sqlite.read.clone(), 1 + self.dice.below(5));
        let (mut done, mut failed) = (false, None);
        self.is_reading = true;
        let visited = read.visit_all(&mut |_, _| {
            for _ in 0..if done { 0 } else { many } {
                if failed.is_none() && (self.history.len() as u64) < end {
                    failed = self.one(cut).err();
                }
            }
            done = true;
            Ok(())
        });
        // A fault may have ended the reading.
        drop(visited);
        self.is_reading = false;
        match failed {
            Some(failed) => self.looked_up(failed),
            None => self.agrees((self.history.len() as u64).saturating_sub(1)),
        }
    }

    /// A step and what follows. The error is a commit that failed: what became of it is to be looked up.
    fn one(&mut self, cut: Option<u64>) -> Result<(), Failed> {
        let number = self.history.len() as u64;
        self.plan(cut == Some(number));
        if self.is_shared && self.dice.one_in(5) {
            self.renew();
        }
        say(format_args!("begin {number}"));
        let (is_taken, how) = self.does(number)?;
        self.ended(number, is_taken, how);
        Ok(())
    }

    fn ended(&mut self, number: u64, is_taken: bool, how: &str) {
        self.history.push(letter(is_taken) as u8);
        say(format_args!("end {} {how}", letter(is_taken)));
        eprintln!("step {number}: {how}, {}", letter(is_taken));
        self.control.off_but_in_database_writes();
        self.agrees(number);
    }

    fn plan(&mut self, is_cut: bool) {
        if is_cut {
            let fault = fault(&mut self.dice, 30);
            self.control.plan(Fault {
                kind: Kind::PowerCut,
                ..fault
            });
        } else if self.dice.one_in(3) {
            let fault = fault(&mut self.dice, 12);
            if fault.kind != Kind::PowerCut {
                self.control.plan(fault);
            }
        }
    }

    /// A step on both. Whether it was taken, and how that was learned.
    fn does(&mut self, number: u64) -> Result<(bool, &'static str), Failed> {
        self.memory.now = now(number);
        let step = step(self.orders.seed, number, &self.memory.state);
        match &step {
            Step::Batch { .. } => self.commits(number, step),
            Step::Place { consumer, at } => {
                let set = self.sqlite.read.set_cursor(consumer, *at);
                self.control.off();
                match self.sqlite.read.cursor(consumer) {
                    Ok(found) if found == Some(*at) => {
                        self.places.insert(consumer, *at);
                        Ok((true, if set.is_ok() { "ok" } else { "found" }))
                    }
                    Ok(found) => {
                        assert!(set.is_err(), "{consumer} stands at {found:?}, not at {at}");
                        Ok((false, "failed"))
                    }
                    Err(_) => {
                        // It is looked at when the store is repaired.
                        self.is_place_open = true;
                        Ok((set.is_ok(), "unknown"))
                    }
                }
            }
            Step::Drop => {
                let dropped = self.sqlite.write.drop_kept(now(number)).is_ok();
                let in_memory = self.memory.parts.write.drop_kept(now(number));
                in_memory.expect("memory drops it");
                Ok((dropped, if dropped { "ok" } else { "failed" }))
            }
        }
    }

    fn commits(&mut self, number: u64, step: Step) -> Result<(bool, &'static str), Failed> {
        let (log, changed, kept) = self.written(&step);
        let batch = Batch {
            log: &log,
            changed: &changed,
            kept,
            now: now(number),
        };
        match self.sqlite.write.commit(&batch) {
            Ok(()) => {
                self.take(number, &step);
                Ok((true, "ok"))
            }
            Err(cartwright_app::Fault::Rejected(_)) => {
                let in_memory = self.memory.parts.write.commit(&batch);
                assert!(
                    matches!(in_memory, Err(cartwright_app::Fault::Rejected(_))),
                    "SQLite refuses what memory does not: {in_memory:?}"
                );
                Ok((false, "refused"))
            }
            Err(fault) => Err(Failed {
                number,
                step,
                fault,
            }),
        }
    }

    /// As the write loop does: once the store works again it is looked whether the batch is its last one.
    fn looked_up(&mut self, failed: Failed) {
        let Failed {
            number,
            step,
            fault,
        } = failed;
        let mut tries = 0;
        while let Err(again) = self.sqlite.write.recover() {
            eprintln!("step {number}: {fault}; not repaired: {again}");
            tries += 1;
            assert!(tries < 20, "it does not come back from {fault}: {again}");
            if tries > 3 {
                self.control.off();
            }
        }
        self.control.off();
        let is_taken = self.was_written(&step);
        if is_taken {
            self.take(number, &step);
        }
        self.ended(number, is_taken, "recovered");
    }

    /// Whether a batch is what the log ends with; one without events is known by its replies, as a client's retry finds them.
    fn was_written(&mut self, step: &Step) -> bool {
        let Step::Batch {
            id, events, kept, ..
        } = step
        else {
            return false;
        };
        if events.is_empty() {
            let index = self.sqlite.write.kept_index(Time(0));
            let index = index.expect("kept replies");
            return index.iter().any(|(hash, ..)| *hash == kept[0].hash);
        }
        let last = self.sqlite.write.last_batch().expect("the last batch");
        last.as_deref() == Some(&id[..])
    }

    #[allow(clippy::type_complexity, reason = "the parts of a batch")]
    fn written<'a>(
        &self,
        step: &'a Step,
    ) -> (proto::Batch, Vec<(Key, Option<Record>)>, &'a [Keep]) {
        let Step::Batch {
            id,
            events,
            kept,
            relay,
        } = step
        else {
            panic!("it is no batch: {step:?}");
        };
        let prepared = self.memory.prepared(events, *id);
        let place = relay.map(|at| (Key::Cursor("relay".into()), Some(Record::Count(at))));
        let mut changed = prepared.changed;
        changed.extend(place);
        (prepared.log, changed, kept)
    }

    /// Memory takes a batch that SQLite has.
    fn take(&mut self, number: u64, step: &Step) {
        self.memory.now = now(number);
        let (log, changed, kept) = self.written(step);
        let batch = Batch {
            log: &log,
            changed: &changed,
            kept,
            now: now(number),
        };
        let taken = self.memory.parts.write.commit(&batch);
        taken.expect("SQLite took it, so memory does");
        let Step::Batch { id, events, .. } = step else {
            return;
        };
        let prepared = self.memory.prepared(events, *id);
        self.memory.take(prepared);
    }

    fn take_lease(&mut self) {
        if !self.is_shared {
            return;
        }
        let found = self.sqlite.write.lease().expect("the lease");
        let beat = found.as_ref().map(|it| it.beat.to_string());
        let may_be = self.orders.leases.split_whitespace();
        assert!(
            self.orders.leases.is_empty()
                || beat.is_some_and(|beat| may_be.into_iter().any(|it| it == beat)),
            "the lease is {found:?}, and its beat was one of {}",
            self.orders.leases
        );
        let taken = Lease {
            holder: format!("life {}", self.orders.life),
            node: "test".into(),
            url: String::new(),
            pid: 1,
            epoch: found.as_ref().map_or(1, |it| it.epoch + 1),
            beat: found.as_ref().map_or(1, |it| it.beat + 1),
            ttl_ms: 10_000,
        };
        self.lease = found;
        self.swap(taken);
        assert!(self.lease.is_some(), "no lease without a fault");
    }

    fn renew(&mut self) {
        if let Some(lease) = &self.lease {
            let beat = lease.beat + 1;
            let next = Lease {
                beat,
                ..lease.clone()
            };
            self.swap(next);
        }
    }

    fn swap(&mut self, to: Lease) {
        say(format_args!("lease try {}", to.beat));
        let swapped = self.sqlite.write.swap_lease(self.lease.as_ref(), &to);
        if let Ok(swapped) = &swapped {
            assert!(
                matches!(swapped, Swap::Done),
                "{swapped:?} although the lease was {:?}: {:?}",
                self.lease,
                self.sqlite.write.lease()
            );
            say(format_args!("lease done {}", to.beat));
            self.lease = Some(to);
            return;
        }
        self.control.off();
        // The loop comes by again later; whoever looks now sees one or the other.
        let mut found = self.sqlite.write.lease();
        if found.is_err() {
            let recovered = self.sqlite.write.recover();
            recovered.expect("nothing fails any more");
            found = self.sqlite.write.lease();
        }
        let found = found.expect("the lease");
        assert!(
            found == self.lease || found.as_ref() == Some(&to),
            "{found:?}"
        );
        self.lease = found;
    }

    /// The log is whole and without a gap, and SQLite finds nothing wrong with its file.
    fn is_sound(&mut self) {
        let mut log = self.sqlite.read.log(0, usize::MAX);
        if let (Err(fault), true) = (&log, self.sqlite.write.is_in_doubt()) {
            // The copying thread met a fault at the end.
            self.repaired(&fault.to_string());
            log = self.sqlite.read.log(0, usize::MAX);
        }
        let log = log.expect("the log");
        let mut next = 1;
        for batch in &log {
            assert_eq!(batch.first_position, next, "a gap in the log");
            next += batch.entries.len() as u64;
        }
        let known = self.memory.parts.read.log(0, usize::MAX);
        assert_eq!(log, known.expect("the log"), "the log is another one");
        let file = self.orders.root.join("data").join(DATABASE_FILE);
        let connection = rusqlite::Connection::open(file).expect("the database");
        let found: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a check");
        assert_eq!(found, "ok", "the database is damaged");
    }

    /// All that can be read is the same on both; of the log its end.
    fn agrees(&mut self, number: u64) {
        let Err(found) = self.compared(number) else {
            return;
        };
        // A fault beside the loop: nobody believes the store until it is repaired, and that waits for long reads to end.
        assert!(
            self.sqlite.write.is_in_doubt() || self.sqlite.write.head().is_err(),
            "after step {number}: {found}"
        );
        if self.is_reading {
            return;
        }
        self.repaired(&found);
        let told = self.compared(number);
        told.unwrap_or_else(|found| panic!("after step {number} and a repair: {found}"));
    }

    fn compared(&mut self, number: u64) -> Result<(), String> {
        if self.sqlite.write.is_in_doubt() {
            return Err("in doubt".into());
        }
        let lossy = self.control.lossy();
        if lossy > self.lossy || self.is_place_open {
            // What did not wait for the disk may be gone, as after a cut.
            self.places_are_right().map_err(|fault| fault.to_string())?;
            (self.lossy, self.is_place_open) = (lossy, false);
        }
        let keys: Vec<_> = self.memory.state.keys().cloned().collect();
        let from = self.memory.position.saturating_sub(100);
        let ours = all(&mut self.sqlite, &keys, from, now(number));
        let ours = ours.map_err(|fault| fault.to_string())?;
        let theirs = all(&mut self.memory.parts, &keys, from, now(number));
        let mut theirs = theirs.expect("memory never fails");
        let beside = self.places.iter();
        theirs
            .places
            .extend(beside.map(|(consumer, at)| ((*consumer).into(), *at)));
        ours.differs(&theirs).map_or(Ok(()), Err)
    }

    /// What a fault left in doubt, or closed, is repaired before anything is decided, as the loop does.
    fn repaired(&mut self, after: &str) {
        self.control.off();
        let recovered = self.sqlite.write.recover();
        recovered.unwrap_or_else(|fault| panic!("not repaired after {after}: {fault}"));
    }
}

fn letter(is_taken: bool) -> char {
    if is_taken { 'T' } else { 'N' }
}
