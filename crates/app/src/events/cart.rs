//! Carts.

use super::catalog::{json, money, read_json, read_money};
use super::{Bad, missing, unknown_type};
use cartwright_domain::cart::{
    Created, Event, ExternalUser, Line, LineId, LinesChanged, Metadata, Updated,
};
use cartwright_domain::{CartId, Country, Currency, ProductId, Sku, StoreId, Time};
use cartwright_proto::events as proto;
use prost::Message;
use std::sync::Arc;

fn text<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(ToString::to_string)
}

fn metadata(metadata: &Metadata) -> String {
    metadata.as_map().map_or_else(String::new, json)
}

fn line(line: &Arc<Line>) -> proto::CartLine {
    proto::CartLine {
        id: line.id.0,
        sku: line.sku.to_string(),
        product_id: text(line.product_id.as_ref()),
        name: line.name.to_string(),
        quantity: line.quantity,
        unit_price: line.unit_price.as_ref().map(money),
        store: text(line.store.as_ref()),
        note: text(line.note.as_ref()),
        metadata_json: metadata(&line.metadata),
    }
}

fn lines(list: &[Arc<Line>]) -> Vec<proto::CartLine> {
    list.iter().map(line).collect()
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Created(created) => create(created).encode_to_vec(),
        Event::LinesChanged(changed) => proto::CartLinesChanged {
            set: lines(&changed.set),
            removed: changed.removed.iter().map(|id| id.0).collect(),
            next_line: changed.next_line,
            expires_at_ms: changed.expires_at.0,
        }
        .encode_to_vec(),
        Event::Updated(updated) => proto::CartUpdated {
            currency: updated.currency.to_string(),
            country: updated.country.to_string(),
            customer_id: text(updated.customer_id.as_ref()),
            metadata_json: metadata(&updated.metadata),
            set: lines(&updated.set),
            expires_at_ms: updated.expires_at.0,
        }
        .encode_to_vec(),
        Event::Merged { into } => proto::CartMerged {
            into: into.to_bytes().to_vec(),
        }
        .encode_to_vec(),
        Event::CheckingOut => proto::CartCheckingOut {}.encode_to_vec(),
        Event::Reopened { expires_at } => proto::CartReopened {
            expires_at_ms: expires_at.0,
        }
        .encode_to_vec(),
        Event::Ordered => proto::CartOrdered {}.encode_to_vec(),
        Event::Deleted => proto::CartDeleted {}.encode_to_vec(),
        Event::Expired => proto::CartExpired {}.encode_to_vec(),
    }
}

fn create(created: &Created) -> proto::CartCreated {
    let user = |user: &ExternalUser| proto::ExternalUser {
        package: user.package.to_string(),
        user: user.user.to_string(),
    };
    proto::CartCreated {
        currency: created.currency.to_string(),
        country: created.country.to_string(),
        customer_id: text(created.customer_id.as_ref()),
        external_user: created.external_user.as_ref().map(user),
        token_hash: created.token_hash.map(|hash| hash.to_vec()),
        metadata_json: metadata(&created.metadata),
        lines: lines(&created.lines),
        next_line: created.next_line,
        expires_at_ms: created.expires_at.0,
    }
}

fn read_metadata(text: &str) -> Result<Metadata, Bad> {
    Ok(read_json(text)?.into())
}

fn read_line(message: proto::CartLine) -> Result<Arc<Line>, Bad> {
    Ok(Arc::new(Line {
        id: LineId(message.id),
        sku: Sku::new(&message.sku)?,
        product_id: message
            .product_id
            .as_deref()
            .map(ProductId::new)
            .transpose()?,
        name: message.name.into(),
        quantity: message.quantity,
        unit_price: message.unit_price.as_ref().map(read_money).transpose()?,
        store: message.store.as_deref().map(StoreId::new).transpose()?,
        note: message.note.map(Into::into),
        metadata: read_metadata(&message.metadata_json)?,
    }))
}

fn read_lines(list: Vec<proto::CartLine>) -> Result<Vec<Arc<Line>>, Bad> {
    list.into_iter().map(read_line).collect()
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "cart.created" => Event::Created(Box::new(read_created(proto::CartCreated::decode(
            payload,
        )?)?)),
        "cart.lines_changed" => {
            let message = proto::CartLinesChanged::decode(payload)?;
            Event::LinesChanged(LinesChanged {
                set: read_lines(message.set)?,
                removed: message.removed.into_iter().map(LineId).collect(),
                next_line: message.next_line,
                expires_at: Time(message.expires_at_ms),
            })
        }
        "cart.updated" => Event::Updated(Box::new(read_updated(proto::CartUpdated::decode(
            payload,
        )?)?)),
        "cart.merged" => {
            let message = proto::CartMerged::decode(payload)?;
            Event::Merged {
                into: CartId::from_slice(&message.into).ok_or_else(|| missing("into"))?,
            }
        }
        "cart.checking_out" => Event::CheckingOut,
        "cart.reopened" => Event::Reopened {
            expires_at: Time(proto::CartReopened::decode(payload)?.expires_at_ms),
        },
        "cart.ordered" => Event::Ordered,
        "cart.deleted" => Event::Deleted,
        "cart.expired" => Event::Expired,
        other => return Err(unknown_type(other)),
    })
}

fn read_created(message: proto::CartCreated) -> Result<Created, Bad> {
    let user = |user: proto::ExternalUser| ExternalUser {
        package: user.package.into(),
        user: user.user.into(),
    };
    let hash = message
        .token_hash
        .map(|hash| hash.try_into().map_err(|_| missing("token_hash")));
    Ok(Created {
        currency: Currency::new(&message.currency)?,
        country: Country::new(&message.country)?,
        customer_id: message.customer_id.map(Into::into),
        external_user: message.external_user.map(user),
        token_hash: hash.transpose()?,
        metadata: read_metadata(&message.metadata_json)?,
        lines: read_lines(message.lines)?,
        next_line: message.next_line,
        expires_at: Time(message.expires_at_ms),
    })
}

fn read_updated(message: proto::CartUpdated) -> Result<Updated, Bad> {
    Ok(Updated {
        currency: Currency::new(&message.currency)?,
        country: Country::new(&message.country)?,
        customer_id: message.customer_id.map(Into::into),
        metadata: read_metadata(&message.metadata_json)?,
        set: read_lines(message.set)?,
        expires_at: Time(message.expires_at_ms),
    })
}
