//! `cartwright config`: the settings in force, and the reference of all.

use cartwright_server::CannotStart;
use cartwright_server::config::{Config, Flags, reference, shown};
use clap::{Args, Subcommand};

/// Show the settings in force, or the reference of all settings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright config show                     what is in force here, and where each value comes from
  cartwright config show --config shop.toml --json
  cartwright config reference                Markdown of every setting")]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The values in force, without secrets, and where each comes from.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Every setting as a Markdown page.
    Reference,
}

pub(super) fn run(args: ConfigArgs) -> anyhow::Result<()> {
    let (json, flags) = match args.what {
        What::Reference => {
            return super::show(&reference());
        }
        What::Show { json, flags } => (json, flags),
    };
    let config = Config::load(flags.file.as_deref(), std::env::vars(), &flags.set)
        .map_err(CannotStart::because)?;
    let values = shown(&config);
    if json {
        let value = |(name, value, source): &(&'static str, String, String)| {
            (
                (*name).to_owned(),
                serde_json::json!({"value": value, "source": source}),
            )
        };
        let values = serde_json::Value::Object(values.iter().map(value).collect());
        return super::show(&format!("{values}\n"));
    }
    let line = |(name, value, source): &(&'static str, String, String)| {
        format!("{name:<26} {value:<28} {source}\n")
    };
    super::show(&values.iter().map(line).collect::<String>())
}
