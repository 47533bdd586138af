//! Telling buyers by mail what became of their order: a consumer of the log, once per event.
//!
//! A letter is handed over before the cursor moves, so one may be sent twice after a crash, with the same `Message-ID`.

mod letters;
mod postbox;

pub use postbox::Postbox;

use crate::consumers::{Consumer, Place, Seen};
use crate::dead_letters::DeadLetters;
use crate::events;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::ports::mailer::{Mail, MailError, Mailer};
use crate::shop::Shop;
use cartwright_domain::checkout::Contact;
use cartwright_domain::order::{Event as OrderEvent, Order};
use cartwright_domain::{EventId, OrderId, Time};
use cartwright_proto::events as proto;
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
    dead_letters: DeadLetters,
    /// What was handed over while the cursor stood still.
    sent: u64,
}

/// Its name, in the log and among cursors and dead letters.
pub const CONSUMER: &str = "mail";

impl Notifier {
    /// Sends by `mailer`, as `seller`; `domain` is that of the sender's address. What can never be sent becomes a letter of
    /// `dead_letters`.
    pub fn new(
        shop: Shop,
        mailer: Arc<dyn Mailer>,
        seller: String,
        domain: String,
        dead_letters: DeadLetters,
    ) -> Self {
        Self {
            shop,
            dead_letters,
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

    /// The letter that an entry asks for.
    fn mail(&self, entry: &proto::Entry) -> Result<Option<Mail>, Fault> {
        let Some(Event::Order(id, event)) = events::decode(entry)? else {
            return Ok(None);
        };
        let Some((contact, subject, text)) = self.letter(id, &event, entry.stream_version)? else {
            return Ok(None);
        };
        let event_id = EventId::from_slice(&entry.event_id)
            .ok_or_else(|| Fault::Corrupt("an entry has no event id".into()))?;
        Ok(Some(Mail {
            message_id: format!("<{event_id}@{}>", self.domain),
            correlation: entry.correlation_id.clone(),
            to: contact
                .email
                .map(|email| email.as_str().to_owned())
                .unwrap_or_default(),
            subject,
            text,
        }))
    }

    /// Sends what an entry asks for; why it never can be, if so.
    fn send(&self, mail: &Mail) -> Result<Option<String>, Fault> {
        failpoint(Point::MailSending);
        let sent = self.mailer.send(mail);
        failpoint(Point::MailSent);
        match sent {
            Ok(()) => {
                tracing::debug!(message_id = mail.message_id, "a letter was handed over");
                Ok(None)
            }
            Err(MailError::Refused(why)) => Ok(Some(why)),
            Err(MailError::Unavailable(why)) => Err(Fault::Unavailable(why)),
        }
    }

    fn tell(&self, seen: &Seen<'_>) -> Result<(), Fault> {
        let mail = match self.mail(seen.entry) {
            Ok(None) => return Ok(()),
            Ok(Some(mail)) => mail,
            // It never can be understood, and what comes after it can.
            Err(Fault::Corrupt(why)) => return self.bury(seen, &why, 1),
            Err(fault) => return Err(fault),
        };
        if self.dead_letters.parks_now(&seen.entry.stream)? {
            return self.bury(seen, "it waits behind another dead letter", 0);
        }
        match self.send(&mail)? {
            None => Ok(()),
            Some(why) => self.bury(seen, &why, 1),
        }
    }

    fn bury(&self, seen: &Seen<'_>, cause: &str, attempts: u32) -> Result<(), Fault> {
        let first_at = Time(self.shop.clock().now_ms());
        let burial = self.dead_letters.burial(seen, cause, attempts, first_at);
        self.dead_letters
            .submit_now(&seen.entry.correlation_id, burial)
    }

    /// Tries a dead letter again, if this entry asks for that.
    fn tell_again(&self, seen: &Seen<'_>) -> Result<(), Fault> {
        let Some((letter, entry)) = self.dead_letters.asked_again_now(seen)? else {
            return Ok(());
        };
        let failure = match self.mail(&entry) {
            Ok(Some(mail)) => self.send(&mail)?,
            Ok(None) => None,
            Err(Fault::Corrupt(why)) => Some(why),
            Err(fault) => return Err(fault),
        };
        let settlement = self.dead_letters.settlement(&letter, failure, seen);
        self.dead_letters
            .submit_now(&letter.about.correlation, settlement)
    }
}

impl Consumer for Notifier {
    fn name(&self) -> &'static str {
        CONSUMER
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        for it in seen {
            if it.position <= self.sent {
                continue;
            }
            match it.entry.r#type.as_str() {
                events::REPLAYING => self.tell_again(it)?,
                kind if kind.starts_with("order.") => self.tell(it)?,
                _ => continue,
            }
            self.sent = it.position;
        }
        Ok(())
    }

    /// What may become a letter.
    fn shows(&self, seen: &Seen<'_>) -> bool {
        let kind = seen.entry.r#type.as_str();
        kind == events::REPLAYING || kind.starts_with("order.")
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    /// Nobody is told of what happened long ago.
    fn start_over(&mut self) -> Result<u64, Fault> {
        Ok(*self.shop.head().borrow())
    }
}
