//! What must hold whatever happens (PRF-2): one list of names and sentences, so that reports of different checkers agree.
//!
//! Checking is the checkers' own business: they look at tables, at replies, or at the books of others.

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// Its stable name.
    pub name: &'static str,
    /// What it says, for people.
    pub says: &'static str,
}

macro_rules! invariants {
    ($($constant:ident $name:literal $says:literal)+) => {
        $(#[doc = $says] pub const $constant: Invariant = Invariant { name: $name, says: $says };)+

        /// All of them.
        pub const ALL: &[Invariant] = &[$($constant),+];
    };
}

invariants! {
    STOCK_NEVER_NEGATIVE "stock-never-negative"
        "What is on hand, reserved, allocated and available is never below nothing."
    NEVER_OVERSOLD "never-oversold"
        "What is reserved and sold together is never more than there is."
    WHAT_IS_THERE_CAN_BE_HAD "what-is-there-can-be-had"
        "As long as units are free, a buyer gets one: as many succeed as there are units."
    UNITS_ARE_CONSERVED "units-are-conserved"
        "What came in and did not leave lies there."
    WHAT_IS_RESERVED_IS_HELD "what-is-reserved-is-held"
        "A level's reserved units are exactly those of its holds."
    WHAT_IS_ALLOCATED_IS_ORDERED "what-is-allocated-is-ordered"
        "A level's allocated units are exactly those of orders that were not shipped."
    VERSIONS_HAVE_NO_GAPS "versions-have-no-gaps"
        "Each change raises a version by exactly one, and each version has one movement."
    EVERY_HOLD_ENDS "every-hold-ends"
        "A hold is confirmed, released or expired once, and then stays so."
    ACKNOWLEDGED_IS_DURABLE "acknowledged-is-durable"
        "What was answered with success is there, also after a crash."
    THE_SAME_KEY_IS_ONE_EFFECT "the-same-key-is-one-effect"
        "A request that is sent again with its key has its effect once."
    THE_SAME_KEY_IS_ONE_REPLY "the-same-key-is-one-reply"
        "A request that is sent again with its key gets the first reply again."
    A_KEY_MEANS_ONE_REQUEST "a-key-means-one-request"
        "A key stands for one request: with another body it is refused."
    REFUSALS_ARE_DOCUMENTED "refusals-are-documented"
        "Whoever cannot be served is told so with the documented status and code."
    NO_UPDATE_IS_LOST "no-update-is-lost"
        "A change that was made on an older version is refused, and none that was acknowledged is overwritten."
    ONE_ORDER_FOR_EACH_CART "one-order-for-each-cart"
        "A cart has at most one order that is not cancelled."
    ONE_SUCCESS_FOR_EACH_PURCHASE "one-success-for-each-purchase"
        "A completed checkout has one attempt that succeeded and one order; any other has none."
    EVERY_SAGA_ENDS "every-saga-ends"
        "Every checkout ends: completed, or undone and open again."
    A_STANDING_ORDER_IS_PAID "a-standing-order-is-paid"
        "What was captured is the order's total, once, as soon as its checkout is completed."
    A_PAID_ORDER_HAS_AN_INVOICE "a-paid-order-has-an-invoice"
        "A paid order has an invoice."
    NUMBERS_HAVE_NO_GAPS "numbers-have-no-gaps"
        "Numbers of invoices and credit notes have no gaps."
    GIVEN_UP_IS_PAID_BACK "given-up-is-paid-back"
        "Nothing is kept of what was captured for a cancelled order."
    NEVER_REFUNDS_MORE_THAN_TAKEN "never-refunds-more-than-taken"
        "No more goes back than was captured."
    THEIR_LEDGER_IS_OURS "their-ledger-is-ours"
        "What the payment provider took and gave back is what the shop says."
    NOTHING_HELD_AFTER_THE_END "nothing-held-after-the-end"
        "No authorization is open at the provider once a checkout has ended."
    FORGED_MESSAGES_ARE_REFUSED "forged-messages-are-refused"
        "A webhook with a bad or an old signature is refused."
    MESSAGES_ARE_ONLY_HINTS "messages-are-only-hints"
        "A webhook, also twice, late or out of order, changes nothing that the provider's own books do not show."
    THE_LOG_MAKES_THE_STATE "the-log-makes-the-state"
        "State rebuilt from the log is the state that is served."
    THE_STORE_CAN_BE_READ "the-store-can-be-read"
        "What was stored can be read."
    CARTS_ARE_FREE_AGAIN "carts-are-free-again"
        "No cart stays in checkout once its checkout has ended."
    EVERY_PAYMENT_ENDS "every-payment-ends"
        "No payment stays pending or unknown."
    EVERY_REFUND_ENDS "every-refund-ends"
        "No refund stays pending or unknown."
    TOKENS_ARE_ERASED "tokens-are-erased"
        "A card's token is not kept once its payment has ended."
    VERSIONS_RISE "versions-rise"
        "What is written of a thing has a higher version than what was written before."
    TIME_NEVER_GOES_BACK "time-never-goes-back"
        "The log's moments rise, whatever clocks do."
    READS_ARE_FRESH "reads-are-fresh"
        "Every process shows a write soon after its commit."
    NO_HOLD_ENDS_EARLY "no-hold-ends-early"
        "A hold expires only after its time."
    A_PURCHASE_KEEPS_ITS_HOLD "a-purchase-keeps-its-hold"
        "A purchase under way does not lose the stock that it holds."
    NO_ORDER_WITHOUT_ITS_MONEY "no-order-without-its-money"
        "An order is made only once the provider holds its money."
    NO_ORDER_AFTER_THE_DEADLINE "no-order-after-the-deadline"
        "An attempt that is out of time makes no order any more."
    NO_ORDER_AFTER_GIVING_UP "no-order-after-giving-up"
        "An attempt that was given up makes no order any more."
    NO_CAPTURE_WITHOUT_ORDER "no-capture-without-order"
        "Money is captured only for an order that is there."
    ONE_PROVIDER_AT_A_TIME "one-provider-at-a-time"
        "While one provider's answer is unknown no other one is asked."
    SAME_QUESTION_SAME_KEY "same-question-same-key"
        "A provider is asked the same thing under the same key on every retry."
    NOTHING_HELD_ONCE_UNDONE "nothing-held-once-undone"
        "An attempt that was undone holds no money and no stock."
    NOTHING_LEAVES_UNPAID "nothing-leaves-unpaid"
        "What leaves the house is paid for."
    KEYS_BELONG_TO_THEIR_CALLERS "keys-belong-to-their-callers"
        "A key of one caller says nothing to another one."
    WHAT_IS_TOLD_IS_BOOKED "what-is-told-is-booked"
        "What a buyer was told to get back is booked on the payment that it goes back to."
    EXCHANGED_MONEY_ADDS_UP "exchanged-money-adds-up"
        "What comes back in an exchange and pays for its new order is counted once."
    NOTHING_COMES_BACK_TWICE "nothing-comes-back-twice"
        "No more units come back of a line than have left."
    EVERY_EXCHANGE_ENDS "every-exchange-ends"
        "Every exchange ends, with its new order or without it."
    A_REFUND_ARRIVES "a-refund-arrives"
        "A refund into a wallet is an entry there, of the same amount."
    WHAT_IS_HELD_IS_COVERED "what-is-held-is-covered"
        "What purchases hold of a wallet is never more than its balance."
    LIMITS_HOLD "limits-hold"
        "What is limited stays within its limit."
    HISTORIES_ARE_LINEARIZABLE "histories-are-linearizable"
        "What clients saw of one thing can be put in an order that keeps to its rules and to time."
    NOTHING_SPINS "nothing-spins"
        "Nothing goes round without waiting."
    A_WALLET_IS_ITS_ENTRIES "a-wallet-is-its-entries"
        "A wallet's balance is the sum of its entries and never below nothing."
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_one_of_its_own_and_every_sentence_ends() {
        let names: BTreeSet<_> = ALL.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), ALL.len());
        for it in ALL {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(it.name.bytes().all(plain), "{}", it.name);
            assert!(it.says.ends_with('.'), "{}", it.name);
        }
    }
}
