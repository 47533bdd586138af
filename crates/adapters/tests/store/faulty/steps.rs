//! What a shop does, step by step: drawn from the seed, the number of the step, and what is committed so far, so that a process that
//! comes after a power cut does the same again in memory.

use crate::orders::{fulfilled, placed};
use crate::replies::reply;
use crate::samples::*;
use crate::wallets::credited;
use cartwright_app::ports::Keep;
use cartwright_app::{Event, Key, Record};
use cartwright_domain::cart::Event as CartEvent;
use cartwright_domain::inventory::{ReservationEvent, State, TransferEvent};
use cartwright_domain::key::Event as KeyEvent;
use cartwright_domain::{ApiKeyId, CartId, ReservationId, Time, TransferId};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ purpose);
        dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below a bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len() as u64) as usize]
    }
}

/// One thing to do.
#[derive(Debug)]
pub(super) enum Step {
    /// A transaction of the loop.
    Batch {
        id: [u8; 16],
        events: Vec<Event>,
        kept: Vec<Keep>,
        /// A consumer whose place moves with it.
        relay: Option<u64>,
    },
    /// A consumer remembers its place beside the loop.
    Place { consumer: &'static str, at: u64 },
    /// Old replies are dropped.
    Drop,
}

/// Those who remember their places beside the loop.
pub(super) const CONSUMERS: [&str; 2] = ["search", "mail"];

pub(super) fn now(number: u64) -> Time {
    Time(NOW.0 + number as i64 * 10)
}

fn id_of(number: u64) -> [u8; 16] {
    u128::from(number + 1).to_be_bytes()
}

pub(super) fn step(seed: u64, number: u64, state: &BTreeMap<Key, Record>) -> Step {
    let mut dice = Dice::new(seed, number);
    match dice.below(20) {
        0 | 1 => Step::Place {
            consumer: dice.of(&CONSUMERS),
            at: number + 1,
        },
        2 => Step::Drop,
        _ => {
            let mut events = events(&mut dice, number, state);
            let kept = kept(&mut dice, number);
            if kept.is_empty() && events.is_empty() {
                events.push(store("berlin"));
            }
            Step::Batch {
                id: id_of(number),
                events,
                kept,
                relay: dice.one_in(6).then_some(number + 1),
            }
        }
    }
}

/// Events of all nouns; seldom a batch that a store must refuse whole.
fn events(dice: &mut Dice, number: u64, state: &BTreeMap<Key, Record>) -> Vec<Event> {
    let taken = state.keys().find_map(|key| match key {
        Key::Reference(principal, reference) => Some((principal.clone(), reference.clone())),
        _ => None,
    });
    if let (Some((principal, reference)), true) = (taken, dice.one_in(25)) {
        let again = hold(
            u128::from(number) * 1000 + 999,
            &principal,
            &reference,
            now(number),
        );
        return vec![store("berlin"), again];
    }
    let many = match dice.below(10) {
        0 => 60,
        1..4 => 12,
        _ => 3,
    };
    let (mut events, mut used) = (Vec::new(), BTreeSet::new());
    for place in 0..=dice.below(many) {
        for event in drawn(dice, u128::from(number * 1000 + place), number, state) {
            // What exists is looked up as it was before the batch, so nothing is touched twice.
            if used.insert(event.key()) || matches!(event, Event::Level(..)) {
                events.push(event);
            }
        }
    }
    events
}

fn drawn(dice: &mut Dice, fresh: u128, number: u64, state: &BTreeMap<Key, Record>) -> Vec<Event> {
    let soon = Time(now(number).0 + dice.below(5_000) as i64);
    let sku = format!("P{}-1", dice.below(6));
    let place = dice.of(&["berlin", "paris", "aachen"]);
    match dice.below(16) {
        0 => {
            let id = format!("P{}", dice.below(6));
            let skus = [format!("{id}-1"), format!("{id}-2")];
            let skus: Vec<_> = skus.iter().map(String::as_str).collect();
            vec![product(&id, &skus[..1 + dice.below(2) as usize])]
        }
        1 => vec![store(place)],
        2 | 3 => vec![receive(&sku, place, 1 + dice.below(50) as i64)],
        4 | 5 => vec![hold(
            fresh,
            dice.of(&["key_1", "key_2"]),
            &format!("r{fresh}"),
            soon,
        )],
        6 | 7 => pending(dice, state).map_or_else(Vec::new, |id| {
            let event = match dice.below(4) {
                0 => ReservationEvent::Extended { expires_at: soon },
                1 => ReservationEvent::Ended(State::Confirmed),
                2 => ReservationEvent::Ended(State::Released),
                _ => ReservationEvent::Ended(State::Expired),
            };
            vec![Event::Reservation(id, event)]
        }),
        8 => vec![transfer(fresh)],
        9 => some(dice, state, |record| match record {
            Record::Transfer(it) => Some(it.id.0),
            _ => None,
        })
        .map_or_else(Vec::new, |id| {
            vec![Event::Transfer(TransferId(id), TransferEvent::Received)]
        }),
        10 => vec![cart(
            fresh,
            dice.one_in(2).then_some("cust"),
            dice.one_in(4).then_some(format!("u{fresh}")).as_deref(),
            soon,
        )],
        11 => some(dice, state, |record| match record {
            Record::Cart(it) => Some(it.id.0),
            _ => None,
        })
        .map_or_else(Vec::new, |id| {
            vec![if dice.one_in(4) {
                Event::Cart(CartId(id), CartEvent::Deleted)
            } else {
                touch(id, soon)
            }]
        }),
        12 => {
            let keys = some(dice, state, |record| match record {
                Record::ApiKey(it) => Some(it.id.0),
                _ => None,
            });
            match keys.filter(|_| dice.one_in(2)) {
                Some(id) => vec![Event::ApiKey(ApiKeyId(id), KeyEvent::Deleted)],
                None if state.contains_key(&Key::KeyHash([number as u8; 32])) => Vec::new(),
                None => vec![api_key(u128::from(number), number as u8)],
            }
        }
        13 => vec![opened(fresh, fresh, soon), contact(fresh, fresh)],
        14 => some(dice, state, |record| match record {
            Record::Order(it) if it.lines.iter().all(|line| line.fulfilled == 0) => Some(it.id.0),
            _ => None,
        })
        .filter(|_| dice.one_in(2))
        .map_or_else(|| vec![placed(fresh)], |id| vec![fulfilled(id)]),
        _ => {
            let customer = dice.of(&["ada", "bob"]);
            credited(
                fresh,
                customer,
                &format!("w{fresh}"),
                usd(1 + dice.below(900) as i64),
            )
            .into()
        }
    }
}

/// Something that exists, by its number.
fn some(
    dice: &mut Dice,
    state: &BTreeMap<Key, Record>,
    number: impl Fn(&Record) -> Option<u128>,
) -> Option<u128> {
    let all: Vec<_> = state.values().filter_map(number).collect();
    (!all.is_empty()).then(|| dice.of(&all))
}

fn pending(dice: &mut Dice, state: &BTreeMap<Key, Record>) -> Option<ReservationId> {
    some(dice, state, |record| match record {
        Record::Reservation(it) if it.state == State::Pending => Some(it.id.0),
        _ => None,
    })
    .map(ReservationId)
}

fn kept(dice: &mut Dice, number: u64) -> Vec<Keep> {
    if dice.one_in(2) {
        return Vec::new();
    }
    let replies = 0..=dice.below(6) as u8;
    let made = replies.map(|place| {
        let mut hash = id_of(number);
        hash[0] = place + 1;
        let until = Time(now(number).0 + dice.below(1_500) as i64);
        Keep {
            hash,
            until,
            reply: reply(place + 1).encode(&hash, until),
        }
    });
    made.collect()
}
