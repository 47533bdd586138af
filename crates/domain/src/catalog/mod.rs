//! Products and their variants: what is sold, for how much, within which limits.

mod product;

pub use product::{Dimensions, Event, Limits, OptionValues, Product, ProductData, Status, Variant, VariantData};
