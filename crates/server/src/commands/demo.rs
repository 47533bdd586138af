//! `cartwright demo`: a shopping session that can be watched, against a running shop or one of its own.
#![allow(clippy::print_stdout, reason = "the demo is what it prints")]

mod buying;
mod own;

use super::threads;
use anyhow::{Context as _, bail, ensure};
use cartwright_server::http_client::{Client, Reply};
use clap::Args;
use hyper::Method;
use own::Own;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;

/// Watch a shopping session: search, cart, oversell refused, a retry that has one effect, a merge, a hold, a purchase, a card
/// that is declined, and a purchase that survives kill -9.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright demo                                    on a shop of its own, thrown away afterwards
  cartwright demo --server http://127.0.0.1:8080 --key $KEY

Without a key the steps that need one are left out. Exit codes: 0 every step went as it should; 1 one did not.")]
pub(super) struct DemoArgs {
    /// A running shop with the sample catalogue (http://host:port).
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API key of that shop.
    #[arg(long, env = "CARTWRIGHT_ADMIN_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Do not pause between steps.
    #[arg(long)]
    fast: bool,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let pause = !args.fast && std::io::stdout().is_terminal();
    threads(0)?.block_on(async {
        match &args.server {
            Some(server) => Session::new(server, args.key.clone(), pause)?.play().await,
            None => own(pause).await,
        }
    })
}

/// A shop of its own, thrown away afterwards.
async fn own(pause: bool) -> anyhow::Result<()> {
    let shop = Own::start().await?;
    let mut session = Session::new(&shop.url(), Some(shop.key.clone()), pause)?;
    session.own = Some(shop);
    session.play().await
}

struct Session {
    client: Client,
    has_key: bool,
    pause: bool,
    /// The shop, if it may be killed.
    own: Option<Own>,
}

/// A cart and what opens it.
struct Cart {
    id: String,
    token: String,
}

/// How long a line is looked at.
const PAUSE: Duration = Duration::from_millis(700);
/// The search index follows within this.
const INDEXED_WITHIN: u32 = 30;

impl Session {
    fn new(server: &str, key: Option<String>, pause: bool) -> anyhow::Result<Self> {
        let has_key = key.is_some();
        Ok(Self {
            client: Client::new(server, key)?,
            has_key,
            pause,
            own: None,
        })
    }

    async fn play(mut self) -> anyhow::Result<()> {
        let product = self.search("tent").await?;
        let (sku, available) = self.choose(&product).await?;
        let cart = self.cart(&sku).await?;
        self.oversell(&cart, &sku, available).await?;
        self.retry(&cart, &sku).await?;
        self.merge(&cart, &sku).await?;
        if self.has_key {
            self.hold(&sku).await?;
        }
        self.buy(&cart).await?;
        self.declined(&sku).await?;
        if let Some(mut shop) = self.own.take() {
            self.survive(&sku, &mut shop).await?;
        }
        println!(
            "\nThat was it: nothing oversold, nothing doubled, nothing lost, nobody charged twice."
        );
        Ok(())
    }

    async fn say(&self, text: &str) {
        println!("\n# {text}");
        self.rest().await;
    }

    async fn rest(&self) {
        if self.pause {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a request and shows both sides of it.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> anyhow::Result<Reply> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        println!("> {method} {path} {body}");
        let reply = self.client.send(method, path, headers, &body).await?;
        self.rest().await;
        Ok(reply)
    }

    async fn search(&mut self, word: &str) -> anyhow::Result<Value> {
        self.say(&format!("A buyer looks for a {word}, and spells it badly."))
            .await;
        let path = format!("/v1/search?q={word}&in_stock=true&currency=USD&limit=3");
        // A shop that has just been filled may still be indexing.
        let mut page = Value::Null;
        for _ in 0..INDEXED_WITHIN {
            page = self.client.get(&path).await?.ok()?;
            if page["total"].as_u64() > Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut misspelled = self
            .ask(
                Method::GET,
                "/v1/search?q=tnet&currency=USD&limit=3",
                &[],
                Value::Null,
            )
            .await?
            .ok()?;
        for item in misspelled["items"].as_array().into_iter().flatten() {
            println!("< {}", item["name"].as_str().unwrap_or_default());
        }
        let mut pages = [misspelled["items"].take(), page["items"].take()];
        let found = pages.iter_mut().filter_map(Value::as_array_mut).flatten();
        let ids: Vec<_> = found
            .filter_map(|item| item["id"].as_str().map(str::to_owned))
            .collect();
        for id in ids {
            let product = self.client.get(&format!("/v1/products/{id}")).await?.ok()?;
            if unlimited(&product).next().is_some() {
                return Ok(product);
            }
        }
        bail!(
            "the shop has no {word} to buy: start it with `cartwright serve --sample` on an empty data directory"
        )
    }

    /// A variant of the product that is in stock, and how many there are.
    async fn choose(&mut self, product: &Value) -> anyhow::Result<(String, i64)> {
        self.say(&format!(
            "{}: what is in stock for the United States?",
            product["name"].as_str().unwrap_or_default()
        ))
        .await;
        let skus: Vec<_> = unlimited(product).collect();
        let query = skus
            .iter()
            .map(|sku| format!("sku={sku}&"))
            .collect::<String>();
        let found = self
            .ask(
                Method::GET,
                &format!("/v1/availability?{query}country=US"),
                &[],
                Value::Null,
            )
            .await?
            .ok()?;
        let mut best = None;
        for item in found["items"].as_array().into_iter().flatten() {
            println!(
                "< {} {} in {}",
                item["sku"], item["available"], item["store"]
            );
            let of = (
                item["available"].as_i64().unwrap_or_default(),
                item["sku"].as_str().unwrap_or_default().to_owned(),
            );
            best = best.max(Some(of));
        }
        let (available, sku) = best
            .filter(|(available, _)| *available > 4)
            .context("no variant has stock")?;
        Ok((sku, available))
    }

    async fn new_cart(&mut self, lines: Value) -> anyhow::Result<(Cart, Value)> {
        let body = json!({"currency": "USD", "country": "US", "lines": lines});
        let cart = self.ask(Method::POST, "/v1/carts", &[], body).await?.ok()?;
        let text = |name: &str| {
            cart[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("a new cart has {name}"))
        };
        Ok((
            Cart {
                id: text("id")?,
                token: text("token")?,
            },
            cart,
        ))
    }

    async fn cart(&mut self, sku: &str) -> anyhow::Result<Cart> {
        self.say("A guest's cart with one of them.").await;
        let (cart, body) = self.new_cart(json!([{"sku": sku, "quantity": 1}])).await?;
        println!(
            "< {} version {}, total {}",
            cart.id,
            body["version"],
            money(&body["totals"]["total"])
        );
        Ok(cart)
    }

    async fn add(
        &mut self,
        cart: &Cart,
        quantity: i64,
        sku: &str,
        key: Option<&str>,
    ) -> anyhow::Result<Reply> {
        let mut headers = vec![("cart-token", cart.token.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let path = format!("/v1/carts/{}/lines", cart.id);
        self.ask(
            Method::POST,
            &path,
            &headers,
            json!({"sku": sku, "quantity": quantity}),
        )
        .await
    }

    async fn oversell(&mut self, cart: &Cart, sku: &str, available: i64) -> anyhow::Result<()> {
        self.say("More than there are: refused, and the cart stays as it was.")
            .await;
        let reply = self.add(cart, available, sku, None).await?;
        println!(
            "< {} {}: {}",
            reply.status, reply.body["code"], reply.body["detail"]
        );
        ensure!(reply.status == 409, "an oversell must be refused");
        Ok(())
    }

    async fn retry(&mut self, cart: &Cart, sku: &str) -> anyhow::Result<()> {
        self.say("The network loses a reply, and the client sends the same request again with its key: one effect.").await;
        let key = key_of(&cart.id);
        let first = self.add(cart, 1, sku, Some(&key)).await?;
        let again = self.add(cart, 1, sku, Some(&key)).await?;
        println!(
            "< {} version {}; again: {} version {}, replayed: {}",
            first.status,
            first.body["version"],
            again.status,
            again.body["version"],
            again.replayed
        );
        ensure!(
            first.status == 200 && again.replayed && first.body == again.body,
            "a retry must repeat the first reply"
        );
        Ok(())
    }

    async fn merge(&mut self, cart: &Cart, sku: &str) -> anyhow::Result<()> {
        self.say("The buyer had another cart on the phone; both become one.")
            .await;
        let (other, _) = self.new_cart(json!([{"sku": sku, "quantity": 1}])).await?;
        let body = json!({"from": other.id, "from_token": other.token, "strategy": "sum"});
        let path = format!("/v1/carts/{}/merge", cart.id);
        let merged = self
            .ask(Method::POST, &path, &[("cart-token", &cart.token)], body)
            .await?
            .ok()?;
        let quantity = &merged["lines"][0]["quantity"];
        println!(
            "< {quantity} on the line, total {}",
            money(&merged["totals"]["total"])
        );
        ensure!(quantity == 3, "a merge must lose nothing");
        Ok(())
    }

    async fn hold(&mut self, sku: &str) -> anyhow::Result<()> {
        self.say("Checkout holds the stock, lets it go again, and every movement is on record.")
            .await;
        let body = json!({"lines": [{"sku": sku, "quantity": 2}], "reference": key_of(sku), "ttl_seconds": 600, "country": "US"});
        let held = self
            .ask(Method::POST, "/v1/reservations", &[], body)
            .await?
            .ok()?;
        let (id, store) = (
            held["id"].as_str().unwrap_or_default(),
            held["lines"][0]["store"].as_str().unwrap_or_default(),
        );
        println!("< {id} {} until {}", held["state"], held["expires_at"]);
        let level = self
            .client
            .get(&format!("/v1/stores/{store}/inventory/{sku}"))
            .await?
            .ok()?;
        println!(
            "< {store}: {} on hand, {} reserved, {} available",
            level["on_hand"], level["reserved"], level["available"]
        );
        let released = self
            .ask(
                Method::POST,
                &format!("/v1/reservations/{id}/release"),
                &[],
                Value::Null,
            )
            .await?
            .ok()?;
        ensure!(released["state"] == "released", "a hold must be released");
        let path = format!("/v1/stores/{store}/inventory/{sku}/movements?limit=200");
        let movements = self.ask(Method::GET, &path, &[], Value::Null).await?.ok()?;
        for movement in movements["items"]
            .as_array()
            .into_iter()
            .flatten()
            .rev()
            .take(3)
        {
            println!(
                "< version {} {}: on hand {}, reserved {}",
                movement["version"], movement["type"], movement["on_hand"], movement["reserved"]
            );
        }
        Ok(())
    }
}

/// The variants that one may buy any number of.
fn unlimited(product: &Value) -> impl Iterator<Item = &str> {
    let variants = product["variants"].as_array().into_iter().flatten();
    let free = |variant: &&Value| {
        variant["limits"]["max"].is_null() && variant["limits"]["multiple"].is_null()
    };
    variants
        .filter(free)
        .filter_map(|variant| variant["sku"].as_str())
}

/// A key of this run alone, made of what only this run has (guests need the form of a UUID).
fn key_of(unique: &str) -> String {
    use sha2::{Digest, Sha256};
    let moment = std::process::id();
    let hash = Sha256::digest(format!("{unique} {moment}"));
    let hex: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

fn money(value: &Value) -> String {
    let amount = value["amount"].as_i64().unwrap_or_default();
    format!(
        "{}.{:02} {}",
        amount / 100,
        amount % 100,
        value["currency"].as_str().unwrap_or_default()
    )
}
