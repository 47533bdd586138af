//! Moments: written as RFC 3339 in UTC with milliseconds (`2026-11-21T10:00:00.123Z`), read with any offset.

use cartwright_domain::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// A moment in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub Time);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// Reads RFC 3339: in UTC, as we write it, or with another offset.
pub fn parse_time(text: &str) -> Option<Time> {
    let (moment, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(moment) => (moment, 0),
        None => {
            let (moment, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (moment, minutes_of(offset)?)
        }
    };
    let (date, clock) = moment.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && is_fraction;
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    // Days from civil, by the same source as `Time`'s spelling.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let yoe = shifted.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    let there = Time(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millis);
    let here = Time(there.0 - offset * 60_000);
    (fits && here.0 >= 0 && there.to_string().starts_with(date)).then_some(here)
}

/// Minutes of an offset like `+02:00`.
fn minutes_of(offset: &str) -> Option<i64> {
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let [hours, minutes] = numbers(offset.get(1..)?, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Numbers of so many digits each, with this between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let plain = part.bytes().all(|b| b.is_ascii_digit());
        *number = plain.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_other_offsets() {
        let expected = parse_time("2026-01-01T22:30:00Z");
        assert!(expected.is_some());
        for text in [
            "2026-01-01T22:30:00+00:00",
            "2026-01-02T00:30:00+02:00",
            "2026-01-01T20:00:00.000000-02:30",
            "2026-01-01t22:30:00z",
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_the_times_it_writes() {
        for millis in [0, 951_782_400_000, 1_795_255_200_123] {
            assert_eq!(parse_time(&Time(millis).to_string()), Some(Time(millis)));
        }
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "x",
            "2026-01-01",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T01:-5:00Z",
            "2026-01-01T1:00:00Z",
            "2026-01-01T00:00:00.12xZ",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0200",
            "1970-01-01T00:00:00+01:00",
            "+2026-01-01T00:00:00Z",
            "\u{1F6B2}",
            "",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
