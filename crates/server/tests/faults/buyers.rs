//! Buyers: a cart, a checkout, a payment under one key until there is an answer; then some want their money back, or something else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Load};
use crate::counts::one;
use crate::random::Random;
use crate::support::{Request, Response, address, eventually, text, uuid};
use crate::world::{World, card};

/// Longer than a completion waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// Between two purchases of one buyer.
const THINKS: Duration = Duration::from_millis(60);

/// What buyers choose from.
#[derive(Clone, Debug)]
pub(crate) struct Goods {
    pub(crate) sku: String,
    /// Costs more.
    pub(crate) dearer: String,
}

/// A purchase that was begun, and what its buyer was told in the end.
#[derive(Debug)]
pub(crate) struct Bought {
    pub(crate) checkout: String,
    request: Request,
    answer: Response,
    /// `/v1/orders/...`, where there is one.
    order: Option<String>,
    /// Refunds and exchanges that were acknowledged, under their keys.
    after: Vec<(Request, Response)>,
}

/// One buyer, until the round stops.
pub(crate) fn buy(load: &Load, goods: &Goods, seed: u64) -> Vec<Bought> {
    let (mut random, mut client) = (Random::new(seed), load.client().patient(PATIENCE));
    let mut all = Vec::new();
    while !load.stops() {
        let mut bought = purchase(load, goods, &mut random, &mut client);
        one(&load.counts.purchases);
        if let Some(order) = bought.order.clone() {
            one(&load.counts.orders);
            bought.after = afterwards(load, goods, &mut random, &mut client, &order);
        }
        all.push(bought);
        std::thread::sleep(THINKS);
    }
    all
}

fn purchase(load: &Load, goods: &Goods, random: &mut Random, client: &mut Client) -> Bought {
    let units = 1 + random.below(3);
    let lines = json!([{"sku": goods.sku, "quantity": units}]);
    let body = json!({"currency": "USD", "country": "US", "lines": lines});
    let made = load.request("POST", "/v1/carts").idempotency_key(&uuid());
    let cart = client.insist(made.json(body)).created();
    let (id, token) = (text(&cart["id"]), text(&cart["token"]));
    let fields = json!({"cart_id": id, "email": "ada@example.com", "shipping_address": address("US"),
                        "hold": random.one_in(3)});
    let opened = load.request("POST", "/v1/checkouts").token(&token);
    let opened = client.insist(opened.idempotency_key(&uuid()).json(fields));
    let opened = opened.succeeded().json();
    let checkout = text(&opened["id"]);
    let total = opened["quote"]["totals"]["total"]["amount"].as_i64();
    let payment = payment(random, total.expect("a total"));
    let wait = if random.one_in(4) { 0 } else { 5 };
    let request = load
        .request("POST", &format!("/v1/checkouts/{checkout}/complete"))
        .token(&token)
        .idempotency_key(&uuid())
        .header("Prefer", &format!("wait={wait}"))
        .json(json!({"quote_id": opened["quote"]["id"], "payment": payment}));
    if random.one_in(8) {
        // Gives it up at once, or a little later.
        let path = format!("/v1/checkouts/{checkout}/cancel");
        let give_up = load.request("POST", &path).token(&token);
        client
            .insist(give_up.idempotency_key(&uuid()))
            .one_of(&[200, 202, 409]);
    }
    let answer = ended(client, &request);
    let order =
        (answer.status == 200).then(|| format!("/v1/orders/{}", text(&answer.json()["order_id"])));
    Bought {
        checkout,
        request,
        answer,
        order,
        after: Vec::new(),
    }
}

/// Asks until the attempt has ended.
fn ended(client: &mut Client, request: &Request) -> Response {
    eventually(Duration::from_secs(150), "every-saga-ends", || {
        let answer = client.insist(request.clone());
        (answer.status != 202).then_some(answer)
    })
    .one_of(&[200, 409])
}

fn payment(random: &mut Random, total: i64) -> Value {
    let parts = |tokens: [&str; 2]| {
        let part = |token: &str, amount: i64| json!({"method": "card", "token": token, "amount": {"amount": amount, "currency": "USD"}});
        json!({"parts": [part(tokens[0], 500), part(tokens[1], total - 500)]})
    };
    match random.below(7) {
        0 | 1 => parts(["tok_visa", "tok_mastercard"]),
        2 => parts(["tok_visa", "tok_declined"]),
        3 => card("tok_timeout_after_success"),
        4 => card("tok_insufficient_funds"),
        _ => card("tok_visa"),
    }
}

/// What some do with their order; each under a key, until there is an answer.
fn afterwards(
    load: &Load,
    goods: &Goods,
    random: &mut Random,
    client: &mut Client,
    order: &str,
) -> Vec<(Request, Response)> {
    let mut told = Vec::new();
    let mut ask = |path: &str, body: Value| {
        let asked = load.request("POST", &format!("{order}{path}")).admin();
        let asked = asked.idempotency_key(&uuid()).json(body);
        let answer = ended_or_told(client, &asked);
        told.push((asked, answer));
    };
    let one_unit = json!([{"line_id": "ln_1", "quantity": 1}]);
    match random.below(5) {
        0 | 1 => {
            let money = json!({"amount": 100 + random.below(300), "currency": "USD"});
            for _ in 0..=random.below(2) {
                ask(
                    "/refunds",
                    json!({"amount": money, "to": "original", "reason": "late"}),
                );
                one(&load.counts.refunds);
            }
        }
        2 => ask("/cancel", json!({})),
        3 => {
            ask("/fulfillments", json!({"lines": one_unit}));
            let new = json!([{"sku": goods.dearer, "quantity": 1}]);
            let token = if random.one_in(4) {
                "tok_declined"
            } else {
                "tok_visa"
            };
            let body = json!({"return": one_unit, "new": new, "payment": card(token)});
            ask("/exchanges", body);
            one(&load.counts.exchanges);
        }
        _ => {}
    }
    told
}

fn ended_or_told(client: &mut Client, request: &Request) -> Response {
    eventually(Duration::from_secs(150), "every-refund-ends", || {
        let answer = client.insist(request.clone());
        (answer.status != 202).then_some(answer)
    })
    .one_of(&[200, 201, 409])
}

/// Once all rests: what was promised stands, and who asks again is told the same.
pub(crate) fn check(world: &World, load: &Load, bought: &[Bought]) {
    let mut client = load.client().patient(PATIENCE);
    for it in bought {
        let now = world.checkout(&it.checkout);
        let stands = now["state"] == "completed";
        assert_eq!(
            stands,
            it.answer.status == 200,
            "one-success-for-each-purchase: told {}\nnow {now:#}",
            it.answer.story()
        );
        let again = client.again(&it.request);
        let same = again.status == it.answer.status
            && again.json()["order_id"] == it.answer.json()["order_id"];
        assert!(
            same,
            "the-same-key-is-one-effect: first {}\nthen {}",
            it.answer.story(),
            again.story()
        );
        for (request, first) in &it.after {
            let again = client.again(request);
            let same = again.status == first.status && again.json()["id"] == first.json()["id"];
            assert!(
                same,
                "the-same-key-is-one-effect: first {}\nthen {}",
                first.story(),
                again.story()
            );
        }
    }
}

/// The orders that were acknowledged.
pub(crate) fn orders(bought: &[Bought]) -> impl Iterator<Item = &str> {
    let orders = bought.iter().filter_map(|it| it.order.as_deref());
    orders.filter_map(|it| it.strip_prefix("/v1/orders/"))
}
