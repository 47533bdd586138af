//! Who tells the endpoints: one task for each of them, in the process that writes.

use super::endpoints::{consumer_of, secret_of};
use super::sender::Sender;
use crate::dead_letters::DeadLetters;
use crate::fault::Fault;
use crate::keys::Secrets;
use crate::nouns::Record;
use crate::ports::courier::Courier;
use crate::ports::{Bus, Random};
use crate::shop::Shop;
use cartwright_domain::WebhookEndpointId;
use cartwright_domain::webhook::WebhookEndpoint;
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often endpoints are looked for that nobody tells, or that are gone.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the last messages may take when the shop closes.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// More endpoints than may ever be.
const MOST: usize = 1_000;

/// How messages are sent.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How often a message is sent before it becomes a dead letter.
    pub tries: u32,
    /// The first pause between tries; doubled each time.
    pub first_pause: Duration,
    /// The longest pause.
    pub last_pause: Duration,
    /// Dead letters that an endpoint may have.
    pub max_dead_letters: usize,
}

/// Tells the endpoints. Cheap to clone.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Webhooks {
    shop: Shop,
    bus: Arc<dyn Bus>,
    courier: Arc<dyn Courier>,
    random: Arc<dyn Random>,
    secrets: Secrets,
    options: Options,
}

/// A task that ends with whoever holds it.
struct Held(JoinHandle<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Webhooks {
    /// One that tells nobody yet.
    pub fn new(
        shop: Shop,
        bus: Arc<dyn Bus>,
        courier: Arc<dyn Courier>,
        random: Arc<dyn Random>,
        options: Options,
    ) -> Self {
        let secrets = Secrets::new(shop.store().secret());
        Self {
            shop,
            bus,
            courier,
            random,
            secrets,
            options,
        }
    }

    /// Tells everybody, as long as this process writes, until the loop has closed; then what was committed is told as far as that goes
    /// quickly. Meant to be spawned; what it has begun ends with it.
    pub async fn watch(self) {
        let mut held = HashMap::new();
        let mut was_reader = false;
        while self.bus.head().has_changed().is_ok() {
            let is_reader = self.shop.health().is_reader();
            if is_reader {
                // What was on its way when the lease went may arrive and be noted, so that it is not told twice for a polite stop.
                if was_reader {
                    held.clear();
                }
            } else if let Err(fault) = self.look(&mut held).await {
                tracing::warn!(%fault, "webhook endpoints could not be looked for; trying again");
            }
            was_reader = is_reader;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let ended = async {
            for task in held.values_mut() {
                // One that ended otherwise has said so.
                let _ = (&mut task.0).await;
            }
        };
        // The rest is told after the next start.
        drop(tokio::time::timeout(LAST_WORDS, ended).await);
    }

    async fn look(&self, held: &mut HashMap<WebhookEndpointId, Held>) -> Result<(), Fault> {
        let list = |store: &dyn crate::ports::ReadStore| store.list_webhook_endpoints(&None, MOST);
        let found = self.shop.read(list).await?.items;
        let found: HashMap<_, _> = found
            .into_iter()
            .filter_map(|record| match record {
                Record::WebhookEndpoint(it) => Some((it.id, it)),
                _ => None,
            })
            .collect();
        held.retain(|id, task| found.contains_key(id) && !task.0.is_finished());
        for (id, endpoint) in found {
            if !held.contains_key(&id) {
                let sender = self.sender(endpoint);
                held.insert(id, Held(tokio::spawn(sender.run())));
            }
        }
        Ok(())
    }

    fn sender(&self, endpoint: Arc<WebhookEndpoint>) -> Sender {
        let consumer = consumer_of(endpoint.id);
        let letters = DeadLetters::of_endpoint(
            self.shop.clone(),
            consumer.clone(),
            endpoint.id,
            self.options.max_dead_letters,
        );
        Sender {
            shop: self.shop.clone(),
            bus: self.bus.clone(),
            courier: self.courier.clone(),
            random: self.random.clone(),
            secret: format!("whsec_{}", secret_of(&self.secrets, endpoint.id)).into(),
            options: self.options,
            consumer,
            endpoint,
            letters,
        }
    }
}
