//! The options of commands that work on a data directory by themselves.

use cartwright_server::CannotStart;
use cartwright_server::config::Config;
use clap::Args;
use std::path::PathBuf;

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub(super) struct DataDir {
    /// The data directory [default: the one of the settings]
    #[arg(long, global = true, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL instead of a file in the data directory [default: the one of the settings]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Read settings from this TOML file [env: CARTWRIGHT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DataDir {
    /// The settings with this data directory.
    pub(super) fn config(&self) -> Result<Config, CannotStart> {
        let given = self
            .data_dir
            .as_ref()
            .map(|dir| ("data_dir", dir.display().to_string()));
        let database = self.database.clone().map(|url| ("database", url));
        let flags: Vec<_> = given.into_iter().chain(database).collect();
        Config::load(self.config.as_deref(), std::env::vars(), &flags).map_err(CannotStart::because)
    }

    /// For commands that look and do not make: the database must be there already.
    pub(super) fn must_exist(&self, config: &Config) -> Result<(), CannotStart> {
        if config.is_postgres() {
            return Ok(());
        }
        let dir = config.path("data_dir");
        let database = dir.join(cartwright_adapters::store::sqlite::DATABASE_FILE);
        if database.exists() {
            return Ok(());
        }
        Err(CannotStart(format!(
            "there is no database in {}: name the directory with --data-dir",
            dir.display()
        )))
    }
}
