//! Currencies: which there are, and amounts of one in another.

use super::catalog::Price;
use crate::problem::Problem;
use cartwright_domain::Currency;
use cartwright_domain::conversion::{self, NANOS};

/// The codes that amounts can be converted between.
pub fn supported() -> Vec<String> {
    conversion::currencies().map(str::to_owned).collect()
}

/// An amount in another currency, exact to a billionth.
///
/// # Errors
/// `invalid` for a currency that is not supported, or an amount beyond what can be counted.
pub fn convert(from: &Price, to: &str) -> Result<Price, Problem> {
    require("from.currency_code", &from.currency_code)?;
    require("to_code", to)?;
    let nanos = i128::from(from.units) * NANOS + i128::from(from.nanos);
    let nanos = conversion::convert(nanos, &from.currency_code, to).ok_or_else(too_much)?;
    price(nanos, to)
}

/// The currency that somebody pays in.
///
/// # Errors
/// `invalid` for one that is not supported.
pub(super) fn paid_in(code: &str) -> Result<Currency, Problem> {
    require("user_currency", code)?;
    Currency::new(code)
        .map_err(|error| Problem::invalid("user_currency", "unknown", error.to_string()))
}

fn require(field: &str, code: &str) -> Result<(), Problem> {
    if conversion::currencies().any(|known| known == code) {
        return Ok(());
    }
    let detail =
        format!("currency {code:?} is not supported; GetSupportedCurrencies lists those that are");
    Err(Problem::invalid(field, "unknown", detail))
}

/// Billionths as units and nanos, both of one sign.
fn price(nanos: i128, code: &str) -> Result<Price, Problem> {
    Ok(Price {
        currency_code: code.to_owned(),
        units: i64::try_from(nanos / NANOS).map_err(|_| too_much())?,
        nanos: i32::try_from(nanos % NANOS).map_err(|_| too_much())?,
    })
}

fn too_much() -> Problem {
    let detail = "the amount is more than can be counted";
    Problem::invalid("from.units", "out_of_range", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(units: i64, nanos: i32, code: &str) -> Price {
        Price {
            currency_code: code.to_owned(),
            units,
            nanos,
        }
    }

    #[test]
    fn converts_to_a_billionth() {
        let rows = [
            (of(12, 990_000_000, "USD"), of(11, 490_490_933, "EUR")),
            (of(-12, -990_000_000, "USD"), of(-11, -490_490_933, "EUR")),
            (of(0, 1, "EUR"), of(0, 126, "JPY")),
            (of(100, 0, "GBP"), of(100, 0, "GBP")),
        ];
        for (from, to) in rows {
            assert_eq!(convert(&from, &to.currency_code), Ok(to), "{from:?}");
        }
        for (from, to) in [
            (of(1, 0, "USD"), "XXX"),
            (of(1, 0, ""), "USD"),
            (of(i64::MAX, 0, "EUR"), "JPY"),
        ] {
            assert_eq!(convert(&from, to).expect_err("refused").code, "invalid");
        }
    }
}
