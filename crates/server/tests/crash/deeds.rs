//! What a client asked for and what it was told: the record that the server is held to.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{ADMIN_KEY, Request, Response};

/// What a request is meant to do, in the terms in which the state can be asked whether it was done.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Changes a level by so much; the movement's `reason` is the tag.
    Adjust { level: usize, delta: i64 },
    /// Holds so much of these levels, all or nothing; the `reference` is the tag.
    Reserve { lines: Vec<(usize, i64)> },
    /// Ends a hold in this state.
    Settle { hold: String, state: &'static str },
    /// Adds a line whose metadata has the tag, so that a second effect would show in its quantity.
    Line { cart: usize, quantity: i64 },
}

/// What the client knows about the outcome.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Acknowledged: it must be there, for ever.
    Done(Response),
    /// Refused by the business: it must not be there.
    Refused(Response),
    /// No answer, or one that leaves it open: there or not, but never half and never twice.
    Unknown,
}

impl Outcome {
    pub(crate) fn of(answer: std::io::Result<Response>) -> Self {
        match answer {
            Ok(answer) if answer.status < 300 => Self::Done(answer),
            Ok(answer) if answer.status < 500 || without_lease(&answer) => Self::Refused(answer),
            Ok(_) | Err(_) => Self::Unknown,
        }
    }
}

/// Refused by a process that knows that another one writes: nothing happened.
pub(crate) fn without_lease(answer: &Response) -> bool {
    answer.status == 503 && answer.json()["role"] == "reader"
}

/// One write of one client.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) tag: String,
    pub(crate) kind: Kind,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) key: Option<String>,
    pub(crate) outcome: Outcome,
}

impl Deed {
    /// The same request again, byte for byte, to wherever the server listens now.
    pub(crate) fn request(&self, address: SocketAddr) -> Request {
        let request = Request::new(address, "POST", &self.path)
            .key(ADMIN_KEY)
            .json(self.body.clone());
        match &self.key {
            Some(key) => request.idempotency_key(key),
            None => request,
        }
    }

    pub(crate) fn done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }

    pub(crate) fn unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown)
    }

    /// Whether the server decided on it and recorded what it answered, as far as the client knows.
    pub(crate) fn taken(&self) -> bool {
        match &self.outcome {
            Outcome::Done(_) => true,
            Outcome::Refused(answer) => !without_lease(answer),
            Outcome::Unknown => false,
        }
    }

    /// Whether so many effects are what this client may see.
    #[track_caller]
    pub(crate) fn expect(&self, effects: usize) {
        let fits = match self.outcome {
            Outcome::Done(_) => effects == 1,
            Outcome::Refused(_) => effects == 0,
            Outcome::Unknown => effects <= 1,
        };
        assert!(fits, "{effects} effects of {self:#?}");
    }
}
