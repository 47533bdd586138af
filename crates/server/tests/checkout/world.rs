//! A shop, its providers, and one thing to buy.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::{Gateway, KEY};
use crate::support::{
    Cart, Checkout, Level, Response, Setup, Shop, TempDir, eventually, text, uuid,
};

/// Longer than a stop takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// What is received of the one thing.
pub(crate) const STOCK: i64 = 1_000_000;

/// What a test sells, and through whom it is paid.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) gateways: Vec<Gateway>,
    setup: Setup,
    shop: Mutex<Shop>,
    store: String,
    sku: String,
}

/// Providers `a`, `b`, ... and a shop that asks them, with short timeouts.
pub(crate) fn world(name: &str) -> World {
    World::with(name, vec![Gateway::start("a")], |setup| setup)
}

impl World {
    pub(crate) fn with(
        name: &str,
        gateways: Vec<Gateway>,
        configure: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let dir = Arc::new(TempDir::new(name));
        let setup = configure(paying(Setup::new(&dir), &gateways));
        let shop = Shop::of(setup.start(), Arc::clone(&dir));
        Self::of(dir, gateways, setup, shop)
    }

    /// Around a shop that runs and is empty.
    pub(crate) fn of(dir: Arc<TempDir>, gateways: Vec<Gateway>, setup: Setup, shop: Shop) -> Self {
        let level = shop.stocked(STOCK);
        Self {
            dir,
            gateways,
            setup,
            store: level.store,
            sku: level.sku,
            shop: Mutex::new(shop),
        }
    }

    /// The shop as it runs now.
    pub(crate) fn shop(&self) -> Shop {
        self.lock().clone()
    }

    /// From now on the shop is served by this process.
    pub(crate) fn moved(&self, shop: Shop) {
        *self.lock() = shop;
    }

    fn lock(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateways[0]
    }

    /// `kill -9` of the shop.
    pub(crate) fn kill(&self) {
        self.shop().process.kill_now();
    }

    /// Starts the shop again.
    pub(crate) fn restart(&self) {
        self.moved(Shop::of(self.setup().start(), Arc::clone(&self.dir)));
    }

    /// How it is started.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The SKU of the one thing.
    pub(crate) fn sku(&self) -> &str {
        &self.sku
    }

    /// The stock of the one thing.
    pub(crate) fn level(&self) -> Level {
        self.shop().level(&self.store, &self.sku, 0)
    }

    /// So many of the one thing for a customer, ready to be paid for.
    #[track_caller]
    pub(crate) fn purchase_for(&self, customer: &str, quantity: i64) -> Purchase {
        let cart = self.shop().cart_for(customer);
        cart.add(self.sku(), quantity).is(200);
        Purchase::of(cart)
    }

    /// A cart with so many of it, ready to be paid for.
    #[track_caller]
    pub(crate) fn purchase(&self, quantity: i64) -> Purchase {
        let shop = self.shop();
        let cart = shop.cart();
        cart.add(self.sku(), quantity).is(200);
        Purchase::of(cart)
    }

    /// A purchase that was paid for, if there is anything to sell.
    pub(crate) fn purchase_if_any(&self) -> Option<Purchase> {
        let it = self.try_purchase(1)?;
        let answer = self.complete(&it, 10, card("tok_visa"));
        (answer.status == 200).then_some(it)
    }

    /// As [`purchase`](Self::purchase), while the shop may end at any moment.
    pub(crate) fn try_purchase(&self, quantity: i64) -> Option<Purchase> {
        let shop = self.shop();
        let send = |path: String, token: &str, body: Value| {
            let request = shop.post(&path).json(body);
            let request = if token.is_empty() {
                request
            } else {
                request.token(token)
            };
            let answer = request.try_send().ok()?;
            (answer.status < 300).then(|| answer.json())
        };
        let lines = json!([{"sku": self.sku, "quantity": quantity}]);
        let body = json!({"currency": "USD", "country": "US", "lines": lines});
        let made = send("/v1/carts".into(), "", body)?;
        let (id, token) = (text(&made["id"]), text(&made["token"]));
        let fields = json!({"cart_id": id, "email": "ada@example.com",
                            "shipping_address": crate::support::address("US")});
        let opened = send("/v1/checkouts".into(), &token, fields)?;
        Some(Purchase {
            checkout: text(&opened["id"]),
            quote: text(&opened["quote"]["id"]),
            total: opened["quote"]["totals"]["total"].clone(),
            cart: id,
            token,
            key: uuid(),
        })
    }

    /// How the shop shows a checkout, whoever bought.
    #[track_caller]
    pub(crate) fn checkout(&self, id: &str) -> Value {
        let path = format!("/v1/checkouts/{id}");
        self.shop().get(&path).admin().send().ok()
    }

    /// `POST .../complete` with the purchase's own key, waiting at most so many seconds.
    pub(crate) fn complete(&self, it: &Purchase, wait: u32, payment: Value) -> Response {
        self.complete_with(it, &it.key, wait, payment)
    }

    pub(crate) fn complete_with(
        &self,
        it: &Purchase,
        key: &str,
        wait: u32,
        payment: Value,
    ) -> Response {
        it.completing(&self.shop(), key, wait, payment).send()
    }

    /// The checkout, once it runs no more.
    #[track_caller]
    pub(crate) fn ended(&self, id: &str, limit: Duration) -> Value {
        eventually(limit, "the checkout ends", || {
            let now = self.checkout(id);
            let runs = now["state"] == "processing" || now["state"] == "needs_attention";
            (!runs).then_some(now)
        })
    }

    /// Checkouts in a state.
    #[track_caller]
    pub(crate) fn in_state(&self, state: &str) -> Vec<Value> {
        self.listed(&format!("state={state}&"))
    }

    /// All checkouts.
    #[track_caller]
    pub(crate) fn checkouts(&self) -> Vec<Value> {
        self.listed("")
    }

    #[track_caller]
    fn listed(&self, query: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/checkouts?{query}limit=200{cursor}");
            let mut page = self.shop().get(&path).admin().send().ok();
            all.append(page["items"].as_array_mut().expect("items"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Stops the shop in good order; what its log says must be what its tables show.
    #[track_caller]
    pub(crate) fn replays(&self) {
        let shop = self.shop();
        shop.process.terminate();
        eventually(LONG, "the shop ends", || shop.process.exit_status());
        let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(["replay", "--verify", "--data-dir"])
            .arg(self.dir.data())
            .envs(self.setup.database())
            .output()
            .expect("the binary can be run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "replay differs: {said}");
    }
}

/// A setup that pays through these providers.
pub(crate) fn paying(setup: Setup, gateways: &[Gateway]) -> Setup {
    if gateways.is_empty() {
        return setup;
    }
    let list: Vec<_> = gateways
        .iter()
        .map(|it| format!("{}=sim+http://{}", it.name, it.address))
        .collect();
    let setup = setup.argument("--payment").argument(&list.join(","));
    gateways.iter().fold(setup, |setup, it| {
        let name = it.name.to_uppercase();
        setup
            .with(&format!("CARTWRIGHT_PAYMENT_{name}_KEY"), KEY)
            .with(&format!("CARTWRIGHT_PAYMENT_{name}_TIMEOUT_MS"), "300")
    })
}

/// A checkout that can be completed, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) checkout: String,
    pub(crate) cart: String,
    pub(crate) token: String,
    pub(crate) quote: String,
    /// What the quote comes to.
    pub(crate) total: Value,
    /// The idempotency key of its first try.
    pub(crate) key: String,
}

impl Purchase {
    #[track_caller]
    pub(crate) fn of(cart: Cart) -> Self {
        let checkout: Checkout = cart.quoted();
        let quote = checkout.quote();
        Self {
            checkout: checkout.id,
            quote: text(&quote["id"]),
            total: quote["totals"]["total"].clone(),
            cart: cart.id,
            token: cart.token,
            key: uuid(),
        }
    }

    pub(crate) fn amount(&self) -> i64 {
        self.total["amount"].as_i64().expect("an amount")
    }

    /// Two parts that add up: these tokens, the first one for `first` minor units.
    pub(crate) fn parts(&self, first: i64, tokens: [&str; 2]) -> Value {
        let part = |token: &str, amount: i64| json!({"method": "card", "token": token, "amount": {"amount": amount, "currency": "USD"}});
        json!({"parts": [part(tokens[0], first), part(tokens[1], self.amount() - first)]})
    }

    pub(crate) fn completing(
        &self,
        shop: &Shop,
        key: &str,
        wait: u32,
        payment: Value,
    ) -> crate::support::Request {
        shop.post(&format!("/v1/checkouts/{}/complete", self.checkout))
            .token(&self.token)
            .idempotency_key(key)
            .header("Prefer", &format!("wait={wait}"))
            .json(json!({"quote_id": self.quote, "payment": payment}))
    }

    pub(crate) fn cancelling(&self, shop: &Shop) -> crate::support::Request {
        let path = format!("/v1/checkouts/{}/cancel", self.checkout);
        shop.post(&path).token(&self.token)
    }
}

/// All with one card.
pub(crate) fn card(token: &str) -> Value {
    json!({"method": "card", "token": token})
}
