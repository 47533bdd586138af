//! `/payments`: each call meets the oldest fault that is for it, then the books, then perhaps the fault again.

use super::control::unavailable;
use super::door::{Answer, Asked, Reply};
use super::faults::{Fault, Kind};
use super::ledger::{Action, Call, CallRecord, Told, Twist};
use super::routes::{Query, body};
use super::tokens::{self, Behaviour, SLOW};
use super::wire::{AuthorizeBody, ChangeBody, Op, Payment, VoidBody, problem};
use super::{Sim, ledger};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Letters of a reference or a key.
const NAME_MAX: usize = 255;
/// Bytes of metadata.
const METADATA_MAX: usize = 4 << 10;
/// Payments of a page at most, and unless asked otherwise.
const PAGE_MAX: i64 = 200;
const PAGE: i64 = 50;

fn invalid(detail: &str) -> Reply {
    Reply::new(422, &problem("invalid", detail))
}

pub(super) async fn authorize(sim: &Sim, asked: &Asked) -> Answer {
    let parsed = body::<AuthorizeBody>(asked).and_then(|body| {
        if body.reference.is_empty() || body.reference.len() > NAME_MAX {
            return Err(invalid("reference must have 1 to 255 letters"));
        }
        if body.amount.minor <= 0 {
            return Err(invalid("amount must be more than 0"));
        }
        if json!(body.metadata).to_string().len() > METADATA_MAX {
            return Err(invalid("metadata may have 4 KiB"));
        }
        Ok(body)
    });
    match parsed {
        Ok(body) => {
            let hashed = hash("authorize", "", &body);
            act(sim, asked, Action::Authorize(body), hashed).await
        }
        Err(reply) => reply.into(),
    }
}

pub(super) async fn void_reference(sim: &Sim, asked: &Asked) -> Answer {
    match body::<VoidBody>(asked) {
        Ok(body) => {
            let hashed = hash("void_reference", "", &body);
            act(
                sim,
                asked,
                Action::VoidReference {
                    reference: body.reference,
                },
                hashed,
            )
            .await
        }
        Err(reply) => reply.into(),
    }
}

pub(super) async fn capture(sim: &Sim, asked: &Asked, id: &str) -> Answer {
    change(sim, asked, id, "capture", |payment, amount| {
        Action::Capture { payment, amount }
    })
    .await
}

pub(super) async fn refund(sim: &Sim, asked: &Asked, id: &str) -> Answer {
    change(sim, asked, id, "refund", |payment, amount| Action::Refund {
        payment,
        amount,
    })
    .await
}

pub(super) async fn void(sim: &Sim, asked: &Asked, id: &str) -> Answer {
    change(sim, asked, id, "void", |payment, _| Action::Void {
        payment,
    })
    .await
}

async fn change(
    sim: &Sim,
    asked: &Asked,
    id: &str,
    route: &str,
    action: impl FnOnce(String, Option<cartwright_domain::Money>) -> Action,
) -> Answer {
    match body::<ChangeBody>(asked) {
        Ok(body) if body.amount.is_some_and(|amount| amount.minor <= 0) => {
            invalid("amount must be more than 0").into()
        }
        Ok(body) if body.amount.is_some() && route == "void" => {
            invalid("a void is whole: it has no amount").into()
        }
        Ok(body) => {
            let hashed = hash(route, id, &body);
            act(sim, asked, action(id.to_owned(), body.amount), hashed).await
        }
        Err(reply) => reply.into(),
    }
}

/// Of everything that must be the same when a key comes again; the order of a body's fields is nothing.
fn hash(route: &str, id: &str, body: &impl Serialize) -> [u8; 32] {
    Sha256::digest(json!([route, id, body]).to_string()).into()
}

fn key(asked: &Asked) -> Result<String, Reply> {
    let sent = asked
        .head
        .headers
        .get("idempotency-key")
        .map(|value| value.to_str().unwrap_or_default());
    match sent {
        Some(key) if (1..=NAME_MAX).contains(&key.len()) => Ok(key.to_owned()),
        Some(_) => Err(Reply::new(
            400,
            &problem(
                "malformed_request",
                "Idempotency-Key must have 1 to 255 letters",
            ),
        )),
        None => Err(Reply::new(
            400,
            &problem("idempotency_key_required", "send an Idempotency-Key"),
        )),
    }
}

/// The cart that a call is about, for faults that ask.
async fn cart_of(sim: &Sim, action: &Action) -> Option<String> {
    if !sim.faults.ask_for_carts() {
        return None;
    }
    let payment = match action {
        Action::Authorize(body) => return cart_in(&body.metadata),
        Action::VoidReference { reference } => sim
            .ledger
            .of_reference(reference.clone())
            .await
            .ok()?
            .into_iter()
            .next(),
        Action::Capture { payment, .. }
        | Action::Void { payment }
        | Action::Refund { payment, .. } => sim.ledger.find(payment.clone()).await.ok()?,
    };
    cart_in(&payment?.metadata)
}

fn cart_in(metadata: &serde_json::Map<String, Value>) -> Option<String> {
    metadata
        .get("cart_id")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

async fn act(sim: &Sim, asked: &Asked, action: Action, hash: [u8; 32]) -> Answer {
    let key = match key(asked) {
        Ok(key) => key,
        Err(reply) => return reply.into(),
    };
    let cart = cart_of(sim, &action).await;
    let fault = sim.faults.strike(action.op(), cart.as_deref());
    if let Some(pause) = fault.as_ref().and_then(Fault::pause) {
        tokio::time::sleep(pause).await;
    }
    if let Some(stopped) = fault.as_ref().and_then(before) {
        let mut record = action.record(&key);
        sim.note(&mut record, fault.as_ref(), &stopped);
        return stopped;
    }
    if let Action::Authorize(body) = &action
        && tokens::behaviour(&body.token).1 == Behaviour::Slow
        && sim.is_new(body.reference.clone()).await
    {
        tokio::time::sleep(SLOW).await;
    }
    let call = Call {
        action,
        key,
        hash,
        twist: twist(fault.as_ref()),
    };
    let outcome = match sim.ledger.call(call).await {
        Ok(outcome) => outcome,
        Err(ledger::Unavailable) => return unavailable().into(),
    };
    if let Some(told) = fault.as_ref().and_then(after) {
        return told;
    }
    if outcome.silent {
        return Answer::Hang;
    }
    Reply {
        status: outcome.status,
        body: outcome.body,
        replayed: outcome.replayed,
    }
    .into()
}

fn error(fault: &Fault) -> Answer {
    Reply::new(
        fault.status(),
        &problem("internal", "something went wrong on our side"),
    )
    .into()
}

/// The answer of a fault that stops a call before anything happens.
fn before(fault: &Fault) -> Option<Answer> {
    match fault.kind {
        Kind::ErrorBefore => Some(error(fault)),
        Kind::CloseBefore => Some(Answer::Close),
        Kind::HangBefore => Some(Answer::Hang),
        Kind::Delay
        | Kind::ErrorAfter
        | Kind::CloseAfter
        | Kind::HangAfter
        | Kind::Decline
        | Kind::ForgetKey
        | Kind::LieOk
        | Kind::LieFail
        | Kind::LookupMissing
        | Kind::Drop
        | Kind::Duplicate
        | Kind::Reorder
        | Kind::BadSignature => None,
    }
}

/// The answer of a fault that hides what happened.
fn after(fault: &Fault) -> Option<Answer> {
    match fault.kind {
        Kind::ErrorAfter => Some(error(fault)),
        Kind::CloseAfter => Some(Answer::Close),
        Kind::HangAfter => Some(Answer::Hang),
        Kind::LieFail => {
            Some(Reply::new(402, &problem(fault.decline(), "the card was declined")).into())
        }
        Kind::Delay
        | Kind::ErrorBefore
        | Kind::CloseBefore
        | Kind::HangBefore
        | Kind::Decline
        | Kind::ForgetKey
        | Kind::LieOk
        | Kind::LookupMissing
        | Kind::Drop
        | Kind::Duplicate
        | Kind::Reorder
        | Kind::BadSignature => None,
    }
}

fn twist(fault: Option<&Fault>) -> Twist {
    let kind = fault.map(|fault| fault.kind);
    Twist {
        rehearse: kind == Some(Kind::LieOk),
        forget: kind == Some(Kind::ForgetKey),
        decline: fault
            .filter(|fault| fault.kind == Kind::Decline)
            .map(|fault| fault.decline().to_owned()),
        told: match fault.and_then(after) {
            None => Told::Truth,
            Some(Answer::Reply(reply)) => Told::Status(reply.status),
            Some(Answer::Close | Answer::Hang) => Told::Nothing,
        },
        fault: fault.map(|fault| (fault.kind.name(), fault.id.clone())),
    }
}

impl Sim {
    /// Whether nothing is known of a reference yet.
    async fn is_new(&self, reference: String) -> bool {
        let known = self.ledger.of_reference(reference).await;
        known.is_ok_and(|payments| payments.is_empty())
    }

    /// Records a call that the books do not see.
    fn note(&self, record: &mut CallRecord, fault: Option<&Fault>, answer: &Answer) {
        record.fault = fault.map(|fault| (fault.kind.name(), fault.id.clone()));
        record.status = match answer {
            Answer::Reply(reply) => Some(reply.status),
            Answer::Close | Answer::Hang => None,
        };
        self.ledger.note(record.clone());
    }
}

pub(super) async fn list(sim: &Sim, asked: &Asked) -> Answer {
    let query = Query::of(asked, &["reference", "after", "limit"]);
    let parsed = query.and_then(|query| {
        query
            .number("limit", PAGE, 1, PAGE_MAX)
            .map(|limit| (query, limit as u32))
    });
    let (query, limit) = match parsed {
        Ok(parsed) => parsed,
        Err(reply) => return reply.into(),
    };
    let Some(reference) = query.text("reference") else {
        let after = query.text("after").map(str::to_owned);
        let found = sim.ledger.payments_after(after, limit).await;
        return look(sim, None, None, |missing| match found {
            Ok(_) if missing => page(&[], limit),
            Ok(Some(payments)) => page(&payments, limit),
            Ok(None) => invalid("after must be the id of a payment"),
            Err(_) => unavailable(),
        })
        .await;
    };
    let found = sim.ledger.of_reference(reference.to_owned()).await;
    let first = found
        .as_ref()
        .ok()
        .and_then(|payments| payments.first())
        .cloned();
    look(
        sim,
        first.as_ref(),
        Some(reference.to_owned()),
        |missing| match found {
            Ok(_) if missing => page(&[], PAGE as u32),
            // All of a reference, however many: they are few, and each matters.
            Ok(payments) => page(&payments, u32::MAX),
            Err(_) => unavailable(),
        },
    )
    .await
}

pub(super) async fn find(sim: &Sim, _asked: &Asked, id: &str) -> Answer {
    let found = sim.ledger.find(id.to_owned()).await;
    let payment = found.as_ref().ok().and_then(Clone::clone);
    let missing_reply = || {
        Reply::new(
            404,
            &problem("not_found", &format!("there is no payment {id}")),
        )
    };
    look(sim, payment.as_ref(), None, |missing| match found {
        Ok(Some(payment)) if !missing => Reply::new(200, &payment.to_json()),
        Ok(_) => missing_reply(),
        Err(_) => unavailable(),
    })
    .await
}

fn page(payments: &[Payment], limit: u32) -> Reply {
    let full = payments.len() as u64 == u64::from(limit);
    let next = payments
        .last()
        .filter(|_| full)
        .map(|payment| payment.id.clone());
    let items: Vec<_> = payments.iter().map(Payment::to_json).collect();
    Reply::new(200, &json!({"items": items, "next_cursor": next}))
}

/// Answers a lookup of what was read when it came, with the fault that is for it.
async fn look(
    sim: &Sim,
    payment: Option<&Payment>,
    reference: Option<String>,
    answer: impl FnOnce(bool) -> Reply,
) -> Answer {
    let cart = payment.and_then(|payment| cart_in(&payment.metadata));
    let fault = sim.faults.strike(Op::Lookup, cart.as_deref());
    if let Some(pause) = fault.as_ref().and_then(Fault::pause) {
        tokio::time::sleep(pause).await;
    }
    let bent = fault
        .as_ref()
        .and_then(|fault| before(fault).or_else(|| after(fault)));
    let missing = fault
        .as_ref()
        .is_some_and(|fault| fault.kind == Kind::LookupMissing);
    let answer = bent.unwrap_or_else(|| answer(missing).into());
    let mut record = CallRecord {
        op: Op::Lookup,
        payment_id: payment.map(|payment| payment.id.clone()),
        reference: payment
            .map(|payment| payment.reference.clone())
            .or(reference),
        key: None,
        amount: None,
        metadata: payment.map(|payment| Value::Object(payment.metadata.clone()).to_string()),
        status: None,
        fault: None,
        replayed: false,
    };
    sim.note(&mut record, fault.as_ref(), &answer);
    answer
}
