use super::super::samples::{Desk, address, whole};
use super::super::{Email, PAST_QUOTES, State, cancel, expire};
use super::*;
use crate::cart::samples::{NOW, cart, currency, shop, sku};
use crate::{CheckoutId, QuoteId};

fn desk(cart: &Cart, change: &Change) -> Desk {
    Desk::open(cart, change, &shop()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[test]
fn prices_at_list_and_sends_the_cheapest_way() {
    let desk = desk(&cart(&[("MUG", 2), ("TEA", 1)]), &whole());
    let terms = &desk.checkout.terms;
    let totals = terms.totals;
    assert_eq!(
        (totals.subtotal, totals.shipping, totals.total),
        (3048, 599, 3647)
    );
    assert_eq!(
        (totals.discount, totals.tax, totals.tax_included),
        (0, 0, false)
    );
    let sum: i64 = terms.lines.iter().map(|line| line.total).sum();
    assert_eq!(sum + totals.shipping, totals.total);
    assert_eq!(terms.shipping_option.as_deref(), Some("standard"));
    let quote = desk.quote();
    assert_eq!(
        (quote.issued_at, quote.expires_at),
        (NOW, NOW.plus_seconds(900))
    );
    assert_eq!(terms.expires_at, NOW.plus_seconds(21_600));
    assert_eq!(
        (desk.checkout.version, terms.contact_id.is_some()),
        (1, true)
    );
}

#[test]
fn says_what_is_missing_and_quotes_when_nothing_is() {
    let cart = cart(&[("MUG", 1)]);
    let mut desk = desk(&cart, &Change::default());
    assert_eq!(
        desk.checkout.terms.missing,
        [Field::Email, Field::ShippingAddress]
    );
    assert_eq!(
        (desk.checkout.terms.quote, desk.checkout.terms.contact_id),
        (None, None)
    );
    assert_eq!(
        desk.update(&cart, &Change::default(), &shop(), NOW),
        Ok(false)
    );
    let email = Change {
        email: whole().email,
        ..Change::default()
    };
    assert_eq!(desk.update(&cart, &email, &shop(), NOW), Ok(true));
    assert_eq!(desk.checkout.terms.missing, [Field::ShippingAddress]);
    assert_eq!(desk.update(&cart, &whole(), &shop(), NOW), Ok(true));
    assert_eq!(desk.checkout.terms.missing, []);
    assert_eq!((desk.quote().id, desk.checkout.version), (QuoteId(4), 3));
    let gone = Change {
        shipping_address: Patch::Clear,
        ..Change::default()
    };
    assert_eq!(desk.update(&cart, &gone, &shop(), NOW), Ok(true));
    assert_eq!(desk.checkout.terms.quote, None);
    assert_eq!(desk.checkout.past_quotes, [QuoteId(4)]);
}

#[test]
fn keeps_a_quote_that_binds_whatever_the_catalogue_does() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &whole());
    let mut shop = shop();
    shop.reprice("MUG", 9999);
    let before = desk.checkout.clone();
    for same in [Change::default(), whole()] {
        let late = NOW.plus_seconds(899);
        assert_eq!(desk.update(&basket, &same, &shop, late), Ok(false));
    }
    assert_eq!(desk.checkout, before);
    let over = NOW.plus_seconds(900);
    assert_eq!(
        desk.update(&basket, &Change::default(), &shop, over),
        Ok(true)
    );
    assert_eq!(desk.checkout.terms.totals.subtotal, 9999);
    assert_eq!(desk.checkout.terms.expires_at, over.plus_seconds(21_600));
}

#[test]
fn any_change_and_any_other_line_makes_a_new_quote() {
    let basket = cart(&[("MUG", 1)]);
    let rows = [
        (
            basket.clone(),
            Change {
                hold: Patch::Set(true),
                ..Change::default()
            },
        ),
        (
            basket.clone(),
            Change {
                shipping_option: Patch::Set("express".into()),
                ..Change::default()
            },
        ),
        (
            basket.clone(),
            Change {
                billing_address: Patch::Set(address("GB")),
                ..Change::default()
            },
        ),
        (cart(&[("MUG", 2)]), Change::default()),
        (cart(&[("MUG", 1), ("TEA", 1)]), Change::default()),
        (
            Cart {
                coupons: vec!["TEN".into()],
                ..basket.clone()
            },
            Change::default(),
        ),
    ];
    for (cart, change) in rows {
        let mut desk = desk(&basket, &whole());
        assert_eq!(
            desk.update(&cart, &change, &shop(), NOW),
            Ok(true),
            "{change:?}"
        );
        assert_eq!((desk.quote().id, desk.checkout.version), (QuoteId(2), 2));
        assert_eq!(desk.checkout.past_quotes, [QuoteId(1)]);
        assert_eq!(
            desk.quote().reservation_id.is_some(),
            desk.checkout.terms.hold
        );
    }
    let touched = Cart {
        version: 77,
        metadata: crate::cart::samples::metadata(serde_json::json!({"a": 1})),
        ..basket.clone()
    };
    let mut desk = desk(&basket, &whole());
    assert_eq!(
        desk.update(&touched, &Change::default(), &shop(), NOW),
        Ok(false)
    );
}

#[test]
fn remembers_so_many_past_quotes() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &whole());
    for n in 0..PAST_QUOTES + 8 {
        let option = if n % 2 == 0 { "express" } else { "standard" };
        let change = Change {
            shipping_option: Patch::Set(option.into()),
            ..Change::default()
        };
        assert_eq!(desk.update(&basket, &change, &shop(), NOW), Ok(true));
    }
    assert_eq!(desk.checkout.past_quotes.len(), PAST_QUOTES);
    assert_eq!(desk.checkout.past_quotes.first(), Some(&QuoteId(9)));
}

#[test]
fn refuses_what_cannot_be_sold_like_this() {
    let japan = Change {
        shipping_address: Patch::Set(address("JP")),
        ..whole()
    };
    let unknown = Change {
        shipping_option: Patch::Set("drone".into()),
        ..whole()
    };
    let gone = |name: &str| {
        let mut shop = shop();
        shop.remove(name);
        shop
    };
    let rows = [
        (cart(&[]), whole(), shop(), "Invalid"),
        (cart(&[("MUG", 1)]), unknown, shop(), "Invalid"),
        (cart(&[("GOLD", 1)]), japan, shop(), "NotSoldHere"),
        (
            cart(&[("MUG", 1), ("TEA", 1)]),
            whole(),
            gone("TEA"),
            "NotFound",
        ),
        (
            Cart {
                currency: currency("EUR"),
                ..cart(&[("GOLD", 1)])
            },
            whole(),
            shop(),
            "CurrencyMismatch",
        ),
        (
            Cart {
                expires_at: NOW,
                ..cart(&[("MUG", 1)])
            },
            whole(),
            shop(),
            "CartClosed",
        ),
    ];
    for (cart, change, shop, name) in rows {
        let refused = Desk::open(&cart, &change, &shop).map(|desk| desk.checkout);
        let Err(refusal) = refused else {
            panic!("{name}: opened");
        };
        assert!(
            format!("{refusal:?}").starts_with(name),
            "{name}: {refusal:?}"
        );
        let fine = super::super::samples::whole();
        let mut desk = desk(&crate::cart::samples::cart(&[("PEN", 2)]), &fine);
        let before = desk.checkout.clone();
        assert!(desk.update(&cart, &change, &shop, NOW).is_err(), "{name}");
        assert_eq!(desk.checkout, before, "{name}");
    }
}

#[test]
fn a_currency_that_nothing_is_sent_for_stays_incomplete() {
    let yen = Cart {
        currency: currency("GBP"),
        ..cart(&[("MUG", 1)])
    };
    let mut shop = shop();
    shop.reprice("MUG", 0);
    let refused = Desk::open(&yen, &whole(), &shop).map(|desk| desk.checkout);
    assert!(matches!(refused, Err(Refusal::CurrencyMismatch { sku: of, .. }) if of == sku("MUG")));
    let mut rules = super::super::samples::rules();
    rules.rates = Default::default();
    let against = Against {
        goods: &shop,
        rules: &rules,
        now: NOW,
    };
    let fresh = super::super::samples::fresh(1);
    let opened = open(&cart(&[("MUG", 1)]), &whole(), &fresh, against);
    let opened = opened.unwrap_or_else(|refusal| panic!("{refusal}"));
    let terms = opened.terms().unwrap_or_else(|| panic!("no terms"));
    assert_eq!(
        (terms.missing.as_slice(), terms.quote),
        (&[Field::ShippingOption][..], None)
    );
}

#[test]
fn takes_no_changes_after_its_end() {
    let basket = cart(&[("MUG", 1)]);
    let mut open = desk(&basket, &whole());
    let over = open.checkout.terms.expires_at;
    assert_eq!(expire(&open.checkout, crate::Time(over.0 - 1)), None);
    assert_eq!(expire(&open.checkout, over), Some(Event::Expired));
    let late = open.update(&basket, &whole(), &shop(), over);
    assert!(matches!(
        late,
        Err(Refusal::InvalidState {
            state: "expired",
            ..
        })
    ));
    assert!(matches!(
        cancel(&open.checkout, over),
        Err(Refusal::InvalidState {
            state: "expired",
            ..
        })
    ));
    let cancelled = cancel(&open.checkout, NOW).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(cancelled, Some(Event::Cancelled));
    open.apply(&Event::Cancelled, NOW);
    assert_eq!(
        (open.checkout.state, open.checkout.version),
        (State::Cancelled, 2)
    );
    assert_eq!(cancel(&open.checkout, over), Ok(None));
    let change = open.update(&basket, &whole(), &shop(), NOW);
    assert!(matches!(
        change,
        Err(Refusal::InvalidState {
            state: "cancelled",
            ..
        })
    ));
    assert_eq!(open.checkout.id, CheckoutId(1));
}

#[test]
fn an_address_is_replaced_whole_and_the_rest_stays() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &whole());
    let other = Email::new("grace@example.com").unwrap_or_else(|error| panic!("{error}"));
    let change = Change {
        email: Patch::Set(other.clone()),
        ..Change::default()
    };
    assert_eq!(desk.update(&basket, &change, &shop(), NOW), Ok(true));
    let contact = desk.contact.clone().unwrap_or_else(|| panic!("no contact"));
    assert_eq!(contact.email, Some(other));
    assert_eq!(contact.shipping_address, Some(address("US")));
    assert_eq!(contact.billed_to(), Some(&address("US")));
}

#[test]
fn what_is_still_incomplete_and_the_same_is_no_change_however_late() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &Change::default());
    let same = Change::default();
    for seconds in [0, 60] {
        let now = NOW.plus_seconds(seconds);
        assert_eq!(desk.update(&basket, &same, &shop(), now), Ok(false));
    }
    let more = cart(&[("MUG", 2)]);
    assert_eq!(desk.update(&more, &same, &shop(), NOW), Ok(true));
    assert_eq!(desk.checkout.version, 2);
}

#[test]
fn a_contact_is_recorded_when_it_is_another_one() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &whole());
    let first = desk.checkout.terms.contact_id;
    assert!(first.is_some() && desk.contact.is_some());
    let rules = desk.rules.clone();
    let against = Against {
        goods: &shop(),
        rules: &rules,
        now: NOW,
    };
    let renewed = |desk: &Desk, change: &Change| {
        let fresh = super::super::samples::fresh(7);
        let contact = desk.contact.as_ref();
        let renewed = update(&desk.checkout, contact, &basket, change, &fresh, against);
        renewed.expect("it is open").expect("another option")
    };
    let express = Change {
        shipping_option: Patch::Set("express".into()),
        ..Change::default()
    };
    let same = renewed(&desk, &express);
    assert_eq!(same.contact, None);
    assert_eq!(same.terms().and_then(|it| it.contact_id), first);
    let nobody = Change {
        email: Patch::Clear,
        shipping_address: Patch::Clear,
        ..Change::default()
    };
    let cleared = renewed(&desk, &nobody);
    assert_eq!(cleared.contact, None);
    assert_eq!(cleared.terms().and_then(|it| it.contact_id), None);
    let other = Change {
        email: Patch::Set(Email::new("grace@example.com").expect("an address")),
        ..Change::default()
    };
    let changed = renewed(&desk, &other);
    assert!(changed.contact.is_some());
    let named = changed.terms().and_then(|it| it.contact_id);
    assert_eq!(named, Some(crate::ContactId(7)));
    desk.apply(&changed.event, NOW);
    assert_eq!(desk.checkout.terms.contact_id, named);
}
