//! Logs: one line an event on standard error, as text or as JSON.

use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Starts logging; once a process.
///
/// # Errors
/// When the filter (a level, or directives like those of `RUST_LOG`) cannot be understood.
pub fn start(filter: &str, json: bool) -> Result<(), ParseError> {
    // The search library tells at `info` what interests only its authors.
    let filter = EnvFilter::builder().parse(format!("tantivy=warn,{filter}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // Somebody else's subscriber may be there already, in a test: then that one stays.
    if json {
        drop(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .try_init(),
        );
    } else {
        drop(
            lines
                .with_ansi(io::stderr().is_terminal())
                .with_target(false)
                .try_init(),
        );
    }
    Ok(())
}
