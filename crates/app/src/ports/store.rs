//! Where everything is kept. The write side belongs to the loop's own thread; the read side serves everybody.

use super::{Lease, Swap};
use crate::nouns::{Key, Record};
use crate::orders::{DocumentKind, DocumentNumber};
use crate::{Fault, kept::KeptReply};
use bytes::Bytes;
use cartwright_domain::checkout::State as CheckoutState;
use cartwright_domain::order::State as OrderState;
use cartwright_domain::wallet::Account;
use cartwright_domain::{
    CartId, CheckoutId, Money, OrderId, PaymentId, ReservationId, ReturnId, Sku, StoreId, Time,
    WebhookEndpointId,
};
use cartwright_proto::events as proto;
use crossbeam_channel::Sender;
use smol_str::SmolStr;
use std::pin::Pin;
use std::sync::Arc;

/// Everything that one transaction changes.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The log entries, with their position; none for a batch that only keeps replies.
    pub log: &'a proto::Batch,
    /// New state of every key that changed; `None`: it is gone.
    pub changed: &'a [(Key, Option<Record>)],
    /// Replies to keep for retries, with what finds them.
    pub kept: &'a [Keep],
    /// When.
    pub now: Time,
}

/// A kept reply as the store sees it.
#[derive(Debug, Clone)]
pub struct Keep {
    /// What finds it.
    pub hash: [u8; 16],
    /// Until when it must be found.
    pub until: Time,
    /// The reply, encoded.
    pub reply: Bytes,
}

/// What [`ReadStore::ask`] comes to.
pub type Loading = Pin<Box<dyn Future<Output = Result<Option<Record>, Fault>> + Send>>;

/// Where a list goes on: the last key of the page before.
pub type Cursor = Option<String>;

/// Which checkouts a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckoutsWanted {
    /// Of this cart.
    pub cart: Option<CartId>,
    /// In this state, as last written.
    pub state: Option<CheckoutState>,
}

/// Which orders a list has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrdersWanted {
    /// In this state.
    pub state: Option<OrderState>,
    /// Of this customer.
    pub customer: Option<SmolStr>,
    /// Of whoever is reached there; upper and lower case are the same.
    pub email: Option<SmolStr>,
    /// Placed at or after this moment.
    pub from: Option<Time>,
    /// Placed before this moment.
    pub to: Option<Time>,
    /// Whether only those whose money is on its way back, or should be.
    pub is_unsettled: bool,
}

/// Messages to a webhook endpoint that are remembered.
pub const DELIVERIES_KEPT: usize = 1_000;

/// How a message to a webhook endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It was tried in vain, and is tried again.
    Pending,
    /// It arrived.
    Delivered,
    /// It has become a dead letter.
    Dead,
}

impl DeliveryState {
    /// All of them, with their spelling on the wire.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Pending, "pending"),
        (Self::Delivered, "delivered"),
        (Self::Dead, "dead"),
    ];

    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// From its spelling.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|it| it.1 == word).map(|it| it.0)
    }
}

/// What became of a message to a webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Position of the entry that it tells of.
    pub position: u64,
    /// Its id, the same however often it is sent.
    pub id: SmolStr,
    /// What it tells of, like `order.placed`.
    pub name: SmolStr,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// The last status, or why there was none.
    pub last: SmolStr,
    /// When it is sent again.
    pub next_try: Option<Time>,
    /// When it was last sent, or changed otherwise.
    pub at: Time,
}

/// One page of a list, in the order of its key.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next: Cursor,
}

/// The write side. Not shared: it belongs to the loop.
pub trait WriteStore: Send {
    /// The committed state of each key, in the order of the keys. One statement a noun.
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault>;

    /// All of the batch, durable, or nothing. [`Fault::Rejected`] when what is in it breaks a constraint.
    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault>;

    /// After a failed commit: reopens, checks that writing works, and returns the position of the last entry that is kept.
    fn recover(&mut self) -> Result<u64, Fault>;

    /// Whether something failed beside the loop, so that [`WriteStore::recover`] is due before anything is decided: until then loads and
    /// commits fail.
    fn is_in_doubt(&self) -> bool {
        false
    }

    /// The position and time of the last entry; zeros for an empty log.
    fn head(&mut self) -> Result<(u64, Time), Fault>;

    /// The `batch_id` of the batch that was written last; `None` for an empty log. Two batches may end at the same position, but only one
    /// was written.
    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault>;

    /// Every kept reply that still counts: hash, where it is, until when.
    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault>;

    /// Where the replies of the next batch will be kept.
    fn next_kept_place(&mut self) -> Result<u64, Fault>;

    /// A kept reply at a place.
    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault>;

    /// Drops replies that no longer count.
    fn drop_kept(&mut self, before: Time) -> Result<(), Fault>;

    /// Every pending hold and when it expires.
    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault>;

    /// The lease as it stands now; `None` when nobody ever had one. Only a store that processes share has leases.
    fn lease(&mut self) -> Result<Option<Lease>, Fault> {
        Ok(None)
    }

    /// Makes the lease `to` if it is `from` now. After that this side commits only while the lease has the holder and the
    /// epoch of `to`; any other commit is refused with [`Fault::NoLease`] and changes nothing.
    fn swap_lease(&mut self, _from: Option<&Lease>, _to: &Lease) -> Result<Swap, Fault> {
        Err(Fault::Unavailable("this store is not shared".into()))
    }

    /// Whether the process that has the lease surely cannot write any more, so that nobody need wait until its time is over.
    fn is_abandoned(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    /// Nudges when another process may have written, if the store can say so: then nobody need look every moment.
    fn listen(&mut self, _nudge: Sender<()>) {}

    /// Wakes the processes that were stopped in the middle of a commit and so keep everybody else from the store; their numbers.
    fn wake(&mut self) -> Result<Vec<u32>, Fault> {
        Ok(Vec::new())
    }
}

/// What a read replica was good for, since start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaCounts {
    /// Lists that it served.
    pub served: u64,
    /// Lists that the primary served because the replica did not have all that is committed.
    pub behind: u64,
    /// Lists that the primary served because the replica did not answer.
    pub failed: u64,
    /// Whether it did not answer when it was asked last.
    pub fails: bool,
}

/// The read side: committed state only, from any thread. Calls block; run them off the async threads.
pub trait ReadStore: Send + Sync {
    /// Whether a call may block. What never does is read where it is asked for.
    fn blocks(&self) -> bool {
        true
    }

    /// How a read replica does; `None` where there is none.
    fn replica(&self) -> Option<ReplicaCounts> {
        None
    }

    /// The committed state of a key.
    fn load(&self, key: &Key) -> Result<Option<Record>, Fault>;

    /// The committed state of each key, in their order.
    fn load_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        keys.iter().map(|key| self.load(key)).collect()
    }

    /// As [`Self::load`], without a thread that waits, asked for at once; `None` where a store cannot.
    fn ask(&self, _key: &Key) -> Option<Loading> {
        None
    }

    /// The product that has a SKU, as [`Self::ask`].
    fn ask_product_of(&self, _sku: &Sku) -> Option<Loading> {
        None
    }

    /// Products in the order of their ids.
    fn list_products(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault>;

    /// Locations in the order of their ids.
    fn list_stores(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault>;

    /// Levels of a location in the order of their SKUs.
    fn list_levels(
        &self,
        store: &StoreId,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// Levels of which more is promised than lies there, in the order of their SKUs and locations: the first page.
    fn list_shortages(&self, limit: usize) -> Result<Page<Record>, Fault>;

    /// Carts of a customer, oldest first.
    fn list_carts(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// Open carts whose time is over, those that ended first first.
    fn stale_carts(&self, now: Time, limit: usize) -> Result<Vec<CartId>, Fault>;

    /// Carts that expired or were merged and whose time was over at `before`, those that ended first first.
    fn closed_carts(&self, before: Time, limit: usize) -> Result<Vec<CartId>, Fault>;

    /// Checkouts, oldest first; of one cart, in one state as last written, or both.
    fn list_checkouts(
        &self,
        wanted: CheckoutsWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// Open checkouts whose time is over, those that ended first first.
    fn stale_checkouts(&self, now: Time, limit: usize) -> Result<Vec<CheckoutId>, Fault>;

    /// Orders, oldest first.
    fn list_orders(
        &self,
        wanted: &OrdersWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// Invoices, then credit notes, each by number; `only` one of the two.
    fn list_documents(
        &self,
        only: Option<DocumentKind>,
        after: Option<DocumentNumber>,
        limit: usize,
    ) -> Result<Vec<(DocumentNumber, OrderId)>, Fault>;

    /// Returns after this one, oldest first.
    fn list_returns(
        &self,
        after: Option<ReturnId>,
        limit: usize,
    ) -> Result<Vec<(ReturnId, OrderId)>, Fault>;

    /// Payments that have ended and whose provider was not yet seen to agree, after this one, oldest first.
    fn unverified_payments(
        &self,
        after: Option<PaymentId>,
        limit: usize,
    ) -> Result<Vec<PaymentId>, Fault>;

    /// Entries of a customer's wallet, oldest first.
    fn list_wallet_entries(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// How the accounts of the wallets' ledger stand, all at one moment, in the order of currencies and accounts. They sum to 0 for
    /// each currency.
    fn ledger_accounts(&self) -> Result<Vec<(Account, Money)>, Fault>;

    /// API keys, oldest first.
    fn list_api_keys(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault>;

    /// Webhook endpoints, oldest first.
    fn list_webhook_endpoints(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault>;

    /// What became of the messages to an endpoint, the newest first, those before `before` (a position and a message's id).
    fn list_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        before: Option<(u64, SmolStr)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Fault>;

    /// Remembers what became of messages to an endpoint, each by its position and id, and how far its consumer has come, together; nothing
    /// when the endpoint is gone. Only the last [`DELIVERIES_KEPT`] are kept. As a cursor, it may be lost by a power failure.
    fn keep_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        consumer: &str,
        through: u64,
        deliveries: &[Delivery],
    ) -> Result<(), Fault>;

    /// Dead letters, oldest first, of all consumers or of one.
    fn list_dead_letters(
        &self,
        consumer: Option<&str>,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault>;

    /// How many dead letters each consumer has, by name; none for those without.
    fn count_dead_letters(&self) -> Result<Vec<(SmolStr, u64)>, Fault>;

    /// How far each durable consumer has read, by name.
    fn cursors(&self) -> Result<Vec<(SmolStr, u64)>, Fault>;

    /// Log entries of one level after a version, as `(position, time, entry)`.
    #[allow(
        clippy::type_complexity,
        reason = "an entry with where and when it stands"
    )]
    fn movements(
        &self,
        sku: &Sku,
        store: &StoreId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Time, proto::Entry)>, Fault>;

    /// Whole batches of the log that have entries after a position, up to about `limit` entries.
    fn log(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault>;

    /// Calls `visit` with the state of every noun, all at one position, which is returned. A person's data is not among it:
    /// no event has it, and it can be erased.
    fn visit_all(
        &self,
        visit: &mut dyn FnMut(Key, Record) -> Result<(), Fault>,
    ) -> Result<u64, Fault>;

    /// How far a durable consumer has read.
    fn cursor(&self, consumer: &str) -> Result<Option<u64>, Fault>;

    /// Remembers how far a durable consumer has read.
    fn set_cursor(&self, consumer: &str, position: u64) -> Result<(), Fault>;

    /// Drops log entries up to and including a position.
    fn truncate_log(&self, through: u64) -> Result<(), Fault>;

    /// Bytes a key's secret is derived from; made once, kept with the data.
    fn secret(&self) -> [u8; 32];

    /// The private key that quotes are signed with (P-256, big-endian); made once, kept with the data.
    fn quote_key(&self) -> [u8; 32];
}

/// Both sides of one store.
#[allow(
    missing_debug_implementations,
    reason = "trait objects of the outside world"
)]
pub struct StoreParts {
    /// For the loop.
    pub write: Box<dyn WriteStore>,
    /// For everybody.
    pub read: Arc<dyn ReadStore>,
}
