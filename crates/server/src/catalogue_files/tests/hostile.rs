//! Files that mean harm, or come from a broken disk: an error a row, no panic, no explosion.

use super::super::{Format, ROW_BYTES_LIMIT};
use super::{outline, rows};
use proptest::prelude::*;

const FORMATS: [Format; 4] = [Format::JsonLines, Format::Json, Format::Yaml, Format::Csv];

#[test]
fn nothing_is_no_row() {
    for bytes in ["", " \n\r\n\t", "\u{FEFF}"] {
        assert_eq!(rows(bytes, None), []);
        for format in FORMATS {
            let (outline, _) = outline(bytes, Some(format));
            assert!(
                outline.is_empty() || format == Format::Csv && outline == ["1 invalid"],
                "{format:?}: {outline:?}"
            );
        }
    }
    assert_eq!(rows("[]", None), []);
    assert_eq!(rows("{\"products\": []}", None), []);
    assert_eq!(rows("products: # none\n", None), []);
}

#[test]
fn broken_rows_are_told_and_passed_over() {
    let good = r#"{"id":"ok","name":"N","variants":[]}"#;
    let broken: [(&[u8], &str); 12] = [
        (b"{\"id\": \"a\"", "not JSON"),
        (b"{\"id\": \"\xFF\xFE\"}", "not UTF-8"),
        (b"{\"id\": \"a\0\"}", "not JSON"),
        (br#"{"id":"a","id":"b"}"#, "duplicate key `id`"),
        (br#"{"id":"a\u0000","name":"N","variants":[]}"#, "id: has a control character"),
        (br#"{"id":"a","name":"N","variants":[]} {}"#, "trailing"),
        (br#"{"id":"a","name":"N","variants":[{"sku":"a","prices":[{"amount":1e3,"currency":"USD"}]}]}"#, "1000.0 is not an integer"),
        (br#"{"id":"a","name":"N","variants":[{"sku":"a","prices":[{"amount":9223372036854775808,"currency":"USD"}]}]}"#, "not an integer"),
        (br#"{"id":"a","name":"N","variants":[{"sku":"a","prices":[],"stock":{"main":1000000001}}]}"#, "not from 0 to"),
        (b"[1, 2]", "not an object"),
        (b"null", "not an object"),
        (b"NaN", "not JSON"),
    ];
    for (line, detail) in broken {
        let file = [good.as_bytes(), line, good.as_bytes()].join(&b"\n"[..]);
        let (outline, details) = outline(file, Some(Format::JsonLines));
        assert_eq!(
            (outline.len(), outline[0].as_str(), outline[2].as_str()),
            (3, "1 ok ok", "3 ok ok"),
            "{detail}"
        );
        assert!(details.contains(detail), "{detail} in {details}");
    }
}

#[test]
fn broken_yaml_items_are_told_and_passed_over() {
    let good = "- id: ok\n  name: N\n  variants: []\n";
    let broken: [(&[u8], &str); 9] = [
        (b"- id: [a\n", "not YAML"),
        (b"- id: \xFF\n", "not UTF-8"),
        (b"- id: a\0b\n", "NUL"),
        (b"- id: a\n  id: b\n", "duplicate key `id`"),
        (b"- id: a\n  name: *gone\n", "not YAML"),
        (
            b"- id: a\n  <<: {name: N}\n  variants: []\n",
            "<<: unknown field",
        ),
        (b"- id: a\n  name: !!python/object:os.system N\n", "tag"),
        (b"- just text\n", "not an object"),
        (b"-\n", "not an object"),
    ];
    for (item, detail) in broken {
        let (outline, details) = outline([good.as_bytes(), item, good.as_bytes()].concat(), None);
        assert_eq!(
            (outline.len(), outline[0].as_str(), &outline[2][1..]),
            (3, "1 ok ok", &outline[2][1..]),
            "{detail}: {outline:?}"
        );
        assert!(outline[2].ends_with(" ok ok"), "{detail}: {outline:?}");
        assert!(details.contains(detail), "{detail} in {details}");
    }
    assert_eq!(
        outline("hello: world\nmore: of it\n", Some(Format::Yaml)).0,
        ["1 malformed_row"]
    );
}

#[test]
fn a_row_may_be_large_but_not_too_large() {
    let product = |length: usize| {
        format!(
            r#"{{"id":"big","name":"N","description":"{}","variants":[]}}"#,
            "x".repeat(length)
        )
    };
    let good = r#"{"id":"ok","name":"N","variants":[]}"#;
    for (length, expected) in [
        (1_000_000, "1 ok big"),
        (ROW_BYTES_LIMIT, "1 too_large"),
        (5 * ROW_BYTES_LIMIT, "1 too_large"),
    ] {
        for file in [
            format!("{}\n{good}\n", product(length)),
            format!("[{},\n{good}]", product(length)),
            format!("- {}\n- {good}\n", product(length)),
        ] {
            assert_eq!(outline(&file, None).0, [expected, "2 ok ok"]);
        }
    }
    let csv = |length: usize| format!("id,name,sku\nbig,\"{}\",big\nok,N,ok\n", "x".repeat(length));
    assert_eq!(rows(csv(1_000_000), None).len(), 2);
    let (outline, details) = outline(csv(2 * ROW_BYTES_LIMIT), None);
    assert_eq!(
        outline,
        ["2 too_large"],
        "CSV ends there, an open quote may have swallowed the rest"
    );
    assert!(details.contains("open quote"));
}

#[test]
fn deep_nesting_is_refused_in_every_format() {
    let nested = |depth: usize| {
        format!(
            r#"{{"id":"a","name":"N","attributes":{{"x":{}1{}}},"variants":[]}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    for (depth, ok) in [(50, true), (100, false), (100_000, false)] {
        let text = nested(depth);
        for file in [text.clone(), format!("[{text}]"), format!("- {text}\n")] {
            let (outline, details) = outline(&file, None);
            assert_eq!(outline.len(), 1);
            assert_eq!(outline[0] == "1 ok a", ok, "{depth} {details:.200}");
        }
    }
    let blocks: String = (0..700)
        .map(|depth| format!("{:depth$}  - \n", ""))
        .collect();
    assert_eq!(
        outline(format!("- id: a\n  name:\n{blocks}"), None).0,
        ["1 malformed_row"]
    );
}

#[test]
fn a_broken_off_document_says_so_after_its_last_whole_row() {
    let good = r#"{"id":"ok","name":"N","variants":[]}"#;
    for file in [
        format!("{{\"products\": [{good},\n{good}"),
        format!("[{good},\n{{\"id\": \"a\""),
    ] {
        let (outline, details) = outline(&file, None);
        assert_eq!(outline, ["1 ok ok", "2 malformed_row"]);
        assert!(details.contains("broken off"), "{details}");
    }
    let (outline, details) = outline(
        format!("{{\"version\": 1, \"products\": [{good}]}}"),
        Some(Format::Json),
    );
    assert_eq!(outline, ["1 invalid", "1 ok ok"]);
    assert!(details.contains("\"version\": unknown field"), "{details}");
}

#[test]
fn what_is_no_catalogue_is_one_error() {
    for bytes in [
        &b"hello"[..],
        b"\x7FELF\x02\x01\x01\0\0",
        b"\xFF\xFE{\0",
        b"<xml/>",
        b"a,b,c\n1,2,3\n",
    ] {
        assert_eq!(outline(bytes, None).0, ["1 unrecognised_format"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_a_reader_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..300), format in 0..4_usize) {
        let count = rows(&bytes, Some(FORMATS[format])).len();
        prop_assert!(count <= bytes.len() + 1);
        rows(&bytes, None);
    }

    #[test]
    fn no_marks_make_a_reader_panic_or_hang(text in "[-\\[\\]{}:,&*!|>'\"#?%@ab1 \\n\\t\\\\]{0,200}", format in 0..4_usize) {
        let count = rows(&text, Some(FORMATS[format])).len();
        prop_assert!(count <= text.len() + 1);
    }
}
