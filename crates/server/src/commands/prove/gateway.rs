//! The simulated payment provider's control address: its books, and faults that touch only carts of this run.

use super::caller::{Ask, Caller};
use super::goods::text;
use super::stage::whole;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Rows asked for at once.
const ROWS: usize = 5_000;

/// What the provider did under one reference (a payment of ours), in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) authorized: Vec<i64>,
    pub(super) captured: Vec<i64>,
    pub(super) refunded: i64,
    pub(super) voided: bool,
}

impl Taken {
    /// What it has kept.
    pub(super) fn kept(&self) -> i64 {
        self.captured.iter().sum::<i64>() - self.refunded
    }

    /// Whether it still holds money that nobody took or let go.
    pub(super) fn is_open(&self) -> bool {
        !self.authorized.is_empty() && self.captured.is_empty() && !self.voided
    }
}

/// Effects of one cart, by reference.
pub(super) type Books = BTreeMap<String, Taken>;

#[derive(Debug, Default)]
struct Read {
    after: i64,
    by_cart: BTreeMap<String, Books>,
}

/// A simulated provider.
#[derive(Debug)]
pub(super) struct Gateway {
    control: Caller,
    read: Mutex<Read>,
}

impl Gateway {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            control: Caller::new(url, None)?,
            read: Mutex::default(),
        })
    }

    pub(super) fn url(&self) -> &str {
        self.control.url()
    }

    /// What it has done for a cart so far. Its ledger only grows, so it is read on from where it was read before.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn books(&self, cart: &str) -> anyhow::Result<Books> {
        loop {
            let after = self.lock().after;
            let path = format!("/_sim/ledger?after={after}&limit={ROWS}");
            let page = self.control.read(&path).await?;
            let rows = page["items"].as_array().cloned().unwrap_or_default();
            let mut read = self.lock();
            for row in &rows {
                // Somebody else may have read it meanwhile.
                if whole(&row["seq"]) > read.after {
                    read.after = whole(&row["seq"]);
                    enter(&mut read.by_cart, row);
                }
            }
            if rows.len() < ROWS {
                return Ok(read.by_cart.get(cart).cloned().unwrap_or_default());
            }
        }
    }

    /// Whether it was asked about a cart at all, refusals included.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn was_asked(&self, cart: &str) -> anyhow::Result<bool> {
        let mut after = 0;
        loop {
            let path = format!("/_sim/calls?after={after}&limit={ROWS}");
            let page = self.control.read(&path).await?;
            let rows = page["items"].as_array().cloned().unwrap_or_default();
            if rows.iter().any(|it| it["metadata"]["cart_id"] == cart) {
                return Ok(true);
            }
            match rows.last() {
                Some(last) if rows.len() == ROWS => after = whole(&last["seq"]),
                _ => return Ok(false),
            }
        }
    }

    /// The next calls or webhooks about this cart go wrong so.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) async fn fault(
        &self,
        op: &str,
        kind: &str,
        cart: &str,
        count: u64,
        delay_ms: u64,
    ) -> anyhow::Result<String> {
        let body =
            json!({"op": op, "kind": kind, "cart_id": cart, "count": count, "delay_ms": delay_ms});
        let made = self
            .control
            .send(&Ask::post("/_sim/faults", body))
            .await?
            .ok()?;
        Ok(text(&made["id"]))
    }

    /// Takes a fault away, and tells how often it struck.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) async fn mend(&self, fault: &str) -> anyhow::Result<u64> {
        let all = self.control.read("/_sim/faults").await?;
        let known = all["items"].as_array().into_iter().flatten();
        let hits = known
            .filter(|it| it["id"] == fault)
            .find_map(|it| it["hits"].as_u64());
        self.control
            .send(&Ask::delete(format!("/_sim/faults/{fault}")))
            .await?;
        Ok(hits.unwrap_or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn enter(by_cart: &mut BTreeMap<String, Books>, row: &Value) {
    let cart = text(&row["metadata"]["cart_id"]);
    let books = by_cart.entry(cart).or_default();
    let taken = books.entry(text(&row["reference"])).or_default();
    let amount = whole(&row["amount"]["amount"]);
    match row["op"].as_str() {
        Some("authorize") => taken.authorized.push(amount),
        Some("capture") => taken.captured.push(amount),
        Some("refund") => taken.refunded += amount,
        Some("void") => taken.voided = true,
        _ => {}
    }
}
