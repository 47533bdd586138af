//! Amounts of one currency in another, by a fixed table: that of the OpenTelemetry demo and Online Boutique, the European Central
//! Bank's reference rates of a day in 2019.
//!
//! Exact decimal arithmetic: amounts are whole billionths, rates are whole hundred-thousandths, and only the quotient is
//! rounded, half away from zero.

use crate::{Currency, Money};

/// Billionths of a unit.
pub const NANOS: i128 = 1_000_000_000;

/// What one euro is worth, in hundred-thousandths, in the order of the demo.
const RATES: [(&str, i128); 33] = [
    ("EUR", 100_000),
    ("USD", 113_050),
    ("JPY", 12_640_000),
    ("BGN", 195_580),
    ("CZK", 2_559_200),
    ("DKK", 746_090),
    ("GBP", 85_970),
    ("HUF", 31_551_000),
    ("PLN", 429_960),
    ("RON", 474_630),
    ("SEK", 1_053_750),
    ("CHF", 113_600),
    ("ISK", 13_680_000),
    ("NOK", 980_400),
    ("HRK", 742_100),
    ("RUB", 7_442_080),
    ("TRY", 612_470),
    ("AUD", 160_720),
    ("BRL", 426_820),
    ("CAD", 151_280),
    ("CNY", 758_570),
    ("HKD", 887_430),
    ("IDR", 1_599_940_000),
    ("ILS", 408_750),
    ("INR", 7_943_200),
    ("KRW", 127_505_000),
    ("MXN", 2_179_990),
    ("MYR", 462_890),
    ("NZD", 166_790),
    ("PHP", 5_908_300),
    ("SGD", 153_490),
    ("THB", 3_601_200),
    ("ZAR", 1_605_830),
];

/// The codes of the table, in its order.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    RATES.iter().map(|(code, _)| *code)
}

/// Billionths of one currency as billionths of another; `None` when the table lacks one of them, or beyond what can be
/// counted. An amount in its own currency stays as it is, whatever the table knows.
pub fn convert(nanos: i128, from: &str, to: &str) -> Option<i128> {
    if from == to {
        return Some(nanos);
    }
    let rate = |code| RATES.iter().find(|(known, _)| *known == code);
    let ((_, from), (_, to)) = (rate(from)?, rate(to)?);
    rounded(nanos.checked_mul(*to)?, *from)
}

/// Money of one currency in another, rounded to its minor units; `None` as for [`convert`].
pub fn converted(money: Money, to: Currency) -> Option<Money> {
    if money.currency == to {
        return Some(money);
    }
    let nanos = i128::from(money.minor).checked_mul(NANOS / scale(money.currency))?;
    let nanos = convert(nanos, money.currency.code(), to.code())?;
    minor(nanos, to).map(|minor| Money::new(minor, to))
}

/// Billionths in whole minor units of a currency, half away from zero; `None` beyond what can be counted.
pub fn minor(nanos: i128, currency: Currency) -> Option<i64> {
    let minor = rounded(nanos, NANOS / scale(currency))?;
    i64::try_from(minor).ok()
}

/// Minor units of one unit.
fn scale(currency: Currency) -> i128 {
    10_i128.pow(currency.digits().min(9))
}

/// The quotient, half away from zero. `by` is above zero.
fn rounded(of: i128, by: i128) -> Option<i128> {
    let half = (by / 2) * of.signum();
    // An odd divisor has no exact half, so that cutting it off changes no result.
    of.checked_add(half).map(|of| of / by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    #[test]
    fn converts_exactly_and_rounds_only_the_quotient() {
        let rows = [
            // 12.99 USD / 1.1305 = 11.490490932...
            (12_990_000_000, "USD", "EUR", Some(11_490_490_933)),
            (-12_990_000_000, "USD", "EUR", Some(-11_490_490_933)),
            (1_000_000_000, "EUR", "USD", Some(1_130_500_000)),
            (1_000_000_000, "EUR", "IDR", Some(15_999_400_000_000)),
            // 1 / 1.1305 * 126.40
            (1_000_000_000, "USD", "JPY", Some(111_808_934_100)),
            (1, "USD", "USD", Some(1)),
            (7, "XTS", "XTS", Some(7)),
            (0, "THB", "ZAR", Some(0)),
            (1_000_000_000, "USD", "BTC", None),
            (1_000_000_000, "BTC", "USD", None),
            (i128::MAX, "EUR", "USD", None),
        ];
        for (nanos, from, to, expected) in rows {
            assert_eq!(convert(nanos, from, to), expected, "{nanos} {from} in {to}");
        }
    }

    #[test]
    fn money_is_rounded_to_minor_units() {
        let rows = [
            (9_999, "USD", 8_845, "EUR"),
            (9_999, "USD", 11_180, "JPY"),
            (1, "JPY", 1, "USD"),
            (-9_999, "USD", -8_845, "EUR"),
            (1_234, "USD", 1_234, "USD"),
        ];
        for (minor, from, expected, to) in rows {
            let converted = converted(Money::new(minor, currency(from)), currency(to));
            assert_eq!(
                converted,
                Some(Money::new(expected, currency(to))),
                "{minor} {from} in {to}"
            );
        }
        assert_eq!(
            converted(Money::new(1, currency("KWD")), currency("USD")),
            None
        );
    }

    #[test]
    fn every_currency_of_the_table_is_one() {
        assert_eq!(currencies().count(), 33);
        for code in currencies() {
            assert_eq!(currency(code).code(), code);
        }
    }

    #[test]
    fn what_cannot_be_counted_is_not_converted() {
        assert_eq!(minor(i128::MAX, currency("USD")), None);
        assert_eq!(minor(i128::MIN, currency("JPY")), None);
        assert_eq!(minor(NANOS * i128::from(i64::MAX), currency("USD")), None);
        let most = Money::new(i64::MAX, currency("EUR"));
        assert_eq!(converted(most, currency("IDR")), None);
        assert_eq!(converted(most, currency("EUR")), Some(most));
    }

    #[test]
    fn half_a_minor_unit_is_rounded_away_from_zero() {
        let rows = [
            (14_999_999, "USD", 1),
            (15_000_000, "USD", 2),
            (-14_999_999, "USD", -1),
            (-15_000_000, "USD", -2),
            (500_000, "KWD", 1),
            (499_999, "KWD", 0),
            (1_500_000_000, "JPY", 2),
        ];
        for (nanos, code, expected) in rows {
            assert_eq!(
                minor(nanos, currency(code)),
                Some(expected),
                "{nanos} {code}"
            );
        }
    }
}
