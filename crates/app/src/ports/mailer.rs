//! The port of mail: somebody who takes a letter and sees that it arrives.

use std::fmt::Debug;

/// A letter in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The same for the same letter, however often it is handed over: who receives it twice knows by it.
    pub message_id: String,
    /// The request that led to it, sent along as `Correlation-Id`; empty when that is not known.
    pub correlation: String,
    /// To whom.
    pub to: String,
    /// In one line.
    pub subject: String,
    /// Lines of text.
    pub text: String,
}

impl Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.message_id)
    }
}

/// Why a letter was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It never will be: the address is none, or the other side refuses it for good.
    #[error("the letter is refused: {0}")]
    Refused(String),
    /// Not now. Whether it was taken all the same may be unknown.
    #[error("the mail server does not take it now: {0}")]
    Unavailable(String),
}

/// Sends letters. Blocks, on a thread of the caller's.
pub trait Mailer: Debug + Send + Sync {
    /// Hands a letter over. `Ok` means that the mail server has it.
    fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
