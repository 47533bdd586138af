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

#[cfg(test)]
mod tests {
    use super::super::samples::{A, B, after, placed};
    use super::*;
    use crate::{ExchangeId, FulfillmentId, OrderId, PaymentId, RefundId, ReturnId};

    /// Each thing that happens to an order, what it is called, by whom and about what.
    #[test]
    fn an_order_remembers_what_happened_to_it() {
        let answered = |state| Event::RefundAnswered {
            id: RefundId(2),
            payment: PaymentId(1),
            state,
        };
        let back = |by: &str| Event::ReturnRequested {
            id: ReturnId(3),
            lines: vec![(A, 1)],
            reason: "too small".into(),
            by: by.into(),
        };
        let (refund, back_id, exchange) = (RefundId(2), ReturnId(3), ExchangeId(4));
        let rows = [
            (Event::Paid { invoice: 1 }, "paid", None, None),
            (
                Event::Fulfilled {
                    id: FulfillmentId(1),
                    lines: vec![(B, 1)],
                    taken: Vec::new(),
                    tracking: None,
                    by: "clerk".into(),
                },
                "fulfilled",
                Some("clerk"),
                Some(FulfillmentId(1).to_string()),
            ),
            (
                Event::Restocked {
                    given_up: Vec::new(),
                    taken: Vec::new(),
                    back: Vec::new(),
                },
                "restocked",
                None,
                None,
            ),
            (
                answered(RefundState::Unknown),
                "refund_unknown",
                None,
                Some(refund.to_string()),
            ),
            (
                answered(RefundState::Succeeded),
                "refund_succeeded",
                None,
                Some(refund.to_string()),
            ),
            (
                answered(RefundState::Failed),
                "refund_failed",
                None,
                Some(refund.to_string()),
            ),
            (
                Event::RefundResolved {
                    id: refund,
                    state: RefundState::Failed,
                    note: "lost".into(),
                    by: "clerk".into(),
                },
                "refund_resolved",
                Some("clerk"),
                Some(refund.to_string()),
            ),
            (
                back("buyer"),
                "return_requested",
                Some("buyer"),
                Some(back_id.to_string()),
            ),
            (
                back(""),
                "return_requested",
                None,
                Some(back_id.to_string()),
            ),
            (
                Event::ReturnReceived {
                    id: back_id,
                    lines: Vec::new(),
                    by: "clerk".into(),
                },
                "return_received",
                Some("clerk"),
                Some(back_id.to_string()),
            ),
            (
                Event::ReturnCancelled {
                    id: back_id,
                    by: "clerk".into(),
                },
                "return_cancelled",
                Some("clerk"),
                Some(back_id.to_string()),
            ),
            (
                Event::ExchangePlaced {
                    id: exchange,
                    order: OrderId(9),
                    back: back_id,
                },
                "exchange_placed",
                None,
                Some(exchange.to_string()),
            ),
            (
                Event::ExchangeUndone { id: exchange },
                "exchange_undone",
                None,
                Some(exchange.to_string()),
            ),
            (
                Event::ExchangeCancelled { id: exchange },
                "exchange_cancelled",
                None,
                Some(exchange.to_string()),
            ),
            (
                Event::Cancelled { by: "buyer".into() },
                "cancelled",
                Some("buyer"),
                None,
            ),
        ];
        let first = placed();
        assert_eq!(first.history, [Happened::placed(Time(0))]);
        assert_eq!(first.history[0].kind, "placed");
        for (event, kind, by, about) in rows {
            let order = after(first.clone(), &event);
            let expected = Happened {
                at: Time(9),
                kind: kind.into(),
                by: by.map(Into::into),
                about: about.map(Into::into),
            };
            assert_eq!(order.history.get(1), Some(&expected), "{event:?}");
        }
    }
}
