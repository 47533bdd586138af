//! The decisions: what a call does to the books, within the writer's transaction.

use super::rows::{self, CallRecord, KeptAnswer};
use crate::gateway_sim::tokens::{self, Behaviour};
use crate::gateway_sim::wire::{AuthorizeBody, Op, Payment, State, conflict, problem};
use cartwright_domain::{Money, Time};
use rusqlite::{Connection, Result};
use serde_json::{Value, json};

/// What is asked.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of the page")]
pub enum Action {
    /// Hold money.
    Authorize(AuthorizeBody),
    /// Take it, or a part.
    Capture {
        payment: String,
        amount: Option<Money>,
    },
    /// Let go of it.
    Void { payment: String },
    /// Let go of whatever this reference holds, and never hold anything for it again.
    VoidReference { reference: String },
    /// Give back all, or a part.
    Refund {
        payment: String,
        amount: Option<Money>,
    },
}

impl Action {
    /// The operation it is.
    pub fn op(&self) -> Op {
        match self {
            Self::Authorize(_) => Op::Authorize,
            Self::Capture { .. } => Op::Capture,
            Self::Void { .. } | Self::VoidReference { .. } => Op::Void,
            Self::Refund { .. } => Op::Refund,
        }
    }

    /// What is known of it before the books are asked.
    pub fn record(&self, key: &str) -> CallRecord {
        let mut record = CallRecord {
            op: self.op(),
            payment_id: None,
            reference: None,
            key: Some(key.to_owned()),
            amount: None,
            metadata: None,
            status: None,
            fault: None,
            replayed: false,
        };
        match self {
            Self::Authorize(body) => {
                record.reference = Some(body.reference.clone());
                record.amount = Some(body.amount);
                record.metadata = Some(Value::Object(body.metadata.clone()).to_string());
            }
            Self::Capture { payment, amount } | Self::Refund { payment, amount } => {
                record.payment_id = Some(payment.clone());
                record.amount = *amount;
            }
            Self::Void { payment } => record.payment_id = Some(payment.clone()),
            Self::VoidReference { reference } => record.reference = Some(reference.clone()),
        }
        record
    }
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// What happened.
    Truth,
    /// This status, whatever happened.
    Status(u16),
    /// Nothing.
    Nothing,
}

/// How a fault bends a call.
#[derive(Debug, Clone)]
pub struct Twist {
    /// The answer is made up as if; nothing is booked and the key is not kept.
    pub rehearse: bool,
    /// The key is neither looked for nor kept.
    pub forget: bool,
    /// The card says no, with this code.
    pub decline: Option<String>,
    /// What the caller is told, for the record.
    pub told: Told,
    /// Kind and id of the fault, for the record.
    pub fault: Option<(&'static str, String)>,
}

/// A call on its way to the books.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked.
    pub action: Action,
    /// Its idempotency key.
    pub key: String,
    /// Of everything that must be the same when the key is.
    pub hash: [u8; 32],
    /// How a fault bends it.
    pub twist: Twist,
}

/// The true answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// Whether a kept answer is repeated.
    pub replayed: bool,
    /// The card's own fault: the answer must not be sent.
    pub silent: bool,
}

/// What came of an action.
struct Done {
    status: u16,
    body: Value,
    payment: Option<Payment>,
    amount: Option<Money>,
    /// Whether the same key gets the same answer for ever; not for calls that were never understood.
    keep: bool,
    silent: bool,
}

impl Done {
    fn booked(payment: Payment, amount: Money) -> Self {
        Self {
            status: 200,
            body: payment.to_json(),
            payment: Some(payment),
            amount: Some(amount),
            keep: true,
            silent: false,
        }
    }

    fn refused(status: u16, body: Value, payment: Option<Payment>) -> Self {
        Self {
            status,
            body,
            payment,
            amount: None,
            keep: matches!(status, 402 | 409),
            silent: false,
        }
    }

    fn wrong_state(payment: Payment, wanted: &str) -> Self {
        let state = payment.state.name();
        let detail = format!(
            "payment {} is {state}; only what is {wanted} can be changed so",
            payment.id
        );
        Self::refused(
            409,
            conflict("invalid_state", state, &detail),
            Some(payment),
        )
    }
}

/// The books within one transaction.
pub(super) struct Books<'a> {
    pub(super) connection: &'a Connection,
    pub(super) now: i64,
    pub(super) webhooks: bool,
    pub(super) new_id: &'a mut dyn FnMut(&str) -> String,
}

impl Books<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Outcome> {
        let kept = if call.twist.forget {
            rows::forget(self.connection, &call.key)?;
            None
        } else {
            rows::kept(self.connection, &call.key)?
        };
        let mut record = call.action.record(&call.key);
        let outcome = match kept {
            Some(kept) => self.repeat(call, kept, &mut record)?,
            None => self.fresh(call, &mut record)?,
        };
        record.replayed = outcome.replayed;
        record.fault = call.twist.fault.clone();
        record.status = match call.twist.told {
            Told::Truth if outcome.silent => None,
            Told::Truth => Some(outcome.status),
            Told::Status(status) => Some(status),
            Told::Nothing => None,
        };
        if outcome.silent && record.fault.is_none() {
            record.fault = Some(("tok_timeout_after_success", String::new()));
        }
        rows::insert_call(self.connection, self.now, &record)?;
        Ok(outcome)
    }

    fn repeat(&self, call: &Call, kept: KeptAnswer, record: &mut CallRecord) -> Result<Outcome> {
        if kept.hash != call.hash {
            let body = problem(
                "idempotency_key_reused",
                "this Idempotency-Key came with another request before",
            );
            return Ok(Outcome {
                status: 409,
                body: body.to_string(),
                replayed: false,
                silent: false,
            });
        }
        if let Some(id) = kept.payment_id {
            let payment = rows::payment(self.connection, &id)?;
            describe(record, payment.as_ref());
        }
        Ok(Outcome {
            status: kept.status,
            body: kept.body,
            replayed: true,
            silent: false,
        })
    }

    fn fresh(&mut self, call: &Call, record: &mut CallRecord) -> Result<Outcome> {
        if call.twist.rehearse {
            self.connection.execute_batch("SAVEPOINT rehearsal")?;
        }
        let done = self.act(call)?;
        let body = done.body.to_string();
        if call.twist.rehearse {
            self.connection
                .execute_batch("ROLLBACK TO rehearsal; RELEASE rehearsal")?;
        } else if done.keep && !call.twist.forget {
            let answer = KeptAnswer {
                hash: call.hash.to_vec(),
                status: done.status,
                body: body.clone(),
                payment_id: done.payment.as_ref().map(|payment| payment.id.clone()),
            };
            rows::keep(self.connection, &call.key, &answer)?;
        }
        describe(record, done.payment.as_ref());
        record.amount = done.amount.or(record.amount);
        Ok(Outcome {
            status: done.status,
            body,
            replayed: false,
            silent: done.silent && !call.twist.rehearse,
        })
    }

    fn act(&mut self, call: &Call) -> Result<Done> {
        let decline = call.twist.decline.as_deref();
        match &call.action {
            Action::Authorize(body) => self.authorize(body, &call.key, decline),
            Action::VoidReference { reference } => match decline {
                Some(code) => Ok(declined(code, None)),
                None => self.void_reference(reference, &call.key),
            },
            Action::Capture { payment, .. }
            | Action::Void { payment }
            | Action::Refund { payment, .. } => {
                let Some(found) = rows::payment(self.connection, payment)? else {
                    let detail = format!("there is no payment {payment}");
                    return Ok(Done::refused(404, problem("not_found", &detail), None));
                };
                match (decline, &call.action) {
                    (Some(code), _) => Ok(declined(code, Some(found))),
                    (None, Action::Capture { amount, .. }) => {
                        self.capture(found, *amount, &call.key)
                    }
                    (None, Action::Refund { amount, .. }) => self.refund(found, *amount, &call.key),
                    (
                        None,
                        Action::Void { .. } | Action::VoidReference { .. } | Action::Authorize(_),
                    ) => self.void(found, &call.key),
                }
            }
        }
    }

    fn authorize(
        &mut self,
        body: &AuthorizeBody,
        key: &str,
        decline: Option<&str>,
    ) -> Result<Done> {
        if rows::is_barred(self.connection, &body.reference)? {
            let detail = format!(
                "reference {} was voided before; use another one",
                body.reference
            );
            return Ok(Done::refused(
                409,
                conflict("reference_voided", "voided", &detail),
                None,
            ));
        }
        let (card, behaviour) = tokens::behaviour(&body.token);
        let code = decline.or(match behaviour {
            Behaviour::Declined(code) => Some(code),
            Behaviour::Good | Behaviour::Slow | Behaviour::Silent => None,
        });
        let silent = behaviour == Behaviour::Silent
            && rows::of_reference(self.connection, &body.reference)?.is_empty();
        let payment = Payment {
            id: (self.new_id)("sim"),
            reference: body.reference.clone(),
            state: if code.is_some() {
                State::Declined
            } else {
                State::Authorized
            },
            amount: body.amount,
            captured: 0,
            refunded: 0,
            code: code.map(str::to_owned),
            card: (card.brand.to_owned(), card.last4.to_owned()),
            metadata: body.metadata.clone(),
            created_at: Time(self.now),
        };
        rows::insert_payment(self.connection, &payment)?;
        if let Some(code) = code {
            self.tell("payment.declined", &payment)?;
            return Ok(declined(code, Some(payment)));
        }
        rows::insert_effect(
            self.connection,
            self.now,
            Op::Authorize,
            &payment.id,
            key,
            payment.amount,
        )?;
        self.tell("payment.authorized", &payment)?;
        let amount = payment.amount;
        Ok(Done {
            status: 201,
            silent,
            ..Done::booked(payment, amount)
        })
    }

    fn capture(&mut self, mut payment: Payment, amount: Option<Money>, key: &str) -> Result<Done> {
        if payment.state != State::Authorized {
            return Ok(Done::wrong_state(payment, "authorized"));
        }
        let amount = amount.unwrap_or(payment.amount);
        if let Some(refused) = beyond(&payment, amount, payment.amount.minor) {
            return Ok(refused);
        }
        payment.state = State::Captured;
        payment.captured = amount.minor;
        self.book(Op::Capture, "payment.captured", payment, amount, key)
    }

    fn void(&mut self, mut payment: Payment, key: &str) -> Result<Done> {
        if payment.state != State::Authorized {
            return Ok(Done::wrong_state(payment, "authorized"));
        }
        payment.state = State::Voided;
        let amount = payment.amount;
        self.book(Op::Void, "payment.voided", payment, amount, key)
    }

    fn refund(&mut self, mut payment: Payment, amount: Option<Money>, key: &str) -> Result<Done> {
        if payment.state != State::Captured {
            return Ok(Done::wrong_state(payment, "captured"));
        }
        let remaining = payment.captured - payment.refunded;
        let amount = amount.unwrap_or(Money::new(remaining, payment.amount.currency));
        if let Some(refused) = beyond(&payment, amount, remaining) {
            return Ok(refused);
        }
        payment.refunded += amount.minor;
        self.book(Op::Refund, "payment.refunded", payment, amount, key)
    }

    /// Voids what the reference holds. What was taken stays taken: that is told as 409.
    fn void_reference(&mut self, reference: &str, key: &str) -> Result<Done> {
        let payments = rows::of_reference(self.connection, reference)?;
        rows::bar(self.connection, reference)?;
        let mut last = None;
        for payment in &payments {
            if payment.state == State::Authorized {
                last = Some(self.void(payment.clone(), key)?);
            }
        }
        if let Some(payment) = payments
            .iter()
            .find(|payment| payment.state == State::Captured)
        {
            return Ok(Done::wrong_state(payment.clone(), "authorized"));
        }
        Ok(match (last, payments.into_iter().next_back()) {
            (Some(done), _) => done,
            (None, Some(payment)) => Done {
                amount: None,
                ..Done::booked(payment.clone(), payment.amount)
            },
            (None, None) => {
                let body = json!({"id": null, "reference": reference, "state": "voided", "amount": null, "captured": null, "refunded": null});
                Done {
                    status: 200,
                    body,
                    payment: None,
                    amount: None,
                    keep: true,
                    silent: false,
                }
            }
        })
    }

    fn book(
        &mut self,
        op: Op,
        event: &str,
        payment: Payment,
        amount: Money,
        key: &str,
    ) -> Result<Done> {
        rows::update_payment(self.connection, &payment)?;
        rows::insert_effect(self.connection, self.now, op, &payment.id, key, amount)?;
        self.tell(event, &payment)?;
        Ok(Done::booked(payment, amount))
    }

    /// Leaves a webhook to be sent.
    fn tell(&mut self, kind: &str, payment: &Payment) -> Result<()> {
        if !self.webhooks {
            return Ok(());
        }
        let id = (self.new_id)("evt");
        let body = json!({"id": id, "type": kind, "data": payment.to_json()}).to_string();
        let cart = payment.metadata.get("cart_id").and_then(Value::as_str);
        rows::insert_webhook(self.connection, self.now, &id, cart, &body)
    }
}

/// The refusal of a part that is not there.
fn beyond(payment: &Payment, amount: Money, remaining: i64) -> Option<Done> {
    if amount.currency != payment.amount.currency {
        let detail = format!("payment {} is in {}", payment.id, payment.amount.currency);
        return Some(Done::refused(
            422,
            problem("currency_mismatch", &detail),
            Some(payment.clone()),
        ));
    }
    if amount.minor > remaining || amount.minor <= 0 {
        let detail = format!(
            "{} of payment {} remains, {} was asked",
            remaining, payment.id, amount.minor
        );
        let body = conflict("exceeds_remaining", payment.state.name(), &detail);
        return Some(Done::refused(409, body, Some(payment.clone())));
    }
    None
}

fn declined(code: &str, payment: Option<Payment>) -> Done {
    let mut body = problem(code, "the card was declined");
    if let Some(payment) = &payment {
        body["payment"] = payment.to_json();
    }
    Done::refused(402, body, payment)
}

fn describe(record: &mut CallRecord, payment: Option<&Payment>) {
    if let Some(payment) = payment {
        record.payment_id = Some(payment.id.clone());
        record.reference = Some(payment.reference.clone());
        record.metadata = Some(Value::Object(payment.metadata.clone()).to_string());
    }
}
