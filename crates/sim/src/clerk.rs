//! Clerks: all that is done to one level is theirs, and written down.

use crate::client::Client;
use crate::history::{Deed, Operation, Outcome, Scribe};
use crate::op::{Op, Said};
use cartwright_app::nouns::{Key, Record};
use cartwright_domain::inventory::{Ending, LevelKey};

/// How long a hold of theirs lasts: none ends by itself in any world.
const TTL_SECONDS: i64 = 86_400;
/// How many rounds a clerk goes.
const ROUNDS: usize = 6;

/// Who works at the level that nobody else touches.
pub(crate) struct Clerk {
    pub(crate) number: usize,
    pub(crate) client: Client,
    pub(crate) level: LevelKey,
    pub(crate) scribe: Scribe,
    /// How old what a reader shows may be.
    pub(crate) lag_us: u64,
}

impl Clerk {
    pub(crate) async fn work(self) {
        for _ in 0..ROUNDS {
            if !self.client.goes_on() {
                return;
            }
            self.round().await;
            self.client.rest(8_000).await;
        }
    }

    async fn round(&self) {
        let dice = &self.client.dice;
        let level = || self.level.clone();
        match dice.between(0, 9) {
            0..3 => {
                let key = Key::Level(level());
                self.does(Deed::Read, Op::Look { key }).await;
            }
            3..6 => {
                let delta = *dice.pick(&[-3, -1, 1, 2]);
                let level = level();
                self.does(Deed::Adjust { delta }, Op::Adjust { level, delta })
                    .await;
            }
            _ => self.sell(dice.between(1, 3) as i64).await,
        }
    }

    async fn sell(&self, units: i64) {
        let op = Op::Reserve {
            level: self.level.clone(),
            quantity: units,
            ttl_seconds: TTL_SECONDS,
        };
        let Some(Record::Reservation(hold)) = self.does(Deed::Hold { units }, op).await else {
            return;
        };
        self.client.rest(4_000).await;
        let (deed, ending) = if self.client.dice.chance(0.5) {
            (Deed::Confirm { units }, Ending::Confirm)
        } else {
            (Deed::Release { units }, Ending::Release)
        };
        let id = hold.id;
        self.does(deed, Op::Settle { id, ending }).await;
    }

    async fn does(&self, deed: Deed, op: Op) -> Option<Record> {
        let from_us = self.client.now.us();
        let said = self.client.ask(op).await;
        let outcome = match &said {
            Some(Said::Done(Some(Record::Level(level)))) if deed == Deed::Read => Outcome::Seen {
                on_hand: level.on_hand,
                reserved: level.reserved,
            },
            Some(Said::Done(_)) => Outcome::Done,
            Some(Said::Refused(_)) => Outcome::Refused,
            Some(Said::Running | Said::Failed) | None => Outcome::Unknown,
        };
        let lag_us = if deed == Deed::Read { self.lag_us } else { 0 };
        self.scribe.note(Operation {
            clerk: self.number,
            deed,
            outcome,
            from_us: from_us.saturating_sub(lag_us),
            until_us: self.client.now.us(),
        });
        match said {
            Some(Said::Done(record)) => record,
            _ => None,
        }
    }
}
