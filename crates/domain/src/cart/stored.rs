//! Compact spellings in storage, for what serde would spell at length.

/// Money as `[1299,"USD"]`.
pub(super) mod money {
    use crate::{Currency, Money};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        money: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        money
            .map(|money| (money.minor, money.currency))
            .serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        let pair = Option::<(i64, Currency)>::deserialize(deserializer)?;
        Ok(pair.map(|(minor, currency)| Money::new(minor, currency)))
    }
}

/// A hash as 64 hexadecimal digits.
pub(super) mod hash {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::borrow::Cow;

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub(in super::super) fn serialize<S: Serializer>(
        hash: &Option<[u8; 32]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(hash) = hash else {
            return serializer.serialize_none();
        };
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        std::str::from_utf8(&text)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        let Some(text) = Option::<Cow<'de, str>>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let expected = || D::Error::custom("expected 64 hexadecimal digits");
        if text.len() != 64 {
            return Err(expected());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])
                .zip(digit(pair[1]))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(expected)?;
        }
        Ok(Some(hash))
    }

    fn digit(letter: u8) -> Option<u8> {
        let position = DIGITS.iter().position(|known| *known == letter)?;
        u8::try_from(position).ok()
    }
}
