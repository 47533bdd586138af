//! What checkout routes share: the checkout a path names, what a decision on it goes by, and how it is shown.

use super::Edge;
use super::endpoint::Call;
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::checkout;
use cartwright_app::checkouts::{Setting, Target};
use cartwright_app::kept::{KeptReply, SignaturePlace};
use cartwright_app::{Key, Record};
use cartwright_domain::checkout::{Checkout, Fresh, State};
use cartwright_domain::{CheckoutId, ContactId, QuoteId, ReservationId};
use std::sync::Arc;

impl Call {
    /// The checkout a path names, for those it opens to; the one way to it, asked once the shape of the request is known to be
    /// right. What cannot be an id does not exist, nor does another one's checkout.
    pub(super) fn checkout_id(&self) -> Result<CheckoutId, Problem> {
        let text = self.param(0);
        let unknown = || Problem::not_found("checkout", text);
        if self.who.is_shut_out {
            self.idempotency_key()?;
            return Err(unknown());
        }
        text.parse().map_err(|_| unknown())
    }

    /// The checkout a path names, as committed.
    pub(super) async fn load_checkout(&self) -> Result<Arc<Checkout>, Problem> {
        let id = self.checkout_id()?;
        match self.edge.shop.find(&Key::Checkout(id)).await? {
            Some(Record::Checkout(checkout)) => Ok(checkout),
            _ => Err(Problem::not_found("checkout", id)),
        }
    }

    /// What the loop decides on: the checkout of the path at the version that the caller expects.
    pub(super) fn checkout_target(&self, expected_version: Option<u64>) -> Result<Target, Problem> {
        let id = self.checkout_id()?;
        Ok(Target {
            id,
            expected_version,
        })
    }

    /// What a decision on a checkout goes by.
    pub(super) fn checkout_setting(&self) -> Setting {
        Setting {
            rules: self.edge.options.checkout_rules.clone(),
            sourcing: self.edge.options.sourcing,
        }
    }

    /// Identifiers for what a write to a checkout may make.
    pub(super) fn fresh_ids(&self) -> Fresh {
        self.edge.fresh_ids()
    }
}

impl Edge {
    /// Identifiers for what a write to a checkout may make.
    pub(crate) fn fresh_ids(&self) -> Fresh {
        Fresh {
            checkout: CheckoutId(self.fresh_id()),
            contact: ContactId(self.fresh_id()),
            quote: QuoteId(self.fresh_id()),
            reservation: ReservationId(self.fresh_id()),
        }
    }
}

/// A checkout in a state as it is kept and sent: its person's data and its quote's signature stay out of what is kept.
pub(super) fn shown(status: u16, checkout: &Checkout, state: State) -> KeptReply {
    let rendered = checkout::render(checkout, state);
    let location = (status == 201).then(|| format!("/v1/checkouts/{}", checkout.id));
    KeptReply {
        contact: Some((rendered.person_at, checkout.terms.contact_id)),
        payments: checkout
            .attempts
            .iter()
            .flat_map(|attempt| attempt.payments.iter().copied())
            .collect(),
        signature: rendered
            .quote
            .map(|(from, end)| SignaturePlace { from, end }),
        ..resource(status, checkout.version, location, rendered.body.into())
    }
}

/// Shows the checkout that a command answers with. One that was just written is in the state it was written in.
pub(super) fn render() -> Render {
    Arc::new(|outcome, _| match &outcome.record {
        Some(Record::Checkout(checkout)) => {
            let status = if outcome.created { 201 } else { 200 };
            shown(status, checkout, checkout.state)
        }
        _ => KeptReply::default(),
    })
}
