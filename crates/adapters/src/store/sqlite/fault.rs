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
