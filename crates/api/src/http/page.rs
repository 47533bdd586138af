//! Lists: `{"items": [...], "next_cursor": ...}`.

use super::endpoint::Reply;
use super::query::cursor_text;
use cartwright_app::ports::Cursor;
use schemars::JsonSchema;
use serde::Serialize;

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PageOf<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// `?cursor=` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// 200 with a page.
pub(super) fn page<T: Serialize>(items: Vec<T>, next: &Cursor) -> Reply {
    Reply::of(&PageOf {
        items,
        next_cursor: cursor_text(next),
    })
}
