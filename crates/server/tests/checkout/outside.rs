//! What the shop tells others: who watches a checkout, a provider that sends word, an operator, the buyer's mailbox.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cartwright_adapters::payment::signature::sign;
use serde_json::{Value, json};

use crate::books;
use crate::gateway::Gateway;
use crate::support::{TempDir, eventually, text};
use crate::world::{Purchase, World, card, world};

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// All events of a checkout that has ended, after one of them.
fn events(world: &World, it: &Purchase, after: Option<u64>) -> Vec<(u64, Value)> {
    let mut stream = TcpStream::connect(world.shop().process.address).expect("the shop listens");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let after = after.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    let request = format!(
        "GET /v1/checkouts/{}/events HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncart-token: {}\r\n{after}\r\n",
        it.checkout, it.token
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("the stream ends");
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/event-stream"), "{head}");
    let mut id = 0;
    let mut events = Vec::new();
    for line in body.lines() {
        if let Some(number) = line.strip_prefix("id: ") {
            id = number.parse().expect("a number");
        } else if let Some(data) = line.strip_prefix("data: ") {
            events.push((id, serde_json::from_str(data).expect("JSON")));
        }
    }
    events
}

#[test]
fn who_watches_sees_each_version_once() {
    let world = world("watch");
    let it = world.purchase(1);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| events(&world, &it, None));
        world.complete(&it, 10, card("tok_visa")).is(200);
        let seen = watching.join().expect("it ends by itself");
        let ids: Vec<u64> = seen.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
        let (last, data) = seen.last().expect("events");
        assert_eq!(data["version"], *last);
        assert_eq!(data["state"], "completed");
        let order = world.checkout(&it.checkout)["order_id"].clone();
        assert_eq!(data["order_id"], order);
        let steps: Vec<_> = seen
            .iter()
            .filter(|(_, it)| it["step_state"] == "done")
            .map(|(_, it)| text(&it["step"]))
            .collect();
        assert_eq!(
            steps,
            ["reserve", "authorize", "order", "capture", "notify"]
        );
        let rest = events(&world, &it, Some(3));
        assert_eq!(rest, seen[3..]);
    });
    let declined = world.purchase(1);
    world
        .complete(&declined, 10, card("tok_expired"))
        .refused(409, "payment_declined");
    declined.cancelling(&world.shop()).send().is(200);
    let seen = events(&world, &declined, None);
    let failed = seen.iter().find(|(_, it)| it["step_state"] == "failed");
    assert_eq!(failed.expect("a failure").1["code"], "payment_declined");
    let stranger = world
        .shop()
        .get(&format!("/v1/checkouts/{}/events", it.checkout));
    stranger.send().refused(404, "not_found");
    let nonsense = world
        .shop()
        .get(&format!("/v1/checkouts/{}/events", it.checkout));
    let nonsense = nonsense.token(&it.token).header("Last-Event-ID", "x");
    nonsense.send().refused(400, "malformed_request");
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    since.as_secs().cast_signed()
}

#[test]
fn believes_a_provider_s_word_only_when_it_is_signed() {
    let world = World::with("webhooks", vec![Gateway::start("a")], |setup| {
        setup.with("CARTWRIGHT_PAYMENT_A_WEBHOOK_SECRET", "whsec")
    });
    let it = world.purchase(1);
    let done = world.complete(&it, 10, card("tok_visa")).ok();
    let payment = text(&done["payments"][0]["id"]);
    let word = json!({"id": "evt_1", "type": "payment.captured", "data": {"reference": payment}});
    let send = |provider: &str, at: i64, secret: &str, body: &Value| {
        let body = body.to_string();
        let signature = sign(secret.as_bytes(), at, body.as_bytes());
        let request = world.shop().post(&format!("/v1/webhooks/{provider}"));
        request
            .header("Webhook-Signature", &signature)
            .text("application/json", &body)
            .send()
    };
    send("a", now(), "whsec", &word).is(200);
    send("a", now(), "whsec", &word).is(200);
    send("a", now(), "other", &word).refused(401, "unauthenticated");
    send("a", now() - 400, "whsec", &word).refused(401, "unauthenticated");
    send("b", now(), "whsec", &word).refused(404, "not_found");
    send("a", now(), "whsec", &json!([])).refused(400, "malformed_request");
    let of_nobody = json!({"id": "evt_2", "type": "x", "data": {"reference": "pay_nobody"}});
    send("a", now(), "whsec", &of_nobody).is(200);
    let unsigned = world.shop().post("/v1/webhooks/a").json(word);
    unsigned.send().refused(401, "unauthenticated");
    books::agree(&world);
}

#[test]
fn a_capture_that_was_only_claimed_is_named_then_made_good() {
    let world = world("claimed");
    let it = world.purchase(1);
    let fault = json!({"op": "capture", "kind": "lie_ok", "cart_id": it.cart});
    let fault = world.gateway().fault(fault);
    let done = world.complete(&it, 10, card("tok_visa")).ok();
    let payment = text(&done["payments"][0]["id"]);
    let attention = || world.shop().get("/v1/attention").admin().send().ok();
    let named = eventually(SOON, "the difference is named", || {
        let all = attention();
        let found = all["items"].as_array().expect("items").iter();
        found
            .into_iter()
            .find(|it| it["id"] == payment.as_str())
            .cloned()
    });
    assert_eq!(named["kind"], "payment");
    assert_eq!(named["ours"], "captured");
    assert!(text(&named["theirs"]).ends_with("authorized"), "{named}");
    let path = format!("/v1/attention/{payment}/resolve");
    let resolve = |body: Value| world.shop().post(&path).admin().json(body).send();
    resolve(json!({"action": "undo", "note": "why"})).refused(409, "invalid_state");
    resolve(json!({"action": "retry"})).refused(422, "invalid");
    resolve(json!({"action": "retry", "note": "the provider is well again"})).is(200);
    world.gateway().mend(&fault);
    eventually(SOON, "it is put right", || {
        let all = attention();
        (all["items"].as_array().is_some_and(Vec::is_empty)).then_some(())
    });
    books::agree(&world);
    let key = world.shop().get("/v1/attention");
    key.send().refused(401, "unauthenticated");
}

/// A mail server that keeps what it gets; ends when dropped.
pub(crate) struct Mailbox {
    child: Child,
    pub(crate) address: SocketAddr,
    dir: TempDir,
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mailbox {
    /// `None` where there is no mail server to start.
    pub(crate) fn start() -> Option<Self> {
        let Ok(python) = std::env::var("CARTWRIGHT_TEST_AIOSMTPD") else {
            eprintln!(
                "SKIPPED: no mail server; `cargo xtask test` installs aiosmtpd and says where it is"
            );
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let address = free.expect("a free port on loopback");
        let dir = TempDir::new("mailbox");
        let child = Command::new(python)
            .args(["-m", "aiosmtpd", "-n", "-l", &address.to_string()])
            .args(["-c", "aiosmtpd.handlers.Mailbox"])
            .arg(dir.path().join("mail"))
            .stdin(Stdio::null())
            .spawn()
            .expect("aiosmtpd can be run");
        let mailbox = Self {
            child,
            address,
            dir,
        };
        eventually(SOON, "the mail server listens", || {
            TcpStream::connect(address).ok()
        });
        Some(mailbox)
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        let dir = self.dir.path().join("mail").join("new");
        let files = fs::read_dir(dir).into_iter().flatten().flatten();
        files
            .map(|it| fs::read_to_string(it.path()).expect("a letter"))
            .collect()
    }
}

#[test]
fn the_buyer_gets_one_letter() {
    let Some(mailbox) = Mailbox::start() else {
        return;
    };
    let world = World::with("mail", vec![Gateway::start("a")], |setup| {
        setup
            .argument("--smtp")
            .argument(&format!("smtp://{}", mailbox.address))
            .argument("--mail-from")
            .argument("Shop <shop@example.com>")
    });
    let it = world.purchase(2);
    world.complete(&it, 10, card("tok_visa")).is(200);
    let declined = world.purchase(1);
    world
        .complete(&declined, 10, card("tok_declined"))
        .refused(409, "payment_declined");
    eventually(SOON, "a letter comes", || {
        (!mailbox.letters().is_empty()).then_some(())
    });
    world.kill();
    world.restart();
    let second = world.purchase(1);
    world.complete(&second, 10, card("tok_visa")).is(200);
    let letters = eventually(SOON, "the second letter comes", || {
        let letters = mailbox.letters();
        let ids: std::collections::BTreeSet<_> = letters.iter().map(|it| message_id(it)).collect();
        (ids.len() == 2).then_some(letters)
    });
    for letter in &letters {
        assert!(
            letter.contains("From: Shop <shop@example.com>")
                || letter.contains("From: \"Shop\" <shop@example.com>"),
            "{letter}"
        );
        assert!(letter.contains("Thank you for your order"), "{letter}");
        assert!(message_id(letter).ends_with("@example.com>"), "{letter}");
    }
}

#[test]
fn a_letter_that_the_demo_asks_for_is_sent() {
    let Some(mailbox) = Mailbox::start() else {
        return;
    };
    let world = World::with("demo-mail", vec![Gateway::start("a")], |setup| {
        setup
            .argument("--smtp")
            .argument(&format!("smtp://{}", mailbox.address))
            .argument("--mail-from")
            .argument("Shop <shop@example.com>")
    });
    let cost = json!({"currency_code": "USD", "units": 5, "nanos": 990_000_000});
    let order = json!({
        "order_id": "ord-of-the-demo", "shipping_tracking_id": "t-1", "shipping_cost": cost,
        "shipping_address": {"street_address": "1 Way", "city": "Mountain View"},
        "items": [{"item": {"product_id": "OLJCESPC7Z", "quantity": 2}, "cost": cost}],
    });
    let body = json!({"email": "someone@example.com", "order": order});
    for _ in 0..2 {
        let shop = world.shop();
        let asked = shop.post("/send_order_confirmation").json(body.clone());
        asked.send().is(200);
    }
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(message_id(&letters[0]), message_id(&letters[1]));
    for line in ["Order: ord-of-the-demo", "2 x OLJCESPC7Z: 5.99 USD each"] {
        assert!(letters[0].contains(line), "{line}: {}", letters[0]);
    }
    // What its asker could have written is left out.
    assert!(!letters[0].contains("Mountain View"), "{}", letters[0]);
}

pub(crate) fn message_id(letter: &str) -> String {
    let line = letter
        .lines()
        .find(|it| it.to_lowercase().starts_with("message-id:"));
    line.expect("a Message-ID")[11..].trim().to_owned()
}
