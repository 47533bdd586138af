//! Stripe, or whoever speaks its PaymentIntents API (docs.stripe.com/api): form-encoded requests, JSON replies.
//!
//! A payment is a PaymentIntent that is confirmed at once and captured later; our reference is in its metadata. Lookups ask
//! Stripe's search, which lags, and then its list of recent ones, which does not. There is no void by reference: it is a lookup
//! and cancels, and does not keep a late authorization from booking.

mod wire;

use super::endpoint::{Ask, Endpoint, by_status, encode, unreadable};
use super::shown;
use crate::http::HttpReply;
use cartwright_app::ports::payment::{
    Answer, Authorize, GatewayError, GatewayPage, GatewayPayment, PaymentGateway, PaymentState,
};
use cartwright_domain::Money;
use http::Method;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use std::time::Duration;
use wire::{Failed, Intent, Page, Refund, minor_to_stripe, stripe_currency};

/// The version whose shapes are read here.
const VERSION: &[(&str, &str)] = &[("stripe-version", "2024-06-20")];
const FORM: &str = "application/x-www-form-urlencoded";
/// What every reply should show of a payment: its charge, for the card and the refunds.
const EXPAND: (&str, &str) = ("expand[]", "latest_charge");
/// Pages of the newest payments that a lookup reads when the search shows nothing.
const RECENT_PAGES: usize = 3;
const PAGE: u32 = 100;

/// One such provider.
#[derive(Debug, Clone)]
pub struct StripeGateway {
    name: String,
    endpoint: Endpoint,
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// A success's value; else why there is none.
fn read<T: DeserializeOwned>(reply: &HttpReply) -> Result<T, GatewayError> {
    if let Some(error) = by_status(reply) {
        return Err(error);
    }
    if (200..300).contains(&reply.status) {
        return serde_json::from_slice(&reply.body).map_err(unreadable);
    }
    let failed: Failed = serde_json::from_slice(&reply.body)
        .map_err(|_| GatewayError::Unknown(format!("status {} without an error", reply.status)))?;
    Err(failed.error.read(reply.status))
}

impl StripeGateway {
    /// A provider at `base`, usually `https://api.stripe.com`.
    pub(super) fn new(name: String, endpoint: Endpoint) -> Self {
        Self { name, endpoint }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: String,
        key: &str,
        fields: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<T, GatewayError> {
        let ask = Ask {
            method: Method::POST,
            path,
            idempotency_key: key,
            content_type: FORM,
            headers: VERSION,
            body: form(fields),
        };
        read(&self.endpoint.send(ask, timeout).await?)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, GatewayError> {
        let ask = Ask {
            method: Method::GET,
            path: format!("{path}?{}", form(fields)),
            idempotency_key: "",
            content_type: "",
            headers: VERSION,
            body: String::new(),
        };
        read(&self.endpoint.send(ask, self.endpoint.timeout).await?)
    }

    async fn change(
        &self,
        id: &str,
        what: &str,
        key: &str,
    ) -> Result<GatewayPayment, GatewayError> {
        let path = format!("/v1/payment_intents/{}/{what}", encode(id));
        let intent: Intent = self
            .post(path, key, &[EXPAND], self.endpoint.timeout)
            .await?;
        let payment = intent.read()?;
        if payment.id != id {
            return Err(unreadable(format_args!(
                "it is about {}, not {id}",
                payment.id
            )));
        }
        Ok(payment)
    }

    async fn intent(&self, id: &str) -> Result<GatewayPayment, GatewayError> {
        let path = format!("/v1/payment_intents/{}", encode(id));
        let intent: Intent = self.get(&path, &[EXPAND]).await?;
        intent.read()
    }

    async fn recent(&self, reference: &str) -> Result<Vec<GatewayPayment>, GatewayError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..RECENT_PAGES {
            let page = self.intents(after.as_deref(), PAGE).await?;
            after = page
                .data
                .last()
                .map(|intent| intent.id.clone())
                .filter(|_| page.has_more);
            for intent in page
                .data
                .into_iter()
                .filter(|intent| intent.reference() == Some(reference))
            {
                found.push(intent.read()?);
            }
            if after.is_none() || !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn intents(&self, after: Option<&str>, limit: u32) -> Result<Page, GatewayError> {
        let limit = limit.clamp(1, PAGE).to_string();
        let mut fields = vec![
            ("limit", limit.as_str()),
            ("expand[]", "data.latest_charge"),
        ];
        if let Some(after) = after {
            fields.push(("starting_after", after));
        }
        self.get("/v1/payment_intents", &fields).await
    }
}

impl PaymentGateway for StripeGateway {
    fn name(&self) -> &str {
        &self.name
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Authorize,
        key: &'a str,
        timeout: Duration,
    ) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let amount = minor_to_stripe(request.amount)
                .ok_or_else(|| GatewayError::Misconfigured("the amount is too large".to_owned()))?
                .to_string();
            let currency = stripe_currency(request.amount.currency);
            let token = request.token.0.as_str();
            let mut fields = vec![
                ("amount", amount.as_str()),
                ("currency", currency.as_str()),
                ("capture_method", "manual"),
                ("confirm", "true"),
                // A bank that wants to see the buyer says no here: there is nobody to show a page to.
                ("error_on_requires_action", "true"),
                ("payment_method_types[]", "card"),
                ("metadata[reference]", request.reference.as_str()),
                ("metadata[checkout_id]", request.checkout_id.as_str()),
                ("metadata[cart_id]", request.cart_id.as_str()),
                EXPAND,
            ];
            if token.starts_with("tok_") {
                fields.push(("payment_method_data[type]", "card"));
                fields.push(("payment_method_data[card][token]", token));
            } else {
                fields.push(("payment_method", token));
            }
            let path = "/v1/payment_intents".to_owned();
            let sent: Result<Intent, _> = self.post(path, key, &fields, timeout).await;
            let payment = match sent {
                Ok(intent) => intent.read()?,
                // Here the only thing named is the buyer's token.
                Err(GatewayError::NotFound) => return Err(declined("declined")),
                Err(error) => return Err(error),
            };
            shown::held(payment, request, "canceled")
        })
    }

    fn capture<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let payment = self.change(provider_id, "capture", key).await?;
            shown::taken(payment)
        })
    }

    fn void<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let payment = self.change(provider_id, "cancel", key).await?;
            shown::released(payment)
        })
    }

    fn void_reference<'a>(
        &'a self,
        reference: &'a str,
        key: &'a str,
    ) -> Answer<'a, Option<GatewayPayment>> {
        Box::pin(async move {
            let mut last = None;
            for payment in self.find_all(reference).await? {
                match payment.state {
                    PaymentState::Authorized => {
                        // One reference may have several payments; each cancel has a key of its own, the same on every retry.
                        let key = format!("{key}:{}", payment.id);
                        last = Some(self.void(&payment.id, &key).await?);
                    }
                    PaymentState::Captured => {
                        return Err(GatewayError::Refused {
                            code: "invalid_state".into(),
                            state: Some(PaymentState::Captured),
                        });
                    }
                    PaymentState::Voided | PaymentState::Declined => last = last.or(Some(payment)),
                }
            }
            Ok(last)
        })
    }

    fn bars_references(&self) -> bool {
        false
    }

    fn refund<'a>(
        &'a self,
        provider_id: &'a str,
        amount: Money,
        key: &'a str,
    ) -> Answer<'a, GatewayPayment> {
        Box::pin(async move {
            let minor = minor_to_stripe(amount)
                .ok_or_else(|| GatewayError::Misconfigured("the amount is too large".to_owned()))?
                .to_string();
            let fields = [("payment_intent", provider_id), ("amount", minor.as_str())];
            let refund: Refund = self
                .post(
                    "/v1/refunds".to_owned(),
                    key,
                    &fields,
                    self.endpoint.timeout,
                )
                .await?;
            match refund.status.as_deref() {
                Some("failed" | "canceled") => {
                    let state = Some(PaymentState::Captured);
                    return Err(GatewayError::Refused {
                        code: SmolStr::new_static("refund_failed"),
                        state,
                    });
                }
                _ if refund.payment_intent.as_deref() != Some(provider_id) => {
                    return Err(unreadable("a refund of another payment"));
                }
                _ => {}
            }
            // Booked; what cannot be read now is read when the same key is sent again.
            let read = self.intent(provider_id).await;
            let payment = read.map_err(|error| {
                GatewayError::Unknown(format!("refunded, but not shown: {error}"))
            })?;
            if payment.refunded.minor < amount.minor || payment.refunded.currency != amount.currency
            {
                return Err(unreadable("a refund that does not show"));
            }
            Ok(payment)
        })
    }

    fn find_all<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<GatewayPayment>> {
        Box::pin(async move {
            let quoted = reference.replace('\\', "\\\\").replace('\'', "\\'");
            let query = format!("metadata['reference']:'{quoted}'");
            let fields = [("query", query.as_str()), ("limit", "100")];
            let page: Page = match self.get("/v1/payment_intents/search", &fields).await {
                Ok(page) => page,
                // Some accounts have no search.
                Err(GatewayError::Misconfigured(_) | GatewayError::NotFound) => Page::default(),
                Err(error) => return Err(error),
            };
            let mut found = Vec::new();
            for intent in page
                .data
                .into_iter()
                .filter(|intent| intent.reference() == Some(reference))
            {
                // What search knows of a payment may be a minute old.
                found.push(self.intent(&intent.id).await?);
            }
            if found.is_empty() {
                found = self.recent(reference).await?;
            }
            // Newest first there, oldest first here.
            found.reverse();
            Ok(found)
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: u32) -> Answer<'a, GatewayPage> {
        Box::pin(async move {
            let page = self.intents(after, limit).await?;
            let next = page
                .data
                .last()
                .map(|intent| intent.id.clone())
                .filter(|_| page.has_more);
            // Those of other programs are not ours to judge; those at work show up at the next listing.
            let ours = page
                .data
                .into_iter()
                .filter(|intent| intent.reference().is_some());
            let payments = ours.filter_map(|intent| intent.read().ok()).collect();
            Ok(GatewayPage { payments, next })
        })
    }
}

fn declined(code: &'static str) -> GatewayError {
    GatewayError::Declined {
        code: SmolStr::new_static(code),
    }
}
