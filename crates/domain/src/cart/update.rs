//! Changing what is said of a cart: country, currency, customer, metadata.

use super::goods::{refresh, sellable};
use super::limits::{cart_limit, weight};
use super::{Cart, Event, Goods, Line, Metadata, Patch, Rules, Updated};
use crate::{Country, Currency, Refusal, Time};
use smol_str::SmolStr;
use std::sync::Arc;

/// A merge patch of the cart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Update {
    /// Where it is bought from; cleared: as configured.
    pub country: Patch<Country>,
    /// What its prices are in; cleared: as configured.
    pub currency: Patch<Currency>,
    /// Whose it is. Who may set this is decided at the edge.
    pub customer_id: Patch<SmolStr>,
    /// Itself a merge patch of the metadata; cleared: all of it goes.
    pub metadata: Patch<Metadata>,
}

/// Changes the cart; `None` when all is so already. Another currency reprices every line. Refused: `CartClosed`,
/// `NotSoldHere` (a line, in another country), `CurrencyMismatch` (a line, in another currency), `CartLimit`. A line whose
/// SKU is no longer sold hinders nothing: it only loses a price that is in the former currency. Neither do lines of
/// drop-in carts.
pub fn update(
    cart: &Cart,
    request: &Update,
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    cart.require_open(now)?;
    let updated = Updated {
        currency: or_default(&request.currency, cart.currency, rules.currency),
        country: or_default(&request.country, cart.country, rules.country),
        customer_id: request.customer_id.applied(&cart.customer_id),
        metadata: patched(&cart.metadata, &request.metadata),
        set: Vec::new(),
        expires_at: cart.expiry(rules, now),
    };
    if unchanged(cart, &updated) {
        return Ok(None);
    }
    check_metadata(cart, &updated.metadata, rules)?;
    let target = Cart {
        currency: updated.currency,
        country: updated.country,
        ..cart.clone()
    };
    let set = moved_lines(cart, &target, goods)?;
    Ok(Some(Event::Updated(Box::new(Updated { set, ..updated }))))
}

fn or_default<T: Copy>(patch: &Patch<T>, current: T, default: T) -> T {
    match patch {
        Patch::Keep => current,
        Patch::Clear => default,
        Patch::Set(value) => *value,
    }
}

fn patched(current: &Metadata, patch: &Patch<Metadata>) -> Metadata {
    match patch {
        Patch::Keep => current.clone(),
        Patch::Clear => Metadata::default(),
        Patch::Set(patch) => current.patched(patch),
    }
}

fn unchanged(cart: &Cart, updated: &Updated) -> bool {
    cart.currency == updated.currency
        && cart.country == updated.country
        && cart.customer_id == updated.customer_id
        && cart.metadata == updated.metadata
}

fn check_metadata(cart: &Cart, metadata: &Metadata, rules: &Rules) -> Result<(), Refusal> {
    let grows = metadata.weight() > cart.metadata.weight();
    if grows && metadata.weight().saturating_add(weight(&cart.lines)) > rules.max_metadata_bytes {
        return cart_limit(format!(
            "a cart takes at most {} bytes of metadata",
            rules.max_metadata_bytes
        ));
    }
    Ok(())
}

/// Lines that must change because of the new country and currency; one that cannot be sold so refuses the whole.
fn moved_lines(cart: &Cart, target: &Cart, goods: &dyn Goods) -> Result<Vec<Arc<Line>>, Refusal> {
    let repriced = cart.currency != target.currency;
    if !repriced && cart.country == target.country {
        return Ok(Vec::new());
    }
    let mut set = Vec::new();
    for line in &cart.lines {
        if goods.find(&line.sku).is_some() {
            sellable(target, goods, &line.sku)?;
        }
        if repriced {
            let mut moved = Line {
                unit_price: None,
                ..Line::clone(line)
            };
            refresh(&mut moved, target.currency, goods);
            if moved != **line {
                set.push(Arc::new(moved));
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;
    use serde_json::json;

    #[test]
    fn another_currency_reprices_every_line() {
        let cart = cart(&[("MUG", 1), ("TEA", 2)]);
        let request = Update {
            currency: Patch::Set(currency("EUR")),
            ..Update::default()
        };
        let euro = after(
            &cart,
            update(&cart, &request, &shop(), &rules(), NOW).unwrap_or_default(),
        );
        let prices: Vec<_> = euro
            .lines
            .iter()
            .filter_map(|line| line.unit_price)
            .collect();
        assert_eq!(prices, [money(1199, "EUR"), money(400, "EUR")]);
        assert_eq!(update(&euro, &request, &shop(), &rules(), NOW), Ok(None));
        let back = Update {
            currency: Patch::Clear,
            ..Update::default()
        };
        let dollars = after(
            &euro,
            update(&euro, &back, &shop(), &rules(), NOW).unwrap_or_default(),
        );
        assert_eq!((dollars.lines, dollars.version), (cart.lines, 3));
    }

    #[test]
    fn refuses_a_country_or_currency_that_a_line_is_not_sold_in() {
        let cart = cart(&[("MUG", 1), ("GOLD", 1)]);
        let euro = Update {
            currency: Patch::Set(currency("EUR")),
            ..Update::default()
        };
        let mismatch = Refusal::CurrencyMismatch {
            sku: sku("GOLD"),
            currency: currency("EUR"),
        };
        assert_eq!(update(&cart, &euro, &shop(), &rules(), NOW), Err(mismatch));
        let japan = Update {
            country: Patch::Set(country("JP")),
            ..Update::default()
        };
        let denied = Refusal::NotSoldHere {
            sku: sku("GOLD"),
            country: country("JP"),
        };
        assert_eq!(update(&cart, &japan, &shop(), &rules(), NOW), Err(denied));
        let mut shop = shop();
        shop.remove("GOLD");
        let moved = after(
            &cart,
            update(&cart, &euro, &shop, &rules(), NOW).unwrap_or_default(),
        );
        let prices: Vec<_> = moved.lines.iter().map(|line| line.unit_price).collect();
        assert_eq!(prices, [Some(money(1199, "EUR")), None]);
    }

    #[test]
    fn customer_and_metadata_are_patched() {
        let cart = cart(&[]);
        let patch = |value| Update {
            metadata: Patch::Set(metadata(value)),
            ..Update::default()
        };
        let set = Update {
            customer_id: Patch::Set("ada".into()),
            ..patch(json!({"a": 1, "b": 2}))
        };
        let cart = after(
            &cart,
            update(&cart, &set, &shop(), &rules(), NOW).unwrap_or_default(),
        );
        let cart = after(
            &cart,
            update(&cart, &patch(json!({"a": null})), &shop(), &rules(), NOW).unwrap_or_default(),
        );
        assert_eq!(
            (cart.customer_id.as_deref(), cart.metadata.clone()),
            (Some("ada"), metadata(json!({"b": 2})))
        );
        assert_eq!(
            update(&cart, &patch(json!({"a": null})), &shop(), &rules(), NOW),
            Ok(None)
        );
        assert_eq!(
            update(&cart, &Update::default(), &shop(), &rules(), NOW),
            Ok(None)
        );
        let small = Rules {
            max_metadata_bytes: 10,
            ..rules()
        };
        let refused = update(
            &cart,
            &patch(json!({"c": "0123456789"})),
            &shop(),
            &small,
            NOW,
        );
        assert!(matches!(refused, Err(Refusal::CartLimit { .. })));
        let cleared = Update {
            customer_id: Patch::Clear,
            metadata: Patch::Clear,
            ..Update::default()
        };
        let cart = after(
            &cart,
            update(&cart, &cleared, &shop(), &small, NOW).unwrap_or_default(),
        );
        assert_eq!(
            (cart.customer_id, cart.metadata),
            (None, Metadata::default())
        );
    }

    #[test]
    fn metadata_may_grow_as_far_as_configured_and_always_shrink() {
        let line = super::super::Add {
            metadata: metadata(json!({"l": 1})),
            ..wanted("MUG", 1)
        };
        let cart = made(&super::super::Create {
            metadata: metadata(json!({"a": "0123456789"})),
            lines: vec![line.clone()],
            ..super::super::Create::default()
        });
        let run = |value, max_metadata_bytes| {
            let request = Update {
                metadata: Patch::Set(metadata(value)),
                ..Update::default()
            };
            let tight = Rules {
                max_metadata_bytes,
                ..rules()
            };
            update(&cart, &request, &shop(), &tight, NOW)
        };
        let grown = json!({"a": "0123456789abc"});
        let all = metadata(grown.clone()).weight() + line.metadata.weight();
        assert!(run(grown.clone(), all).is_ok());
        assert!(matches!(
            run(grown, all - 1),
            Err(Refusal::CartLimit { .. })
        ));
        // Another text of the same length, and a shorter one.
        assert!(run(json!({"a": "9876543210"}), 1).is_ok());
        assert!(run(json!({"a": "0"}), 1).is_ok());
    }
}
