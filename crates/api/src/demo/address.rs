//! Addresses, as those shops know them: a street, a town, and a country by name.

use crate::problem::Problem;
use cartwright_domain::Country;
use cartwright_domain::checkout as domain;
use smol_str::SmolStr;

/// Longest text of an address, in characters.
const MAX_TEXT: usize = 200;
/// `US|United States|USA`: a code and the names that addresses say for it.
const COUNTRIES: &str = include_str!("countries.txt");

/// Where it goes.
#[derive(Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the demo's own words")]
pub struct Address {
    pub street_address: String,
    pub city: String,
    pub state: String,
    pub country: String,
    pub zip_code: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

impl Address {
    /// As an order keeps it, for somebody who is known by `name`. A country that nobody knows is `home`; its text stays with
    /// the region.
    ///
    /// # Errors
    /// `invalid` for a text that is too long.
    pub(super) fn kept(&self, name: &str, home: Country) -> Result<domain::Address, Problem> {
        let text = |field: &str, value: &str| {
            if value.chars().count() > MAX_TEXT {
                let detail = format!("expected at most {MAX_TEXT} characters");
                return Err(Problem::invalid(
                    format!("address.{field}"),
                    "out_of_range",
                    detail,
                ));
            }
            Ok(SmolStr::new(value))
        };
        let country = text("country", &self.country)?;
        let known = country_of(&country);
        let region = match known {
            None if !country.trim().is_empty() => {
                [self.state.trim(), country.trim()].join(" ").trim().into()
            }
            _ => text("state", &self.state)?,
        };
        Ok(domain::Address {
            name: text("name", name)?,
            company: None,
            line1: text("street_address", &self.street_address)?,
            line2: None,
            city: text("city", &self.city)?,
            region: Some(region).filter(|it| !it.is_empty()),
            postal_code: text("zip_code", &self.zip_code)?,
            country: known.unwrap_or(home),
            phone: None,
        })
    }

    /// As those shops know one that an order kept: its country by its first name.
    pub(super) fn told(kept: &domain::Address) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            street_address: text(&kept.line1),
            city: text(&kept.city),
            state: kept.region.as_deref().map(text).unwrap_or_default(),
            country: name_of(kept.country),
            zip_code: text(&kept.postal_code),
        }
    }
}

/// What addresses say for a country.
fn name_of(country: Country) -> String {
    let rows = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    let mut rows = rows.filter_map(|line| line.split_once('|'));
    let names = rows
        .find(|(code, _)| *code == country.code())
        .map(|it| it.1);
    let name = names.and_then(|names| names.split('|').next());
    name.unwrap_or(country.code()).to_owned()
}

/// The country of a code or a name, whatever the case.
fn country_of(text: &str) -> Option<Country> {
    let text = text.trim();
    if let Ok(country) = Country::new(&text.to_ascii_uppercase()) {
        return Some(country);
    }
    let rows = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    let mut rows = rows.filter_map(|line| line.split_once('|'));
    let is_named = |names: &str| names.split('|').any(|name| name.eq_ignore_ascii_case(text));
    let (code, _) = rows.find(|(_, names)| is_named(names))?;
    Country::new(code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_code_and_name() {
        let rows = [
            ("United States", Some("US")),
            ("usa", Some("US")),
            (" us ", Some("US")),
            ("South Korea", Some("KR")),
            ("France", Some("FR")),
            ("Neverland", None),
            ("", None),
        ];
        for (text, code) in rows {
            let found = country_of(text);
            assert_eq!(found.as_ref().map(Country::code), code, "{text}");
        }
        let rows = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
        for row in rows {
            let code = row.split('|').next().unwrap_or_default();
            assert!(Country::new(code).is_ok(), "{row}");
        }
    }

    #[test]
    fn an_address_goes_there_and_back() {
        let home = Country::new("DE").expect("a country");
        let address = Address {
            street_address: "1600 Amphitheatre Parkway".into(),
            city: "Mountain View".into(),
            state: "CA".into(),
            country: "United States".into(),
            zip_code: "94043".into(),
        };
        let kept = address.kept("ada@example.com", home).expect("short");
        assert!(Address::told(&kept) == address);
    }

    #[test]
    fn what_nobody_knows_stays_with_the_region() {
        let home = Country::new("US").expect("a country");
        let address = Address {
            state: "WA".into(),
            country: "Neverland".into(),
            ..Address::default()
        };
        let kept = address.kept("ada@example.com", home).expect("short");
        assert_eq!(kept.region.as_deref(), Some("WA Neverland"));
        assert_eq!(kept.country, home);
        let long = Address {
            city: "x".repeat(201),
            ..address
        };
        assert_eq!(long.kept("", home).expect_err("too long").code, "invalid");
    }
}
