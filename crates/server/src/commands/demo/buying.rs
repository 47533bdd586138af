//! Buying: a whole purchase, a card that is declined, and a purchase that survives the death of the shop.

use super::own::Own;
use super::{Cart, Session, key_of, money};
use anyhow::{Context as _, bail, ensure};
use hyper::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a purchase may take that was interrupted.
const ENDS_WITHIN: u32 = 150;

/// A checkout that can be completed.
struct Checkout {
    id: String,
    quote: String,
}

impl Session {
    /// The demo's cart becomes an order.
    pub(super) async fn buy(&mut self, cart: &Cart) -> anyhow::Result<()> {
        self.say("The buyer says where it goes, gets a binding quote, and pays by card.")
            .await;
        let checkout = self.checkout(cart).await?;
        let done = self.pay(cart, &checkout, "tok_visa", 10).await?;
        show(&done.ok()?);
        Ok(())
    }

    /// A card without money: everything is undone, and another card is welcome.
    pub(super) async fn declined(&mut self, sku: &str) -> anyhow::Result<()> {
        self.say("Another buyer's card has expired: nothing is charged, the stock is free, the cart is open again.")
            .await;
        let (cart, _) = self.new_cart(json!([{"sku": sku, "quantity": 1}])).await?;
        let checkout = self.checkout(&cart).await?;
        let refused = self.pay(&cart, &checkout, "tok_expired", 10).await?;
        println!(
            "< {} {}: {}",
            refused.status, refused.body["code"], refused.body["detail"]
        );
        ensure!(refused.status == 409, "an expired card must be declined");
        self.say("With another card it works.").await;
        let done = self.pay(&cart, &checkout, "tok_mastercard", 10).await?;
        show(&done.ok()?);
        Ok(())
    }

    /// The shop is killed between the charge and the order.
    pub(super) async fn survive(&mut self, sku: &str, shop: &mut Own) -> anyhow::Result<()> {
        self.say("A slow card, and in the middle of it somebody pulls the plug: kill -9.")
            .await;
        let (cart, _) = self.new_cart(json!([{"sku": sku, "quantity": 1}])).await?;
        let checkout = self.checkout(&cart).await?;
        let running = self.pay(&cart, &checkout, "tok_slow", 0).await?;
        println!("< {} {}", running.status, running.body["state"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        shop.kill();
        println!("  the shop is dead; it is started again");
        shop.restart().await?;
        let path = format!("/v1/checkouts/{}", checkout.id);
        for _ in 0..ENDS_WITHIN {
            let now = self.client.get(&path).await?.ok()?;
            if now["state"] == "completed" {
                show(&now);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the purchase did not end after the restart")
    }

    async fn checkout(&mut self, cart: &Cart) -> anyhow::Result<Checkout> {
        let body = json!({
            "cart_id": cart.id, "email": "ada@example.com",
            "shipping_address": {"name": "Ada Byron", "line1": "12 Analytical Way", "city": "Springfield",
                                 "postal_code": "12345", "country": "US"},
        });
        let token = [("cart-token", cart.token.as_str())];
        let opened = self
            .ask(Method::POST, "/v1/checkouts", &token, body)
            .await?
            .ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let checkout = Checkout {
            id: text(&opened["id"]).context("a checkout has an id")?,
            quote: text(&opened["quote"]["id"])
                .context("nothing is missing, so there is a quote")?,
        };
        println!(
            "< {} {}, quote of {} until {}",
            checkout.id,
            opened["state"],
            money(&opened["totals"]["total"]),
            opened["quote"]["expires_at"]
        );
        Ok(checkout)
    }

    async fn pay(
        &mut self,
        cart: &Cart,
        checkout: &Checkout,
        token: &str,
        wait: u32,
    ) -> anyhow::Result<super::Reply> {
        let body =
            json!({"quote_id": checkout.quote, "payment": {"method": "card", "token": token}});
        let (key, wait) = (
            key_of(&format!("{} {token}", checkout.id)),
            format!("wait={wait}"),
        );
        let headers = [
            ("cart-token", cart.token.as_str()),
            ("idempotency-key", key.as_str()),
            ("prefer", wait.as_str()),
        ];
        let path = format!("/v1/checkouts/{}/complete", checkout.id);
        self.ask(Method::POST, &path, &headers, body).await
    }
}

/// How it ended.
fn show(checkout: &Value) {
    println!("< {}, order {}", checkout["state"], checkout["order_id"]);
    for step in checkout["steps"].as_array().into_iter().flatten() {
        println!(
            "  attempt {} {:<10} {:<7} {}",
            step["attempt"],
            step["step"].as_str().unwrap_or_default(),
            step["state"].as_str().unwrap_or_default(),
            step["ended_at"].as_str().unwrap_or("...")
        );
    }
    for payment in checkout["payments"].as_array().into_iter().flatten() {
        println!("  {} {}", money(&payment["amount"]), payment["state"]);
    }
}
