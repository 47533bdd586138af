//! What SQLite's errors mean for the shop.

use cartwright_app::Fault;
use rusqlite::{Error, ErrorCode};

/// A constraint or a limit that the values break is the batch's own fault; a damaged file needs an operator; all else may pass.
pub(super) fn fault(error: Error) -> Fault {
    match &error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::ConstraintViolation | ErrorCode::TooBig => {
                Fault::Rejected(error.to_string())
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::corrupt(error),
            _ => Fault::Unavailable(error.to_string()),
        },
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..) => Fault::corrupt(error),
        _ => Fault::Unavailable(error.to_string()),
    }
}

/// What an error says of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// Nothing: somebody was first, or the values were wrong.
    None,
    /// There is no space left; what was there is there.
    Full,
    /// The disk failed, and may have lost what it was given.
    Lost,
}

/// The words are those of `sqlite3_errstr` for `SQLITE_FULL` and `SQLITE_IOERR`.
pub(super) fn harm(fault: &Fault) -> Harm {
    match fault {
        Fault::Corrupt(_) => Harm::Lost,
        Fault::Unavailable(text) if text.starts_with("disk I/O error") => Harm::Lost,
        Fault::Unavailable(text) if text.starts_with("database or disk is full") => Harm::Full,
        _ => Harm::None,
    }
}
