//! A product as a client wants it to be: checked once, when it is made.

use super::{Event, Product, ProductData, VariantData, validate};
use crate::{Refusal, Slug};
use smol_str::SmolStr;

/// Valid data of a product and all its variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    data: Box<ProductData>,
    variants: Vec<VariantData>,
}

impl Draft {
    /// Checks everything that can be checked without knowing other products.
    ///
    /// The options of a variant are put in the order in which the product declares them (by name when it declares
    /// none): their order says nothing, so it must not look like a change.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming every field that is not allowed.
    pub fn new(data: ProductData, mut variants: Vec<VariantData>) -> Result<Self, Refusal> {
        validate(&data, &variants)?;
        for variant in &mut variants {
            variant.options.sort_by(|(a, _), (b, _)| {
                let rank =
                    |name: &SmolStr| data.options.iter().position(|option| option.name == *name);
                (rank(a), a).cmp(&(rank(b), b))
            });
        }
        Ok(Self {
            data: Box::new(data),
            variants,
        })
    }

    /// What is said of the product.
    pub fn data(&self) -> &ProductData {
        &self.data
    }

    /// What is said of its variants: at least one.
    pub fn variants(&self) -> &[VariantData] {
        &self.variants
    }

    /// The same under another slug.
    #[must_use]
    pub fn with_slug(mut self, slug: Slug) -> Self {
        self.data.slug = slug;
        self
    }

    /// Whether the product is just that already.
    pub fn is(&self, product: &Product) -> bool {
        *self.data == product.data
            && self
                .variants
                .iter()
                .eq(product.variants.iter().map(|variant| &variant.data))
    }

    /// The event that makes a product so.
    pub(super) fn put(self) -> Event {
        Event::Put {
            data: self.data,
            variants: self.variants,
        }
    }
}
