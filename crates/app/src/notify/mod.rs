//! Telling buyers by mail what became of their order: a consumer of the log, once per event.
//!
//! A letter is handed over before the cursor moves, so one may be sent twice after a crash, with the same `Message-ID`.

mod letters;
mod postbox;

pub use postbox::Postbox;

use crate::consumers::{Consumer, Place, Seen};
use crate::events;
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::ports::mailer::{Mail, MailError, Mailer};
use crate::shop::Shop;
use cartwright_domain::checkout::Contact;
use cartwright_domain::order::{Event as OrderEvent, Order};
use cartwright_domain::{EventId, OrderId};
use std::sync::Arc;
use std::time::Duration;

/// How long letters may wait for each other: each batch moves the cursor once.
const LINGER: Duration = Duration::from_millis(200);

/// Writes to buyers.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Notifier {
    shop: Shop,
    mailer: Arc<dyn Mailer>,
    /// What the shop is called in letters, and the right half of their `Message-ID`.
    seller: String,
    domain: String,
    /// What was handed over while the cursor stood still.
    sent: u64,
}

impl Notifier {
    /// Sends by `mailer`, as `seller`; `domain` is that of the sender's address.
    pub fn new(shop: Shop, mailer: Arc<dyn Mailer>, seller: String, domain: String) -> Self {
        Self {
            shop,
            mailer,
            seller,
            domain,
            sent: 0,
        }
    }

    /// The letter that an event asks for, if it does and its buyer can be reached.
    fn letter(
        &self,
        id: OrderId,
        event: &OrderEvent,
        version: u64,
    ) -> Result<Option<(Contact, String, String)>, Fault> {
        let Some(Record::Order(order)) = self.shop.read_now(&Key::Order(id))? else {
            return Ok(None);
        };
        let Some((subject, text)) = letters::of(&self.seller, &order, event, version) else {
            return Ok(None);
        };
        Ok(self
            .contact(&order)?
            .map(|contact| (contact, subject, text)))
    }

    /// Nobody is written to who was erased.
    fn contact(&self, order: &Order) -> Result<Option<Contact>, Fault> {
        let Some(id) = order.contact else {
            return Ok(None);
        };
        match self.shop.read_now(&Key::Contact(id))? {
            Some(Record::Contact(contact)) if contact.email.is_some() => {
                Ok(Some(Contact::clone(&contact)))
            }
            _ => Ok(None),
        }
    }

    fn tell(&self, seen: &Seen<'_>) -> Result<(), Fault> {
        let Some(Event::Order(id, event)) = events::decode(seen.entry)? else {
            return Ok(());
        };
        let Some((contact, subject, text)) = self.letter(id, &event, seen.entry.stream_version)?
        else {
            return Ok(());
        };
        let event_id = EventId::from_slice(&seen.entry.event_id)
            .ok_or_else(|| Fault::Corrupt("an entry has no event id".into()))?;
        let mail = Mail {
            message_id: format!("<{event_id}@{}>", self.domain),
            to: contact
                .email
                .map(|email| email.as_str().to_owned())
                .unwrap_or_default(),
            subject,
            text,
        };
        match self.mailer.send(&mail) {
            Ok(()) => {
                tracing::debug!(order = %id, message_id = mail.message_id, "a letter was handed over");
                Ok(())
            }
            Err(MailError::Refused(why)) => {
                tracing::error!(order = %id, message_id = mail.message_id, why, "a letter can never be delivered; it is left out");
                Ok(())
            }
            Err(MailError::Unavailable(why)) => Err(Fault::Unavailable(why)),
        }
    }
}

impl Consumer for Notifier {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        let orders = seen
            .iter()
            .filter(|it| it.entry.r#type.starts_with("order."));
        for entry in orders {
            if entry.position > self.sent {
                self.tell(entry)?;
                self.sent = entry.position;
            }
        }
        Ok(())
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    /// Nobody is told of what happened long ago.
    fn start_over(&mut self) -> Result<u64, Fault> {
        Ok(*self.shop.head().borrow())
    }
}
