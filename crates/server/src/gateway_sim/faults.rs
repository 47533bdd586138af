//! What goes wrong on purpose: a list of faults, set and cleared while running, gone at a restart.
//!
//! The ledger and its keys are always one transaction; a fault decides what is told about it, or stops a call before
//! it. So the truth can always be looked up, except where a fault hides it.

use super::wire::Op;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Faults at once.
const FAULTS_MAX: usize = 1_000;
/// Longest `delay_ms`.
const DELAY_MS_MAX: u64 = 600_000;
/// The pause of `delay` and the patience of `reorder` when `delay_ms` is absent.
const DELAY_MS: u64 = 1_000;

/// Which calls a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// `POST /payments`.
    Authorize,
    /// `POST /payments/{id}/capture`.
    Capture,
    /// `POST /payments/{id}/void` and `POST /payments/void`.
    Void,
    /// `POST /payments/{id}/refund`.
    Refund,
    /// `GET /payments` and `GET /payments/{id}`.
    Lookup,
    /// What we send.
    Webhook,
    /// Whatever the kind makes sense for.
    Any,
}

impl Aim {
    fn hits(self, op: Op) -> bool {
        match self {
            Self::Authorize => op == Op::Authorize,
            Self::Capture => op == Op::Capture,
            Self::Void => op == Op::Void,
            Self::Refund => op == Op::Refund,
            Self::Lookup => op == Op::Lookup,
            Self::Webhook => op == Op::Webhook,
            Self::Any => true,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Everything happens, `delay_ms` later; a caller who gives up does not stop it.
    Delay,
    /// 5xx, and nothing happened.
    ErrorBefore,
    /// It happened, and 5xx is told.
    ErrorAfter,
    /// The connection closes, and nothing happened.
    CloseBefore,
    /// It happened, and the connection closes.
    CloseAfter,
    /// No answer ever, and nothing happened.
    HangBefore,
    /// It happened, and no answer ever.
    HangAfter,
    /// The card says no: 402, true and final.
    Decline,
    /// The call neither finds its key nor leaves it: the same call again is done again.
    ForgetKey,
    /// Says that it happened; nothing did, and the key is not kept either.
    LieOk,
    /// It happened; says that it was declined.
    LieFail,
    /// Lookups find nothing.
    LookupMissing,
    /// The webhook is never sent.
    Drop,
    /// The webhook is sent twice.
    Duplicate,
    /// The webhook is sent after a later one, or after `delay_ms` when none comes.
    Reorder,
    /// The webhook is signed with another secret.
    BadSignature,
}

impl Kind {
    /// As it is spelled in JSON and kept with a call.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::ErrorBefore => "error_before",
            Self::ErrorAfter => "error_after",
            Self::CloseBefore => "close_before",
            Self::CloseAfter => "close_after",
            Self::HangBefore => "hang_before",
            Self::HangAfter => "hang_after",
            Self::Decline => "decline",
            Self::ForgetKey => "forget_key",
            Self::LieOk => "lie_ok",
            Self::LieFail => "lie_fail",
            Self::LookupMissing => "lookup_missing",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::BadSignature => "bad_signature",
        }
    }

    fn fits(self, op: Op) -> bool {
        let money = !matches!(op, Op::Lookup | Op::Webhook);
        match self {
            Self::Delay => true,
            Self::ErrorBefore
            | Self::ErrorAfter
            | Self::CloseBefore
            | Self::CloseAfter
            | Self::HangBefore
            | Self::HangAfter => op != Op::Webhook,
            Self::Decline | Self::ForgetKey | Self::LieOk | Self::LieFail => money,
            Self::LookupMissing => op == Op::Lookup,
            Self::Drop | Self::Duplicate | Self::Reorder | Self::BadSignature => op == Op::Webhook,
        }
    }
}

/// What somebody asks to go wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    op: Aim,
    kind: Kind,
    rate: Option<f64>,
    count: Option<u64>,
    delay_ms: Option<u64>,
    code: Option<Value>,
    cart_id: Option<String>,
}

/// A fault that is set.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// To remove it.
    pub id: String,
    /// For which calls.
    pub op: Aim,
    /// What goes wrong.
    pub kind: Kind,
    /// How often of the matching calls, 0 to 1.
    pub rate: f64,
    /// How many times at most.
    pub count: Option<u64>,
    /// How long, where the kind waits; other kinds wait so long first.
    pub delay_ms: Option<u64>,
    /// The decline's code, or the status (400-599) of an error.
    pub code: Option<String>,
    /// Only payments of this cart.
    pub cart_id: Option<String>,
    /// How often it struck.
    pub hits: u64,
}

impl Fault {
    fn new(id: u64, asked: NewFault) -> Result<Self, String> {
        let ops = [
            Op::Authorize,
            Op::Capture,
            Op::Void,
            Op::Refund,
            Op::Lookup,
            Op::Webhook,
        ];
        if !ops
            .into_iter()
            .any(|op| asked.op.hits(op) && asked.kind.fits(op))
        {
            return Err(format!("{} makes no sense for this op", asked.kind.name()));
        }
        let rate = asked.rate.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&rate) {
            return Err("rate must be 0 to 1".to_owned());
        }
        if asked.delay_ms.is_some_and(|delay| delay > DELAY_MS_MAX) {
            return Err(format!("delay_ms must be at most {DELAY_MS_MAX}"));
        }
        let code = match asked.code {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.len() <= 64 => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err("code must be a text of at most 64 letters".to_owned()),
        };
        Ok(Self {
            id: format!("flt_{id}"),
            op: asked.op,
            kind: asked.kind,
            rate,
            count: asked.count,
            delay_ms: asked.delay_ms,
            code,
            cart_id: asked.cart_id,
            hits: 0,
        })
    }

    fn matches(&self, op: Op, cart: Option<&str>) -> bool {
        self.op.hits(op)
            && self.kind.fits(op)
            && self.count.is_none_or(|count| self.hits < count)
            && self
                .cart_id
                .as_deref()
                .is_none_or(|wanted| cart == Some(wanted))
    }

    /// How long the call waits before anything else; `None` for not at all.
    pub fn pause(&self) -> Option<Duration> {
        let wait = match self.kind {
            Kind::Delay | Kind::Reorder => Some(self.delay_ms.unwrap_or(DELAY_MS)),
            Kind::ErrorBefore
            | Kind::ErrorAfter
            | Kind::CloseBefore
            | Kind::CloseAfter
            | Kind::HangBefore
            | Kind::HangAfter
            | Kind::Decline
            | Kind::ForgetKey
            | Kind::LieOk
            | Kind::LieFail
            | Kind::LookupMissing
            | Kind::Drop
            | Kind::Duplicate
            | Kind::BadSignature => self.delay_ms,
        };
        wait.filter(|wait| *wait > 0).map(Duration::from_millis)
    }

    /// The status of an error.
    pub fn status(&self) -> u16 {
        let asked = self.code.as_deref().and_then(|code| code.parse().ok());
        asked
            .filter(|status| (400..=599).contains(status))
            .unwrap_or(500)
    }

    /// The code of a decline.
    pub fn decline(&self) -> &str {
        self.code.as_deref().unwrap_or("declined")
    }
}

/// All faults that are set.
#[derive(Debug)]
pub struct Faults(Mutex<Set>);

#[derive(Debug)]
struct Set {
    faults: Vec<Fault>,
    made: u64,
    random: u64,
}

impl Faults {
    /// None yet. `seed` decides which calls a `rate` strikes.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Set {
            faults: Vec::new(),
            made: 0,
            random: seed,
        }))
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets one, as the newest.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn add(&self, asked: NewFault) -> Result<Fault, String> {
        let mut set = self.set();
        if set.faults.len() >= FAULTS_MAX {
            return Err(format!("{FAULTS_MAX} faults are set already"));
        }
        let fault = Fault::new(set.made + 1, asked)?;
        set.made += 1;
        set.faults.push(fault.clone());
        Ok(fault)
    }

    /// All, oldest first; those that struck as often as they may stay in the list.
    pub fn list(&self) -> Vec<Fault> {
        self.set().faults.clone()
    }

    /// Removes one; false when there is none of this id.
    pub fn remove(&self, id: &str) -> bool {
        let mut set = self.set();
        let before = set.faults.len();
        set.faults.retain(|fault| fault.id != id);
        set.faults.len() < before
    }

    /// Removes all.
    pub fn clear(&self) {
        self.set().faults.clear();
    }

    /// Whether some fault asks for a payment's cart.
    pub fn ask_for_carts(&self) -> bool {
        self.set()
            .faults
            .iter()
            .any(|fault| fault.cart_id.is_some())
    }

    /// The oldest fault that strikes this call, counted as a hit. One that its `rate` spares lets the next one try.
    pub fn strike(&self, op: Op, cart: Option<&str>) -> Option<Fault> {
        let mut set = self.set();
        let set = &mut *set;
        let random = &mut set.random;
        let fault = set.faults.iter_mut().find(|fault| {
            fault.matches(op, cart) && (fault.rate >= 1.0 || chance(random) < fault.rate)
        })?;
        fault.hits += 1;
        Some(fault.clone())
    }
}

/// 0 to below 1 (SplitMix64, Steele, Lea and Flood 2014).
fn chance(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn add(faults: &Faults, value: Value) -> Result<Fault, String> {
        let asked = serde_json::from_value(value).map_err(|error| error.to_string())?;
        faults.add(asked)
    }

    #[test]
    fn the_oldest_match_wins_until_its_count_is_used_up() -> Result<(), String> {
        let faults = Faults::new(1);
        add(
            &faults,
            json!({"op": "capture", "kind": "close_after", "count": 2}),
        )?;
        add(
            &faults,
            json!({"op": "any", "kind": "error_before", "cart_id": "c1"}),
        )?;
        add(&faults, json!({"op": "any", "kind": "drop"}))?;
        let kind = |op, cart| faults.strike(op, cart).map(|fault| fault.kind);
        assert_eq!(kind(Op::Capture, Some("c1")), Some(Kind::CloseAfter));
        assert_eq!(kind(Op::Capture, None), Some(Kind::CloseAfter));
        assert_eq!(kind(Op::Capture, None), None);
        assert_eq!(kind(Op::Capture, Some("c1")), Some(Kind::ErrorBefore));
        assert_eq!(kind(Op::Webhook, Some("c1")), Some(Kind::Drop));
        let hits: Vec<_> = faults.list().iter().map(|fault| fault.hits).collect();
        assert_eq!(hits, [2, 1, 1]);
        assert!(faults.remove("flt_3") && !faults.remove("flt_3"));
        faults.clear();
        assert_eq!(kind(Op::Capture, Some("c1")), None);
        Ok(())
    }

    #[test]
    fn a_rate_strikes_about_so_often() -> Result<(), String> {
        let faults = Faults::new(7);
        add(
            &faults,
            json!({"op": "any", "kind": "hang_after", "rate": 0.25}),
        )?;
        let hits = (0..10_000)
            .filter(|_| faults.strike(Op::Void, None).is_some())
            .count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        Ok(())
    }

    #[test]
    fn refuses_what_can_never_strike() {
        let faults = Faults::new(1);
        let rows = [
            json!({"op": "capture", "kind": "drop"}),
            json!({"op": "webhook", "kind": "lie_ok"}),
            json!({"op": "authorize", "kind": "lookup_missing"}),
            json!({"op": "any", "kind": "delay", "rate": 1.5}),
            json!({"op": "any", "kind": "delay", "delay_ms": 600_001}),
            json!({"op": "any", "kind": "explode"}),
            json!({"op": "any"}),
            json!({"op": "any", "kind": "delay", "often": true}),
            json!({"op": "any", "kind": "decline", "code": {}}),
        ];
        for row in rows {
            assert!(add(&faults, row.clone()).is_err(), "{row}");
        }
        assert!(faults.list().is_empty());
    }
}
