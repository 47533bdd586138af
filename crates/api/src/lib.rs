//! What the outside calls: each surface turns requests into use cases and outcomes into replies.

pub mod grpc;
