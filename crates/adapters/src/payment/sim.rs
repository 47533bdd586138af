//! A provider that speaks the contract's gateway page, as `cartwright gateway-sim` does.
//!
//! Reads more widely than our own simulator writes: amounts as money or as whole numbers of minor units, lists bare or in
//! `items`, 200 or 201.

use super::endpoint::{Ask, Endpoint, by_status, encode, unreadable};
use super::shown;
use crate::http::HttpReply;
use cartwright_app::ports::payment::{
    Answer, Authorize, Card, GatewayError, GatewayPage, GatewayPayment, PaymentGateway,
    PaymentState,
};
use cartwright_domain::Money;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use std::time::Duration;

/// One such provider.
#[derive(Debug, Clone)]
pub struct SimGateway {
    name: String,
    endpoint: Endpoint,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Money(Money),
    Minor(i64),
}

impl Amount {
    fn of(self, like: Money) -> Option<Money> {
        match self {
            Self::Money(money) => (money.currency == like.currency).then_some(money),
            Self::Minor(minor) => Some(Money::new(minor, like.currency)),
        }
    }
}

#[derive(Deserialize)]
struct WirePayment {
    id: String,
    reference: String,
    state: String,
    amount: Money,
    captured: Option<Amount>,
    refunded: Option<Amount>,
    code: Option<SmolStr>,
    card: Option<WireCard>,
}

#[derive(Deserialize)]
struct WireCard {
    brand: SmolStr,
    last4: SmolStr,
}

/// What a void by reference answers when there was nothing to void.
#[derive(Deserialize)]
struct WireNothing {
    id: Option<String>,
    reference: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WirePage {
    Page {
        items: Vec<WirePayment>,
        next_cursor: Option<String>,
    },
    Bare(Vec<WirePayment>),
    One(Box<WirePayment>),
}

#[derive(Deserialize, Default)]
struct WireRefusal {
    code: Option<SmolStr>,
    state: Option<String>,
}

impl WirePayment {
    fn read(self) -> Option<GatewayPayment> {
        let part = |amount: Option<Amount>| match amount {
            None => Some(Money::zero(self.amount.currency)),
            Some(amount) => amount.of(self.amount),
        };
        let state = PaymentState::parse(&self.state)?;
        Some(GatewayPayment {
            state,
            captured: part(self.captured)?,
            refunded: part(self.refunded)?,
            amount: self.amount,
            decline_code: self.code.filter(|_| state == PaymentState::Declined),
            card: self.card.map(|card| Card {
                brand: card.brand,
                last4: card.last4,
            }),
            id: self.id,
            reference: self.reference,
        })
    }
}

/// The payment of a success; else why there is none.
fn payment(reply: &HttpReply) -> Result<GatewayPayment, GatewayError> {
    succeeded(reply)?;
    let wire: WirePayment = serde_json::from_slice(&reply.body).map_err(unreadable)?;
    wire.read()
        .ok_or_else(|| unreadable("a state or a currency"))
}

fn succeeded(reply: &HttpReply) -> Result<(), GatewayError> {
    if let Some(error) = by_status(reply) {
        return Err(error);
    }
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    let refusal: Option<WireRefusal> = serde_json::from_slice(&reply.body).ok();
    let code = refusal.as_ref().and_then(|refusal| refusal.code.clone());
    let Some(code) = code else {
        // Some proxy's page, not the provider's word.
        return Err(GatewayError::Unknown(format!(
            "status {} without a code",
            reply.status
        )));
    };
    let state = refusal.and_then(|refusal| PaymentState::parse(&refusal.state?));
    Err(match reply.status {
        402 => GatewayError::Declined { code },
        404 => GatewayError::NotFound,
        // The same key is at work: its outcome is not known yet.
        409 if code.contains("in_flight") => GatewayError::Unknown(format!("status 409: {code}")),
        409 => GatewayError::Refused { code, state },
        status => GatewayError::Misconfigured(format!("status {status}: {code}")),
    })
}

impl SimGateway {
    /// A provider at `base` (`http(s)://host[:port]`).
    pub(super) fn new(name: String, endpoint: Endpoint) -> Self {
        Self { name, endpoint }
    }

    async fn post(
        &self,
        path: String,
        key: &str,
        body: String,
        timeout: Duration,
    ) -> Result<HttpReply, GatewayError> {
        let ask = Ask {
            method: Method::POST,
            path,
            idempotency_key: key,
            content_type: "application/json",
            headers: &[],
            body,
        };
        self.endpoint.send(ask, timeout).await
    }

    async fn get(&self, path: String) -> Result<HttpReply, GatewayError> {
        let ask = Ask {
            method: Method::GET,
            path,
            idempotency_key: "",
            content_type: "",
            headers: &[],
            body: String::new(),
        };
        self.endpoint.send(ask, self.endpoint.timeout).await
    }

    /// Changes one payment; the reply must be about it.
    async fn change(
        &self,
        id: &str,
        what: &str,
        key: &str,
        body: String,
    ) -> Result<GatewayPayment, GatewayError> {
        let path = format!("/payments/{}/{what}", encode(id));
        let reply = self.post(path, key, body, self.endpoint.timeout).await?;
        let payment = payment(&reply)?;
        if payment.id != id {
            return Err(unreadable(format_args!(
                "it is about payment {}, not {id}",
                payment.id
            )));
        }
        Ok(payment)
    }
}

impl PaymentGateway for SimGateway {
    fn name(&self) -> &str {
        &self.name
    }

    fn stand_in(&self, brand: &str) -> Option<&'static str> {
        match brand {
            "visa" => Some("tok_visa"),
            "mastercard" => Some("tok_mastercard"),
            _ => None,
        }
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Authorize,
        key: &'a str,
        timeout: Duration,
    ) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let body = json!({
                "reference": request.reference,
                "amount": request.amount,
                "token": request.token.0,
                "metadata": {"checkout_id": request.checkout_id, "cart_id": request.cart_id},
            });
            let reply = self
                .post("/payments".to_owned(), key, body.to_string(), timeout)
                .await?;
            let payment = payment(&reply).map_err(no_route)?;
            shown::held(payment, request, "reference_voided")
        })
    }

    fn capture<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let payment = self
                .change(provider_id, "capture", key, String::new())
                .await?;
            shown::taken(payment)
        })
    }

    fn void<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let payment = self.change(provider_id, "void", key, String::new()).await?;
            shown::released(payment)
        })
    }

    fn void_reference<'a>(
        &'a self,
        reference: &'a str,
        key: &'a str,
    ) -> Answer<'a, Option<GatewayPayment>> {
        Box::pin(async move {
            let body = json!({"reference": reference}).to_string();
            let reply = self
                .post(
                    "/payments/void".to_owned(),
                    key,
                    body,
                    self.endpoint.timeout,
                )
                .await?;
            match succeeded(&reply) {
                // Nothing there to void, and barred by the page's rule.
                Err(GatewayError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            let nothing: WireNothing = serde_json::from_slice(&reply.body).map_err(unreadable)?;
            if nothing.reference != reference {
                return Err(unreadable("another reference than was asked"));
            }
            if nothing.id.is_none() {
                return Ok(None);
            }
            let payment = payment(&reply)?;
            match payment.state {
                PaymentState::Voided | PaymentState::Declined => Ok(Some(payment)),
                PaymentState::Captured => Err(GatewayError::Refused {
                    code: "invalid_state".into(),
                    state: Some(PaymentState::Captured),
                }),
                PaymentState::Authorized => {
                    Err(unreadable("a void that left the payment as it is"))
                }
            }
        })
    }

    fn bars_references(&self) -> bool {
        true
    }

    fn refund<'a>(
        &'a self,
        provider_id: &'a str,
        amount: Money,
        key: &'a str,
    ) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let body = json!({"amount": amount}).to_string();
            let payment = self.change(provider_id, "refund", key, body).await?;
            let fits = payment.refunded.currency == amount.currency
                && payment.refunded.minor >= amount.minor;
            if payment.state != PaymentState::Captured || !fits {
                return Err(unreadable("a refund that does not show"));
            }
            Ok(payment)
        })
    }

    fn find_all<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<GatewayPayment>> {
        Box::pin(async move {
            let reply = self
                .get(format!("/payments?reference={}", encode(reference)))
                .await?;
            match page(&reply) {
                Ok(page)
                    if page
                        .payments
                        .iter()
                        .all(|payment| payment.reference == reference) =>
                {
                    Ok(page.payments)
                }
                Ok(_) => Err(unreadable("payments of another reference")),
                Err(GatewayError::NotFound) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: u32) -> Answer<'a, GatewayPage> {
        Box::pin(async move {
            let after = after.map(encode).unwrap_or_default();
            let limit = limit.clamp(1, 100);
            let reply = self
                .get(format!("/payments?after={after}&limit={limit}"))
                .await?;
            page(&reply)
        })
    }
}

/// 404 for a route that every such provider has.
fn no_route(error: GatewayError) -> GatewayError {
    match error {
        GatewayError::NotFound => {
            GatewayError::Misconfigured("status 404: no gateway answers at this address".to_owned())
        }
        error @ (GatewayError::Declined { .. }
        | GatewayError::Refused { .. }
        | GatewayError::Unknown(_)
        | GatewayError::NotSent(_)
        | GatewayError::Misconfigured(_)) => error,
    }
}

fn page(reply: &HttpReply) -> Result<GatewayPage, GatewayError> {
    succeeded(reply)?;
    let (wire, next) = match serde_json::from_slice(&reply.body).map_err(unreadable)? {
        WirePage::Page { items, next_cursor } => (items, next_cursor),
        WirePage::Bare(items) => {
            let next = items.last().map(|payment| payment.id.clone());
            (items, next)
        }
        WirePage::One(payment) => (vec![*payment], None),
    };
    let payments: Option<Vec<_>> = wire.into_iter().map(WirePayment::read).collect();
    let payments = payments.ok_or_else(|| unreadable("a state or a currency"))?;
    Ok(GatewayPage { payments, next })
}
