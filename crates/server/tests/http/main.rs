//! The HTTP contract, tried on the real binary: one module per noun of the routes, each test a sentence of the
//! contract.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

mod support;

mod availability;
mod carts;
mod checkouts;
mod edge;
mod exchanges;
mod expiry;
mod http2;
mod imports;
mod invoices;
mod keys;
mod legacy;
mod levels;
mod lines;
mod merge;
mod moving;
mod operation;
mod orders;
mod pages;
mod products;
mod quotes;
mod refunds;
mod refusals;
mod reservations;
mod restart;
mod retries;
mod returns;
mod search;
mod stores;
mod transfers;
mod variants;
mod versions;
mod wallet_payments;
mod wallet_refunds;
mod wallets;
mod who;
