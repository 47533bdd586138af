//! The flags of a command, made from the list of settings.

use super::keys::{KEYS, Key};
use super::kind::Kind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;

/// What the command line says of the settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// Settings by name.
    pub set: Vec<(&'static str, String)>,
}

/// Secrets have no flag: every user of the machine sees command lines.
fn with_flag() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.kind != Kind::Secret)
}

fn no(key: &Key) -> String {
    format!("no-{}", key.flag())
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Whole { .. } => "N",
        Kind::Ratio => "RATIO",
        Kind::Flag => "BOOL",
        Kind::Choice(_) => "WORD",
        Kind::Engine { .. } => "URL",
        Kind::Text | Kind::Secret => "TEXT",
        Kind::Path => "PATH",
        Kind::Address => "HOST:PORT",
        Kind::Peer => "URL",
        Kind::Roles => "ROLES",
        Kind::RolePeers => "ROLE=URL",
        Kind::Currency => "CURRENCY",
        Kind::Country => "COUNTRY",
        Kind::Rates => "RATES",
        Kind::Bus => "URL",
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("Read settings from this TOML file [env: CARTWRIGHT_CONFIG]");
        let mut command = command.arg(config.value_parser(clap::value_parser!(PathBuf)));
        for key in with_flag() {
            let arg = Arg::new(key.name).long(key.flag());
            let shown = if key.default.is_empty() {
                String::new()
            } else {
                format!(" [default: {}]", key.default)
            };
            let help = format!("{}{shown}", key.meaning);
            if key.kind == Kind::Flag {
                let off = Arg::new(no(key))
                    .long(no(key))
                    .action(ArgAction::SetTrue)
                    .overrides_with(key.name)
                    .hide(true);
                let on = arg
                    .help(help)
                    .value_name("BOOL")
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true");
                command = command.arg(on.overrides_with(no(key))).arg(off);
            } else {
                command = command.arg(arg.help(help).value_name(value_name(key.kind)));
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one("config").cloned();
        for key in with_flag() {
            if let Some(value) = matches.get_one::<String>(key.name) {
                self.set.push((key.name, value.clone()));
            } else if key.kind == Kind::Flag && matches.get_flag(&no(key)) {
                self.set.push((key.name, "false".to_owned()));
            }
        }
        Ok(())
    }
}
