//! The bus's technologies.

mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;

pub use embedded::EmbeddedBus;
