//! Webhooks of payment providers: signed, taken down once, and believed only as a hint to look up.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb};
use crate::problem::Problem;
use cartwright_app::Record;
use cartwright_app::checkouts::saga::TakeDown;
use cartwright_app::kept::{KeptReply, key_hash};
use cartwright_app::nouns::Key;
use cartwright_app::shop::{Keyed, Submission};
use cartwright_domain::PaymentId;

/// How long a message is known again, in milliseconds: longer than any provider repeats it.
const KNOWN_MS: i64 = 7 * 86_400_000;

/// The route.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Post,
    path: "/v1/webhooks/{provider}",
    name: "receiveWebhook",
    summary: "Takes a message of a payment provider, signed in its own header; a repeat is 200 too. It is only a hint to look the payment up.",
    access: Access::Public,
    query: &[],
    body: BodyKind::Json,
    request: None,
    replies: &[(200, None)],
    refusals: &["not_found", "unauthenticated"],
    produces: "application/json",
    handler: |call| Box::pin(receive(call)),
}];

async fn receive(call: Call) -> Result<Reply, Problem> {
    let provider = call.param(0).to_owned();
    let webhooks = &call.edge.webhooks;
    let header = webhooks
        .header(&provider)
        .ok_or_else(|| Problem::not_found("payment provider", &provider))?;
    let bad = |detail: &str| Problem::new("unauthenticated", detail);
    let signature = call
        .headers()
        .get(header.as_str())
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| bad("the message is not signed"))?;
    let now = call.edge.shop.clock().now_ms() / 1000;
    if !webhooks.is_signed(&provider, now, signature, &call.body) {
        return Err(bad(
            "the signature does not fit the message, or it was made more than five minutes ago",
        ));
    }
    let hint = webhooks.hint(&call.body).ok_or_else(|| {
        Problem::new(
            "malformed_request",
            "the message must be a JSON object with an id",
        )
    })?;
    take_down(&call, &provider, &hint.event_id).await?;
    let payment = hint.reference.and_then(|it| it.parse::<PaymentId>().ok());
    if let Some(id) = payment
        && let Some(Record::Payment(payment)) = call.edge.shop.find(&Key::Payment(id)).await?
    {
        call.edge.saga.wake(payment.checkout);
    }
    Ok(Reply::json("{}"))
}

async fn take_down(call: &Call, provider: &str, event: &str) -> Result<(), Problem> {
    let submission = Submission {
        command: Box::new(TakeDown),
        keyed: Some(Keyed {
            hash: key_hash(provider, "WEBHOOK", "", event),
            payload_hash: [0; 32],
            keep_ms: KNOWN_MS,
            render: Box::new(|_, _| KeptReply {
                status: 200,
                ..KeptReply::default()
            }),
        }),
        actor: provider.into(),
        correlation: call.request_id.clone(),
        deadline_ns: call.edge.shop.clock().monotonic_ns() + call.edge.options.wait_ns,
    };
    call.edge.shop.submit(submission).await?;
    Ok(())
}
