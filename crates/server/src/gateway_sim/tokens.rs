//! The test tokens: each stands for a card that behaves in one way, always.

use serde::Serialize;
use std::time::Duration;

/// What a payment form shows of a card afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Card {
    /// The scheme.
    pub brand: &'static str,
    /// The last four digits.
    pub last4: &'static str,
}

/// How a card answers an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Authorized.
    Good,
    /// Refused with this code.
    Declined(&'static str),
    /// Authorized after [`SLOW`].
    Slow,
    /// The first call for a reference books and never answers; later ones answer.
    Silent,
}

/// How long `tok_slow` takes.
pub const SLOW: Duration = Duration::from_secs(3);

/// Name, card, behaviour. Any other token is declined, with an unknown card.
const TOKENS: &[(&str, Card, Behaviour)] = &[
    ("tok_visa", card("visa", "4242"), Behaviour::Good),
    (
        "tok_mastercard",
        card("mastercard", "4444"),
        Behaviour::Good,
    ),
    (
        "tok_declined",
        card("visa", "0002"),
        Behaviour::Declined("declined"),
    ),
    (
        "tok_expired",
        card("visa", "0069"),
        Behaviour::Declined("expired_card"),
    ),
    (
        "tok_insufficient_funds",
        card("visa", "9995"),
        Behaviour::Declined("insufficient_funds"),
    ),
    ("tok_slow", card("visa", "4242"), Behaviour::Slow),
    (
        "tok_timeout_after_success",
        card("visa", "4242"),
        Behaviour::Silent,
    ),
];

const fn card(brand: &'static str, last4: &'static str) -> Card {
    Card { brand, last4 }
}

/// What a token stands for.
pub fn behaviour(token: &str) -> (Card, Behaviour) {
    TOKENS.iter().find(|(name, ..)| *name == token).map_or_else(
        || (card("unknown", "0000"), Behaviour::Declined("declined")),
        |(_, card, behaviour)| (*card, *behaviour),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_token_is_declined() {
        assert_eq!(behaviour("tok_visa").1, Behaviour::Good);
        for token in ["", "tok_VISA", "4242424242424242"] {
            assert_eq!(
                behaviour(token).1,
                Behaviour::Declined("declined"),
                "{token}"
            );
        }
    }
}
