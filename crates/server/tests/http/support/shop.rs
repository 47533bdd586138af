//! One shop for all tests, and the few things most scenes need: products, levels, carts, keys.
//!
//! The process is shared: it lives while any test uses it and is killed by its own handle after the last.
//! Each test works on names of its own, so that tests never meet.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};

use super::check::{text, whole};
use super::client::{Request, Response};
use super::process::{Process, Setup, TempDir};

/// A name nobody used before: within 64 characters of `[A-Za-z0-9._-]`.
pub(crate) fn fresh(word: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{word}-{:x}-{number}", std::process::id())
}

/// A UUID nobody used before, as callers without credentials need for their keys.
pub(crate) fn uuid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    format!("{process:08x}-7e57-4a11-8b0c-{number:012x}")
}

/// A shop behind its front door.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) process: Arc<Process>,
    _dir: Arc<TempDir>,
}

/// The shop that the tests of one binary share.
#[track_caller]
pub(crate) fn shop() -> Shop {
    static SHARED: Mutex<(Weak<Process>, Weak<TempDir>)> = Mutex::new((Weak::new(), Weak::new()));
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some(process), Some(dir)) = (shared.0.upgrade(), shared.1.upgrade()) {
        return Shop { process, _dir: dir };
    }
    let shop = Shop::own("shop");
    *shared = (Arc::downgrade(&shop.process), Arc::downgrade(&shop._dir));
    shop
}

impl Shop {
    /// A shop for one test alone.
    #[track_caller]
    pub(crate) fn own(name: &str) -> Self {
        Self::with(name, |setup| setup)
    }

    /// A shop for one test alone, configured.
    #[track_caller]
    pub(crate) fn with(name: &str, configure: impl FnOnce(Setup) -> Setup) -> Self {
        let dir = TempDir::new(name);
        let process = configure(Setup::new(&dir)).start();
        Self::of(process, Arc::new(dir))
    }

    /// The shop that a process serves from a directory.
    pub(crate) fn of(process: Process, dir: Arc<TempDir>) -> Self {
        Self {
            process: Arc::new(process),
            _dir: dir,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        self.process.request(method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub(crate) fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    /// A product with one variant at 10.00 USD.
    #[track_caller]
    pub(crate) fn product(&self) -> Item {
        self.product_with(json!({}))
    }

    /// A product with one variant at 10.00 USD, whose fields `variant` changes.
    #[track_caller]
    pub(crate) fn product_with(&self, variant: Value) -> Item {
        let (id, sku) = (fresh("product"), fresh("sku"));
        let mut one = json!({"sku": sku, "prices": [{"amount": 1000, "currency": "USD"}]});
        for (name, value) in variant.as_object().expect("fields of a variant") {
            one[name] = value.clone();
        }
        self.post("/v1/products")
            .admin()
            .json(json!({"id": id, "name": format!("Product {id}"), "variants": [one]}))
            .send()
            .is(201);
        Item { id, sku }
    }

    /// A warehouse in the United States that ships everywhere.
    #[track_caller]
    pub(crate) fn warehouse(&self) -> String {
        self.location(json!({"name": "Warehouse", "kind": "warehouse", "country": "US"}))
    }

    #[track_caller]
    pub(crate) fn location(&self, location: Value) -> String {
        let id = fresh("store");
        self.put(&format!("/v1/stores/{id}"))
            .admin()
            .json(location)
            .send()
            .one_of(&[200, 201]);
        id
    }

    /// A new product with so much of it in a new warehouse; 0 means never received.
    #[track_caller]
    pub(crate) fn stocked(&self, quantity: i64) -> Level {
        self.stocked_with(quantity, json!({}))
    }

    #[track_caller]
    pub(crate) fn stocked_with(&self, quantity: i64, variant: Value) -> Level {
        let item = self.product_with(variant);
        self.level(&self.warehouse(), &item.sku, quantity)
    }

    /// So much of a SKU received in a store.
    #[track_caller]
    pub(crate) fn level(&self, store: &str, sku: &str, quantity: i64) -> Level {
        let level = Level {
            address: self.address(),
            store: store.to_owned(),
            sku: sku.to_owned(),
        };
        if quantity > 0 {
            level.adjust(quantity).is(200);
        }
        level
    }

    /// An open guest cart in USD for the United States.
    #[track_caller]
    pub(crate) fn cart(&self) -> Cart {
        self.cart_with(json!({"currency": "USD", "country": "US"}))
    }

    /// An open cart of a customer in USD for the United States.
    #[track_caller]
    pub(crate) fn cart_for(&self, customer: &str) -> Cart {
        let body = json!({"currency": "USD", "country": "US", "customer_id": customer});
        let cart = self.post("/v1/carts").admin().json(body).send().created();
        Cart {
            address: self.address(),
            id: text(&cart["id"]),
            token: text(&cart["token"]),
        }
    }

    #[track_caller]
    pub(crate) fn cart_with(&self, body: Value) -> Cart {
        let cart = self.post("/v1/carts").json(body).send().created();
        Cart {
            address: self.address(),
            id: text(&cart["id"]),
            token: text(&cart["token"]),
        }
    }

    /// A new API key with these scopes.
    #[track_caller]
    pub(crate) fn api_key(&self, scopes: &[&str]) -> String {
        let made = self
            .post("/v1/api-keys")
            .admin()
            .json(json!({"name": fresh("key"), "scopes": scopes}))
            .send()
            .created();
        text(&made["key"])
    }
}

/// A product and its only SKU.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) sku: String,
}

/// The stock of one SKU in one store, spoken to with the admin key.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    address: SocketAddr,
    pub(crate) store: String,
    pub(crate) sku: String,
}

impl Level {
    /// The same at the shop that was started again elsewhere.
    pub(crate) fn at(self, shop: &Shop) -> Self {
        Self {
            address: shop.address(),
            ..self
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/v1/stores/{}/inventory/{}", self.store, self.sku)
    }

    pub(crate) fn get(&self) -> Request {
        Request::new(self.address, "GET", &self.path()).admin()
    }

    /// `POST .../{verb}` with the body still to come.
    pub(crate) fn request(&self, verb: &str) -> Request {
        Request::new(self.address, "POST", &format!("{}/{verb}", self.path())).admin()
    }

    pub(crate) fn post(&self, verb: &str, body: Value) -> Response {
        self.request(verb).json(body).send()
    }

    pub(crate) fn patch(&self, body: Value) -> Response {
        Request::new(self.address, "PATCH", &self.path())
            .admin()
            .json(body)
            .send()
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.get().send().ok()
    }

    pub(crate) fn adjust(&self, delta: i64) -> Response {
        self.post("adjust", json!({"delta": delta, "reason": "test"}))
    }

    /// A hold for 10 minutes with a reference of its own.
    pub(crate) fn reserve(&self, quantity: i64) -> Response {
        self.reserve_for(quantity, 600)
    }

    pub(crate) fn reserve_for(&self, quantity: i64, ttl_seconds: i64) -> Response {
        self.post(
            "reserve",
            json!({"quantity": quantity, "reference": fresh("ref"), "ttl_seconds": ttl_seconds}),
        )
    }

    /// The id of a new hold.
    #[track_caller]
    pub(crate) fn hold(&self, quantity: i64) -> String {
        text(&self.reserve(quantity).created()["id"])
    }

    /// All movements, page by page.
    #[track_caller]
    pub(crate) fn movements(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{}/movements?limit=200{cursor}", self.path());
            let page = Request::new(self.address, "GET", &path).admin().send().ok();
            all.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Movements and level tell one story: a movement for every version, positions rising, ids unique, each
    /// running figure the sum of the changes before it, and the last one what the level shows.
    #[track_caller]
    pub(crate) fn adds_up(&self) {
        let level = self.read();
        let movements = self.movements();
        let (mut on_hand, mut reserved, mut position) = (0, 0, -1);
        let mut seen = std::collections::HashSet::new();
        for (index, movement) in movements.iter().enumerate() {
            assert_eq!(whole(&movement["version"]), index as i64 + 1, "{movement}");
            assert!(
                seen.insert(text(&movement["event_id"])),
                "twice: {movement}"
            );
            assert!(whole(&movement["position"]) > position, "order: {movement}");
            position = whole(&movement["position"]);
            on_hand += whole(&movement["on_hand_delta"]);
            reserved += whole(&movement["reserved_delta"]);
            assert_eq!(whole(&movement["on_hand"]), on_hand, "{movement}");
            assert_eq!(whole(&movement["reserved"]), reserved, "{movement}");
            assert!(on_hand >= 0 && reserved >= 0, "{movement}");
        }
        assert_eq!(whole(&level["version"]), movements.len() as i64, "{level}");
        assert_eq!(whole(&level["on_hand"]), on_hand, "{level}");
        assert_eq!(whole(&level["reserved"]), reserved, "{level}");
        assert!(whole(&level["available"]) >= 0, "{level}");
    }
}

/// A cart and the secret that opens it.
#[derive(Clone, Debug)]
pub(crate) struct Cart {
    address: SocketAddr,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Cart {
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/carts/{}{rest}", self.id)
    }

    /// A request to the cart with its token.
    pub(crate) fn request(&self, method: &str, rest: &str) -> Request {
        Request::new(self.address, method, &self.path(rest)).token(&self.token)
    }

    pub(crate) fn post(&self, rest: &str, body: Value) -> Response {
        self.request("POST", rest).json(body).send()
    }

    pub(crate) fn patch(&self, rest: &str, body: Value) -> Response {
        self.request("PATCH", rest).json(body).send()
    }

    pub(crate) fn add(&self, sku: &str, quantity: i64) -> Response {
        self.post("/lines", json!({"sku": sku, "quantity": quantity}))
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.request("GET", "").send().ok()
    }

    /// How many of a SKU it holds, over all lines.
    #[track_caller]
    pub(crate) fn quantity(&self, sku: &str) -> i64 {
        let cart = self.read();
        let lines = cart["lines"].as_array().expect("lines");
        lines
            .iter()
            .filter(|line| line["sku"] == sku)
            .map(|line| whole(&line["quantity"]))
            .sum()
    }

    /// The id of the only line with the SKU.
    #[track_caller]
    pub(crate) fn line(&self, sku: &str) -> String {
        let cart = self.read();
        let lines = cart["lines"].as_array().expect("lines");
        let mut found = lines.iter().filter(|line| line["sku"] == sku);
        let id = text(&found.next().expect("a line with the SKU")["id"]);
        assert!(found.next().is_none(), "several lines: {cart}");
        id
    }
}

/// Where the goods go.
pub(crate) fn address(country: &str) -> Value {
    json!({
        "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH",
        "country": country
    })
}

/// A checkout, spoken to with the token of its cart.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    address: SocketAddr,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Cart {
    /// `POST /v1/checkouts` for this cart with its token; `fields` beside `cart_id`.
    pub(crate) fn check_out_with(&self, mut fields: Value) -> Request {
        fields["cart_id"] = json!(self.id);
        Request::new(self.address, "POST", "/v1/checkouts")
            .token(&self.token)
            .json(fields)
    }

    pub(crate) fn check_out(&self, fields: Value) -> Response {
        self.check_out_with(fields).send()
    }

    /// The checkout of an answer.
    #[track_caller]
    pub(crate) fn checkout(&self, answer: &Value) -> Checkout {
        Checkout {
            address: self.address,
            id: text(&answer["id"]),
            token: self.token.clone(),
        }
    }

    /// A checkout with all that a quote needs, sent to the United States.
    #[track_caller]
    pub(crate) fn quoted(&self) -> Checkout {
        self.quoted_with(json!({}))
    }

    #[track_caller]
    pub(crate) fn quoted_with(&self, mut fields: Value) -> Checkout {
        fields["email"] = json!("ada@example.com");
        fields["shipping_address"] = address("US");
        self.checkout(&self.check_out(fields).created())
    }
}

impl Checkout {
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/checkouts/{}{rest}", self.id)
    }

    pub(crate) fn request(&self, method: &str, rest: &str) -> Request {
        Request::new(self.address, method, &self.path(rest)).token(&self.token)
    }

    /// The same at the shop that was started again elsewhere.
    pub(crate) fn at(self, shop: &Shop) -> Self {
        Self {
            address: shop.address(),
            ..self
        }
    }

    pub(crate) fn patch(&self, body: Value) -> Response {
        self.request("PATCH", "").json(body).send()
    }

    pub(crate) fn cancel(&self) -> Response {
        self.request("POST", "/cancel").send()
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.request("GET", "").send().ok()
    }

    /// What binds now.
    #[track_caller]
    pub(crate) fn quote(&self) -> Value {
        let quote = self.read()["quote"].clone();
        assert!(quote.is_object(), "no quote: {}", self.read());
        quote
    }
}
