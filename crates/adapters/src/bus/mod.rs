//! The bus's technologies.

mod embedded;

pub use embedded::EmbeddedBus;
