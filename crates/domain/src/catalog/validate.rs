//! What a product must be, checked without knowing any other. All errors are collected, each under the path of its
//! field as clients spell it.

mod attributes;
mod findings;
mod options;
mod variant;

use super::{ProductData, VariantData};
use crate::{Refusal, Slug};
use findings::{Findings, is_plain, repeated};

/// Longest name, brand, option, value: characters.
pub const MAX_TEXT: usize = 200;
/// Longest description: characters.
pub const MAX_DESCRIPTION: usize = 10_000;
/// Most variants of a product.
pub const MAX_VARIANTS: usize = 200;
/// Most categories of a product.
pub const MAX_CATEGORIES: usize = 100;
/// Most images of a product.
pub const MAX_IMAGES: usize = 100;
/// Longest address of an image: characters.
pub const MAX_IMAGE: usize = 2_000;
/// Most options of a product.
pub const MAX_OPTIONS: usize = 20;
/// Most values of an option.
pub const MAX_OPTION_VALUES: usize = 200;
/// Highest price in minor units. A cart's total stays far from the end of 64 bits with usual quantities; the arithmetic
/// is checked all the same.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// Highest quantity, weight in grams and length in millimetres.
pub const MAX_QUANTITY: i64 = 1_000_000_000;
/// How deep objects and arrays may nest in the attributes, which are the first level.
pub const MAX_ATTRIBUTE_DEPTH: usize = 64;
/// Size of all attributes, in bytes of names, texts and values.
pub const MAX_ATTRIBUTE_BYTES: usize = 65_536;

/// Checks a product and its variants.
///
/// # Errors
/// [`Refusal::Invalid`] with every field that is not allowed (the first hundred), in the order of the fields.
pub fn validate(data: &ProductData, variants: &[VariantData]) -> Result<(), Refusal> {
    let mut found = Findings::default();
    found.text(format_args!("name"), &data.name);
    description(&mut found, &data.description);
    if let Some(brand) = &data.brand {
        found.text(format_args!("brand"), brand);
    }
    categories(&mut found, data);
    attributes::check(&mut found, &data.attributes);
    images(&mut found, &data.images);
    options::check(&mut found, &data.options);
    variant::check(&mut found, &data.options, variants);
    found.into_result()
}

fn description(found: &mut Findings, text: &str) {
    let at = format_args!("description");
    if text.chars().count() > MAX_DESCRIPTION {
        found.add(
            at,
            "too_long",
            format!("at most {MAX_DESCRIPTION} characters"),
        );
    }
    if !text
        .chars()
        .all(|letter| is_plain(letter) || matches!(letter, '\n' | '\r'))
    {
        found.add(
            at,
            "control_character",
            "no control characters but line breaks",
        );
    }
}

fn categories(found: &mut Findings, data: &ProductData) {
    found.at_most(
        format_args!("categories"),
        data.categories.len(),
        MAX_CATEGORIES,
    );
    for (n, category) in data.categories.iter().enumerate() {
        if Slug::new(category).is_err() {
            let detail = "expected a slug: 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'";
            found.add(format_args!("categories[{n}]"), "malformed", detail);
        }
    }
    for n in repeated(&data.categories) {
        found.add(
            format_args!("categories[{n}]"),
            "duplicate",
            "each category once",
        );
    }
}

fn images(found: &mut Findings, images: &[String]) {
    found.at_most(format_args!("images"), images.len(), MAX_IMAGES);
    for (n, image) in images.iter().enumerate() {
        let at = format_args!("images[{n}]");
        if image.chars().count() > MAX_IMAGE {
            found.add(at, "too_long", format!("at most {MAX_IMAGE} characters"));
        } else if !is_image(image) {
            let detail = "expected an http or https address, or a path, without spaces";
            found.add(at, "malformed", detail);
        }
    }
}

/// An `http(s)` address with a host, or a path. Other schemes (`javascript:`), addresses that borrow the page's scheme
/// (`//host`) and backslashes, which browsers read as slashes, are neither.
fn is_image(text: &str) -> bool {
    let clean = text
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && c != '\\');
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| lower.starts_with(scheme).then(|| &text[scheme.len()..]));
    clean
        && match host {
            Some(host) => !host.is_empty() && !host.starts_with(['/', '?', '#', ':']),
            None => {
                let first = text.split(['/', '?', '#']).next().unwrap_or(text);
                !text.is_empty() && !text.starts_with("//") && !first.contains(':')
            }
        }
}

#[cfg(test)]
mod tests;
