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
text_schema!(
    /// A line of a cart.
    LineId, {"type": "string", "pattern": "^ln_[1-9][0-9]{0,9}$", "examples": ["ln_1"]}
);
text_schema!(
    /// What changed about a line since it was last written, or stands in the way of buying it.
    CartChange, {
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {
                "type": "string",
                "enum": [
                    "price_changed", "no_longer_sold", "no_price", "not_sold_here", "quantity_limit", "insufficient_stock",
                    "too_much"
                ]
            },
            "from": {"description": "Money seen at the last write, or null."},
            "to": {"description": "Money of today."},
            "currency": {"type": "string"},
            "country": {"type": "string"},
            "min": {"type": ["integer", "null"]},
            "max": {"type": ["integer", "null"]},
            "multiple": {"type": ["integer", "null"]},
            "requested": {"type": "integer"},
            "available": {"type": "integer"}
        }
    }
);
