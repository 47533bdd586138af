//! From a handler to the write loop and back: keys, kept replies, secrets.

use super::endpoint::{Call, Reply};
use crate::problem::Problem;
use crate::wire::checkout::person;
use bytes::{Bytes, BytesMut};
use cartwright_app::kept::{KeptReply, key_hash, payload_hash};
use cartwright_app::shop::{
    Answer, Command, Decided, Keyed, Moment, Outcome, Progress, Shelf, Submission,
};
use cartwright_app::work::{Stop, Work};
use cartwright_app::{Event, Key, Record, Reply as Decision};
use cartwright_domain::catalog::Product;
use cartwright_domain::checkout::Contact;
use cartwright_domain::order::PaymentState;
use cartwright_domain::payment::Payment;
use cartwright_domain::{ContactId, EventId, PaymentId, Refusal, Sku};
use smol_str::SmolStr;
use std::collections::HashMap;
use std::sync::Arc;

/// How long an anonymous caller's reply is kept: it may hold a token.
const ANONYMOUS_KEEP_MS: i64 = 3_600_000;

/// What a decided command looks like to the caller. Runs in the loop for keyed writes, else at the edge.
pub type Render = Arc<dyn Fn(&Outcome, Shelf<'_>) -> KeptReply + Send + Sync>;

/// Which products a reply shows: they are loaded before it is rendered at the edge.
pub type Shows = fn(&Outcome) -> Vec<Sku>;

/// A reply that shows no products.
pub fn shows_none(_: &Outcome) -> Vec<Sku> {
    Vec::new()
}

impl Call {
    /// Submits a command and renders what it came to. With an `Idempotency-Key` the reply is kept; a repeat gets the same bytes.
    pub async fn write(
        &self,
        command: impl Command + 'static,
        render: Render,
    ) -> Result<Reply, Problem> {
        self.write_showing(command, shows_none, render).await
    }

    /// As [`Self::write`], for a reply that shows products.
    pub async fn write_showing(
        &self,
        command: impl Command + 'static,
        shows: Shows,
        render: Render,
    ) -> Result<Reply, Problem> {
        let keyed = self.keyed(render.clone())?;
        let deadline_ns = self.edge.shop.clock().monotonic_ns() + self.wait_ns();
        let submission = Submission {
            command: self.traced(command),
            keyed,
            actor: self.who.principal.clone(),
            correlation: self.request_id.clone(),
            deadline_ns,
        };
        let Answer { reply, position } = self.edge.shop.submit(submission).await?;
        let mut reply = match reply {
            Decision::Kept(kept, replayed) => self.kept(&kept, replayed).await?,
            Decision::KeyReused => {
                let detail = "this Idempotency-Key was used with another query or body; use a new key for a new request";
                return Err(Problem::new("idempotency_key_reused", detail));
            }
            Decision::Decided(Err(refusal)) => return Err(refusal.into()),
            Decision::Decided(Ok(outcome)) => {
                let shelf = self.shelf(shows(&outcome)).await?;
                let mut find = |sku: &Sku| shelf.get(sku).cloned();
                let rendered = render(&outcome, &mut find);
                self.kept(&rendered, false).await?
            }
        };
        reply.position = Some(position);
        Ok(reply)
    }

    /// A command with the trace context that the caller sent, for the log.
    pub(super) fn traced(&self, command: impl Command + 'static) -> Box<dyn Command> {
        let sent = self.headers().get("traceparent");
        let sent = sent.and_then(|value| value.to_str().ok());
        match sent.filter(|text| is_traceparent(text)) {
            Some(traceparent) => Box::new(Traced {
                command,
                traceparent: traceparent.to_owned(),
            }),
            None => Box::new(command),
        }
    }

    /// The products of some SKUs, from committed state.
    pub async fn shelf(&self, skus: Vec<Sku>) -> Result<HashMap<Sku, Arc<Product>>, Problem> {
        let mut shelf = HashMap::with_capacity(skus.len());
        for sku in skus {
            if let Some(product) = self.product_of(&sku).await? {
                shelf.insert(sku, product);
            }
        }
        Ok(shelf)
    }

    /// The product that has a SKU, whatever its status.
    pub async fn product_of(&self, sku: &Sku) -> Result<Option<Arc<Product>>, Problem> {
        let Some(Record::ProductId(id)) = self.edge.shop.find(&Key::Sku(sku.clone())).await? else {
            return Ok(None);
        };
        match self.edge.shop.find(&Key::Product(id)).await? {
            Some(Record::Product(product)) => Ok(Some(product)),
            _ => Ok(None),
        }
    }

    /// A reply as it is sent, with what is never kept put in.
    pub(super) async fn kept(&self, kept: &KeptReply, replayed: bool) -> Result<Reply, Problem> {
        let mut reply = Reply {
            status: kept.status,
            headers: kept.headers.clone(),
            body: self.whole_body(kept).await?,
            position: None,
            watch: None,
        };
        if replayed {
            reply
                .headers
                .push(("idempotent-replayed", "true".to_owned()));
        }
        Ok(reply)
    }

    /// The body with its secret, its person's data and its quote's signature.
    pub(super) async fn whole_body(&self, kept: &KeptReply) -> Result<Bytes, Problem> {
        let mut parts: Vec<(usize, Vec<u8>)> = Vec::new();
        if let Some((offset, of)) = &kept.secret {
            parts.push((*offset, self.edge.secrets.derive(of).into_bytes()));
        }
        if let Some((offset, id)) = kept.contact {
            let contact = match id {
                Some(id) => self.contact(id).await?,
                None => None,
            };
            let payments = self.payments(&kept.payments).await?;
            let mut fields = person(contact.as_deref(), &payments);
            if let Some(total) = kept.order_total {
                let state = PaymentState::of(payments.iter().map(AsRef::as_ref), total);
                let field = format!(r#""payment_state":"{}","#, state.as_str());
                fields.extend_from_slice(field.as_bytes());
            }
            parts.push((offset, fields));
        }
        if let Some(place) = kept.signature {
            let quote = kept.body.get(place.from..=place.end);
            let signature = quote.and_then(|quote| self.edge.quotes.sign(quote));
            let field = signature.map(|it| format!(r#","signature":"{it}""#));
            parts.extend(field.map(|field| (place.end, field.into_bytes())));
        }
        Ok(splice(&kept.body, &parts))
    }

    /// Payments as they stand now.
    pub(super) async fn payments(&self, ids: &[PaymentId]) -> Result<Vec<Arc<Payment>>, Problem> {
        let mut payments = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(Record::Payment(it)) = self.edge.shop.find(&Key::Payment(*id)).await? {
                payments.push(it);
            }
        }
        Ok(payments)
    }

    /// A person's data; `None` when it was erased.
    pub(super) async fn contact(&self, id: ContactId) -> Result<Option<Arc<Contact>>, Problem> {
        match self.edge.shop.find(&Key::Contact(id)).await? {
            Some(Record::Contact(contact)) => Ok(Some(contact)),
            _ => Ok(None),
        }
    }

    fn keyed(&self, render: Render) -> Result<Option<Keyed>, Problem> {
        let Some(key) = self.idempotency_key()? else {
            return Ok(None);
        };
        let anonymous = self.who.principal.is_empty();
        // Escapes are another spelling of the same path.
        let path = percent_encoding::percent_decode_str(self.parts.uri.path());
        let path = path.decode_utf8_lossy();
        Ok(Some(Keyed {
            hash: key_hash(
                &self.who.principal,
                self.endpoint.method.as_str(),
                &path,
                &key,
            ),
            payload_hash: payload_hash(self.parts.uri.query().unwrap_or_default(), &self.payload),
            keep_ms: if anonymous {
                ANONYMOUS_KEEP_MS
            } else {
                self.edge.options.keep_replies_ms
            },
            render: Box::new(move |decided, shelf| match decided {
                Ok(outcome) => render(outcome, shelf),
                Err(refusal) => refused(refusal),
            }),
        }))
    }

    pub(super) fn idempotency_key(&self) -> Result<Option<SmolStr>, Problem> {
        let key = self.sent_key()?;
        if self.who.principal.is_empty() && key.as_ref().is_some_and(|key| !is_uuid(key)) {
            let detail =
                "without credentials the Idempotency-Key must be a UUID, so that nobody guesses it";
            return Err(Problem::new("malformed_request", detail));
        }
        Ok(key)
    }

    /// The `Idempotency-Key` as sent, if it is one.
    pub(super) fn sent_key(&self) -> Result<Option<SmolStr>, Problem> {
        let mut values = self.headers().get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let malformed = || {
            Problem::new(
                "malformed_request",
                "an Idempotency-Key is 1-255 visible ASCII characters, sent once",
            )
        };
        let key = value.to_str().map_err(|_| malformed())?;
        let visible = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        if !visible || values.next().is_some() {
            return Err(malformed());
        }
        Ok(Some(key.into()))
    }
}

/// A command that came with a trace context.
#[derive(Debug)]
struct Traced<C> {
    command: C,
    traceparent: String,
}

impl<C: Command> Command for Traced<C> {
    fn plan(&self, keys: &mut Vec<Key>) {
        self.command.plan(keys);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        self.command.decide(work, moment)
    }

    fn cause(&self) -> Option<EventId> {
        self.command.cause()
    }

    fn correlation(&self, event: &Event) -> Option<SmolStr> {
        self.command.correlation(event)
    }

    fn traceparent(&self) -> Option<&str> {
        Some(&self.traceparent)
    }

    fn progress(&self) -> Option<Progress> {
        self.command.progress()
    }
}

/// `00-<trace>-<span>-<flags>`, as W3C Trace Context spells it.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = [2, 32, 16, 2];
    let parts: Vec<_> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && hex(part))
        && parts[0] != "ff"
        && parts[1..3]
            .iter()
            .all(|part| part.bytes().any(|b| b != b'0'))
}

/// A kept refusal: the same problem every time.
fn refused(refusal: &Refusal) -> KeptReply {
    let problem = Problem::from(refusal.clone());
    KeptReply {
        status: problem.status(),
        headers: vec![("content-type", "application/problem+json".to_owned())],
        body: problem.body(),
        ..KeptReply::default()
    }
}

fn is_uuid(key: &str) -> bool {
    key.len() == 36
        && key.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Puts parts into a body that was kept without them, each at its place there; the places rise.
fn splice(body: &Bytes, parts: &[(usize, Vec<u8>)]) -> Bytes {
    if parts.is_empty() {
        return body.clone();
    }
    let more: usize = parts.iter().map(|(_, part)| part.len()).sum();
    let mut whole = BytesMut::with_capacity(body.len() + more);
    let mut done = 0;
    for (offset, part) in parts {
        let offset = (*offset).clamp(done, body.len());
        whole.extend_from_slice(&body[done..offset]);
        whole.extend_from_slice(part);
        done = offset;
    }
    whole.extend_from_slice(&body[done..]);
    whole.freeze()
}

/// The reply of a write whose answer is one resource: status, ETag, Location of what was created, JSON body.
pub fn resource(status: u16, version: u64, location: Option<String>, body: Bytes) -> KeptReply {
    let mut headers = vec![("etag", format!("\"{version}\""))];
    headers.extend(location.map(|location| ("location", location)));
    KeptReply {
        status,
        headers,
        body,
        ..KeptReply::default()
    }
}

/// As [`resource`], for what was made under `path/id` and has a secret that is shown once. The last field of the body is a string with
/// what the secret begins with: the rest stays out of what is kept, its place is remembered, and it is derived from the id again.
pub(super) fn made_with_secret(version: u64, path: &str, id: String, body: Bytes) -> KeptReply {
    let location = Some(format!("{path}/{id}"));
    KeptReply {
        secret: Some((body.len() - 2, id)),
        ..resource(201, version, location, body)
    }
}
