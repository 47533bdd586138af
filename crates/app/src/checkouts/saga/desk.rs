//! What one command does to an attempt: events are gathered and applied at once, so that the next step sees them.

use crate::inventory::{exchange, levels_held};
use crate::nouns::{Event, Series};
use crate::orders::{Levels, exchanged};
use crate::shop::{Decided, Moment};
use crate::wallets::{Purse, purse};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{
    Attempt, Checkout, Event as CheckoutEvent, ExchangeOf, Failure, FailureCode, Next, SagaEvent,
    State, Step, StepState, next,
};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::{Ending, Reservation, end, give_up};
use cartwright_domain::order::{self, Line, Placed, Source};
use cartwright_domain::payment::{
    Decline, Event as PaymentEvent, InstrumentEvent, Method, Payment, Question,
};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::refusal::Short;
use cartwright_domain::{Money, OrderId, PaymentId, Refusal, Time, cart};
use smol_str::{SmolStr, ToSmolStr};
use std::sync::Arc;

/// How long a cart that was not paid for stays open at least.
const REOPENED_SECONDS: i64 = 3_600;

/// One checkout on the desk, with the payments of its last attempt.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    work: &'a Work,
    now: Time,
    checkout: Arc<Checkout>,
    payments: Vec<Arc<Payment>>,
    /// The customer's wallet, once a payment needs it.
    purse: Option<Purse>,
    /// The customer, where the cart is made by the same command.
    customer: Option<SmolStr>,
    events: Vec<Event>,
}

impl<'a> Desk<'a> {
    /// Takes a checkout; asks for the payments of its last attempt.
    pub(super) fn take(work: &'a Work, checkout: &Arc<Checkout>, now: Time) -> Result<Self, Stop> {
        let ids = checkout.attempt().map_or(&[][..], |it| &it.payments);
        let (mut payments, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match work.payment(id) {
                Ok(Some(payment)) => payments.push(payment.clone()),
                Ok(None) => return Err(Refusal::not_found("payment", id).into()),
                Err(Stop::Need(keys)) => missing.extend(keys),
                Err(stop) => return Err(stop),
            }
        }
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        Ok(Self {
            work,
            now,
            checkout: checkout.clone(),
            payments,
            purse: None,
            customer: None,
            events: Vec::new(),
        })
    }

    /// Takes a checkout whose next attempt is about to begin.
    pub(super) fn bare(work: &'a Work, checkout: &Arc<Checkout>, now: Time) -> Self {
        Self {
            work,
            now,
            checkout: checkout.clone(),
            payments: Vec::new(),
            purse: None,
            customer: None,
            events: Vec::new(),
        }
    }

    /// Says whose wallet pays, where the cart is made by the same command.
    pub(super) fn of_customer(mut self, customer: Option<SmolStr>) -> Self {
        self.customer = customer;
        self
    }

    pub(super) fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    pub(super) fn payment(&self, id: PaymentId) -> Option<&Payment> {
        let found = self.payments.iter().find(|it| it.id == id);
        found.map(AsRef::as_ref)
    }

    pub(super) fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// Something happens to the checkout.
    pub(super) fn tell(&mut self, event: SagaEvent) {
        let event = CheckoutEvent::Saga(event);
        let mut state = Some(self.checkout.clone());
        Checkout::apply(&mut state, &self.checkout.id, &event, self.now);
        if let Some(state) = state {
            self.checkout = state;
        }
        self.events.push(Event::Checkout(self.checkout.id, event));
    }

    /// Something happens to a payment; a new one joins at the end.
    pub(super) fn pay(&mut self, id: PaymentId, event: PaymentEvent) {
        let place = self.payments.iter().position(|it| it.id == id);
        let mut state = place.map(|place| self.payments[place].clone());
        Payment::apply(&mut state, &id, &event, self.now);
        match (place, state) {
            (Some(place), Some(state)) => self.payments[place] = state,
            (None, Some(state)) => self.payments.push(state),
            (_, None) => {}
        }
        self.events.push(Event::Payment(id, event));
    }

    /// A step stands so, unless it was told already.
    pub(super) fn step(&mut self, step: Step, state: StepState, tries: u32) {
        let told = self.checkout.step(step);
        if told != Some((state, tries)) {
            self.tell(SagaEvent::Stepped { step, state, tries });
        }
    }

    /// Goes on until somebody outside must answer, or it has ended.
    pub(super) fn go(&mut self, moment: &mut Moment<'_>) -> Result<(), Stop> {
        loop {
            let Some(attempt) = self.checkout.attempt() else {
                return Ok(());
            };
            let payments: Vec<_> = self.payments.iter().map(AsRef::as_ref).collect();
            match next(attempt, &payments, self.now) {
                Next::Asked(..) | Next::Wait(_) | Next::Nothing => return Ok(()),
                Next::Ask(place, question) => self.ask(place, question, moment)?,
                Next::GoBack(failure) => self.go_back(failure),
                Next::Order => self.place_order(moment)?,
                Next::Succeed => self.succeed(moment)?,
                Next::Undo => self.undo()?,
            }
        }
    }

    fn ask(
        &mut self,
        place: usize,
        question: Question,
        moment: &mut Moment<'_>,
    ) -> Result<(), Stop> {
        let (step, state) = match question {
            Question::Authorize => (Step::Authorize, StepState::Running),
            Question::Capture => (Step::Capture, StepState::Running),
            Question::Void => (Step::Authorize, StepState::Undoing),
            Question::Refund => (Step::Capture, StepState::Undoing),
        };
        self.step(step, state, 0);
        match self.payments[place].method {
            Method::Card => self.pay(self.payments[place].id, PaymentEvent::Asked(question)),
            Method::Wallet => self.settle(place, question, moment)?,
            Method::Exchange => {
                let settled = at_once(&self.payments[place], question);
                self.pay(self.payments[place].id, settled);
            }
        }
        Ok(())
    }

    /// Holds what the last payment takes of the customer's wallet. Refused: `PaymentDeclined`, `NotFound` (`wallet`).
    pub(super) fn hold_of_wallet(&mut self, moment: &mut Moment<'_>) -> Result<(), Stop> {
        let last = self.payments.len() - 1;
        self.settle(last, Question::Authorize, moment)
            .map_err(|stop| match stop {
                Stop::Refuse(Refusal::InsufficientFunds {
                    requested,
                    available,
                    currency,
                }) => Refusal::PaymentDeclined {
                    reason: Decline::InsufficientFunds,
                    checkout: Some(self.checkout.id),
                    short: Some(Short {
                        requested,
                        available,
                        currency,
                    }),
                }
                .into(),
                stop => stop,
            })
    }

    /// A wallet is the shop's own: it answers at once, and nobody else is asked.
    fn settle(
        &mut self,
        place: usize,
        question: Question,
        moment: &mut Moment<'_>,
    ) -> Result<(), Stop> {
        let payment = self.payments[place].clone();
        let (id, order) = (payment.id, self.attempt().ok().and_then(|it| it.order));
        let purse = self.purse()?;
        let (moved, settled) = match question {
            Question::Authorize => {
                let held = purse.hold(id, payment.amount)?;
                let (provider_id, card) = (None, None);
                (vec![held], PaymentEvent::Authorized { provider_id, card })
            }
            Question::Capture => match purse.capture(moment, id, order)? {
                none if none.is_empty() => (none, PaymentEvent::Refused),
                taken => (taken, PaymentEvent::Captured),
            },
            Question::Void => (purse.release(id), PaymentEvent::Voided),
            Question::Refund => {
                let amount = payment.captured - payment.refunded;
                let money = Money::new(amount, payment.amount.currency);
                let back = purse.refund(moment, money, id.to_smolstr(), order)?;
                (back, PaymentEvent::Refunded { amount })
            }
        };
        self.events.extend(moved);
        self.pay(id, settled);
        Ok(())
    }

    fn purse(&mut self) -> Result<&mut Purse, Stop> {
        match &mut self.purse {
            Some(purse) => Ok(purse),
            none => {
                let customer = match &self.customer {
                    Some(customer) => Some(customer),
                    None => {
                        let cart = crate::carts::existing(self.work, self.checkout.cart_id)?;
                        cart.customer_id.as_ref()
                    }
                };
                let customer =
                    customer.ok_or_else(|| Refusal::not_found("wallet", self.checkout.cart_id))?;
                Ok(none.insert(purse(self.work, customer, self.now)?))
            }
        }
    }

    fn go_back(&mut self, failure: Failure) {
        let failed = match failure.code {
            FailureCode::CaptureRefused => Step::Capture,
            FailureCode::PaymentDeclined | FailureCode::Cancelled => Step::Authorize,
        };
        if !self.payments.is_empty() {
            self.step(failed, StepState::Failed, 0);
        }
        self.tell(SagaEvent::WentBack(failure));
    }

    fn attempt(&self) -> Result<&Attempt, Stop> {
        let found = self.checkout.attempt();
        Ok(found.ok_or_else(|| Refusal::not_found("attempt", self.checkout.id))?)
    }

    fn hold(&self) -> Result<&'a Arc<Reservation>, Stop> {
        let id = self.attempt()?.reservation;
        let found = self.work.reservation(&id)?;
        Ok(found.ok_or_else(|| Refusal::not_found("reservation", id))?)
    }

    /// The order, its stock, the end of the cart: one transaction.
    fn place_order(&mut self, moment: &mut Moment<'_>) -> Result<(), Stop> {
        let attempt = self.attempt()?;
        let (n, reservation, attempt_of) = (attempt.n, attempt.reservation, attempt.exchange_of);
        let hold = self.hold()?;
        let levels = levels_held(self.work, hold)?;
        let cart_id = self.checkout.cart_id;
        let cart = crate::carts::existing(self.work, cart_id)?;
        let number = self.work.last(&Series::Order)?.copied().unwrap_or(0) + 1;
        if let Some((ended, movements)) = end(hold, Ending::Allocate, &levels)? {
            self.events.push(Event::Reservation(reservation, ended));
            let moved = movements.into_iter();
            self.events
                .extend(moved.map(|(key, movement)| Event::Level(key, movement)));
        }
        let terms = &self.checkout.terms;
        let placed = Placed {
            number,
            checkout: self.checkout.id,
            attempt: n,
            cart: cart_id,
            customer: cart.customer_id.clone(),
            contact: terms.contact_id,
            country: terms.country,
            currency: terms.currency,
            lines: lines(&self.checkout, hold),
            totals: terms.totals,
            payments: self.payments.iter().map(|it| it.id).collect(),
            reservation,
            exchange_of: attempt_of.map(|it| it.order),
        };
        if !self.payments.is_empty() {
            self.step(Step::Authorize, StepState::Done, 0);
        }
        let id = OrderId(moment.ids.fresh(moment.now));
        let placed = order::Event::Placed(Box::new(placed));
        self.events.push(Event::Order(id, placed));
        if !planted(Bug::CartNotClosed) {
            self.events.push(Event::Cart(cart_id, cart::Event::Ordered));
        }
        self.tell(SagaEvent::Ordered(id));
        Ok(())
    }

    fn succeed(&mut self, moment: &mut Moment<'_>) -> Result<(), Stop> {
        let attempt = self.attempt()?;
        let (order, exchange_of) = (attempt.order, attempt.exchange_of);
        let mut invoice = self.work.last(&Series::Invoice)?.copied().unwrap_or(0) + 1;
        if planted(Bug::InvoiceOfOrderNumber)
            && let Some(order) = order
            && let Some(order) = self.work.order(&order)?
        {
            invoice = order.number;
        }
        if let Some(order) = order {
            let made_now = |it: &Event| matches!(it, Event::Order(id, _) if *id == order);
            if !self.events.iter().any(made_now) {
                // It must be there to be applied to.
                self.work.order(&order)?;
            }
            self.events
                .push(Event::Order(order, order::Event::Paid { invoice }));
            if let Some(of) = exchange_of {
                let stands = exchanged(self.work, of, order, moment)?;
                self.events.extend(stands);
            }
        }
        if !self.payments.is_empty() {
            self.step(Step::Capture, StepState::Done, 0);
        }
        self.erase();
        self.tell(SagaEvent::Completed);
        Ok(())
    }

    /// What is left to undo when no money is held: the order or the hold, and the cart's lock.
    fn undo(&mut self) -> Result<(), Stop> {
        let attempt = self.attempt()?;
        let (order, reservation) = (attempt.order, attempt.reservation);
        let exchange_of = attempt.exchange_of;
        let to = match attempt.failure.map(|failure| failure.code) {
            _ if attempt.cancel || exchange_of.is_some() => State::Cancelled,
            Some(FailureCode::Cancelled | FailureCode::CaptureRefused) => State::Cancelled,
            Some(FailureCode::PaymentDeclined) | None => State::Open,
        };
        match order {
            Some(id) => self.cancel_order(id)?,
            None if planted(Bug::HoldNotReleased) => {}
            None => {
                let released = exchange(self.work, Some(reservation), None, self.now)?;
                self.events.extend(released);
            }
        }
        let id = self.checkout.cart_id;
        if let Some(cart) = self.work.cart(&id)?
            && !planted(Bug::CartStaysLocked)
        {
            let expires_at = cart.expires_at.max(self.now.plus_seconds(REOPENED_SECONDS));
            // Nobody but the shop knows the cart of an exchange.
            let free = match exchange_of {
                None => cart::Event::Reopened { expires_at },
                Some(_) => cart::Event::Deleted,
            };
            self.events.push(Event::Cart(id, free));
        }
        if let Some(ExchangeOf { order, exchange }) = exchange_of
            && !planted(Bug::ExchangeNotUndone)
        {
            self.work.order(&order)?;
            let undone = order::Event::ExchangeUndone { id: exchange };
            self.events.push(Event::Order(order, undone));
        }
        if self
            .payments
            .iter()
            .any(|it| it.was_asked || it.is_released)
        {
            self.step(Step::Authorize, StepState::Undone, 0);
        }
        self.erase();
        self.tell(SagaEvent::Undone { to });
        Ok(())
    }

    /// Ends it whatever its money does: somebody has settled that by hand.
    pub(super) fn close(&mut self) -> Result<(), Stop> {
        self.tell(SagaEvent::WentBack(Failure {
            code: FailureCode::Cancelled,
            reason: None,
        }));
        self.undo()
    }

    fn cancel_order(&mut self, id: OrderId) -> Result<(), Stop> {
        let found = self.work.order(&id)?;
        let order = found.ok_or_else(|| Refusal::not_found("order", id))?;
        let Some(cancelled) = order::cancel(order, "")? else {
            return Ok(());
        };
        let mut levels = Levels::new(self.work, self.now);
        levels.go(&cancelled.freed, |level, units| Ok(give_up(level, units)))?;
        if planted(Bug::CompensatedTwice) {
            levels.go(&cancelled.freed, |level, units| Ok(give_up(level, units)))?;
        }
        self.events.extend(levels.into_events());
        self.events.push(Event::Order(id, cancelled.event));
        Ok(())
    }

    /// Nobody will be charged any more.
    fn erase(&mut self) {
        if planted(Bug::TokenNotErased) {
            return;
        }
        let cards = self.payments.iter().filter(|it| it.method == Method::Card);
        let erased = cards.map(|it| Event::Instrument(it.id, InstrumentEvent::Erased));
        self.events.extend(erased);
    }

    pub(super) fn decided(self, created: bool) -> Decided {
        Decided {
            events: self.events,
            answer: crate::nouns::Key::Checkout(self.checkout.id),
            created,
        }
    }
}

/// What pays for an exchange is the shop's already: it was set aside with the units that come back.
fn at_once(payment: &Payment, question: Question) -> PaymentEvent {
    match question {
        Question::Authorize => PaymentEvent::Authorized {
            provider_id: None,
            card: None,
        },
        Question::Capture => PaymentEvent::Captured,
        Question::Void => PaymentEvent::Voided,
        Question::Refund => PaymentEvent::Refunded {
            amount: payment.captured - payment.refunded,
        },
    }
}

/// The lines of an order: what was quoted, and where the units of its hold lie.
fn lines(checkout: &Checkout, hold: &Reservation) -> Vec<Line> {
    let mut held: Vec<_> = hold
        .lines
        .iter()
        .map(|line| (&line.level, line.quantity))
        .collect();
    let lines = checkout.terms.lines.iter().map(|line| {
        let (mut left, mut sources) = (line.quantity, Vec::new());
        let fits = |(level, _): &&mut (&cartwright_domain::inventory::LevelKey, i64)| {
            level.sku == line.sku
                && line
                    .store
                    .as_ref()
                    .is_none_or(|store| *store == level.store)
        };
        for (level, units) in held.iter_mut().filter(fits) {
            let taken = left.min(*units);
            if taken > 0 {
                *units -= taken;
                left -= taken;
                sources.push(Source {
                    store: level.store.clone(),
                    units: taken,
                });
            }
        }
        Line {
            id: line.id,
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            discount: line.discount,
            tax: line.tax,
            total: line.total,
            sources,
            shipped: Vec::new(),
            fulfilled: 0,
            returned: 0,
            refunded: 0,
            cancelled: 0,
        }
    });
    lines.collect()
}
