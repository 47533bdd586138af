//! The layers, one over the other, and reading a setting from them.

use super::error::{ConfigError, Place, nearest_to};
use super::keys::{KEYS, Key, PREFIX, find};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File,
    /// An environment variable.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// Variables of our name space that are no settings: the project's own tests and load driver read them.
const NO_SETTINGS: [&str; 7] = [
    "CARTWRIGHT_TEST_",
    "CARTWRIGHT_CRASH_",
    "CARTWRIGHT_PROOF_",
    "CARTWRIGHT_SHARED",
    "CARTWRIGHT_CONFIG",
    "CARTWRIGHT_GATEWAY_SIM_",
    OF_PROVIDERS,
];

/// What the variables of payment providers begin with.
const OF_PROVIDERS: &str = "CARTWRIGHT_PAYMENT_";

/// The values in force. Every setting has one, and it is allowed.
#[derive(Debug, Clone)]
pub struct Config {
    values: BTreeMap<&'static str, (String, Source)>,
    /// Keys and secrets of payment providers, by variable.
    of_providers: BTreeMap<String, String>,
    warnings: Vec<String>,
}

/// Letters below which an admin key can be guessed.
const KEY_LETTERS: usize = 16;

/// Whether Kubernetes makes this variable, for a service whose name begins with ours (`CARTWRIGHT_SERVICE_HOST`,
/// `CARTWRIGHT_PORT_8080_TCP`).
fn is_of_kubernetes(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.contains("_PORT_")
}

impl Config {
    /// Puts the layers together. `flags` and `environment` are names with values; the file is the one of `--config` or
    /// `CARTWRIGHT_CONFIG`.
    ///
    /// # Errors
    /// [`ConfigError`]: an unknown name or a value that is not allowed, in whatever layer, even one that another covers. The variables
    /// that Kubernetes makes for a service of our name are nobody's mistake.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self::defaults();
        let environment: BTreeMap<_, _> = environment.into_iter().collect();
        let named = environment
            .get("CARTWRIGHT_CONFIG")
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        if let Some(file) = file.map(Path::to_owned).or(named) {
            config.read_file(&file)?;
        }
        config.read_environment(&environment)?;
        config.of_providers = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(OF_PROVIDERS))
            .collect();
        for (name, value) in flags {
            if let Some(key) = find(name) {
                config.set(key, format!("--{}", key.flag()), value, Source::Flag)?;
            }
        }
        config.read_key_file()?;
        config.check_together()?;
        if (1..KEY_LETTERS).contains(&config.text("admin_key").len()) {
            let warning = format!(
                "admin_key is short: one of {KEY_LETTERS} letters or more cannot be guessed"
            );
            config.warnings.push(warning);
        }
        Ok(config)
    }

    fn defaults() -> Self {
        let value = |key: &'static Key| (key.name, (key.default.to_owned(), Source::Default));
        Self {
            values: KEYS.iter().map(value).collect(),
            of_providers: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    fn set(
        &mut self,
        key: &'static Key,
        spelled: String,
        value: &str,
        source: Source,
    ) -> Result<(), ConfigError> {
        let secret = key.kind == super::Kind::Secret;
        let checked = key.kind.check(value).ok_or_else(|| ConfigError::Bad {
            name: spelled,
            layer: source,
            value: if secret {
                "(not shown)".into()
            } else {
                value.to_owned()
            },
            allowed: key.kind.allowed(),
        })?;
        self.values.insert(key.name, (checked, source));
        Ok(())
    }

    fn read_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        let not_toml = |detail: String| ConfigError::NotToml {
            file: file.to_owned(),
            detail,
        };
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| not_toml(error.to_string()))?;
        for (name, value) in table {
            let Some(key) = find(&name) else {
                let nearest = nearest_to(&name, |key| key.name.to_owned());
                return Err(ConfigError::Unknown {
                    place: Place::File(file.to_owned()),
                    name,
                    nearest,
                });
            };
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                other => other.to_string(),
            };
            self.set(key, name, &value, Source::File)?;
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), ConfigError> {
        for name in environment.keys().filter(|name| name.starts_with(PREFIX)) {
            let known =
                |key: &Key| key.variable() == *name || key.off_variable() == Some(name.clone());
            let ours = !NO_SETTINGS.iter().any(|prefix| name.starts_with(prefix));
            if ours && !is_of_kubernetes(name) && !KEYS.iter().any(known) {
                return Err(ConfigError::Unknown {
                    place: Place::Environment,
                    name: name.clone(),
                    nearest: nearest_to(name, Key::variable),
                });
            }
        }
        for key in KEYS {
            // Our own spelling counts more than the plan's.
            let names = [key.also.map(str::to_owned), Some(key.variable())];
            for name in names.into_iter().flatten() {
                if let Some(value) = environment.get(&name).filter(|value| !value.is_empty()) {
                    self.set(key, name, value, Source::Environment)?;
                }
            }
            self.read_off(key, environment)?;
        }
        Ok(())
    }

    /// `CARTWRIGHT_NO_SAMPLE`, as `--no-sample` would say.
    fn read_off(
        &mut self,
        key: &'static Key,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), ConfigError> {
        let said = key
            .off_variable()
            .and_then(|name| Some((environment.get(&name).filter(|it| !it.is_empty())?, name)));
        let Some((value, name)) = said else {
            return Ok(());
        };
        match key.kind.check(value).as_deref() {
            Some("false") => Ok(()),
            Some(_) => self.set(key, name, "false", Source::Environment),
            None => self.set(key, name, value, Source::Environment),
        }
    }

    fn read_key_file(&mut self) -> Result<(), ConfigError> {
        let file = self.path("admin_key_file");
        let Some(key) = find("admin_key").filter(|_| !file.as_os_str().is_empty()) else {
            return Ok(());
        };
        if !self.text("admin_key").is_empty() {
            return Err(ConfigError::Together(
                "admin_key and admin_key_file are both set: keep one".into(),
            ));
        }
        let text = std::fs::read_to_string(&file)
            .map_err(|source| ConfigError::KeyFile { file, source })?;
        let source = self.source("admin_key_file");
        self.set(
            key,
            "the text in admin_key_file".into(),
            text.trim(),
            source,
        )
    }

    /// What is allowed alone and not together.
    fn check_together(&self) -> Result<(), ConfigError> {
        let together = |sentence: &str| Err(ConfigError::Together(sentence.to_owned()));
        if self.is_shared() && self.whole("lock_renew_ms") * 2 > self.whole("lock_ttl_ms") {
            return together(
                "lock_renew_ms is more than half of lock_ttl_ms: renew a lease at least twice in its life, or it is lost to a short delay",
            );
        }
        if self.flag("legacy_open")
            && !self
                .address()
                .is_some_and(|address| address.ip().is_loopback())
        {
            return together(
                "legacy_open is true and listen is not a loopback address: open those routes on 127.0.0.1 only",
            );
        }
        Ok(())
    }

    fn of(&self, name: &str) -> &(String, Source) {
        self.values
            .get(name)
            .unwrap_or_else(|| unreachable!("{name} is not in the list of settings"))
    }

    /// A variable of a payment provider (`CARTWRIGHT_PAYMENT_<NAME>_KEY`).
    pub fn of_provider(&self, variable: &str) -> Option<String> {
        self.of_providers.get(variable).cloned()
    }

    /// Asks a payment provider that this process itself has started.
    pub fn use_provider(&mut self, setting: String, variables: BTreeMap<String, String>) {
        self.values.insert("payment", (setting, Source::Default));
        self.of_providers.extend(variables);
    }

    /// What is in force and yet looks wrong, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A value as text.
    pub fn text(&self, name: &str) -> &str {
        &self.of(name).0
    }

    /// A value for people: without the password of an address.
    pub fn shown(&self, name: &str) -> String {
        let value = self.text(name);
        let password = value.split_once("://").and_then(|(_, rest)| {
            let (user, _) = rest.split_once('@')?;
            user.split_once(':').map(|(_, password)| password)
        });
        match password {
            Some(password) if !password.is_empty() => {
                value.replacen(&format!(":{password}@"), ":***@", 1)
            }
            _ => value.to_owned(),
        }
    }

    /// Whether other processes may use the same state, each with leases.
    pub fn is_shared(&self) -> bool {
        self.is_postgres() || self.flag("locks_enabled")
    }

    /// Whether state is kept in PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.text("database").starts_with("postgres://")
    }

    /// Where a value comes from.
    pub fn source(&self, name: &str) -> Source {
        self.of(name).1
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> i64 {
        self.text(name)
            .parse()
            .unwrap_or_else(|_| unreachable!("{name} is no whole number"))
    }

    /// A whole number that counts or measures something in memory.
    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.whole(name)).unwrap_or(usize::MAX)
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// A path.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }

    /// Where to listen; the first of several addresses of a name.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        std::net::ToSocketAddrs::to_socket_addrs(self.text("listen"))
            .ok()
            .and_then(|mut found| found.next())
    }
}
