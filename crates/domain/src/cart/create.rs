//! Making a cart, perhaps with its first lines.

use super::add::{check_quantities, join_all};
use super::cart::begin;
use super::draft::Draft;
use super::limits::cart_limit;
use super::{Add, Created, Event, ExternalUser, Goods, Metadata, Rules};
use crate::{CartId, Country, Currency, Refusal, Time};
use smol_str::SmolStr;

/// What a cart begins with. Everything may be absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Create {
    /// What its prices are in; `None`: as configured.
    pub currency: Option<Currency>,
    /// Where it is bought from; `None`: as configured.
    pub country: Option<Country>,
    /// Whose it is.
    pub customer_id: Option<SmolStr>,
    /// Makes it a drop-in cart.
    pub external_user: Option<ExternalUser>,
    /// SHA-256 of the secret that opens it.
    pub token_hash: Option<[u8; 32]>,
    /// What the client hangs on it.
    pub metadata: Metadata,
    /// Its first lines; equal ones join.
    pub lines: Vec<Add>,
}

/// Makes a cart with all its lines, or none at all. Refused as [`add_many`](super::add_many) is.
pub fn create(
    request: &Create,
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Event, Refusal> {
    let drop_in = request.external_user.is_some();
    check_quantities(&request.lines, drop_in, rules)?;
    if request.metadata.weight() > rules.max_metadata_bytes {
        return cart_limit(format!(
            "a cart takes at most {} bytes of metadata",
            rules.max_metadata_bytes
        ));
    }
    let mut created = Created {
        currency: request.currency.unwrap_or(rules.currency),
        country: request.country.unwrap_or(rules.country),
        customer_id: request.customer_id.clone(),
        external_user: request.external_user.clone(),
        token_hash: request.token_hash,
        metadata: request.metadata.clone(),
        lines: Vec::new(),
        next_line: 1,
        expires_at: rules.expiry(drop_in, now),
    };
    if !request.lines.is_empty() {
        // The lines are decided as additions to the empty cart; its id is not asked for.
        let empty = begin(CartId(0), &created, now);
        let mut draft = Draft::new(&empty, now).indexed();
        join_all(&mut draft, &request.lines, goods, rules)?;
        (created.lines, created.next_line) = draft.into_lines();
    }
    Ok(Event::Created(Box::new(created)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;

    #[test]
    fn begins_with_defaults_and_joined_lines() {
        let lines = vec![wanted("MUG", 1), wanted("TEA", 2), wanted("MUG", 3)];
        let cart = made(&Create {
            lines,
            ..Create::default()
        });
        assert_eq!(quantities(&cart), [("MUG", 4), ("TEA", 2)]);
        assert_eq!((cart.version, cart.next_line), (1, 3));
        assert_eq!(
            (cart.currency, cart.country),
            (rules().currency, rules().country)
        );
        assert_eq!(
            (cart.created_at, cart.expires_at),
            (NOW, NOW.plus_seconds(30 * 24 * 3600))
        );
    }

    #[test]
    fn refuses_the_whole_for_one_line() {
        let request = |line| Create {
            lines: vec![wanted("TEA", 2), line],
            ..Create::default()
        };
        let rows = [
            (wanted("MUG", 11), Refusal::short(&sku("MUG"), 11, 10)),
            (wanted("NONE", 1), Refusal::not_found("variant", "NONE")),
            (
                wanted("MUG", 0),
                Refusal::invalid("lines[1].quantity", "out_of_range", "expected 1 to 1000"),
            ),
        ];
        for (line, refusal) in rows {
            assert_eq!(create(&request(line), &shop(), &rules(), NOW), Err(refusal));
        }
    }

    #[test]
    fn metadata_may_be_as_big_as_configured() {
        let metadata = metadata(serde_json::json!({"a": "0123456789"}));
        let weight = metadata.weight();
        let request = Create {
            metadata,
            ..Create::default()
        };
        for (max_metadata_bytes, fits) in [(weight - 1, false), (weight, true), (weight + 1, true)]
        {
            let tight = Rules {
                max_metadata_bytes,
                ..rules()
            };
            let created = create(&request, &shop(), &tight, NOW);
            assert_eq!(created.is_ok(), fits, "{max_metadata_bytes}");
        }
    }
}
