//! The variants of a product.

use super::findings::{Findings, repeated};
use super::{MAX_AMOUNT, MAX_OPTIONS, MAX_QUANTITY, MAX_VARIANTS};
use crate::Money;
use crate::catalog::{Limits, OptionValues, VariantData};
use std::fmt::Arguments;

pub(super) fn check(found: &mut Findings, declared: &[OptionValues], variants: &[VariantData]) {
    if variants.is_empty() {
        found.add(format_args!("variants"), "required", "at least one variant");
    }
    found.at_most(format_args!("variants"), variants.len(), MAX_VARIANTS);
    for (n, variant) in variants.iter().take(MAX_VARIANTS).enumerate() {
        one(found, format_args!("variants[{n}]"), declared, variant);
    }
    for n in repeated(variants.iter().map(|variant| &variant.sku)) {
        found.add(
            format_args!("variants[{n}].sku"),
            "duplicate",
            "each SKU once",
        );
    }
    if declared.is_empty() {
        return;
    }
    let combinations = variants.iter().map(|variant| {
        let mut options = variant.options.clone();
        options.sort();
        options
    });
    for n in repeated(combinations) {
        let detail = "another variant has the same options";
        found.add(format_args!("variants[{n}].options"), "duplicate", detail);
    }
}

fn one(found: &mut Findings, at: Arguments<'_>, declared: &[OptionValues], variant: &VariantData) {
    choices(found, at, declared, variant);
    prices(found, format_args!("{at}.prices"), &variant.prices);
    prices(found, format_args!("{at}.compare_at"), &variant.compare_at);
    if let Some(grams) = variant.weight_grams {
        found.within(format_args!("{at}.weight_grams"), grams, 0, MAX_QUANTITY);
    }
    if let Some(size) = variant.dimensions {
        let at = format_args!("{at}.dimensions_mm");
        found.within(format_args!("{at}.length"), size.length, 0, MAX_QUANTITY);
        found.within(format_args!("{at}.width"), size.width, 0, MAX_QUANTITY);
        found.within(format_args!("{at}.height"), size.height, 0, MAX_QUANTITY);
    }
    limits(found, format_args!("{at}.limits"), variant.limits);
    for n in repeated(&variant.denied_countries) {
        found.add(
            format_args!("{at}.denied_countries[{n}]"),
            "duplicate",
            "each country once",
        );
    }
}

/// One listed value for each option that the product declares; anything when it declares none.
fn choices(
    found: &mut Findings,
    at: Arguments<'_>,
    declared: &[OptionValues],
    variant: &VariantData,
) {
    found.at_most(
        format_args!("{at}.options"),
        variant.options.len(),
        MAX_OPTIONS,
    );
    for n in repeated(variant.options.iter().map(|(name, _)| name)) {
        let name = &variant.options[n].0;
        found.add(
            format_args!("{at}.options.{name}"),
            "duplicate",
            "each option once",
        );
    }
    for (name, value) in &variant.options {
        let here = format_args!("{at}.options.{name}");
        match declared.iter().find(|option| option.name == *name) {
            Some(option) if option.values.contains(value) => {}
            Some(_) => found.add(here, "unknown_value", "not a value of that option"),
            None if declared.is_empty() => {
                found.text(format_args!("{at}.options"), name);
                found.text(here, value);
            }
            None => found.add(here, "unknown_option", "not an option of the product"),
        }
    }
    for option in declared {
        let name = &option.name;
        if !variant.options.iter().any(|(chosen, _)| chosen == name) {
            let detail = "a value for each option of the product";
            found.add(format_args!("{at}.options.{name}"), "required", detail);
        }
    }
}

fn prices(found: &mut Findings, at: Arguments<'_>, prices: &[Money]) {
    for (n, price) in prices.iter().enumerate() {
        found.within(format_args!("{at}[{n}].amount"), price.minor, 0, MAX_AMOUNT);
    }
    for n in repeated(prices.iter().map(|price| price.currency)) {
        found.add(
            format_args!("{at}[{n}].currency"),
            "duplicate",
            "one price per currency",
        );
    }
}

fn limits(found: &mut Findings, at: Arguments<'_>, limits: Limits) {
    let Limits { min, max, multiple } = limits;
    let mut sane = true;
    for (name, value) in [("min", min), ("max", max), ("multiple", multiple)] {
        if let Some(value) = value {
            sane &= (1..=MAX_QUANTITY).contains(&value);
            found.within(format_args!("{at}.{name}"), value, 1, MAX_QUANTITY);
        }
    }
    let (Some(max), true) = (max, sane) else {
        return;
    };
    let (least, multiple) = (min.unwrap_or(1), multiple.unwrap_or(1));
    if max < least {
        found.add(format_args!("{at}.max"), "inconsistent", "not below min");
    } else if max / multiple * multiple < least {
        let detail = "no multiple lies between min and max";
        found.add(format_args!("{at}.multiple"), "inconsistent", detail);
    }
}
