//! How a checkout is paid, as clients say it.

use crate::problem::Problem;
use crate::wire::Money;
use cartwright_app::checkouts::saga::{Part, Pay, Providers};
use cartwright_domain::QuoteId;
use cartwright_domain::payment::Method;
use schemars::JsonSchema;
use serde::Deserialize;

/// Most parts of one payment.
const MAX_PARTS: usize = 8;
/// Longest token of a card.
const MAX_TOKEN: usize = 255;

/// When to ask again where nobody can be asked: settings change by hand.
const RETRY_SECONDS: u32 = 30;

/// `POST /checkouts/{id}/complete`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteCheckout {
    /// The quote that the buyer agreed to.
    #[schemars(length(min = 1, max = 64))]
    pub quote_id: String,
    /// How it is paid; not needed when there is nothing to pay.
    #[serde(default)]
    pub payment: Option<Payment>,
}

/// All with one method, or parts that add up to the total.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PayWith")]
pub struct Payment {
    /// `card` or `wallet`.
    #[serde(default)]
    pub method: Option<PayMethod>,
    /// What the provider gave the buyer's browser in place of a card. Never a card number.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub token: Option<String>,
    /// Which provider the token is for; the shop chooses when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32))]
    pub provider: Option<String>,
    /// Instead of all that: several ways of paying, in the order in which they are asked.
    #[serde(default)]
    #[schemars(length(min = 1, max = 8))]
    pub parts: Option<Vec<PaymentPart>>,
}

/// One way of paying, and how much of the total.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentPart {
    /// `card` or `wallet`.
    pub method: PayMethod,
    /// What the provider gave the buyer's browser in place of a card. Never a card number.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub token: Option<String>,
    /// Which provider the token is for; the shop chooses when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32))]
    pub provider: Option<String>,
    /// How much; more than 0.
    pub amount: Money,
}

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayMethod {
    /// By a card, through a payment provider.
    Card,
    /// From the wallet of the cart's customer. Needs scope `wallets`.
    Wallet,
}

impl std::fmt::Debug for Payment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payment(..)")
    }
}

impl std::fmt::Debug for PaymentPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PaymentPart(..)")
    }
}

impl CompleteCheckout {
    /// Checked: which quote, and how it is paid.
    pub fn checked(self, providers: &Providers, now_ns: u64) -> Result<(QuoteId, Pay), Problem> {
        // What cannot be a quote's id is a quote that nobody knows.
        let quote = self.quote_id.parse().unwrap_or(QuoteId(0));
        Ok((quote, Payment::checked(self.payment, providers, now_ns)?))
    }
}

impl Payment {
    /// Checked: the parts, none where nothing was said.
    pub fn checked(
        payment: Option<Self>,
        providers: &Providers,
        now_ns: u64,
    ) -> Result<Pay, Problem> {
        let Some(payment) = payment else {
            return Ok(Pay { parts: Vec::new() });
        };
        let one = |at: &str, method, token, provider, amount| match method {
            PayMethod::Card => part(at, token, provider, amount, providers, now_ns),
            PayMethod::Wallet => wallet(at, token, provider, amount),
        };
        let parts = match (payment.method, payment.parts) {
            (Some(method), None) => {
                vec![one(
                    "payment",
                    method,
                    payment.token,
                    payment.provider,
                    None,
                )?]
            }
            (None, Some(parts)) if payment.token.is_none() && payment.provider.is_none() => {
                if parts.is_empty() || parts.len() > MAX_PARTS {
                    let detail = format!("expected 1 to {MAX_PARTS} parts");
                    return Err(Problem::invalid("payment.parts", "out_of_range", detail));
                }
                let parts = parts.into_iter().enumerate();
                let parts = parts.map(|(place, it)| {
                    let at = format!("payment.parts[{place}]");
                    if it.amount.amount <= 0 {
                        let field = format!("{at}.amount");
                        let detail = "expected more than 0";
                        return Err(Problem::invalid(field, "out_of_range", detail));
                    }
                    one(&at, it.method, it.token, it.provider, Some(it.amount))
                });
                parts.collect::<Result<_, _>>()?
            }
            _ => {
                let detail = "expected either a method with its token, or parts";
                return Err(Problem::invalid("payment", "malformed", detail));
            }
        };
        Ok(Pay { parts })
    }
}

fn part(
    at: &str,
    token: Option<String>,
    provider: Option<String>,
    amount: Option<Money>,
    providers: &Providers,
    now_ns: u64,
) -> Result<Part, Problem> {
    let field = format!("{at}.token");
    let Some(token) = token else {
        let detail = "a card needs the token that its provider gave the buyer's browser";
        return Err(Problem::invalid(field, "required", detail));
    };
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|it| it.is_ascii_graphic())
    {
        let detail = format!("expected 1 to {MAX_TOKEN} visible ASCII characters");
        return Err(Problem::invalid(field, "malformed", detail));
    }
    if is_card_number(&token) {
        let detail = "this may be a card number: never send one here, send the provider's token";
        return Err(Problem::invalid(field, "card_number", detail));
    }
    let is_fixed = provider.is_some();
    let provider = match provider {
        Some(name) if providers.knows(&name) => Some(name.into()),
        Some(name) => {
            let detail = format!("no payment provider is called {name}");
            return Err(Problem::invalid(
                format!("{at}.provider"),
                "unknown",
                detail,
            ));
        }
        None => providers.choose(now_ns),
    };
    if provider.is_none() {
        let detail =
            "no payment provider is configured: set `payment` (see the configuration reference)";
        return Err(Problem {
            retry_after: Some(RETRY_SECONDS),
            ..Problem::new("dependency_unavailable", detail)
        });
    }
    Ok(Part {
        method: Method::Card,
        token: Some(token),
        provider,
        is_fixed,
        amount: amount.map(|it| cartwright_domain::Money::new(it.amount, it.currency)),
    })
}

fn wallet(
    at: &str,
    token: Option<String>,
    provider: Option<String>,
    amount: Option<Money>,
) -> Result<Part, Problem> {
    for (name, is_sent) in [("token", token.is_some()), ("provider", provider.is_some())] {
        if is_sent {
            let detail = "a wallet has none: it is the shop's own";
            return Err(Problem::invalid(
                format!("{at}.{name}"),
                "unknown_field",
                detail,
            ));
        }
    }
    Ok(Part {
        method: Method::Wallet,
        token: None,
        provider: None,
        is_fixed: false,
        amount: amount.map(Into::into),
    })
}

/// Whether a token looks like a card number: 12 to 19 digits, however they are grouped.
fn is_card_number(token: &str) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let grouped = token
        .bytes()
        .all(|it| it.is_ascii_digit() || matches!(it, b'-' | b'.' | b'/'));
    grouped && (12..=19).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_card_numbers() {
        for number in ["4242424242424242", "4242-4242-4242-4242", "424242424242"] {
            assert!(is_card_number(number), "{number}");
        }
        for token in ["tok_4242424242424242", "12345678901", "tok_visa"] {
            assert!(!is_card_number(token), "{token}");
        }
    }
}
