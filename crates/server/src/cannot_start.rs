//! A refusal to start, as opposed to a failure on the way.

/// One sentence that says what is the matter and what to do. The command exits with 2 and has changed nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotStart(pub String);

impl CannotStart {
    /// From whatever says it.
    pub fn because(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}
