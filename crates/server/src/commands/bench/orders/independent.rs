//! Units and money per SKU straight from the files: a second reading of the rule that shares no code with the first, so that
//! a mistake in one of them shows as a difference. It splits lines, reads prices and names SKUs by itself.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use super::archive::Day;

/// Units, and money in pence, of one SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) units: u64,
    pub(super) pence: u64,
}

/// Sums what was sold, by SKU without prefix (`85123A-255`). Also returns how many lines the files have.
///
/// # Errors
/// When a line does not have eight fields, or a number cannot be read.
pub(super) fn sums(days: &[Day]) -> anyhow::Result<(BTreeMap<String, Sum>, u64)> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut lines = 0;
    for day in days {
        for (index, line) in day.text.lines().enumerate().skip(1) {
            lines += 1;
            let place = || format!("{}, line {}", day.name, index + 1);
            let fields = split(line);
            ensure!(fields.len() == 8, "{}: {} fields", place(), fields.len());
            let Some(pence) = sold_at(&fields[0], &fields[1], &fields[3], &fields[5]) else {
                continue;
            };
            let units: u64 = fields[3].parse().with_context(place)?;
            let sum = sums
                .entry(format!("{}-{pence}", fields[1].trim().to_uppercase()))
                .or_default();
            sum.units += units;
            sum.pence += units * pence;
        }
    }
    Ok((sums, lines))
}

/// The price in pence when the rule counts the line as sold.
fn sold_at(invoice: &str, code: &str, quantity: &str, price: &str) -> Option<u64> {
    let code = code.trim();
    let goods = code
        .get(..5)
        .is_some_and(|start| start.parse::<u32>().is_ok())
        || code.to_uppercase().starts_with("DCGS")
        || code.eq_ignore_ascii_case("pads");
    let counts = !invoice.starts_with(['C', 'A']) && goods && !quantity.starts_with(['-', '0']);
    if !counts || price.starts_with('-') {
        return None;
    }
    let (pounds, fraction) = price.split_once('.').unwrap_or((price, "0"));
    let fraction = fraction.trim_end_matches('0');
    let pence: u64 = match fraction.len() {
        0 => 0,
        1 => fraction.parse::<u64>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    let total = pounds.parse::<u64>().ok()? * 100 + pence;
    (total > 0).then_some(total)
}

/// The fields of a CSV line; a quoted one may hold commas, and doubled quotes for one (RFC 4180).
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        let last = fields.len() - 1;
        match character {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                fields[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_keep_their_commas_and_quotes() {
        assert_eq!(split("1,\"a, \"\"b\"\"\",,2"), ["1", "a, \"b\"", "", "2"]);
    }

    #[test]
    fn sales_are_summed_per_code_and_price() {
        let text = "header\n\
            536365,85123A,\"A, B\",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
            536366,85123a,A,1,2010-12-01 08:26:00,2.55,,United Kingdom\n\
            536366,85123A,A,2,2010-12-01 08:26:00,2.5,,United Kingdom\n\
            536366,POST,A,2,2010-12-01 08:26:00,2.5,,United Kingdom\n\
            536366,85123A,A,-2,2010-12-01 08:26:00,2.5,,United Kingdom\n\
            536366,85123A,A,2,2010-12-01 08:26:00,0.0,,United Kingdom\n\
            536366,85123A,A,2,2010-12-01 08:26:00,0.001,,United Kingdom\n\
            C536366,85123A,A,2,2010-12-01 08:26:00,2.5,,United Kingdom\n";
        let day = Day {
            name: "day.csv".to_owned(),
            text: text.to_owned(),
        };
        let (sums, lines) = sums(&[day]).unwrap();
        assert_eq!(lines, 8);
        let expected = BTreeMap::from([
            (
                "85123A-250".to_owned(),
                Sum {
                    units: 2,
                    pence: 500,
                },
            ),
            (
                "85123A-255".to_owned(),
                Sum {
                    units: 7,
                    pence: 1785,
                },
            ),
        ]);
        assert_eq!(sums, expected);
    }
}
