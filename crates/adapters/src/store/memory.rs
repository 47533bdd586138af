//! The reference: maps behind one lock. Durable only as long as it lives.

mod documents;
mod webhooks;

use super::sqlite::{last_position, place, take_movements};
use cartwright_app::kept::KeptReply;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::{
    Batch, CheckoutsWanted, Cursor, Delivery, Keep, OrdersWanted, Page, Random, ReadStore,
    StoreParts, WriteStore,
};
use cartwright_app::webhooks::consumer_of;
use cartwright_app::{Fault, events};
use cartwright_domain::cart::State as CartState;
use cartwright_domain::checkout::State as CheckoutState;
use cartwright_domain::inventory::{LevelKey, State};
use cartwright_domain::wallet::Account;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, ContactId, DeadLetterId, Money, OrderId, PaymentId,
    ReservationId, ReturnId, Sku, StoreId, Time, WalletEntryId, WebhookEndpointId,
};
use cartwright_proto::events as proto;
use parking_lot::Mutex;
use prost::Message;
use smol_str::SmolStr;
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

impl ReadStore for Memory {
    fn blocks(&self) -> bool {
        false
    }

    fn load(&self, key: &Key) -> Result<Option<Record>, Fault> {
        Ok(self.state.lock().find(key))
    }

    fn list_products(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let from = Key::Product(least(cartwright_domain::ProductId::new)?);
        let wanted = |record: &Record| matches!(record, Record::Product(_)).then_some(true);
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn list_stores(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let from = Key::Store(least(StoreId::new)?);
        let wanted = |record: &Record| matches!(record, Record::Store(_)).then_some(true);
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn list_levels(
        &self,
        store: &StoreId,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let from = Key::Level(LevelKey {
            sku: least(Sku::new)?,
            store: least(StoreId::new)?,
        });
        let wanted = |record: &Record| match record {
            Record::Level(level) => Some(level.key.store == *store),
            _ => None,
        };
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn list_shortages(&self, limit: usize) -> Result<Page<Record>, Fault> {
        let from = Key::Level(LevelKey {
            sku: least(Sku::new)?,
            store: least(StoreId::new)?,
        });
        let wanted = |record: &Record| match record {
            Record::Level(level) => Some(level.missing() > 0),
            _ => None,
        };
        Ok(self.state.lock().page(from, &None, limit, wanted))
    }

    fn list_carts(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let wanted = |record: &Record| match record {
            Record::Cart(cart) => Some(cart.customer_id.as_deref() == Some(customer)),
            _ => None,
        };
        Ok(self
            .state
            .lock()
            .page(Key::Cart(CartId(0)), after, limit, wanted))
    }

    fn stale_carts(&self, now: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        Ok(self
            .state
            .lock()
            .carts_by_expiry(now, limit, |state| state == CartState::Open))
    }

    fn closed_carts(&self, before: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        let closed = |state| matches!(state, CartState::Expired | CartState::Merged);
        Ok(self.state.lock().carts_by_expiry(before, limit, closed))
    }

    fn list_checkouts(
        &self,
        wanted: CheckoutsWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let is_wanted = |record: &Record| match record {
            Record::Checkout(it) => Some(
                wanted.cart.is_none_or(|cart| it.cart_id == cart)
                    && wanted.state.is_none_or(|state| it.state == state),
            ),
            _ => None,
        };
        let from = Key::Checkout(CheckoutId(0));
        Ok(self.state.lock().page(from, after, limit, is_wanted))
    }

    fn stale_checkouts(&self, now: Time, limit: usize) -> Result<Vec<CheckoutId>, Fault> {
        let tables = self.state.lock();
        let over = tables.records.values().filter_map(|record| match record {
            Record::Checkout(it)
                if it.state == CheckoutState::Open && it.terms.expires_at <= now =>
            {
                Some((it.terms.expires_at, it.id))
            }
            _ => None,
        });
        let mut over: Vec<_> = over.collect();
        over.sort_unstable();
        Ok(over.into_iter().map(|(_, id)| id).take(limit).collect())
    }

    fn list_orders(
        &self,
        wanted: &OrdersWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let tables = self.state.lock();
        let is_wanted = |record: &Record| match record {
            Record::Order(it) => Some(
                wanted.state.is_none_or(|state| it.state == state)
                    && wanted
                        .customer
                        .as_ref()
                        .is_none_or(|customer| it.customer.as_ref() == Some(customer))
                    && (!wanted.is_unsettled || it.is_unsettled())
                    && wanted.from.is_none_or(|from| it.placed_at >= from)
                    && wanted.to.is_none_or(|to| it.placed_at < to)
                    && wanted
                        .email
                        .as_ref()
                        .is_none_or(|email| tables.is_of(it.contact, email)),
            ),
            _ => None,
        };
        Ok(tables.page(Key::Order(OrderId(0)), after, limit, is_wanted))
    }

    fn unverified_payments(
        &self,
        after: Option<PaymentId>,
        limit: usize,
    ) -> Result<Vec<PaymentId>, Fault> {
        let tables = self.state.lock();
        let open = tables.records.values().filter_map(|record| match record {
            Record::Payment(it) if it.is_unverified() => Some(it.id),
            _ => None,
        });
        Ok(open
            .filter(|id| after.is_none_or(|after| *id > after))
            .take(limit)
            .collect())
    }

    fn list_documents(
        &self,
        only: Option<DocumentKind>,
        after: Option<DocumentNumber>,
        limit: usize,
    ) -> Result<Vec<(DocumentNumber, OrderId)>, Fault> {
        let tables = self.state.lock();
        Ok(documents::list(&tables.records, only, after, limit))
    }

    fn list_returns(
        &self,
        after: Option<ReturnId>,
        limit: usize,
    ) -> Result<Vec<(ReturnId, OrderId)>, Fault> {
        let tables = self.state.lock();
        let all = tables
            .records
            .iter()
            .filter_map(|(key, record)| match (key, record) {
                (Key::Return(id), Record::OrderId(order)) => Some((*id, *order)),
                _ => None,
            });
        Ok(all
            .filter(|(id, _)| after.is_none_or(|after| *id > after))
            .take(limit)
            .collect())
    }

    fn list_wallet_entries(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let wanted = |record: &Record| match record {
            Record::WalletEntry(it) => Some(it.data.customer == customer),
            _ => None,
        };
        let from = Key::WalletEntry(WalletEntryId(0));
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn ledger_accounts(&self) -> Result<Vec<(Account, Money)>, Fault> {
        Ok(documents::accounts(&self.state.lock().records))
    }

    fn list_api_keys(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let wanted = |record: &Record| matches!(record, Record::ApiKey(_)).then_some(true);
        Ok(self
            .state
            .lock()
            .page(Key::ApiKey(ApiKeyId(0)), after, limit, wanted))
    }

    fn list_webhook_endpoints(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let wanted = |record: &Record| matches!(record, Record::WebhookEndpoint(_)).then_some(true);
        let from = Key::WebhookEndpoint(WebhookEndpointId(0));
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn list_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        before: Option<(u64, SmolStr)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Fault> {
        let tables = self.state.lock();
        Ok(tables.deliveries.list(endpoint, before.as_ref(), limit))
    }

    fn keep_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        consumer: &str,
        through: u64,
        deliveries: &[Delivery],
    ) -> Result<(), Fault> {
        let mut tables = self.state.lock();
        if !tables.records.contains_key(&Key::WebhookEndpoint(endpoint)) {
            return Ok(());
        }
        tables.deliveries.keep(endpoint, deliveries);
        tables.cursors.insert(consumer.to_owned(), through);
        Ok(())
    }

    fn list_dead_letters(
        &self,
        consumer: Option<&str>,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let wanted = |record: &Record| match record {
            Record::DeadLetter(it) => Some(consumer.is_none_or(|name| it.about.consumer == name)),
            _ => None,
        };
        let from = Key::DeadLetter(DeadLetterId(0));
        Ok(self.state.lock().page(from, after, limit, wanted))
    }

    fn count_dead_letters(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        Ok(webhooks::letters_by_consumer(
            self.state.lock().records.values(),
        ))
    }

    fn cursors(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        let tables = self.state.lock();
        let all = tables.cursors.iter();
        Ok(all.map(|(name, at)| (name.into(), *at)).collect())
    }

    fn movements(
        &self,
        sku: &Sku,
        store: &StoreId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Time, proto::Entry)>, Fault> {
        let stream = events::stream(&Key::Level(LevelKey {
            sku: sku.clone(),
            store: store.clone(),
        }));
        let mut found = Vec::new();
        for batch in &self.state.lock().log {
            take_movements(batch.clone(), &stream, after_version, limit, &mut found);
        }
        Ok(found)
    }

    fn log(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault> {
        let tables = self.state.lock();
        let (mut batches, mut entries) = (Vec::new(), 0);
        for batch in tables
            .log
            .iter()
            .filter(|batch| last_position(batch) > after)
        {
            if entries >= limit {
                break;
            }
            entries += batch.entries.len();
            batches.push(batch.clone());
        }
        Ok(batches)
    }

    fn visit_all(
        &self,
        visit: &mut dyn FnMut(Key, Record) -> Result<(), Fault>,
    ) -> Result<u64, Fault> {
        let (records, (position, _)) = {
            let tables = self.state.lock();
            (tables.records.clone(), tables.head())
        };
        for (key, record) in records.into_iter().filter(|(_, record)| {
            record.version() > 0 && !matches!(record, Record::Contact(_) | Record::Instrument(_))
        }) {
            visit(key, record)?;
        }
        Ok(position)
    }

    fn cursor(&self, consumer: &str) -> Result<Option<u64>, Fault> {
        Ok(self.state.lock().cursors.get(consumer).copied())
    }

    fn set_cursor(&self, consumer: &str, position: u64) -> Result<(), Fault> {
        self.state
            .lock()
            .cursors
            .insert(consumer.to_owned(), position);
        Ok(())
    }

    fn truncate_log(&self, through: u64) -> Result<(), Fault> {
        let mut tables = self.state.lock();
        let last = tables.log.pop();
        tables.log.retain(|batch| last_position(batch) > through);
        tables.log.extend(last);
        Ok(())
    }

    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn quote_key(&self) -> [u8; 32] {
        self.quote_key
    }
}
