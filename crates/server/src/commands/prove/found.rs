//! What was looked at, how often, and what did not hold.

use cartwright_domain::invariants::Invariant;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Violations of one invariant that are told one by one; further ones are counted.
const TOLD_MAX: u64 = 5;

/// An invariant that did not hold.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Violation {
    /// Which, by its name.
    pub(super) invariant: &'static str,
    /// What that says.
    pub(super) says: &'static str,
    /// In which trial.
    pub(super) trial: &'static str,
    /// In which of its rounds, from 1.
    pub(super) round: u64,
    pub(super) expected: String,
    pub(super) seen: String,
    /// What to look at.
    pub(super) ids: Vec<String>,
}

/// What makes a violation worth reading.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    expected: String,
    seen: String,
    ids: Vec<String>,
}

/// What was expected, and what was seen instead.
pub(super) fn instead(expected: impl Into<String>, seen: impl Into<String>) -> Evidence {
    Evidence {
        expected: expected.into(),
        seen: seen.into(),
        ids: Vec::new(),
    }
}

impl Evidence {
    /// Where to look.
    pub(super) fn at<T: ToString>(mut self, ids: impl IntoIterator<Item = T>) -> Self {
        self.ids.extend(ids.into_iter().map(|it| it.to_string()));
        self
    }
}

/// How often an invariant was looked at, and how often it did not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) checked: u64,
    pub(super) broken: u64,
}

#[derive(Debug, Default)]
struct Inner {
    tallies: BTreeMap<&'static str, Tally>,
    violations: Vec<Violation>,
}

/// Collects from everywhere.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<Inner>);

impl Found {
    /// Takes one look down.
    pub(super) fn note(
        &self,
        (trial, round): (&'static str, u64),
        invariant: Invariant,
        violated: Option<Evidence>,
    ) {
        let mut inner = self.lock();
        let tally = inner.tallies.entry(invariant.name).or_default();
        tally.checked += 1;
        let Some(evidence) = violated else {
            return;
        };
        tally.broken += 1;
        if tally.broken <= TOLD_MAX {
            inner.violations.push(Violation {
                invariant: invariant.name,
                says: invariant.says,
                trial,
                round,
                expected: evidence.expected,
                seen: evidence.seen,
                ids: evidence.ids,
            });
        }
    }

    /// Violations that are told.
    pub(super) fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// By name.
    pub(super) fn tally(&self, invariant: Invariant) -> Tally {
        let inner = self.lock();
        inner
            .tallies
            .get(invariant.name)
            .copied()
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks that may be taken again before they count: what has to become true within a time.
#[derive(Debug, Default)]
pub(super) struct Looks(Vec<(Invariant, Option<Evidence>)>);

impl Looks {
    pub(super) fn must(
        &mut self,
        invariant: Invariant,
        holds: bool,
        evidence: impl FnOnce() -> Evidence,
    ) {
        self.0.push((invariant, (!holds).then(evidence)));
    }

    /// Whether all of it holds.
    pub(super) fn hold(&self) -> bool {
        self.0.iter().all(|(_, violated)| violated.is_none())
    }

    pub(super) fn into_all(self) -> Vec<(Invariant, Option<Evidence>)> {
        self.0
    }
}
