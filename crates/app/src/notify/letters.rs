//! What letters say.

use cartwright_domain::order::{Event, Order, Tracking};
use cartwright_domain::{Currency, Money};
use std::fmt::Write;

/// Subject and text of the letter that an event asks for.
pub(super) fn of(seller: &str, order: &Order, event: &Event) -> Option<(String, String)> {
    let number = order.number;
    match event {
        Event::Paid { .. } => Some((
            format!("Your order {number} at {seller}"),
            confirmation(seller, order),
        )),
        Event::Fulfilled {
            lines, tracking, ..
        } => {
            let mut text =
                format!("Good news: these parts of your order {number} are on their way.\n\n");
            for (id, units) in lines {
                let name = order.line(*id).map_or("", |line| line.name.as_str());
                let _ = writeln!(text, "  {units} x {name}");
            }
            text.push_str(&follow(tracking.as_ref()));
            let _ = write!(text, "\n{seller}\n");
            Some((format!("Your order {number} is on its way"), text))
        }
        Event::Cancelled => Some((
            format!("Your order {number} was cancelled"),
            format!(
                "What had not been sent of your order {number} was cancelled. What you paid for it comes back to you the way you paid.\n\n{seller}\n"
            ),
        )),
        _ => None,
    }
}

fn confirmation(seller: &str, order: &Order) -> String {
    let mut text = format!("Thank you for your order {}.\n\n", order.number);
    for line in &order.lines {
        let _ = writeln!(
            text,
            "  {} x {}: {}",
            line.quantity,
            line.name,
            amount(line.total, order.currency)
        );
    }
    let _ = writeln!(
        text,
        "  Shipping: {}",
        amount(order.totals.shipping, order.currency)
    );
    let _ = writeln!(
        text,
        "  Total: {}\n",
        amount(order.totals.total, order.currency)
    );
    if let Some(invoice) = order.invoice {
        let _ = writeln!(text, "Invoice: INV-{invoice:06}\n");
    }
    let _ = writeln!(text, "{seller}");
    text
}

fn follow(tracking: Option<&Tracking>) -> String {
    let Some(tracking) = tracking else {
        return String::new();
    };
    let parts = [&tracking.carrier, &tracking.number, &tracking.url];
    let parts: Vec<_> = parts.into_iter().flatten().map(|it| it.as_str()).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("\nFollow it: {}\n", parts.join(", "))
    }
}

/// An amount as people write it: `12.99 USD`.
fn amount(minor: i64, currency: Currency) -> String {
    let money = Money::new(minor, currency);
    let digits = currency.digits() as usize;
    let scale = 10_i64.pow(currency.digits());
    if digits == 0 {
        return format!("{} {currency}", money.minor);
    }
    format!(
        "{}.{:0digits$} {currency}",
        money.minor / scale,
        (money.minor % scale).abs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_amounts_in_the_currency_s_own_way() {
        let amount = |minor, code| amount(minor, Currency::new(code).expect("a currency"));
        assert_eq!(amount(1299, "USD"), "12.99 USD");
        assert_eq!(amount(5, "EUR"), "0.05 EUR");
        assert_eq!(amount(700, "JPY"), "700 JPY");
        assert_eq!(amount(1234, "KWD"), "1.234 KWD");
    }
}
