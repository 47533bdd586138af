//! Fresh identifiers: UUID version 7 (RFC 9562), rising within a process, so that keys are appended and not scattered.

use crate::ports::Random;
use cartwright_domain::Time;
use std::sync::Arc;

/// A source of identifiers. One belongs to the write loop.
#[derive(Debug)]
pub struct Ids {
    millis: i64,
    counter: u64,
    random: Arc<dyn Random>,
    pool: Vec<u8>,
}

/// Random bytes taken at once, to ask the system less often.
const POOL: usize = 4096;

impl Ids {
    /// Identifiers drawn from `random`.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { millis: 0, counter: 0, random, pool: Vec::new() }
    }

    fn draw(&mut self) -> u32 {
        if self.pool.len() < 4 {
            self.pool.resize(POOL, 0);
            self.random.fill(&mut self.pool);
        }
        let rest = self.pool.len() - 4;
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.pool[rest..]);
        self.pool.truncate(rest);
        u32::from_le_bytes(bytes)
    }

    /// The next identifier: 48 bits of time, 42 bits that count within it, 32 random bits.
    pub fn fresh(&mut self, now: Time) -> u128 {
        if now.0 > self.millis {
            self.millis = now.0;
            self.counter = 0;
        }
        self.counter += 1;
        let random = u128::from(self.draw());
        let (high, low) = (u128::from(self.counter >> 30 & 0xFFF), u128::from(self.counter & 0x3FFF_FFFF));
        let time = (self.millis.max(0) as u128) << 80;
        time | 7 << 76 | high << 64 | 0b10 << 62 | low << 32 | random
    }
}
