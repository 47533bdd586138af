//! What the application needs of the world, one narrow trait per role.

pub mod search;
