//! The letter that those shops send for an order.
//!
//! Whoever reaches the port may ask for one, as with the originals. So a letter says nothing that its asker could have
//! written: names of ids and currencies, figures, what the catalogue calls a product; no address.

use super::carts::Item;
use super::catalog::{self, Price};
use super::shipping::tracking_id;
use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::ports::mailer::MailError;
use cartwright_domain::checkout::Email;
use std::fmt::Write;

/// Most items of a letter; what is beyond them is counted.
const MAX_ITEMS: usize = 200;
/// Longest name of something that the catalogue does not know.
const MAX_NAME: usize = 64;

/// An order as a letter tells it: another shop's, or this one's.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Its name.
    pub order_id: String,
    /// Its parcel's name.
    pub tracking_id: String,
    /// What sending it cost.
    pub shipping_cost: Option<Price>,
    /// What it is, and what one of each cost.
    pub items: Vec<(Item, Option<Price>)>,
}

/// Sends the confirmation of an order; without a mail server it is only logged that there was one. The same order to the same
/// address has the same `Message-ID`.
///
/// # Errors
/// `invalid` (`email`), also when the mail server refuses it for good; `dependency_unavailable` when it does not take it now.
pub async fn confirm(edge: &Edge, email: &str, order: &Told) -> Result<(), Problem> {
    let invalid = |detail: String| Problem::invalid("email", "malformed", detail);
    let to = Email::new(email).map_err(|error| invalid(error.to_string()))?;
    let id = tracking_id(&format!("{}\n{}", order.order_id, to.as_str()));
    let Some(postbox) = &edge.postbox else {
        tracing::info!(
            message_id = id,
            "an order confirmation is not sent: no mail server is configured (`smtp`)"
        );
        return Ok(());
    };
    let subject = format!("Your order at {}", postbox.seller());
    let mut names = Vec::new();
    for (item, _) in order.items.iter().take(MAX_ITEMS) {
        let product = catalog::find(edge, &item.product_id).await?;
        names.push(product.map_or_else(
            || named(&item.product_id).to_owned(),
            |product| product.data.name.to_string(),
        ));
    }
    let text = letter(order, &names, postbox.seller());
    let sent = postbox.send(&id, to.as_str().to_owned(), subject, text);
    match sent.await {
        Ok(()) => {
            tracing::debug!(message_id = id, "an order confirmation was handed over");
            Ok(())
        }
        Err(MailError::Refused(why)) => Err(invalid(format!("the letter is refused: {why}"))),
        Err(MailError::Unavailable(why)) => {
            tracing::warn!(message_id = id, why, "a letter could not be handed over");
            let detail = "the mail server does not take letters now; try again later";
            Err(Problem::new("dependency_unavailable", detail))
        }
    }
}

fn letter(order: &Told, names: &[String], seller: &str) -> String {
    let mut text = String::from("Thank you for your order.\n\n");
    let _ = writeln!(text, "Order: {}", named(&order.order_id));
    let _ = writeln!(text, "Parcel: {}\n", named(&order.tracking_id));
    for ((item, cost), name) in order.items.iter().zip(names) {
        let _ = write!(text, "  {} x {name}", item.quantity);
        let cost = cost.as_ref().map(|cost| format!(": {} each", amount(cost)));
        let _ = writeln!(text, "{}", cost.unwrap_or_default());
    }
    let more = order.items.len().saturating_sub(names.len());
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    if let Some(cost) = &order.shipping_cost {
        let _ = writeln!(text, "  Shipping: {}", amount(cost));
    }
    let _ = write!(text, "\n{seller}\n");
    text
}

/// What can only be a name: no words, no addresses.
fn named(text: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) {
        text
    } else {
        "(unnamed)"
    }
}

/// An amount as people write it: `12.99 USD`.
fn amount(price: &Price) -> String {
    let cents = price.nanos.unsigned_abs() / 10_000_000;
    let sign = if price.units < 0 || price.nanos < 0 {
        "-"
    } else {
        ""
    };
    format!(
        "{sign}{}.{cents:02} {}",
        price.units.unsigned_abs(),
        named(&price.currency_code)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_was_bought() {
        let price = |units, nanos| Price {
            currency_code: "USD".to_owned(),
            units,
            nanos,
        };
        let item = |product_id: &str, quantity| Item {
            product_id: product_id.to_owned(),
            quantity,
        };
        let order = Told {
            order_id: "ord_1".to_owned(),
            tracking_id: "look at evil.example".to_owned(),
            shipping_cost: Some(price(5, 990_000_000)),
            items: vec![
                (item("MUG", 2), Some(price(-1, -50_000_000))),
                (item("TEA", 1), None),
                (item("PEN", 1), None),
            ],
        };
        let names = ["Mug".to_owned(), "TEA".to_owned()];
        assert_eq!(
            letter(&order, &names, "Shop"),
            "Thank you for your order.\n\nOrder: ord_1\nParcel: (unnamed)\n\n  2 x Mug: -1.05 USD each\n  1 x TEA\n  \
             and 1 more\n  Shipping: 5.99 USD\n\nShop\n"
        );
    }
}
