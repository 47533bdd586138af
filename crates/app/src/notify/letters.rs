//! What letters say.

use cartwright_domain::cart::LineId;
use cartwright_domain::order::{Event, Exchange, Order, Refund, To, Tracking};
use cartwright_domain::{Currency, Money, RefundId};
use std::fmt::Write;

/// Subject and text of the letter that an event asks for; `version` is the order's with it.
pub(super) fn of(
    seller: &str,
    order: &Order,
    event: &Event,
    version: u64,
) -> Option<(String, String)> {
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
            list(&mut text, order, lines);
            text.push_str(&follow(tracking.as_ref()));
            let _ = write!(text, "\n{seller}\n");
            Some((format!("Your order {number} is on its way"), text))
        }
        Event::Cancelled { .. } => Some((
            format!("Your order {number} was cancelled"),
            format!(
                "What had not been sent of your order {number} was cancelled. What you paid for it comes back to you the way you paid.\n\n{seller}\n"
            ),
        )),
        Event::RefundAnswered { id, .. } | Event::RefundResolved { id, .. } => {
            let refund = order.refund(*id)?;
            let ends_it = refund.to != To::Exchange && settled_at(order, *id) == Some(version);
            let given = ends_it
                .then(|| refund.counted())
                .filter(|given| *given > 0)?;
            Some((
                format!("Your money for order {number} is on its way"),
                refunded(seller, order, refund, given),
            ))
        }
        Event::ReturnReceived { lines, .. } => {
            let mut text =
                format!("Thank you. These parts of your order {number} came back to us.\n\n");
            list(&mut text, order, lines);
            let _ = write!(text, "\n{seller}\n");
            Some((format!("Your return for order {number} is here"), text))
        }
        Event::ExchangePlaced { id, .. } => {
            let exchange = order.exchange(*id)?;
            Some((
                format!("Your exchange for order {number}"),
                exchanged(seller, order, exchange),
            ))
        }
        Event::Placed(_)
        | Event::Restocked { .. }
        | Event::RefundStarted(_)
        | Event::ReturnRequested { .. }
        | Event::ReturnCancelled { .. }
        | Event::ExchangeStarted(_)
        | Event::ExchangeUndone { .. }
        | Event::ExchangeCancelled { .. } => None,
    }
}

/// The version of the order with which the last part of a refund was settled; `None` as long as one is open.
fn settled_at(order: &Order, id: RefundId) -> Option<u64> {
    if order.refund(id)?.state().is_open() {
        return None;
    }
    let about = id.to_string();
    let told = order.history.iter().zip(1_u64..);
    let last = told.filter(|(it, _)| it.about.as_deref() == Some(about.as_str()));
    last.last().map(|(_, version)| version)
}

fn list(text: &mut String, order: &Order, lines: &[(LineId, i64)]) {
    for (id, units) in lines {
        let name = order.line(*id).map_or("", |line| line.name.as_str());
        let _ = writeln!(text, "  {units} x {name}");
    }
}

fn refunded(seller: &str, order: &Order, refund: &Refund, given: i64) -> String {
    let how = match refund.to {
        To::Wallet => "to your wallet in our shop",
        To::Original | To::Exchange => "the way you paid",
    };
    let given = amount(given, order.currency);
    let number = order.number;
    let note = refund.credit_note;
    format!(
        "{given} for your order {number} went back {how}.\n\nCredit note: CN-{note:06}\n\n{seller}\n"
    )
}

fn exchanged(seller: &str, order: &Order, exchange: &Exchange) -> String {
    let number = order.number;
    let mut text =
        format!("Your exchange is placed. Please send us these parts of your order {number}.\n\n");
    let lines = exchange.started.lines.iter().map(|it| (it.id, it.units));
    list(&mut text, order, &lines.collect::<Vec<_>>());
    if exchange.started.due > 0 {
        let due = amount(exchange.started.due, order.currency);
        let _ = writeln!(text, "\nOnce they are here {due} goes back to you.");
    }
    let _ = write!(
        text,
        "\nWhat comes for them has an order of its own, and you get its confirmation by another letter.\n\n{seller}\n"
    );
    text
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
