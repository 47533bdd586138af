//! Deciding one batch: load, replay or decide, apply. No write happens here.

use super::{Loop, MAX_ROUNDS, is_due};
use crate::events;
use crate::fault::Fault;
use crate::inventory;
use crate::kept::KeptReply;
use crate::nouns::{Event, Key, Record};
use crate::ports::Keep;
use crate::shop::{Command, Decided, Keyed, Moment, Outcome, Reply, Submission, Waiting};
use crate::work::{Stop, Values, Work};
use cartwright_domain::catalog::Product;
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{EventId, Refusal, ReservationId, Sku, Time};
use cartwright_proto::events as proto;
use hashbrown::HashMap;
use smol_str::SmolStr;
use std::sync::Arc;

/// A decided batch, ready to be written.
pub(super) struct Prepared {
    pub(super) log: proto::Batch,
    pub(super) events: Vec<Event>,
    pub(super) changed: Values,
    /// What was read from the store and did not change: worth keeping in memory.
    pub(super) read: Values,
    pub(super) kept: Vec<Keep>,
    pub(super) replies: Vec<Result<Reply, Fault>>,
    moves_cursor: bool,
    head: u64,
}

impl Prepared {
    pub(super) fn is_empty(&self) -> bool {
        self.log.entries.is_empty() && self.kept.is_empty() && !self.moves_cursor
    }

    /// Position of the log after it.
    pub(super) fn last_position(&self) -> u64 {
        self.head + self.log.entries.len() as u64
    }
}

/// What is gathered while the commands of a batch are decided.
struct Gathered {
    work: Work,
    log: proto::Batch,
    events: Vec<Event>,
    kept: Vec<Keep>,
    in_batch: HashMap<[u8; 16], Arc<KeptReply>>,
    moves_cursor: bool,
    /// How often it may still be found out beforehand what later commands need.
    looks_ahead: usize,
}

/// How often a batch asks the store for what all its remaining commands need; after that each asks for itself.
const LOOKS_AHEAD: usize = 6;

struct Author<'a> {
    actor: &'a SmolStr,
    correlation: &'a SmolStr,
}

/// What one command's entries have in common.
struct Header<'a> {
    author: &'a Author<'a>,
    command: &'a dyn Command,
    causation_id: String,
}

/// What must be there before this can be applied and answered.
fn missing(work: &Work, decided: &Decided) -> Vec<Key> {
    let mut missing = work.missing_for(&decided.events);
    if missing.is_empty() && decided.events.is_empty() && !work.has(&decided.answer) {
        missing.push(decided.answer.clone());
    }
    missing
}

impl Loop {
    pub(super) fn prepare(&mut self, waiting: &[Waiting], now: Time) -> Result<Prepared, Fault> {
        let mut gathered = self.gather(waiting.len(), now);
        let mut keys = Vec::with_capacity(waiting.len() * 4);
        waiting
            .iter()
            .for_each(|w| w.submission.command.plan(&mut keys));
        self.load(&mut gathered, keys)?;
        let mut replies = Vec::with_capacity(waiting.len());
        for (place, it) in waiting.iter().enumerate() {
            let later = &waiting[place + 1..];
            replies.push(self.one(&mut gathered, &it.submission, later, now)?);
        }
        Ok(self.finish(gathered, replies))
    }

    pub(super) fn prepare_expired(
        &mut self,
        due: &[ReservationId],
        now: Time,
    ) -> Result<Prepared, Fault> {
        let mut gathered = self.gather(due.len(), now);
        self.load(
            &mut gathered,
            due.iter().map(|id| Key::Reservation(*id)).collect(),
        )?;
        let system = SmolStr::new_static("system");
        let author = Author {
            actor: &system,
            correlation: &system,
        };
        for id in due {
            if is_due(gathered.work.value(&Key::Reservation(*id)), now) {
                let command = inventory::Expire { id: *id };
                let decided = self.decide(&mut gathered, &command, &author, &[], now)?;
                if let Ok(Err(refusal)) = decided {
                    tracing::error!(%refusal, reservation = %id, "an expired hold refuses to end");
                }
            }
        }
        Ok(self.finish(gathered, Vec::new()))
    }

    fn gather(&mut self, commands: usize, now: Time) -> Gathered {
        let log = proto::Batch {
            first_position: self.position + 1,
            batch_id: self.ids.fresh(now).to_be_bytes().to_vec(),
            time_ms: now.0,
            origin: self.options.origin.clone(),
            entries: Vec::with_capacity(commands * 2),
        };
        Gathered {
            work: Work::for_about(commands * 4),
            log,
            events: Vec::with_capacity(commands * 2),
            kept: Vec::new(),
            in_batch: HashMap::new(),
            moves_cursor: false,
            looks_ahead: LOOKS_AHEAD,
        }
    }

    fn finish(&self, gathered: Gathered, replies: Vec<Result<Reply, Fault>>) -> Prepared {
        let (changed, read) = gathered.work.into_parts();
        Prepared {
            log: gathered.log,
            events: gathered.events,
            changed,
            read,
            kept: gathered.kept,
            replies,
            moves_cursor: gathered.moves_cursor,
            head: self.position,
        }
    }

    /// Takes what is missing from memory, and the rest from the store in sorted order.
    fn load(&mut self, gathered: &mut Gathered, mut keys: Vec<Key>) -> Result<(), Fault> {
        keys.retain(|key| {
            if gathered.work.has(key) {
                return false;
            }
            match self.committed.get(key) {
                Some(value) => {
                    gathered.work.put(key.clone(), value, false);
                    false
                }
                None => true,
            }
        });
        if keys.is_empty() {
            return Ok(());
        }
        keys.sort_unstable();
        keys.dedup();
        let absent = keys;
        let values = self.store.load(&absent)?;
        for (key, value) in absent.into_iter().zip(values) {
            gathered.work.put(key, value, true);
        }
        Ok(())
    }

    /// Loads what a command needs, and in the same round what those after it need as things stand.
    fn load_ahead(
        &mut self,
        gathered: &mut Gathered,
        mut keys: Vec<Key>,
        later: &[Waiting],
        now: Time,
    ) -> Result<(), Fault> {
        if gathered.looks_ahead > 0 && !later.is_empty() {
            gathered.looks_ahead -= 1;
            for Waiting { submission, .. } in later {
                let moment = &mut Moment {
                    now,
                    ids: &mut self.ids,
                    correlation: &submission.correlation,
                };
                match submission.command.decide(&gathered.work, moment) {
                    Ok(decided) => keys.append(&mut missing(&gathered.work, &decided)),
                    Err(Stop::Need(needed)) => keys.extend(needed),
                    Err(Stop::Refuse(_)) => {}
                }
            }
        }
        self.load(gathered, keys)
    }

    fn one(
        &mut self,
        gathered: &mut Gathered,
        submission: &Submission,
        later: &[Waiting],
        now: Time,
    ) -> Result<Result<Reply, Fault>, Fault> {
        if let Some(keyed) = &submission.keyed {
            if let Some(kept) = self.find_kept(gathered, keyed, now)? {
                let same = kept.payload_hash == keyed.payload_hash || planted(Bug::KeyOfAnyPayload);
                return Ok(Ok(if same {
                    Reply::Kept(kept, true)
                } else {
                    Reply::KeyReused
                }));
            }
            if !self.kept.has_room(gathered.kept.len()) {
                return Ok(Err(Fault::Overloaded));
            }
        }
        let author = Author {
            actor: &submission.actor,
            correlation: &submission.correlation,
        };
        let decided = match self.decide(gathered, &*submission.command, &author, later, now)? {
            Ok(decided) => decided,
            Err(fault) => return Ok(Err(fault)),
        };
        // The same request with the right version is another try, not another answer.
        let of_version = matches!(
            decided,
            Err(Refusal::VersionConflict { .. } | Refusal::VersionRequired)
        );
        match &submission.keyed {
            Some(keyed) if !of_version => self.keep(gathered, keyed, &decided, now).map(Ok),
            _ => Ok(Ok(Reply::Decided(decided))),
        }
    }

    fn find_kept(
        &mut self,
        gathered: &Gathered,
        keyed: &Keyed,
        now: Time,
    ) -> Result<Option<Arc<KeptReply>>, Fault> {
        if let Some(reply) = gathered.in_batch.get(&keyed.hash)
            && !planted(Bug::SameKeySameBatch)
        {
            return Ok(Some(reply.clone()));
        }
        let Some(place) = self.kept.find(&keyed.hash, now) else {
            return Ok(None);
        };
        let reply = self.store.kept(place, &keyed.hash)?;
        reply
            .map(|reply| Some(Arc::new(reply)))
            .ok_or_else(|| Fault::corrupt("a kept reply is not where it was put"))
    }

    /// Renders the reply now: what is kept is byte for byte what is sent.
    fn keep(
        &mut self,
        gathered: &mut Gathered,
        keyed: &Keyed,
        decided: &Result<Outcome, Refusal>,
        now: Time,
    ) -> Result<Reply, Fault> {
        let mut fault = None;
        let mut shelf = |sku: &Sku| {
            self.product_of(gathered, sku).unwrap_or_else(|failed| {
                fault = Some(failed);
                None
            })
        };
        let mut reply = (keyed.render)(decided, &mut shelf);
        if let Some(fault) = fault {
            return Err(fault);
        }
        reply.payload_hash = keyed.payload_hash;
        let until = Time(now.0.saturating_add(keyed.keep_ms));
        if !planted(Bug::KeptReplyNotWritten) {
            gathered.kept.push(Keep {
                hash: keyed.hash,
                until,
                reply: reply.encode(&keyed.hash, until),
            });
        }
        let reply = Arc::new(reply);
        gathered.in_batch.insert(keyed.hash, reply.clone());
        Ok(Reply::Kept(reply, false))
    }

    fn product_of(
        &mut self,
        gathered: &mut Gathered,
        sku: &Sku,
    ) -> Result<Option<Arc<Product>>, Fault> {
        loop {
            let found = match gathered.work.product_of(sku) {
                Ok(None) => return Ok(None),
                Ok(Some(id)) => gathered.work.product(id).map(|product| product.cloned()),
                Err(stop) => Err(stop),
            };
            match found {
                Ok(product) => return Ok(product),
                Err(Stop::Need(keys)) => self.load(gathered, keys)?,
                Err(Stop::Refuse(_)) => return Ok(None),
            }
        }
    }

    /// Decides one command and applies what it decided; asks again after loading what it needs.
    #[allow(
        clippy::type_complexity,
        reason = "a fault of the batch, a fault of the command, a refusal"
    )]
    fn decide(
        &mut self,
        gathered: &mut Gathered,
        command: &dyn Command,
        author: &Author<'_>,
        later: &[Waiting],
        now: Time,
    ) -> Result<Result<Result<Outcome, Refusal>, Fault>, Fault> {
        for _ in 0..MAX_ROUNDS {
            let needed = match command.decide(
                &gathered.work,
                &mut Moment {
                    now,
                    ids: &mut self.ids,
                    correlation: author.correlation,
                },
            ) {
                Ok(decided) => {
                    let missing = missing(&gathered.work, &decided);
                    if missing.is_empty() {
                        let changed = !decided.events.is_empty();
                        let header = Header {
                            author,
                            command,
                            causation_id: command
                                .cause()
                                .map_or_else(String::new, |id| id.to_string()),
                        };
                        self.apply(gathered, decided.events, &header, now);
                        self.note_progress(gathered, command);
                        let record = gathered.work.value(&decided.answer).cloned();
                        let last = gathered.log.entries.last().filter(|_| changed);
                        return Ok(Ok(Ok(Outcome {
                            record,
                            created: decided.created,
                            changed,
                            event: last.and_then(|it| EventId::from_slice(&it.event_id)),
                        })));
                    }
                    missing
                }
                Err(Stop::Refuse(refusal)) => return Ok(Ok(Err(refusal))),
                Err(Stop::Need(keys)) => keys,
            };
            self.load_ahead(gathered, needed, later, now)?;
        }
        tracing::error!(
            ?command,
            rounds = MAX_ROUNDS,
            "a command keeps asking for more"
        );
        Ok(Err(Fault::Overloaded))
    }

    /// Where a consumer goes on after this command.
    fn note_progress(&self, gathered: &mut Gathered, command: &dyn Command) {
        let Some(progress) = command.progress() else {
            return;
        };
        let here = self.position + gathered.log.entries.len() as u64;
        let through = progress.through.unwrap_or(here);
        let key = Key::Cursor(progress.consumer);
        gathered.work.set(key, Record::Count(through));
        gathered.moves_cursor = true;
    }

    fn apply(
        &mut self,
        gathered: &mut Gathered,
        events: Vec<Event>,
        header: &Header<'_>,
        now: Time,
    ) {
        let mut notices = Vec::new();
        for event in events {
            let version = gathered.work.apply(&event, now, &mut notices);
            self.log(gathered, &event, version, header, now);
            gathered.events.push(event);
        }
        for notice in notices {
            let version = gathered
                .work
                .value(&notice.key())
                .map_or(0, Record::version);
            self.log(gathered, &notice, version, header, now);
        }
    }

    fn log(
        &mut self,
        gathered: &mut Gathered,
        event: &Event,
        version: u64,
        header: &Header<'_>,
        now: Time,
    ) {
        let own = header.command.correlation(event);
        let correlation = own.as_ref().unwrap_or(header.author.correlation);
        gathered.log.entries.push(proto::Entry {
            stream: events::stream(&event.key()),
            stream_version: version,
            kind: proto::entry::Kind::Event as i32,
            event_id: self.ids.fresh(now).to_be_bytes().to_vec(),
            r#type: events::type_of(event).to_owned(),
            schema_version: 0,
            actor: header.author.actor.to_string(),
            correlation_id: correlation.to_string(),
            causation_id: header.causation_id.clone(),
            traceparent: header.command.traceparent().unwrap_or("").to_owned(),
            payload: events::encode(event),
        });
    }
}
