//! Settings: defaults < file (TOML) < environment < flags. What is not known is refused with the nearest that is;
//! of a variable that is not known there is a warning.

mod buying;
mod error;
mod flags;
mod key;
mod keys;
mod kind;
mod layers;
mod reference;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use flags::Flags;
pub use keys::{KEYS, Key, PREFIX, find};
pub use kind::Kind;
pub use layers::{Config, Source};
pub use reference::{reference, shown};
