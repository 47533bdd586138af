//! Orders, refunds, returns and invoices as clients write and read them.

mod document;
mod exchange;
mod refund;
mod reply;
mod request;
mod returns;

pub use document::{Document, Seller};
pub use exchange::{Exchange, ExchangeOrder, NewUnits, WholeExchange};
pub use refund::Refund;
pub use reply::{Order, Rendered, render};
pub use request::{
    FulfillOrder, ReceiveReturn, RefundOrder, RefundRequest, RefundTo, RequestReturn, SomeUnits,
};
pub use returns::Return;
