//! Checkouts, and that a person's data was taken down for one.

use super::{Bad, missing};
use cartwright_domain::cart::LineId;
use cartwright_domain::checkout::{
    ContactEvent, Event, Field, Line, Quote, ShippingOption, Terms, Totals,
};
use cartwright_domain::{
    CartId, ContactId, Country, Currency, QuoteId, ReservationId, Sku, StoreId, Time,
};
use cartwright_proto::events as proto;
use prost::Message;

/// Says that it was recorded and for which checkout; nothing of what is in it.
pub(super) fn encode_contact(event: &ContactEvent) -> Vec<u8> {
    let ContactEvent::Recorded(contact) = event;
    proto::ContactRecorded {
        checkout_id: contact.checkout_id.to_bytes().to_vec(),
    }
    .encode_to_vec()
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Opened { cart_id, terms } => proto::CheckoutOpened {
            cart_id: cart_id.to_bytes().to_vec(),
            terms: Some(encode_terms(terms)),
        }
        .encode_to_vec(),
        Event::Updated(terms) => proto::CheckoutUpdated {
            terms: Some(encode_terms(terms)),
        }
        .encode_to_vec(),
        Event::Cancelled => proto::CheckoutCancelled {}.encode_to_vec(),
        Event::Expired => proto::CheckoutExpired {}.encode_to_vec(),
        Event::Saga(event) => super::saga::encode(event),
    }
}

fn encode_terms(terms: &Terms) -> proto::CheckoutTerms {
    proto::CheckoutTerms {
        contact_id: terms.contact_id.map(|id| id.to_bytes().to_vec()),
        country: terms.country.to_string(),
        chosen_option: terms.chosen_option.as_ref().map(ToString::to_string),
        hold: terms.hold,
        currency: terms.currency.to_string(),
        coupons: terms.coupons.iter().map(ToString::to_string).collect(),
        lines: terms.lines.iter().map(encode_line).collect(),
        totals: Some(encode_totals(&terms.totals)),
        shipping_options: terms.shipping_options.iter().map(encode_option).collect(),
        shipping_option: terms.shipping_option.as_ref().map(ToString::to_string),
        missing: terms
            .missing
            .iter()
            .map(|field| field.as_str().to_owned())
            .collect(),
        quote: terms.quote.as_ref().map(encode_quote),
        expires_at_ms: terms.expires_at.0,
    }
}

fn encode_line(line: &Line) -> proto::CheckoutLine {
    proto::CheckoutLine {
        line_id: line.id.0,
        sku: line.sku.to_string(),
        name: line.name.to_string(),
        quantity: line.quantity,
        store: line.store.as_ref().map(ToString::to_string),
        unit_price: line.unit_price,
        discount: line.discount,
        tax: line.tax,
        total: line.total,
    }
}

pub(super) fn encode_totals(totals: &Totals) -> proto::CheckoutTotals {
    proto::CheckoutTotals {
        subtotal: totals.subtotal,
        discount: totals.discount,
        shipping: totals.shipping,
        tax: totals.tax,
        tax_included: totals.tax_included,
        total: totals.total,
    }
}

fn encode_option(option: &ShippingOption) -> proto::ShippingOption {
    proto::ShippingOption {
        id: option.id.to_string(),
        name: option.name.to_string(),
        price: option.price,
    }
}

fn encode_quote(quote: &Quote) -> proto::Quote {
    proto::Quote {
        id: quote.id.to_bytes().to_vec(),
        issued_at_ms: quote.issued_at.0,
        expires_at_ms: quote.expires_at.0,
        reservation_id: quote.reservation_id.map(|id| id.to_bytes().to_vec()),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "checkout.opened" => {
            let message = proto::CheckoutOpened::decode(payload)?;
            let cart_id = CartId::from_slice(&message.cart_id);
            Event::Opened {
                cart_id: cart_id.ok_or_else(|| missing("cart_id"))?,
                terms: decode_terms(message.terms)?,
            }
        }
        "checkout.updated" => Event::Updated(decode_terms(
            proto::CheckoutUpdated::decode(payload)?.terms,
        )?),
        "checkout.cancelled" => Event::Cancelled,
        "checkout.expired" => Event::Expired,
        other => return super::saga::decode(other, payload).map(Event::Saga),
    })
}

fn decode_terms(message: Option<proto::CheckoutTerms>) -> Result<Box<Terms>, Bad> {
    let message = message.ok_or_else(|| missing("terms"))?;
    let contact_id = message
        .contact_id
        .map(|bytes| ContactId::from_slice(&bytes).ok_or_else(|| missing("contact_id")));
    let missing_fields = message.missing.iter().map(|name| decode_field(name));
    Ok(Box::new(Terms {
        contact_id: contact_id.transpose()?,
        country: Country::new(&message.country)?,
        chosen_option: message.chosen_option.map(Into::into),
        hold: message.hold,
        currency: Currency::new(&message.currency)?,
        coupons: message.coupons.into_iter().map(Into::into).collect(),
        lines: message
            .lines
            .into_iter()
            .map(decode_line)
            .collect::<Result<_, _>>()?,
        totals: decode_totals(message.totals.ok_or_else(|| missing("totals"))?),
        shipping_options: message
            .shipping_options
            .into_iter()
            .map(decode_option)
            .collect(),
        shipping_option: message.shipping_option.map(Into::into),
        missing: missing_fields.collect::<Result<_, _>>()?,
        quote: message.quote.as_ref().map(decode_quote).transpose()?,
        expires_at: Time(message.expires_at_ms),
    }))
}

fn decode_field(name: &str) -> Result<Field, Bad> {
    [Field::Email, Field::ShippingAddress, Field::ShippingOption]
        .into_iter()
        .find(|field| field.as_str() == name)
        .ok_or_else(|| Bad(format!("unknown field {name}")))
}

fn decode_line(message: proto::CheckoutLine) -> Result<Line, Bad> {
    Ok(Line {
        id: LineId(message.line_id),
        sku: Sku::new(&message.sku)?,
        name: message.name.into(),
        quantity: message.quantity,
        store: message.store.as_deref().map(StoreId::new).transpose()?,
        unit_price: message.unit_price,
        discount: message.discount,
        tax: message.tax,
        total: message.total,
    })
}

pub(super) fn decode_totals(message: proto::CheckoutTotals) -> Totals {
    Totals {
        subtotal: message.subtotal,
        discount: message.discount,
        shipping: message.shipping,
        tax: message.tax,
        tax_included: message.tax_included,
        total: message.total,
    }
}

fn decode_option(message: proto::ShippingOption) -> ShippingOption {
    ShippingOption {
        id: message.id.into(),
        name: message.name.into(),
        price: message.price,
    }
}

fn decode_quote(message: &proto::Quote) -> Result<Quote, Bad> {
    let reservation_id = message
        .reservation_id
        .as_ref()
        .map(|bytes| ReservationId::from_slice(bytes).ok_or_else(|| missing("reservation_id")));
    Ok(Quote {
        id: QuoteId::from_slice(&message.id).ok_or_else(|| missing("id"))?,
        issued_at: Time(message.issued_at_ms),
        expires_at: Time(message.expires_at_ms),
        reservation_id: reservation_id.transpose()?,
    })
}
