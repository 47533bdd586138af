//! `cartwright openapi`: the document that is generated from the routes.

pub(super) fn run() -> anyhow::Result<()> {
    let document = cartwright_api::http::openapi::document();
    super::show(&format!("{document:#}\n"))
}
