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

#[cfg(test)]
mod tests {
    use super::super::samples::{data, draft, product, variants};
    use super::*;

    #[test]
    fn options_stand_in_the_order_of_the_product_or_by_name() {
        let names = |draft: &Draft| -> Vec<_> {
            let options = draft.variants()[0].options.iter();
            options.map(|(name, _)| name.to_string()).collect()
        };
        let mut turned = variants();
        turned[0].options.reverse();
        let mut sized = data();
        sized.options.reverse();
        let by_product = Draft::new(sized, variants()).expect("valid");
        assert_eq!(names(&by_product), ["size", "colour"]);
        assert_eq!(Draft::new(data(), turned.clone()).ok(), Some(draft()));
        let mut free = data();
        free.options.clear();
        let by_name = Draft::new(free, turned).expect("valid");
        assert_eq!(names(&by_name), ["colour", "size"]);
    }

    #[test]
    fn a_draft_is_the_product_when_nothing_is_different() {
        assert!(draft().is(&product()));
        let slug = Slug::new("cup").expect("a slug");
        let renamed = draft().with_slug(slug.clone());
        assert_eq!(renamed.data().slug, slug);
        assert!(!renamed.is(&product()));
        let mut fewer = product();
        fewer.variants.pop();
        assert!(!draft().is(&fewer));
        let mut invalid = data();
        invalid.name = "".into();
        assert!(Draft::new(invalid, variants()).is_err());
    }
}
