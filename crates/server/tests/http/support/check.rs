//! How a test says what an answer must be.

use serde_json::Value;

use super::client::Response;

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer in one line, for messages.
    pub(crate) fn story(&self) -> String {
        let body: String = self.text().chars().take(1500).collect();
        format!("{}\n  -> {} {body}", self.asked, self.status)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.story()))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.story());
        self
    }

    #[track_caller]
    pub(crate) fn one_of(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "expected one of {statuses:?}: {}",
            self.story()
        );
        self
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!((200..300).contains(&self.status), "{}", self.story());
        self
    }

    /// 200 and its JSON.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        self.is(200).json()
    }

    /// 201 and its JSON.
    #[track_caller]
    pub(crate) fn created(self) -> Value {
        self.is(201).json()
    }

    /// A refusal in the shape of every refusal: status, stable code, a sentence, a link and a request id.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "expected {code}: {}", self.story());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}", self.story());
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/problem+json"),
            "{content_type:?}: {}",
            self.story()
        );
        assert_eq!(problem["status"], status, "{}", self.story());
        for field in ["type", "title", "detail", "docs"] {
            let said = problem[field].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{field} is missing: {}", self.story());
        }
        assert!(
            self.header("request-id").is_some(),
            "no Request-Id: {}",
            self.story()
        );
        problem
    }

    /// 422 `invalid` that names the field.
    #[track_caller]
    pub(crate) fn invalid(&self, field: &str) -> Value {
        let problem = self.refused(422, "invalid");
        let errors = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {}", self.story()));
        assert!(!errors.is_empty(), "no errors: {}", self.story());
        for error in errors {
            for part in ["field", "code", "detail"] {
                assert!(error[part].is_string(), "{part}: {}", self.story());
            }
        }
        assert!(
            errors.iter().any(|error| error["field"]
                .as_str()
                .is_some_and(|name| name.contains(field))),
            "no error names {field}: {}",
            self.story()
        );
        problem
    }

    /// The version in the `ETag`, which must be one strong number.
    #[track_caller]
    pub(crate) fn etag(&self) -> i64 {
        let tag = self.header("etag").unwrap_or_default();
        tag.strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .and_then(|tag| tag.parse().ok())
            .unwrap_or_else(|| panic!("ETag {tag:?}: {}", self.story()))
    }

    /// 200 or 201 with a version that body and `ETag` agree on.
    #[track_caller]
    pub(crate) fn version(&self, version: i64) -> Value {
        assert!((200..300).contains(&self.status), "{}", self.story());
        let body = self.json();
        assert_eq!(body["version"], version, "{}", self.story());
        assert_eq!(self.etag(), version, "{}", self.story());
        body
    }

    pub(crate) fn replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}

/// Everything that `expected` names must be so in `actual`; fields it does not name are free, arrays have the
/// same length.
#[track_caller]
pub(crate) fn check(actual: &Value, expected: Value) {
    if let Some(difference) = difference(actual, &expected, "") {
        panic!("{difference}\nin {actual:#}");
    }
}

fn difference(actual: &Value, expected: &Value, at: &str) -> Option<String> {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().find_map(|(name, value)| {
                let path = format!("{at}.{name}");
                match actual.get(name) {
                    Some(found) => difference(found, value, &path),
                    None if value.is_null() => None,
                    None => Some(format!("{path} is missing, expected {value}")),
                }
            })
        }
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => found
            .iter()
            .zip(wanted)
            .enumerate()
            .find_map(|(index, (found, wanted))| {
                difference(found, wanted, &format!("{at}[{index}]"))
            }),
        _ if actual == expected => None,
        _ => Some(format!("{at} is {actual}, expected {expected}")),
    }
}

/// A whole number, as every quantity and version is.
#[track_caller]
pub(crate) fn whole(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("not a whole number: {value}"))
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The amount of a Money in minor units, which must be of the currency.
#[track_caller]
pub(crate) fn money(value: &Value, currency: &str) -> i64 {
    assert_eq!(value["currency"], currency, "{value}");
    whole(&value["amount"])
}

/// A time, which must be RFC 3339 in UTC.
#[track_caller]
pub(crate) fn instant(value: &Value) -> jiff::Timestamp {
    let spelled = text(value);
    assert!(spelled.ends_with('Z'), "not UTC: {spelled}");
    spelled
        .parse()
        .unwrap_or_else(|error| panic!("not RFC 3339: {spelled}: {error}"))
}
