//! Who sends the recorded questions: one task for each checkout that is being completed, in the process that writes.
//!
//! Nothing is kept here that must not be lost. Whoever has the lease finds what is unfinished in the store, at once and then
//! every second, so a process that dies is replaced by any other.

use super::ask::{Providers, Told};
use super::hear::{Hear, Nudge};
use super::verify::Difference;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::CheckoutsWanted;
use crate::ports::payment::CORRELATION;
use crate::shop::{Command, Shop};
use crate::tasks::{self, Ended, Tasks};
use cartwright_domain::checkout::{AttemptState, Checkout, Next, State, next};
use cartwright_domain::payment::{Answer, Payment, Question, State as PaymentState};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{CheckoutId, EventId, PaymentId, Time};
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use smol_str::SmolStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How often unfinished checkouts are looked for that nobody drives.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many are found at once.
const FOUND_AT_ONCE: usize = 1_000;
/// The pause before a question is sent a second time; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// The first pause before a provider that could not be reached is asked again for what it alone can do; doubled each time.
const UNREACHED: Duration = Duration::from_millis(500);

/// How attempts are driven.
#[derive(Debug, Clone, Copy)]
pub struct Saga {
    /// How long money may stay undecided before somebody must look, in seconds.
    pub give_up_seconds: i64,
}

/// Drives checkouts. Cheap to clone.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Driver(Arc<Inner>);

/// What is known of how the attempt that is driven began.
#[derive(Debug, Default)]
struct Began {
    /// The tenure of this process in which it did, plus 1; 0: in another one's, or nobody knows.
    tenure: AtomicU64,
    /// The entry of the log with which it did.
    entry: Mutex<Option<EventId>>,
}

type Task = tasks::Task<Began>;

/// Which of this process's times of writing it is: while it lasts, nobody else writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure(u64);

/// What one driver knows of the questions of an attempt, beyond what is recorded.
#[derive(Debug, Default)]
struct Known {
    /// Payments whose authorization was tried in vain, and reached no provider by any of the tries.
    unreached: HashSet<PaymentId>,
    /// Payments that were seen while no question of theirs was open, and the tenure in which: whatever is asked after that in the same
    /// tenure, nobody else has sent.
    unasked: HashMap<PaymentId, u64>,
    /// An answer came and could not be recorded.
    lost: bool,
    /// How often a provider could not be reached, one time after the other.
    in_vain: u32,
    /// The last entry of the log that this driver wrote.
    last: Option<EventId>,
}

struct Inner {
    shop: Shop,
    providers: Arc<Providers>,
    options: Saga,
    tasks: Tasks<CheckoutId, Began>,
    differences: Mutex<HashMap<PaymentId, Difference>>,
}

impl Driver {
    /// A driver that does nothing yet.
    pub fn new(shop: Shop, providers: Arc<Providers>, options: Saga) -> Self {
        Self(Arc::new(Inner {
            shop,
            providers,
            options,
            tasks: Tasks::default(),
            differences: Mutex::default(),
        }))
    }

    /// The providers that are asked.
    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    pub(super) fn shop(&self) -> &Shop {
        &self.0.shop
    }

    pub(super) fn differences(&self) -> &Mutex<HashMap<PaymentId, Difference>> {
        &self.0.differences
    }

    pub(super) async fn submit(&self, command: impl Command + 'static) -> Result<(), Fault> {
        tasks::submit(&self.0.shop, ACTOR, command).await
    }

    /// Looks for unfinished checkouts for ever, as long as this process writes. Meant to be spawned.
    pub async fn watch(self) {
        loop {
            if planted(Bug::WatchEndsAtReader) && self.0.shop.health().is_reader() {
                return;
            }
            if !self.0.shop.health().is_reader()
                && let Err(fault) = self.look().await
            {
                tracing::warn!(%fault, "unfinished checkouts could not be looked for; trying again");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        for state in [State::Processing, State::NeedsAttention] {
            if planted(Bug::AttentionNotDriven) && state == State::NeedsAttention {
                return Ok(());
            }
            let wanted = CheckoutsWanted {
                state: Some(state),
                cart: None,
            };
            let mut after = None;
            loop {
                let from = after.clone();
                let list = move |store: &dyn crate::ports::ReadStore| {
                    store.list_checkouts(wanted, &from, FOUND_AT_ONCE)
                };
                let found = self.0.shop.read(list).await?;
                for record in found.items {
                    if let Record::Checkout(it) = record {
                        self.found(it.id);
                    }
                }
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Now, to be told again to [`began`](Self::began).
    pub fn tenure(&self) -> Tenure {
        Tenure(self.0.tenure())
    }

    /// An attempt has begun by a command that was submitted in this tenure: while that lasts, nobody else can have sent a question
    /// of it. `entry`: the last one that the command wrote to the log.
    pub fn began(&self, id: CheckoutId, tenure: Tenure, entry: Option<EventId>) {
        self.take(id, tenure.0 + 1, entry);
    }

    /// An unfinished checkout: somebody drives it from now on.
    fn found(&self, id: CheckoutId) {
        self.take(id, 0, None);
    }

    fn take(&self, id: CheckoutId, began: u64, entry: Option<EventId>) {
        let note = |known: &Began| {
            known.tenure.fetch_max(began, Ordering::SeqCst);
            if entry.is_some() {
                *known.entry.lock() = entry;
            }
        };
        let (task, is_new) = self.0.tasks.take(id, note);
        if is_new {
            let inner = self.0.clone();
            tokio::spawn(async move {
                while inner.tasks.goes_on(id, &task) {
                    inner.drive(id, &task).await;
                }
                inner.tasks.rests(id);
            });
        }
    }

    /// Something has changed about a checkout: it is looked at now.
    pub fn wake(&self, id: CheckoutId) {
        if !self.0.tasks.wake(id) {
            self.found(id);
        }
    }

    /// Tells when nobody drives the checkout any more. Ask before waking it.
    pub fn ended(&self, id: CheckoutId) -> Ended {
        self.0.tasks.ended(id)
    }
}

impl Inner {
    /// The epoch of the lease: it changes whenever somebody else may have written.
    fn tenure(&self) -> u64 {
        self.shop.health().standing().borrow().epoch
    }

    async fn drive(&self, id: CheckoutId, task: &Task) {
        let mut pause = FIRST_PAUSE;
        let mut known = Known::default();
        loop {
            match self.go_on(id, task, &mut known).await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => return,
                Err(Fault::NoLease) => {
                    if planted(Bug::SpinsWithoutLease) {
                        return;
                    }
                    // Whoever waits here wakes a driver again at once; it must not spin.
                    tokio::time::sleep(FIRST_PAUSE).await;
                    return;
                }
                Err(fault) => {
                    tracing::debug!(checkout = %id, %fault, "an attempt waits for the shop");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    /// One thing after the other; whether there is more to do.
    async fn go_on(&self, id: CheckoutId, task: &Task, known: &mut Known) -> Result<bool, Fault> {
        let Some(checkout) = self.checkout(id).await? else {
            return Ok(false);
        };
        let Some(attempt) = checkout.attempt() else {
            return Ok(false);
        };
        if attempt.state != AttemptState::Running {
            return Ok(false);
        }
        let mut payments = Vec::with_capacity(attempt.payments.len());
        for id in &attempt.payments {
            match self.shop.find(&Key::Payment(*id)).await? {
                Some(Record::Payment(payment)) => payments.push(payment),
                _ => return Err(Fault::Corrupt(format!("payment {id} is gone"))),
            }
        }
        let now = Time(self.shop.clock().now_ms());
        let borrowed: Vec<&Payment> = payments.iter().map(AsRef::as_ref).collect();
        self.note_unasked(&borrowed, known);
        if let Some(entry) = task.about.entry.lock().take() {
            known.last = Some(entry);
        }
        match next(attempt, &borrowed, now) {
            Next::Nothing => return Ok(false),
            Next::Wait(place) => {
                let due = borrowed[place].parked_until().unwrap_or(now);
                let left = u64::try_from(due.0 - now.0).unwrap_or(0);
                self.pause(&task.woken, Duration::from_millis(left)).await;
            }
            Next::Asked(place, question) => {
                let give_up = attempt
                    .started_at
                    .plus_seconds(self.options.give_up_seconds);
                if checkout.state == State::Processing && now >= give_up {
                    self.nudge(&checkout, known).await?;
                }
                let payment = &payments[place];
                self.wait(payment, &task.woken, now).await;
                self.send(&checkout, payment, question, task, known).await?;
            }
            Next::Ask(..) | Next::Order | Next::Succeed | Next::GoBack(_) | Next::Undo => {
                self.nudge(&checkout, known).await?;
            }
        }
        Ok(true)
    }

    /// Remembers whose first question is not open: if it is asked after this, nobody else has sent it.
    fn note_unasked(&self, payments: &[&Payment], known: &mut Known) {
        if self.shop.health().is_reader() {
            return known.unasked.clear();
        }
        let tenure = self.tenure();
        let unasked = payments
            .iter()
            .filter(|it| it.asked.is_none() && it.state == PaymentState::Pending);
        known.unasked.extend(unasked.map(|it| (it.id, tenure)));
    }

    /// Sends a recorded question and hands in what came of it.
    async fn send(
        &self,
        checkout: &Checkout,
        payment: &Payment,
        question: Question,
        task: &Task,
        known: &mut Known,
    ) -> Result<(), Fault> {
        let first = question == Question::Authorize && payment.state == PaymentState::Pending;
        let told = if first && !self.is_alone(payment.id, task, known) {
            // Whoever recorded it may have sent it, and died before the answer: then it must not be asked elsewhere.
            Told::plain(Answer::Unclear)
        } else if question == Question::Void
            && (known.unreached.contains(&payment.id)
                || planted(Bug::NothingWithoutId) && payment.provider_id.is_none())
        {
            Told::plain(Answer::Nothing)
        } else {
            failpoint(asking(question));
            let told = self.ask(checkout, payment, question).await?;
            failpoint(answered(question));
            told
        };
        let unsent = matches!(told.answer, Answer::Unsent | Answer::Elsewhere(_));
        if first && unsent {
            known.unreached.insert(payment.id);
        } else if question == Question::Authorize && !unsent {
            known.unreached.remove(&payment.id);
        }
        let unreached = told.answer == Answer::Unsent && !first;
        known.in_vain = if unreached { known.in_vain + 1 } else { 0 };
        if !unreached || told.message.as_ref().is_some_and(|it| !knows(checkout, it)) {
            let heard = Hear {
                checkout: checkout.id,
                payment: payment.id,
                question,
                answer: told.answer,
                message: told.message,
                cause: known.last,
            };
            if let Err(fault) = self.submit(checkout, heard, known).await {
                known.lost |= !unsent;
                return Err(fault);
            }
            failpoint(recorded(question));
        }
        if unreached {
            let doubled = UNREACHED * 2_u32.pow(known.in_vain.min(10) - 1);
            self.pause(&task.woken, doubled.min(LAST_PAUSE)).await;
        }
        Ok(())
    }

    /// Whether nobody but this driver can have sent a question that is recorded and was not answered yet.
    fn is_alone(&self, payment: PaymentId, task: &Task, known: &Known) -> bool {
        let tenure = self.tenure();
        let here = task.about.tenure.load(Ordering::SeqCst) == tenure + 1
            || known.unasked.get(&payment) == Some(&tenure);
        planted(Bug::AnybodyIsAlone) || here && !known.lost && !self.shop.health().is_reader()
    }

    async fn ask(
        &self,
        checkout: &Checkout,
        payment: &Payment,
        question: Question,
    ) -> Result<Told, Fault> {
        let token = self.shop.find(&Key::Instrument(payment.id)).await?;
        let token = match &token {
            Some(Record::Instrument(it)) => Some(it.token.as_str()),
            _ => None,
        };
        let cart = checkout.cart_id.to_string();
        let clock = self.shop.clock();
        let now_ns = || clock.monotonic_ns();
        let asked = self.providers.ask(payment, question, token, &cart, now_ns);
        Ok(CORRELATION.scope(correlation(checkout), asked).await)
    }

    async fn nudge(&self, checkout: &Checkout, known: &mut Known) -> Result<(), Fault> {
        let nudge = Nudge {
            checkout: checkout.id,
            give_up_seconds: self.options.give_up_seconds,
            cause: known.last,
        };
        failpoint(Point::SagaMoving);
        self.submit(checkout, nudge, known).await?;
        failpoint(Point::SagaMoved);
        Ok(())
    }

    /// Before a question is sent again.
    async fn wait(&self, payment: &Payment, notify: &Notify, now: Time) {
        if payment.tries == 0 {
            return;
        }
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(payment.tries.min(10) - 1);
        let due = payment.updated_at.0 + doubled.min(LAST_PAUSE).as_millis() as i64;
        let left = u64::try_from(due - now.0).unwrap_or(0);
        self.pause(notify, Duration::from_millis(left)).await;
    }

    /// Until somebody wakes it, or so long.
    async fn pause(&self, notify: &Notify, long: Duration) {
        // Either is a reason to go on.
        drop(tokio::time::timeout(long, notify.notified()).await);
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<Arc<Checkout>>, Fault> {
        Ok(match self.shop.find(&Key::Checkout(id)).await? {
            Some(Record::Checkout(it)) => Some(it),
            _ => None,
        })
    }

    /// What the driver does belongs to the request that began the attempt.
    async fn submit(
        &self,
        checkout: &Checkout,
        command: impl Command + 'static,
        known: &mut Known,
    ) -> Result<(), Fault> {
        let correlation = correlation(checkout);
        let written = tasks::submit_for(&self.shop, ACTOR, &correlation, command).await?;
        known.last = written.or(known.last);
        Ok(())
    }
}

const fn asking(question: Question) -> Point {
    match question {
        Question::Authorize => Point::AuthorizeAsking,
        Question::Capture => Point::CaptureAsking,
        Question::Void => Point::VoidAsking,
        Question::Refund => Point::GiveBackAsking,
    }
}

const fn answered(question: Question) -> Point {
    match question {
        Question::Authorize => Point::AuthorizeAnswered,
        Question::Capture => Point::CaptureAnswered,
        Question::Void => Point::VoidAnswered,
        Question::Refund => Point::GiveBackAnswered,
    }
}

const fn recorded(question: Question) -> Point {
    match question {
        Question::Authorize => Point::AuthorizeRecorded,
        Question::Capture => Point::CaptureRecorded,
        Question::Void => Point::VoidRecorded,
        Question::Refund => Point::GiveBackRecorded,
    }
}

/// Who the driver is in the log.
const ACTOR: &str = "saga";

/// The request that began the attempt that runs.
fn correlation(checkout: &Checkout) -> SmolStr {
    let begun = checkout.attempt().map(|it| &it.correlation);
    begun
        .filter(|it| !it.is_empty())
        .cloned()
        .unwrap_or(SmolStr::new_static(ACTOR))
}

/// Whether the buyer was told this in the last attempt.
fn knows(checkout: &Checkout, (code, _): &(&'static str, SmolStr)) -> bool {
    let began = checkout.attempt().map_or(Time(0), |it| it.started_at);
    let mut told = checkout.messages.iter();
    told.any(|it| it.code == *code && it.at >= began)
}
