//! Where things are: ISO 3166 countries and positions on the globe.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const CODES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// Not a country of ISO 3166-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 3166-1 alpha-2 country code")]
pub struct BadCountry;

impl Country {
    /// Checks the code against ISO 3166-1; upper case only.
    pub fn new(code: &str) -> Result<Self, BadCountry> {
        let letters: [u8; 2] = code.as_bytes().try_into().map_err(|_| BadCountry)?;
        let known = CODES
            .as_bytes()
            .chunks_exact(2)
            .any(|known| known == letters);
        if known {
            Ok(Self(letters))
        } else {
            Err(BadCountry)
        }
    }

    /// The two letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// A point on the globe in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

impl Position {
    /// Whether both degrees are on the globe.
    pub fn is_valid(&self) -> bool {
        (-90.0..=90.0).contains(&self.lat) && (-180.0..=180.0).contains(&self.lon)
    }

    /// Great-circle distance in kilometres (haversine formula, mean radius 6,371 km).
    pub fn distance_km(&self, other: &Self) -> f64 {
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((b - a) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + a.cos() * b.cos() * half_lon * half_lon;
        2.0 * 6371.0 * h.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_countries_and_nothing_else() {
        assert!(
            ["US", "GB", "DE", "JP"]
                .iter()
                .all(|code| Country::new(code).is_ok())
        );
        assert!(
            ["us", "XX", "USA", "", "EU"]
                .iter()
                .all(|code| Country::new(code).is_err())
        );
    }

    #[test]
    fn measures_distance_over_the_globe() {
        let (london, paris) = (
            Position {
                lat: 51.5074,
                lon: -0.1278,
            },
            Position {
                lat: 48.8566,
                lon: 2.3522,
            },
        );
        assert!((london.distance_km(&paris) - 343.5).abs() < 2.0);
    }

    #[test]
    fn a_country_is_its_code_everywhere() -> Result<(), BadCountry> {
        let country = Country::new("GB")?;
        assert_eq!(country.code(), "GB");
        assert_eq!(country.to_string(), "GB");
        assert_eq!(format!("{country:?}"), "GB");
        assert_eq!(serde_json::to_value(country).ok(), Some("GB".into()));
        assert_eq!(serde_json::from_str(r#""GB""#).ok(), Some(country));
        assert!(serde_json::from_str::<Country>(r#""gb""#).is_err());
        Ok(())
    }

    #[test]
    fn a_position_is_on_the_globe() {
        let rows = [
            (90.0, 180.0, true),
            (-90.0, -180.0, true),
            (90.1, 0.0, false),
            (-90.1, 0.0, false),
            (0.0, 180.1, false),
            (0.0, -180.1, false),
            (f64::NAN, 0.0, false),
        ];
        for (lat, lon, expected) in rows {
            assert_eq!(Position { lat, lon }.is_valid(), expected, "{lat} {lon}");
        }
    }

    #[test]
    fn distances_are_parts_of_great_circles() {
        let quarter = 6371.0 * std::f64::consts::FRAC_PI_2;
        let rows = [
            ((0.0, 0.0), (0.0, 0.0), 0.0),
            ((0.0, 0.0), (90.0, 0.0), quarter),
            ((0.0, 0.0), (0.0, 90.0), quarter),
            ((-45.0, 20.0), (45.0, 20.0), quarter),
            ((0.0, -90.0), (0.0, 90.0), 2.0 * quarter),
            ((0.0, 179.0), (0.0, -179.0), quarter / 45.0),
            // On the parallel of 60 degrees, by the law of cosines.
            ((60.0, 0.0), (60.0, 90.0), 6371.0 * 0.75_f64.acos()),
            ((60.0, 10.0), (30.0, 10.0), quarter / 3.0),
        ];
        for (from, to, km) in rows {
            let at = |(lat, lon)| Position { lat, lon };
            for (from, to) in [(from, to), (to, from)] {
                let distance = at(from).distance_km(&at(to));
                assert!((distance - km).abs() < 1e-6, "{from:?} {to:?}: {distance}");
            }
        }
    }
}
