//! Asking the provider of a payment for a part of a refund.

use crate::ports::payment::{GatewayError, GatewayPayment, PaymentGateway, PaymentState};
use cartwright_domain::Money;
use cartwright_domain::order::{RefundPart, RefundState};
use cartwright_domain::payment::Payment;
use cartwright_domain::planted::{Bug, planted};
use parking_lot::Mutex;

/// One part of a refund, on its way to the provider of its payment.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a dyn PaymentGateway,
    pub(super) payment: &'a Payment,
    /// The idempotency key: the same on every try.
    pub(super) key: String,
    pub(super) part: &'a RefundPart,
    /// Whether somebody may have asked before, whose answer is not known.
    pub(super) is_retry: bool,
    /// What the provider was last seen to show, and whether the part is in it.
    pub(super) sighted: Mutex<Option<Sighted>>,
}

/// What a provider was last seen to show of a payment.
#[derive(Debug, Clone)]
pub(super) struct Sighted {
    /// For people.
    pub(super) text: String,
    /// Whether the part that was asked for is in it.
    pub(super) is_done: bool,
}

impl Call<'_> {
    /// What is known after asking; `None`: no more than before.
    pub(super) async fn ask(&self) -> Option<RefundState> {
        match self.look().await {
            // A provider may forget a key, but not what it gave back.
            Ok(Some(found)) if self.is_retry && self.shows(&found) => {
                return Some(RefundState::Succeeded);
            }
            Ok(Some(found)) if found.state == PaymentState::Captured => {}
            // It had only claimed to have taken it, or does not show it yet. Asked now it would refuse, and by this key for ever: what it
            // took is put right first.
            Ok(_) | Err(()) => return None,
        }
        let id = self.payment.provider_id.as_deref()?;
        let amount = Money::new(self.part.amount, self.payment.amount.currency);
        let mut key = self.key.clone();
        if planted(Bug::RefundKeyOfTry) && self.is_retry {
            key = format!("{key}:again");
        }
        match self.gateway.refund(id, amount, &key).await {
            // Its word alone is not enough: some say yes and do nothing.
            Ok(_) => match self.look().await {
                Ok(Some(found)) if !self.shows(&found) => Some(RefundState::Unknown),
                Ok(_) | Err(()) => Some(RefundState::Succeeded),
            },
            Err(GatewayError::NotSent(_) | GatewayError::Misconfigured(_)) => None,
            Err(GatewayError::Unknown(_)) => Some(RefundState::Unknown),
            Err(
                GatewayError::Declined { .. }
                | GatewayError::Refused { .. }
                | GatewayError::NotFound,
            ) => match self.look().await {
                Ok(Some(found)) if self.shows(&found) => Some(RefundState::Succeeded),
                Ok(Some(_)) => Some(RefundState::Failed),
                Ok(None) | Err(()) => Some(RefundState::Unknown),
            },
        }
    }

    /// The payment as its provider shows it; `Err` when that cannot be known now.
    async fn look(&self) -> Result<Option<GatewayPayment>, ()> {
        let reference = self.payment.id.to_string();
        let found = self.gateway.find_all(&reference).await.map_err(drop)?;
        let ours =
            |it: &GatewayPayment| Some(it.id.as_str()) == self.payment.provider_id.as_deref();
        let found = found.into_iter().find(ours);
        *self.sighted.lock() = Some(self.sighting(found.as_ref()));
        Ok(found)
    }

    fn sighting(&self, found: Option<&GatewayPayment>) -> Sighted {
        let text = match found {
            Some(it) => format!(
                "{} {}, {} of {} refunded",
                it.id,
                it.state.name(),
                it.refunded.minor,
                it.captured.minor
            ),
            None => "nothing".to_owned(),
        };
        Sighted {
            text,
            is_done: found.is_some_and(|it| self.shows(it)),
        }
    }

    /// Whether the part is in what went back there. Parts of one payment are asked for one after the other, so what is more than
    /// recorded here is this one.
    fn shows(&self, found: &GatewayPayment) -> bool {
        found.refunded.minor >= self.payment.refunded + self.part.amount
    }
}
