//! What stands around a shop: its provider behind a proxy, somebody who is told, and a mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mailbox::Mailbox;
use crate::proxy::Proxy;
use crate::receiver::Receiver;
use crate::support::{Setup, Shop, eventually, text};
use crate::world::World;

/// Longer than anything takes that is well.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Longer than all letters of a bout take, one after the other: each waits for the mail server, some 40 ms.
const ALL_LETTERS: Duration = Duration::from_secs(150);

#[derive(Debug)]
pub(crate) struct Around {
    /// The shop asks its provider through it.
    pub(crate) back: Proxy,
    pub(crate) receiver: Receiver,
    pub(crate) mailbox: Mailbox,
}

fn read(world: &World, path: &str) -> Value {
    world.shop().get(path).admin().send().ok()
}

impl Around {
    pub(crate) fn start(provider: SocketAddr) -> Self {
        Self {
            back: Proxy::start(Some(provider)),
            receiver: Receiver::start(),
            mailbox: Mailbox::start(),
        }
    }

    /// A shop that writes to the mailbox, tells whoever asks, and pays through the proxy.
    pub(crate) fn setting(&self, setup: Setup) -> Setup {
        let mut setup = setup
            .with(
                "CARTWRIGHT_SMTP",
                &format!("smtp://{}", self.mailbox.address),
            )
            .with("CARTWRIGHT_MAIL_FROM", "Shop <shop@example.com>")
            .with("CARTWRIGHT_WEBHOOKS_ALLOW_PRIVATE", "true")
            .with("CARTWRIGHT_WEBHOOK_RETRY_BASE_MS", "20")
            .with("CARTWRIGHT_WEBHOOK_TRIES", "100");
        for argument in &mut setup.arguments {
            if argument.starts_with("a=sim+http://") {
                *argument = format!("a=sim+http://{}", self.back.address);
            }
        }
        setup
    }

    /// From now on somebody wants to be told about orders.
    #[track_caller]
    pub(crate) fn listens(&self, shop: &Shop) {
        let body = json!({"url": self.receiver.url(), "events": ["order.*"]});
        let told = shop.post("/v1/webhook-endpoints").admin();
        told.json(body).send().is(201);
    }

    /// Whoever is told has heard of every order, each thing by one id; and so has its buyer by mail.
    #[track_caller]
    pub(crate) fn check_told(&self, world: &World, orders: &[String]) {
        let heard = |order: &String, kind: &str| -> BTreeSet<String> {
            let taken = self.receiver.taken();
            let of = taken
                .iter()
                .filter(|it| it["data"]["order_id"] == order.as_str() && it["type"] == kind);
            of.map(|it| text(&it["id"])).collect()
        };
        eventually(LONG, "what-happened-is-told: webhooks", || {
            let taken = self.receiver.taken();
            let told: BTreeSet<&str> = taken
                .iter()
                .filter(|it| it["type"] == "order.placed")
                .filter_map(|it| it["data"]["order_id"].as_str())
                .collect();
            orders
                .iter()
                .all(|it| told.contains(it.as_str()))
                .then_some(())
        });
        for order in orders.iter().take(20) {
            let ids = heard(order, "order.placed");
            assert_eq!(
                ids.len(),
                1,
                "what-happened-is-told by one id: {order} {ids:?}"
            );
        }
        let mut missing: BTreeSet<String> = orders
            .iter()
            .map(|id| read(world, &format!("/v1/orders/{id}"))["number"].to_string())
            .collect();
        let until = Instant::now() + ALL_LETTERS;
        while !missing.is_empty() {
            assert!(
                Instant::now() < until,
                "what-happened-is-told: no letter about {missing:?}, dead letters {:#}",
                read(world, "/v1/dead-letters")
            );
            std::thread::sleep(Duration::from_millis(50));
            for (number, ids) in self.confirmations() {
                assert_eq!(
                    ids.len(),
                    1,
                    "what-happened-is-told by one id: {number} {ids:?}"
                );
                missing.remove(&number);
            }
        }
    }

    /// Which orders were confirmed by mail, by their number, and under which ids.
    fn confirmations(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for letter in self.mailbox.letters() {
            let about = letter.subject.strip_prefix("Your order ");
            if let Some((number, _)) = about.and_then(|it| it.split_once(" at ")) {
                let ids = all.entry(number.to_owned()).or_default();
                ids.insert(letter.message_id);
            }
        }
        all
    }
}
