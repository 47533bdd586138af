//! Why settings cannot be used: one sentence each that says what to do.

use super::keys::KEYS;
use super::layers::Source;
use std::path::PathBuf;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentences say it; fields are what they name"
)]
pub enum ConfigError {
    #[error("the configuration file {file} cannot be read: {source}")]
    Unreadable {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("the configuration file {file} is not TOML: {detail}")]
    NotToml { file: PathBuf, detail: String },
    #[error("{place} has the unknown setting `{name}`{}", suggestion(.nearest.as_deref()))]
    Unknown {
        place: Place,
        name: String,
        nearest: Option<String>,
    },
    #[error("{name} ({layer}) is `{value}` and must be {allowed}")]
    Bad {
        name: String,
        layer: Source,
        value: String,
        allowed: String,
    },
    #[error("the key file {file} (admin_key_file) cannot be read: {source}")]
    KeyFile {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Together(String),
}

/// Where an unknown name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    File(PathBuf),
    /// In the environment.
    Environment,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(f, "the configuration file {}", file.display()),
            Self::Environment => f.write_str("the environment"),
        }
    }
}

fn suggestion(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; `cartwright config reference` lists all settings".into(),
    }
}

/// The known name that is most like this one, if one is like it at all.
pub(super) fn nearest_to(name: &str, spelled: impl Fn(&super::Key) -> String) -> Option<String> {
    let likeness =
        |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase());
    let known = KEYS
        .iter()
        .map(spelled)
        .map(|known| (likeness(&known), known));
    let best = known.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.75)
        .map(|(_, known)| known)
}
