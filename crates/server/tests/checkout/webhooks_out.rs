//! Webhooks out: signed, in order, at least once, to public addresses only; and what never arrives.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cartwright_adapters::payment::signature::verify;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::receiver::{Receiver, Way};
use crate::support::{Response, Setup, eventually, text, uuid};
use crate::world::{Purchase, World, card};

const SOON: Duration = Duration::from_secs(30);

/// A shop that tells loopback, and does not wait long.
fn telling(name: &str, configure: impl FnOnce(Setup) -> Setup) -> World {
    World::with(name, vec![Gateway::start("a")], |setup| {
        let setup = setup
            .argument("--webhooks-allow-private")
            .argument("--webhook-timeout-ms")
            .argument("300")
            .argument("--webhook-retry-base-ms")
            .argument("20");
        configure(setup)
    })
}

fn endpoint(world: &World, url: &str, events: &[&str]) -> Response {
    let request = world.shop().post("/v1/webhook-endpoints").admin();
    request.json(json!({"url": url, "events": events})).send()
}

/// The id of a new endpoint.
#[track_caller]
fn told(world: &World, receiver: &Receiver, events: &[&str]) -> String {
    text(&endpoint(world, &receiver.url(), events).created()["id"])
}

fn deliveries(world: &World, endpoint: &str) -> Vec<Value> {
    let path = format!("/v1/webhook-endpoints/{endpoint}/deliveries?limit=200");
    let page = world.shop().get(&path).admin().send().ok();
    page["items"].as_array().expect("items").clone()
}

fn letters(world: &World) -> Vec<Value> {
    let page = world.shop().get("/v1/dead-letters").admin().send().ok();
    page["items"].as_array().expect("items").clone()
}

#[track_caller]
fn buy(world: &World) -> Purchase {
    let it = world.purchase(1);
    world.complete(&it, 10, card("tok_visa")).is(200);
    it
}

fn types(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|it| text(&it["type"])).collect()
}

/// Messages about one purchase, in the order in which they were taken.
fn about(messages: &[Value], order: &str) -> Vec<Value> {
    let fits = |it: &&Value| it["data"]["order_id"] == order;
    messages.iter().filter(fits).cloned().collect()
}

fn order_of(world: &World, it: &Purchase) -> String {
    text(&world.checkout(&it.checkout)["order_id"])
}

#[test]
fn an_endpoint_hears_of_a_purchase_signed_in_order_and_without_persons() {
    let world = telling("told", |setup| setup);
    let receiver = Receiver::start();
    let shop = world.shop();
    let (key, body) = (
        uuid(),
        json!({"url": receiver.url(), "events": ["order.*", "checkout.*"]}),
    );
    let make = || {
        let request = shop.post("/v1/webhook-endpoints").admin();
        request.idempotency_key(&key).json(body.clone()).send()
    };
    let made = make().created();
    assert_eq!(make().created()["secret"], made["secret"], "a retry");
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{made}");
    let path = format!("/v1/webhook-endpoints/{id}");
    let shown = shop.get(&path).admin().send().ok();
    assert_eq!(shown["secret"], Value::Null);
    let listed = shop.get("/v1/webhook-endpoints").admin().send().ok();
    assert_eq!(listed["items"], json!([shown]));

    let it = world.purchase(2);
    let request = it.completing(&shop, &it.key, 10, card("tok_visa"));
    request.header("Request-Id", "buyer-1").send().is(200);
    let expected = [
        "checkout.opened",
        "checkout.processing",
        "order.placed",
        "order.paid",
        "checkout.completed",
    ];
    eventually(SOON, "all of it is told", || {
        (receiver.taken().len() >= expected.len()).then_some(())
    });
    let came = receiver.came();
    assert_eq!(types(&receiver.taken()), expected);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    for message in &came {
        let signature = message.header("cartwright-signature");
        let now = now.as_secs().cast_signed();
        verify(secret.as_bytes(), now, signature, &message.body).expect("it is signed");
        let said = String::from_utf8_lossy(&message.body).into_owned();
        for person in ["ada@", "Ada", "Square", "SW1Y"] {
            assert!(!said.contains(person), "{said}");
        }
        let body = message.json();
        assert_eq!(message.header("cartwright-event"), body["type"], "{said}");
        assert_eq!(message.header("cartwright-event-id"), body["id"], "{said}");
        assert!(text(&body["id"]).starts_with("evt_"), "{said}");
        assert!(text(&body["at"]).ends_with('Z'), "{said}");
        assert_eq!(message.path, "/hook");
        if body["type"] != "checkout.opened" {
            assert_eq!(message.header("correlation-id"), "buyer-1", "{said}");
        }
    }
    let placed = came[2].json();
    let order = order_of(&world, &it);
    let number = shop.get(&format!("/v1/orders/{order}")).admin().send().ok();
    assert_eq!(placed["data"]["order_id"], order.as_str());
    assert_eq!(placed["data"]["number"], number["number"]);
    assert_eq!(placed["data"]["totals"]["total"], it.total);
    assert_eq!(came[4].json()["data"]["order_id"], order.as_str());
    let ids: BTreeSet<_> = came.iter().map(|it| text(&it.json()["id"])).collect();
    assert_eq!(ids.len(), expected.len());

    let lines = json!([{"line_id": number["lines"][0]["line_id"], "quantity": 2}]);
    let sent = shop
        .post(&format!("/v1/orders/{order}/fulfillments"))
        .admin();
    sent.json(json!({"lines": lines})).send().succeeded();
    eventually(SOON, "the order is completed", || {
        types(&receiver.taken())
            .contains(&"order.completed".to_owned())
            .then_some(())
    });
    let delivered = eventually(SOON, "it is remembered", || {
        let all = deliveries(&world, &id);
        (all.len() == expected.len() + 1).then_some(all)
    });
    for it in &delivered {
        assert_eq!(
            (&it["state"], &it["attempts"]),
            (&json!("delivered"), &json!(1))
        );
        assert_eq!(it["last_status"], "200");
    }
    assert_eq!(delivered[0]["event"], "order.completed", "the newest first");
    let metrics = shop.get("/metrics").admin().send().text();
    assert!(metrics.contains(&format!(
        "cartwright_consumer_lag{{consumer=\"webhook:{id}\"}} "
    )));
    assert!(metrics.contains("cartwright_dead_letters 0"), "{metrics}");
    shop.delete(&path).admin().send().is(204);
    shop.get(&path).admin().send().refused(404, "not_found");
    let count = receiver.came().len();
    buy(&world);
    assert_eq!(receiver.came().len(), count, "nobody is told any more");
    world.replays();
}

#[test]
fn who_may_make_an_endpoint_and_what_it_may_ask_for() {
    let world = telling("asked", |setup| {
        setup.argument("--webhook-endpoints-max").argument("1")
    });
    let shop = world.shop();
    let rows = [
        (json!({"url": "ftp://example.com", "events": ["*"]}), "url"),
        (
            json!({"url": "https://u:p@example.com", "events": ["*"]}),
            "url",
        ),
        (
            json!({"url": "https://example.com", "events": []}),
            "events",
        ),
        (
            json!({"url": "https://example.com", "events": ["order"]}),
            "events[0]",
        ),
        (
            json!({"url": "https://example.com", "events": ["*", "*"]}),
            "events[1]",
        ),
        (json!({"url": "https://example.com"}), "events"),
        (
            json!({"url": "https://example.com", "events": ["*"], "secret": "mine"}),
            "secret",
        ),
    ];
    for (body, field) in rows {
        let request = shop.post("/v1/webhook-endpoints").admin();
        request.json(body).send().invalid(field);
    }
    let key = shop.api_key(&["orders:read"]);
    let request = shop.post("/v1/webhook-endpoints").key(&key);
    let body = json!({"url": "https://example.com", "events": ["*"]});
    request.json(body.clone()).send().refused(403, "forbidden");
    endpoint(&world, "https://example.com/", &["*"]).is(201);
    let full = endpoint(&world, "https://example.com/", &["*"]);
    assert_eq!(full.refused(409, "invalid_state")["state"], "full");
    let unknown = "/v1/webhook-endpoints/whe_00000000000000000000000001";
    for path in [unknown.to_owned(), format!("{unknown}/deliveries")] {
        shop.get(&path).admin().send().refused(404, "not_found");
    }
    shop.delete(unknown)
        .admin()
        .send()
        .refused(404, "not_found");
}

#[test]
fn what_fails_is_sent_again_by_the_same_id_and_nobody_else_waits() {
    let world = telling("faults", |setup| setup);
    let (broken, well, elsewhere) = (Receiver::start(), Receiver::start(), Receiver::start());
    broken.next([
        Way::Status(500),
        Way::Close,
        Way::Hang,
        Way::Redirect(elsewhere.url()),
        Way::Status(404),
    ]);
    let id = told(&world, &broken, &["order.*"]);
    told(&world, &well, &["order.*"]);
    let it = buy(&world);
    eventually(SOON, "the other one is told", || {
        (well.taken().len() == 2).then_some(())
    });
    eventually(SOON, "it is told in the end", || {
        (broken.taken().len() == 2).then_some(())
    });
    assert_eq!(types(&broken.taken()), ["order.placed", "order.paid"]);
    let came = broken.came();
    assert_eq!(came.len(), 7, "five failures");
    for failed in &came[..5] {
        assert_eq!(failed.body, came[5].body, "the same message");
    }
    assert_eq!(broken.taken(), well.taken(), "both hear the same");
    assert!(elsewhere.came().is_empty(), "redirects are not followed");
    let first = eventually(SOON, "it is remembered", || {
        let all = deliveries(&world, &id);
        all.into_iter()
            .find(|it| it["event"] == "order.placed" && it["state"] == "delivered")
    });
    assert_eq!(first["attempts"], 6);
    assert_eq!(about(&broken.taken(), &order_of(&world, &it)).len(), 2);
}

#[test]
fn a_killed_shop_goes_on_where_it_was_and_loses_nothing() {
    let world = telling("killed", |setup| {
        setup.argument("--webhook-tries").argument("50")
    });
    let receiver = Receiver::start();
    let id = told(&world, &receiver, &["order.*"]);
    let mut orders = Vec::new();
    for round in 0..3 {
        receiver.always(if round == 0 {
            Way::Status(200)
        } else {
            Way::Status(503)
        });
        let it = buy(&world);
        orders.push(order_of(&world, &it));
        if round > 0 {
            let count = receiver.came().len();
            eventually(SOON, "it is tried in vain", || {
                (receiver.came().len() > count).then_some(())
            });
            eventually(SOON, "that is known", || {
                let all = deliveries(&world, &id);
                let mut pending = all.iter().filter(|it| it["state"] == "pending");
                pending
                    .any(|it| it["attempts"].as_i64() >= Some(round))
                    .then_some(())
            });
        }
        world.kill();
        world.restart();
    }
    let pending = deliveries(&world, &id);
    let pending = pending
        .iter()
        .find(|it| it["state"] == "pending")
        .expect("one");
    assert_eq!(pending["last_status"], "503");
    assert!(
        pending["attempts"].as_i64() > Some(1),
        "{pending}: it goes on counting"
    );
    receiver.always(Way::Status(200));
    eventually(SOON, "everything arrives", || {
        let taken = receiver.taken();
        let all = orders.iter().all(|order| {
            let told: BTreeSet<_> = types(&about(&taken, order)).into_iter().collect();
            told.len() == 2
        });
        all.then_some(())
    });
    // Whatever came twice came with the same id and the same words.
    let taken = receiver.taken();
    let ids: BTreeSet<_> = taken.iter().map(|it| text(&it["id"])).collect();
    let words: BTreeSet<_> = taken.iter().map(ToString::to_string).collect();
    assert_eq!((ids.len(), words.len()), (6, 6));
    // In order, as far as each message first arrived.
    let mut seen = BTreeSet::new();
    let first: Vec<_> = taken
        .iter()
        .filter(|it| seen.insert(text(&it["id"])))
        .collect();
    let first: Vec<_> = first
        .iter()
        .map(|it| text(&it["data"]["order_id"]))
        .collect();
    let expected: Vec<_> = orders
        .iter()
        .flat_map(|it| [it.clone(), it.clone()])
        .collect();
    assert_eq!(first, expected);
    world.replays();
}

#[test]
fn a_shop_that_stops_in_good_order_tells_nothing_twice() {
    // Where the lease is handed over before the stop, what is on its way at that moment may be told again, by the same id.
    let world = telling("stopped", |setup| {
        setup.with("CARTWRIGHT_FORWARD_WRITES", "false")
    });
    let receiver = Receiver::start();
    told(&world, &receiver, &["order.*"]);
    for round in 1..=2 {
        buy(&world);
        let shop = world.shop();
        shop.process.terminate();
        eventually(SOON, "the shop ends", || shop.process.exit_status());
        world.restart();
        eventually(SOON, "all of it is told", || {
            (receiver.came().len() >= round * 2).then_some(())
        });
    }
    let types = types(&receiver.taken());
    let once = ["order.placed", "order.paid"];
    assert_eq!(types, [once, once].concat());
}

#[test]
fn nobody_on_the_inside_is_spoken_to() {
    let world = World::with("inside", vec![Gateway::start("a")], |setup| {
        let setup = setup.argument("--webhook-tries").argument("2");
        setup.argument("--webhook-retry-base-ms").argument("20")
    });
    let receiver = Receiver::start();
    let port = receiver.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let refused = endpoint(&world, &format!("http://{host}:{port}/"), &["*"]).invalid("url");
        assert_eq!(refused["errors"][0]["code"], "private_address", "{host}");
    }
    // Names that only turn out to be inside when they are looked up.
    let ids = ["127.1", "2130706433", "0x7f000001"].map(|host| {
        let made = endpoint(&world, &format!("http://{host}:{port}/"), &["order.placed"]);
        text(&made.created()["id"])
    });
    buy(&world);
    let dead = eventually(SOON, "they are given up", || {
        let all = letters(&world);
        (all.len() == ids.len()).then_some(all)
    });
    for letter in dead {
        assert!(text(&letter["cause"]).contains("private"), "{letter}");
        assert_eq!(letter["attempts"], 2);
    }
    assert!(receiver.came().is_empty(), "nobody was spoken to");
}

/// `cartwright dead-letters ...`; what it printed.
#[track_caller]
fn command(world: &World, arguments: &[&str], succeeds: bool) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .arg("dead-letters")
        .args(arguments)
        .arg("--server")
        .arg(format!("http://{}", world.shop().address()))
        .env("CARTWRIGHT_ADMIN_KEY", crate::support::ADMIN_KEY)
        .output()
        .expect("the binary can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &said
}

#[test]
fn what_never_arrives_waits_for_somebody_with_what_comes_after_it() {
    let world = telling("dead", |setup| {
        setup.argument("--webhook-tries").argument("2")
    });
    let receiver = Receiver::start();
    let id = told(&world, &receiver, &["order.*"]);
    receiver.next([Way::Status(500), Way::Status(500)]);
    let first = buy(&world);
    let first = order_of(&world, &first);
    let all = eventually(SOON, "both messages are put aside", || {
        let all = letters(&world);
        (all.len() == 2).then_some(all)
    });
    let (dead, parked) = (&all[0], &all[1]);
    assert_eq!(
        (&dead["state"], &dead["type"]),
        (&json!("dead"), &json!("order.placed"))
    );
    assert_eq!(
        (&dead["attempts"], &dead["cause"]),
        (&json!(2), &json!("500"))
    );
    assert_eq!(
        (&parked["state"], &parked["type"]),
        (&json!("parked"), &json!("order.paid"))
    );
    assert_eq!(dead["key"], format!("order:{first}"));
    assert_eq!(dead["consumer"], format!("webhook:{id}"));
    assert!(receiver.taken().is_empty());
    let second = buy(&world);
    let second = order_of(&world, &second);
    eventually(SOON, "other keys go on", || {
        (about(&receiver.taken(), &second).len() == 2).then_some(())
    });
    let metrics = world.shop().get("/metrics").admin().send().text();
    let gauge = format!("cartwright_dead_letters{{consumer=\"webhook:{id}\"}} 2");
    assert!(metrics.contains(&gauge), "{metrics}");
    // What arrived is known, too: nothing is told again after the crash.
    eventually(SOON, "all of it is kept", || {
        let all = deliveries(&world, &id);
        let arrived = all.iter().filter(|it| it["state"] == "delivered");
        (arrived.count() == 2).then_some(())
    });
    // They are still there after a crash, and one consumer's can be asked for.
    world.kill();
    world.restart();
    assert_eq!(letters(&world), all);
    let of = |consumer: &str| {
        let path = format!("/v1/dead-letters?consumer={consumer}");
        let page = world.shop().get(&path).admin().send().ok();
        page["items"].as_array().expect("items").len()
    };
    assert_eq!((of(&format!("webhook:{id}")), of("mail")), (2, 0));

    let (dead, parked) = (text(&dead["id"]), text(&parked["id"]));
    let listed = command(&world, &["list"], true);
    assert!(
        listed.contains(&dead) && listed.contains("order.placed"),
        "{listed}"
    );
    let shop = world.shop();
    let act = |id: &str, verb: &str, body: Value| {
        let request = shop.post(&format!("/v1/dead-letters/{id}/{verb}")).admin();
        request.json(body).send()
    };
    act(&parked, "replay", json!({})).refused(409, "invalid_state");
    assert!(command(&world, &["replay", &parked], false).contains(&dead));
    receiver.next([Way::Status(410)]);
    command(&world, &["replay", &dead], true);
    eventually(SOON, "that is in vain", || {
        let now = letters(&world);
        (now[0]["attempts"] == 3 && now[0]["state"] == "dead").then_some(())
    });
    assert_eq!(letters(&world)[0]["cause"], "410");
    act(&dead, "replay", json!({})).is(200);
    eventually(SOON, "both arrive", || {
        letters(&world).is_empty().then_some(())
    });
    assert_eq!(
        types(&about(&receiver.taken(), &first)),
        ["order.placed", "order.paid"]
    );
    act(&dead, "replay", json!({})).refused(404, "not_found");

    receiver.next([Way::Close, Way::Close]);
    let third = buy(&world);
    let third = order_of(&world, &third);
    let all = eventually(SOON, "both are put aside", || {
        let all = letters(&world);
        (all.len() == 2).then_some(all)
    });
    let dead = text(&all[0]["id"]);
    act(&dead, "discard", json!({})).invalid("reason");
    let key = shop.api_key(&["orders:read"]);
    let request = shop
        .post(&format!("/v1/dead-letters/{dead}/discard"))
        .key(&key);
    request
        .json(json!({"reason": "x"}))
        .send()
        .refused(403, "forbidden");
    let gone = command(
        &world,
        &["discard", &dead, "--reason", "told by phone", "--json"],
        true,
    );
    assert!(gone.contains("discarded"), "{gone}");
    eventually(SOON, "the other one follows", || {
        letters(&world).is_empty().then_some(())
    });
    assert_eq!(types(&about(&receiver.taken(), &third)), ["order.paid"]);
    assert!(command(&world, &["list"], true).contains("no dead letters"));
    world.replays();
}
