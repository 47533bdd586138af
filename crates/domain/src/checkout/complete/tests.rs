use super::super::samples::{Desk, whole};
use super::super::{Change, Event, Staleness};
use super::*;
use crate::Time;
use crate::cart::samples::{NOW, Shop, cart, shop};
use crate::cart::{Patch, State};

fn desk(cart: &Cart, change: &Change) -> Desk {
    Desk::open(cart, change, &shop()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn tried(
    desk: &Desk,
    cart: &Cart,
    quote: u128,
    shop: &Shop,
    now: Time,
) -> Result<QuoteId, Refusal> {
    let against = Against {
        goods: shop,
        rules: &desk.rules,
        now,
    };
    accept(&desk.checkout, cart, QuoteId(quote), against).map(|quote| quote.id)
}

fn stale(tried: Result<QuoteId, Refusal>) -> (Staleness, i64) {
    match tried {
        Err(Refusal::QuoteStale { reason, totals, .. }) => (reason, totals.total),
        other => panic!("not stale: {other:?}"),
    }
}

#[test]
fn takes_the_quote_as_long_as_it_binds() {
    let basket = cart(&[("MUG", 2)]);
    let desk = desk(&basket, &whole());
    let mut dear = shop();
    dear.reprice("MUG", 5000);
    for now in [NOW, NOW.plus_seconds(899)] {
        assert_eq!(tried(&desk, &basket, 1, &dear, now), Ok(QuoteId(1)));
    }
}

#[test]
fn says_why_a_quote_does_not_bind_and_what_it_would_cost_now() {
    let basket = cart(&[("MUG", 2)]);
    let mut desk = desk(&basket, &whole());
    let mut dear = shop();
    dear.reprice("MUG", 5000);
    let over = NOW.plus_seconds(900);
    assert_eq!(
        stale(tried(&desk, &basket, 1, &dear, over)),
        (Staleness::Expired, 10_599)
    );
    let more = cart(&[("MUG", 3)]);
    assert_eq!(
        stale(tried(&desk, &more, 1, &shop(), NOW)),
        (Staleness::CartChanged, 4496)
    );
    assert_eq!(
        stale(tried(&desk, &basket, 7, &shop(), NOW)),
        (Staleness::Unknown, 3197)
    );
    let express = Change {
        shipping_option: Patch::Set("express".into()),
        ..Change::default()
    };
    assert_eq!(desk.update(&basket, &express, &shop(), NOW), Ok(true));
    assert_eq!(
        stale(tried(&desk, &basket, 1, &shop(), NOW)),
        (Staleness::Superseded, 4097)
    );
    assert_eq!(tried(&desk, &basket, 2, &shop(), NOW), Ok(QuoteId(2)));
    let mut less = shop();
    less.remove("MUG");
    let emptied = tried(&desk, &cart(&[]), 2, &less, NOW);
    assert_eq!(stale(emptied), (Staleness::CartChanged, 1499));
}

#[test]
fn refuses_in_the_order_of_the_contract() {
    let basket = cart(&[("MUG", 1)]);
    let mut desk = desk(&basket, &Change::default());
    let closed = Cart {
        state: State::CheckingOut,
        ..basket.clone()
    };
    let refused = |desk: &Desk, cart: &Cart, now| match tried(desk, cart, 9, &shop(), now) {
        Err(refusal) => format!("{refusal:?}"),
        Ok(quote) => panic!("took {quote}"),
    };
    assert!(
        refused(&desk, &basket, NOW)
            .starts_with("CheckoutIncomplete { missing: [Email, ShippingAddress] }")
    );
    assert!(refused(&desk, &closed, NOW).starts_with("CartClosed"));
    let over = desk.checkout.terms.expires_at;
    assert!(refused(&desk, &closed, over).starts_with("InvalidState { state: \"expired\""));
    desk.apply(&Event::Cancelled, NOW);
    assert!(refused(&desk, &closed, NOW).starts_with("InvalidState { state: \"cancelled\""));
}

#[test]
fn a_quote_follows_what_is_wanted_and_nothing_else() {
    let basket = cart(&[("MUG", 2), ("TEA", 1)]);
    let desk = desk(&basket, &whole());
    let follows = |change: fn(&mut Cart)| {
        let mut cart = basket.clone();
        change(&mut cart);
        desk.checkout.follows(&cart)
    };
    let line = |cart: &mut Cart, change: fn(&mut crate::cart::Line)| {
        change(std::sync::Arc::make_mut(&mut cart.lines[1]));
    };
    assert!(follows(|_| {}));
    assert!(follows(|cart| cart.version += 1));
    // A line that asks for nothing is no line.
    let nothing = |cart: &mut Cart| {
        let mut line = crate::cart::Line::clone(&cart.lines[1]);
        (line.id, line.quantity) = (crate::cart::LineId(9), 0);
        cart.lines.push(std::sync::Arc::new(line));
    };
    let mut with_nothing = basket.clone();
    nothing(&mut with_nothing);
    assert!(desk.checkout.follows(&with_nothing));
    let changes: [fn(&mut crate::cart::Line); 4] = [
        |line| line.quantity += 1,
        |line| line.id = crate::cart::LineId(9),
        |line| line.sku = crate::cart::samples::sku("FREE"),
        |line| line.store = crate::cart::samples::store("north"),
    ];
    for change in changes {
        let mut cart = basket.clone();
        line(&mut cart, change);
        assert!(!desk.checkout.follows(&cart));
    }
    assert!(!follows(|cart| drop(cart.lines.pop())));
    assert!(!follows(|cart| cart.coupons.push("TEN".into())));
    assert!(!follows(
        |cart| cart.currency = crate::cart::samples::currency("EUR")
    ));
}
