//! Products.

use super::{Bad, missing, unknown_type};
use cartwright_domain::catalog::{Dimensions, Event, Limits, OptionValues, ProductData, Status, VariantData};
use cartwright_domain::{Country, Currency, Money, Sku, Slug};
use cartwright_proto::events as proto;
use prost::Message;
use smol_str::SmolStr;

pub(super) fn money(money: &Money) -> proto::Money {
    proto::Money { amount: money.minor, currency: money.currency.to_string() }
}

pub(super) fn read_money(message: &proto::Money) -> Result<Money, Bad> {
    Ok(Money::new(message.amount, Currency::new(&message.currency)?))
}

fn strings<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn smol(list: Vec<String>) -> Vec<SmolStr> {
    list.into_iter().map(SmolStr::from).collect()
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Put { data, variants } => put(data, variants).encode_to_vec(),
        Event::PriceSet { sku, price } => {
            proto::PriceSet { sku: sku.to_string(), price: Some(money(price)) }.encode_to_vec()
        }
    }
}

fn put(data: &ProductData, variants: &[VariantData]) -> proto::ProductPut {
    let status = match data.status {
        Status::Draft => "draft",
        Status::Active => "active",
        Status::Archived => "archived",
    };
    let option = |option: &OptionValues| proto::ProductOption { name: option.name.to_string(), values: strings(&option.values) };
    let attributes = if data.attributes.is_empty() { String::new() } else { json(&data.attributes) };
    proto::ProductPut {
        slug: data.slug.to_string(),
        name: data.name.to_string(),
        description: data.description.clone(),
        status: status.to_owned(),
        brand: data.brand.as_ref().map(ToString::to_string),
        categories: strings(&data.categories),
        attributes_json: attributes,
        images: data.images.clone(),
        options: data.options.iter().map(option).collect(),
        variants: variants.iter().map(variant).collect(),
    }
}

/// A JSON object as text; an object of strings and values always has one.
pub(super) fn json(map: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

/// The object of a text; empty text is an empty object.
pub(super) fn read_json(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, Bad> {
    if text.is_empty() { Ok(serde_json::Map::new()) } else { Ok(serde_json::from_str(text)?) }
}

fn variant(data: &VariantData) -> proto::Variant {
    let choice = |(name, value): &(SmolStr, SmolStr)| proto::OptionChoice { name: name.to_string(), value: value.to_string() };
    proto::Variant {
        sku: data.sku.to_string(),
        options: data.options.iter().map(choice).collect(),
        prices: data.prices.iter().map(money).collect(),
        compare_at: data.compare_at.iter().map(money).collect(),
        weight_grams: data.weight_grams,
        dimensions: data.dimensions.map(|d| proto::Dimensions { length: d.length, width: d.width, height: d.height }),
        limits: Some(proto::Limits { min: data.limits.min, max: data.limits.max, multiple: data.limits.multiple }),
        denied_countries: strings(&data.denied_countries),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    match kind {
        "product.put" => read_put(proto::ProductPut::decode(payload)?),
        "product.price_set" => {
            let message = proto::PriceSet::decode(payload)?;
            let price = read_money(&message.price.ok_or_else(|| missing("price"))?)?;
            Ok(Event::PriceSet { sku: Sku::new(&message.sku)?, price })
        }
        other => Err(unknown_type(other)),
    }
}

fn read_put(message: proto::ProductPut) -> Result<Event, Bad> {
    let status = match message.status.as_str() {
        "draft" => Status::Draft,
        "active" => Status::Active,
        "archived" => Status::Archived,
        _ => return Err(missing("status")),
    };
    let option = |option: proto::ProductOption| OptionValues { name: option.name.into(), values: smol(option.values) };
    let data = ProductData {
        slug: Slug::new(&message.slug)?,
        name: message.name.into(),
        description: message.description,
        status,
        brand: message.brand.map(Into::into),
        categories: smol(message.categories),
        attributes: read_json(&message.attributes_json)?,
        images: message.images,
        options: message.options.into_iter().map(option).collect(),
    };
    let variants = message.variants.into_iter().map(read_variant).collect::<Result<_, _>>()?;
    Ok(Event::Put { data: Box::new(data), variants })
}

fn read_variant(message: proto::Variant) -> Result<VariantData, Bad> {
    let limits = message.limits.unwrap_or_default();
    let moneys = |list: &[proto::Money]| list.iter().map(read_money).collect::<Result<Vec<_>, _>>();
    Ok(VariantData {
        sku: Sku::new(&message.sku)?,
        options: message.options.into_iter().map(|o| (o.name.into(), o.value.into())).collect(),
        prices: moneys(&message.prices)?,
        compare_at: moneys(&message.compare_at)?,
        weight_grams: message.weight_grams,
        dimensions: message.dimensions.map(|d| Dimensions { length: d.length, width: d.width, height: d.height }),
        limits: Limits { min: limits.min, max: limits.max, multiple: limits.multiple },
        denied_countries: message.denied_countries.iter().map(|c| Country::new(c)).collect::<Result<_, _>>()?,
    })
}
