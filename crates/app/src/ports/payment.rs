//! The port of payment: another company that holds, takes, releases and returns money.
//!
//! Sagas decide about money by what these calls answer, so each answer says exactly how much is known. Three rules hold for
//! every technology. The same key with the same arguments is done at most once, and asking again gives the first answer, unless
//! the provider forgot. What may have been done is never told as "not done": the answer is then [`GatewayError::Unknown`], and
//! only a lookup or the same call with the same key can settle it. A reply that does not fit the question (another reference,
//! another amount, unreadable) is unknown too, not an answer.

use cartwright_domain::Money;
use smol_str::SmolStr;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, GatewayError>> + Send + 'a>>;

/// One configured provider.
///
/// Calls wait at most the timeout that the provider was configured with; then they are [`GatewayError::Unknown`]. Nothing is
/// retried inside: one layer retries, and that is the caller. Dropping an answer's future takes back nothing.
pub trait PaymentGateway: Debug + Send + Sync {
    /// The configured name, as in `{provider}` of the HTTP contract.
    fn name(&self) -> &str;

    /// What stands in for a card of a brand (`visa`, `mastercard`) where only its number is known, which never leaves this
    /// process. `None`: this provider takes cards through its own form in the buyer's browser alone.
    fn stand_in(&self, brand: &str) -> Option<&'static str> {
        let _ = brand;
        None
    }

    /// Holds `amount` on the card behind `token`, for later capture, within `timeout` or the configured one if that is
    /// shorter.
    ///
    /// `Ok` is a payment in state [`PaymentState::Authorized`] with this reference and amount (or further along, when the
    /// answer is a replay that shows today's state). `Declined` is the card's own no. `Refused` with a state of voided means
    /// that the reference was barred before.
    fn authorize<'a>(
        &'a self,
        request: &'a Authorize,
        key: &'a str,
        timeout: Duration,
    ) -> Answer<'a, GatewayPayment>;

    /// Takes all that is held. `Ok` is [`PaymentState::Captured`] with `captured` equal to `amount`. `Refused` carries the
    /// state that forbids it: captured means that another call took it, voided that nothing is held any more.
    fn capture<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment>;

    /// Releases what is held. `Ok` is [`PaymentState::Voided`]. `Refused` with captured: the money was taken, so only a refund
    /// returns it.
    fn void<'a>(&'a self, provider_id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment>;

    /// Releases whatever is held under a reference. For a payment whose authorization was sent and never answered.
    ///
    /// `Ok(Some)` is a payment that holds nothing (voided or declined). `Ok(None)`: there is none. `Refused` with captured:
    /// money was taken under this reference. Whether an authorization that is still on its way can book afterwards is told by
    /// [`bars_references`](Self::bars_references).
    fn void_reference<'a>(
        &'a self,
        reference: &'a str,
        key: &'a str,
    ) -> Answer<'a, Option<GatewayPayment>>;

    /// Whether [`void_reference`](Self::void_reference) also keeps a later authorization of that reference from booking. When
    /// false, `Ok(None)` is not final while a request may still arrive: first send the authorization with its key again until it
    /// answers, then void.
    fn bars_references(&self) -> bool;

    /// Returns a part of what was taken. `Ok` is the payment after it; `refunded` counts all refunds so far. `Refused` when
    /// less than `amount` remains, or nothing was taken.
    fn refund<'a>(
        &'a self,
        provider_id: &'a str,
        amount: Money,
        key: &'a str,
    ) -> Answer<'a, GatewayPayment>;

    /// All payments of a reference, oldest first; more than one when the provider forgot a key. Empty means that the provider
    /// shows none now: while a request may still arrive, and with providers whose lookup lags, it is no proof that there will be
    /// none.
    fn find_all<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<GatewayPayment>>;

    /// The payment of a reference that matters most: one that took money before one that holds some before one that does
    /// neither. Others that hold or took money too are found by [`find_all`](Self::find_all).
    fn find<'a>(&'a self, reference: &'a str) -> Answer<'a, Option<GatewayPayment>> {
        Box::pin(async move {
            let found = self.find_all(reference).await?;
            Ok(found.into_iter().min_by_key(|payment| match payment.state {
                PaymentState::Captured => 0,
                PaymentState::Authorized => 1,
                PaymentState::Voided => 2,
                PaymentState::Declined => 3,
            }))
        })
    }

    /// Payments in the provider's own order of time, for reconciliation. `after` is a page's [`next`](GatewayPage::next);
    /// `None` starts at the beginning. `limit` is 1 to 100.
    fn list<'a>(&'a self, after: Option<&'a str>, limit: u32) -> Answer<'a, GatewayPage>;
}

/// What is asked of an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorize {
    /// Our payment's id: unique, and how the payment is found again.
    pub reference: String,
    /// What to hold; more than 0.
    pub amount: Money,
    /// What the provider gave the buyer's browser in place of a card. Never a card number, and never logged.
    pub token: CardToken,
    /// Written on the payment for people who look at it there.
    pub checkout_id: String,
    /// The same.
    pub cart_id: String,
}

/// A card's stand-in. Its text is for the provider alone: it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct CardToken(pub String);

impl Debug for CardToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardToken(..)")
    }
}

/// Where a payment stands at the provider. A refund leaves it captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// Money is held and not taken.
    Authorized,
    /// Money was taken.
    Captured,
    /// Nothing is held and nothing was taken.
    Voided,
    /// The card said no; nothing is held.
    Declined,
}

impl PaymentState {
    /// The contract's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Declined => "declined",
        }
    }

    /// From the contract's word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Authorized,
            Self::Captured,
            Self::Voided,
            Self::Declined,
        ]
        .into_iter()
        .find(|state| state.name() == text)
    }
}

/// A payment as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayPayment {
    /// The provider's id.
    pub id: String,
    /// Ours.
    pub reference: String,
    /// Where it stands.
    pub state: PaymentState,
    /// What was asked to be held.
    pub amount: Money,
    /// What was taken so far.
    pub captured: Money,
    /// What was returned of that.
    pub refunded: Money,
    /// Why it was declined, when it was.
    pub decline_code: Option<SmolStr>,
    /// What may be shown of the card.
    pub card: Option<Card>,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The scheme in lower case, like `visa`.
    pub brand: SmolStr,
    /// The last four digits.
    pub last4: SmolStr,
}

/// A part of a provider's payments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayPage {
    /// In the provider's order of time.
    pub payments: Vec<GatewayPayment>,
    /// Where the next part begins; `None` when this was the last.
    pub next: Option<String>,
}

/// Why a call did not do what was asked, and how sure that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The card said no. Nothing is held, and the same key says so again: a final answer, of the buyer's making.
    #[error("the card was declined: {code}")]
    Declined {
        /// `declined`, `expired_card` or `insufficient_funds`.
        code: SmolStr,
    },
    /// The provider understood and will not do it, because of where the payment stands or what remains. Nothing changed by
    /// this call.
    #[error("the provider refuses: {code}")]
    Refused {
        /// The provider's word.
        code: SmolStr,
        /// Where the payment stands, when the provider says it.
        state: Option<PaymentState>,
    },
    /// The provider knows no payment of this id. Nothing changed by this call.
    #[error("the provider knows no such payment")]
    NotFound,
    /// **May have been done**: no reply in time, the connection broke after the request, a 5xx, an unreadable reply, or one that
    /// names another reference, amount or state than what was asked. Look it up, or send the same key again; ask no other
    /// provider meanwhile.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// **Surely not done**: no connection could be made, or the provider said that it took nothing (a rate limit). Safe to try
    /// elsewhere, unless an earlier try of the same key is unknown.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// Our credentials or settings are wrong (401, 403, or a request that the provider calls malformed). Nothing was done, and
    /// retrying cannot help until somebody changes them; other providers may work.
    #[error("the provider does not accept how we ask: {0}")]
    Misconfigured(String),
}

impl GatewayError {
    /// Whether the call can have moved money although it did not say so.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Declined { .. }
            | Self::Refused { .. }
            | Self::NotFound
            | Self::NotSent(_)
            | Self::Misconfigured(_) => false,
        }
    }
}
