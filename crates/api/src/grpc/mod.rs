//! gRPC: `cartwright.v1` and what its services share.

pub mod lookup;
pub mod lookup_shop;
pub mod status;
