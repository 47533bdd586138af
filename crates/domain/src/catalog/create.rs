//! A new product.

use super::{Draft, Event, Product};
use crate::{ProductId, Refusal, Sku, Slug};

/// A product that a client wants to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// Its id; `None`: the shop makes one.
    pub id: Option<ProductId>,
    /// The slug the client chose. `None`: the draft bears the best candidate for its name, and the caller puts the first
    /// free one of [`slug_candidates`](super::slug_candidates) in its place.
    pub slug: Option<Slug>,
    /// What it shall be.
    pub draft: Draft,
}

/// A name that is taken, and by which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owned<'a> {
    /// A slug.
    Slug(&'a Slug, &'a ProductId),
    /// The SKU of a variant.
    Sku(&'a Sku, &'a ProductId),
}

/// Checks that a product may bear its names, given those of them that are taken already (its own included).
///
/// # Errors
/// [`Refusal::AlreadyExists`] for the first name (`slug`, `variant`) that belongs to another product.
pub fn claim<'a>(
    product: &ProductId,
    taken: impl IntoIterator<Item = Owned<'a>>,
) -> Result<(), Refusal> {
    for name in taken {
        let (resource, id, owner) = match name {
            Owned::Slug(slug, owner) => ("slug", slug.as_str(), owner),
            Owned::Sku(sku, owner) => ("variant", sku.as_str(), owner),
        };
        if owner != product {
            return Err(Refusal::AlreadyExists {
                resource,
                id: id.to_owned(),
            });
        }
    }
    Ok(())
}

/// Creates a product. That its names are free is for the caller to [`claim`].
///
/// # Errors
/// [`Refusal::AlreadyExists`] when a product has the id, archived or not.
pub fn create(existing: Option<&Product>, draft: Draft) -> Result<Event, Refusal> {
    match existing {
        Some(product) => Err(Refusal::AlreadyExists {
            resource: "product",
            id: product.id.to_string(),
        }),
        None => Ok(draft.put()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{draft, id, product, sku};
    use super::*;

    #[test]
    fn makes_a_product_only_once() {
        let made = create(None, draft());
        assert!(matches!(made, Ok(Event::Put { .. })), "{made:?}");
        let again = create(Some(&product()), draft());
        assert_eq!(
            again,
            Err(Refusal::AlreadyExists {
                resource: "product",
                id: "mug".to_owned()
            })
        );
    }

    #[test]
    fn a_name_of_another_product_cannot_be_claimed() {
        let (ours, other) = (id("mug"), id("cup"));
        let (slug, blue) = (draft().data().slug.clone(), sku("MUG-BLUE"));
        assert_eq!(
            claim(&ours, [Owned::Slug(&slug, &ours), Owned::Sku(&blue, &ours)]),
            Ok(())
        );
        let taken = claim(
            &ours,
            [Owned::Slug(&slug, &ours), Owned::Sku(&blue, &other)],
        );
        assert_eq!(
            taken,
            Err(Refusal::AlreadyExists {
                resource: "variant",
                id: "MUG-BLUE".to_owned()
            })
        );
        let taken = claim(&ours, [Owned::Slug(&slug, &other)]);
        assert!(
            matches!(
                taken,
                Err(Refusal::AlreadyExists {
                    resource: "slug",
                    ..
                })
            ),
            "{taken:?}"
        );
    }
}
