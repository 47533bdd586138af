//! The payment company: books of its own, an idempotency key that it may forget, and calls that break off anywhere.

use crate::found::Found;
use crate::knobs::Knobs;
use crate::time::Dice;
use crate::wire::Wire;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::ReadStore;
use cartwright_app::ports::payment::{
    Answer, Authorize, Card, GatewayError, GatewayPage, GatewayPayment, PaymentGateway,
    PaymentState,
};
use cartwright_domain::{Money, PaymentId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a call is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a request may be on its way after its sender gave up, in microseconds.
const LATEST_US: u64 = 20_000_000;
/// How long a process stands still at most, and a little more, in microseconds.
const STILL_US: u64 = 10_000_000;

type Told = Result<GatewayPayment, GatewayError>;

/// The books: what is true at the provider.
#[derive(Debug, Default)]
pub struct Books {
    /// In the order in which they were made.
    pub payments: Vec<GatewayPayment>,
    /// What was said under which key, and when.
    keys: BTreeMap<String, (Told, u64)>,
    barred: BTreeSet<String>,
    /// Under which key an authorization was asked for.
    asked_by: BTreeMap<String, String>,
    /// Payments whose capture was claimed and not made.
    claimed: BTreeSet<String>,
    faults: BTreeMap<&'static str, u64>,
}

/// One provider, as nodes see it.
pub(crate) struct Provider {
    name: String,
    pub(crate) books: Arc<Mutex<Books>>,
    wire: Arc<Wire>,
    knobs: Arc<Mutex<Knobs>>,
    dice: Arc<Dice>,
    witness: Arc<Witness>,
}

/// Compares what is done here with what the shop has written and others hold.
pub(crate) struct Witness {
    pub(crate) store: Arc<dyn ReadStore>,
    pub(crate) found: Found,
    pub(crate) all: Mutex<Vec<Arc<Mutex<Books>>>>,
}

impl Witness {
    /// Money is held: by nobody else for the same payment, and always asked for by the same key.
    fn authorized(&self, books: &mut Books, request: &Authorize, key: &str) {
        let reference = &request.reference;
        let known = books
            .asked_by
            .entry(reference.clone())
            .or_insert_with(|| key.to_owned());
        self.found.must("same-question-same-key", known == key, || {
            format!("{reference} is asked for by {known} and by {key}")
        });
        // Its own books are being written to, and hold no more than one payment a key.
        let others = self.all.lock();
        for other in others.iter().filter_map(|it| it.try_lock()) {
            let mut open = other.payments.iter().filter(|it| {
                let taken = it.state == PaymentState::Captured && it.refunded != it.captured;
                it.reference == *reference && (taken || it.state == PaymentState::Authorized)
            });
            self.found
                .must("one-provider-at-a-time", open.next().is_none(), || {
                    format!("{reference} is held by two providers")
                });
        }
    }

    /// Money is taken: only for an order that is there.
    fn captured(&self, reference: &str) {
        let order = reference.parse::<PaymentId>().ok().and_then(|id| {
            let Ok(Some(Record::Payment(payment))) = self.store.load(&Key::Payment(id)) else {
                return None;
            };
            match self.store.load(&Key::Checkout(payment.checkout)) {
                Ok(Some(Record::Checkout(it))) => it
                    .attempts
                    .iter()
                    .find(|it| it.payments.contains(&id))
                    .and_then(|it| it.order),
                _ => None,
            }
        });
        self.found
            .must("no-capture-without-order", order.is_some(), || {
                format!("{reference} was captured")
            });
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

impl Provider {
    pub(crate) fn new(
        name: &str,
        wire: Arc<Wire>,
        knobs: Arc<Mutex<Knobs>>,
        dice: Dice,
        witness: Arc<Witness>,
    ) -> Self {
        let books = Arc::<Mutex<Books>>::default();
        witness.all.lock().push(books.clone());
        Self {
            name: name.to_owned(),
            books,
            witness,
            wire,
            knobs,
            dice: Arc::new(dice),
        }
    }

    /// How often which fault struck.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.books.lock().faults.clone()
    }

    fn strikes(&self, name: &'static str, rate: impl Fn(&Knobs) -> f64) -> bool {
        let strikes = self.dice.chance(rate(&self.knobs.lock()));
        if strikes {
            *self.books.lock().faults.entry(name).or_default() += 1;
        }
        strikes
    }

    /// A call on its way there and back.
    fn call<'a, T: Send + 'static>(
        &'a self,
        act: impl FnOnce(&mut Books) -> Result<T, GatewayError> + Send + 'static,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            if self.strikes("unsent call", |it| it.unsent_calls) {
                return Err(GatewayError::NotSent("no connection".into()));
            }
            let (tell, told) = oneshot::channel();
            if self.strikes("late call", |it| it.late_calls) {
                // The connection breaks now; what was sent arrives all the same.
                let (books, late) = (self.books.clone(), self.dice.between(0, LATEST_US));
                self.wire
                    .carry_late(late, move || drop(act(&mut books.lock())));
                drop(tell);
            } else if !self.strikes("call broken before", |it| it.broken_calls) {
                let is_lost = self.strikes("call broken after", |it| it.broken_calls);
                let (books, wire) = (self.books.clone(), self.wire.clone());
                self.wire.carry(move || {
                    let done = act(&mut books.lock());
                    if !is_lost {
                        // Nobody hears it who has died meanwhile.
                        wire.carry(move || drop(tell.send(done)));
                    }
                });
            } else if self.dice.chance(0.5) {
                // Neither end notices: only the timeout does.
                self.wire.carry(move || drop(tell));
            }
            match tokio::time::timeout(PATIENCE, told).await {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err(GatewayError::Unknown("the connection broke".into())),
                Err(_) => Err(GatewayError::Unknown("no reply in time".into())),
            }
        })
    }

    /// One effect under a key: done once, unless the provider forgets.
    fn keyed<'a>(
        &'a self,
        key: &str,
        act: impl FnOnce(&mut Books) -> Told + Send + 'static,
    ) -> Answer<'a, GatewayPayment> {
        let forgets = self.strikes("forgotten key", |it| it.forgotten_keys);
        let key = key.to_owned();
        let wire = self.wire.clone();
        self.call(move |books| {
            // Never while a request of the same time may be on its way, even from a process that stood still.
            let recent = wire
                .now_us()
                .saturating_sub(2 * wire.longest_us() + STILL_US);
            let known = books.keys.get(&key);
            if let Some((known, _)) = known.filter(|(_, at)| !forgets || *at >= recent) {
                return known.clone();
            }
            let told = act(books);
            let is_final = matches!(
                told,
                Ok(_) | Err(GatewayError::Declined { .. } | GatewayError::Refused { .. })
            );
            if is_final {
                books.keys.insert(key, (told.clone(), wire.now_us()));
            }
            told
        })
    }
}

impl Books {
    fn place(&self, id: &str) -> Result<usize, GatewayError> {
        let place = self.payments.iter().position(|it| it.id == id);
        place.ok_or(GatewayError::NotFound)
    }

    fn authorize(&mut self, name: &str, request: &Authorize) -> Told {
        if self.barred.contains(&request.reference) {
            return Err(GatewayError::Refused {
                code: "reference_voided".into(),
                state: Some(PaymentState::Voided),
            });
        }
        let declined = request.token.0 == "tok_declined";
        let zero = Money::new(0, request.amount.currency);
        let payment = GatewayPayment {
            id: format!("{name}_{}", self.payments.len()),
            reference: request.reference.clone(),
            state: if declined {
                PaymentState::Declined
            } else {
                PaymentState::Authorized
            },
            amount: request.amount,
            captured: zero,
            refunded: zero,
            decline_code: declined.then(|| "declined".into()),
            card: Some(Card {
                brand: "visa".into(),
                last4: "4242".into(),
            }),
        };
        self.payments.push(payment.clone());
        if declined {
            return Err(GatewayError::Declined {
                code: "declined".into(),
            });
        }
        Ok(payment)
    }

    fn refused(&self, place: usize) -> GatewayError {
        GatewayError::Refused {
            code: "invalid_state".into(),
            state: Some(self.payments[place].state),
        }
    }

    fn capture(&mut self, id: &str, how: Capture) -> Told {
        let place = self.place(id)?;
        let is_claimed = self.claimed.contains(id);
        if how == Capture::Lapsed
            && !is_claimed
            && self.payments[place].state == PaymentState::Authorized
        {
            self.payments[place].state = PaymentState::Voided;
        }
        if self.payments[place].state != PaymentState::Authorized {
            return Err(self.refused(place));
        }
        let mut after = self.payments[place].clone();
        after.state = PaymentState::Captured;
        after.captured = after.amount;
        if how == Capture::Claimed {
            self.claimed.insert(id.to_owned());
        } else {
            self.payments[place] = after.clone();
        }
        Ok(after)
    }

    fn void(&mut self, id: &str) -> Told {
        let place = self.place(id)?;
        if self.payments[place].state != PaymentState::Authorized {
            return Err(self.refused(place));
        }
        self.payments[place].state = PaymentState::Voided;
        let after = self.payments[place].clone();
        Ok(after)
    }

    fn void_reference(
        &mut self,
        reference: &str,
        bars: bool,
    ) -> Result<Option<GatewayPayment>, GatewayError> {
        if bars {
            self.barred.insert(reference.to_owned());
        }
        let ids: Vec<_> = self
            .payments
            .iter()
            .filter(|it| it.reference == reference)
            .map(|it| (it.id.clone(), it.state))
            .collect();
        for (id, state) in &ids {
            if *state == PaymentState::Authorized {
                self.void(id)?;
            }
        }
        if ids
            .iter()
            .any(|(_, state)| *state == PaymentState::Captured)
        {
            return Err(GatewayError::Refused {
                code: "invalid_state".into(),
                state: Some(PaymentState::Captured),
            });
        }
        let last = ids.last().map(|(id, _)| self.place(id)).transpose()?;
        Ok(last.map(|place| self.payments[place].clone()))
    }

    fn refund(&mut self, id: &str, amount: Money) -> Told {
        let place = self.place(id)?;
        let payment = &mut self.payments[place];
        let remaining = payment.captured.minor - payment.refunded.minor;
        if payment.state != PaymentState::Captured || amount.minor > remaining {
            return Err(self.refused(place));
        }
        payment.refunded.minor += amount.minor;
        let after = payment.clone();
        Ok(after)
    }
}

/// What becomes of a capture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Capture {
    Made,
    /// Said to be made.
    Claimed,
    /// The authorization has ended before it came.
    Lapsed,
}

impl PaymentGateway for Provider {
    fn name(&self) -> &str {
        &self.name
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Authorize,
        key: &'a str,
        _: Duration,
    ) -> Answer<'a, GatewayPayment> {
        let denies = self.strikes("denied authorization", |it| it.lies);
        let (name, request) = (self.name.clone(), request.clone());
        let (witness, by) = (self.witness.clone(), key.to_owned());
        let told = self.keyed(key, move |books| {
            let told = books.authorize(&name, &request);
            if told.is_ok() {
                witness.authorized(books, &request, &by);
            }
            told
        });
        Box::pin(async move {
            match told.await {
                Ok(_) if denies => Err(GatewayError::Declined {
                    code: "declined".into(),
                }),
                other => other,
            }
        })
    }

    fn capture<'a>(&'a self, id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        let lies = self.strikes("claimed capture", |it| it.lies);
        let id = id.to_owned();
        if lies {
            // Nothing is booked, and the key is not kept.
            return self.call(move |books| books.capture(&id, Capture::Claimed));
        }
        let lapses = self.strikes("lapsed authorization", |it| it.lapsed_authorizations);
        let how = if lapses {
            Capture::Lapsed
        } else {
            Capture::Made
        };
        let witness = self.witness.clone();
        self.keyed(key, move |books| {
            let told = books.capture(&id, how)?;
            witness.captured(&told.reference);
            Ok(told)
        })
    }

    fn void<'a>(&'a self, id: &'a str, key: &'a str) -> Answer<'a, GatewayPayment> {
        let id = id.to_owned();
        self.keyed(key, move |books| books.void(&id))
    }

    fn void_reference<'a>(
        &'a self,
        reference: &'a str,
        _: &'a str,
    ) -> Answer<'a, Option<GatewayPayment>> {
        let (reference, bars) = (reference.to_owned(), self.bars_references());
        self.call(move |books| books.void_reference(&reference, bars))
    }

    fn bars_references(&self) -> bool {
        self.knobs.lock().bars_references
    }

    fn refund<'a>(
        &'a self,
        id: &'a str,
        amount: Money,
        key: &'a str,
    ) -> Answer<'a, GatewayPayment> {
        let id = id.to_owned();
        self.keyed(key, move |books| books.refund(&id, amount))
    }

    fn find_all<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<GatewayPayment>> {
        let is_blind = self.strikes("blind lookup", |it| it.blind_lookups);
        let reference = reference.to_owned();
        self.call(move |books| {
            let of = books.payments.iter().filter(|it| it.reference == reference);
            Ok(of.filter(|_| !is_blind).cloned().collect())
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: u32) -> Answer<'a, GatewayPage> {
        let after = after.map(str::to_owned);
        self.call(move |books| {
            let from = match after {
                Some(id) => books.place(&id)? + 1,
                None => 0,
            };
            let payments: Vec<_> = books
                .payments
                .iter()
                .skip(from)
                .take(limit as usize)
                .cloned()
                .collect();
            let more = from + payments.len() < books.payments.len();
            let next = payments.last().filter(|_| more).map(|it| it.id.clone());
            Ok(GatewayPage { payments, next })
        })
    }
}
