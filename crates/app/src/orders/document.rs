//! Numbers of invoices and credit notes.

use crate::nouns::Key;
use std::fmt;
use std::str::FromStr;

/// Which kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// What was paid.
    Invoice,
    /// What is paid back.
    CreditNote,
}

impl DocumentKind {
    /// Both, in the order of lists.
    pub const ALL: [Self; 2] = [Self::Invoice, Self::CreditNote];

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }

    /// From its spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The document of this kind with a number.
    pub fn numbered(self, number: u64) -> DocumentNumber {
        DocumentNumber { kind: self, number }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Invoice => "INV-",
            Self::CreditNote => "CN-",
        }
    }
}

/// The number of a document: `INV-000001`, `CN-000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber {
    /// Which kind of document.
    pub kind: DocumentKind,
    /// From 1, without gaps.
    pub number: u64,
}

impl DocumentNumber {
    /// What finds its order.
    pub fn key(self) -> Key {
        match self.kind {
            DocumentKind::Invoice => Key::Invoice(self.number),
            DocumentKind::CreditNote => Key::CreditNote(self.number),
        }
    }
}

impl fmt::Display for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:06}", self.kind.prefix(), self.number)
    }
}

/// A text is no number of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the number of a document")]
pub struct BadNumber;

impl FromStr for DocumentNumber {
    type Err = BadNumber;

    fn from_str(text: &str) -> Result<Self, BadNumber> {
        let found = DocumentKind::ALL.into_iter().find_map(|kind| {
            let number = text.strip_prefix(kind.prefix())?.parse().ok()?;
            Some(kind.numbered(number))
        });
        // One document has one spelling.
        found
            .filter(|found| found.to_string() == text && i64::try_from(found.number).is_ok())
            .ok_or(BadNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (text, kind, number) in [
            ("INV-000001", DocumentKind::Invoice, 1),
            ("CN-1234567", DocumentKind::CreditNote, 1_234_567),
        ] {
            assert_eq!(text.parse(), Ok(kind.numbered(number)));
            assert_eq!(kind.numbered(number).to_string(), text);
        }
        for text in [
            "INV-1",
            "INV-0000001",
            "inv-000001",
            "CN-",
            "CN-+00001",
            "1",
        ] {
            assert_eq!(text.parse::<DocumentNumber>(), Err(BadNumber), "{text}");
        }
        assert!(DocumentKind::Invoice.numbered(9) < DocumentKind::CreditNote.numbered(1));
    }
}
