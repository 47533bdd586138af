//! The payment port's contract on every technology, over real HTTP: the simulated gateway as it is, and a Stripe-shaped
//! endpoint; then what only the simulator has: faults, webhooks, and a ledger that survives `kill -9`.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

mod contract;
mod crash;
mod faults;
mod harness;
mod stripe_shaped;
mod webhooks;

/// Each function of the contract, as a test of each technology.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod sim {
            $(#[tokio::test]
            async fn $name() {
                crate::contract::$name(&crate::harness::Provider::sim().await).await;
            })*
        }

        mod stripe {
            $(#[tokio::test]
            async fn $name() {
                crate::contract::$name(&crate::harness::Provider::stripe().await).await;
            })*
        }
    };
}

contract! {
    holds_takes_and_returns_money,
    releases_what_it_held,
    tells_why_a_card_was_declined,
    does_the_same_key_once,
    voids_by_reference,
    knows_no_payment_that_it_never_made,
    refuses_another_payment_under_the_same_key,
    says_unknown_when_it_may_have_been_done,
    says_not_sent_when_nobody_listens,
    says_misconfigured_for_a_wrong_key,
    lists_all_payments_in_pages,
    believes_no_reply_about_something_else,
}
