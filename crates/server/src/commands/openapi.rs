//! `cartwright openapi`: the document, and the who-may-call table, that are generated from the routes.

use cartwright_api::http::openapi::{document, who_may_call};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cartwright openapi > openapi.json
  cartwright openapi --who                   which key may call what")]
pub(super) struct OpenapiArgs {
    /// Print who may call each route, as a Markdown table.
    #[arg(long)]
    who: bool,
}

pub(super) fn run(args: &OpenapiArgs) -> anyhow::Result<()> {
    let text = if args.who {
        who_may_call()
    } else {
        format!("{:#}\n", document())
    };
    super::show(&text)
}
