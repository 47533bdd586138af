//! `/_sim`: faults, the ledger, the calls, webhooks again. For testers on the same machine.

use super::Sim;
use super::door::{Asked, Reply};
use super::faults::NewFault;
use super::routes::{Query, body};
use super::wire::problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Rows of a page at most, and unless asked otherwise.
const ROWS_MAX: i64 = 10_000;
const ROWS: i64 = 1_000;

pub(super) fn unavailable() -> Reply {
    Reply::new(
        503,
        &problem("unavailable", "the ledger takes no calls now; ask again"),
    )
}

pub(super) fn list_faults(sim: &Sim) -> Reply {
    Reply::new(
        200,
        &json!({"items": sim.faults.list(), "next_cursor": null}),
    )
}

pub(super) fn set_fault(sim: &Sim, asked: &Asked) -> Reply {
    let fault = match body::<NewFault>(asked) {
        Ok(asked) => sim.faults.add(asked),
        Err(reply) => return reply,
    };
    match fault {
        Ok(fault) => Reply::new(201, &json!(fault)),
        Err(detail) => Reply::new(422, &problem("invalid", &detail)),
    }
}

pub(super) fn clear_faults(sim: &Sim) -> Reply {
    sim.faults.clear();
    Reply::new(204, &Value::Null)
}

pub(super) fn remove_fault(sim: &Sim, id: &str) -> Reply {
    if sim.faults.remove(id) {
        Reply::new(204, &Value::Null)
    } else {
        Reply::new(
            404,
            &problem("not_found", &format!("there is no fault {id}")),
        )
    }
}

/// `after` and `limit`.
fn window(asked: &Asked) -> Result<(i64, u32), Reply> {
    let query = Query::of(asked, &["after", "limit"])?;
    let limit = query.number("limit", ROWS, 1, ROWS_MAX)?;
    Ok((query.number("after", 0, 0, i64::MAX)?, limit as u32))
}

fn page<T: Serialize>(rows: &[T], limit: u32, seq: impl Fn(&T) -> i64) -> Reply {
    let full = rows.len() as u64 == u64::from(limit);
    let next = rows.last().filter(|_| full).map(|row| seq(row).to_string());
    Reply::new(200, &json!({"items": rows, "next_cursor": next}))
}

pub(super) async fn ledger(sim: &Sim, asked: &Asked) -> Reply {
    let (after, limit) = match window(asked) {
        Ok(window) => window,
        Err(reply) => return reply,
    };
    match sim.ledger.effects(after, limit).await {
        Ok(rows) => page(&rows, limit, |row| row.seq),
        Err(_) => unavailable(),
    }
}

pub(super) async fn calls(sim: &Sim, asked: &Asked) -> Reply {
    let (after, limit) = match window(asked) {
        Ok(window) => window,
        Err(reply) => return reply,
    };
    match sim.ledger.calls(after, limit).await {
        Ok(rows) => page(&rows, limit, |row| row.seq),
        Err(_) => unavailable(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResendBody {
    event_id: Option<String>,
}

pub(super) async fn resend(sim: &Sim, asked: &Asked) -> Reply {
    let id = match body::<ResendBody>(asked) {
        Ok(body) => body.event_id,
        Err(reply) => return reply,
    };
    match sim.ledger.resend(id.clone()).await {
        Ok(0) if id.is_some() => {
            Reply::new(404, &problem("not_found", "there is no event of this id"))
        }
        Ok(count) => Reply::new(202, &json!({"resent": count})),
        Err(_) => unavailable(),
    }
}
