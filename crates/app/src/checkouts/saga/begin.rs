//! The beginning of an attempt: what binds is checked, stock is held, what is paid with is recorded.

use super::PINNED;
use super::desk::Desk;
use crate::checkouts::{Setting, Target, reference};
use crate::inventory::{exchange, stocked};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{
    Against, Attempt, AttemptState, Checkout, ExchangeOf, Quote, SagaEvent, State, accept,
};
use cartwright_domain::inventory::{Asked, Reserve, State as HoldState, extend};
use cartwright_domain::payment::{
    Event as PaymentEvent, Instrument, InstrumentEvent, Method, Origin, Started,
};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{Money, PaymentId, QuoteId, Refusal, ReservationId, cart};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Most idempotency keys that one attempt answers to.
const KEYS_MAX: usize = 256;

/// One way of paying, and how much of the total.
#[derive(Clone)]
pub struct Part {
    /// How.
    pub method: Method,
    /// What a card is charged through.
    pub token: Option<String>,
    /// Who is asked first.
    pub provider: Option<SmolStr>,
    /// Whether nobody else may be asked: the buyer named the provider.
    pub is_fixed: bool,
    /// How much; `None`: all of it.
    pub amount: Option<Money>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({:?} of {:?})", self.amount, self.method)
    }
}

/// How a checkout is paid.
#[derive(Debug, Clone)]
pub struct Pay {
    /// In the order in which they are asked for. Several name their amounts.
    pub parts: Vec<Part>,
}

impl Pay {
    /// The parts with what each comes to. Nothing where nothing is to be paid. Refused: `PaymentCurrency`, `Invalid` when they do not
    /// add up to `total`, which is called `what`.
    pub(super) fn amounts(&self, total: Money, what: &str) -> Result<Vec<(&Part, Money)>, Refusal> {
        if total.minor == 0 {
            return Ok(Vec::new());
        }
        let parts = self.parts.iter();
        let amounts: Vec<_> = parts
            .map(|part| (part, part.amount.unwrap_or(total)))
            .collect();
        if let Some((_, other)) = amounts
            .iter()
            .find(|(_, amount)| amount.currency != total.currency)
        {
            return Err(Refusal::PaymentCurrency {
                paid: other.currency,
                currency: total.currency,
            });
        }
        let sum = amounts
            .iter()
            .try_fold(0_i64, |sum, (_, amount)| sum.checked_add(amount.minor));
        if sum != Some(total.minor) && !planted(Bug::PartsNotSummed) {
            let detail = format!("the amounts must add up to {what} of {}", total.minor);
            return Err(Refusal::invalid("payment.parts", "wrong_sum", detail));
        }
        Ok(amounts)
    }
}

/// Begins to complete a checkout (`created`), or joins the attempt that does so already. Refused: `NotFound` (`checkout`), `KeyReused`,
/// `InvalidState`, what [`accept`] refuses, `TooManyAttempts`, `InsufficientStock`, `Invalid` and `CurrencyMismatch` (the parts),
/// `PaymentDeclined` (a wallet has too little).
#[derive(Debug)]
pub struct Complete {
    /// Which checkout.
    pub checkout: Target,
    /// What the buyer agreed to.
    pub quote: QuoteId,
    /// How it is paid.
    pub pay: Pay,
    /// Hash of the idempotency key.
    pub key: SmolStr,
    /// Hash of what is asked.
    pub body: SmolStr,
    /// How long until no order is made any more, in seconds.
    pub deadline_seconds: i64,
    /// What it is decided against.
    pub setting: Setting,
}

impl Command for Complete {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        // Who was answered before is answered again, whatever version it expected then.
        let checkout = self.checkout.of_any_version().find(work)?;
        if let Some(known) = checkout.attempt_of(&self.key)
            && !(planted(Bug::KeyStartsTwice) && known.state == AttemptState::Undone)
        {
            return if known.body == self.body {
                Ok(self.checkout.decided(Vec::new()))
            } else {
                Err(Refusal::KeyReused.into())
            };
        }
        let checkout = self.checkout.find(work)?;
        if let Some(last) = checkout.attempt()
            && matches!(
                checkout.state,
                State::Processing | State::Completed | State::NeedsAttention
            )
        {
            return self.join(checkout, last);
        }
        self.begin(work, checkout, moment)
    }
}

impl Complete {
    fn join(&self, checkout: &Checkout, last: &Attempt) -> Result<Decided, Stop> {
        if last.body != self.body {
            let state = checkout.state.as_str();
            let detail = format!(
                "checkout {} is {state} by another request; ask for it to see how it ends",
                checkout.id
            );
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        if last.keys.len() >= KEYS_MAX {
            let state = checkout.state.as_str();
            let detail = format!(
                "checkout {} is {state} and answers to {KEYS_MAX} keys already; use one of them",
                checkout.id
            );
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        let attached = SagaEvent::Attached {
            key: self.key.clone(),
        };
        let event = cartwright_domain::checkout::Event::Saga(attached);
        Ok(self
            .checkout
            .decided(vec![Event::Checkout(checkout.id, event)]))
    }

    fn begin(
        &self,
        work: &Work,
        checkout: &Arc<Checkout>,
        moment: &mut Moment<'_>,
    ) -> Result<Decided, Stop> {
        let cart = crate::carts::existing(work, checkout.cart_id)?;
        crate::carts::require_products(work, cart.lines.iter().map(|line| &line.sku))?;
        let goods = crate::carts::Loaded {
            work,
            stock: &crate::carts::Stock::default(),
        };
        let against = Against {
            goods: &goods,
            rules: &self.setting.rules,
            now: moment.now,
        };
        let quote = *accept(checkout, cart, self.quote, against)?;
        cart.require_tries(self.setting.rules.attempts_per_hour, moment.now)?;
        let mut amounts = self.amounts(checkout)?;
        if planted(Bug::PartChargedWhole)
            && let Some((_, last)) = amounts.last_mut()
        {
            last.minor = checkout.terms.totals.total;
        }
        if cart.customer_id.is_none() {
            require_no_wallet(&amounts)?;
        }
        let asked = if cart.is_drop_in() {
            stocked(work, checkout.terms.asked())?
        } else {
            checkout.terms.asked()
        };
        let (reservation, held) = self.hold(work, checkout, &quote, asked, moment)?;
        let mut desk = Desk::bare(work, checkout, moment.now);
        desk.push(held);
        desk.push([Event::Cart(checkout.cart_id, cart::Event::CheckingOut)]);
        let beginning = Beginning {
            quote: quote.id,
            body: self.body.clone(),
            key: self.key.clone(),
            reservation,
            deadline_seconds: self.deadline_seconds,
            exchange_of: None,
        };
        desk.begin(beginning, &amounts, &[], moment)?;
        Ok(desk.decided(true))
    }

    /// The parts with what each comes to. Nothing where nothing is to be paid.
    fn amounts(&self, checkout: &Checkout) -> Result<Vec<(&Part, Money)>, Refusal> {
        let total = Money::new(checkout.terms.totals.total, checkout.terms.currency);
        self.pay.amounts(total, "the quote's total")
    }
    /// The quote's own hold, from now on pinned; or a new one.
    fn hold(
        &self,
        work: &Work,
        checkout: &Checkout,
        quote: &Quote,
        asked: Vec<Asked>,
        moment: &mut Moment<'_>,
    ) -> Result<(ReservationId, Vec<Event>), Stop> {
        if let Some(id) = quote.reservation_id
            && let Some(hold) = work.reservation(&id)?
            && hold.state == HoldState::Pending
            && hold.expires_at > moment.now
        {
            if planted(Bug::HoldNotPinned) {
                return Ok((id, Vec::new()));
            }
            let pinned = extend(hold, PINNED)?.map(|event| Event::Reservation(id, event));
            return Ok((id, pinned.into_iter().collect()));
        }
        let n = checkout.attempts.len() + 1;
        let request = Reserve {
            id: ReservationId(moment.ids.fresh(moment.now)),
            principal: format_smolstr!("{}:{n}", checkout.id),
            reference: reference(checkout.id),
            asked,
            expires_at: PINNED,
            country: Some(checkout.terms.country),
            near: None,
            sourcing: self.setting.sourcing,
        };
        let events = exchange(work, None, Some(&request), moment.now)?;
        Ok((request.id, events))
    }
}

/// What an attempt begins with, beside its payments.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) quote: QuoteId,
    pub(super) body: SmolStr,
    pub(super) key: SmolStr,
    pub(super) reservation: ReservationId,
    pub(super) deadline_seconds: i64,
    pub(super) exchange_of: Option<ExchangeOf>,
}

impl Desk<'_> {
    /// Begins an attempt: its payments, in their order, and the first question. What an exchange brings is taken last, when nothing
    /// can be refused any more.
    pub(super) fn begin(
        &mut self,
        beginning: Beginning,
        paid: &[(&Part, Money)],
        exchanged: &[(Origin, Money)],
        moment: &mut Moment<'_>,
    ) -> Result<(), Stop> {
        let n = self.checkout().attempts.len() as u32 + 1;
        let checkout = self.checkout().id;
        let begun = |method, amount| Started {
            checkout,
            attempt: n,
            method,
            provider: None,
            is_fixed: false,
            amount,
            origin: None,
        };
        let asked = paid.iter().map(|(part, amount)| {
            let started = Started {
                provider: part.provider.clone(),
                is_fixed: part.is_fixed,
                ..begun(part.method, *amount)
            };
            (started, part.token.clone())
        });
        let brought = exchanged.iter().map(|(origin, amount)| {
            let started = Started {
                origin: Some(*origin),
                ..begun(Method::Exchange, *amount)
            };
            (started, None)
        });
        let all: Vec<_> = asked
            .chain(brought)
            .map(|it| (PaymentId(moment.ids.fresh(moment.now)), it))
            .collect();
        let attempt = Attempt {
            n,
            state: AttemptState::Running,
            quote: beginning.quote,
            body: beginning.body,
            keys: vec![beginning.key],
            reservation: beginning.reservation,
            payments: all.iter().map(|(id, ..)| *id).collect(),
            exchange_of: beginning.exchange_of,
            order: None,
            started_at: moment.now,
            order_by: moment.now.plus_seconds(beginning.deadline_seconds),
            failure: None,
            cancel: false,
            correlation: moment.correlation.clone(),
        };
        for (id, (started, token)) in all {
            let method = started.method;
            self.pay(id, PaymentEvent::Started(started));
            if method == Method::Wallet {
                self.hold_of_wallet(moment)?;
            }
            if let Some(token) = token {
                let instrument = Arc::new(Instrument { payment: id, token });
                let recorded = InstrumentEvent::Recorded(instrument);
                self.push([Event::Instrument(id, recorded)]);
            }
        }
        self.tell(SagaEvent::Began(Box::new(attempt)));
        // Where nobody outside is asked for money the order follows by itself, once the hold stands.
        if paid.iter().any(|(part, _)| part.method == Method::Card) {
            self.go(moment)?;
        }
        Ok(())
    }
}

/// Only a customer has a wallet.
pub(super) fn require_no_wallet(amounts: &[(&Part, Money)]) -> Result<(), Refusal> {
    let wallet = |(part, _): &(&Part, Money)| part.method == Method::Wallet;
    let Some(place) = amounts.iter().position(wallet) else {
        return Ok(());
    };
    let field = match amounts[place].0.amount {
        Some(_) => format!("payment.parts[{place}].method"),
        None => "payment.method".to_owned(),
    };
    let detail = "only a cart with a customer_id can be paid with a wallet";
    Err(Refusal::invalid(field, "customer_required", detail))
}
