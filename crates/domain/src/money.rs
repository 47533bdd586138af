//! Money: whole minor units and a currency; checked arithmetic, never a float.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Not a currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code")]
pub struct BadCurrency;

impl Currency {
    /// Checks the code against ISO 4217; upper case only.
    pub fn new(code: &str) -> Result<Self, BadCurrency> {
        iso_currency::Currency::from_code(code).ok_or(BadCurrency)?;
        code.as_bytes()
            .try_into()
            .map(Self)
            .map_err(|_| BadCurrency)
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the point of its major unit (2 for USD, 0 for JPY).
    pub fn digits(&self) -> u32 {
        iso_currency::Currency::from_code(self.code())
            .and_then(|c| c.exponent())
            .map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units of one currency; on the wire `{"amount": 1299, "currency": "USD"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units (cents).
    #[serde(rename = "amount")]
    pub minor: i64,
    /// Which money.
    pub currency: Currency,
}

impl Money {
    /// An amount of a currency.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing of a currency.
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum; `None` on overflow or another currency.
    pub fn plus(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }

    /// So many times the amount; `None` on overflow.
    pub fn times(self, count: i64) -> Option<Self> {
        self.minor
            .checked_mul(count)
            .map(|minor| Self { minor, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_iso_codes_are_currencies() {
        assert!(Currency::new("USD").is_ok());
        for code in ["usd", "US", "ZZZ", "", "USDD"] {
            assert!(Currency::new(code).is_err(), "{code}");
        }
    }

    #[test]
    fn arithmetic_refuses_overflow_and_mixed_currencies() -> Result<(), BadCurrency> {
        let (usd, eur) = (Currency::new("USD")?, Currency::new("EUR")?);
        assert_eq!(Money::new(i64::MAX, usd).plus(Money::new(1, usd)), None);
        assert_eq!(Money::new(1, usd).plus(Money::new(1, eur)), None);
        assert_eq!(Money::new(i64::MAX, usd).times(2), None);
        assert_eq!(Money::new(250, usd).times(3), Some(Money::new(750, usd)));
        Ok(())
    }

    #[test]
    fn a_currency_is_its_code_everywhere() -> Result<(), BadCurrency> {
        for (code, digits) in [("USD", 2), ("JPY", 0), ("KWD", 3)] {
            let currency = Currency::new(code)?;
            assert_eq!((currency.code(), currency.digits()), (code, digits));
            assert_eq!(currency.to_string(), code);
            assert_eq!(format!("{currency:?}"), code);
            let json = format!(r#"{{"amount":5,"currency":"{code}"}}"#);
            let money = Money::new(5, currency);
            assert_eq!(serde_json::to_string(&money).ok(), Some(json.clone()));
            assert_eq!(serde_json::from_str(&json).ok(), Some(money));
        }
        assert!(serde_json::from_str::<Currency>(r#""usd""#).is_err());
        Ok(())
    }

    #[test]
    fn sums_stay_in_their_currency() -> Result<(), BadCurrency> {
        let usd = Currency::new("USD")?;
        let sum = Money::new(250, usd).plus(Money::new(-50, usd));
        assert_eq!(sum, Some(Money::new(200, usd)));
        assert_eq!(Money::zero(usd), Money::new(0, usd));
        Ok(())
    }
}
