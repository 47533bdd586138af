//! Caches that processes share.

pub mod memory;
pub mod redis;

pub use memory::MemoryCache;
pub use redis::RedisCache;
