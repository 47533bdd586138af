//! What a trial stands on: the shop, its own names there, its share of the time, and where to note what it saw.

use super::caller::{Ask, Caller, Reply};
use super::found::{Evidence, Found, Looks};
use super::gateway::Gateway;
use super::goods::{Goods, Status};
use super::ground::Ground;
use super::own::Own;
use super::plan::Random;
use super::progress::Progress;
use cartwright_domain::invariants::Invariant;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Once something did not become true in time, its trial waits for so long at most.
const PATIENCE_THEN: Duration = Duration::from_secs(3);
/// Violations after which a trial ends: more of them say nothing new.
const VIOLATIONS_MAX: u64 = 20;
/// The longest rest between two rounds on a shop that others use, too.
const REST_MAX: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One trial's stage.
pub(super) struct Stage<'a> {
    pub(super) shop: &'a Caller,
    pub(super) ground: &'a Ground,
    /// The simulated provider, where its books can be read.
    pub(super) gateway: Option<&'a Gateway>,
    /// The embedded shop: it may be killed.
    pub(super) own: Option<&'a tokio::sync::Mutex<Own>>,
    /// What purchases are paid with.
    pub(super) card: &'a str,
    pub(super) trial: &'static str,
    pub(super) seed: u64,
    pub(super) found: &'a Found,
    pub(super) progress: &'a Progress,
    pub(super) until: Instant,
    /// How long what has to become true may take.
    pub(super) patience: Duration,
    pub(super) rounds: AtomicU64,
    pub(super) violations: AtomicU64,
    pub(super) counts: Mutex<Vec<(&'static str, u64)>>,
    /// When the round that runs was begun.
    pub(super) begun: Mutex<Option<Instant>>,
    /// Whether something did not become true in time.
    pub(super) is_late: AtomicBool,
}

impl Stage<'_> {
    /// What the next round draws from, while there is time; there is always time for one. A shop that others use, too, is left
    /// alone between rounds for as long as the last one took.
    pub(super) async fn next_round(&self) -> Option<Random> {
        let done = self.rounds.load(Ordering::Relaxed);
        self.progress.shows(self.trial, done);
        let last = self.begun().replace(Instant::now());
        if let (Some(last), None) = (last, self.own) {
            tokio::time::sleep(last.elapsed().min(REST_MAX)).await;
        }
        let is_enough = self.violations.load(Ordering::Relaxed) > VIOLATIONS_MAX;
        if done > 0 && (is_enough || Instant::now() >= self.until) {
            return None;
        }
        *self.begun() = Some(Instant::now());
        self.rounds.store(done + 1, Ordering::Relaxed);
        Some(Random::of_round(self.seed, self.trial, done + 1))
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The round that runs, from 1.
    pub(super) fn round(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Counts what was tried.
    pub(super) fn count(&self, what: &'static str, how_many: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += how_many,
            None => counts.push((what, how_many)),
        }
    }

    /// What must hold; the evidence is made only if it does not.
    pub(super) fn must(
        &self,
        invariant: Invariant,
        holds: bool,
        evidence: impl FnOnce() -> Evidence,
    ) {
        self.note(invariant, (!holds).then(evidence));
    }

    /// Takes down how looks were.
    pub(super) fn notes(&self, looks: Looks) {
        for (invariant, violated) in looks.into_all() {
            self.note(invariant, violated);
        }
    }

    fn note(&self, invariant: Invariant, violated: Option<Evidence>) {
        let broken = u64::from(violated.is_some());
        self.violations.fetch_add(broken, Ordering::Relaxed);
        let at = (self.trial, self.round());
        self.found.note(at, invariant, violated);
    }

    /// What must become true soon: looked at until it is, and noted as it is then.
    ///
    /// # Errors
    /// When the shop gives no answer.
    pub(super) async fn must_become(
        &self,
        look: impl AsyncFn(&mut Looks) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let mut looks = Looks::default();
            look(&mut looks).await?;
            let patience = match self.is_late.load(Ordering::Relaxed) {
                false => self.patience,
                true => self.patience.min(PATIENCE_THEN),
            };
            if looks.hold() || begun.elapsed() > patience {
                self.is_late.fetch_or(!looks.hold(), Ordering::Relaxed);
                self.notes(looks);
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A name that nobody has used before, within this run.
    pub(super) fn name(&self, word: &str) -> String {
        self.ground.name(word)
    }

    /// Something of this trial's own to sell.
    ///
    /// # Errors
    /// When the shop refuses it.
    pub(super) async fn goods(&self, word: &str, status: Status) -> anyhow::Result<Goods> {
        Goods::make(self.shop, self.ground, word, status).await
    }

    /// Sends a write under a key of its own.
    ///
    /// # Errors
    /// When there is no reply.
    pub(super) async fn write(&self, ask: Ask) -> anyhow::Result<Reply> {
        let ask = ask.key(self.ground.key());
        self.shop.send(&ask).await
    }
}

/// Numbers of a reply; -1 for what is none, which no figure of a shop ever is.
pub(super) fn whole(value: &serde_json::Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}
