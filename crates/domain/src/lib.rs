//! The rules of the shop: pure values and decisions.
//!
//! Nothing here is async, does I/O, reads a clock or draws a random number: time and identifiers are arguments.
//! A decision takes loaded values and a request and returns events, or a [`Refusal`]; `apply` turns events into state.

pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod conversion;
pub mod dead_letter;
pub mod entity;
pub mod id;
pub mod invariants;
pub mod inventory;
pub mod key;
pub mod location;
pub mod money;
pub mod order;
pub mod payment;
pub mod place;
pub mod planted;
pub mod refusal;
pub mod time;
pub mod wallet;
pub mod webhook;
mod words;

pub use id::{
    ApiKeyId, CartId, CheckoutId, ContactId, DeadLetterId, EventId, ExchangeId, FulfillmentId,
    OrderId, PaymentId, ProductId, QuoteId, RefundId, ReservationId, ReturnId, Sku, Slug, StoreId,
    TransferId, WalletEntryId, WebhookEndpointId,
};
pub use money::{Currency, Money};
pub use place::Country;
pub use refusal::Refusal;
pub use time::Time;
