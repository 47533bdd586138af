//! What sending costs: flat rates by currency, as configured; and the other rules of checkouts.

use crate::{Currency, Money, conversion};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// A way to send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingOption {
    /// What it is chosen by.
    pub id: SmolStr,
    /// For people.
    pub name: SmolStr,
    /// What it costs, in minor units of the checkout's currency.
    pub price: i64,
}

/// Every option with its price in each currency it has one in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates(Vec<(Currency, ShippingOption)>);

/// Not a list of rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `option=CURRENCY:minor CURRENCY:minor, option=...`: {0}")]
pub struct BadRates(String);

impl Rates {
    /// From `standard=USD:599 EUR:549, express=USD:1499`: for each option what it costs in minor units of some currencies.
    pub fn parse(text: &str) -> Result<Self, BadRates> {
        let mut rates: Vec<(Currency, ShippingOption)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (id, prices) = part
                .split_once('=')
                .ok_or_else(|| BadRates(format!("`{part}` has no `=`")))?;
            let name = option_name(id.trim())?;
            for price in prices.split_whitespace() {
                let (currency, minor) = read_price(price)?;
                let id = SmolStr::new(id.trim());
                if rates.iter().any(|(c, o)| *c == currency && o.id == id) {
                    return Err(BadRates(format!("`{id}` has two prices in {currency}")));
                }
                let name = name.clone();
                rates.push((
                    currency,
                    ShippingOption {
                        id,
                        name,
                        price: minor,
                    },
                ));
            }
        }
        Ok(Self(rates))
    }

    /// The options of one currency, priced in another by the table of [`crate::conversion`]; those that it cannot price are
    /// left out.
    #[must_use]
    pub fn converted(&self, from: Currency, to: Currency) -> Self {
        let of = self.0.iter().filter(|(known, _)| *known == from);
        let converted = of.filter_map(|(_, option)| {
            let price = conversion::converted(Money::new(option.price, from), to)?.minor;
            let option = ShippingOption {
                price,
                ..option.clone()
            };
            Some((to, option))
        });
        Self(converted.collect())
    }

    /// The options of a currency, the cheapest first, else in the order of the list.
    pub fn options(&self, currency: Currency) -> Vec<ShippingOption> {
        let of = self.0.iter().filter(|(known, _)| *known == currency);
        let mut options: Vec<_> = of.map(|(_, option)| option.clone()).collect();
        options.sort_by_key(|option| option.price);
        options
    }
}

/// `next_day` is shown as `Next day`.
fn option_name(id: &str) -> Result<SmolStr, BadRates> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    let (Some(first), true) = (
        id.get(..1),
        (1..=64).contains(&id.len()) && id.bytes().all(plain),
    ) else {
        return Err(BadRates(format!(
            "`{id}` is no id of an option: 1-64 of a-z, 0-9, '_' and '-'"
        )));
    };
    let rest = id[1..].replace(['_', '-'], " ");
    Ok(format_smolstr!("{}{rest}", first.to_ascii_uppercase()))
}

fn read_price(text: &str) -> Result<(Currency, i64), BadRates> {
    const MOST: i64 = 1_000_000_000;
    let read = || {
        let (currency, minor) = text.split_once(':')?;
        let minor = minor.parse().ok().filter(|it| (0..=MOST).contains(it))?;
        Some((Currency::new(currency).ok()?, minor))
    };
    read().ok_or_else(|| BadRates(format!("`{text}` is no price like USD:599")))
}

/// What the shop has configured for checkouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What sending costs.
    pub rates: Arc<Rates>,
    /// How long a quote binds.
    pub quote_ttl_seconds: i64,
    /// From the last write to the expiry of an open checkout.
    pub ttl_seconds: i64,
    /// How many attempts at paying for one cart may fail within an hour.
    pub attempts_per_hour: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    #[test]
    fn reads_rates_and_offers_the_cheapest_first() {
        let rates = Rates::parse(" express=USD:1499 EUR:1299, standard=USD:599,next_day=USD:599 ");
        let rates = rates.unwrap_or_else(|error| panic!("{error}"));
        let shown = |code| -> Vec<_> {
            let options = rates.options(currency(code)).into_iter();
            options
                .map(|it| (it.id.to_string(), it.name.to_string(), it.price))
                .collect()
        };
        let row = |id: &str, name: &str, price| (id.to_owned(), name.to_owned(), price);
        assert_eq!(
            shown("USD"),
            [
                row("standard", "Standard", 599),
                row("next_day", "Next day", 599),
                row("express", "Express", 1499)
            ]
        );
        assert_eq!(shown("EUR"), [row("express", "Express", 1299)]);
        assert_eq!(shown("JPY"), []);
        assert_eq!(Rates::parse(""), Ok(Rates::default()));
    }

    #[test]
    fn prices_its_options_in_another_currency() {
        let rates = Rates::parse("express=USD:1499 EUR:1, standard=USD:599");
        let rates = rates.unwrap_or_else(|error| panic!("{error}"));
        let priced = |to| -> Vec<_> {
            let rates = rates.converted(currency("USD"), currency(to));
            let options = rates.options(currency(to)).into_iter();
            options.map(|it| it.price).collect()
        };
        assert_eq!(priced("EUR"), [530, 1326]);
        assert_eq!(priced("USD"), [599, 1499]);
        assert_eq!(priced("KWD"), [0_i64; 0]);
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for bad in [
            "standard",
            "standard=USD",
            "standard=USD:-1",
            "standard=XXQ:1",
            "Standard=USD:1",
            "=USD:1",
            "a=USD:1 USD:2",
            "a=USD:1,a=USD:1",
            "ä=USD:1",
            "a=USD:9999999999",
        ] {
            assert!(Rates::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_and_prices_have_limits() {
        let price = |text: &str| {
            let rates = Rates::parse(text).ok()?;
            rates.options(currency("USD")).first().map(|it| it.price)
        };
        assert_eq!(price("a=USD:0"), Some(0));
        assert_eq!(price("a=USD:1000000000"), Some(1_000_000_000));
        assert_eq!(price("a=USD:1000000001"), None);
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        assert_eq!(price(&format!("{longest}=USD:1")), Some(1));
        assert_eq!(price(&format!("{longer}=USD:1")), None);
        for id in ["a-b", "a_b", "1a"] {
            assert_eq!(price(&format!("{id}=USD:1")), Some(1), "{id}");
        }
        for id in ["a b", "a.b", "aB"] {
            assert_eq!(price(&format!("{id}=USD:1")), None, "{id}");
        }
        // One price in a currency for each option, and each option one of its own.
        assert!(Rates::parse("a=USD:1 EUR:1, b=USD:1").is_ok());
    }
}
