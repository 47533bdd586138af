//! Refunds: never more than was taken, never twice, and whatever a provider does in between.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{
    Bought, Paying, Setup, Shop, TempDir, check, fresh, money, paying, race, text, units, usd,
    uuid, whole,
};

fn amount(answer: &Value) -> i64 {
    money(&answer["amount"], "USD")
}

#[test]
fn gives_units_back_to_the_cent() {
    let paying = paying();
    let level = paying.shop.stocked_with(9, json!({"prices": [usd(333)]}));
    let bought = paying.order_of(&[level], &[3]);
    let refund = bought
        .refund(json!({"lines": units(&[("ln_1", 1)])}))
        .is(201);
    let location = refund.header("location").unwrap_or_default().to_owned();
    let refund = refund.json();
    check(
        &refund,
        json!({"order_id": bought.id, "amount": usd(333), "shipping": usd(0), "to": "original", "state": "succeeded",
               "reason": "broken", "lines": [{"line_id": "ln_1", "quantity": 1, "amount": usd(333)}],
               "parts": [{"amount": usd(333), "state": "succeeded"}]}),
    );
    assert!(text(&refund["id"]).starts_with("ref_"));
    assert!(text(&refund["credit_note"]).starts_with("CN-"));
    let read = paying.shop.get(&location).admin().send().ok();
    assert_eq!(read, refund);
    let all = json!({"lines": units(&[("ln_1", 2)]), "shipping": true});
    let rest = bought.refund(all).is(201).json();
    assert_eq!(
        (amount(&rest), money(&rest["shipping"], "USD")),
        (1265, 599)
    );
    let order = bought.read();
    check(
        &order,
        json!({"payment_state": "refunded", "state": "placed", "lines": [{"refunded": 3}]}),
    );
    assert_eq!(order["payments"][0]["refunded"], usd(1598));
    let effects = paying.gateway.effects(&bought.cart.id, "refund");
    let keys: Vec<_> = effects.iter().map(|it| text(&it["key"])).collect();
    assert_eq!(keys[0], format!("{}:refund", text(&refund["id"])));
    let kinds: Vec<_> = order["history"]
        .as_array()
        .expect("history")
        .iter()
        .map(|it| text(&it["type"]))
        .collect();
    assert_eq!(kinds[2..4], ["refund_started", "refund_succeeded"]);
    assert_eq!(order["history"][2]["data"]["refund_id"], refund["id"]);
}

#[test]
fn says_what_it_cannot_give_back() {
    let paying = paying();
    let bought = paying.order(&[2]);
    let exceeds = |body: Value, requested: i64, remaining: i64| {
        let problem = bought.refund(body).refused(409, "exceeds_remaining");
        check(
            &problem,
            json!({"requested": requested, "remaining": remaining}),
        );
    };
    exceeds(json!({"amount": usd(2600)}), 2600, 2599);
    exceeds(json!({"lines": units(&[("ln_1", 3)])}), 3, 2);
    exceeds(json!({"shipping": usd(600)}), 600, 599);
    for (body, field) in [
        (json!({}), "amount"),
        (json!({"amount": usd(0)}), "amount"),
        (json!({"amount": usd(-5)}), "amount"),
        (
            json!({"amount": usd(5), "lines": units(&[("ln_1", 1)])}),
            "amount",
        ),
        (json!({"amount": usd(5), "shipping": true}), "shipping"),
        (json!({"amount": usd(5), "restock": true}), "restock"),
        (json!({"amount": usd(5), "reason": ""}), "reason"),
        (json!({"lines": []}), "lines"),
        (json!({"amount": usd(5), "x": 1}), "x"),
    ] {
        bought.refund(body).invalid(field);
    }
    let euros = json!({"amount": {"amount": 5, "currency": "EUR"}});
    bought.refund(euros).refused(422, "currency_mismatch");
    bought
        .refund(json!({"lines": units(&[("ln_9", 1)])}))
        .refused(404, "not_found");
    let wallet = bought
        .request("POST", "/refunds")
        .admin()
        .idempotency_key(&fresh("k"));
    let wallet = wallet
        .json(json!({"amount": usd(5), "to": "wallet", "reason": "x"}))
        .send();
    wallet.invalid("to");
    let keyless = bought.post("/refunds", json!({"amount": usd(5), "reason": "x"}));
    keyless.refused(400, "idempotency_key_required");
    let nobodys = paying
        .shop
        .post("/v1/orders/ord_00000000000000000000000000/refunds")
        .admin();
    let nobodys = nobodys
        .idempotency_key(&uuid())
        .json(json!({"amount": usd(5), "reason": "x"}));
    nobodys.send().refused(404, "not_found");
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 0);
    assert_eq!(bought.read()["version"], 2);
}

#[test]
fn the_same_key_gives_back_once() {
    let paying = paying();
    let bought = paying.order(&[3]);
    let key = fresh("refund");
    let answers = race(8, |_| bought.refund_with(&key, json!({"amount": usd(700)})));
    let ids: HashSet<_> = answers
        .iter()
        .map(|it| text(&it.clone().is(201).json()["id"]))
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|it| !it.replayed()).count(), 1);
    let again = bought.refund_with(&key, json!({"amount": usd(700)}));
    assert!(again.replayed());
    assert_eq!(again.json()["state"], "succeeded");
    let other = bought.refund_with(&key, json!({"amount": usd(701)}));
    other.refused(409, "idempotency_key_reused");
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 700);
    // What was refused under a key stays refused.
    let key = fresh("refund");
    for replayed in [false, true] {
        let answer = bought.refund_with(&key, json!({"amount": usd(9999)}));
        answer.refused(409, "exceeds_remaining");
        assert_eq!(answer.replayed(), replayed);
    }
}

#[test]
fn many_at_once_never_give_back_more_than_was_taken() {
    let paying = paying();
    let bought = paying.order(&[3]);
    // 35.99 taken: five times 7.00.
    let answers = race(12, |_| bought.refund(json!({"amount": usd(700)})));
    let done: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
    assert_eq!(done.len(), 5);
    for answer in answers.iter().filter(|it| it.status != 201) {
        answer.refused(409, "exceeds_remaining");
    }
    let order = bought.settled();
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 3500);
    assert_eq!(order["payments"][0]["refunded"], usd(3500));
    let notes: HashSet<_> = done
        .iter()
        .map(|it| text(&it.json()["credit_note"]))
        .collect();
    assert_eq!(notes.len(), 5);
}

#[test]
fn a_provider_that_loses_answers_or_lies_gives_back_exactly_once() {
    let paying = paying();
    for kind in [
        "error_before",
        "error_after",
        "close_before",
        "close_after",
        "hang_before",
        "hang_after",
        "lie_ok",
        "lie_fail",
        "forget_key",
    ] {
        let bought = paying.order(&[1]);
        paying.gateway.fault("refund", kind, &bought.cart.id, 1);
        let refund = bought.refund(json!({"amount": usd(500)})).is(201).json();
        assert_eq!(refund["state"], "succeeded", "{kind}: {refund}");
        assert_eq!(paying.gateway.refunded(&bought.cart.id), 500, "{kind}");
        assert_eq!(bought.read()["payments"][0]["refunded"], usd(500), "{kind}");
    }
}

#[test]
fn a_refund_that_is_refused_for_good_has_failed_and_its_money_is_left() {
    let paying = paying();
    let bought = paying.order(&[1]);
    paying
        .gateway
        .fault("refund", "decline", &bought.cart.id, 1);
    let lines = json!({"lines": units(&[("ln_1", 1)])});
    let refund = bought.refund(lines.clone()).is(201).json();
    assert_eq!(refund["state"], "failed");
    let order = bought.read();
    check(
        &order,
        json!({"payment_state": "captured", "lines": [{"refunded": 0}]}),
    );
    let note = format!("/v1/invoices/{}", text(&refund["credit_note"]));
    let note = paying.shop.get(&note).admin().send().ok();
    assert_eq!(note["refund_state"], "failed");
    let refund = bought.refund(lines).is(201).json();
    assert_eq!(refund["state"], "succeeded");
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 1000);
}

#[test]
fn units_that_are_paid_back_can_be_sold_again() {
    let paying = paying();
    let bought = paying.order(&[3]);
    bought.fulfill(&[("ln_1", 1)]).is(201);
    let level = &bought.levels[0];
    check(
        &level.read(),
        json!({"on_hand": 99, "allocated": 2, "available": 97}),
    );
    // Two have not left and will not; the third came back.
    let body = json!({"lines": units(&[("ln_1", 3)]), "restock": true});
    bought.refund(body).is(201);
    check(
        &level.read(),
        json!({"on_hand": 100, "allocated": 0, "available": 100}),
    );
    let order = bought.read();
    check(
        &order,
        json!({"state": "completed", "lines": [{"fulfilled": 1, "returned": 1, "cancelled": 2, "refunded": 3}]}),
    );
    level.adds_up();
    // Nothing is given up twice.
    bought.request("POST", "/cancel").admin().send().is(200);
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 3000);
}

#[test]
fn several_payments_give_in_their_order() {
    let paying = paying();
    let level = paying.shop.stocked(9);
    let bought = paying.order_paid(&[level], &[3], |total| {
        json!({"parts": [
            {"method": "card", "token": "tok_visa", "amount": usd(1000)},
            {"method": "card", "token": "tok_mastercard", "amount": usd(total - 1000)},
        ]})
    });
    let refund = bought.refund(json!({"amount": usd(1500)})).is(201).json();
    let payments = bought.read()["payments"].clone();
    check(
        &refund,
        json!({"state": "succeeded", "parts": [
            {"payment_id": payments[0]["id"], "amount": usd(1000)},
            {"payment_id": payments[1]["id"], "amount": usd(500)},
        ]}),
    );
    assert_eq!(payments[0]["refunded"], usd(1000));
    assert_eq!(payments[1]["refunded"], usd(500));
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 1500);
}

#[test]
fn a_killed_shop_goes_on_with_its_refunds_and_its_numbers_have_no_gaps() {
    let gateway = Arc::new(crate::support::Gateway::start());
    let dir = Arc::new(TempDir::new("refund-kill"));
    let setup = gateway.setting(Setup::new(&dir));
    let start = || Paying {
        shop: Arc::new(Shop::of(setup.start(), dir.clone())),
        gateway: gateway.clone(),
    };
    let first = start();
    let orders: Vec<Bought> = (0..3).map(|_| first.order(&[1])).collect();
    for bought in &orders {
        // Done, and nobody is told.
        gateway.fault("refund", "hang_after", &bought.cart.id, 1);
        let key = fresh("refund");
        let asked = bought
            .request("POST", "/refunds")
            .admin()
            .idempotency_key(&key);
        let asked = asked
            .header("Prefer", "wait=0")
            .json(json!({"amount": usd(300), "reason": "x"}));
        let refund = asked.send().is(201).json();
        assert_ne!(refund["state"], "failed");
    }
    first.shop.process.kill_now();
    let second = start();
    let mut notes = Vec::new();
    for bought in orders {
        let bought = bought.at(&second);
        let order = bought.settled();
        assert_eq!(order["refunds"][0]["state"], "succeeded");
        assert_eq!(order["payment_state"], "partially_refunded");
        assert_eq!(gateway.refunded(&bought.cart.id), 300);
        notes.push(text(&order["refunds"][0]["credit_note"]));
    }
    assert_eq!(notes, ["CN-000001", "CN-000002", "CN-000003"]);
    let invoices = second
        .shop
        .get("/v1/invoices?kind=invoice")
        .admin()
        .send()
        .ok();
    let numbers = invoices["items"].as_array().expect("items");
    let numbers: Vec<_> = numbers.iter().map(|it| text(&it["number"])).collect();
    assert_eq!(numbers, ["INV-000001", "INV-000002", "INV-000003"]);
    assert_eq!(
        whole(&invoices["items"][0]["totals"]["total"]["amount"]),
        1599
    );
    // The log says the same as the tables.
    second.shop.process.terminate();
    crate::support::eventually(std::time::Duration::from_secs(60), "it ends", || {
        second.shop.process.exit_status()
    });
    let verified = std::process::Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["replay", "--verify", "--data-dir"])
        .arg(dir.data())
        .envs(crate::support::database_of(&dir.data()))
        .output()
        .expect("the binary can be run");
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
}
