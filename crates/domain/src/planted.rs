//! Defects that the simulation must find (PRF-3): each stands where a developer could plausibly have made it, behind [`planted`]; and
//! defects of what speaks to real engines, behind [`planted_in_engine`], that tests on those must find.
//!
//! Without the feature `planted-bugs` both functions are a constant `false`, so what is shipped has none of them.

macro_rules! bugs {
    ($kind:ident, $of:literal; $($variant:ident, $name:literal, $what:literal;)*) => {
        #[doc = $of]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {
            $(#[doc = $what] $variant,)*
        }

        #[cfg(feature = "planted-bugs")]
        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it does.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)*
                }
            }
        }
    };
}

bugs! {
    Bug, "A defect that can be planted in a simulated world.";
    ReplyBeforeCommit, "reply-before-commit", "Everybody is told yes although the commit failed.";
    MemoryBeforeCommit, "memory-before-commit", "Memory shows a batch before it is durable, and keeps it when the commit fails.";
    MemoryKeptAfterFault, "memory-kept-after-fault", "After a commit whose fate was open, memory is not read back.";
    StaleCacheAfterWrite, "stale-cache-after-write", "A stock level in memory is not replaced by what was written.";
    PositionNotReadBack, "position-not-read-back", "After a fault the log goes on where memory thinks it ends.";
    TimeGoesBack, "time-goes-back", "The time of a batch is what the clock shows, even when that was set back.";
    KeptReplyNotWritten, "kept-reply-not-written", "The reply to a key is not written with what it answers.";
    KeptReplyNotIndexed, "kept-reply-not-indexed", "A kept reply is found only after a restart.";
    KeptReplyInOwnTransaction, "kept-reply-in-own-transaction", "A death between rows and kept replies loses the replies.";
    KeptRepliesForgotten, "kept-replies-forgotten", "Who takes over does not read which keys were used.";
    SameKeySameBatch, "same-key-same-batch", "A key is not looked for among the commands of its own batch.";
    KeyOfAnybody, "key-of-anybody", "An idempotency key counts for all callers, not for its own.";
    KeyOfAnyPayload, "key-of-any-payload", "A key that comes again with another payload is answered as if it were the same.";
    MissingEpochCheck, "missing-epoch-check", "A commit does not look whether its writer still has the lease.";
    SkippedFsync, "skipped-fsync", "A commit is acknowledged before it is on disk; a power cut loses it.";
    LogInOwnTransaction, "log-in-own-transaction", "A death between rows and log loses the log entries.";
    HoldsForgotten, "holds-forgotten", "Who takes over does not read which holds are pending, so they never expire.";
    ReaderNeverFollows, "reader-never-follows", "A reader does not drop from memory what the writer has changed.";
    ReaderAlwaysFresh, "reader-always-fresh", "A reader that was held up still answers from memory.";
    WatchEndsAtReader, "watch-ends-at-reader", "A process that begins as a reader never looks for unfinished checkouts.";
    TaskNeverForgotten, "task-never-forgotten", "A driver that has ended still counts as running: nobody drives the next attempt.";
    AttentionNotDriven, "attention-not-driven", "What needs attention is not driven on by the next process.";
    OffByOneStock, "off-by-one-stock", "A line is taken where one unit is missing.";
    AllocatedCountsFree, "allocated-counts-free", "What orders have not shipped yet counts as free.";
    AdjustIgnoresOrders, "adjust-ignores-orders", "A correction may take units that orders have.";
    ConfirmAfterExpiry, "confirm-after-expiry", "A hold that has expired can still be confirmed.";
    ReleaseFreesTwice, "release-frees-twice", "Releasing a released hold frees its units again.";
    ExpiryBooksUnits, "expiry-books-units", "The units of an expired hold are booked in again, although they never left.";
    ExtendedHoldExpires, "extended-hold-expires", "A hold ends at its first time, though it was extended since.";
    HoldNotPinned, "hold-not-pinned", "The hold of a quote may expire while its purchase is paid.";
    LevelVersionStays, "level-version-stays", "An expiry does not raise the version of its level.";
    ShipsWholeSource, "ships-whole-source", "Shipping a part of a line takes all units of its location.";
    CancelFreesShipped, "cancel-frees-shipped", "Cancelling an order frees units that have left, too.";
    LeavesUnpaid, "leaves-unpaid", "An order that is not paid can leave.";
    KeyStartsTwice, "key-starts-twice", "A completion that was undone starts again when its key comes again.";
    PartsNotSummed, "parts-not-summed", "What the parts of a payment add up to is not compared with the total.";
    PartChargedWhole, "part-charged-whole", "The last part of a payment is charged the total.";
    DeadlineIgnored, "deadline-ignored", "An order is made however late the money comes.";
    GiveUpIgnored, "give-up-ignored", "The buyer gives up, and the order is made all the same.";
    OrderBeforeLastPart, "order-before-last-part", "The order is made when the first part of the money is held.";
    CaptureBeforeOrder, "capture-before-order", "Money is taken as soon as it is held.";
    UnknownIsUnsent, "unknown-is-unsent", "An authorization whose answer was lost is tried at another provider.";
    AnybodyIsAlone, "anybody-is-alone", "A process treats a question that another may have sent as its own.";
    AuthorizeKeyOfTry, "authorize-key-of-try", "Each try of an authorization has a key of its own.";
    RefundKeyOfTry, "refund-key-of-try", "A refund is tried again under another key.";
    DeclinedNotVoided, "declined-not-voided", "A payment that was declined is not released.";
    NothingWithoutId, "nothing-without-id", "Where no provider's id is known nothing is released.";
    OnlyLastPartUndone, "only-last-part-undone", "Going back releases the last part of the money only.";
    RefusedCaptureRepeated, "refused-capture-repeated", "A capture that is refused for good is asked for again and again.";
    CartNotClosed, "cart-not-closed", "An order does not close its cart.";
    CartStaysLocked, "cart-stays-locked", "A failed purchase leaves its cart locked.";
    HoldNotReleased, "hold-not-released", "A failed purchase leaves its hold.";
    CompensatedTwice, "compensated-twice", "An order that is undone gives its units back twice.";
    TokenNotErased, "token-not-erased", "A card's token stays after the end.";
    InvoiceOfOrderNumber, "invoice-of-order-number", "An invoice takes the number of its order.";
    CreditNotePerOrder, "credit-note-per-order", "Credit notes are numbered within their order.";
    RefundsNotCounted, "refunds-not-counted", "What is on its way back does not count when the next refund is asked for.";
    RefundNotBooked, "refund-not-booked", "A refund that went through is not booked on its payment.";
    OwedForgotten, "owed-forgotten", "An order that is given up before its money is taken owes nothing afterwards.";
    SpinsWithoutLease, "spins-without-lease", "Who waits for a purchase where the lease was lost wakes its driver again and again, without a pause.";
    KnownByLength, "known-by-length", "After a fault a batch counts as written when the log ends where it would have ended.";
    RefundOfClaim, "refund-of-claim", "An undone purchase asks for a refund before the provider shows that it took the money.";
    WalletSpentTwice, "wallet-spent-twice", "What a wallet holds for one purchase can be spent by another.";
    WalletHoldStays, "wallet-hold-stays", "A failed purchase leaves its hold on the wallet.";
    WalletEntryMissing, "wallet-entry-missing", "A wallet's balance changes without an entry.";
    WalletNotCredited, "wallet-not-credited", "A refund into a wallet is booked on its payment and never reaches the wallet.";
    ReturnTakenTwice, "return-taken-twice", "A return that is received again is booked again.";
    AsideForgotten, "aside-forgotten", "Units that an exchange waits for can be sent back once more.";
    ExchangeNotUndone, "exchange-not-undone", "An exchange whose difference is not paid stays open.";
    ExchangeNotCredited, "exchange-not-credited", "What pays for the new order of an exchange is not taken from the old one.";
    OneTryTooMany, "one-try-too-many", "The limit of failed attempts lets one more through.";
    VerifiedUnseen, "verified-unseen", "A payment counts as compared with its provider without being compared.";
}

bugs! {
    EngineBug, "A defect that can be planted in what speaks to PostgreSQL and Kafka.";
    LateCommitterSkipped, "late-committer-skipped", "Who takes the lease does not wait for the old holder's open transactions, and has read past what they commit then.";
    FenceNotAsked, "fence-not-asked", "A transaction does not look whether its session may still write.";
    UnsortedLocks, "unsorted-locks", "Rows are locked in the order in which commands touched them, not in that of their keys.";
    RelayAheadOfCommit, "relay-ahead-of-commit", "Entries are published before they are committed; what is refused then lies in the topics for ever.";
    PlaceBeforeBrokers, "place-before-brokers", "The relay keeps its place before the brokers have what it sent.";
    OffsetBeforeEffect, "offset-before-effect", "A consumer's place is kept before its effect: who dies in between never has that.";
    RebalanceRepeats, "rebalance-repeats", "A member of a group that lost the partition reads on: two have the same entries.";
}

/// Whether a defect is planted in this process.
#[cfg(feature = "planted-bugs")]
pub fn planted_in_engine(bug: EngineBug) -> bool {
    *selection::IN_ENGINE
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        == Some(bug)
}

/// Never: what is shipped has no planted defects.
#[cfg(not(feature = "planted-bugs"))]
pub const fn planted_in_engine(_: EngineBug) -> bool {
    false
}

/// Plants one defect in this process, all its threads, or none.
#[cfg(feature = "planted-bugs")]
pub fn plant_in_engine(bug: Option<EngineBug>) {
    *selection::IN_ENGINE
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = bug;
}

/// Whether a defect is planted in this thread's world.
#[cfg(feature = "planted-bugs")]
pub fn planted(bug: Bug) -> bool {
    selection::SELECTED.get() == Some(bug)
}

/// Never: what is shipped has no planted defects.
#[cfg(not(feature = "planted-bugs"))]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Plants one defect in this thread's worlds, or none.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    selection::SELECTED.set(bug);
}

#[cfg(feature = "planted-bugs")]
mod selection {
    use super::{Bug, EngineBug};
    use std::cell::Cell;
    use std::sync::RwLock;

    pub(super) static IN_ENGINE: RwLock<Option<EngineBug>> = RwLock::new(None);

    thread_local! {
        pub(super) static SELECTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }
}
