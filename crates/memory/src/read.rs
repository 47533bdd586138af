//! The read side: scans of the maps.

use crate::{Memory, documents, least, webhooks};
use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::{CheckoutsWanted, Cursor, Delivery, OrdersWanted, Page, ReadStore};
use cartwright_app::ports::{last_position, take_movements};
use cartwright_app::{Fault, events};
use cartwright_domain::cart::State as CartState;
use cartwright_domain::checkout::State as CheckoutState;
use cartwright_domain::inventory::LevelKey;
use cartwright_domain::wallet::Account;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, DeadLetterId, Money, OrderId, PaymentId, ReturnId, Sku, StoreId,
    Time, WalletEntryId, WebhookEndpointId,
};
use cartwright_proto::events as proto;
use smol_str::SmolStr;

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
