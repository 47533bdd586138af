//! What the outside calls: each surface turns requests into use cases and outcomes into replies.

pub mod codes;
pub mod demo;
pub mod forward;
pub mod grpc;
pub mod http;
mod invoice_pdf;
pub mod problem;
pub mod quotes;
pub mod rendered;
pub mod wire;
