//! The letter that those shops send for an order.

use super::address::Address;
use super::carts::Item;
use super::catalog::Price;
use super::shipping::tracking_id;
use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::ports::mailer::MailError;
use cartwright_domain::checkout::Email;
use std::fmt::Write;

/// Most items of a letter; what is beyond them is counted.
const MAX_ITEMS: usize = 200;

/// An order as a letter tells it: another shop's, or this one's.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Its name.
    pub order_id: String,
    /// Its parcel's name.
    pub tracking_id: String,
    /// What sending it cost.
    pub shipping_cost: Option<Price>,
    /// Where it goes.
    pub address: Address,
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
    let text = letter(order, postbox.seller());
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

fn letter(order: &Told, seller: &str) -> String {
    let mut text = String::from("Thank you for your order.\n\n");
    let _ = writeln!(text, "Order: {}", line(&order.order_id));
    let _ = writeln!(text, "Parcel: {}", line(&order.tracking_id));
    for (item, cost) in order.items.iter().take(MAX_ITEMS) {
        let _ = write!(text, "  {} x {}", item.quantity, line(&item.product_id));
        let cost = cost.as_ref().map(|cost| format!(": {} each", amount(cost)));
        let _ = writeln!(text, "{}", cost.unwrap_or_default());
    }
    if let Some(more) = order.items.len().checked_sub(MAX_ITEMS + 1) {
        let _ = writeln!(text, "  and {} more", more + 1);
    }
    if let Some(cost) = &order.shipping_cost {
        let _ = writeln!(text, "  Shipping: {}", amount(cost));
    }
    let address = &order.address;
    let lines = [
        &address.street_address,
        &address.city,
        &address.state,
        &address.zip_code,
        &address.country,
    ];
    text.push_str("\nIt goes to:\n");
    for part in lines.into_iter().filter(|part| !part.is_empty()) {
        let _ = writeln!(text, "  {}", line(part));
    }
    let _ = write!(text, "\n{seller}\n");
    text
}

/// What somebody else wrote, on one line and not without end.
fn line(text: &str) -> String {
    let plain = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    plain.take(200).collect()
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
        line(&price.currency_code)
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
        let item = Item {
            product_id: "MUG\nX".to_owned(),
            quantity: 2,
        };
        let order = Told {
            order_id: "ord_1".to_owned(),
            tracking_id: "t".to_owned(),
            shipping_cost: Some(price(5, 990_000_000)),
            address: Address {
                city: "Paris".to_owned(),
                ..Address::default()
            },
            items: vec![(item, Some(price(-1, -50_000_000)))],
        };
        let text = letter(&order, "Shop");
        assert_eq!(
            text,
            "Thank you for your order.\n\nOrder: ord_1\nParcel: t\n  2 x MUG X: -1.05 USD each\n  \
             Shipping: 5.99 USD\n\nIt goes to:\n  Paris\n\nShop\n"
        );
    }
}
