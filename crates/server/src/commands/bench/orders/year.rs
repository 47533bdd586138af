//! The year as it is replayed: invoices with their lines, the articles that they need, and what the rule left out.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::{
    archive::Day,
    independent::Sum,
    rule::{self, Outcome, Reason, Record},
};

/// A variant: one article at one price.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    /// Its article.
    pub(super) code: String,
    /// Price of one unit in pence.
    pub(super) pence: u32,
    /// Units sold in the year.
    pub(super) units: u64,
    /// The article's name where the variant was first seen.
    pub(super) name: String,
}

impl Variant {
    /// Its SKU without prefix.
    pub(super) fn sku(&self) -> String {
        format!("{}-{}", self.code, self.pence)
    }
}

/// An invoice with at least one line that was sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invoice {
    pub(super) number: String,
    /// When it was written, as recorded.
    pub(super) date: String,
    /// The customer's number, when it was recorded.
    pub(super) customer: Option<String>,
    /// The country, in the record's own words.
    pub(super) country: String,
    /// Index of the variant, and units.
    pub(super) lines: Vec<(usize, u32)>,
}

/// Lines that the rule left out for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    pub(super) lines: u64,
    pub(super) units: i64,
    /// Units times price, in millionths of a pound.
    pub(super) millionths: i128,
}

/// Everything that was recorded, after the rule.
#[derive(Debug, Default)]
pub(super) struct Year {
    /// Lines in the files.
    pub(super) lines: u64,
    /// Lines that are replayed.
    pub(super) sold_lines: u64,
    /// Invoices of any kind.
    pub(super) invoices_recorded: usize,
    /// Invoices that are replayed, in the order of the files.
    pub(super) invoices: Vec<Invoice>,
    /// The variants that they need.
    pub(super) variants: Vec<Variant>,
    /// What was left out, by reason.
    pub(super) left_out: BTreeMap<Reason, LeftOut>,
    /// Lines left out because their code is no SKU, by code.
    pub(super) no_sku: BTreeMap<String, u64>,
}

/// Reads the files and applies the rule.
///
/// # Errors
/// When a line cannot be read or the rule does not know its kind; the message names file and line.
pub(super) fn read(days: &[Day]) -> anyhow::Result<Year> {
    let mut year = Year::default();
    let mut index = Index::default();
    for day in days {
        let mut reader = csv::Reader::from_reader(day.text.as_bytes());
        for (number, record) in reader.deserialize::<Record>().enumerate() {
            let place = || format!("{}, line {}", day.name, number + 2);
            let record = record.with_context(place)?;
            year.take(&record, &mut index).with_context(place)?;
        }
    }
    year.invoices_recorded = index.invoices.len();
    year.invoices.retain(|invoice| !invoice.lines.is_empty());
    let left_out: u64 = year.left_out.values().map(|left_out| left_out.lines).sum();
    ensure!(
        year.lines == year.sold_lines + left_out,
        "{} lines, but {} sold and {left_out} left out",
        year.lines,
        year.sold_lines
    );
    Ok(year)
}

#[derive(Default)]
struct Index {
    invoices: HashMap<String, usize>,
    variants: HashMap<(String, u32), usize>,
}

impl Year {
    fn take(&mut self, record: &Record, index: &mut Index) -> anyhow::Result<()> {
        self.lines += 1;
        let invoice = *index
            .invoices
            .entry(record.invoice.clone())
            .or_insert_with(|| {
                self.invoices.push(Invoice {
                    number: record.invoice.clone(),
                    date: record.date.clone(),
                    customer: customer(&record.customer),
                    country: record.country.clone(),
                    lines: Vec::new(),
                });
                self.invoices.len() - 1
            });
        match rule::judge(record)? {
            (Outcome::Sold(sold), _) => {
                self.sold_lines += 1;
                let variant = *index
                    .variants
                    .entry((sold.code.clone(), sold.pence))
                    .or_insert_with(|| {
                        self.variants.push(Variant {
                            code: sold.code,
                            pence: sold.pence,
                            units: 0,
                            name: record.description.trim().to_owned(),
                        });
                        self.variants.len() - 1
                    });
                self.variants[variant].units += u64::from(sold.units);
                self.invoices[invoice].lines.push((variant, sold.units));
            }
            (Outcome::LeftOut(reason), price) => {
                let left_out = self.left_out.entry(reason).or_default();
                left_out.lines += 1;
                left_out.units += record.quantity;
                left_out.millionths += i128::from(record.quantity) * i128::from(price);
                if reason == Reason::NoSku {
                    *self.no_sku.entry(rule::article(&record.code)).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Units and money per SKU, as they are replayed.
    pub(super) fn sums(&self) -> BTreeMap<String, Sum> {
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for (variant, units) in self.invoices.iter().flat_map(|invoice| &invoice.lines) {
            let variant = &self.variants[*variant];
            let sum = sums.entry(variant.sku()).or_default();
            sum.units += u64::from(*units);
            sum.pence += u64::from(*units) * u64::from(variant.pence);
        }
        sums
    }
}

/// The record writes customer numbers with a decimal place (`17850.0`), and nothing for unknown ones.
fn customer(recorded: &str) -> Option<String> {
    let number = recorded.strip_suffix(".0").unwrap_or(recorded);
    (!number.is_empty()).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::archive::COLUMNS, *};

    fn year(lines: &str) -> anyhow::Result<Year> {
        read(&[Day {
            name: "2011-01-16.csv".to_owned(),
            text: format!("{COLUMNS}\n{lines}"),
        }])
    }

    #[test]
    fn every_line_is_replayed_or_counted() {
        let year = year(
            "536365,85123A,\"HOLDER, WHITE\",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
             536365,85123a,HOLDER,1,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
             536365,POST,POSTAGE,1,2010-12-01 08:26:00,18.0,17850.0,United Kingdom\n\
             536366,85123A,damaged,-3,2010-12-01 08:28:00,0.0,,United Kingdom\n\
             C536367,85123A,HOLDER,-2,2010-12-01 08:28:00,2.55,17850.0,United Kingdom\n",
        )
        .unwrap();
        assert_eq!((year.lines, year.sold_lines), (5, 2));
        assert_eq!((year.invoices_recorded, year.invoices.len()), (3, 1));
        let invoice = &year.invoices[0];
        assert_eq!(invoice.customer.as_deref(), Some("17850"));
        assert_eq!(invoice.lines, [(0, 6), (0, 1)]);
        assert_eq!(year.variants[0].sku(), "85123A-255");
        assert_eq!(year.variants[0].units, 7);
        assert_eq!(year.variants[0].name, "HOLDER, WHITE");
        let cancelled = &year.left_out[&Reason::Cancellation];
        assert_eq!(
            (cancelled.lines, cancelled.units, cancelled.millionths),
            (1, -2, -5_100_000)
        );
        assert_eq!(year.no_sku, BTreeMap::from([("POST".to_owned(), 1)]));
    }

    #[test]
    fn an_unreadable_line_is_named() {
        let unreadable =
            year("536365,85123A,HOLDER,six,2010-12-01 08:26:00,2.55,,United Kingdom\n");
        let message = format!("{:#}", unreadable.unwrap_err());
        assert!(message.starts_with("2011-01-16.csv, line 2"), "{message}");
    }

    /// The counts were taken with another program (Python's csv and decimal).
    #[test]
    fn the_real_year_is_read_the_same_way_twice() {
        let Some(path) = real_file() else {
            // Straight to the descriptor, since the test runner hides what a passing test prints.
            let mut stderr = std::io::stderr();
            let skipped = "SKIPPED the_real_year_is_read_the_same_way_twice: no ../shared/data/uci-online-retail-by-day.tar.xz";
            let _ = std::io::Write::write_all(&mut stderr, format!("{skipped}\n").as_bytes());
            return;
        };
        let days = super::super::archive::read(&path).unwrap();
        assert_eq!(days.len(), 305);
        let year = read(&days).unwrap();
        let (sums, lines) = super::super::independent::sums(&days).unwrap();
        assert_eq!((year.lines, lines), (541_909, 541_909));
        assert_eq!(year.invoices_recorded, 25_900);
        assert_eq!(year.sums(), sums);
        let total = sums.values().fold((0, 0), |total, sum| {
            (total.0 + sum.units, total.1 + sum.pence)
        });
        assert_eq!(total, (5_577_100, 1_027_143_306));
        assert_eq!((year.sold_lines, year.variants.len()), (527_758, 14_400));
        let lines = year.invoices.iter().map(|invoice| invoice.lines.len());
        assert_eq!((lines.len(), lines.max()), (19_773, Some(1_112)));
        let left_out: Vec<_> = year
            .left_out
            .iter()
            .map(|(reason, left_out)| {
                (*reason, left_out.lines, left_out.units, left_out.millionths)
            })
            .collect();
        let expected = [
            (Reason::Cancellation, 9_288, -277_574, -896_812_490_000),
            (Reason::BadDebt, 3, 3, -11_062_060_000),
            (Reason::NoSku, 2_359, 15_850, 384_189_421_000),
            (Reason::NegativeQuantity, 1_336, -206_957, 0),
            (Reason::ZeroPrice, 1_162, 68_025, 0),
            (Reason::SubCent, 3, 3, 3_000),
        ];
        assert_eq!(left_out, expected);
    }

    /// Beside the repository, or below the directory that CARTWRIGHT_SHARED names.
    fn real_file() -> Option<std::path::PathBuf> {
        let beside = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("CARTWRIGHT_SHARED").map_or_else(beside, Into::into);
        let file = shared.join("data/uci-online-retail-by-day.tar.xz");
        file.is_file().then_some(file)
    }
}
