//! What the shop needs from outside, named by role. Adapters implement it; one contract suite a port runs on all of them.

mod bus;
mod cache;
mod clock;
pub mod courier;
pub mod inventory;
mod lease;
pub mod mailer;
pub mod payment;
mod random;
pub mod search;
mod store;
mod stored;
pub mod webhooks;

pub use bus::{Bus, Readers, Subscription};
pub use cache::{Cache, CacheFault, Cached, Put};
pub use clock::Clock;
pub use lease::{Lease, Swap};
pub use random::Random;
pub use store::{
    Batch, CheckoutsWanted, Cursor, DELIVERIES_KEPT, Delivery, DeliveryState, Keep, Loading,
    OrdersWanted, Page, ReadStore, ReplicaCounts, StoreParts, WriteStore,
};
pub use stored::{is_movement, last_position, place, take_movements};
