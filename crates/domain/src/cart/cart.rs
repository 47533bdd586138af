//! The cart, what happens to it, and its state after that.

use super::stored;
use super::{Line, LineId, Metadata, Rules};
use crate::entity::Entity;
use crate::planted::{Bug, planted};
use crate::{CartId, Country, Currency, Refusal, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Where a cart is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Takes changes.
    #[default]
    Open,
    /// Being paid for: takes none, and never expires.
    CheckingOut,
    /// Has become an order.
    Ordered,
    /// Its lines went into another cart; they stay here as history.
    Merged,
    /// Nobody wrote to it for too long.
    Expired,
}

impl State {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::CheckingOut => "checking_out",
            Self::Ordered => "ordered",
            Self::Merged => "merged",
            Self::Expired => "expired",
        }
    }

    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// The user of a drop-in cart: any text, even empty, unique within its package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalUser {
    /// Which service's users (`oteldemo`, `hipstershop`).
    pub package: SmolStr,
    /// The user as that service names it.
    pub user: SmolStr,
}

/// What somebody wants to buy. Lines stand in the order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cart {
    /// Made by the shop.
    pub id: CartId,
    /// Raised by each change.
    pub version: u64,
    /// As last written; [`Cart::state_at`] knows of the time that has passed since.
    #[serde(default, skip_serializing_if = "State::is_open")]
    pub state: State,
    /// What its prices are in.
    pub currency: Currency,
    /// Where it is bought from.
    pub country: Country,
    /// Whose it is, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<SmolStr>,
    /// Set in a drop-in cart: the user of that service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_user: Option<ExternalUser>,
    /// SHA-256 of the secret that opens it.
    #[serde(
        default,
        with = "stored::hash",
        skip_serializing_if = "Option::is_none"
    )]
    pub token_hash: Option<[u8; 32]>,
    /// By rising id, which is the order of their insertion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Arc<Line>>,
    /// The number of the next new line.
    pub next_line: u32,
    /// Coupon codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<SmolStr>,
    /// What the client hung on it.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// From this moment on an open cart counts as expired.
    pub expires_at: Time,
    /// Where its lines went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CartId>,
    /// When attempts at paying for it came to nothing, the last `TRIES_REMEMBERED` of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_in_vain: Vec<Time>,
}

/// Attempts that a cart remembers.
pub const TRIES_REMEMBERED: usize = 100;
/// How long an attempt that came to nothing counts against the next.
const TRIES_WITHIN_MS: i64 = 3_600_000;

impl Cart {
    /// Whether it is the cart of a drop-in service: SKUs may be unknown, quantities only add up.
    pub fn is_drop_in(&self) -> bool {
        self.external_user.is_some()
    }

    /// Its state at a moment: an open one whose time has passed is expired, swept or not.
    pub fn state_at(&self, now: Time) -> State {
        if self.state.is_open() && now >= self.expires_at {
            State::Expired
        } else {
            self.state
        }
    }

    /// A line by its id.
    pub fn line(&self, id: LineId) -> Option<&Arc<Line>> {
        let position = self.lines.binary_search_by_key(&id, |line| line.id).ok()?;
        self.lines.get(position)
    }

    /// Refuses a write to a cart that takes none: `cart_closed` with its id and state.
    pub fn require_open(&self, now: Time) -> Result<(), Refusal> {
        match self.state_at(now) {
            State::Open => Ok(()),
            state @ (State::CheckingOut | State::Ordered | State::Merged | State::Expired) => {
                Err(self.closed(state))
            }
        }
    }

    /// Refuses another attempt at paying when so many came to nothing within an hour: somebody is trying cards. Refused:
    /// `TooManyAttempts`.
    pub fn require_tries(&self, limit: usize, now: Time) -> Result<(), Refusal> {
        let since = now.0 - TRIES_WITHIN_MS;
        let recent = self.tried_in_vain.iter().filter(|at| at.0 > since).count();
        if recent < limit || planted(Bug::OneTryTooMany) && recent == limit {
            return Ok(());
        }
        let freeing = self.tried_in_vain.len() - limit.min(self.tried_in_vain.len());
        let until = self.tried_in_vain.get(freeing).map_or(now.0, |at| at.0) + TRIES_WITHIN_MS;
        let left_ms = u32::try_from(until - now.0).unwrap_or(u32::MAX);
        Err(Refusal::TooManyAttempts {
            limit,
            retry_after_seconds: left_ms.div_ceil(1_000).max(1),
        })
    }

    /// Whether an addition finds it expired and, as it is a drop-in cart, begins it afresh: its user has no other name for
    /// a new cart.
    pub(super) fn restarts(&self, now: Time) -> bool {
        self.is_drop_in() && self.state_at(now) == State::Expired
    }

    fn closed(&self, state: State) -> Refusal {
        Refusal::CartClosed {
            id: self.id.to_string(),
            state: state.as_str(),
            checkout_id: None,
        }
    }

    pub(super) fn expiry(&self, rules: &Rules, now: Time) -> Time {
        rules.expiry(self.is_drop_in(), now)
    }
}

/// A cart was made, perhaps with its first lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// What its prices are in.
    pub currency: Currency,
    /// Where it is bought from.
    pub country: Country,
    /// Whose it is.
    pub customer_id: Option<SmolStr>,
    /// The user of a drop-in service.
    pub external_user: Option<ExternalUser>,
    /// SHA-256 of its secret.
    pub token_hash: Option<[u8; 32]>,
    /// What the client hung on it.
    pub metadata: Metadata,
    /// Its first lines, by rising id.
    pub lines: Vec<Arc<Line>>,
    /// The number of the next new line.
    pub next_line: u32,
    /// When it expires unless it is written to.
    pub expires_at: Time,
}

/// Lines were added, changed or removed. An expired drop-in cart is open again after it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinesChanged {
    /// Whole lines as they are now, by rising id: known ids are replaced, new ones come last.
    pub set: Vec<Arc<Line>>,
    /// Ids that are gone, rising.
    pub removed: Vec<LineId>,
    /// The number of the next new line.
    pub next_line: u32,
    /// When it expires unless it is written to.
    pub expires_at: Time,
}

/// What is said of the cart was changed: every field as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// What its prices are in.
    pub currency: Currency,
    /// Where it is bought from.
    pub country: Country,
    /// Whose it is.
    pub customer_id: Option<SmolStr>,
    /// What the client hung on it.
    pub metadata: Metadata,
    /// Lines with prices in another currency now, by rising id.
    pub set: Vec<Arc<Line>>,
    /// When it expires unless it is written to.
    pub expires_at: Time,
}

/// What happens to a cart.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was made.
    Created(Box<Created>),
    /// Its lines changed.
    LinesChanged(LinesChanged),
    /// What is said of it changed.
    Updated(Box<Updated>),
    /// Its lines went into another cart.
    Merged {
        /// Which one.
        into: CartId,
    },
    /// It is being paid for.
    CheckingOut,
    /// It was not paid for after all, and takes changes again.
    Reopened {
        /// From when on it counts as expired.
        expires_at: Time,
    },
    /// It has become an order.
    Ordered,
    /// It is gone.
    Deleted,
    /// Nobody wrote to it for too long.
    Expired,
}

impl Entity for Cart {
    type Key = CartId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &CartId, event: &Event, at: Time) {
        match event {
            Event::Created(created) => *state = Some(Arc::new(begin(*key, created, at))),
            Event::LinesChanged(changed) => write(state, at, |cart| {
                cart.state = State::Open;
                cart.next_line = changed.next_line;
                cart.expires_at = changed.expires_at;
                if !changed.removed.is_empty() {
                    cart.lines
                        .retain(|line| changed.removed.binary_search(&line.id).is_err());
                }
                put_lines(&mut cart.lines, &changed.set);
            }),
            Event::Updated(updated) => write(state, at, |cart| {
                cart.currency = updated.currency;
                cart.country = updated.country;
                cart.customer_id.clone_from(&updated.customer_id);
                cart.metadata = updated.metadata.clone();
                cart.expires_at = updated.expires_at;
                put_lines(&mut cart.lines, &updated.set);
            }),
            Event::Merged { into } => write(state, at, |cart| {
                cart.state = State::Merged;
                cart.merged_into = Some(*into);
            }),
            Event::CheckingOut => write(state, at, |cart| cart.state = State::CheckingOut),
            Event::Reopened { expires_at } => write(state, at, |cart| {
                cart.state = State::Open;
                cart.expires_at = *expires_at;
                if cart.tried_in_vain.len() == TRIES_REMEMBERED {
                    cart.tried_in_vain.remove(0);
                }
                cart.tried_in_vain.push(at);
            }),
            Event::Ordered => write(state, at, |cart| cart.state = State::Ordered),
            Event::Deleted => *state = None,
            Event::Expired => write(state, at, |cart| cart.state = State::Expired),
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The state right after its creation.
pub(super) fn begin(id: CartId, created: &Created, at: Time) -> Cart {
    Cart {
        id,
        version: 1,
        state: State::Open,
        currency: created.currency,
        country: created.country,
        customer_id: created.customer_id.clone(),
        external_user: created.external_user.clone(),
        token_hash: created.token_hash,
        lines: created.lines.clone(),
        next_line: created.next_line,
        coupons: Vec::new(),
        metadata: created.metadata.clone(),
        created_at: at,
        updated_at: at,
        expires_at: created.expires_at,
        merged_into: None,
        tried_in_vain: Vec::new(),
    }
}

fn write(state: &mut Option<Arc<Cart>>, at: Time, change: impl FnOnce(&mut Cart)) {
    if let Some(cart) = state.as_mut().map(Arc::make_mut) {
        cart.version += 1;
        cart.updated_at = at;
        change(cart);
    }
}

/// Keeps the order of ids, which is what finds a line: new lines have the highest.
fn put_lines(lines: &mut Vec<Arc<Line>>, set: &[Arc<Line>]) {
    for line in set {
        match lines.binary_search_by_key(&line.id, |known| known.id) {
            Ok(position) => lines[position] = line.clone(),
            Err(position) => lines.insert(position, line.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
