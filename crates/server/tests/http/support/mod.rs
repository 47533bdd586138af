//! What the tests stand on: the real binary, a small HTTP client, and a shop to set scenes in.
#![allow(
    dead_code,
    unused_imports,
    reason = "two test binaries share this module and neither uses all of it"
)]

pub(crate) mod bought;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod race;
pub(crate) mod shop;

pub(crate) use bought::{Bought, Gateway, Paying, paying, units, usd};
pub(crate) use check::{check, instant, money, text, whole};
pub(crate) use client::{Request, Response, exchange_raw};
pub(crate) use process::{
    ADMIN_KEY, Process, Setup, TempDir, database_in, database_of, eventually, free_address,
    on_postgres,
};
pub(crate) use race::race;
pub(crate) use shop::{Cart, Checkout, Item, Level, Shop, address, fresh, shop, uuid};
