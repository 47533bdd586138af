//! Products and their variants: what is sold, for how much, within which limits.
//!
//! A client's words become a [`Draft`], which cannot be wrong; a decision takes the loaded product and a draft and
//! returns an [`Event`], nothing when nothing changes, or a [`Refusal`](crate::Refusal).

mod archive;
mod create;
mod draft;
mod import;
mod patch;
mod product;
mod set_price;
mod slug;
mod validate;

pub use archive::archive;
pub use create::{Create, Owned, claim, create};
pub use draft::Draft;
pub use import::{Import, StockOf, import};
pub use patch::{patch, removed_skus};
pub use product::{
    Dimensions, Event, Limits, OptionValues, Product, ProductData, Status, Variant, VariantData,
};
pub use set_price::{check_price, set_price};
pub use slug::slug_candidates;
pub use validate::{
    MAX_AMOUNT, MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTE_DEPTH, MAX_CATEGORIES, MAX_DESCRIPTION,
    MAX_IMAGE, MAX_IMAGES, MAX_OPTION_VALUES, MAX_OPTIONS, MAX_QUANTITY, MAX_TEXT, MAX_VARIANTS,
    validate,
};

#[cfg(test)]
mod samples;
