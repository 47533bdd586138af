//! The topic `orders` of the OpenTelemetry demo: one message for each order that its checkout service would have placed.

use super::clients::settings;
use super::publisher::{Publisher, Record};
use cartwright_app::consumers::{Consumer, Place, Seen};
use cartwright_app::dead_letters::DeadLetters;
use cartwright_app::{Fault, Shop, events};
use cartwright_domain::Time;

/// Its name among cursors and dead letters.
const NAME: &str = "kafka-orders";
/// The topic.
const TOPIC: &str = "orders";
/// Largest message.
const MAX_BYTES: usize = 1_000_000;

/// The message for an entry that says that an order was placed; `None` when it is not one of the demo's.
pub type OrderOf = Box<dyn Fn(&Shop, &Seen<'_>) -> Result<Option<Vec<u8>>, Fault> + Send>;

/// Publishes the demo's orders, at least once each.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct OrdersTopic {
    shop: Shop,
    publisher: Publisher,
    letters: DeadLetters,
    order_of: OrderOf,
}

impl OrdersTopic {
    /// To these brokers. What can never be published becomes a letter.
    pub fn new(
        shop: Shop,
        brokers: &str,
        node: &str,
        max_dead_letters: usize,
        order_of: OrderOf,
    ) -> Self {
        let letters = DeadLetters::new(shop.clone(), NAME, max_dead_letters);
        Self {
            publisher: Publisher::new(settings(brokers, node, "orders"), MAX_BYTES),
            shop,
            letters,
            order_of,
        }
    }

    fn publish(&mut self, value: Vec<u8>) -> Result<Option<String>, Fault> {
        let record = Record {
            topic: TOPIC.into(),
            partition: None,
            key: None,
            value,
            headers: Vec::new(),
            time_ms: None,
        };
        let refused = self.publisher.publish(&[record])?;
        Ok(refused.into_iter().next().map(|it| it.1))
    }

    /// Publishes what an entry asks for; why it never can be.
    fn tell(&mut self, seen: &Seen<'_>) -> Result<Option<String>, Fault> {
        match (self.order_of)(&self.shop, seen) {
            Ok(Some(value)) => self.publish(value),
            Ok(None) => Ok(None),
            Err(Fault::Corrupt(why)) => Ok(Some(why)),
            Err(fault) => Err(fault),
        }
    }

    fn again(&mut self, seen: &Seen<'_>) -> Result<(), Fault> {
        let Some((letter, entry)) = self.letters.asked_again_now(seen)? else {
            return Ok(());
        };
        let again = Seen {
            position: letter.about.position,
            time: letter.about.occurred_at,
            entry: &entry,
            ..*seen
        };
        let failure = self.tell(&again)?;
        let settlement = self.letters.settlement(&letter, failure, seen);
        self.letters
            .submit_now(&letter.about.correlation, settlement)
    }
}

impl Consumer for OrdersTopic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        for it in seen {
            match it.entry.r#type.as_str() {
                events::REPLAYING => self.again(it)?,
                "order.placed" => {
                    let told = self.tell(it);
                    self.shop
                        .health()
                        .note_outside("kafka_orders", told.is_err());
                    if let Some(why) = told? {
                        let first_at = Time(self.shop.clock().now_ms());
                        let burial = self.letters.burial(it, &why, 1, first_at);
                        self.letters.submit_now(&it.entry.correlation_id, burial)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn shows(&self, seen: &Seen<'_>) -> bool {
        seen.entry.r#type == "order.placed"
    }

    fn leave(&mut self) {
        self.shop.health().forget_outside("kafka_orders");
    }

    /// Nobody is told of what happened long ago.
    fn start_over(&mut self) -> Result<u64, Fault> {
        Ok(*self.shop.head().borrow())
    }
}
