//! The price of one variant in one currency.

use super::{Event, MAX_AMOUNT, Product};
use crate::{Money, Refusal, Sku};

/// Checks an amount before anything is loaded.
///
/// # Errors
/// [`Refusal::Invalid`] naming `amount`.
pub fn check_price(price: Money) -> Result<(), Refusal> {
    if (0..=MAX_AMOUNT).contains(&price.minor) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "amount",
        "out_of_range",
        format!("0 to {MAX_AMOUNT} minor units"),
    ))
}

/// Sets a price, in a currency the variant has or in a new one; `None` when it is that already. `expected` is the
/// version of the variant that the caller has seen.
///
/// # Errors
/// In this order: [`Refusal::NotFound`] (`variant`), [`Refusal::VersionRequired`], [`Refusal::VersionConflict`],
/// [`Refusal::Invalid`].
pub fn set_price(
    current: &Product,
    sku: &Sku,
    expected: Option<u64>,
    price: Money,
) -> Result<Option<Event>, Refusal> {
    let variant = current
        .variant(sku)
        .ok_or_else(|| Refusal::not_found("variant", sku))?;
    let expected = expected.ok_or(Refusal::VersionRequired)?;
    if expected != variant.version {
        return Err(Refusal::VersionConflict {
            current: variant.version,
        });
    }
    check_price(price)?;
    let same = variant.price(price.currency) == Some(price);
    Ok((!same).then(|| Event::PriceSet {
        sku: sku.clone(),
        price,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{product, sku};
    use super::*;
    use crate::Currency;

    #[test]
    fn refuses_in_the_promised_order() {
        let usd = product().variants[0].data.prices[0].currency;
        let check = |name: &str, expected, minor| {
            set_price(&product(), &sku(name), expected, Money::new(minor, usd)).err()
        };
        assert_eq!(
            check("NONE", None, -1),
            Some(Refusal::not_found("variant", "NONE"))
        );
        assert_eq!(check("MUG-RED", None, -1), Some(Refusal::VersionRequired));
        assert_eq!(
            check("MUG-RED", Some(7), -1),
            Some(Refusal::VersionConflict { current: 1 })
        );
        for minor in [-1, MAX_AMOUNT + 1, i64::MIN, i64::MAX] {
            let refusal = check("MUG-RED", Some(1), minor);
            assert!(
                matches!(refusal, Some(Refusal::Invalid { .. })),
                "{minor}: {refusal:?}"
            );
        }
        for minor in [0, MAX_AMOUNT] {
            assert_eq!(check("MUG-RED", Some(1), minor), None, "{minor}");
        }
    }

    #[test]
    fn the_same_price_is_no_event_and_a_new_currency_is_one()
    -> Result<(), crate::money::BadCurrency> {
        let red = sku("MUG-RED");
        let known = product().variants[0].data.prices[0];
        assert_eq!(set_price(&product(), &red, Some(1), known), Ok(None));
        let yen = Money::new(1500, Currency::new("JPY")?);
        let event = Event::PriceSet {
            sku: red.clone(),
            price: yen,
        };
        assert_eq!(set_price(&product(), &red, Some(1), yen), Ok(Some(event)));
        Ok(())
    }
}
