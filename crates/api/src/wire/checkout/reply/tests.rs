use super::*;
use cartwright_domain::cart::LineId;
use cartwright_domain::checkout::{
    Address as DomainAddress, Email, Line as DomainLine, Quote as DomainQuote,
};
use cartwright_domain::{Country, Time};
use serde_json::Value;
use std::sync::Arc;

fn checkout(quoted: bool) -> domain::Checkout {
    let line = DomainLine {
        id: LineId(3),
        sku: Sku::new("MUG").unwrap_or_else(|error| panic!("{error}")),
        name: "a \"mug\" für dich".into(),
        quantity: 2,
        store: None,
        unit_price: 1299,
        discount: 0,
        tax: 0,
        total: 2598,
    };
    let quote = DomainQuote {
        id: QuoteId(4),
        issued_at: Time(1_795_255_200_123),
        expires_at: Time(1_795_256_100_123),
        reservation_id: Some(ReservationId(5)),
    };
    let terms = Terms {
        contact_id: None,
        country: Country::new("US").unwrap_or_else(|error| panic!("{error}")),
        chosen_option: None,
        hold: true,
        currency: Currency::new("USD").unwrap_or_else(|error| panic!("{error}")),
        coupons: Vec::new(),
        lines: vec![line],
        totals: domain::Totals {
            subtotal: 2598,
            shipping: 599,
            total: 3197,
            ..domain::Totals::default()
        },
        shipping_options: Vec::new(),
        shipping_option: None,
        missing: vec![domain::Field::ShippingOption],
        quote: quoted.then_some(quote),
        expires_at: Time(1_795_276_800_123),
    };
    domain::Checkout {
        id: CheckoutId(1),
        version: 7,
        state: domain::State::Open,
        cart_id: CartId(2),
        terms,
        past_quotes: Vec::new(),
        attempts: Vec::new(),
        progress: Vec::new(),
        messages: Vec::new(),
        created_at: Time(0),
        updated_at: Time(0),
    }
}

fn contact() -> Contact {
    let address = DomainAddress {
        name: "Ada".into(),
        company: None,
        line1: "1 Street".into(),
        line2: Some("2nd floor".into()),
        city: "London".into(),
        region: None,
        postal_code: "N1".into(),
        country: Country::new("GB").unwrap_or_else(|error| panic!("{error}")),
        phone: None,
    };
    Contact {
        checkout_id: CheckoutId(1),
        email: Email::new("ada@example.com").ok(),
        shipping_address: Some(Arc::new(address)),
        billing_address: None,
    }
}

/// As it is sent: the documented type and the parts it is rendered from say the same.
#[test]
fn the_rendered_parts_are_the_documented_whole() {
    for (quoted, contact) in [(true, Some(contact())), (false, None), (true, None)] {
        let checkout = checkout(quoted);
        let rendered = render(&checkout, checkout.state);
        let mut body = rendered.body.clone();
        if let Some((from, end)) = rendered.quote {
            let quote: Value = serde_json::from_slice(&body[from..=end]).unwrap_or_default();
            assert_eq!(quote["id"], "quo_00000000000000000000000004");
            body.splice(end..end, *br#","signature":"s""#);
        }
        let at = rendered.person_at;
        body.splice(at..at, person(contact.as_ref(), &[]));
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let whole = Checkout {
            head: Head {
                id: checkout.id,
                version: checkout.version,
                state: checkout.state.into(),
                cart_id: checkout.cart_id,
            },
            person: person_of(contact.as_ref(), &[]),
            figures: figures_of(&checkout.terms),
            quote: quote_of(&checkout).map(|quote| Quote {
                signature: Some("s"),
                ..quote
            }),
            progress: progress_of(&checkout),
        };
        let whole = serde_json::to_value(&whole).unwrap_or_default();
        assert_eq!(sent, whole);
        assert_eq!(rendered.quote.is_some(), quoted);
        assert_eq!(sent["billing_address"], sent["shipping_address"]);
    }
}

#[test]
fn what_is_kept_knows_nobody() {
    let rendered = render(&checkout(true), domain::State::Open);
    let kept = String::from_utf8_lossy(&rendered.body).into_owned();
    for word in ["email", "address", "Ada", "signature"] {
        assert!(!kept.contains(word), "{word}: {kept}");
    }
}
