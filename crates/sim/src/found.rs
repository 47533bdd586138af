//! What does not hold, as soon as somebody sees it.

use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Findings of one run that are told; more say nothing new.
const TOLD_MAX: usize = 20;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which, by its stable name.
    pub invariant: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.seen)
    }
}

/// Collects violations from everywhere in a world. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found(Arc<Mutex<Vec<Violation>>>);

impl Found {
    pub(crate) fn must(&self, invariant: &'static str, holds: bool, seen: impl FnOnce() -> String) {
        if !holds {
            let mut found = self.0.lock();
            if found.len() < TOLD_MAX {
                let seen = seen();
                found.push(Violation { invariant, seen });
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(crate) fn all(&self) -> Vec<Violation> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use cartwright_domain::invariants::ALL;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Names in the sources below a directory: the first argument of `must`.
    fn used(below: &Path, names: &mut BTreeSet<String>) {
        for file in std::fs::read_dir(below).expect("sources") {
            let path = file.expect("a file").path();
            if path.is_dir() {
                used(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap_or_default();
            for call in text.split(concat!(".must", "(")).skip(1) {
                let Some(name) = call.trim_start().strip_prefix('"') else {
                    continue;
                };
                names.extend(name.split('"').next().map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_invariant_has_its_name_in_the_one_list() {
        let known: BTreeSet<_> = ALL.iter().map(|it| it.name.to_owned()).collect();
        let mut names = BTreeSet::new();
        used(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut names,
        );
        let used = names;
        assert!(used.len() > 20, "{used:?}");
        assert_eq!(&used - &known, BTreeSet::new());
    }
}
