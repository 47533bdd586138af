//! Enums with one word a variant, as the contract spells them.

/// Gives an enum its list of words, and the way from each to the other.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $type {
            /// All of them, with their spelling on the wire.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $word)),*];

            /// Its spelling on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// From its spelling.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == word).map(|(it, _)| *it)
            }
        }
    };
}

pub(crate) use words;
