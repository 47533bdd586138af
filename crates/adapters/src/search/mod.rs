//! Product search: one ranking, two technologies.
//!
//! Ranking is by rules over the document alone (which field, how exactly), not by statistics of the
//! collection. So a product's place never moves because others changed, cursors stay valid, and the
//! naive [`MemorySearch`] is an exact reference for the indexed [`TantivySearch`].

mod cursor;
mod facets;
mod memory;
mod ranking;
mod tantivy;
mod words;

pub use memory::MemorySearch;
pub use tantivy::TantivySearch;
