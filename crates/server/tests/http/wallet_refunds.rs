//! Refunds and wallets: money that goes into one, and that comes back to one.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Bought, Paying, check, paying, race, text, units, usd, whole};
use crate::wallets::{Wallet, books_balance};

/// What one thing with its sending costs.
const TOTAL: i64 = 1599;

/// An order of so many of one thing by a wallet's customer.
#[track_caller]
fn order(
    paying: &Paying,
    wallet: &Wallet,
    quantity: i64,
    payment: impl FnOnce(i64) -> Value,
) -> Bought {
    let level = paying.shop.stocked(100);
    let cart = paying.shop.cart_for(&wallet.customer);
    paying.order_in(cart, &[level], &[quantity], payment)
}

fn by_card(_: i64) -> Value {
    json!({"method": "card", "token": "tok_visa"})
}

fn card_part(amount: i64) -> Value {
    json!({"method": "card", "token": "tok_visa", "amount": usd(amount)})
}

fn wallet_part(amount: i64) -> Value {
    json!({"method": "wallet", "amount": usd(amount)})
}

#[test]
fn a_card_s_money_goes_into_the_wallet_at_once() {
    let paying = paying();
    let wallet = Wallet::new(&paying.shop);
    let bought = order(&paying, &wallet, 1, by_card);
    let body = json!({"lines": units(&[("ln_1", 1)]), "to": "wallet"});
    let refund = bought.refund_with("one", body.clone()).is(201).json();
    check(
        &refund,
        json!({"amount": usd(1000), "to": "wallet", "state": "succeeded", "parts": [{"amount": usd(1000), "state": "succeeded"}]}),
    );
    assert!(refund["settled_at"].is_string(), "{refund}");
    let again = bought.refund_with("one", body);
    assert!(again.replayed());
    assert_eq!(again.json(), refund);
    assert_eq!(wallet.figures("USD"), [1000, 0, 1000]);
    let entries = wallet.entries();
    check(
        &entries[0],
        json!({"type": "refund", "amount": usd(1000), "reference": refund["id"], "order_id": bought.id,
               "postings": [{"account": "customer_wallets", "amount": usd(1000)}, {"account": "refunds", "amount": usd(-1000)}]}),
    );
    let read = bought.read();
    check(
        &read,
        json!({"payment_state": "partially_refunded", "lines": [{"refunded": 1}],
               "payments": [{"captured": usd(TOTAL), "refunded": usd(0), "refunded_elsewhere": usd(1000)}]}),
    );
    let note = paying
        .shop
        .get(&format!("/v1/invoices/{}", text(&refund["credit_note"])));
    check(
        &note.admin().send().ok(),
        json!({"kind": "credit_note", "order_id": bought.id, "totals": {"total": usd(1000)}, "refund_state": "succeeded"}),
    );
    // What went into the wallet cannot go back to the card too.
    let problem = bought.refund(json!({"amount": usd(600)}));
    check(
        &problem.refused(409, "exceeds_remaining"),
        json!({"requested": 600, "remaining": 599}),
    );
    bought.refund(json!({"amount": usd(599)})).is(201);
    let read = bought.settled();
    check(
        &read,
        json!({"payment_state": "refunded", "payments": [{"refunded": usd(599)}]}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 599);
    wallet.adds_up("USD");
    books_balance(&paying.shop);
}

#[test]
fn nobody_s_order_has_no_wallet() {
    let paying = paying();
    let bought = paying.order(&[1]);
    let version = bought.read()["version"].clone();
    bought
        .refund(json!({"amount": usd(5), "to": "wallet"}))
        .invalid("to");
    assert_eq!(bought.read()["version"], version);
}

#[test]
fn what_a_wallet_paid_goes_back_to_it_and_the_rest_to_the_card() {
    let paying = paying();
    for wallet_first in [true, false] {
        let wallet = Wallet::with(&paying.shop, 1000);
        let bought = order(&paying, &wallet, 1, |total| {
            let parts = if wallet_first {
                json!([wallet_part(400), card_part(total - 400)])
            } else {
                json!([card_part(total - 400), wallet_part(400)])
            };
            json!({"parts": parts})
        });
        assert_eq!(wallet.figures("USD"), [600, 0, 600]);
        // In the order of the payments.
        let refund = bought.refund(json!({"amount": usd(1300)})).is(201).json();
        let (shares, in_wallet) = if wallet_first {
            ([400, 900], 1000)
        } else {
            ([1199, 101], 701)
        };
        let told: Vec<_> = refund["parts"]
            .as_array()
            .expect("parts")
            .iter()
            .map(|it| whole(&it["amount"]["amount"]))
            .collect();
        assert_eq!(told, shares);
        assert_eq!(refund["state"], "succeeded");
        assert_eq!(wallet.figures("USD"), [in_wallet, 0, in_wallet]);
        let by_card = if wallet_first { 900 } else { 1199 };
        assert_eq!(paying.gateway.refunded(&bought.cart.id), by_card);
        bought.refund(json!({"amount": usd(299)})).is(201);
        check(&bought.settled(), json!({"payment_state": "refunded"}));
        assert_eq!(wallet.figures("USD"), [1000, 0, 1000]);
        wallet.adds_up("USD");
    }
    books_balance(&paying.shop);
}

#[test]
fn a_cancelled_order_gives_a_wallet_its_money_back() {
    let paying = paying();
    for part in [TOTAL, 700] {
        let wallet = Wallet::with(&paying.shop, TOTAL);
        let bought = order(&paying, &wallet, 1, |total| {
            let mut parts = vec![wallet_part(part)];
            if part < total {
                parts.push(card_part(total - part));
            }
            json!({"parts": parts})
        });
        assert_eq!(wallet.figures("USD")[0], TOTAL - part);
        bought.post("/cancel", json!({})).is(200);
        let read = bought.settled();
        check(
            &read,
            json!({"state": "cancelled", "payment_state": "refunded"}),
        );
        assert_eq!(wallet.figures("USD"), [TOTAL, 0, TOTAL]);
        assert_eq!(paying.gateway.refunded(&bought.cart.id), TOTAL - part);
        check(&bought.levels[0].read(), json!({"available": 100}));
        wallet.adds_up("USD");
    }
    books_balance(&paying.shop);
}

#[test]
fn fifty_at_once_give_back_exactly_what_remains() {
    let paying = paying();
    let wallet = Wallet::new(&paying.shop);
    let bought = order(&paying, &wallet, 3, by_card);
    // Three units: three refunds, wherever they go, and each by a credit note of its own.
    let answers = race(50, |n| {
        let to = if n % 2 == 0 { "wallet" } else { "original" };
        bought.refund(json!({"lines": units(&[("ln_1", 1)]), "to": to}))
    });
    let (done, left): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 201);
    assert_eq!(done.len(), 3);
    for answer in left {
        check(
            &answer.refused(409, "exceeds_remaining"),
            json!({"requested": 1, "remaining": 0}),
        );
    }
    let read = bought.settled();
    check(
        &read,
        json!({"lines": [{"refunded": 3}], "payment_state": "partially_refunded"}),
    );
    let notes: HashSet<_> = done
        .iter()
        .map(|it| text(&it.json()["credit_note"]))
        .collect();
    assert_eq!(notes.len(), 3);
    let by_card = paying.gateway.refunded(&bought.cart.id);
    assert_eq!(wallet.figures("USD")[0] + by_card, 3000);
    wallet.adds_up("USD");
    books_balance(&paying.shop);
}
