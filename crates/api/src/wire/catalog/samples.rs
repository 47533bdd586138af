//! A product to test with.

use cartwright_domain::catalog::{Product, Variant};
use cartwright_domain::{ProductId, Time};
use serde_json::{Value, json};

/// As a client writes it.
pub(super) fn mug_json() -> Value {
    json!({
        "id": "mug", "slug": "mug", "name": "Mug", "description": "Holds tea.", "status": "active",
        "categories": ["kitchen"], "attributes": {"a": {"b": 1, "c": null}}, "images": ["/mug.jpg"],
        "options": [{"name": "colour", "values": ["red", "blue"]}],
        "variants": [
            {
                "sku": "MUG-RED", "options": {"colour": "red"},
                "prices": [{"amount": 1290, "currency": "USD"}, {"amount": 1190, "currency": "EUR"}],
                "compare_at": [{"amount": 1500, "currency": "USD"}], "weight_grams": 350,
                "dimensions_mm": {"length": 120, "width": 80, "height": 95},
                "limits": {"min": 2, "max": null, "multiple": 2}, "denied_countries": ["FR"],
            },
            {"sku": "MUG-BLUE", "options": {"colour": "blue"}, "prices": []},
        ],
    })
}

/// As the shop keeps it.
pub(super) fn mug() -> Product {
    let create: super::CreateProduct = crate::wire::strict::parse(mug_json()).expect("a shape");
    let create = cartwright_domain::catalog::Create::try_from(create).expect("a valid product");
    let variants = create.draft.variants().iter().map(|data| Variant {
        data: data.clone(),
        version: 1,
    });
    Product {
        id: ProductId::new("mug").expect("an id"),
        data: create.draft.data().clone(),
        variants: variants.collect(),
        created_at: Time(1),
        updated_at: Time(2),
        version: 3,
    }
}
