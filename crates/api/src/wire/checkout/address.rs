//! An address, as clients write and read it.

use crate::wire::schema::CountryCode;
use crate::wire::stock::text;
use cartwright_domain::checkout as domain;
use cartwright_domain::{Country, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Longest text of an address, in characters.
const MAX_TEXT: usize = 200;

/// Where somebody is found. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Who is found there.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// Whose house it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    company: Option<String>,
    /// Street and number.
    #[schemars(length(min = 1, max = 200))]
    line1: String,
    /// What else finds the door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    line2: Option<String>,
    /// The town.
    #[schemars(length(min = 1, max = 200))]
    city: String,
    /// State, province or county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    region: Option<String>,
    /// As the country spells it.
    #[schemars(length(min = 1, max = 200))]
    postal_code: String,
    /// ISO 3166-1.
    #[schemars(with = "CountryCode")]
    country: Country,
    /// For the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    phone: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

impl Address {
    /// Checked; `at` is the field of the body that it stands in.
    pub(super) fn checked(self, at: &str) -> Result<domain::Address, Refusal> {
        let one = |name: &str, value: String| {
            text(&format!("{at}.{name}"), &value, MAX_TEXT).map(|()| SmolStr::from(value))
        };
        let some =
            |name: &str, value: Option<String>| value.map(|value| one(name, value)).transpose();
        Ok(domain::Address {
            name: one("name", self.name)?,
            company: some("company", self.company)?,
            line1: one("line1", self.line1)?,
            line2: some("line2", self.line2)?,
            city: one("city", self.city)?,
            region: some("region", self.region)?,
            postal_code: one("postal_code", self.postal_code)?,
            country: self.country,
            phone: some("phone", self.phone)?,
        })
    }
}

impl Address {
    /// As it is written on an envelope, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let town = format!("{} {}", self.postal_code, self.city);
        let lines = [
            Some(self.name.clone()),
            self.company.clone(),
            Some(self.line1.clone()),
            self.line2.clone(),
            Some(town),
            self.region.clone(),
            Some(self.country.to_string()),
        ];
        lines.into_iter().flatten().collect()
    }
}

impl From<&domain::Address> for Address {
    fn from(address: &domain::Address) -> Self {
        let some = |value: &Option<SmolStr>| value.as_ref().map(ToString::to_string);
        Self {
            name: address.name.to_string(),
            company: some(&address.company),
            line1: address.line1.to_string(),
            line2: some(&address.line2),
            city: address.city.to_string(),
            region: some(&address.region),
            postal_code: address.postal_code.to_string(),
            country: address.country,
            phone: some(&address.phone),
        }
    }
}
