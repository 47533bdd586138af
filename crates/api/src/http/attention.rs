//! What somebody must look at: checkouts whose money stays undecided, and payments that their provider shows otherwise.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::checkout::Payment;
use cartwright_app::checkouts::saga::{Action, Difference, Resolve};
use cartwright_app::ports::CheckoutsWanted;
use cartwright_app::shop::Submission;
use cartwright_app::{Record, Reply as Decision};
use cartwright_domain::checkout::{Checkout, State};
use cartwright_domain::key::Scope;
use cartwright_domain::payment::Payment as Known;
use cartwright_domain::{CheckoutId, OrderId, PaymentId, ReservationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most checkouts of one reply.
const MOST: usize = 1_000;
/// Longest note.
const MAX_NOTE: usize = 1_000;

/// Something that somebody must look at.
#[derive(Debug, Serialize, JsonSchema)]
struct Attention<'a> {
    /// What `resolve` is told: a checkout's or a payment's id.
    id: String,
    /// `checkout` or `payment`.
    kind: &'static str,
    /// Of which checkout.
    #[schemars(with = "String")]
    checkout_id: CheckoutId,
    /// The order, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    /// The payments that are open, or differ.
    payments: Vec<Payment<'a>>,
    /// The stock that is held.
    #[schemars(with = "Vec<String>")]
    reservations: Vec<ReservationId>,
    /// What is recorded here.
    ours: String,
    /// What the provider shows; `null` when it does not say.
    theirs: Option<String>,
    /// Since when.
    since: Timestamp,
}

/// `{"items": [...]}`.
#[derive(Debug, Serialize, JsonSchema)]
struct Attentions<'a> {
    /// The oldest first.
    items: Vec<Attention<'a>>,
}

/// `POST /attention/{id}/resolve`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResolveAttention {
    /// `retry`, `undo`, or `close`: settled by hand, holds are released.
    #[schemars(extend("enum" = ["retry", "undo", "close"]))]
    action: String,
    /// Why; it stands in the log.
    #[schemars(length(min = 1, max = 1000))]
    note: String,
}

/// Routes.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/attention",
        name: "listAttention",
        summary: "Lists what somebody must look at: checkouts whose money stays undecided, payments that their provider shows otherwise.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Attentions<'_>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/attention/{id}/resolve",
        name: "resolveAttention",
        summary: "Tries again, undoes, or closes what was settled by hand; who did it and why stands in the log.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<ResolveAttention>),
        replies: &[(200, None)],
        refusals: &["not_found", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(resolve(call)),
    },
];

async fn list(call: Call) -> Result<Reply, Problem> {
    let wanted = CheckoutsWanted {
        state: Some(State::NeedsAttention),
        cart: None,
    };
    let found = call
        .edge
        .shop
        .read(move |store| store.list_checkouts(wanted, &None, MOST))
        .await?;
    let mut checkouts = Vec::with_capacity(found.items.len());
    for record in found.items {
        if let Record::Checkout(it) = record {
            let ids = it.attempt().map_or(&[][..], |attempt| &attempt.payments);
            let payments = call.payments(ids).await?;
            checkouts.push((it, payments));
        }
    }
    let mut differences = Vec::new();
    for it in call.edge.saga.named_differences() {
        if let [payment] = call.payments(&[it.payment]).await?.as_slice() {
            differences.push((it, payment.clone()));
        }
    }
    let open = checkouts
        .iter()
        .map(|(it, payments)| of_checkout(it, payments));
    let differing = differences
        .iter()
        .map(|(it, payment)| of_payment(it, payment));
    let mut items: Vec<_> = open.chain(differing).collect();
    items.sort_by_key(|it| it.since.0);
    Ok(Reply::of(&Attentions { items }))
}

fn of_checkout<'a>(checkout: &Checkout, payments: &'a [Arc<Known>]) -> Attention<'a> {
    let attempt = checkout.attempt();
    let open: Vec<_> = payments.iter().filter(|it| it.is_open()).collect();
    let ours = open
        .iter()
        .map(|it| format!("{} {}", it.id, it.state.as_str()));
    Attention {
        id: checkout.id.to_string(),
        kind: "checkout",
        checkout_id: checkout.id,
        order_id: attempt.and_then(|it| it.order),
        ours: ours.collect::<Vec<_>>().join(", "),
        theirs: None,
        payments: open.into_iter().map(|it| Payment::of(it)).collect(),
        reservations: attempt.map(|it| it.reservation).into_iter().collect(),
        since: Timestamp(attempt.map_or(checkout.updated_at, |it| it.started_at)),
    }
}

fn of_payment<'a>(difference: &Difference, payment: &'a Known) -> Attention<'a> {
    let theirs = difference
        .theirs
        .iter()
        .map(|(id, state)| format!("{id} {}", state.name()));
    let theirs = theirs.collect::<Vec<_>>().join(", ");
    Attention {
        id: payment.id.to_string(),
        kind: "payment",
        checkout_id: payment.checkout,
        order_id: None,
        payments: vec![Payment::of(payment)],
        reservations: Vec::new(),
        ours: difference.ours.as_str().to_owned(),
        theirs: Some(if theirs.is_empty() {
            "nothing".to_owned()
        } else {
            theirs
        }),
        since: Timestamp(difference.since),
    }
}

async fn resolve(call: Call) -> Result<Reply, Problem> {
    let (body, _) = call.json::<ResolveAttention>()?;
    let action = Action::parse(&body.action)
        .ok_or_else(|| Problem::invalid("action", "unknown", "expected retry, undo or close"))?;
    if body.note.is_empty() || body.note.chars().count() > MAX_NOTE {
        let detail = format!("say why, in 1 to {MAX_NOTE} characters");
        return Err(Problem::invalid("note", "out_of_range", detail));
    }
    let text = call.param(0);
    if let Ok(id) = text.parse::<PaymentId>() {
        return resolve_payment(&call, id, action, &body.note).await;
    }
    let checkout: CheckoutId = text
        .parse()
        .map_err(|_| Problem::not_found("attention", text))?;
    let submission = Submission {
        command: Box::new(Resolve {
            checkout,
            action,
            note: body.note.into(),
        }),
        keyed: None,
        actor: call.who.principal.clone(),
        correlation: call.request_id.clone(),
        deadline_ns: call.edge.shop.clock().monotonic_ns() + call.edge.options.wait_ns,
    };
    let answer = call.edge.shop.submit(submission).await?;
    if let Decision::Decided(Err(refusal)) = answer.reply {
        return Err(refusal.into());
    }
    call.edge.saga.wake(checkout);
    Ok(Reply::json("{}"))
}

async fn resolve_payment(
    call: &Call,
    id: PaymentId,
    action: Action,
    note: &str,
) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("attention", id);
    let all = call.edge.saga.named_differences();
    all.iter().find(|it| it.payment == id).ok_or_else(unknown)?;
    match action {
        // It is tried with every round anyway.
        Action::Retry => {}
        Action::Undo => {
            let detail = "a payment that has ended cannot be undone: refund its order, or close the difference";
            return Err(Problem::new("invalid_state", detail).with("state", "ended"));
        }
        Action::Close => {
            tracing::warn!(payment = %id, actor = %call.who.principal, note, "a difference with a payment provider was settled by hand");
            call.edge.saga.close_difference(id).await?;
        }
    }
    Ok(Reply::json("{}"))
}
