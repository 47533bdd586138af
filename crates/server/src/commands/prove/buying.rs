//! Purchases: a cart of the run's own customer, its checkout, and completing it.

use super::caller::{Ask, Reply, short};
use super::found::{Looks, instead};
use super::gateway::{Books, Taken};
use super::goods::text;
use super::stage::{Stage, whole};
use anyhow::Context as _;
use cartwright_domain::invariants::{
    A_PAID_ORDER_HAS_AN_INVOICE, A_STANDING_ORDER_IS_PAID, EVERY_SAGA_ENDS, GIVEN_UP_IS_PAID_BACK,
    NOTHING_HELD_AFTER_THE_END, ONE_SUCCESS_FOR_EACH_PURCHASE, THEIR_LEDGER_IS_OURS,
};
use serde_json::{Value, json};

/// How long `complete` waits for the end, in seconds.
const WAIT_SECONDS: u32 = 20;

/// A cart.
#[derive(Debug, Clone)]
pub(super) struct Cart {
    pub(super) id: String,
    pub(super) version: i64,
}

/// A checkout that can be completed.
#[derive(Debug, Clone)]
pub(super) struct Purchase {
    pub(super) cart: String,
    pub(super) checkout: String,
    quote: String,
}

/// A cart of so many of a SKU; none of anything without one.
pub(super) async fn cart(stage: &Stage<'_>, line: Option<(&str, i64)>) -> anyhow::Result<Cart> {
    let lines: Vec<_> = line
        .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}))
        .into_iter()
        .collect();
    let ground = stage.ground;
    let body = json!({"currency": ground.currency, "country": ground.country,
                      "customer_id": ground.customer(), "lines": lines});
    let made = stage.write(Ask::post("/v1/carts", body)).await?;
    let made = made.ok().context("a cart cannot be made")?;
    Ok(Cart {
        id: text(&made["id"]),
        version: whole(&made["version"]),
    })
}

/// Whether the provider was not to be had, and so the purchase was undone: no shop can help that.
pub(super) fn is_provider_away(reply: &Reply) -> bool {
    reply.refuses(409, "payment_declined") && reply.body["reason"] == "unavailable"
}

impl Purchase {
    /// A cart of so many of a SKU, and its checkout with a quote.
    ///
    /// # Errors
    /// When the shop refuses it, or gives no quote.
    pub(super) async fn open(stage: &Stage<'_>, sku: &str, quantity: i64) -> anyhow::Result<Self> {
        let cart = cart(stage, Some((sku, quantity))).await?;
        let body = json!({
            "cart_id": cart.id, "email": "prove@example.com",
            "shipping_address": {"name": "Cartwright Prove", "line1": "1 Test Street", "city": "Springfield",
                                 "region": "IL", "postal_code": "62701", "country": stage.ground.country},
        });
        let opened = stage.write(Ask::post("/v1/checkouts", body)).await?;
        let opened = opened.ok().context("a checkout cannot be opened")?;
        let quote = text(&opened["quote"]["id"]);
        anyhow::ensure!(
            !quote.is_empty(),
            "the shop gives no quote: {}",
            short(&opened)
        );
        Ok(Self {
            cart: cart.id,
            checkout: text(&opened["id"]),
            quote,
        })
    }

    /// `POST .../complete` by card.
    pub(super) fn complete(&self, key: &str, token: &str) -> Ask {
        let path = format!("/v1/checkouts/{}/complete", self.checkout);
        let payment = json!({"method": "card", "token": token});
        Ask::post(path, json!({"quote_id": self.quote, "payment": payment}))
            .header("prefer", format!("wait={WAIT_SECONDS}"))
            .key(key)
    }

    /// How the shop shows it.
    pub(super) async fn read(&self, stage: &Stage<'_>) -> anyhow::Result<Value> {
        stage
            .shop
            .read(&format!("/v1/checkouts/{}", self.checkout))
            .await
    }

    /// Completes it, and asks under the same key again while it is still under way.
    pub(super) async fn buy(
        &self,
        stage: &Stage<'_>,
        key: &str,
        token: &str,
    ) -> anyhow::Result<Reply> {
        const TRIES: u32 = 6;
        let ask = self.complete(key, token);
        let mut reply = stage.shop.send(&ask).await?;
        for _ in 1..TRIES {
            if reply.status != 202 {
                break;
            }
            reply = stage.shop.send(&ask).await?;
        }
        Ok(reply)
    }

    /// The shop's tables and the provider's books must tell one story of it, soon; returns how it ended.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub(super) async fn ends_well(&self, stage: &Stage<'_>) -> anyhow::Result<Value> {
        let seen = std::sync::Mutex::new(Value::Null);
        stage
            .must_become(async |looks: &mut Looks| {
                let checkout = self.read(stage).await?;
                let books = match stage.gateway {
                    Some(gateway) => Some(gateway.books(&self.cart).await?),
                    None => None,
                };
                let order = match checkout["order_id"].as_str() {
                    Some(id) => Some(stage.shop.read(&format!("/v1/orders/{id}")).await?),
                    None => None,
                };
                look(looks, &checkout, order.as_ref(), books);
                *seen
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = checkout;
                Ok(())
            })
            .await?;
        Ok(seen
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Everything that must be true of a checkout that has ended.
fn look(looks: &mut Looks, checkout: &Value, order: Option<&Value>, books: Option<Books>) {
    let ids = [text(&checkout["id"]), text(&checkout["order_id"])];
    let state = text(&checkout["state"]);
    let rests = ["open", "completed", "cancelled", "expired"].contains(&state.as_str());
    let attempts = || checkout["attempts"].as_array().into_iter().flatten();
    let runs = attempts().any(|it| it["state"] == "running");
    looks.must(EVERY_SAGA_ENDS, rests && !runs, || {
        instead("an end within a minute", short(checkout)).at(&ids)
    });
    let made: Vec<_> = attempts().filter(|it| it["state"] == "succeeded").collect();
    let is_completed = state == "completed";
    let fits = made.len() == usize::from(is_completed) && order.is_some() == is_completed;
    looks.must(ONE_SUCCESS_FOR_EACH_PURCHASE, fits, || {
        let seen = format!("{} attempts succeeded: {}", made.len(), short(checkout));
        instead("one that succeeded and an order, if completed", seen).at(&ids)
    });
    if let Some(order) = order {
        stands(looks, order, &ids);
    }
    let Some(mut books) = books else {
        return;
    };
    for payment in checkout["payments"].as_array().into_iter().flatten() {
        let theirs = books.remove(&text(&payment["id"])).unwrap_or_default();
        agrees(looks, payment, &theirs, &ids);
    }
    looks.must(THEIR_LEDGER_IS_OURS, books.is_empty(), || {
        let seen = format!("the provider knows also {books:?}");
        instead("only payments that the shop knows", seen).at(&ids)
    });
}

/// An order is paid once and whole, or paid back.
fn stands(looks: &mut Looks, order: &Value, ids: &[String]) {
    let payments = || order["payments"].as_array().into_iter().flatten();
    let sum = |field: &str| {
        payments()
            .map(|it| whole(&it[field]["amount"]))
            .sum::<i64>()
    };
    let (captured, refunded) = (sum("captured"), sum("refunded"));
    let total = whole(&order["totals"]["total"]["amount"]);
    if order["state"] == "cancelled" {
        looks.must(GIVEN_UP_IS_PAID_BACK, captured == refunded, || {
            let seen = format!("{captured} was captured and {refunded} went back");
            instead("all of it goes back", seen).at(ids)
        });
        return;
    }
    looks.must(A_STANDING_ORDER_IS_PAID, captured == total, || {
        instead(format!("{total} captured"), format!("{captured}")).at(ids)
    });
    let has_invoice = order["invoices"]
        .as_array()
        .is_some_and(|it| !it.is_empty());
    looks.must(A_PAID_ORDER_HAS_AN_INVOICE, has_invoice, || {
        instead("an invoice", short(&order["invoices"])).at(ids)
    });
}

/// One payment, here and there.
fn agrees(looks: &mut Looks, ours: &Value, theirs: &Taken, ids: &[String]) {
    let amount = |field: &str| whole(&ours[field]["amount"]);
    let kept = amount("captured") - amount("refunded");
    let once = theirs.captured.len() <= 1;
    let whole_sums = theirs
        .authorized
        .iter()
        .chain(&theirs.captured)
        .all(|it| *it == amount("amount"));
    let same = once && whole_sums && theirs.kept() == kept;
    looks.must(THEIR_LEDGER_IS_OURS, same, || {
        let expected = format!(
            "{kept} kept, captured at most once and whole: {}",
            short(ours)
        );
        instead(expected, format!("{theirs:?}")).at(ids)
    });
    looks.must(NOTHING_HELD_AFTER_THE_END, !theirs.is_open(), || {
        instead("captured or voided", format!("{theirs:?}")).at(ids)
    });
}
