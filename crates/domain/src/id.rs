//! Identifiers. Those we make are 128 bits, time-ordered (UUID version 7) and spelled `prefix_` + 26 letters of
//! Crockford's base 32; those a client may choose are text of 1-64 characters of `[A-Za-z0-9._-]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use std::fmt;
use std::str::FromStr;

/// Longest text identifier.
pub const MAX_TEXT_ID: usize = 64;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier")]
pub struct BadId;

fn encode(value: u128) -> [u8; 26] {
    let mut out = [0; 26];
    let mut rest = value;
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    out
}

fn decode(text: &[u8]) -> Result<u128, BadId> {
    if text.len() != 26 || text[0] > b'7' {
        return Err(BadId);
    }
    text.iter().try_fold(0u128, |value, letter| {
        let digit = match letter {
            b'0'..=b'9' => letter - b'0',
            b'A'..=b'Z' => ALPHABET.iter().position(|a| a == letter).ok_or(BadId)? as u8,
            _ => return Err(BadId),
        };
        Ok(value << 5 | u128::from(digit))
    })
}

macro_rules! made_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// What its text begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The sixteen bytes, big-endian, so that bytes order as ids do.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// From sixteen bytes; `None` for another length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(|bytes| Self(u128::from_be_bytes(bytes)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let letters = encode(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&letters).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let letters = text.strip_prefix(concat!($prefix, "_")).ok_or(BadId)?;
                decode(letters.as_bytes()).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks the letters and the length (1-64 of `[A-Za-z0-9._-]`).
            pub fn new(text: &str) -> Result<Self, BadId> {
                let fits = (1..=MAX_TEXT_ID).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
                if fits { Ok(Self(SmolStr::new(text))) } else { Err(BadId) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(|_| {
                    serde::de::Error::custom("expected 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'")
                })
            }
        }
    };
}

made_id!(
    /// A cart.
    CartId, "car"
);
made_id!(
    /// A checkout.
    CheckoutId, "chk"
);
made_id!(
    /// A quote of a checkout.
    QuoteId, "quo"
);
made_id!(
    /// Money asked of a card or a wallet.
    PaymentId, "pay"
);
made_id!(
    /// An order.
    OrderId, "ord"
);
made_id!(
    /// Units of an order that left together.
    FulfillmentId, "ful"
);
made_id!(
    /// Money of an order on its way back.
    RefundId, "ref"
);
made_id!(
    /// Units of an order on their way back.
    ReturnId, "ret"
);
made_id!(
    /// Units of an order that come back for others.
    ExchangeId, "exc"
);
made_id!(
    /// An entry of the wallets' ledger.
    WalletEntryId, "wen"
);
made_id!(
    /// A person's data, kept apart from everything else.
    ContactId, "con"
);
made_id!(
    /// A hold on stock.
    ReservationId, "res"
);
made_id!(
    /// A move of stock between two locations.
    TransferId, "trf"
);
made_id!(
    /// An entry of the log.
    EventId, "evt"
);
made_id!(
    /// An API key (its public part).
    ApiKeyId, "key"
);
made_id!(
    /// Who is told of what happens, by webhooks.
    WebhookEndpointId, "whe"
);
made_id!(
    /// An effect that could not be brought about.
    DeadLetterId, "dle"
);
text_id!(
    /// A stock keeping unit: what a variant is sold and counted by.
    Sku
);
text_id!(
    /// A product; chosen by the client or made (`prd_` + 26 letters).
    ProductId
);
text_id!(
    /// A location that keeps stock: a store or a warehouse.
    StoreId
);
text_id!(
    /// The readable name of a product in an address.
    Slug
);

impl ProductId {
    /// A made id for a product whose client chose none.
    pub fn made(value: u128) -> Self {
        let letters = encode(value);
        let text = letters.iter().map(|b| char::from(*b));
        Self("prd_".chars().chain(text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_read_back_and_keep_their_order() {
        for value in [
            0,
            1,
            31,
            32,
            u128::MAX,
            0x0190_0000_0000_7000_8000_0000_0000_0001,
        ] {
            let id = CartId(value);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(CartId::from_slice(&id.to_bytes()), Some(id));
        }
        assert!(CartId(5).to_string() < CartId(6 << 70).to_string());
    }

    #[test]
    fn a_wrong_prefix_letter_or_length_is_no_id() {
        for text in [
            "",
            "car_",
            "res_00000000000000000000000001",
            "car_0000000000000000000000000U",
            "car_80000000000000000000000000",
        ] {
            assert_eq!(text.parse::<CartId>(), Err(BadId), "{text}");
        }
    }

    #[test]
    fn text_ids_take_only_their_letters() {
        assert!(Sku::new("A-1_b.2").is_ok());
        for text in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(Sku::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn letters_are_those_of_crockford_from_the_first_bit_on() {
        let rows = [
            (0, "00000000000000000000000000"),
            (31, "0000000000000000000000000Z"),
            (32, "00000000000000000000000010"),
            (u128::MAX, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            (
                0x0190_0000_0000_7000_8000_0000_0000_00AA,
                "01J0000000E00800000000005A",
            ),
        ];
        for (value, letters) in rows {
            let text = format!("res_{letters}");
            assert_eq!(ReservationId(value).to_string(), text);
            assert_eq!(format!("{:?}", ReservationId(value)), text);
            assert_eq!(text.parse(), Ok(ReservationId(value)));
            assert_eq!(ProductId::made(value).as_str(), format!("prd_{letters}"));
        }
        for other in ["/", ":", "@", "[", "I", "L", "O", "U", "a"] {
            let text = format!("res_0000000000000000000000000{other}");
            assert_eq!(text.parse::<ReservationId>(), Err(BadId), "{other}");
        }
    }

    #[test]
    fn ids_are_their_text_in_json() {
        let id = OrderId(33);
        let json = serde_json::to_string(&id).unwrap_or_default();
        assert_eq!(json, r#""ord_00000000000000000000000011""#);
        assert_eq!(serde_json::from_str(&json).ok(), Some(id));
        assert!(serde_json::from_str::<CartId>(&json).is_err());
        assert_eq!(OrderId::from_slice(&[1; 15]), None);
        let sku = serde_json::from_str::<Sku>(r#""A-1""#);
        assert_eq!(sku.ok(), Sku::new("A-1").ok());
        assert!(serde_json::from_str::<Sku>(r#""A 1""#).is_err());
    }

    #[test]
    fn text_ids_are_their_text() -> Result<(), BadId> {
        let longest = "x".repeat(MAX_TEXT_ID);
        for text in ["A", ".", longest.as_str()] {
            let sku: Sku = text.parse()?;
            assert_eq!(sku.as_str(), text);
            assert_eq!(sku.to_string(), text);
            assert_eq!(format!("{sku:?}"), text);
            let borrowed: &str = std::borrow::Borrow::borrow(&sku);
            assert_eq!(borrowed, text);
        }
        Ok(())
    }
}
