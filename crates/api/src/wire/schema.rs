//! Schemas of the domain's own texts, for `#[schemars(with = "...")]`: the domain knows no schemas.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! text_schema {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        pub enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_schema!(
    /// An identifier that a client may choose: a product, SKU, store, slug.
    TextId, {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
);
text_schema!(
    /// An ISO 4217 currency.
    CurrencyCode, {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]}
);
text_schema!(
    /// An ISO 3166-1 alpha-2 country.
    CountryCode, {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["US"]}
);
text_schema!(
    /// A text of one line.
    Line, {"type": "string", "minLength": 1, "maxLength": 200}
);
text_schema!(
    /// Whether the public sees a product.
    ProductStatus, {"type": "string", "enum": ["draft", "active", "archived"]}
);
text_schema!(
    /// Any object.
    AnyObject, {"type": "object", "additionalProperties": true}
);
text_schema!(
    /// An object of texts.
    TextObject, {"type": "object", "additionalProperties": {"type": "string"}}
);
