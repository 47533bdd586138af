//! A moment: milliseconds since 1970 in UTC, spelled as RFC 3339 with milliseconds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// The moment `seconds` later; saturates at the end of time.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

/// Year, month and day of a day count since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, milli) = (rest / 1000 % 60, rest % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_moments_as_rfc_3339() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_255_200_123, "2026-11-21T10:00:00.123Z"),
        ];
        for (millis, text) in rows {
            assert_eq!(Time(millis).to_string(), text);
        }
    }

    #[test]
    fn a_day_is_split_into_its_parts() {
        let day = 951_782_400_000;
        let rows = [
            (0, "00:00:00.000"),
            (59_999, "00:00:59.999"),
            (60_000, "00:01:00.000"),
            (45_296_789, "12:34:56.789"),
            (86_399_999, "23:59:59.999"),
        ];
        for (millis, text) in rows {
            let expected = format!("2000-02-29T{text}Z");
            assert_eq!(Time(day + millis).to_string(), expected);
        }
    }

    /// Eight centuries, day after day, by the rules of the Gregorian calendar.
    #[test]
    fn each_day_follows_the_one_before() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for days in -135_140..157_060 {
            assert_eq!(civil(days), (year, month, day), "day {days}");
            let last = match month {
                2 if leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2400, 1, 7));
    }

    #[test]
    fn seconds_are_added_up_to_the_end_of_time() {
        let rows = [
            (5, 7, 7_005),
            (5, -1, -995),
            (i64::MAX, 1, i64::MAX),
            (0, i64::MAX, i64::MAX),
        ];
        for (from, seconds, to) in rows {
            assert_eq!(Time(from).plus_seconds(seconds), Time(to));
        }
    }
}
