//! Which format a file has, from its first bytes; its name only decides where these leave it open.

use super::{Format, json_document::skip_value};

/// Bytes that are looked at.
pub(super) const HEAD_BYTES: usize = 1 << 16;

/// The format, or a sentence on why there is none. Nothing but white space is any format.
pub(super) fn detect(head: &[u8], name: Option<Format>) -> Result<Format, String> {
    if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
        return Err("the file is UTF-16: save it as UTF-8".to_owned());
    }
    let start = head.trim_ascii_start();
    match start.first() {
        None => Ok(name.unwrap_or(Format::JsonLines)),
        Some(b'[') => Ok(Format::Json),
        Some(b'{') => Ok(object(start, name)),
        Some(_) if is_yaml(start) => Ok(Format::Yaml),
        Some(_) if is_csv(start) => Ok(Format::Csv),
        Some(_) => name.ok_or_else(|| {
            "the format is not recognised: it is neither JSON, nor a YAML list of products, nor CSV with a header that names `sku`"
                .to_owned()
        }),
    }
}

fn object(start: &[u8], name: Option<Format>) -> Format {
    let first_key = start[1..].trim_ascii_start();
    let first_line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let ends_on_its_line =
        skip_value(first_line, 0) == first_line.len() && first_line.ends_with(b"}");
    // A first line longer than what is looked at is no line of an indented document.
    let ends_on_its_line = ends_on_its_line || !start.contains(&b'\n');
    let another_follows = start.windows(2).any(|pair| pair == b"\n{");
    match () {
        () if first_key.starts_with(b"\"products\"") => Format::Json,
        () if name == Some(Format::Json) && !another_follows => Format::Json,
        () if ends_on_its_line || another_follows || name == Some(Format::JsonLines) => {
            Format::JsonLines
        }
        () => Format::Json,
    }
}

fn is_yaml(start: &[u8]) -> bool {
    let starts = |prefix: &[u8]| start.starts_with(prefix);
    let dash = starts(b"-") && start.get(1).is_none_or(u8::is_ascii_whitespace);
    dash || starts(b"---") || starts(b"#") || starts(b"%YAML") || starts(b"products:")
}

fn is_csv(start: &[u8]) -> bool {
    let header = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut cells = header.split(|byte| matches!(byte, b',' | b';' | b'\t'));
    cells.any(|cell| matches!(cell.trim_ascii(), b"sku" | b"\"sku\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_before_the_name() {
        let rows = [
            ("{\"id\": \"a\"}\n{\"id\": \"b\"}", None, Format::JsonLines),
            ("{\"id\": \"a\"}", None, Format::JsonLines),
            ("{\"id\": \"a\"\n{\"id\": \"b\"}", None, Format::JsonLines),
            ("{\n \"id\": \"a\"\n}", None, Format::Json),
            ("{\"id\": \"a long li", None, Format::JsonLines),
            ("{\"products\": [", Some(Format::JsonLines), Format::Json),
            ("{\n  \"products\": []}", None, Format::Json),
            ("  [{}]", None, Format::Json),
            ("- id: a", Some(Format::Csv), Format::Yaml),
            ("# ours\nproducts:\n", None, Format::Yaml),
            ("---\n- id: a", None, Format::Yaml),
            ("id;sku;name", None, Format::Csv),
            ("\"id\",\"sku\"\r\n", Some(Format::Yaml), Format::Csv),
            ("", Some(Format::Csv), Format::Csv),
            ("junk", Some(Format::Csv), Format::Csv),
        ];
        for (text, name, format) in rows {
            assert_eq!(detect(text.as_bytes(), name), Ok(format), "{text:?}");
        }
        for text in [&b"junk"[..], b"\xFF\xFE{\0", b"\x7fELF"] {
            assert!(detect(text, None).is_err());
        }
    }
}
