//! A wallet as a part of a checkout's payment: held with the stock, taken with the order, free again when it is undone.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::provider::{Provider, refused_capture};
use crate::support::{
    Checkout, Level, Response, Setup, Shop, TempDir, check, fresh, race, text, whole,
};
use crate::wallets::{Wallet, accounts, books_balance, verified};

/// A shop with a provider, and a customer who has something in the wallet.
struct Scene {
    provider: Provider,
    dir: Arc<TempDir>,
    setup: Setup,
    shop: Shop,
    wallet: Wallet,
    level: Level,
}

/// What one thing with its sending costs.
const TOTAL: i64 = 1599;

impl Scene {
    #[track_caller]
    fn new(name: &str, amount: i64) -> Self {
        let (provider, dir) = (Provider::start(), Arc::new(TempDir::new(name)));
        let setup = provider.asked_by(Setup::new(&dir));
        let shop = Shop::of(setup.start(), dir.clone());
        Self {
            dir,
            wallet: Wallet::with(&shop, amount),
            level: shop.stocked(100),
            provider,
            setup,
            shop,
        }
    }

    /// A quoted checkout of one thing for the wallet's customer.
    #[track_caller]
    fn checkout(&self) -> Checkout {
        let cart = self.shop.cart_for(&self.wallet.customer);
        cart.add(&self.level.sku, 1).is(200);
        cart.quoted()
    }

    /// Killed and started again.
    #[track_caller]
    fn killed(self, checkout: Checkout) -> (Self, Checkout) {
        self.shop.process.kill_now();
        let shop = Shop::of(self.setup.start(), self.dir.clone());
        let (wallet, level) = (self.wallet.at(&shop), self.level.at(&shop));
        let checkout = checkout.at(&shop);
        let scene = Self {
            shop,
            wallet,
            level,
            ..self
        };
        (scene, checkout)
    }

    fn complete(&self, checkout: &Checkout, payment: Value, key: &str) -> Response {
        let quote = text(&checkout.quote()["id"]);
        complete(checkout, &quote, payment, key)
    }

    /// The books balance, the wallet adds up, and the tables follow from the log.
    #[track_caller]
    fn adds_up(self) {
        self.wallet.adds_up("USD");
        books_balance(&self.shop);
        self.level.adds_up();
        verified(&self.setup, &self.shop);
    }
}

fn complete(checkout: &Checkout, quote: &str, payment: Value, key: &str) -> Response {
    let request = checkout.request("POST", "/complete").admin();
    let request = request.idempotency_key(key).header("Prefer", "wait=20");
    request
        .json(json!({"quote_id": quote, "payment": payment}))
        .send()
}

fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

fn wallet_part(amount: i64) -> Value {
    json!({"method": "wallet", "amount": usd(amount)})
}

fn card_part(token: &str, amount: i64) -> Value {
    json!({"method": "card", "token": token, "amount": usd(amount)})
}

#[test]
fn a_wallet_alone_pays_and_nobody_outside_is_asked() {
    let scene = Scene::new("wallet-alone", 5000);
    let checkout = scene.checkout();
    let quote = text(&checkout.quote()["id"]);
    let payment = json!({"method": "wallet"});
    let key = fresh("key");
    let done = complete(&checkout, &quote, payment.clone(), &key).ok();
    check(
        &done,
        json!({
            "state": "completed", "attempts": [{"n": 1, "state": "succeeded"}],
            "payments": [{
                "method": "wallet", "provider": null, "provider_id": null, "state": "captured",
                "amount": usd(TOTAL), "captured": usd(TOTAL), "refunded": usd(0),
            }],
        }),
    );
    assert_eq!(scene.wallet.figures("USD"), [5000 - TOTAL, 0, 5000 - TOTAL]);
    let entries = scene.wallet.entries();
    check(
        &entries[1],
        json!({
            "type": "payment", "amount": usd(TOTAL), "balance": usd(5000 - TOTAL),
            "reference": done["payments"][0]["id"], "order_id": done["order_id"],
            "postings": [
                {"account": "customer_wallets", "amount": usd(-TOTAL)}, {"account": "sales", "amount": usd(TOTAL)},
            ],
        }),
    );
    // The same again, by the same key and by others: one purchase.
    assert_eq!(
        complete(&checkout, &quote, payment.clone(), &key).ok(),
        done
    );
    let again = complete(&checkout, &quote, payment, &fresh("key")).ok();
    assert_eq!(again["order_id"], done["order_id"]);
    assert_eq!(scene.wallet.entries().len(), 2);
    assert_eq!(scene.provider.calls(), Vec::<Value>::new());
    let expected = [
        ("customer_wallets", 5000 - TOTAL),
        ("credit_issued", -5000),
        ("sales", TOTAL),
    ];
    let expected = expected.map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(accounts(&scene.shop, "USD"), expected);
    assert_eq!(scene.level.read()["reserved"], 0);
    scene.adds_up();
}

#[test]
fn a_wallet_and_a_card_pay_together() {
    let scene = Scene::new("wallet-and-card", 1000);
    for parts in [
        json!([wallet_part(400), card_part("tok_visa", TOTAL - 400)]),
        json!([card_part("tok_visa", TOTAL - 600), wallet_part(600)]),
    ] {
        let checkout = scene.checkout();
        let done = scene
            .complete(&checkout, json!({"parts": parts}), &fresh("key"))
            .ok();
        let payments = done["payments"].as_array().expect("payments");
        assert!(
            payments.iter().all(|it| it["state"] == "captured"),
            "{done}"
        );
    }
    assert_eq!(scene.wallet.figures("USD"), [0, 0, 0]);
    let ops: Vec<_> = scene
        .provider
        .ledger()
        .iter()
        .map(|it| text(&it["op"]))
        .collect();
    assert_eq!(ops, ["authorize", "capture", "authorize", "capture"]);
    // Two parts of one wallet.
    scene.wallet.book("credits", 2000, "more").is(201);
    let checkout = scene.checkout();
    let parts = json!([wallet_part(600), wallet_part(TOTAL - 600)]);
    let done = scene.complete(&checkout, json!({"parts": parts}), &fresh("key"));
    done.is(200);
    assert_eq!(scene.wallet.figures("USD")[0], 2000 - TOTAL);
    scene.adds_up();
}

#[test]
fn a_declined_card_sets_the_wallet_free() {
    let scene = Scene::new("wallet-declined", 1000);
    let checkout = scene.checkout();
    for (wallet, card) in [(0, 1), (1, 0)] {
        let mut parts = vec![Value::Null; 2];
        parts[wallet] = wallet_part(400);
        parts[card] = card_part("tok_declined", TOTAL - 400);
        let answer = scene.complete(&checkout, json!({"parts": parts}), &fresh("key"));
        let problem = answer.refused(409, "payment_declined");
        assert_eq!(problem["reason"], "declined");
        let read = checkout.read();
        assert_eq!(read["state"], "open", "{read}");
        let payments = read["payments"].as_array().expect("payments");
        let last = &payments[payments.len() - 2..];
        assert_eq!(last[wallet]["state"], "voided", "{read}");
        assert_eq!(last[card]["state"], "declined", "{read}");
        assert_eq!(scene.wallet.figures("USD"), [1000, 0, 1000]);
    }
    assert_eq!(scene.wallet.story(), [("credit".to_owned(), 1000)]);
    assert_eq!(scene.level.read()["reserved"], 0);
    // What is free again pays for the same checkout.
    let parts = json!([wallet_part(1000), card_part("tok_visa", TOTAL - 1000)]);
    let done = scene.complete(&checkout, json!({"parts": parts}), &fresh("key"));
    done.is(200);
    assert_eq!(scene.wallet.figures("USD"), [0, 0, 0]);
    scene.adds_up();
}

#[test]
fn a_card_that_is_not_captured_gives_the_wallet_its_money_back() {
    let scene = Scene::new("wallet-refunded", 1000);
    let checkout = scene.checkout();
    scene.provider.fault(refused_capture());
    let parts = json!([wallet_part(400), card_part("tok_visa", TOTAL - 400)]);
    let answer = scene.complete(&checkout, json!({"parts": parts}), &fresh("key"));
    answer.refused(409, "payment_declined");
    let read = checkout.read();
    check(
        &read["payments"][0],
        json!({"method": "wallet", "captured": usd(400), "refunded": usd(400)}),
    );
    assert_eq!(scene.wallet.figures("USD"), [1000, 0, 1000]);
    let told = [("credit", 1000), ("payment", 400), ("refund", 400)];
    let told = told.map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(scene.wallet.story(), told);
    let entries = scene.wallet.entries();
    assert_eq!(entries[2]["reference"], read["payments"][0]["id"]);
    assert_eq!(entries[2]["order_id"], entries[1]["order_id"]);
    let expected = [
        ("customer_wallets", 1000),
        ("credit_issued", -1000),
        ("sales", 400),
        ("refunds", -400),
    ];
    let expected = expected.map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(accounts(&scene.shop, "USD"), expected);
    scene.adds_up();
}

#[test]
fn too_little_in_the_wallet_changes_nothing() {
    let scene = Scene::new("wallet-poor", TOTAL - 1);
    let checkout = scene.checkout();
    let (before, version) = (checkout.read(), scene.wallet.read()["version"].clone());
    let level = scene.level.read();
    for (payment, requested) in [
        (json!({"method": "wallet"}), TOTAL),
        (
            json!({"parts": [wallet_part(1000), wallet_part(TOTAL - 1000)]}),
            TOTAL - 1000,
        ),
    ] {
        let key = fresh("key");
        for _ in 0..2 {
            let answer = scene.complete(&checkout, payment.clone(), &key);
            let problem = answer.refused(409, "payment_declined");
            check(
                &problem,
                json!({"reason": "insufficient_funds", "checkout_id": checkout.id,
                       "requested": requested, "available": requested - 1, "currency": "USD"}),
            );
        }
    }
    assert_eq!(checkout.read(), before);
    assert_eq!(scene.wallet.read()["version"], version);
    assert_eq!(scene.level.read(), level);
    // With one cent more the same key does it.
    scene.wallet.book("credits", 1, "a-cent").is(201);
    scene
        .complete(&checkout, json!({"method": "wallet"}), &fresh("key"))
        .is(200);
    assert_eq!(scene.wallet.figures("USD"), [0, 0, 0]);
    scene.adds_up();
}

#[test]
fn a_wallet_is_for_its_customer_and_the_scope() {
    let scene = Scene::new("wallet-who", 5000);
    let checkout = scene.checkout();
    let quote = text(&checkout.quote()["id"]);
    let payments = [
        json!({"method": "wallet"}),
        json!({"parts": [wallet_part(TOTAL - 1), card_part("tok_visa", 1)]}),
    ];
    let lacking = scene.shop.api_key(&["checkouts", "carts", "refunds"]);
    for payment in &payments {
        let body = json!({"quote_id": quote, "payment": payment});
        let send = |key: Option<&str>| {
            let request = checkout.request("POST", "/complete").json(body.clone());
            let request = request.idempotency_key(&crate::support::uuid());
            key.map_or(request.clone(), |key| request.key(key)).send()
        };
        assert_eq!(send(None).refused(403, "forbidden")["scope"], "wallets");
        let answer = send(Some(&lacking));
        assert_eq!(answer.refused(403, "forbidden")["scope"], "wallets");
    }
    for (payment, field) in [
        (
            json!({"method": "wallet", "token": "tok_visa"}),
            "payment.token",
        ),
        (
            json!({"method": "wallet", "provider": "a"}),
            "payment.provider",
        ),
        (json!({"method": "wallet", "amount": usd(TOTAL)}), "amount"),
        (json!({"parts": [wallet_part(TOTAL - 1)]}), "payment.parts"),
        (
            json!({"parts": [wallet_part(0), wallet_part(TOTAL)]}),
            "payment.parts",
        ),
        (json!({"method": "purse"}), "payment.method"),
    ] {
        complete(&checkout, &quote, payment, &fresh("key")).invalid(field);
    }
    // A guest has none.
    let guest = scene.shop.cart();
    guest.add(&scene.level.sku, 1).is(200);
    let checkout = guest.quoted();
    for (payment, field) in payments
        .iter()
        .zip(["payment.method", "payment.parts[0].method"])
    {
        scene
            .complete(&checkout, payment.clone(), &fresh("key"))
            .invalid(field);
    }
    assert_eq!(checkout.read()["state"], "open");
    // The key needs the scope, not the checkout's: the token opens that.
    let key = scene.shop.api_key(&["wallets"]);
    let own = scene.checkout();
    let body = json!({"quote_id": own.quote()["id"], "payment": {"method": "wallet"}});
    let request = own.request("POST", "/complete").key(&key);
    let done = request.idempotency_key(&fresh("key")).json(body).send();
    done.is(200);
    assert_eq!(scene.wallet.figures("USD"), [5000 - TOTAL, 0, 5000 - TOTAL]);
    scene.adds_up();
}

#[test]
fn many_purchases_at_once_never_overdraw_a_wallet() {
    let scene = Scene::new("wallet-race", 5 * TOTAL + 100);
    let checkouts: Vec<_> = (0..12).map(|_| scene.checkout()).collect();
    let quotes: Vec<_> = checkouts.iter().map(|it| text(&it.quote()["id"])).collect();
    let answers = race(12, |n| {
        let payment = json!({"method": "wallet"});
        complete(&checkouts[n], &quotes[n], payment, &fresh("key"))
    });
    let paid = answers.iter().filter(|it| it.status == 200).count();
    assert_eq!(paid, 5);
    for answer in answers.iter().filter(|it| it.status != 200) {
        let problem = answer.refused(409, "payment_declined");
        assert_eq!(problem["reason"], "insufficient_funds");
    }
    assert_eq!(scene.wallet.figures("USD"), [100, 0, 100]);
    assert_eq!(whole(&scene.level.read()["reserved"]), 0);
    // Fifty buyers of one cart: one order, one payment.
    scene.wallet.book("credits", 5 * TOTAL, "more").is(201);
    let checkout = scene.checkout();
    let quote = text(&checkout.quote()["id"]);
    let answers = race(50, |_| {
        complete(
            &checkout,
            &quote,
            json!({"method": "wallet"}),
            &fresh("key"),
        )
    });
    let orders: std::collections::HashSet<_> = answers
        .into_iter()
        .map(|it| text(&it.ok()["order_id"]))
        .collect();
    assert_eq!(orders.len(), 1);
    assert_eq!(
        scene.wallet.figures("USD"),
        [4 * TOTAL + 100, 0, 4 * TOTAL + 100]
    );
    scene.adds_up();
}

#[test]
fn what_is_held_cannot_be_taken_out_and_is_held_after_a_kill() {
    let scene = Scene::new("wallet-held", 1000);
    let checkout = scene.checkout();
    let quote = text(&checkout.quote()["id"]);
    let hang = json!({"op": "authorize", "kind": "hang_before", "count": 1});
    scene.provider.fault(hang);
    let parts = json!({"parts": [wallet_part(700), card_part("tok_visa", TOTAL - 700)]});
    let key = fresh("key");
    let request = checkout.request("POST", "/complete").admin();
    let request = request.idempotency_key(&key).header("Prefer", "wait=0");
    let body = json!({"quote_id": quote, "payment": parts});
    request.json(body).send().is(202);
    assert_eq!(scene.wallet.figures("USD"), [1000, 700, 300]);
    let read = checkout.read();
    check(
        &read["payments"][0],
        json!({"method": "wallet", "state": "authorized"}),
    );
    let debit = scene.wallet.book("debits", 301, "out");
    assert_eq!(debit.refused(409, "insufficient_funds")["available"], 300);
    let (scene, checkout) = scene.killed(checkout);
    scene
        .wallet
        .book("debits", 301, "out-2")
        .refused(409, "insufficient_funds");
    scene.wallet.book("debits", 300, "out-3").is(201);
    // The attempt goes on, and its buyer is told how it ended.
    complete(&checkout, &quote, parts, &key).is(200);
    assert_eq!(scene.wallet.figures("USD"), [0, 0, 0]);
    scene.adds_up();
}
