//! Cards, as those shops check them: the scheme by the first digits, Luhn, the expiry. A number goes no further than this.
//!
//! The schemes and their lengths are those of the package that both demos validate with (`simple-card-validator`).

use crate::problem::Problem;
use cartwright_domain::Time;

/// A card as its owner types it. Neither `Debug` nor any message shows its number, the last four digits of an expired one
/// aside.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// Digits, perhaps with spaces or hyphens.
    pub number: String,
    /// Month of its last day, 1-12.
    pub expiration_month: i32,
    /// Year of its last day.
    pub expiration_year: i32,
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Card(..)")
    }
}

/// A scheme: its name, the digits a number begins with (from, to), and how many digits it has (from, to).
type Scheme = (&'static str, &'static [(u32, u32)], (usize, usize));

/// The first that fits counts.
const SCHEMES: [Scheme; 11] = [
    ("amex", &[(34, 34), (37, 37)], (15, 15)),
    ("diners_club_carte_blanche", &[(300, 305)], (14, 14)),
    (
        "diners_club_international",
        &[(36, 36), (38, 39), (309, 309)],
        (14, 14),
    ),
    ("jcb", &[(3528, 3589)], (16, 16)),
    (
        "laser",
        &[(6304, 6304), (6706, 6706), (6709, 6709), (6771, 6771)],
        (16, 19),
    ),
    (
        "visa_electron",
        &[
            (4026, 4026),
            (417_500, 417_500),
            (4508, 4508),
            (4844, 4844),
            (4913, 4913),
            (4917, 4917),
        ],
        (16, 16),
    ),
    ("visa", &[(4, 4)], (16, 16)),
    ("mastercard", &[(51, 55)], (16, 16)),
    (
        "maestro",
        &[
            (5018, 5018),
            (5081, 5081),
            (5044, 5044),
            (5020, 5020),
            (5038, 5038),
            (603_845, 603_845),
            (6304, 6304),
            (6759, 6759),
            (6761, 6763),
            (6220, 6220),
            (504_834, 504_834),
            (504_817, 504_817),
            (504_645, 504_645),
        ],
        (12, 19),
    ),
    (
        "rupay",
        &[
            (508_500, 508_999),
            (606_985, 607_984),
            (608_001, 608_500),
            (652_150, 653_149),
            (817_200, 820_199),
        ],
        (16, 16),
    ),
    (
        "discover",
        &[(6011, 6011), (622_126, 622_925), (65, 65)],
        (16, 16),
    ),
];

/// The brands that are taken.
const TAKEN: [&str; 2] = ["visa", "mastercard"];

impl Card {
    /// Its brand, if it is one that is taken and valid now.
    ///
    /// # Errors
    /// `payment_declined` with the demo's sentence.
    pub fn brand(&self, now: Time) -> Result<&'static str, Problem> {
        let (scheme, is_valid) = self.scheme();
        if !is_valid {
            return Err(no("declined", "Credit card info is invalid.".to_owned()));
        }
        if !TAKEN.contains(&scheme) {
            return Err(no(
                "declined",
                format!(
                    "Sorry, we cannot process {scheme} credit cards. Only VISA or MasterCard is accepted."
                ),
            ));
        }
        let (year, month) = today(now);
        let ends = i64::from(self.expiration_year) * 12 + i64::from(self.expiration_month);
        if year * 12 + month > ends {
            let letters: Vec<char> = self.number.chars().collect();
            let last: String = letters[letters.len().saturating_sub(4)..].iter().collect();
            return Err(no(
                "expired_card",
                format!(
                    "The credit card (ending {last}) expired on {}/{}.",
                    self.expiration_month, self.expiration_year
                ),
            ));
        }
        Ok(scheme)
    }

    /// The scheme of its number, and whether the number is one.
    fn scheme(&self) -> (&'static str, bool) {
        let digits: String = self
            .number
            .chars()
            .filter(|it| !matches!(it, ' ' | '-'))
            .collect();
        let begins = |(from, to): &(u32, u32)| {
            let long = from.to_string().len();
            let head = digits.get(..long).and_then(|it| it.parse::<u32>().ok());
            head.is_some_and(|head| (*from..=*to).contains(&head))
        };
        let found = SCHEMES
            .iter()
            .find(|(_, prefixes, _)| prefixes.iter().any(begins));
        found.map_or(("unknown", false), |(name, _, (from, to))| {
            let fits = (*from..=*to).contains(&digits.len());
            (*name, fits && passes_luhn(&digits))
        })
    }
}

fn no(reason: &'static str, detail: String) -> Problem {
    Problem::new("payment_declined", detail).with("reason", reason)
}

/// ISO/IEC 7812-1, annex B.
fn passes_luhn(digits: &str) -> bool {
    let mut sum = 0;
    for (place, letter) in digits.chars().rev().enumerate() {
        let Some(digit) = letter.to_digit(10) else {
            return false;
        };
        sum += match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        };
    }
    sum % 10 == 0
}

/// Year and month of a moment, UTC.
fn today(now: Time) -> (i64, i64) {
    let text = now.to_string();
    let part = |range: std::ops::Range<usize>| -> i64 {
        let part = text.get(range).and_then(|it| it.parse().ok());
        part.unwrap_or(0)
    };
    (part(0..4), part(5..7))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21.
    const NOW: Time = Time(1_795_219_200_000);

    #[track_caller]
    fn check(number: &str, month: i32, year: i32, expected: Result<&str, &str>) {
        let card = Card {
            number: number.to_owned(),
            expiration_month: month,
            expiration_year: year,
        };
        let got = card.brand(NOW);
        let got = got.as_ref().map(|it| *it).map_err(|it| it.detail.as_str());
        assert_eq!(got, expected, "{number} until {month}/{year}");
    }

    #[test]
    fn takes_visa_and_mastercard_that_have_not_expired() {
        let invalid = Err("Credit card info is invalid.");
        check("4432-8015-6152-0454", 1, 2039, Ok("visa"));
        check("4432801561520454", 11, 2026, Ok("visa"));
        check("5555 5555 5555 4444", 12, 2026, Ok("mastercard"));
        check("4432801561520455", 1, 2039, invalid);
        check("443280156152045", 1, 2039, invalid);
        check("4432801561520454x", 1, 2039, invalid);
        check("", 1, 2039, invalid);
        check("0000000000000000", 1, 2039, invalid);
        check("9432801561520454", 1, 2039, invalid);
        check(
            "378282246310005",
            1,
            2039,
            Err("Sorry, we cannot process amex credit cards. Only VISA or MasterCard is accepted."),
        );
        check(
            "6011111111111117",
            1,
            2039,
            Err(
                "Sorry, we cannot process discover credit cards. Only VISA or MasterCard is accepted.",
            ),
        );
        check(
            "4917300800000000",
            1,
            2039,
            Err(
                "Sorry, we cannot process visa_electron credit cards. Only VISA or MasterCard is accepted.",
            ),
        );
        check(
            "4432-8015-6152-0454",
            10,
            2026,
            Err("The credit card (ending 0454) expired on 10/2026."),
        );
        check(
            "4432-8015-6152-0454",
            0,
            0,
            Err("The credit card (ending 0454) expired on 0/0."),
        );
    }

    #[test]
    fn shows_no_number() {
        let card = Card {
            number: "4432801561520454".to_owned(),
            expiration_month: 1,
            expiration_year: 2039,
        };
        assert_eq!(format!("{card:?}"), "Card(..)");
    }
}
