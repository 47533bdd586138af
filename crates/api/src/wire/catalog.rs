//! Products as clients write and read them.

mod create;
mod import;
mod patch;
mod price;
mod reply;

pub use create::{CreateProduct, CreateVariant, Dimensions, Limits, ProductOption};
pub use import::ImportProduct;
pub use patch::{CheckedPatch, ProductPatch};
pub use price::SetPrice;
pub use reply::{
    Product, ProductPage, ProductVariant, Variant, page_json, product_json, variant_json,
};

#[cfg(test)]
mod samples;
