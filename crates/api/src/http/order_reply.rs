//! What order routes share: the order a path names, and how it is shown.

use super::endpoint::Call;
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::order;
use cartwright_app::kept::KeptReply;
use cartwright_app::orders::Target;
use cartwright_app::{Key, Record};
use cartwright_domain::order::Order;
use cartwright_domain::{OrderId, ReturnId};
use std::sync::Arc;

impl Call {
    /// The order a path names by its id or its number, for those it opens to; the one way to it, asked once the shape of the request
    /// is known to be right. What cannot be either does not exist, nor does another one's order.
    pub(super) async fn order_id(&self) -> Result<OrderId, Problem> {
        let text = self.param(0);
        let unknown = || Problem::not_found("order", text);
        if self.who.is_shut_out {
            self.idempotency_key()?;
            return Err(unknown());
        }
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let is_number = text.bytes().all(|it| it.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse::<i64>().ok().filter(|_| is_number);
        let number = number.ok_or_else(unknown)?.unsigned_abs();
        match self.edge.shop.find(&Key::OrderNumber(number)).await? {
            Some(Record::OrderId(id)) => Ok(id),
            _ => Err(unknown()),
        }
    }

    /// What the loop decides on: the order of the path at the version that the caller expects.
    pub(super) async fn order_target(
        &self,
        expected_version: Option<u64>,
    ) -> Result<Target, Problem> {
        Ok(Target {
            id: self.order_id().await?,
            expected_version,
        })
    }

    /// The return a path names, and its order.
    pub(super) async fn return_target(
        &self,
        expected_version: Option<u64>,
    ) -> Result<(ReturnId, Target), Problem> {
        let text = self.param(0);
        let unknown = || Problem::not_found("return", text);
        if self.who.is_shut_out {
            self.idempotency_key()?;
            return Err(unknown());
        }
        let id = text.parse().map_err(|_| unknown())?;
        match self.edge.shop.find(&Key::Return(id)).await? {
            Some(Record::OrderId(order)) => Ok((
                id,
                Target {
                    id: order,
                    expected_version,
                },
            )),
            _ => Err(unknown()),
        }
    }

    /// An order as committed.
    pub(super) async fn order(&self, id: OrderId) -> Result<Arc<Order>, Problem> {
        match self.edge.shop.find(&Key::Order(id)).await? {
            Some(Record::Order(order)) => Ok(order),
            _ => Err(Problem::not_found("order", self.param(0))),
        }
    }
}

/// An order as it is kept and sent: its person's data and its payments stay out of what is kept.
pub(super) fn shown(status: u16, order: &Order) -> KeptReply {
    let rendered = order::render(order);
    let location = (status == 201).then(|| format!("/v1/orders/{}", order.id));
    KeptReply {
        contact: Some((rendered.person_at, order.contact)),
        payments: order.payments.clone(),
        order_total: Some(order.totals.total),
        ..resource(status, order.version, location, rendered.body.into())
    }
}

/// Shows the order that a command answers with.
pub(super) fn render() -> Render {
    Arc::new(|outcome, _| match &outcome.record {
        Some(Record::Order(order)) => shown(if outcome.created { 201 } else { 200 }, order),
        _ => KeptReply::default(),
    })
}
