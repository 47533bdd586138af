//! What buyers are written after they have bought.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::outside::{Mailbox, SOON, message_id};
use crate::support::{eventually, text, uuid};
use crate::world::{World, card};

/// Letters by their subject: how many, told apart by their Message-ID.
fn subjects(letters: &[String]) -> BTreeMap<String, usize> {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for letter in letters {
        let subject = letter
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "));
        let subject = subject.expect("a subject").trim().to_owned();
        ids.insert(message_id(letter), subject);
    }
    let mut counts = BTreeMap::new();
    for subject in ids.into_values() {
        *counts.entry(subject).or_default() += 1;
    }
    counts
}

#[test]
fn each_thing_that_happens_to_an_order_is_one_letter() {
    let Some(mailbox) = Mailbox::start() else {
        return;
    };
    let world = World::with("letters", vec![Gateway::start("a")], |setup| {
        setup
            .argument("--smtp")
            .argument(&format!("smtp://{}", mailbox.address))
            .argument("--mail-from")
            .argument("Shop <shop@example.com>")
    });
    let shop = world.shop();
    let post = |path: &str, body: Value| {
        let asked = shop.post(path).admin().idempotency_key(&uuid());
        asked.json(body).send()
    };
    let done = world
        .complete(&world.purchase(3), 10, card("tok_visa"))
        .ok();
    let order = format!("/v1/orders/{}", text(&done["order_id"]));
    let lines = |units: i64| json!([{"line_id": "ln_1", "quantity": units}]);
    post(&format!("{order}/fulfillments"), json!({"lines": lines(3)})).is(201);
    let cheaper = shop.stocked_with(9, json!({"prices": [{"amount": 400, "currency": "USD"}]}));
    let new = json!([{"sku": cheaper.sku, "quantity": 1}]);
    let wanted = json!({"return": lines(1), "new": new});
    let exchanged = post(&format!("{order}/exchanges"), wanted).is(201).json();
    let back = format!("/v1/returns/{}/receive", text(&exchanged["return_id"]));
    post(&back, json!({})).is(200);
    let parts = json!({"lines": lines(1), "to": "original", "reason": "broken"});
    post(&format!("{order}/refunds"), parts).is(201);
    let second = world
        .complete(&world.purchase(1), 10, card("tok_visa"))
        .ok();
    let second = format!("/v1/orders/{}", text(&second["order_id"]));
    post(&format!("{second}/cancel"), json!({})).is(200);
    let number = |order: &str| shop.get(order).admin().send().ok()["number"].to_string();
    let made = format!("/v1/orders/{}", text(&exchanged["order_id"]));
    let (first, third, second) = (number(&order), number(&made), number(&second));
    let expected: BTreeMap<String, usize> = [
        (format!("Your order {first} at"), 1),
        (format!("Your order {first} is on its way"), 1),
        (format!("Your exchange for order {first}"), 1),
        (format!("Your order {third} at"), 1),
        (format!("Your return for order {first} is here"), 1),
        // The difference, and what was broken.
        (format!("Your money for order {first} is on its way"), 2),
        (format!("Your order {second} at"), 1),
        (format!("Your order {second} was cancelled"), 1),
        (format!("Your money for order {second} is on its way"), 1),
    ]
    .into();
    let told = |letters: &[String]| -> BTreeMap<String, usize> {
        let told = subjects(letters).into_iter();
        told.map(|(subject, count)| match subject.split_once(" at ") {
            Some((order, _)) => (format!("{order} at"), count),
            None => (subject, count),
        })
        .collect()
    };
    eventually(SOON, "all letters come", || {
        let told = told(&mailbox.letters());
        (told.values().sum::<usize>() >= expected.values().sum()).then_some(())
    });
    // Whoever takes over writes none of them again under another name.
    world.kill();
    world.restart();
    let last = world.complete(&world.purchase(1), 10, card("tok_visa"));
    last.is(200);
    let letters = eventually(SOON, "the next letter comes", || {
        let letters = mailbox.letters();
        let all = told(&letters).values().sum::<usize>();
        (all > expected.values().sum()).then_some(letters)
    });
    let mut told = told(&letters);
    told.retain(|subject, _| expected.contains_key(subject));
    assert_eq!(told, expected);
    let money = letters
        .iter()
        .find(|it| it.contains("Your money for order") && it.contains("6.00 USD"));
    assert!(
        money.is_some_and(|it| it.contains("went back the way you paid") && it.contains("CN-")),
        "{letters:#?}"
    );
}
