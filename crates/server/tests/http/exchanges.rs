//! Exchanges: units come back for others, and the difference is paid.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{
    Bought, Level, Paying, Response, check, fresh, paying, race, text, units, usd, whole,
};
use crate::wallets::{Wallet, books_balance};

/// An order at 10.00 a unit whose units have all left.
#[track_caller]
fn sent(paying: &Paying, quantity: i64) -> Bought {
    let bought = paying.order(&[quantity]);
    bought.fulfill(&[("ln_1", quantity)]).is(201);
    bought
}

/// Something new at a price.
#[track_caller]
fn other(paying: &Paying, price: i64) -> Level {
    paying
        .shop
        .stocked_with(100, json!({"prices": [usd(price)]}))
}

fn body(back: i64, new: &Level, quantity: i64) -> Value {
    json!({"return": units(&[("ln_1", back)]), "new": [{"sku": new.sku, "quantity": quantity}]})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn card(token: &str) -> Value {
    json!({"method": "card", "token": token})
}

fn exchange_with(bought: &Bought, key: &str, body: Value) -> Response {
    let asked = bought.request("POST", "/exchanges").admin();
    asked.idempotency_key(key).json(body).send()
}

fn exchange(bought: &Bought, body: Value) -> Response {
    exchange_with(bought, &fresh("exchange"), body)
}

/// The order that an exchange made, to be spoken to.
#[track_caller]
fn made(bought: &Bought, exchange: &Value) -> Bought {
    bought.other(text(&exchange["order_id"]))
}

fn receive(paying: &Paying, exchange: &Value, body: Value) -> Response {
    let path = format!("/v1/returns/{}/receive", text(&exchange["return_id"]));
    paying.shop.post(&path).admin().json(body).send()
}

#[test]
fn an_equal_price_is_paid_by_what_comes_back() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 2), other(&paying, 1000));
    let answer = exchange(&bought, body(1, &new, 1)).is(201);
    let location = answer.header("location").unwrap_or_default().to_owned();
    let done = answer.json();
    check(
        &done,
        json!({
            "state": "completed", "exchange_of": bought.id, "credit": usd(1000), "refund_due": usd(0), "to": "original",
            "return": {"state": "requested", "order_id": bought.id, "lines": units(&[("ln_1", 1)]), "reason": "exchange"},
            "order": {
                "exchange_of": bought.id, "state": "placed", "payment_state": "captured", "email": "ada@example.com",
                "totals": {"total": usd(1000), "shipping": usd(0)},
                "lines": [{"sku": new.sku, "quantity": 1, "total": usd(1000)}],
                "payments": [{"method": "exchange", "state": "captured", "amount": usd(1000), "provider": null}],
            },
        }),
    );
    assert!(text(&done["id"]).starts_with("exc_"));
    assert_eq!(done["return"]["exchange_id"], done["id"]);
    assert_eq!(done["order"]["id"], done["order_id"]);
    assert_eq!(paying.shop.get(&location).admin().send().ok(), done);
    // The buyer of the first order may see what it was exchanged for.
    let order = paying
        .shop
        .get(&format!("/v1/orders/{}", text(&done["order_id"])));
    check(
        &order.clone().token(&bought.cart.token).send().ok(),
        json!({"exchange_of": bought.id}),
    );
    order.send().refused(404, "not_found");
    let first = bought.read();
    check(
        &first,
        json!({
            "exchange_of": null, "payment_state": "partially_refunded", "lines": [{"refunded": 1}],
            "exchanges": [{"id": done["id"], "order_id": done["order_id"], "return_id": done["return_id"]}],
            "refunds": [{"to": "exchange", "state": "succeeded", "amount": usd(1000), "exchange_id": done["id"]}],
            "payments": [{"refunded": usd(0), "exchanged": usd(1000)}],
        }),
    );
    check(
        &new.read(),
        json!({"on_hand": 100, "allocated": 1, "available": 99}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
    // The return comes, the new one leaves.
    let back = receive(&paying, &done, json!({"refund": true})).ok();
    check(&back, json!({"state": "received", "refund_id": null}));
    made(&bought, &done).fulfill(&[("ln_1", 1)]).is(201);
    check(&bought.levels[0].read(), json!({"on_hand": 99}));
    check(&new.read(), json!({"on_hand": 99, "allocated": 0}));
    let problem = bought.refund(json!({"lines": units(&[("ln_1", 2)])}));
    check(
        &problem.refused(409, "exceeds_remaining"),
        json!({"requested": 2, "remaining": 1}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
}

#[test]
fn a_higher_price_is_paid_now() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 1), other(&paying, 1700));
    let wanted = body(1, &new, 1);
    let problem = exchange(&bought, wanted.clone()).refused(422, "invalid");
    check(
        &problem,
        json!({"amount_due": usd(700), "errors": [{"field": "payment", "code": "required"}]}),
    );
    let paid = with(wanted, "payment", card("tok_visa"));
    let key = fresh("exchange");
    let done = exchange_with(&bought, &key, paid.clone()).is(201).json();
    check(
        &done["order"],
        json!({
            "payment_state": "captured", "totals": {"total": usd(1700)},
            "payments": [
                {"method": "card", "state": "captured", "amount": usd(700), "captured": usd(700)},
                {"method": "exchange", "state": "captured", "amount": usd(1000)},
            ],
        }),
    );
    // The same key is the same exchange, for ever; another body is not.
    let again = exchange_with(&bought, &key, paid.clone()).is(201);
    assert!(again.replayed());
    assert_eq!(again.json(), done);
    let other_body = with(paid, "to", json!("original"));
    exchange_with(&bought, &key, other_body).refused(409, "idempotency_key_reused");
    let checkout = paying
        .shop
        .get(&format!("/v1/checkouts/{}", text(&done["checkout_id"])));
    let checkout = checkout.admin().send().ok();
    let taken = paying
        .gateway
        .effects(&text(&checkout["cart_id"]), "capture");
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["amount"], usd(700));
    let invoice = text(&done["order"]["invoices"][0]);
    let invoice = paying.shop.get(&format!("/v1/invoices/{invoice}"));
    check(
        &invoice.admin().send().ok(),
        json!({"kind": "invoice", "order_id": done["order_id"], "totals": {"total": usd(1700)}}),
    );
    let note = text(&bought.read()["refunds"][0]["credit_note"]);
    let note = paying.shop.get(&format!("/v1/invoices/{note}"));
    check(
        &note.admin().send().ok(),
        json!({"kind": "credit_note", "order_id": bought.id, "totals": {"total": usd(1000)}}),
    );
}

#[test]
fn a_lower_price_goes_back_once_the_units_are_here() {
    let paying = paying();
    for to in ["original", "wallet"] {
        let wallet = Wallet::new(&paying.shop);
        let cart = paying.shop.cart_for(&wallet.customer);
        let level = paying.shop.stocked(100);
        let bought = paying.order_in(cart, &[level], &[2], |_| card("tok_visa"));
        bought.fulfill(&[("ln_1", 2)]).is(201);
        let new = other(&paying, 1500);
        let wanted = with(body(2, &new, 1), "to", json!(to));
        let done = exchange(&bought, wanted).is(201).json();
        check(
            &done,
            json!({"credit": usd(1500), "refund_due": usd(500), "to": to, "order": {"totals": {"total": usd(1500)}, "customer_id": wallet.customer}}),
        );
        assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
        // It is promised: nobody gets it otherwise.
        let problem = bought.refund(json!({"amount": usd(600)}));
        check(
            &problem.refused(409, "exceeds_remaining"),
            json!({"remaining": 599}),
        );
        let answers = race(6, |_| receive(&paying, &done, json!({})));
        for answer in answers {
            answer.is(200);
        }
        let first = bought.settled();
        check(
            &first,
            json!({"refunds": [{"to": "exchange", "amount": usd(1500)}, {"to": to, "amount": usd(500), "state": "succeeded", "return_id": done["return_id"]}]}),
        );
        let (by_card, in_wallet) = if to == "wallet" { (0, 500) } else { (500, 0) };
        assert_eq!(paying.gateway.refunded(&bought.cart.id), by_card);
        assert_eq!(wallet.figures("USD")[0], in_wallet);
        wallet.adds_up("USD");
    }
    books_balance(&paying.shop);
    // A part of the units is worth a part of it.
    let (bought, new) = (sent(&paying, 2), other(&paying, 1500));
    let done = exchange(&bought, body(2, &new, 1)).is(201).json();
    receive(&paying, &done, json!({"lines": units(&[("ln_1", 1)])})).is(200);
    bought.settled();
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
}

#[test]
fn a_declined_exchange_leaves_nothing() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 1), other(&paying, 1700));
    let stock = new.read();
    for (token, reason) in [
        ("tok_declined", "declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_expired", "expired_card"),
    ] {
        let key = fresh("exchange");
        let wanted = with(body(1, &new, 1), "payment", card(token));
        for _ in 0..2 {
            let answer = exchange_with(&bought, &key, wanted.clone());
            let problem = answer.refused(409, "payment_declined");
            assert_eq!(problem["reason"], reason);
        }
    }
    let first = bought.read();
    check(
        &first,
        json!({"payment_state": "captured", "returns": [], "exchanges": [], "refunds": [], "lines": [{"refunded": 0}]}),
    );
    check(
        &new.read(),
        json!({"reserved": 0, "allocated": 0, "available": stock["available"]}),
    );
    // All of it can still be exchanged, and with a card that pays it is.
    let wanted = with(body(1, &new, 1), "payment", card("tok_visa"));
    exchange(&bought, wanted).is(201);
}

#[test]
fn a_wallet_pays_the_difference() {
    let paying = paying();
    let wallet = Wallet::with(&paying.shop, 699);
    let cart = paying.shop.cart_for(&wallet.customer);
    let level = paying.shop.stocked(100);
    let bought = paying.order_in(cart, &[level], &[1], |_| card("tok_visa"));
    bought.fulfill(&[("ln_1", 1)]).is(201);
    let new = other(&paying, 1700);
    let wanted = with(body(1, &new, 1), "payment", json!({"method": "wallet"}));
    let version = bought.read()["version"].clone();
    let problem = exchange(&bought, wanted.clone()).refused(409, "payment_declined");
    check(
        &problem,
        json!({"reason": "insufficient_funds", "requested": 700, "available": 699, "currency": "USD"}),
    );
    assert_eq!(bought.read()["version"], version);
    check(&new.read(), json!({"reserved": 0, "available": 100}));
    wallet.book("credits", 1, "a-cent").is(201);
    let done = exchange(&bought, wanted).is(201).json();
    assert_eq!(wallet.figures("USD"), [0, 0, 0]);
    // Given up before anything came back: the wallet has its money again, and the first order stands as before.
    made(&bought, &done).post("/cancel", json!({})).is(200);
    assert_eq!(wallet.figures("USD"), [700, 0, 700]);
    let first = bought.read();
    check(
        &first,
        json!({"payment_state": "captured", "exchanges": [{"state": "cancelled"}], "returns": [{"state": "cancelled"}],
               "refunds": [{"to": "exchange", "state": "failed"}], "lines": [{"refunded": 0}]}),
    );
    check(
        &made(&bought, &done).read(),
        json!({"state": "cancelled", "payment_state": "refunded"}),
    );
    check(&new.read(), json!({"allocated": 0, "available": 100}));
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
    // So all of it can go back.
    bought
        .refund(json!({"lines": units(&[("ln_1", 1)]), "shipping": true}))
        .is(201);
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 1599);
    wallet.adds_up("USD");
    books_balance(&paying.shop);
}

#[test]
fn what_an_exchange_paid_goes_back_to_the_card_it_came_from() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 1), other(&paying, 1200));
    let wanted = with(body(1, &new, 1), "payment", card("tok_mastercard"));
    let done = exchange(&bought, wanted).is(201).json();
    let second = made(&bought, &done);
    second.fulfill(&[("ln_1", 1)]).is(201);
    receive(&paying, &done, json!({})).is(200);
    // Once more: an exchange of what was exchanged.
    let third = other(&paying, 1200);
    let next = exchange(&second, body(1, &third, 1)).is(201).json();
    receive(&paying, &next, json!({})).is(200);
    let last = made(&bought, &next);
    check(
        &last.read(),
        json!({"exchange_of": second.id, "payments": [{"method": "exchange", "amount": usd(200)}, {"method": "exchange", "amount": usd(1000)}]}),
    );
    let refund = last
        .refund(json!({"lines": units(&[("ln_1", 1)])}))
        .is(201)
        .json();
    check(
        &refund,
        json!({"amount": usd(1200), "state": "succeeded", "to": "original"}),
    );
    check(&last.read(), json!({"payment_state": "refunded"}));
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 1000);
    check(
        &bought.read(),
        json!({"payments": [{"refunded": usd(1000)}], "payment_state": "partially_refunded"}),
    );
    assert!(bought.read()["payments"][0]["exchanged"].is_null());
    check(&second.read(), json!({"payment_state": "refunded"}));
    last.refund(json!({"amount": usd(1)}))
        .refused(409, "exceeds_remaining");
    // What was paid for sending the first one is all that is left.
    let left = bought.refund(json!({"amount": usd(600)}));
    check(
        &left.refused(409, "exceeds_remaining"),
        json!({"remaining": 599}),
    );
}

#[test]
fn after_the_return_a_cancelled_exchange_is_paid_back() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 1), other(&paying, 700));
    let done = exchange(&bought, body(1, &new, 1)).is(201).json();
    receive(&paying, &done, json!({})).is(200);
    bought.settled();
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 300);
    let second = made(&bought, &done);
    second.post("/cancel", json!({})).is(200);
    second.settled();
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 1000);
    check(
        &bought.read(),
        json!({"exchanges": [{"state": "completed"}], "returns": [{"state": "received"}], "payments": [{"refunded": usd(1000)}]}),
    );
}

#[test]
fn the_return_of_an_exchange_is_not_called_off_alone() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 1), other(&paying, 1000));
    let done = exchange(&bought, body(1, &new, 1)).is(201).json();
    let path = format!("/v1/returns/{}/cancel", text(&done["return_id"]));
    let cancel = paying.shop.post(&path).admin().json(json!({}));
    cancel.send().refused(409, "invalid_state");
}

#[test]
fn says_what_it_cannot_exchange() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 2), other(&paying, 1000));
    let version = bought.read()["version"].clone();
    let exceeds = exchange(&bought, body(3, &new, 1)).refused(409, "exceeds_remaining");
    check(&exceeds, json!({"requested": 3, "remaining": 2}));
    let paid = |quantity| with(body(1, &new, quantity), "payment", card("tok_visa"));
    let short = exchange(&bought, paid(101)).refused(409, "insufficient_stock");
    check(
        &short,
        json!({"sku": new.sku, "requested": 101, "available": 100}),
    );
    // What was refused under a key stays refused.
    let key = fresh("exchange");
    for replayed in [false, true] {
        let answer = exchange_with(&bought, &key, paid(101));
        answer.refused(409, "insufficient_stock");
        assert_eq!(answer.replayed(), replayed);
    }
    let unknown =
        json!({"return": units(&[("ln_1", 1)]), "new": [{"sku": "no-such-sku", "quantity": 1}]});
    exchange(&bought, unknown).refused(404, "not_found");
    let line = json!({"return": units(&[("ln_9", 1)]), "new": [{"sku": new.sku, "quantity": 1}]});
    exchange(&bought, line).refused(404, "not_found");
    let euros = paying
        .shop
        .stocked_with(5, json!({"prices": [{"amount": 900, "currency": "EUR"}]}));
    exchange(&bought, body(1, &euros, 1)).refused(422, "currency_mismatch");
    for (wanted, field) in [
        (
            json!({"return": [], "new": [{"sku": new.sku, "quantity": 1}]}),
            "return",
        ),
        (json!({"return": units(&[("ln_1", 1)]), "new": []}), "new"),
        (body(0, &new, 1), "return[0].quantity"),
        (body(1, &new, 0), "new[0].quantity"),
        (with(body(1, &new, 1), "x", json!(1)), "x"),
        (with(body(1, &new, 1), "to", json!("wallet")), "to"),
        (
            with(body(1, &new, 2), "payment", json!({"method": "wallet"})),
            "payment.method",
        ),
        (
            with(
                body(1, &new, 2),
                "payment",
                json!({"parts": [{"method": "card", "token": "tok_visa", "amount": usd(999)}]}),
            ),
            "payment.parts",
        ),
    ] {
        exchange(&bought, wanted).invalid(field);
    }
    let keyless = bought.post("/exchanges", body(1, &new, 1));
    keyless.refused(400, "idempotency_key_required");
    let lacking = paying.shop.api_key(&["orders:write"]);
    let asked = bought.request("POST", "/exchanges").key(&lacking);
    let asked = asked.idempotency_key(&fresh("k")).json(body(1, &new, 1));
    assert_eq!(asked.send().refused(403, "forbidden")["scope"], "refunds");
    let fresh_order = paying.order(&[1]);
    let unsent = exchange(&fresh_order, body(1, &new, 1));
    check(
        &unsent.refused(409, "exceeds_remaining"),
        json!({"remaining": 0}),
    );
    assert_eq!(bought.read()["version"], version);
    check(&new.read(), json!({"reserved": 0, "allocated": 0}));
}

#[test]
fn fifty_at_once_exchange_exactly_what_is_there() {
    let paying = paying();
    let (bought, new) = (sent(&paying, 3), other(&paying, 1100));
    let wanted = with(body(1, &new, 1), "payment", card("tok_visa"));
    // With different keys: as often as there are units. With one key: once.
    let answers = race(50, |n| match n % 2 {
        0 => exchange_with(&bought, "one-key", wanted.clone()),
        _ => exchange(&bought, wanted.clone()),
    });
    let done: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
    let orders: HashSet<_> = done.iter().map(|it| text(&it.json()["order_id"])).collect();
    assert_eq!(orders.len(), 3);
    for answer in answers.iter().filter(|it| it.status != 201) {
        answer.refused(409, "exceeds_remaining");
    }
    let first = bought.read();
    check(&first, json!({"lines": [{"refunded": 3}]}));
    assert_eq!(first["returns"].as_array().map(Vec::len), Some(3));
    check(&new.read(), json!({"allocated": 3, "reserved": 0}));
    let notes: HashSet<_> = first["refunds"]
        .as_array()
        .expect("refunds")
        .iter()
        .map(|it| text(&it["credit_note"]))
        .collect();
    assert_eq!(notes.len(), 3);
    let paid: i64 = orders
        .iter()
        .map(|id| {
            let read = paying.shop.get(&format!("/v1/orders/{id}")).admin();
            whole(&read.send().ok()["payments"][0]["captured"]["amount"])
        })
        .sum();
    assert_eq!(paid, 300);
}
