//! Drops from memory what other processes have changed. Ephemeral: a process starts with nothing in memory.
//!
//! What this process writes itself is in memory before anybody is answered, so its own entries are passed over, and what is
//! rendered from memory is checked against it by version: forgetting a thing here is enough.

use super::{Consumer, Place, Seen};
use crate::committed::Committed;
use crate::events;
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record, Series};
use crate::shop::Shop;
use cartwright_domain::ProductId;
use cartwright_domain::catalog as product;
use cartwright_domain::inventory::ReservationEvent;
use cartwright_domain::wallet::EntryEvent;
use cartwright_domain::{cart, checkout, checkout::SagaEvent, dead_letter, order};
use cartwright_proto::events as proto;

/// The consumer that follows other writers with the committed memory.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Invalidation {
    shop: Shop,
    origin: String,
}

impl Invalidation {
    /// Follows what others than `origin`, the name of this node in the log, have written.
    pub fn new(shop: Shop, origin: String) -> Self {
        Self { shop, origin }
    }
}

/// Drops from memory what an entry of another process has changed, and what follows from it for the indexes.
pub(crate) fn forget(committed: &Committed, entry: &proto::Entry) {
    match events::decode(entry) {
        Ok(Some(Event::Product(id, event))) => {
            forget_product(committed, id, &event, entry.stream_version);
        }
        Ok(Some(event)) => forget_event(committed, &event),
        Ok(None) => {
            if let Some(key @ (Key::Contact(_) | Key::Instrument(_))) =
                events::key_of(&entry.stream)
            {
                committed.forget(&key);
            }
        }
        // What cannot be understood may be anything.
        Err(_) => committed.clear(),
    }
}

fn forget_product(committed: &Committed, id: ProductId, event: &product::Event, version: u64) {
    match event {
        product::Event::PriceSet { .. } => {}
        // Nothing was there: its names may be remembered as absent.
        product::Event::Put { data, variants } if version == 1 => {
            committed.forget(&Key::Slug(data.slug.clone()));
            for variant in variants {
                committed.forget(&Key::Sku(variant.sku.clone()));
            }
        }
        // Which names it gives up is not known.
        product::Event::Put { .. } => return committed.clear_memory(),
    }
    committed.forget(&Key::Product(id));
}

fn forget_event(committed: &Committed, event: &Event) {
    let key = event.key();
    match event {
        Event::Product(..) => return committed.clear(),
        // Its hash may be remembered as absent, or as present.
        Event::ApiKey(..) => return committed.clear_memory(),
        Event::Level(level, _) => committed.forget(&Key::StoresOf(level.sku.clone())),
        Event::Cart(_, cart::Event::Created(created)) => {
            if let Some(user) = &created.external_user {
                committed.forget(&Key::UserCart(user.package.clone(), user.user.clone()));
            }
        }
        // The user of a package is free for a new cart.
        Event::Cart(
            _,
            cart::Event::Merged { .. } | cart::Event::Ordered | cart::Event::Deleted,
        ) => match committed.get(&key) {
            Some(Some(Record::Cart(cart))) => {
                if let Some(user) = &cart.external_user {
                    let key = Key::UserCart(user.package.clone(), user.user.clone());
                    committed.forget(&key);
                }
            }
            _ => committed.clear_memory(),
        },
        Event::Reservation(
            _,
            ReservationEvent::Held {
                principal,
                reference,
                ..
            },
        ) => {
            committed.forget(&Key::OpenHolds(principal.clone()));
            committed.forget(&Key::Reference(principal.clone(), reference.clone()));
        }
        Event::Checkout(_, checkout::Event::Opened { cart_id, .. }) => {
            committed.forget(&Key::CheckoutOf(*cart_id));
        }
        // The cart is free for another checkout.
        Event::Checkout(
            _,
            checkout::Event::Cancelled
            | checkout::Event::Expired
            | checkout::Event::Saga(SagaEvent::Undone {
                to: checkout::State::Cancelled,
            }),
        ) => match committed.get(&key) {
            Some(Some(Record::Checkout(it))) => {
                committed.forget(&Key::CheckoutOf(it.cart_id));
            }
            _ => committed.clear_memory(),
        },
        Event::Order(_, order::Event::Placed(placed)) => {
            committed.forget(&Key::OrderNumber(placed.number));
            committed.forget(&Key::Last(Series::Order));
        }
        Event::Order(_, order::Event::Paid { invoice }) => {
            committed.forget(&Key::Invoice(*invoice));
            committed.forget(&Key::Last(Series::Invoice));
        }
        Event::Order(_, order::Event::RefundStarted(started)) => {
            committed.forget(&Key::CreditNote(started.credit_note));
            committed.forget(&Key::Last(Series::CreditNote));
        }
        Event::Order(
            _,
            order::Event::ReturnRequested { id, .. }
            | order::Event::ExchangePlaced { back: id, .. },
        ) => {
            committed.forget(&Key::Return(*id));
        }
        Event::WalletEntry(_, EntryEvent::Posted(data)) => {
            let reference = (data.customer.clone(), data.reference.clone());
            committed.forget(&Key::WalletReference(reference.0, reference.1));
            for posting in &data.postings {
                committed.forget(&Key::Account(posting.account, data.amount.currency));
            }
        }
        Event::WebhookEndpoint(..) => committed.forget(&Key::WebhookEndpoints),
        Event::DeadLetter(_, dead_letter::Event::Recorded(it)) => {
            committed.forget(&Key::DeadLettersOf(it.consumer.clone()));
        }
        // Whose list it leaves is no longer known.
        Event::DeadLetter(
            _,
            dead_letter::Event::Settled | dead_letter::Event::Discarded { .. },
        ) => return committed.clear_memory(),
        Event::DeadLetter(..) => {}
        Event::Checkout(_, checkout::Event::Updated(_) | checkout::Event::Saga(_))
        | Event::Order(..)
        | Event::Wallet(..)
        | Event::Payment(..)
        | Event::Instrument(..)
        | Event::Contact(..)
        | Event::Cart(..)
        | Event::Store(..)
        | Event::Reservation(..)
        | Event::Transfer(..)
        | Event::Notice(..) => {}
    }
    committed.forget(&key);
}

impl Consumer for Invalidation {
    fn name(&self) -> &'static str {
        "invalidation"
    }

    fn place(&self) -> Place {
        Place::Anew
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        let foreign = seen.iter().filter(|seen| seen.origin != self.origin);
        for seen in foreign {
            forget(&self.shop.committed, seen.entry);
        }
        Ok(())
    }

    fn start_over(&mut self) -> Result<u64, Fault> {
        let head = *self.shop.head().borrow();
        self.shop.forget_all();
        Ok(head)
    }
}
