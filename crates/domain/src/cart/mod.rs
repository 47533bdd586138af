//! Carts: what somebody wants to buy. A line promises nothing: the hold at checkout decides.
//!
//! A file per decision. Each takes the loaded cart, a request, what the catalogue says now ([`Goods`]) and the shop's
//! [`Rules`], and returns the one event that follows, none when nothing changes, or a refusal.

mod add;
#[allow(
    clippy::module_inception,
    reason = "the noun and its central type share the field's word"
)]
mod cart;
mod change;
mod clear;
mod create;
mod delete;
mod draft;
mod expire;
mod goods;
mod limits;
mod line;
mod merge;
mod metadata;
mod patch;
mod remove;
mod replace;
mod steps;
mod stored;
mod totals;
mod update;

#[cfg(test)]
mod histories;
#[cfg(test)]
pub(crate) mod samples;

pub use add::{Add, add, add_many};
pub use cart::{Cart, Created, Event, ExternalUser, LinesChanged, State, Updated};
pub use change::{Amount, ChangeLine, change};
pub use clear::clear;
pub use create::{Create, create};
pub use delete::delete;
pub use expire::{expire, purge};
pub use goods::{Goods, Offer};
pub use limits::{MERGED_LINES, MERGED_METADATA_BYTES, MERGED_QUANTITY, Rules};
pub use line::{BadLineId, Line, LineId};
pub use merge::{Merged, Strategy, merge};
pub use metadata::Metadata;
pub use patch::Patch;
pub use remove::{remove, remove_many};
pub use replace::replace;
pub use steps::{STEPS, Step};
pub use totals::{
    About, Change, Explanation, PricedCart, PricedLine, Reason, Totals, explain, price,
};
pub use update::{Update, update};
