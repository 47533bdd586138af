//! What PostgreSQL's errors mean for the shop.

use cartwright_app::Fault;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What the fence raises: the session has no right to write any more.
pub(super) const NO_LEASE: &str = "CW001";

/// Values that break a constraint or a type are the batch's own fault; damage needs an operator; all else may pass.
pub(super) fn fault(error: Error) -> Fault {
    let Some(said) = error.as_db_error() else {
        return Fault::Unavailable(spelled(&error));
    };
    let text = || match said.constraint() {
        Some(constraint) => format!("{} ({constraint})", said.message()),
        None => said.message().to_owned(),
    };
    match said.code().code() {
        NO_LEASE => Fault::NoLease,
        "XX001" | "XX002" => Fault::corrupt(text()),
        // Integrity constraints, values out of range, limits of the program.
        code if ["22", "23", "54"].contains(&&code[..2]) => Fault::Rejected(text()),
        code => Fault::Unavailable(format!("{} ({code})", text())),
    }
}

/// An error and what it comes from: its own text hides the cause.
pub(super) fn spelled(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        let more = it.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = it.source();
    }
    text
}

/// Whether PostgreSQL gave the transaction up for another's sake, and it may be tried again as it is.
pub(super) fn is_passing(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code)
    })
}

/// Whether a lock was not to be had in time.
pub(super) fn is_busy(error: &Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}
