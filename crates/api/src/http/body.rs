//! Bodies: strict JSON, and the version a write expects.

use super::endpoint::Call;
use crate::problem::Problem;
use crate::wire::strict::{Strict, parse, shape_error};
use cartwright_domain::Refusal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

impl Call {
    /// The body as a JSON object without `expected_version`, which is returned beside it (merged with `If-Match`).
    /// No body at all is `{}`.
    pub fn object(&self) -> Result<(Map<String, Value>, Option<u64>), Problem> {
        let mut object = self.raw_object()?;
        let in_body = match object.remove("expected_version") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_u64().ok_or_else(|| {
                Problem::invalid(
                    "expected_version",
                    "wrong_type",
                    "a version is a whole number, 0 or more",
                )
            })?),
        };
        let in_header = if_match(self)?;
        match (in_header, in_body) {
            (Some(header), Some(body)) if header != body => Err(Problem::new(
                "malformed_request",
                "If-Match and expected_version disagree; send one of them",
            )),
            (header, body) => Ok((object, header.or(body))),
        }
    }

    fn raw_object(&self) -> Result<Map<String, Value>, Problem> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        if too_deep(&self.body, self.edge.options.max_depth) {
            return Err(self.nests_too_deep());
        }
        match serde_json::from_slice::<Strict>(&self.body) {
            Ok(Strict(Value::Object(object))) => Ok(object),
            Ok(_) => Err(Problem::new(
                "malformed_request",
                "the body must be a JSON object",
            )),
            Err(error) if error.is_data() => Err(shape_error("", &error.to_string()).into()),
            Err(error) => Err(Problem::new(
                "malformed_json",
                format!("the body is not JSON: {error}"),
            )),
        }
    }

    /// An object that nests too deep is a wrong value, whatever else does is no JSON object. Told apart without recursion.
    fn nests_too_deep(&self) -> Problem {
        let is_object = self.body.trim_ascii_start().starts_with(b"{");
        match serde_json::from_slice::<serde::de::IgnoredAny>(&self.body) {
            Ok(_) if is_object => {
                let limit = self.edge.options.max_depth;
                let detail = format!("the body nests deeper than {limit} levels");
                Problem::invalid("", "too_deep", detail)
            }
            Ok(_) => Problem::new("malformed_request", "the body must be a JSON object"),
            Err(error) => Problem::new("malformed_json", format!("the body is not JSON: {error}")),
        }
    }

    /// The body as a wire type, and the version the write expects.
    pub fn json<T: DeserializeOwned>(&self) -> Result<(T, Option<u64>), Problem> {
        let (object, version) = self.object()?;
        Ok((parse(Value::Object(object))?, version))
    }

    /// For routes without a body: nothing but `expected_version` may come.
    pub fn no_body(&self) -> Result<Option<u64>, Problem> {
        let (object, version) = self.object()?;
        match object.keys().next() {
            Some(name) => {
                Err(
                    Refusal::invalid(name, "unknown_field", "this request takes no such field")
                        .into(),
                )
            }
            None => Ok(version),
        }
    }
}

/// The version of `If-Match`: one strong `"n"` only.
fn if_match(call: &Call) -> Result<Option<u64>, Problem> {
    let mut values = call.headers().get_all(http::header::IF_MATCH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let plain = number.filter(|digits| {
        digits.bytes().all(|b| b.is_ascii_digit()) && (*digits == "0" || !digits.starts_with('0'))
    });
    match (plain.and_then(|digits| digits.parse().ok()), values.next()) {
        (Some(version), None) => Ok(Some(version)),
        _ => Err(Problem::new(
            "malformed_request",
            "If-Match takes one strong version, as in If-Match: \"3\"",
        )),
    }
}

/// Whether brackets nest deeper than `limit`, strings left out.
pub(super) fn too_deep(body: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (true, _) => {}
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::too_deep;

    #[test]
    fn counts_brackets_outside_strings() {
        assert!(too_deep(b"[[[1]]]", 2));
        assert!(!too_deep(br#"{"a":"[[[[[\"[[","b":[1]}"#, 2));
    }
}
