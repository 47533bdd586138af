//! The catalogue: commands on products, and the reads that show them.

mod archive;
mod create;
mod import;
mod names;
mod patch;
mod price;
mod reads;
mod rehearse;

pub use archive::ArchiveProduct;
pub use create::CreateProduct;
pub use import::{ImportProduct, Tally};
pub use patch::{Change, PatchProduct};
pub use price::SetPrice;
pub use reads::{
    Filter, find_product, find_product_of, list_products, peek_product, peek_product_of,
};
pub use rehearse::rehearse;

use crate::nouns::{Event, Key};
use crate::shop::Decided;
use crate::work::{Stop, Work};
use cartwright_domain::catalog::{self, Product};
use cartwright_domain::{ProductId, Refusal};
use std::sync::Arc;

fn require_product<'a>(work: &'a Work, id: &ProductId) -> Result<&'a Arc<Product>, Stop> {
    Ok(work
        .product(id)?
        .ok_or_else(|| Refusal::not_found("product", id))?)
}

/// One event of one product, or none, answered with the product.
fn answer(id: ProductId, event: Option<catalog::Event>, created: bool) -> Decided {
    let events = event.map(|event| Event::Product(id.clone(), event));
    Decided {
        events: events.into_iter().collect(),
        answer: Key::Product(id),
        created,
    }
}
