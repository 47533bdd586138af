//! Where a page ended, as an opaque text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_app::ports::search::{SearchFault, SearchQuery, SearchSort};
use smol_str::SmolStr;

use super::ranking::{Plan, Rank};

/// The last product of a page: its key in the order, and how the words were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) plan: Plan,
    pub(crate) rank: Rank,
    pub(crate) id: SmolStr,
}

impl Cursor {
    /// The cursor that the query carries, if any.
    pub(crate) fn of(query: &SearchQuery) -> Result<Option<Self>, SearchFault> {
        let Some(text) = &query.after else {
            return Ok(None);
        };
        Self::decode(query, text)
            .map(Some)
            .ok_or(SearchFault::BadCursor)
    }

    pub(crate) fn encode(&self, query: &SearchQuery) -> String {
        let fields = (fingerprint(query), self.plan.bits(), &self.rank, &self.id);
        let json = serde_json::to_vec(&fields).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }

    fn decode(query: &SearchQuery, text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (print, plan, rank, id): (u32, u32, Rank, SmolStr) =
            serde_json::from_slice(&json).ok()?;
        let by_text = matches!(rank, Rank::Text(_));
        let fits = by_text == (query.sort == SearchSort::Name);
        (fits && print == fingerprint(query)).then(|| Self {
            plan: Plan::from_bits(plan),
            rank,
            id,
        })
    }
}

/// A hash of all that decides which products come in which order. FNV-1a: the same on all processes
/// and versions, and no secret.
fn fingerprint(query: &SearchQuery) -> u32 {
    let SearchQuery {
        q,
        category,
        brand,
        price_min,
        price_max,
        currency,
        in_stock,
        options,
        sort,
        limit: _,
        after: _,
    } = query;
    let text = format!(
        "{:?}",
        (
            q, category, brand, price_min, price_max, currency, in_stock, options, sort
        )
    );
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
