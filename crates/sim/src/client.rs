//! Clients: buyers, tills and the people behind the desk. They try again with the same key when no answer comes, and sometimes never
//! hear one.

use crate::found::Found;
use crate::knobs::Knobs;
use crate::op::{Ask, Op, Said};
use crate::request::name_of;
use crate::time::{Dice, Now};
use crate::wire::Wire;
use cartwright_app::nouns::{Key, Record};
use cartwright_domain::checkout::{AttemptState, Checkout, State};
use cartwright_domain::inventory::{Ending, LevelKey};
use cartwright_domain::order::{Order, To};
use cartwright_domain::payment::Method;
use cartwright_domain::{CartId, CheckoutId, OrderId, Refusal, ReservationId, ReturnId};
use parking_lot::Mutex;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a request is tried.
const TRIES: u64 = 8;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(12);

/// What was acknowledged: it must be found at the end, whatever happened.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// Units that were booked in or out, by the name of the request.
    pub adjusted: BTreeMap<SmolStr, (LevelKey, i64)>,
    /// Holds that were made.
    pub held: Vec<ReservationId>,
    /// Holds that ended so.
    pub settled: Vec<(ReservationId, Ending)>,
    /// Checkouts that were completed.
    pub bought: Vec<CheckoutId>,
    /// Money that was put into wallets, by the name of the request.
    pub credited: BTreeMap<SmolStr, (SmolStr, i64)>,
    /// Orders that were given up.
    pub cancelled: Vec<OrderId>,
    /// How many requests were answered at all.
    pub answers: u64,
    /// How many were refused, by code.
    pub refusals: BTreeMap<String, u64>,
}

/// Requests that wait at each node's door.
pub(crate) type Doors = Arc<Vec<Mutex<Vec<Ask>>>>;

/// What every client has.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) name: SmolStr,
    pub(crate) wire: Arc<Wire>,
    pub(crate) doors: Doors,
    pub(crate) dice: Arc<Dice>,
    pub(crate) keys: Arc<AtomicU64>,
    pub(crate) acknowledged: Arc<Mutex<Acknowledged>>,
    pub(crate) levels: Arc<Vec<LevelKey>>,
    pub(crate) now: Arc<Now>,
    /// When nothing new is begun any more.
    pub(crate) until_us: u64,
    pub(crate) knobs: Knobs,
    pub(crate) found: Found,
}

impl Client {
    pub(crate) fn goes_on(&self) -> bool {
        self.now.us() < self.until_us
    }

    pub(crate) async fn rest(&self, longest_ms: u64) {
        let ms = self.dice.between(1, longest_ms);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Asks until there is an answer; `None` when there was none, or none that says what became of it.
    pub(crate) async fn ask(&self, op: Op) -> Option<Said> {
        self.ask_by(self.fresh_key(), op).await
    }

    fn fresh_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    async fn ask_by(&self, key: u64, op: Op) -> Option<Said> {
        let said = self.send(key, op).await;
        let is_taken = matches!(said, Some(Said::Refused(Refusal::KeyReused)));
        self.found
            .must("keys-belong-to-their-callers", !is_taken, || {
                format!("{} was told that its fresh key {key} is taken", self.name)
            });
        said
    }

    /// Another request by a key that was used: it must be refused.
    async fn reuse(&self, key: u64, op: Op) {
        if self.dice.chance(self.knobs.reused_keys) {
            let said = self.send(key, op).await;
            self.found.must(
                "a-key-means-one-request",
                !matches!(said, Some(Said::Done(_))),
                || format!("{} used key {key} for another request", self.name),
            );
        }
    }

    async fn send(&self, key: u64, op: Op) -> Option<Said> {
        for _ in 0..TRIES {
            let (tell, mut told) = mpsc::unbounded_channel();
            let (doors, wire, asked) = (self.doors.clone(), self.wire.clone(), op.clone());
            let who = self.name.clone();
            let door = self.dice.between(0, self.doors.len() as u64 - 1) as usize;
            self.wire.send(move || {
                let (tell, wire) = (tell.clone(), wire.clone());
                doors[door].lock().push(Ask {
                    who: who.clone(),
                    key,
                    op: asked.clone(),
                    tell: Box::new(move |said| {
                        wire.send(move || {
                            // Who got an answer before listens no more.
                            drop(tell.send(said.clone()));
                        });
                    }),
                });
            });
            match tokio::time::timeout(PATIENCE, told.recv()).await {
                Ok(Some(said @ (Said::Done(_) | Said::Refused(_)))) => {
                    let mut acknowledged = self.acknowledged.lock();
                    acknowledged.answers += 1;
                    if let Said::Refused(refusal) = &said {
                        *acknowledged
                            .refusals
                            .entry(variant_of(refusal))
                            .or_default() += 1;
                    }
                    return Some(said);
                }
                Ok(Some(Said::Running | Said::Failed) | None) | Err(_) => {}
            }
            self.rest(500).await;
        }
        None
    }

    async fn done(&self, op: Op) -> Option<Record> {
        match self.ask(op).await {
            Some(Said::Done(record)) => record,
            _ => None,
        }
    }

    /// Buys, again and again.
    pub(crate) async fn buy(self) {
        let customer = self.name.clone();
        while self.goes_on() {
            self.purchase(&customer).await;
            self.rest(2_000).await;
        }
    }

    async fn purchase(&self, customer: &SmolStr) -> Option<()> {
        let dice = &self.dice;
        let cart = CartId(dice.number());
        let has_wallet = dice.chance(self.knobs.wallets);
        // Some share a wallet, and buy at the same time.
        let customer = if dice.chance(0.5) {
            &SmolStr::new_static("household")
        } else {
            customer
        };
        let owner = has_wallet.then(|| customer.clone());
        self.done(Op::CreateCart {
            id: cart,
            customer: owner,
        })
        .await?;
        for _ in 0..dice.between(1, 3) {
            let sku = dice.pick(&self.levels).sku.clone();
            let quantity = dice.between(1, 2) as i64;
            self.done(Op::AddLine {
                cart,
                sku,
                quantity,
            })
            .await?;
        }
        if has_wallet && dice.chance(0.6) {
            self.credit(customer, 600).await;
        }
        let hold = dice.chance(0.3);
        let number = dice.number();
        let Record::Checkout(checkout) = self.done(Op::Open { cart, number, hold }).await? else {
            return None;
        };
        for _ in 0..dice.between(1, 3) {
            if self.complete(&checkout, has_wallet).await {
                self.acknowledged.lock().bought.push(checkout.id);
                self.after(checkout.id).await;
                return Some(());
            }
            if dice.chance(0.3) {
                self.ask(Op::GiveUp {
                    checkout: checkout.id,
                })
                .await;
                return None;
            }
        }
        None
    }

    /// Tries to pay; whether that succeeded, as far as the buyer knows.
    async fn complete(&self, checkout: &Checkout, has_wallet: bool) -> bool {
        let dice = &self.dice;
        let Some(quote) = &checkout.terms.quote else {
            return false;
        };
        let mut total = checkout.terms.totals.total;
        let is_wrong = dice.chance(self.knobs.wrong_sums);
        if is_wrong {
            // Must be refused, whatever it is paid with.
            total -= 1;
        }
        let token = |dice: &Dice| {
            if dice.chance(self.knobs.declines) {
                "tok_declined".to_owned()
            } else {
                "tok_visa".to_owned()
            }
        };
        let parts = match dice.between(0, 9) {
            _ if is_wrong => vec![
                (Method::Card, "tok_visa".to_owned(), Some(300)),
                (Method::Card, "tok_visa".to_owned(), Some(total - 300)),
            ],
            0..5 if has_wallet => vec![
                (Method::Wallet, String::new(), Some(500)),
                (Method::Card, token(dice), Some(total - 500)),
            ],
            ..6 => vec![
                (Method::Card, token(dice), Some(300)),
                (Method::Card, token(dice), Some(total - 300)),
            ],
            6 if has_wallet => vec![(Method::Wallet, String::new(), None)],
            _ => vec![(Method::Card, token(dice), None)],
        };
        let op = Op::Complete {
            checkout: checkout.id,
            quote: quote.id,
            parts,
        };
        let key = self.fresh_key();
        if dice.chance(0.2) {
            // A second browser window asks for the same, with a key of its own; its answer nobody reads.
            let (other, op) = (self.clone(), op.clone());
            tokio::spawn(async move { drop(other.ask(op).await) });
        }
        if dice.chance(self.knobs.hurries) {
            let (other, id) = (self.clone(), checkout.id);
            tokio::spawn(async move { other.hurry(id).await });
        }
        if dice.chance(0.1) {
            let (other, id) = (self.clone(), checkout.id);
            tokio::spawn(async move { drop(other.ask(Op::GiveUp { checkout: id }).await) });
        }
        match self.ask_by(key, op).await {
            Some(Said::Done(Some(Record::Checkout(it)))) => {
                let ended = it
                    .attempts
                    .iter()
                    .any(|it| it.state == AttemptState::Succeeded);
                ended && it.state == State::Completed
            }
            _ => false,
        }
    }

    /// Somebody does something to an order as soon as it is there, paid or not.
    async fn hurry(&self, checkout: CheckoutId) -> Option<()> {
        for _ in 0..20 {
            self.rest(400).await;
            let key = Key::Checkout(checkout);
            let Record::Checkout(it) = self.done(Op::Look { key }).await? else {
                return None;
            };
            let Some(order) = it.attempt().and_then(|it| it.order) else {
                continue;
            };
            if self.dice.chance(0.5) {
                self.cancel(order).await;
                return Some(());
            }
            let key = Key::Order(order);
            let Record::Order(it) = self.done(Op::Look { key }).await? else {
                return None;
            };
            let line = self.dice.pick(&it.lines).id;
            self.ask(Op::Fulfill {
                order,
                line,
                quantity: 1,
            })
            .await;
            return Some(());
        }
        None
    }

    async fn cancel(&self, order: OrderId) {
        let said = self.ask(Op::CancelOrder { order }).await;
        if matches!(said, Some(Said::Done(_))) {
            self.acknowledged.lock().cancelled.push(order);
        }
    }

    /// What becomes of an order.
    async fn after(&self, checkout: CheckoutId) -> Option<()> {
        let dice = &self.dice;
        let key = Key::Checkout(checkout);
        let Record::Checkout(checkout) = self.done(Op::Look { key }).await? else {
            return None;
        };
        let order = checkout.attempts.iter().find_map(|it| it.order)?;
        self.rest(1_000).await;
        let key = Key::Order(order);
        let Record::Order(it) = self.done(Op::Look { key }).await? else {
            return None;
        };
        for _ in 0..dice.between(1, 3) {
            match dice.between(0, 9) {
                0..2 => self.cancel(order).await,
                2..6 => {
                    self.ship(order, &it).await;
                }
                6..9 => {
                    let amount = dice.between(1, it.totals.total as u64) as i64;
                    let to = self.to(&it);
                    self.ask(Op::Refund { order, amount, to }).await;
                }
                _ => self.rest(1_000).await,
            }
        }
        Some(())
    }

    fn to(&self, order: &Order) -> To {
        if order.customer.is_some() && self.dice.chance(0.5) {
            To::Wallet
        } else {
            To::Original
        }
    }

    /// Units leave, and perhaps come back, for money or for others.
    async fn ship(&self, order: OrderId, it: &Order) -> Option<()> {
        let dice = &self.dice;
        let line = dice.pick(&it.lines);
        let (line, quantity) = (line.id, dice.between(1, line.quantity as u64) as i64);
        self.done(Op::Fulfill {
            order,
            line,
            quantity,
        })
        .await?;
        self.rest(1_000).await;
        let number = dice.number();
        let id = ReturnId(number);
        match dice.between(0, 2) {
            0 => {
                self.done(Op::SendBack {
                    order,
                    id,
                    line,
                    quantity,
                })
                .await?;
            }
            1 => {
                let new = (
                    dice.pick(&self.levels).sku.clone(),
                    dice.between(1, 2) as i64,
                );
                let (back, to) = ((line, quantity), self.to(it));
                self.done(Op::Exchange {
                    order,
                    number,
                    back,
                    new,
                    to,
                })
                .await?;
                if dice.chance(0.5) {
                    // The same units, once more.
                    let id = ReturnId(dice.number());
                    self.ask(Op::SendBack {
                        order,
                        id,
                        line,
                        quantity,
                    })
                    .await;
                    let refund = dice.chance(0.7);
                    self.ask(Op::Receive { order, id, refund }).await;
                }
            }
            _ => return Some(()),
        }
        if dice.chance(0.3) {
            // The new order of an exchange, or the old one, is given up meanwhile.
            self.ask(Op::CancelOrder { order }).await;
        }
        self.rest(5_000).await;
        let refund = dice.chance(0.7);
        self.ask(Op::Receive { order, id, refund }).await;
        Some(())
    }

    async fn credit(&self, customer: &SmolStr, amount: i64) {
        let key = self.fresh_key();
        let customer = customer.clone();
        let op = Op::Credit {
            customer: customer.clone(),
            amount,
        };
        if let Some(Said::Done(_)) = self.ask_by(key, op).await {
            let name = name_of(&self.name, key);
            self.acknowledged
                .lock()
                .credited
                .insert(name, (customer, amount));
        }
    }

    /// Holds, sells, gives back, counts in.
    pub(crate) async fn till(self) {
        while self.goes_on() {
            self.round().await;
            self.rest(1_000).await;
        }
    }

    async fn round(&self) -> Option<()> {
        let dice = &self.dice;
        let level = dice.pick(&self.levels).clone();
        if dice.chance(0.3) {
            let delta = if dice.chance(0.7) {
                dice.between(1, 3) as i64
            } else {
                -1
            };
            let key = self.fresh_key();
            let op = Op::Adjust {
                level: level.clone(),
                delta,
            };
            if let Some(Said::Done(_)) = self.ask_by(key, op).await {
                let name = name_of(&self.name, key);
                self.acknowledged
                    .lock()
                    .adjusted
                    .insert(name, (level.clone(), delta));
                self.reuse(
                    key,
                    Op::Adjust {
                        level,
                        delta: delta + 1,
                    },
                )
                .await;
            }
            return Some(());
        }
        let op = Op::Reserve {
            level,
            quantity: dice.between(1, 3) as i64,
            ttl_seconds: dice.between(1, 30) as i64,
        };
        let Record::Reservation(hold) = self.done(op).await? else {
            return None;
        };
        self.acknowledged.lock().held.push(hold.id);
        self.rest(10_000).await;
        if dice.chance(0.2) {
            self.ask(Op::Extend { id: hold.id }).await;
        }
        let ending = match dice.between(0, 2) {
            0 => Ending::Confirm,
            1 => Ending::Release,
            _ => return None,
        };
        let said = self
            .ask(Op::Settle {
                id: hold.id,
                ending,
            })
            .await;
        if let Some(Said::Done(_)) = said {
            self.acknowledged.lock().settled.push((hold.id, ending));
        }
        Some(())
    }
}

/// The variant's name.
fn variant_of(refusal: &Refusal) -> String {
    let text = format!("{refusal:?}");
    let is_part = |letter: char| letter.is_alphanumeric();
    text.chars().take_while(|letter| is_part(*letter)).collect()
}
