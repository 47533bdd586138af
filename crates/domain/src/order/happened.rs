//! What happened to an order, for people: when, what, by whom, and about what.

use super::{Event, RefundState};
use crate::Time;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, ToSmolStr};

/// A thing that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Time,
    /// What, in a word.
    pub kind: SmolStr,
    /// Who did it; `None`: the shop itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SmolStr>,
    /// The fulfilment, refund, return or exchange that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<SmolStr>,
}

impl Happened {
    pub(super) fn placed(at: Time) -> Self {
        Self {
            at,
            kind: SmolStr::new_static("placed"),
            by: None,
            about: None,
        }
    }

    pub(super) fn of(event: &Event, at: Time) -> Self {
        let (by, about) = match event {
            Event::Placed(_) | Event::Paid { .. } | Event::Restocked { .. } => (None, None),
            Event::Fulfilled { id, by, .. } => (Some(by), Some(id.to_smolstr())),
            Event::Cancelled { by } => (Some(by), None),
            Event::RefundStarted(started) => (Some(&started.by), Some(started.id.to_smolstr())),
            Event::RefundAnswered { id, .. } => (None, Some(id.to_smolstr())),
            Event::RefundResolved { id, by, .. } => (Some(by), Some(id.to_smolstr())),
            Event::ExchangeStarted(started) => (Some(&started.by), Some(started.id.to_smolstr())),
            Event::ExchangePlaced { id, .. }
            | Event::ExchangeUndone { id }
            | Event::ExchangeCancelled { id } => (None, Some(id.to_smolstr())),
            Event::ReturnRequested { id, by, .. }
            | Event::ReturnReceived { id, by, .. }
            | Event::ReturnCancelled { id, by } => (Some(by), Some(id.to_smolstr())),
        };
        let kind = match event {
            Event::RefundAnswered { state, .. } => match state {
                RefundState::Pending | RefundState::Unknown => "refund_unknown",
                RefundState::Succeeded => "refund_succeeded",
                RefundState::Failed => "refund_failed",
            },
            _ => event.name(),
        };
        Self {
            at,
            kind: SmolStr::new_static(kind),
            by: by.filter(|by| !by.is_empty()).cloned(),
            about,
        }
    }
}
