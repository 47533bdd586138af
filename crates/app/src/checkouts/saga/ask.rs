//! Asking providers what was recorded, and reading their answers.

use super::begin::Part;
use crate::ports::payment::{
    Authorize, CardToken, GatewayError, GatewayPayment, PaymentGateway, PaymentState,
};
use cartwright_domain::payment::{
    Answer, Card, Decline, Method, Payment, Question, Sighting, State,
};
use cartwright_domain::planted::{Bug, planted};
use parking_lot::Mutex;
use smol_str::{SmolStr, ToSmolStr};
use std::sync::Arc;
use std::time::Duration;

/// Failures in a row after which a provider is passed by for a while.
const SICK_AFTER: u32 = 3;
/// For how long.
const SICK_NS: u64 = 5_000_000_000;

/// A configured provider and how it is doing.
#[derive(Debug)]
pub struct Provider {
    gateway: Arc<dyn PaymentGateway>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    sick_until_ns: u64,
}

/// The configured providers, in order of preference.
#[derive(Debug, Default)]
pub struct Providers(Vec<Provider>);

/// What came of asking.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) answer: Answer,
    /// What the buyer is told about it.
    pub(super) message: Option<(&'static str, SmolStr)>,
}

impl Told {
    pub(super) fn plain(answer: Answer) -> Self {
        Self {
            answer,
            message: None,
        }
    }
}

impl Providers {
    /// In order of preference.
    pub fn new(gateways: Vec<Arc<dyn PaymentGateway>>) -> Self {
        let providers = gateways.into_iter().map(|gateway| Provider {
            gateway,
            health: Mutex::default(),
        });
        Self(providers.collect())
    }

    /// Whether there is one at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Who should be asked next: the first that is well, else the first.
    pub fn choose(&self, now_ns: u64) -> Option<SmolStr> {
        let well = self.0.iter().find(|it| it.is_well(now_ns));
        let chosen = well.or_else(|| self.0.first());
        chosen.map(|it| it.gateway.name().to_smolstr())
    }

    /// All of a payment by a card of a brand whose number alone is known: through the first provider that is well and has
    /// something to stand in for it, else the first that has. `None`: no provider has.
    pub fn stand_in(&self, brand: &str, now_ns: u64) -> Option<Part> {
        let offers = |it: &Provider| it.gateway.stand_in(brand);
        let mut able = self.0.iter().filter(|it| offers(it).is_some());
        let well = able.clone().find(|it| it.is_well(now_ns));
        let chosen = well.or_else(|| able.next())?;
        Some(Part {
            method: Method::Card,
            token: Some(offers(chosen)?.to_owned()),
            provider: Some(chosen.gateway.name().to_smolstr()),
            // Another provider may not know what stands in at this one.
            is_fixed: !self.0.iter().all(|it| offers(it) == offers(chosen)),
            amount: None,
        })
    }

    fn find(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|it| it.gateway.name() == name)
    }

    /// Another one that is well.
    fn other(&self, than: &str, now_ns: u64) -> Option<SmolStr> {
        let mut others = self.0.iter().filter(|it| it.gateway.name() != than);
        let well = others.find(|it| it.is_well(now_ns));
        well.map(|it| it.gateway.name().to_smolstr())
    }

    /// Sends a recorded question. `token` is what a card is charged through, as long as that is kept.
    pub(super) async fn ask(
        &self,
        payment: &Payment,
        question: Question,
        token: Option<&str>,
        cart: &str,
        now_ns: impl Fn() -> u64,
    ) -> Told {
        let name = payment.provider.as_deref().unwrap_or_default();
        let Some(provider) = self.find(name) else {
            tracing::warn!(
                provider = name,
                payment = %payment.id,
                "a payment waits for a provider that is not configured any more"
            );
            return Told::plain(Answer::Unsent);
        };
        let call = Call {
            gateway: &*provider.gateway,
            payment,
            reference: payment.id.to_string(),
            key: payment.key(question),
            token,
            cart,
        };
        let answer = match question {
            Question::Authorize => call.authorize().await,
            Question::Capture => call.capture().await,
            Question::Void => call.void().await,
            Question::Refund => call.refund().await,
        };
        let now_ns = now_ns();
        provider.heard(&answer, now_ns);
        let may_go =
            question == Question::Authorize && payment.state == State::Pending && !payment.is_fixed;
        let answer = if planted(Bug::UnknownIsUnsent) && may_go && answer == Answer::Unclear {
            Answer::Unsent
        } else {
            answer
        };
        match (answer, self.other(name, now_ns)) {
            (Answer::Unsent, Some(other)) if may_go => Told {
                answer: Answer::Elsewhere(other),
                message: Some((
                    "rerouted",
                    "The payment goes through another provider.".into(),
                )),
            },
            (Answer::Unsent, _) if question == Question::Authorize => Told {
                answer: Answer::Unsent,
                message: Some((
                    "parked",
                    "The payment provider cannot be reached; it is tried again.".into(),
                )),
            },
            (answer, _) => Told::plain(answer),
        }
    }

    /// The port of a payment's provider.
    pub(crate) fn gateway(&self, payment: &Payment) -> Option<&dyn PaymentGateway> {
        let provider = self.find(payment.provider.as_deref()?)?;
        Some(&*provider.gateway)
    }
}

impl Provider {
    fn is_well(&self, now_ns: u64) -> bool {
        self.health.lock().sick_until_ns <= now_ns
    }

    fn heard(&self, answer: &Answer, now_ns: u64) {
        let mut health = self.health.lock();
        match answer {
            Answer::Unclear | Answer::Unsent => {
                health.failures += 1;
                if health.failures >= SICK_AFTER {
                    health.sick_until_ns = now_ns + SICK_NS;
                }
            }
            _ => *health = Health::default(),
        }
    }
}

/// One question on its way.
struct Call<'a> {
    gateway: &'a dyn PaymentGateway,
    payment: &'a Payment,
    reference: String,
    key: String,
    token: Option<&'a str>,
    cart: &'a str,
}

/// Nothing is cut short here: the provider's own timeout counts.
const LONG: Duration = Duration::from_secs(600);

impl Call<'_> {
    /// Whether an earlier try may have done it.
    fn is_retry(&self) -> bool {
        self.payment.tries > 0
    }

    /// What the provider shows; `Err` when that cannot be known now.
    async fn look(&self) -> Result<Option<GatewayPayment>, ()> {
        self.gateway.find(&self.reference).await.map_err(drop)
    }

    async fn authorize(&self) -> Answer {
        if self.is_retry() {
            match self.look().await {
                Ok(Some(found)) => return seen(&found),
                Ok(None) => {}
                Err(()) => return Answer::Unclear,
            }
        }
        self.send_authorize().await
    }

    async fn send_authorize(&self) -> Answer {
        let Some(token) = self.token else {
            // Nothing is left to charge: it can only be released.
            return Answer::Refused;
        };
        let request = Authorize {
            reference: self.reference.clone(),
            amount: self.payment.amount,
            token: CardToken(token.to_owned()),
            checkout_id: self.payment.checkout.to_string(),
            cart_id: self.cart.to_owned(),
        };
        let mut key = self.payment.key(Question::Authorize);
        if planted(Bug::AuthorizeKeyOfTry) {
            key = format!("{key}:{}", self.payment.tries);
        }
        match self.gateway.authorize(&request, &key, LONG).await {
            Ok(payment) => seen(&payment),
            Err(GatewayError::Declined { code }) => {
                Answer::Declined(Decline::parse(&code).unwrap_or(Decline::Declined))
            }
            Err(GatewayError::Refused {
                state: Some(PaymentState::Authorized | PaymentState::Captured),
                ..
            }) => Answer::Unclear,
            Err(GatewayError::Refused { .. }) => Answer::Refused,
            Err(GatewayError::NotSent(_) | GatewayError::Misconfigured(_)) => Answer::Unsent,
            Err(GatewayError::NotFound | GatewayError::Unknown(_)) => Answer::Unclear,
        }
    }

    async fn capture(&self) -> Answer {
        if self.is_retry()
            && let Ok(Some(found)) = self.look().await
            && found.state != PaymentState::Authorized
        {
            return seen(&found);
        }
        let Some(id) = &self.payment.provider_id else {
            return Answer::Lost;
        };
        match self.gateway.capture(id, &self.key).await {
            Ok(payment) => seen(&payment),
            Err(GatewayError::Refused {
                state: Some(PaymentState::Captured),
                ..
            }) => self.seen_now().await,
            Err(GatewayError::Declined { .. } | GatewayError::Refused { .. }) => {
                match self.look().await {
                    Ok(Some(found)) if found.state == PaymentState::Captured => seen(&found),
                    Ok(_) => Answer::Refused,
                    Err(()) => Answer::Unclear,
                }
            }
            Err(GatewayError::NotFound) => match self.look().await {
                Ok(Some(found)) if found.state == PaymentState::Captured => seen(&found),
                Ok(Some(_)) | Err(()) => Answer::Unclear,
                Ok(None) => Answer::Lost,
            },
            Err(GatewayError::NotSent(_) | GatewayError::Misconfigured(_)) => Answer::Unsent,
            Err(GatewayError::Unknown(_)) => Answer::Unclear,
        }
    }

    async fn void(&self) -> Answer {
        if !self.gateway.bars_references() && self.payment.provider_id.is_none() {
            // A request may still be on its way there, and voiding would not stop it: it must answer first.
            match self.send_authorize().await {
                Answer::Unclear | Answer::Unsent if self.token.is_some() => return Answer::Unclear,
                _ => {}
            }
        }
        match self
            .gateway
            .void_reference(&self.reference, &self.key)
            .await
        {
            Ok(Some(payment)) => seen(&payment),
            Ok(None) => Answer::Nothing,
            Err(GatewayError::Refused {
                state: Some(PaymentState::Captured),
                ..
            }) => self.seen_now().await,
            Err(GatewayError::Refused { .. } | GatewayError::Declined { .. }) => {
                self.seen_now().await
            }
            Err(GatewayError::NotFound) => Answer::Nothing,
            Err(GatewayError::NotSent(_) | GatewayError::Misconfigured(_)) => Answer::Unsent,
            Err(GatewayError::Unknown(_)) => Answer::Unclear,
        }
    }

    async fn refund(&self) -> Answer {
        if self.is_retry()
            && let Ok(Some(found)) = self.look().await
            && found.refunded.minor >= self.payment.captured
        {
            return seen(&found);
        }
        let Ok(Some(found)) = self.look().await else {
            return Answer::Unclear;
        };
        if found.state != PaymentState::Captured && !planted(Bug::RefundOfClaim) {
            // It had only claimed to have taken it. Asked now it would refuse, and by this key for ever: it takes it first.
            let key = self.payment.key(Question::Capture);
            if let Err(error) = self.gateway.capture(&found.id, &key).await {
                tracing::debug!(payment = %self.payment.id, %error, "a capture that was claimed is not made yet");
            }
            return Answer::Unclear;
        }
        let id = found.id;
        let mut amount = self.payment.amount;
        amount.minor = self.payment.captured - self.payment.refunded;
        match self.gateway.refund(&id, amount, &self.key).await {
            Ok(payment) => seen(&payment),
            Err(GatewayError::NotSent(_)) => Answer::Unsent,
            Err(_) => self.seen_now().await,
        }
    }

    async fn seen_now(&self) -> Answer {
        match self.look().await {
            Ok(Some(found)) => seen(&found),
            Ok(None) | Err(()) => Answer::Unclear,
        }
    }
}

fn seen(payment: &GatewayPayment) -> Answer {
    let state = match payment.state {
        PaymentState::Authorized => State::Authorized,
        PaymentState::Captured => State::Captured,
        PaymentState::Voided => State::Voided,
        PaymentState::Declined => State::Declined,
    };
    Answer::Seen(Sighting {
        provider_id: payment.id.to_smolstr(),
        state,
        refunded: payment.refunded.minor,
        decline: payment.decline_code.as_deref().and_then(Decline::parse),
        card: payment.card.as_ref().map(|card| Card {
            brand: card.brand.clone(),
            last4: card.last4.clone(),
        }),
    })
}
