//! What of a level has no column of its own.

use super::encode;
use cartwright_app::Fault;
use cartwright_domain::ReservationId;
use cartwright_domain::inventory::{Level, Settings, Shortage};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Settings, who waits, and what is short.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::store) struct More<'a> {
    #[serde(default)]
    pub(in crate::store) settings: Settings,
    #[serde(default)]
    pub(in crate::store) waiting: Cow<'a, [(ReservationId, i64)]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) shortage: Option<Shortage>,
}

/// The column `more` of a level; `None` when there is nothing to say.
pub(in crate::store) fn more<'j>(
    json: &'j mut Vec<u8>,
    level: &Level,
) -> Result<Option<&'j str>, Fault> {
    let plain = level.waiting.is_empty()
        && level.settings == Settings::default()
        && level.shortage.is_none();
    if plain {
        return Ok(None);
    }
    let more = More {
        settings: level.settings,
        waiting: level.waiting.as_slice().into(),
        shortage: level.shortage,
    };
    encode(json, &more).map(Some)
}

/// What the column says.
pub(in crate::store) fn read(more: Option<&str>) -> serde_json::Result<More<'static>> {
    more.map_or_else(|| Ok(More::default()), serde_json::from_str)
}
