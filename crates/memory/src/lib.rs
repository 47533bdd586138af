//! The store in memory, the reference for the others: maps behind one lock. Durable only as long as it lives.

mod documents;
mod read;
mod webhooks;

use cartwright_app::Fault;
use cartwright_app::kept::KeptReply;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::{
    Batch, Cursor, Keep, Page, Random, StoreParts, WriteStore, last_position, place,
};
use cartwright_app::webhooks::consumer_of;
use cartwright_domain::cart::State as CartState;
use cartwright_domain::inventory::State;
use cartwright_domain::{CartId, ContactId, ReservationId, Time};
use cartwright_proto::events as proto;
use parking_lot::Mutex;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use webhooks::Deliveries;

/// Opens an empty store.
pub fn open(random: &dyn Random) -> StoreParts {
    let (mut secret, mut quote_key) = ([0; 32], [0; 32]);
    random.fill(&mut secret);
    random.fill(&mut quote_key);
    // Surely a private key of P-256: more than zero, less than the order of its base point.
    quote_key[0] = 1;
    let shared = Arc::new(Memory {
        state: Mutex::default(),
        secret,
        quote_key,
    });
    StoreParts {
        write: Box::new(Writer(shared.clone())),
        read: shared,
    }
}

struct Memory {
    state: Mutex<Tables>,
    secret: [u8; 32],
    quote_key: [u8; 32],
}

#[derive(Default)]
struct Tables {
    /// Nouns and what finds them.
    records: BTreeMap<Key, Record>,
    log: Vec<proto::Batch>,
    /// By place.
    kept: BTreeMap<u64, Vec<Keep>>,
    cursors: BTreeMap<String, u64>,
    deliveries: Deliveries,
}

impl Tables {
    /// Whether a person is reached at this address.
    fn is_of(&self, contact: Option<ContactId>, email: &str) -> bool {
        let contact = contact.and_then(|id| self.records.get(&Key::Contact(id)));
        match contact {
            Some(Record::Contact(it)) => it
                .email
                .as_ref()
                .is_some_and(|known| known.as_str().eq_ignore_ascii_case(email)),
            _ => false,
        }
    }

    fn find(&self, key: &Key) -> Option<Record> {
        match (key, self.records.get(key)) {
            (Key::OpenHolds(_) | Key::WebhookEndpoints, None) => Some(Record::Count(0)),
            (Key::Cursor(consumer), _) => {
                let position = self.cursors.get(consumer.as_str());
                position.map(|position| Record::Count(*position))
            }
            (_, found) => found.cloned(),
        }
    }

    fn remove(&mut self, key: &Key) {
        self.records.remove(key);
        if let Key::WebhookEndpoint(id) = key {
            self.deliveries.forget(*id);
            self.cursors.remove(consumer_of(*id).as_str());
        }
    }

    fn head(&self) -> (u64, Time) {
        self.log
            .last()
            .map(|batch| (last_position(batch), Time(batch.time_ms)))
            .unwrap_or_default()
    }

    fn next_place(&self) -> u64 {
        self.kept.last_key_value().map_or(1, |(place, _)| place + 1)
    }

    /// What two things must never share.
    fn check(&self, batch: &Batch<'_>) -> Result<(), Fault> {
        for (key, value) in batch.changed {
            let taken = match (key, value) {
                (Key::Reference(..) | Key::WalletReference(..), Some(_)) => {
                    self.records.contains_key(key)
                }
                (Key::ApiKey(id), Some(Record::ApiKey(new))) => {
                    let known = self.records.get(&Key::KeyHash(new.hash));
                    known.is_some_and(|known| *known != Record::ApiKeyId(*id))
                }
                _ => false,
            };
            if taken {
                return Err(Fault::Rejected(format!("{key:?} is taken")));
            }
        }
        Ok(())
    }

    /// Carts of these states whose time is over, oldest first.
    fn carts_by_expiry(
        &self,
        now: Time,
        limit: usize,
        wanted: impl Fn(CartState) -> bool,
    ) -> Vec<CartId> {
        let over = self.records.values().filter_map(|record| match record {
            Record::Cart(cart) if wanted(cart.state) && cart.expires_at <= now => {
                Some((cart.expires_at, cart.id))
            }
            _ => None,
        });
        let mut over: Vec<_> = over.collect();
        over.sort_unstable();
        over.into_iter().map(|(_, id)| id).take(limit).collect()
    }

    fn page(
        &self,
        from: Key,
        after: &Cursor,
        limit: usize,
        wanted: impl Fn(&Record) -> Option<bool>,
    ) -> Page<Record> {
        let records = self.records.range(from..).map(|(_, record)| record);
        let records = records.map_while(|record| wanted(record).map(|wanted| (wanted, record)));
        let after = after.as_deref().unwrap_or_default();
        let mut found = records
            .filter(|(wanted, record)| *wanted && place(record).as_str() > after)
            .map(|(_, record)| record);
        let items: Vec<_> = found.by_ref().take(limit).cloned().collect();
        let next = items.last().filter(|_| found.next().is_some()).map(place);
        Page { items, next }
    }
}

struct Writer(Arc<Memory>);

impl WriteStore for Writer {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let tables = self.0.state.lock();
        Ok(keys.iter().map(|key| tables.find(key)).collect())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let mut tables = self.0.state.lock();
        tables.check(batch)?;
        if !batch.log.entries.is_empty() {
            let (first, head) = (batch.log.first_position, tables.head().0);
            if first != head + 1 {
                return Err(Fault::Unavailable(format!(
                    "a batch begins at {first}, but the log ends at {head}"
                )));
            }
            tables.log.push(batch.log.clone());
        }
        for (key, value) in batch.changed {
            match (key, value) {
                (Key::Cursor(consumer), Some(Record::Count(position))) => {
                    tables.cursors.insert(consumer.to_string(), *position);
                }
                (_, Some(value)) => {
                    tables.records.insert(key.clone(), value.clone());
                }
                (_, None) => tables.remove(key),
            }
        }
        if !batch.kept.is_empty() {
            let place = tables.next_place();
            tables.kept.insert(place, batch.kept.to_vec());
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        Ok(self.0.state.lock().head().0)
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        Ok(self.0.state.lock().head())
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let tables = self.0.state.lock();
        Ok(tables.log.last().map(|batch| batch.batch_id.clone()))
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        let tables = self.0.state.lock();
        let all = tables
            .kept
            .iter()
            .flat_map(|(place, kept)| kept.iter().map(|keep| (keep.hash, *place, keep.until)));
        Ok(all.filter(|(_, _, until)| *until > now).collect())
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        Ok(self.0.state.lock().next_place())
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        let tables = self.0.state.lock();
        let found = tables
            .kept
            .get(&place)
            .and_then(|kept| kept.iter().rfind(|keep| keep.hash == *hash));
        let Some(keep) = found else { return Ok(None) };
        let message = proto::KeptReply::decode(keep.reply.clone()).map_err(Fault::corrupt)?;
        KeptReply::decode(message)
            .map(Some)
            .ok_or_else(|| Fault::corrupt(format!("a kept reply at {place} is none")))
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        self.0
            .state
            .lock()
            .kept
            .retain(|_, kept| kept.iter().any(|keep| keep.until > before));
        Ok(())
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        let tables = self.0.state.lock();
        let holds = tables.records.values().filter_map(|record| match record {
            Record::Reservation(hold) if hold.state == State::Pending => {
                Some((hold.expires_at, hold.id))
            }
            _ => None,
        });
        Ok(holds.collect())
    }
}

/// The least text id there is: where a list of them begins.
fn least<T>(parse: impl Fn(&str) -> Result<T, cartwright_domain::id::BadId>) -> Result<T, Fault> {
    parse("-").map_err(Fault::corrupt)
}
