//! `cartwright openapi`: the document that is generated from the routes.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

pub(super) fn run() -> anyhow::Result<()> {
    println!("{:#}", cartwright_api::http::openapi::document());
    Ok(())
}
