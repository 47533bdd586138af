//! Lists: `{"items": [...], "next_cursor": ...}`.

use super::endpoint::{Call, Reply};
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

/// 200 with a page of the list that was called.
pub(super) fn page<T: Serialize>(call: &Call, items: Vec<T>, next: &Cursor) -> Reply {
    Reply::of(&PageOf {
        items,
        next_cursor: call.cursor_text(next),
    })
}
