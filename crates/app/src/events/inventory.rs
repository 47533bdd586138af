//! Stock levels, reservations and transfers.

use super::{Bad, missing, unknown_type};
use cartwright_domain::inventory::{
    Asked, Backorder, BackorderMode, Held, LevelKey, Movement, MovementKind, ReservationEvent,
    Settings, State, TransferEvent,
};
use cartwright_domain::{ReservationId, Sku, StoreId, Time, TransferId};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn moved(movement: &Movement) -> proto::Moved {
    proto::Moved {
        on_hand_delta: movement.on_hand_delta,
        reserved_delta: movement.reserved_delta,
        allocated_delta: movement.allocated_delta,
        granted_delta: movement.granted_delta,
        backordered_delta: movement.backordered_delta,
        on_hand: movement.on_hand,
        reserved: movement.reserved,
        reservation_id: movement.reservation.map(|id| id.to_bytes().to_vec()),
        reference: movement.reference.as_ref().map(ToString::to_string),
        transfer_id: movement.transfer.map(|id| id.to_bytes().to_vec()),
        reason: movement.reason.as_ref().map(ToString::to_string),
        settings: movement.settings.map(settings),
        accepted_shortage: movement.accepted_shortage,
        fills: movement
            .fills
            .iter()
            .map(|(id, units)| fill(*id, *units))
            .collect(),
    }
}

fn fill(id: ReservationId, quantity: i64) -> proto::Fill {
    proto::Fill {
        reservation_id: id.to_bytes().to_vec(),
        quantity,
    }
}

fn settings(settings: Settings) -> proto::LevelSettings {
    let mode = match settings.backorder.mode {
        BackorderMode::None => "none",
        BackorderMode::Backorder => "backorder",
        BackorderMode::Preorder => "preorder",
    };
    proto::LevelSettings {
        safety_stock: settings.safety_stock,
        low_stock: settings.low_stock,
        backorder_mode: mode.to_owned(),
        backorder_limit: settings.backorder.limit,
        available_from_ms: settings.backorder.available_from.map(|time| time.0),
    }
}

fn read_settings(message: &proto::LevelSettings) -> Result<Settings, Bad> {
    let mode = match message.backorder_mode.as_str() {
        "none" => BackorderMode::None,
        "backorder" => BackorderMode::Backorder,
        "preorder" => BackorderMode::Preorder,
        _ => return Err(missing("backorder_mode")),
    };
    let available_from = message.available_from_ms.map(Time);
    let backorder = Backorder {
        mode,
        limit: message.backorder_limit,
        available_from,
    };
    Ok(Settings {
        safety_stock: message.safety_stock,
        low_stock: message.low_stock,
        backorder,
    })
}

fn hold_id(bytes: &[u8]) -> Result<ReservationId, Bad> {
    ReservationId::from_slice(bytes).ok_or_else(|| missing("reservation_id"))
}

pub(super) fn decode_moved(kind: &str, payload: &[u8]) -> Result<Movement, Bad> {
    let name = kind.strip_prefix("level.").unwrap_or(kind);
    let kind = MovementKind::ALL
        .iter()
        .find(|(_, known)| *known == name)
        .ok_or_else(|| unknown_type(kind))?
        .0;
    let message = proto::Moved::decode(payload)?;
    let fills = message
        .fills
        .iter()
        .map(|fill| Ok((hold_id(&fill.reservation_id)?, fill.quantity)));
    Ok(Movement {
        kind,
        on_hand_delta: message.on_hand_delta,
        reserved_delta: message.reserved_delta,
        allocated_delta: message.allocated_delta,
        granted_delta: message.granted_delta,
        backordered_delta: message.backordered_delta,
        on_hand: message.on_hand,
        reserved: message.reserved,
        reservation: message.reservation_id.as_deref().map(hold_id).transpose()?,
        reference: message.reference.map(Into::into),
        transfer: match message.transfer_id {
            Some(bytes) => {
                Some(TransferId::from_slice(&bytes).ok_or_else(|| missing("transfer_id"))?)
            }
            None => None,
        },
        reason: message.reason.map(Into::into),
        settings: message.settings.as_ref().map(read_settings).transpose()?,
        accepted_shortage: message.accepted_shortage,
        fills: fills.collect::<Result<_, Bad>>()?,
    })
}

pub(super) fn reservation(event: &ReservationEvent) -> Vec<u8> {
    match event {
        ReservationEvent::Held {
            principal,
            reference,
            asked,
            lines,
            expires_at,
        } => proto::ReservationHeld {
            principal: principal.to_string(),
            reference: reference.to_string(),
            asked: asked.iter().map(asked_line).collect(),
            lines: lines.iter().map(held_line).collect(),
            expires_at_ms: expires_at.0,
        }
        .encode_to_vec(),
        ReservationEvent::Extended { expires_at } => proto::ReservationExtended {
            expires_at_ms: expires_at.0,
        }
        .encode_to_vec(),
        ReservationEvent::Filled { level, quantity } => proto::ReservationFilled {
            sku: level.sku.to_string(),
            store: level.store.to_string(),
            quantity: *quantity,
        }
        .encode_to_vec(),
        ReservationEvent::Ended(_) => proto::ReservationEnded {}.encode_to_vec(),
    }
}

fn asked_line(line: &Asked) -> proto::AskedLine {
    let store = line.store.as_ref().map(ToString::to_string);
    proto::AskedLine {
        sku: line.sku.to_string(),
        store,
        quantity: line.quantity,
    }
}

fn held_line(line: &Held) -> proto::HeldLine {
    proto::HeldLine {
        sku: line.level.sku.to_string(),
        store: line.level.store.to_string(),
        quantity: line.quantity,
        backordered: line.backordered,
    }
}

fn level_key(sku: &str, store: &str) -> Result<LevelKey, Bad> {
    Ok(LevelKey {
        sku: Sku::new(sku)?,
        store: StoreId::new(store)?,
    })
}

pub(super) fn decode_reservation(kind: &str, payload: &[u8]) -> Result<ReservationEvent, Bad> {
    Ok(match kind {
        "reservation.held" => held(proto::ReservationHeld::decode(payload)?)?,
        "reservation.extended" => {
            let message = proto::ReservationExtended::decode(payload)?;
            ReservationEvent::Extended {
                expires_at: Time(message.expires_at_ms),
            }
        }
        "reservation.filled" => {
            let message = proto::ReservationFilled::decode(payload)?;
            ReservationEvent::Filled {
                level: level_key(&message.sku, &message.store)?,
                quantity: message.quantity,
            }
        }
        "reservation.confirmed" => ReservationEvent::Ended(State::Confirmed),
        "reservation.released" => ReservationEvent::Ended(State::Released),
        "reservation.expired" => ReservationEvent::Ended(State::Expired),
        other => return Err(unknown_type(other)),
    })
}

fn held(message: proto::ReservationHeld) -> Result<ReservationEvent, Bad> {
    let asked = message.asked.iter().map(|line| {
        let store = line.store.as_deref().map(StoreId::new).transpose()?;
        Ok(Asked {
            sku: Sku::new(&line.sku)?,
            store,
            quantity: line.quantity,
        })
    });
    let lines = message.lines.iter().map(|line| {
        let level = level_key(&line.sku, &line.store)?;
        Ok(Held {
            level,
            quantity: line.quantity,
            backordered: line.backordered,
        })
    });
    Ok(ReservationEvent::Held {
        principal: message.principal.into(),
        reference: message.reference.into(),
        asked: asked.collect::<Result<_, Bad>>()?,
        lines: lines.collect::<Result<_, Bad>>()?,
        expires_at: Time(message.expires_at_ms),
    })
}

pub(super) fn transfer(event: &TransferEvent) -> Vec<u8> {
    match event {
        TransferEvent::Started {
            sku,
            from,
            to,
            quantity,
        } => proto::TransferStarted {
            sku: sku.to_string(),
            from: from.to_string(),
            to: to.to_string(),
            quantity: *quantity,
        }
        .encode_to_vec(),
        TransferEvent::Received | TransferEvent::Cancelled => {
            proto::TransferEnded {}.encode_to_vec()
        }
    }
}

pub(super) fn decode_transfer(kind: &str, payload: &[u8]) -> Result<TransferEvent, Bad> {
    Ok(match kind {
        "transfer.started" => {
            let message = proto::TransferStarted::decode(payload)?;
            TransferEvent::Started {
                sku: Sku::new(&message.sku)?,
                from: StoreId::new(&message.from)?,
                to: StoreId::new(&message.to)?,
                quantity: message.quantity,
            }
        }
        "transfer.received" => TransferEvent::Received,
        "transfer.cancelled" => TransferEvent::Cancelled,
        other => return Err(unknown_type(other)),
    })
}
