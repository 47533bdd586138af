//! What the OpenTelemetry demo's checkout service tells its topic `orders` of an order.

use super::address::Address;
use super::catalog::Price;
use super::checkout::placed;
use cartwright_app::{Fault, Key, Record, Shop, events};
use cartwright_proto::events::Entry;
use cartwright_proto::oteldemo as proto;
use prost::Message;

/// Whose orders those are.
const PACKAGE: &str = "oteldemo";

/// The `oteldemo.OrderResult` of an order that the demo's `PlaceOrder` placed, as bytes, made from an entry of the log
/// (`order.placed`); `None` for any other entry or order. Blocks.
///
/// # Errors
/// [`Fault`] when the store cannot be read.
pub fn order_result(shop: &Shop, entry: &Entry) -> Result<Option<Vec<u8>>, Fault> {
    if entry.r#type != "order.placed" {
        return Ok(None);
    }
    let order = events::key_of(&entry.stream).map(|key| shop.read_now(&key));
    let Some(Record::Order(order)) = order.transpose()?.flatten() else {
        return Ok(None);
    };
    let Some(Record::Cart(cart)) = shop.read_now(&Key::Cart(order.cart))? else {
        return Ok(None);
    };
    let user = cart.external_user.as_ref();
    if user.is_none_or(|user| user.package != PACKAGE) {
        return Ok(None);
    }
    let contact = order.contact.map(|id| shop.read_now(&Key::Contact(id)));
    let to = match contact.transpose()?.flatten() {
        Some(Record::Contact(contact)) => contact.shipping_address.clone(),
        _ => None,
    };
    let placed = placed(&order, Some(&cart));
    let items = placed
        .items
        .into_iter()
        .map(|(item, cost)| proto::OrderItem {
            item: Some(proto::CartItem {
                product_id: item.product_id,
                quantity: item.quantity,
            }),
            cost: Some(money(cost)),
        });
    let result = proto::OrderResult {
        order_id: placed.order_id,
        shipping_tracking_id: placed.tracking_id,
        shipping_cost: Some(money(placed.shipping_cost)),
        shipping_address: Some(address(to.map(|it| Address::told(&it)).unwrap_or_default())),
        items: items.collect(),
    };
    Ok(Some(result.encode_to_vec()))
}

fn money(price: Price) -> proto::Money {
    proto::Money {
        currency_code: price.currency_code,
        units: price.units,
        nanos: price.nanos,
    }
}

fn address(address: Address) -> proto::Address {
    proto::Address {
        street_address: address.street_address,
        city: address.city,
        state: address.state,
        country: address.country,
        zip_code: address.zip_code,
    }
}
