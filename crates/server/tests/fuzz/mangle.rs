//! Good input, made bad: what a fuzzer does when it knows no more than examples.

use serde_json::{Value, json};

/// Numbers and texts that parsers stumble over.
const HOSTILE: [&str; 24] = [
    "",
    "\0",
    "null",
    "-1",
    "0",
    "-0",
    "1e309",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1",
    "NaN",
    "true",
    "\u{202e}\u{0}\u{ffff}",
    "../../etc/passwd",
    "%00%ff",
    "' OR 1=1 --",
    "{\"a\":[[[[",
    "\r\nX: y",
    "2026-13-45T99:99:99Z",
    "cur_!!!",
    "usd",
    "\u{1f980}\u{1f980}",
];

/// Seeded, so that a find can be seen again.
#[derive(Debug)]
pub(crate) struct Mangler(u64);

impl Mangler {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn hostile(&mut self) -> &'static str {
        HOSTILE[self.below(HOSTILE.len())]
    }

    /// A few bytes changed, cut out, doubled or put in.
    pub(crate) fn bytes(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bad = good.to_vec();
        for _ in 0..=self.below(4) {
            let (at, to) = (self.below(bad.len() + 1), self.below(bad.len() + 1));
            let (from, to) = (at.min(to), at.max(to).min(at.min(to) + 64));
            match self.below(6) {
                0 => bad.truncate(at),
                1 => drop(bad.drain(from..to)),
                2 => {
                    let part = bad[from..to].to_vec();
                    bad.splice(at..at, part);
                }
                3 => drop(bad.splice(at..at, self.hostile().bytes())),
                4 => drop(bad.splice(at..at, [self.next() as u8])),
                _ => {
                    if let Some(byte) = bad.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
        bad
    }

    pub(crate) fn text(&mut self, good: &str) -> String {
        String::from_utf8_lossy(&self.bytes(good.as_bytes())).into_owned()
    }

    /// The same document with a value of another kind or size somewhere, or a field too many or too few.
    pub(crate) fn json(&mut self, good: &Value) -> Value {
        let mut bad = good.clone();
        for _ in 0..=self.below(2) {
            self.spoil(&mut bad);
        }
        bad
    }

    fn spoil(&mut self, value: &mut Value) {
        let goes_down = self.below(4) > 0;
        match value {
            Value::Object(fields) if goes_down && !fields.is_empty() => {
                let place = self.below(fields.len());
                let name = fields.keys().nth(place).cloned().unwrap_or_default();
                match self.below(8) {
                    0 => drop(fields.remove(&name)),
                    1 => {
                        let other = fields.get(&name).cloned().unwrap_or_default();
                        fields.insert(self.hostile().to_owned(), other);
                    }
                    _ => {
                        if let Some(inner) = fields.get_mut(&name) {
                            self.spoil(inner);
                        }
                    }
                }
            }
            Value::Array(items) if goes_down && !items.is_empty() => {
                let place = self.below(items.len());
                match self.below(4) {
                    0 => drop(items.remove(place)),
                    1 => items.push(items[place].clone()),
                    _ => self.spoil(&mut items[place]),
                }
            }
            other => *other = self.other(),
        }
    }

    fn other(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(0),
            4 => json!(i64::MAX),
            5 => json!(i64::MIN),
            6 => json!(u64::MAX),
            7 => json!(1.5),
            8 => json!(1e300),
            9 => json!("x".repeat(1 << self.below(14))),
            10 => (0..self.below(80)).fold(json!({}), |inner, _| json!({ "a": [inner] })),
            _ => json!(self.hostile()),
        }
    }
}
