//! Events of every noun.

use cartwright_app::Event;
use cartwright_domain::cart::{
    Created, Event as CartEvent, ExternalUser, Line, LineId, LinesChanged, Metadata,
};
use cartwright_domain::catalog::{Event as ProductEvent, Limits, ProductData, Status, VariantData};
use cartwright_domain::checkout::{
    self, Contact, ContactEvent, Email, Field, Quote, ShippingOption, Terms, Totals,
};
use cartwright_domain::inventory::{
    Asked, Backorder, BackorderMode, Held, Level, LevelKey, Movement, MovementKind,
    ReservationEvent, Settings, TransferEvent,
};
use cartwright_domain::key::{Event as KeyEvent, KeyLimits, Scope};
use cartwright_domain::location::{Details, Event as StoreEvent, Kind, ShipsTo};
use cartwright_domain::place::Position;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, ContactId, Country, Currency, Money, ProductId, QuoteId,
    ReservationId, Sku, Slug, StoreId, Time, TransferId,
};
use serde_json::json;
use std::sync::Arc;

pub(crate) const NOW: Time = Time(1_795_255_200_000);

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub(crate) fn store_id(text: &str) -> StoreId {
    StoreId::new(text).unwrap()
}

pub(crate) fn level_key(sku_text: &str, store: &str) -> LevelKey {
    LevelKey {
        sku: sku(sku_text),
        store: store_id(store),
    }
}

pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::new("USD").unwrap())
}

/// A product of these SKUs; its slug is its id.
pub(crate) fn product(id: &str, skus: &[&str]) -> Event {
    product_called(id, id, skus)
}

pub(crate) fn product_called(id: &str, slug: &str, skus: &[&str]) -> Event {
    let attributes = json!({"weight": 0.1, "scale": 1.1e-7, "big": 123456789.12345679, "words": ["ä", "日本", null]});
    let data = ProductData {
        slug: Slug::new(slug).unwrap(),
        name: format!("“{id}”").into(),
        description: "Zeile\n".repeat(40),
        status: Status::Active,
        brand: Some("Brand".into()),
        categories: vec!["lamps".into()],
        attributes: attributes.as_object().unwrap().clone(),
        images: vec!["https://example.org/a.png".into()],
        options: Vec::new(),
    };
    let variants = skus.iter().map(|text| VariantData {
        sku: sku(text),
        options: Vec::new(),
        prices: vec![usd(1299)],
        compare_at: Vec::new(),
        weight_grams: Some(70),
        dimensions: None,
        limits: Limits {
            max: Some(9),
            ..Limits::default()
        },
        denied_countries: vec![Country::new("CH").unwrap()],
    });
    let event = ProductEvent::Put {
        data: Box::new(data),
        variants: variants.collect(),
    };
    Event::Product(ProductId::new(id).unwrap(), event)
}

pub(crate) fn store(id: &str) -> Event {
    let details = Details {
        name: "Laden".into(),
        kind: Kind::Warehouse,
        country: Country::new("DE").unwrap(),
        ships_to: Some(ShipsTo::Countries(vec![Country::new("DE").unwrap()])),
        priority: -1,
        position: Some(Position {
            lat: 51.507_400_000_000_01,
            lon: -0.1 - 0.2,
        }),
    };
    Event::Store(store_id(id), StoreEvent::Put(details))
}

/// Units come in.
pub(crate) fn receive(sku: &str, store: &str, units: i64) -> Event {
    let movement = Level::empty(level_key(sku, store)).moved(MovementKind::Adjusted, units, 0);
    Event::Level(level_key(sku, store), movement)
}

/// Settings that are not the default, and a hold that waits for receipts.
pub(crate) fn backorder(sku: &str, store: &str, waiting: ReservationId) -> Event {
    let backorder = Backorder {
        mode: BackorderMode::Preorder,
        limit: 9,
        available_from: Some(Time(5)),
    };
    let movement = Movement {
        kind: MovementKind::Reserved,
        backordered_delta: 2,
        reservation: Some(waiting),
        settings: Some(Settings {
            safety_stock: 1,
            low_stock: Some(3),
            backorder,
        }),
        ..Movement::default()
    };
    Event::Level(level_key(sku, store), movement)
}

pub(crate) fn hold(number: u128, principal: &str, reference: &str, expires_at: Time) -> Event {
    let level = level_key("A", "berlin");
    let event = ReservationEvent::Held {
        principal: principal.into(),
        reference: reference.into(),
        asked: vec![Asked {
            sku: sku("A"),
            store: None,
            quantity: 2,
        }],
        lines: vec![Held {
            level,
            quantity: 2,
            backordered: 1,
        }],
        expires_at,
    };
    Event::Reservation(ReservationId(number), event)
}

pub(crate) fn transfer(number: u128) -> Event {
    let event = TransferEvent::Started {
        sku: sku("A"),
        from: store_id("berlin"),
        to: store_id("paris"),
        quantity: 3,
    };
    Event::Transfer(TransferId(number), event)
}

pub(crate) fn cart(
    number: u128,
    customer: Option<&str>,
    user: Option<&str>,
    expires_at: Time,
) -> Event {
    let metadata: Metadata =
        serde_json::from_value(json!({"gift": true, "ratio": 0.30000000000000004})).unwrap();
    let line = Line {
        id: LineId(1),
        sku: sku("A"),
        product_id: ProductId::new("lamp").ok(),
        name: "Lamp".into(),
        quantity: 2,
        unit_price: Some(usd(1299)),
        store: None,
        note: Some("für dich".into()),
        metadata: metadata.clone(),
    };
    let created = Created {
        currency: Currency::new("USD").unwrap(),
        country: Country::new("US").unwrap(),
        customer_id: customer.map(Into::into),
        external_user: user.map(|user| ExternalUser {
            package: "oteldemo".into(),
            user: user.into(),
        }),
        token_hash: Some([9; 32]),
        metadata,
        lines: vec![Arc::new(line)],
        next_line: 2,
        expires_at,
    };
    Event::Cart(CartId(number), CartEvent::Created(Box::new(created)))
}

/// A write to a cart that moves its expiry.
pub(crate) fn touch(number: u128, expires_at: Time) -> Event {
    let changed = LinesChanged {
        set: Vec::new(),
        removed: Vec::new(),
        next_line: 2,
        expires_at,
    };
    Event::Cart(CartId(number), CartEvent::LinesChanged(changed))
}

pub(crate) fn api_key(number: u128, hash: u8) -> Event {
    let event = KeyEvent::Created {
        name: "till".into(),
        scopes: vec![Scope::Carts, Scope::Reservations],
        limits: KeyLimits {
            rate_rps: Some(50),
            ..KeyLimits::default()
        },
        hash: [hash; 32],
    };
    Event::ApiKey(ApiKeyId(number), event)
}

/// Terms with something in every field.
pub(crate) fn terms(number: u128, expires_at: Time) -> Box<Terms> {
    let line = checkout::Line {
        id: LineId(2),
        sku: sku("A"),
        name: "Lamp".into(),
        quantity: 3,
        store: Some(store_id("berlin")),
        unit_price: 1299,
        discount: 10,
        tax: 7,
        total: 3894,
    };
    Box::new(Terms {
        contact_id: Some(ContactId(number)),
        country: Country::new("DE").unwrap(),
        chosen_option: Some("express".into()),
        hold: true,
        currency: Currency::new("USD").unwrap(),
        coupons: vec!["TEN".into()],
        lines: vec![line],
        totals: Totals {
            subtotal: 3897,
            discount: 10,
            shipping: 599,
            tax: 7,
            tax_included: true,
            total: 4493,
        },
        shipping_options: vec![ShippingOption {
            id: "express".into(),
            name: "Express".into(),
            price: 599,
        }],
        shipping_option: Some("express".into()),
        missing: vec![Field::Email, Field::ShippingAddress, Field::ShippingOption],
        quote: Some(Quote {
            id: QuoteId(number),
            issued_at: NOW,
            expires_at: Time(NOW.0 + 900_000),
            reservation_id: Some(ReservationId(number)),
        }),
        expires_at,
    })
}

pub(crate) fn opened(number: u128, cart: u128, expires_at: Time) -> Event {
    let event = checkout::Event::Opened {
        cart_id: CartId(cart),
        terms: terms(number, expires_at),
    };
    Event::Checkout(CheckoutId(number), event)
}

pub(crate) fn contact(number: u128, checkout: u128) -> Event {
    let contact = Contact {
        email: Email::new("ada@example.com").ok(),
        ..Contact::empty(CheckoutId(checkout))
    };
    let recorded = ContactEvent::Recorded(Arc::new(contact));
    Event::Contact(ContactId(number), recorded)
}
