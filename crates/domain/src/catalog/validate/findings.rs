//! The errors found so far.

use super::MAX_TEXT;
use crate::Refusal;
use crate::refusal::FieldError;
use std::collections::HashSet;
use std::fmt::Arguments;
use std::hash::Hash;

/// Most errors that are reported at once.
const MAX_ERRORS: usize = 100;

/// Errors by field. Paths are formatted only when something is wrong.
#[derive(Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    pub(super) fn add(&mut self, at: Arguments<'_>, code: &'static str, detail: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError {
                field: at.to_string(),
                code,
                detail: detail.into(),
            });
        }
    }

    /// A text of one line that says something.
    pub(super) fn text(&mut self, at: Arguments<'_>, text: &str) {
        if text.trim().is_empty() {
            self.add(
                at,
                "required",
                format!("1-{MAX_TEXT} characters that are not all spaces"),
            );
        } else if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT {
            self.add(at, "too_long", format!("at most {MAX_TEXT} characters"));
        }
        if !text.chars().all(is_plain) {
            self.add(at, "control_character", "no control characters");
        }
    }

    pub(super) fn at_most(&mut self, at: Arguments<'_>, count: usize, max: usize) {
        if count > max {
            self.add(at, "too_many", format!("at most {max}"));
        }
    }

    pub(super) fn within(&mut self, at: Arguments<'_>, value: i64, min: i64, max: i64) {
        if !(min..=max).contains(&value) {
            self.add(at, "out_of_range", format!("{min} to {max}"));
        }
    }

    pub(super) fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid { errors: self.0 })
        }
    }
}

/// Whether a letter may stand in a text of one line.
pub(super) fn is_plain(letter: char) -> bool {
    !letter.is_control()
}

/// The places of items that stood before already.
pub(super) fn repeated<T: Hash + Eq>(items: impl IntoIterator<Item = T>) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut places = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        if !seen.insert(item) {
            places.push(place);
        }
    }
    places
}
