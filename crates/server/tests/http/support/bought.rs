//! A shop with a payment provider beside it, and orders in it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use super::check::{text, whole};
use super::client::{Request, Response};
use super::process::{Setup, TempDir, eventually};
use super::shop::{Cart, Level, Shop, fresh};

const KEY: &str = "bought-gateway-key";

/// A simulated provider: a process of its own. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Mutex<Child>,
    pub(crate) address: SocketAddr,
    _dir: TempDir,
}

impl Gateway {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let dir = TempDir::new("gateway");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port on loopback");
        let said = File::create(dir.path().join("log")).expect("the log can be written");
        let child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .arg("gateway-sim")
            .args(["--listen", &address.to_string(), "--data-dir"])
            .arg(dir.data())
            .args(["--key", KEY, "--webhook-secret", "bought-secret"])
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle of the log"))
            .stderr(said)
            .spawn()
            .expect("the binary can be run");
        let gateway = Self {
            child: Mutex::new(child),
            address,
            _dir: dir,
        };
        eventually(Duration::from_secs(60), "the gateway answers", || {
            let answer = Request::new(address, "GET", "/_sim/ledger").try_send();
            answer.is_ok_and(|it| it.status == 200).then_some(())
        });
        gateway
    }

    /// A shop's settings, with this provider.
    pub(crate) fn setting(&self, setup: Setup) -> Setup {
        setup
            .with(
                "CARTWRIGHT_PAYMENT",
                &format!("sim=sim+http://{}", self.address),
            )
            .with("CARTWRIGHT_PAYMENT_SIM_KEY", KEY)
            .with("CARTWRIGHT_PAYMENT_SIM_WEBHOOK_SECRET", "bought-secret")
            .with("CARTWRIGHT_PAYMENT_SIM_TIMEOUT_MS", "1000")
    }

    /// The next calls of this kind about a cart go wrong so.
    #[track_caller]
    pub(crate) fn fault(&self, op: &str, kind: &str, cart: &str, count: u32) {
        let body = json!({"op": op, "kind": kind, "cart_id": cart, "count": count});
        let asked = Request::new(self.address, "POST", "/_sim/faults").json(body);
        asked.send().is(201);
    }

    /// What the provider did about a cart, oldest first.
    #[track_caller]
    pub(crate) fn effects(&self, cart: &str, op: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/_sim/ledger?limit=200&after={after}");
            let mut page = Request::new(self.address, "GET", &path).send().ok();
            all.append(page["items"].as_array_mut().expect("items"));
            match page["next_cursor"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        all.retain(|it| it["metadata"]["cart_id"] == cart && it["op"] == op);
        all
    }

    /// How much went back of a cart's money.
    #[track_caller]
    pub(crate) fn refunded(&self, cart: &str) -> i64 {
        let effects = self.effects(cart, "refund");
        effects
            .iter()
            .map(|it| whole(&it["amount"]["amount"]))
            .sum()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A shop and its provider.
#[derive(Clone, Debug)]
pub(crate) struct Paying {
    pub(crate) shop: Arc<Shop>,
    pub(crate) gateway: Arc<Gateway>,
}

/// The one that the tests of one binary share.
#[track_caller]
pub(crate) fn paying() -> Paying {
    static SHARED: Mutex<(Weak<Shop>, Weak<Gateway>)> = Mutex::new((Weak::new(), Weak::new()));
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some(shop), Some(gateway)) = (shared.0.upgrade(), shared.1.upgrade()) {
        return Paying { shop, gateway };
    }
    let made = Paying::own("paying");
    *shared = (Arc::downgrade(&made.shop), Arc::downgrade(&made.gateway));
    made
}

impl Paying {
    /// One for one test alone.
    #[track_caller]
    pub(crate) fn own(name: &str) -> Self {
        let gateway = Arc::new(Gateway::start());
        let shop = Shop::with(name, |setup| gateway.setting(setup));
        Self {
            shop: Arc::new(shop),
            gateway,
        }
    }

    /// An order of so many units of each new thing at 10.00 USD, sent for 5.99, paid with `tok_visa`.
    #[track_caller]
    pub(crate) fn order(&self, quantities: &[i64]) -> Bought {
        let stores: Vec<_> = quantities.iter().map(|_| self.shop.stocked(100)).collect();
        self.order_of(&stores, quantities)
    }

    #[track_caller]
    pub(crate) fn order_of(&self, levels: &[Level], quantities: &[i64]) -> Bought {
        self.order_paid(
            levels,
            quantities,
            |_| json!({"method": "card", "token": "tok_visa"}),
        )
    }

    /// `payment` makes of the total what it is paid with.
    #[track_caller]
    pub(crate) fn order_paid(
        &self,
        levels: &[Level],
        quantities: &[i64],
        payment: impl FnOnce(i64) -> Value,
    ) -> Bought {
        self.order_in(self.shop.cart(), levels, quantities, payment)
    }

    /// The same in a cart that is there, with the admin key: a wallet may pay.
    #[track_caller]
    pub(crate) fn order_in(
        &self,
        cart: Cart,
        levels: &[Level],
        quantities: &[i64],
        payment: impl FnOnce(i64) -> Value,
    ) -> Bought {
        for (level, quantity) in levels.iter().zip(quantities) {
            cart.add(&level.sku, *quantity).is(200);
        }
        let checkout = cart.quoted();
        let quote = checkout.quote();
        let payment = payment(whole(&quote["totals"]["total"]["amount"]));
        let done = checkout
            .request("POST", "/complete")
            .admin()
            .idempotency_key(&fresh("key"))
            .json(json!({"quote_id": quote["id"], "payment": payment}))
            .send()
            .ok();
        Bought {
            shop: self.shop.clone(),
            id: text(&done["order_id"]),
            levels: levels.to_vec(),
            cart,
        }
    }
}

/// An order, and the cart it was.
#[derive(Clone, Debug)]
pub(crate) struct Bought {
    shop: Arc<Shop>,
    pub(crate) id: String,
    pub(crate) cart: Cart,
    pub(crate) levels: Vec<Level>,
}

impl Bought {
    /// The same order, in a process that serves the same directory.
    pub(crate) fn at(self, paying: &Paying) -> Self {
        Self {
            shop: paying.shop.clone(),
            ..self
        }
    }

    /// Another order, of the same shop.
    pub(crate) fn other(&self, id: String) -> Self {
        Self { id, ..self.clone() }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/orders/{}{rest}", self.id)
    }

    /// A request without credentials.
    pub(crate) fn request(&self, method: &str, rest: &str) -> Request {
        self.shop.request(method, &self.path(rest))
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.request("GET", "").admin().send().ok()
    }

    /// The order once nothing of its money is on its way.
    #[track_caller]
    pub(crate) fn settled(&self) -> Value {
        eventually(Duration::from_secs(30), "all refunds are settled", || {
            let order = self.read();
            let refunds = order["refunds"].as_array().expect("refunds");
            let open = |it: &&Value| it["state"] == "pending" || it["state"] == "unknown";
            refunds.iter().find(open).is_none().then_some(order.clone())
        })
    }

    pub(crate) fn post(&self, rest: &str, body: Value) -> Response {
        self.request("POST", rest).admin().json(body).send()
    }

    /// So many units of each line leave.
    pub(crate) fn fulfill(&self, lines: &[(&str, i64)]) -> Response {
        self.post("/fulfillments", json!({"lines": units(lines)}))
    }

    /// A refund under a key of its own.
    pub(crate) fn refund(&self, body: Value) -> Response {
        self.refund_with(&fresh("refund"), body)
    }

    pub(crate) fn refund_with(&self, key: &str, mut body: Value) -> Response {
        if body.get("reason").is_none() {
            body["reason"] = json!("broken");
        }
        if body.get("to").is_none() {
            body["to"] = json!("original");
        }
        let asked = self.request("POST", "/refunds").admin();
        asked.idempotency_key(key).json(body).send()
    }
}

/// Lines with their units, as requests spell them.
pub(crate) fn units(lines: &[(&str, i64)]) -> Value {
    let lines = lines
        .iter()
        .map(|(id, quantity)| json!({"line_id": id, "quantity": quantity}));
    lines.collect()
}

pub(crate) fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}
