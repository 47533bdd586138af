//! `cartwright completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cartwright completions bash > /etc/bash_completion.d/cartwright")]
pub(super) struct CompletionsArgs {
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) {
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "cartwright",
        &mut std::io::stdout(),
    );
}
