//! What must be true once everything has ended (PRF-2): of the shop's tables, its log, the providers' books, and what clients were told.

mod money;

use crate::client::Acknowledged;
use crate::found::Found;
use crate::provider::Books;
use cartwright_app::inventory::CHECKOUT;
use cartwright_app::nouns::{Event, Key, Record};
use cartwright_app::ports::ReadStore;
use cartwright_app::replay::Replay;
use cartwright_app::{Fault, events};
use cartwright_domain::cart::State as CartState;
use cartwright_domain::checkout::{AttemptState, Checkout, State as CheckoutState};
use cartwright_domain::inventory::{Ending, LevelKey, MovementKind, State as HoldState};
use cartwright_domain::order::{Order, RefundState, State as OrderState};
use cartwright_domain::payment::Payment;
use cartwright_domain::{CartId, PaymentId, Sku};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long after its time a hold may last, clocks that are off included.
const LATE_MS: i64 = 30_000;
/// Nobody asks for a hold that lasts so long; a purchase has one as long as it is under way.
const PINNED_MS: i64 = 366 * 86_400_000;

/// Everything that is compared.
pub(crate) struct Evidence<'a> {
    pub(crate) found: &'a Found,
    pub(crate) now_ms: i64,
    /// Failed attempts that one cart may have within an hour; no world lasts that long.
    pub(crate) tries: usize,
    /// What every level began with.
    pub(crate) units: BTreeMap<LevelKey, i64>,
    pub(crate) store: &'a dyn ReadStore,
    pub(crate) providers: Vec<(&'a str, &'a Books)>,
    pub(crate) acknowledged: &'a Acknowledged,
}

/// The tables, by noun.
#[derive(Default)]
struct Tables {
    all: BTreeMap<Key, Record>,
    orders: Vec<Arc<Order>>,
    checkouts: Vec<Arc<Checkout>>,
    payments: BTreeMap<PaymentId, Arc<Payment>>,
    /// What the log tells of stock.
    moves: Moves,
}

/// Changes of what lies somewhere, by what brought them about.
#[derive(Default)]
struct Moves {
    /// Corrections, by the name of their request.
    adjusted: BTreeMap<SmolStr, Vec<(LevelKey, i64)>>,
    /// Units that buyers sent back.
    restocked: Vec<(LevelKey, i64)>,
}

/// Looks at everything and notes what does not hold.
pub(crate) fn check(evidence: &Evidence<'_>) {
    let found = evidence.found;
    if !found.is_empty() {
        // It was stopped in the middle: nothing has ended.
        return;
    }
    if let Err(fault) = all(evidence, found) {
        found.must("the-store-can-be-read", false, || fault.to_string());
    }
}

fn all(evidence: &Evidence<'_>, found: &Found) -> Result<(), Fault> {
    let mut tables = Tables::default();
    evidence.store.visit_all(&mut |key, record| {
        match &record {
            Record::Order(it) => tables.orders.push(it.clone()),
            Record::Checkout(it) => tables.checkouts.push(it.clone()),
            Record::Payment(it) => drop(tables.payments.insert(it.id, it.clone())),
            _ => {}
        }
        tables.all.insert(key, record);
        Ok(())
    })?;
    replays(evidence.store, found)?;
    tables.moves = moves(evidence.store)?;
    stock(&tables, found);
    units(evidence, &tables, found);
    holds(evidence, &tables, found);
    checkouts(&tables, found);
    carts(&tables, evidence.tries, found);
    orders(&tables, found);
    money::returns(&tables, found);
    money::money(evidence, &tables, found);
    money::moved(&tables, found);
    money::wallets(&tables, found);
    documents(&tables, found);
    acknowledged(evidence, &tables, found)
}

/// Projection = replay, and the log has neither gaps nor a version twice.
fn replays(store: &dyn ReadStore, found: &Found) -> Result<(), Fault> {
    let mut replay = Replay::default();
    if let Err(fault) = replay.follow(store) {
        found.must("the-log-makes-the-state", false, || fault.to_string());
        return Ok(());
    }
    let comparison = replay.compare(store)?;
    found.must("the-log-makes-the-state", comparison.different == 0, || {
        format!("the log does not make the state: {:?}", comparison.told)
    });
    Ok(())
}

/// 0 <= reserved, allocated; together never more than there is; and exactly what holds and orders have.
fn stock(tables: &Tables, found: &Found) {
    let mut reserved: BTreeMap<LevelKey, i64> = BTreeMap::new();
    let mut allocated: BTreeMap<LevelKey, i64> = BTreeMap::new();
    for record in tables.all.values() {
        match record {
            Record::Reservation(hold) if hold.state == HoldState::Pending => {
                for line in &hold.lines {
                    *reserved.entry(line.level.clone()).or_default() += line.quantity;
                }
            }
            Record::Order(order) => {
                for line in &order.lines {
                    for source in &line.sources {
                        let level = LevelKey {
                            sku: line.sku.clone(),
                            store: source.store.clone(),
                        };
                        *allocated.entry(level).or_default() += source.units;
                    }
                }
            }
            _ => {}
        }
    }
    for (key, record) in &tables.all {
        let (Key::Level(key), Record::Level(level)) = (key, record) else {
            continue;
        };
        let is_sane = level.reserved >= 0 && level.allocated >= 0;
        found.must("stock-never-negative", is_sane, || {
            format!("below nothing: {level:?}")
        });
        let promised = level.reserved + level.allocated;
        found.must("never-oversold", promised <= level.on_hand, || {
            format!("oversold: {level:?}")
        });
        let held = reserved.remove(key).unwrap_or_default();
        found.must("what-is-reserved-is-held", level.reserved == held, || {
            format!("{held} units are held of {level:?}")
        });
        let sold = allocated.remove(key).unwrap_or_default();
        found.must(
            "what-is-allocated-is-ordered",
            level.allocated == sold,
            || format!("{sold} units wait in orders of {level:?}"),
        );
    }
}

/// What came in and did not leave lies there.
fn units(evidence: &Evidence<'_>, tables: &Tables, found: &Found) {
    let mut expected = evidence.units.clone();
    let moves = &tables.moves;
    let mut back: BTreeMap<&Sku, i64> = BTreeMap::new();
    for (level, units) in &moves.restocked {
        *back.entry(&level.sku).or_default() += units;
    }
    let adjusted = moves.adjusted.values().flatten();
    for (level, delta) in adjusted.chain(&moves.restocked) {
        *expected.entry(level.clone()).or_default() += delta;
    }
    for record in tables.all.values() {
        match record {
            Record::Reservation(hold)
                if hold.state == HoldState::Confirmed && !hold.reference.starts_with(CHECKOUT) =>
            {
                for line in &hold.lines {
                    *expected.entry(line.level.clone()).or_default() -= line.quantity;
                }
            }
            Record::Order(order) => {
                for line in &order.lines {
                    *back.entry(&line.sku).or_default() -= line.returned;
                    for source in &line.shipped {
                        let level = LevelKey {
                            sku: line.sku.clone(),
                            store: source.store.clone(),
                        };
                        *expected.entry(level).or_default() -= source.units;
                    }
                }
            }
            _ => {}
        }
    }
    for (sku, units) in back {
        found.must("units-are-conserved", units == 0, || {
            format!("{units} units of {sku} more lie there again than buyers sent back")
        });
    }
    for (key, units) in expected {
        let there = match tables.all.get(&Key::Level(key.clone())) {
            Some(Record::Level(level)) => level.on_hand,
            _ => 0,
        };
        found.must("units-are-conserved", there == units, || {
            format!("{there} units lie at {key:?}, and {units} should")
        });
    }
}

/// No hold outlives its time; after the end nothing is held for a purchase that is not.
fn holds(evidence: &Evidence<'_>, tables: &Tables, found: &Found) {
    for record in tables.all.values() {
        if let Record::Reservation(hold) = record
            && hold.state == HoldState::Pending
        {
            let is_due = hold.expires_at.0 + LATE_MS < evidence.now_ms;
            let is_pinned = hold.expires_at.0 > evidence.now_ms + PINNED_MS;
            found.must("every-hold-ends", !is_due && !is_pinned, || {
                format!("{hold:?}")
            });
        }
    }
}

/// Every checkout has ended or is open, and a completed one has exactly one attempt that made its order.
fn checkouts(tables: &Tables, found: &Found) {
    for it in &tables.checkouts {
        let rests = matches!(
            it.state,
            CheckoutState::Open
                | CheckoutState::Completed
                | CheckoutState::Cancelled
                | CheckoutState::Expired
        );
        found.must("every-saga-ends", rests, || format!("not ended: {it:?}"));
        let running = it
            .attempts
            .iter()
            .any(|it| it.state == AttemptState::Running);
        found.must("every-saga-ends", !running, || {
            format!("an attempt runs: {it:?}")
        });
        let made = it
            .attempts
            .iter()
            .filter(|it| it.state == AttemptState::Succeeded);
        let made = made.count();
        let expected = usize::from(it.state == CheckoutState::Completed);
        let mut keys: Vec<_> = it.attempts.iter().flat_map(|it| &it.keys).collect();
        keys.sort_unstable();
        let is_one = keys.windows(2).all(|pair| pair[0] != pair[1]);
        found.must("a-key-means-one-request", is_one, || {
            format!("a key began twice: {it:?}")
        });
        found.must("one-success-for-each-purchase", made == expected, || {
            format!("{made} attempts succeeded: {it:?}")
        });
    }
}

/// No cart is locked for ever, and none was paid for in vain too often.
fn carts(tables: &Tables, tries: usize, found: &Found) {
    for record in tables.all.values() {
        if let Record::Cart(cart) = record {
            let rests = cart.state != CartState::CheckingOut;
            found.must("carts-are-free-again", rests, || {
                format!("a cart is still checking out: {cart:?}")
            });
            let tried = cart.tried_in_vain.len();
            found.must("limits-hold", tried <= tries, || {
                format!("{tried} attempts of {tries}: {cart:?}")
            });
        }
    }
}

/// Per cart at most one order that is not cancelled; captured = total once it stands; nothing kept of what was given up.
fn orders(tables: &Tables, found: &Found) {
    let mut standing: BTreeMap<CartId, u32> = BTreeMap::new();
    for order in &tables.orders {
        let payments: Vec<_> = order
            .payments
            .iter()
            .filter_map(|id| tables.payments.get(id))
            .collect();
        let captured: i64 = payments.iter().map(|it| it.captured).sum();
        let back = |it: &Payment| it.refunded + it.elsewhere + it.moved;
        let returned: i64 = payments.iter().map(|it| back(it)).sum();
        for payment in &payments {
            let parts = order.refunds.iter().filter_map(|it| it.part(payment.id));
            let told: i64 = parts
                .filter(|it| it.state == RefundState::Succeeded)
                .map(|it| it.amount)
                .sum();
            found.must(
                "what-is-told-is-booked",
                !order.is_paid || told == back(payment),
                || format!("{told} was told to go back: {payment:?} {order:?}"),
            );
        }
        let is_given_up = order.lines.iter().all(|it| it.cancelled == it.quantity);
        if order.state != OrderState::Cancelled {
            *standing.entry(order.cart).or_default() += 1;
            let is_paid = order.is_paid && captured == order.totals.total;
            found.must("a-standing-order-is-paid", is_paid, || {
                format!("{captured} was taken for {order:?}")
            });
            found.must(
                "a-paid-order-has-an-invoice",
                order.totals.total == 0 || order.invoice.is_some(),
                || format!("no invoice: {order:?}"),
            );
        } else if is_given_up || !order.is_paid {
            found.must("given-up-is-paid-back", captured == returned, || {
                format!("given up, and {} is kept: {order:?}", captured - returned)
            });
        }
        found.must(
            "never-refunds-more-than-taken",
            returned <= captured,
            || format!("{returned} went back of {captured}: {order:?}"),
        );
        found.must("every-refund-ends", !order.is_unsettled(), || {
            format!("money is on its way back: {order:?}")
        });
    }
    for (cart, count) in standing {
        found.must("one-order-for-each-cart", count <= 1, || {
            format!("{count} orders of cart {cart}")
        });
    }
}

/// Numbers of invoices and credit notes have no gaps.
fn documents(tables: &Tables, found: &Found) {
    let gapless = |found: &Found, what: &str, mut numbers: Vec<u64>| {
        numbers.sort_unstable();
        let expected: Vec<_> = (1..=numbers.len() as u64).collect();
        found.must("numbers-have-no-gaps", numbers == expected, || {
            format!("{what}: {numbers:?}")
        });
    };
    let orders = || tables.orders.iter();
    gapless(
        found,
        "order numbers",
        orders().map(|it| it.number).collect(),
    );
    gapless(
        found,
        "invoices",
        orders().filter_map(|it| it.invoice).collect(),
    );
    let notes = orders().flat_map(|it| it.refunds.iter().map(|it| it.credit_note));
    gapless(found, "credit notes", notes.collect());
}

/// What the log tells of stock.
fn moves(store: &dyn ReadStore) -> Result<Moves, Fault> {
    let mut moves = Moves::default();
    let mut position = 0;
    loop {
        let batches = store.log(position, 10_000)?;
        if batches.is_empty() {
            return Ok(moves);
        }
        for batch in &batches {
            position = batch.first_position + batch.entries.len() as u64 - 1;
            for entry in &batch.entries {
                let Some(Event::Level(key, movement)) = events::decode(entry)? else {
                    continue;
                };
                let effect = (key, movement.on_hand_delta);
                if movement.kind == MovementKind::Restocked {
                    moves.restocked.push(effect);
                } else if let Some(name) = movement.reason.filter(|it| it.starts_with("op-")) {
                    moves.adjusted.entry(name).or_default().push(effect);
                }
            }
        }
    }
}

/// Acknowledged = durable, and the same key = one effect.
fn acknowledged(evidence: &Evidence<'_>, tables: &Tables, found: &Found) -> Result<(), Fault> {
    let told = evidence.acknowledged;
    let adjusted = &tables.moves.adjusted;
    for (name, effects) in adjusted {
        found.must("the-same-key-is-one-effect", effects.len() == 1, || {
            format!("{name} was done {effects:?}")
        });
    }
    for (name, effect) in &told.adjusted {
        let is_there = adjusted.get(name).is_some_and(|it| it.contains(effect));
        found.must("acknowledged-is-durable", is_there, || {
            format!("acknowledged and lost: {name} {effect:?}")
        });
    }
    for id in &told.held {
        let is_there = tables.all.contains_key(&Key::Reservation(*id));
        found.must("acknowledged-is-durable", is_there, || {
            format!("acknowledged and lost: hold {id}")
        });
    }
    for (id, ending) in &told.settled {
        let expected = match ending {
            Ending::Confirm => HoldState::Confirmed,
            Ending::Release | Ending::Expire | Ending::Allocate => HoldState::Released,
        };
        let is_so = matches!(tables.all.get(&Key::Reservation(*id)), Some(Record::Reservation(it)) if it.state == expected);
        found.must("acknowledged-is-durable", is_so, || {
            format!("hold {id} was said to be {expected:?}")
        });
    }
    for id in &told.bought {
        let is_so = matches!(tables.all.get(&Key::Checkout(*id)), Some(Record::Checkout(it)) if it.state == CheckoutState::Completed);
        found.must("acknowledged-is-durable", is_so, || {
            format!("checkout {id} was said to be completed")
        });
    }
    for id in &told.cancelled {
        let is_so = matches!(tables.all.get(&Key::Order(*id)), Some(Record::Order(it)) if it.state == OrderState::Cancelled || it.lines.iter().all(|it| it.open() == 0));
        found.must("acknowledged-is-durable", is_so, || {
            format!("order {id} was said to be cancelled")
        });
    }
    let mut entries: BTreeMap<SmolStr, Vec<(SmolStr, i64)>> = BTreeMap::new();
    for record in tables.all.values() {
        if let Record::WalletEntry(it) = record {
            let effect = (it.data.customer.clone(), it.data.amount.minor);
            entries
                .entry(it.data.reference.clone())
                .or_default()
                .push(effect);
        }
    }
    for (name, effect) in &told.credited {
        let is_once = entries
            .get(name)
            .is_some_and(|it| it.as_slice() == std::slice::from_ref(effect));
        found.must("the-same-key-is-one-effect", is_once, || {
            format!(
                "{name} put in {effect:?}, and there is {:?}",
                entries.get(name)
            )
        });
    }
    Ok(())
}
