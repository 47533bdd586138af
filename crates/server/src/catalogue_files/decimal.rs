//! Decimal text and proto money to minor units, exactly: what cannot be said in minor units is refused, never rounded.

use cartwright_domain::Currency;

/// Minor units of a decimal text in major units: digits, then a point and more digits if need be.
///
/// Zeros beyond the currency's digits are nothing (`12.990` is `12.99`).
///
/// # Errors
/// A sentence, when it is no such text or needs a fraction of a minor unit.
pub(super) fn minor_from_text(text: &str, currency: Currency) -> Result<i64, String> {
    let wrong =
        || format!("{text:?} is not a price in {currency}: write digits with at most one point");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = currency.digits() as usize;
    if fraction.len() > digits {
        return Err(format!(
            "{text} {currency} is not a whole number of minor units ({digits} digits after the point)"
        ));
    }
    format!("{whole}{fraction:0<digits$}")
        .parse()
        .map_err(|_| format!("{text} {currency} is too large"))
}

/// Minor units of proto money: `units` major units and `nanos` billionths of one.
///
/// # Errors
/// A sentence, when it is negative, too large or needs a fraction of a minor unit.
pub(super) fn minor_from_proto(units: i64, nanos: i64, currency: Currency) -> Result<i64, String> {
    if units < 0 || !(0..1_000_000_000).contains(&nanos) {
        return Err(format!(
            "units {units}, nanos {nanos}: a price is not negative and nanos are below 1,000,000,000"
        ));
    }
    let digits = currency.digits();
    let nanos_per_minor = 10_i64.pow(9 - digits.min(9));
    if nanos % nanos_per_minor != 0 {
        return Err(format!(
            "units {units}, nanos {nanos} is not a whole number of minor units of {currency}"
        ));
    }
    10_i64
        .checked_pow(digits)
        .and_then(|minor_per_unit| units.checked_mul(minor_per_unit))
        .and_then(|minor| minor.checked_add(nanos / nanos_per_minor))
        .ok_or_else(|| format!("units {units} {currency} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_read_exactly() {
        let rows = [
            ("USD", "129.99", Some(12_999)),
            ("USD", "9999.9", Some(999_990)),
            ("USD", "12", Some(1_200)),
            ("USD", "0.29", Some(29)),
            ("USD", "12.990", Some(1_299)),
            ("USD", "12.999", None),
            ("USD", "1e3", None),
            ("USD", "-1", None),
            ("USD", "+1", None),
            ("USD", ".5", None),
            ("USD", "5.", None),
            ("USD", "", None),
            ("USD", "1,000", None),
            ("USD", "92233720368547758.07", Some(i64::MAX)),
            ("USD", "92233720368547758.08", None),
            ("JPY", "1200", Some(1_200)),
            ("JPY", "1200.5", None),
            ("KWD", "1.234", Some(1_234)),
        ];
        for (currency, text, minor) in rows {
            let currency = Currency::new(currency).expect("currency");
            assert_eq!(
                minor_from_text(text, currency).ok(),
                minor,
                "{text} {currency}"
            );
        }
    }

    #[test]
    fn proto_money_is_read_exactly() {
        let rows = [
            ("USD", 101, 960_000_000, Some(10_196)),
            ("USD", 0, 990_000_000, Some(99)),
            ("USD", 57, 80_000_000, Some(5_708)),
            ("USD", 1, 1, None),
            ("USD", 1, 5_000_000, None),
            ("USD", -1, 0, None),
            ("USD", 1, -10_000_000, None),
            ("USD", 1, 1_000_000_000, None),
            ("USD", i64::MAX, 0, None),
            ("JPY", 100, 0, Some(100)),
            ("JPY", 100, 500_000_000, None),
        ];
        for (currency, units, nanos, minor) in rows {
            let currency = Currency::new(currency).expect("currency");
            assert_eq!(
                minor_from_proto(units, nanos, currency).ok(),
                minor,
                "{units} {nanos} {currency}"
            );
        }
    }
}
