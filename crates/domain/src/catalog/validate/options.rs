//! What distinguishes the variants of a product.

use super::findings::{Findings, repeated};
use super::{MAX_OPTION_VALUES, MAX_OPTIONS};
use crate::catalog::OptionValues;

pub(super) fn check(found: &mut Findings, options: &[OptionValues]) {
    found.at_most(format_args!("options"), options.len(), MAX_OPTIONS);
    for (n, option) in options.iter().enumerate() {
        found.text(format_args!("options[{n}].name"), &option.name);
        let at = format_args!("options[{n}].values");
        if option.values.is_empty() {
            found.add(at, "required", "at least one value");
        }
        found.at_most(at, option.values.len(), MAX_OPTION_VALUES);
        for (m, value) in option.values.iter().enumerate() {
            found.text(format_args!("options[{n}].values[{m}]"), value);
        }
        for m in repeated(&option.values) {
            found.add(
                format_args!("options[{n}].values[{m}]"),
                "duplicate",
                "each value once",
            );
        }
    }
    for n in repeated(options.iter().map(|option| &option.name)) {
        found.add(
            format_args!("options[{n}].name"),
            "duplicate",
            "each option once",
        );
    }
}
