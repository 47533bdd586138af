//! The ports' technologies: a folder per port, a file or folder per technology.

pub mod bus;
pub mod cache;
pub mod courier;
pub mod http;
pub mod mail;
pub mod payment;
pub mod remote;
pub mod search;
pub mod store;
pub mod system;
