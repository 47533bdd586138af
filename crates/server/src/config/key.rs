//! What a setting is.

use super::kind::Kind;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file; with dashes the flag, in capitals after `CARTWRIGHT_` the variable.
    pub name: &'static str,
    /// Another variable that sets it: the spelling of the store inventory plan.
    pub also: Option<&'static str>,
    /// What it may be.
    pub kind: Kind,
    /// What it is when nobody sets it.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// A setting of ours.
pub(super) const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        also: None,
        kind,
        default,
        meaning,
    }
}

/// One that the store inventory plan spells too.
pub(super) const fn plan(
    name: &'static str,
    also: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        also: Some(also),
        kind,
        default,
        meaning,
    }
}

impl Key {
    /// Its flag, without the dashes in front.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// The variable that switches it off, of one that is on or off.
    pub fn off_variable(&self) -> Option<String> {
        let name = || format!("{PREFIX}NO_{}", self.name.to_ascii_uppercase());
        (self.kind == Kind::Flag).then(name)
    }
}

/// What our environment variables begin with.
pub const PREFIX: &str = "CARTWRIGHT_";
