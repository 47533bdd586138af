//! What somebody must look at: checkouts whose money stays undecided, payments that their provider shows otherwise, refunds that nobody
//! would say were made, and stock of which more is promised than lies there.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::checkout::Payment;
use cartwright_app::attention::{self, Attention as Open};
use cartwright_app::checkouts::saga::{Action, Difference, Resolve};
use cartwright_app::inventory::AcceptShortage;
use cartwright_app::orders::{Overdue, ResolveRefund};
use cartwright_app::shop::{Command, Submission};
use cartwright_app::{Fault, Key, Record, Reply as Decision};
use cartwright_domain::checkout::Checkout;
use cartwright_domain::inventory::{Level, LevelKey};
use cartwright_domain::key::Scope;
use cartwright_domain::order::RefundState;
use cartwright_domain::payment::Payment as Known;
use cartwright_domain::{
    CheckoutId, OrderId, PaymentId, RefundId, ReservationId, Sku, StoreId, Time,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most orders that are looked through for a refund.
const MOST: usize = 1_000;
/// Longest note.
const MAX_NOTE: usize = 1_000;

/// Something that somebody must look at.
#[derive(Debug, Serialize, JsonSchema)]
struct Attention<'a> {
    /// What `resolve` is told: the id of a checkout, a payment or a refund, or `store:sku`.
    id: String,
    /// `checkout`, `payment`, `refund` or `shortage`.
    kind: &'static str,
    /// Of which checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    checkout_id: Option<CheckoutId>,
    /// The order, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    /// Of a shortage: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    store: Option<StoreId>,
    /// Of a shortage: what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    sku: Option<Sku>,
    /// Of a shortage: how many units are promised that do not lie there.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<i64>,
    /// The payments that are open, or differ.
    payments: Vec<Payment<'a>>,
    /// The stock that is held.
    #[schemars(with = "Vec<String>")]
    reservations: Vec<ReservationId>,
    /// What is recorded here.
    ours: String,
    /// What the provider shows, or what was counted; `null` when nobody says.
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
        summary: "Lists what somebody must look at: checkouts whose money stays undecided, payments that their provider shows otherwise, refunds that nobody would say were made, and stock of which more is promised than lies there.",
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
    let edge = &call.edge;
    let found = attention::list(&edge.shop, &edge.saga, &edge.refunds).await?;
    let mut all = Vec::with_capacity(found.len());
    for item in found {
        let payments = match &item {
            Open::Checkout(it) => {
                let ids = it.attempt().map_or(&[][..], |attempt| &attempt.payments);
                call.payments(ids).await?
            }
            Open::Payment(it) => call.payments(&[it.payment]).await?,
            Open::Refund(it) => it.payments.clone(),
            Open::Shortage(_) => Vec::new(),
        };
        all.push((item, payments));
    }
    let items = all.iter().filter_map(|(item, payments)| match item {
        Open::Checkout(it) => Some(of_checkout(it, payments)),
        Open::Payment(it) => Some(of_payment(it, payments.first()?)),
        Open::Refund(it) => of_refund(it),
        Open::Shortage(it) => Some(of_shortage(it)),
    });
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(|it| it.since.0);
    Ok(Reply::of(&Attentions { items }))
}

/// How much there is of every kind.
pub(super) async fn count(call: &Call) -> Result<usize, Fault> {
    let edge = &call.edge;
    let all = attention::list(&edge.shop, &edge.saga, &edge.refunds).await?;
    Ok(all.len())
}

fn of_checkout<'a>(checkout: &Checkout, payments: &'a [Arc<Known>]) -> Attention<'a> {
    let attempt = checkout.attempt();
    let open: Vec<_> = payments.iter().filter(|it| it.is_open()).collect();
    let ours = open
        .iter()
        .map(|it| format!("{} {}", it.id, it.state.as_str()));
    let ours = ours.collect::<Vec<_>>().join(", ");
    let since = attempt.map_or(checkout.updated_at, |it| it.started_at);
    Attention {
        checkout_id: Some(checkout.id),
        order_id: attempt.and_then(|it| it.order),
        payments: open.into_iter().map(|it| Payment::of(it)).collect(),
        reservations: attempt.map(|it| it.reservation).into_iter().collect(),
        ..Attention::of("checkout", checkout.id.to_string(), ours, since)
    }
}

fn of_payment<'a>(difference: &Difference, payment: &'a Known) -> Attention<'a> {
    let theirs = difference
        .theirs
        .iter()
        .map(|(id, state)| format!("{id} {}", state.name()));
    let theirs = theirs.collect::<Vec<_>>().join(", ");
    let ours = difference.ours.as_str().to_owned();
    Attention {
        checkout_id: Some(payment.checkout),
        payments: vec![Payment::of(payment)],
        theirs: Some(if theirs.is_empty() {
            "nothing".to_owned()
        } else {
            theirs
        }),
        ..Attention::of("payment", payment.id.to_string(), ours, difference.since)
    }
}

fn of_refund(overdue: &Overdue) -> Option<Attention<'_>> {
    let refund = overdue.order.refund(overdue.refund)?;
    let parts = refund.parts.iter().filter(|part| part.state.is_open());
    let ours = parts.map(|part| {
        let currency = overdue.order.currency;
        let (payment, state) = (part.payment, part.state.as_str());
        format!("{payment} {state}, {} {currency} to give back", part.amount)
    });
    let ours = ours.collect::<Vec<_>>().join("; ");
    let theirs = overdue.theirs.join("; ");
    Some(Attention {
        checkout_id: Some(overdue.order.checkout),
        order_id: Some(overdue.order.id),
        payments: overdue.payments.iter().map(|it| Payment::of(it)).collect(),
        theirs: (!theirs.is_empty()).then_some(theirs),
        ..Attention::of("refund", refund.id.to_string(), ours, refund.at)
    })
}

fn of_shortage(level: &Level) -> Attention<'static> {
    let ours = format!(
        "{} promised: {} reserved, {} allocated, {} granted",
        level.promised(),
        level.reserved,
        level.allocated,
        level.granted
    );
    let since = level.shortage.map_or(level.updated_at, |it| it.since);
    let id = format!("{}:{}", level.key.store, level.key.sku);
    Attention {
        store: Some(level.key.store.clone()),
        sku: Some(level.key.sku.clone()),
        missing: Some(level.missing()),
        theirs: Some(format!("{} on hand", level.on_hand)),
        ..Attention::of("shortage", id, ours, since)
    }
}

impl Attention<'_> {
    /// With nothing but what every kind has.
    fn of(kind: &'static str, id: String, ours: String, since: Time) -> Self {
        Self {
            id,
            kind,
            checkout_id: None,
            order_id: None,
            store: None,
            sku: None,
            missing: None,
            payments: Vec::new(),
            reservations: Vec::new(),
            ours,
            theirs: None,
            since: Timestamp(since),
        }
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
    if let Ok(id) = text.parse::<RefundId>() {
        return resolve_refund(&call, id, action, body.note).await;
    }
    if let Some((store, sku)) = text.split_once(':') {
        return resolve_shortage(&call, store, sku, action, body.note).await;
    }
    let checkout: CheckoutId = text
        .parse()
        .map_err(|_| Problem::not_found("attention", text))?;
    let command = Resolve {
        checkout,
        action,
        note: body.note.into(),
    };
    submit(&call, command).await?;
    call.edge.saga.wake(checkout);
    Ok(Reply::json("{}"))
}

async fn submit(call: &Call, command: impl Command + 'static) -> Result<(), Problem> {
    let submission = Submission {
        command: Box::new(command),
        keyed: None,
        actor: call.who.principal.clone(),
        correlation: call.request_id.clone(),
        deadline_ns: call.edge.shop.clock().monotonic_ns() + call.edge.options.wait_ns,
    };
    let answer = call.edge.shop.submit(submission).await?;
    match answer.reply {
        Decision::Decided(Err(refusal)) => Err(refusal.into()),
        Decision::Decided(Ok(_)) | Decision::Kept(..) | Decision::KeyReused => Ok(()),
    }
}

async fn resolve_refund(
    call: &Call,
    id: RefundId,
    action: Action,
    note: String,
) -> Result<Reply, Problem> {
    let refunds = &call.edge.refunds;
    let all = refunds.overdue(MOST).await?;
    let overdue = all.iter().find(|it| it.refund == id);
    let overdue = overdue.ok_or_else(|| Problem::not_found("attention", id))?;
    let order = overdue.order.id;
    let state = match action {
        Action::Retry => None,
        Action::Undo => Some(RefundState::Failed),
        Action::Close => Some(RefundState::Succeeded),
    };
    if let Some(state) = state {
        let command = ResolveRefund {
            order,
            refund: id,
            state,
            shown: refunds.done(id),
            note: note.into(),
            by: call.who.principal.clone(),
        };
        submit(call, command).await?;
    }
    refunds.wake(order, None);
    Ok(Reply::json("{}"))
}

async fn resolve_shortage(
    call: &Call,
    store: &str,
    sku: &str,
    action: Action,
    note: String,
) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("attention", call.param(0));
    let level = LevelKey {
        sku: Sku::new(sku).map_err(|_| unknown())?,
        store: StoreId::new(store).map_err(|_| unknown())?,
    };
    match call.edge.shop.find(&Key::Level(level.clone())).await? {
        Some(Record::Level(it)) if it.is_short() => {}
        _ => return Err(unknown()),
    }
    match action {
        // It goes by itself once there is enough.
        Action::Retry => {}
        Action::Undo => {
            let detail = "a shortage cannot be undone: receive or count what is there, cancel what cannot be sent, or close it";
            return Err(Problem::new("invalid_state", detail).with("state", "short"));
        }
        Action::Close => {
            let note = note.into();
            submit(call, AcceptShortage { level, note }).await?;
        }
    }
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
