//! Well-formed files of every format, and rows that are wrong among rows that are not.

use super::super::{Format, Shape, read};
use super::{options, outline, products, rows};
use serde_json::{Value, json};
use std::io::Cursor;

fn tent() -> Value {
    json!({
        "id": "tent", "name": "Tent", "categories": ["camping"], "attributes": {"season": "three"},
        "options": [{"name": "size", "values": ["2", "3"]}],
        "variants": [
            {"sku": "T-2", "options": {"size": "2"}, "prices": [{"amount": 1299, "currency": "USD"}], "stock": {"main": 5}},
            {"sku": "T-3", "options": {"size": "3"}, "prices": [{"amount": 1499, "currency": "USD"}]},
        ],
    })
}

const TENT_YAML: &str = "# ours
products:
- id: tent
  name: Tent
  categories: [camping]
  attributes: {season: three}
  options:
  - name: size
    values: [2, 3]
  variants:
  - sku: T-2
    options: {size: 2}
    prices:
    - {amount: 1299, currency: USD}
    stock: {main: 5}
  - {sku: T-3, options: {size: '3'}, prices: [{amount: 1499, currency: USD}]}
";

const TENT_CSV: &str = "id,name,categories,attribute:season,sku,option:size,price:USD,stock:main
tent,Tent,camping,three,T-2,2,1299,5
tent,,,,T-3,3,1499,
";

#[test]
fn every_format_says_the_same_product() {
    let line = tent().to_string();
    let files = [
        ("json lines", line.clone()),
        (
            "json product",
            serde_json::to_string_pretty(&tent()).expect("json"),
        ),
        ("json list", format!("[{line}]")),
        ("json document", format!("{{\n\"products\" : [ {line} ] }}")),
        ("yaml", TENT_YAML.to_owned()),
        (
            "yaml, indented",
            TENT_YAML
                .replace("products:\n", "---\n")
                .lines()
                .map(|line| format!("  {line}\n"))
                .collect(),
        ),
        ("yaml, flow", format!("- {line}\n")),
        ("csv", TENT_CSV.to_owned()),
        ("csv, semicolons", TENT_CSV.replace(',', ";")),
        (
            "csv, decimal",
            TENT_CSV
                .replace("price:", "price_decimal:")
                .replace("1299", "12.99")
                .replace("1499", "14.990"),
        ),
    ];
    for (name, file) in files {
        let file = if name == "yaml, indented" {
            file.replace("  ---", "---")
        } else {
            file
        };
        for (variation, bytes) in [
            ("", file.clone()),
            ("with BOM", format!("\u{FEFF}{file}")),
            ("with CRLF", file.replace('\n', "\r\n")),
            ("without last line end", file.trim_end().to_owned()),
        ] {
            assert_eq!(products(bytes), [tent()], "{name} {variation}");
        }
    }
}

#[test]
fn stock_of_the_product_is_that_of_its_only_variant() {
    let one = r#"{"id":"a","name":"A","stock":{"main":3},"variants":[{"sku":"a","prices":[]}]}"#;
    assert_eq!(products(one)[0]["variants"][0]["stock"], json!({"main": 3}));
    assert_eq!(products(one)[0].get("stock"), None);
    let two = one.replace(r#""prices":[]}"#, r#""prices":[]},{"sku":"b","prices":[]}"#);
    let both = one.replace(r#""prices":[]"#, r#""prices":[],"stock":{"main":1}"#);
    for file in [two, both] {
        assert_eq!(outline(file, None).0, ["1 invalid"]);
    }
}

#[test]
fn nulls_are_absent_except_in_attributes() {
    let file = r#"{"id":"a","name":"A","brand":null,"attributes":{"x":null},"variants":[{"sku":"a","prices":[],"stock":null,"limits":{"min":null,"max":2}}]}"#;
    let expected = json!({"id": "a", "name": "A", "attributes": {"x": null}, "variants": [{"sku": "a", "prices": [], "limits": {"max": 2}}]});
    assert_eq!(products(file), [expected]);
}

#[test]
fn a_bad_row_names_its_fields_and_spoils_no_other() {
    let good = |id: &str| {
        format!(r#"{{"id":"{id}","name":"N","variants":[{{"sku":"{id}","prices":[]}}]}}"#)
    };
    let bad = r#"{"id":"bad","name":5,"colour":"red","variants":[{"sku":"x","prices":[{"amount":1.5,"currency":"usd","vat":1}],"stock":{"main":-1,"b":2.5}}]}"#;
    let named = [
        "name: 5 is not text",
        "colour: unknown field",
        "variants[0].prices[0].amount: 1.5 is not an integer",
        "variants[0].prices[0].currency: \"usd\" is not an ISO 4217 currency",
        "variants[0].prices[0].vat: unknown field",
        "variants[0].stock.main: -1 is not from 0",
        "variants[0].stock.b: 2.5 is not an integer",
    ];
    let files = [
        (
            format!("{}\n\n{bad}\n{}\n", good("a"), good("b")),
            ["1 ok a", "3 invalid", "4 ok b"],
        ),
        (
            format!("[{},\n{bad},\n{}]", good("a"), good("b")),
            ["1 ok a", "2 invalid", "3 ok b"],
        ),
        (
            format!(
                "- {}\n- {}\n- {}\n",
                good("a"),
                bad.replace(":5", ":[5]"),
                good("b")
            ),
            ["1 ok a", "2 invalid", "3 ok b"],
        ),
    ];
    for (file, expected) in files {
        let (outline, details) = outline(&file, None);
        assert_eq!(outline, expected, "{file}");
        for name in named {
            assert!(
                details.contains(name.trim_start_matches("name: 5")),
                "{name} in {details}"
            );
        }
    }
    let error = rows(format!("\n{bad}"), None).remove(0).expect_err("bad");
    assert_eq!(
        (error.row, error.line, error.id.as_deref()),
        (1, 2, Some("bad"))
    );
    assert_eq!(
        outline("{}", None).1,
        "name: required; variants: required\n"
    );
}

#[test]
fn csv_rows_of_a_product_stand_together() {
    let header = "id,name,sku,price:USD,stock:main,weight_grams";
    let file = |records: &str| format!("{header}\n{records}");
    let rows = [
        (
            "a,A,a1,5,,\nb,B,b1,5,,\na,A,a2,5,,\n",
            vec!["2 ok a", "3 ok b", "4 invalid"],
            "do not stand together",
        ),
        (
            "a,A,a1,5,,\na,B,a2,5,,\nb,B,b1,5,,\n",
            vec!["2 invalid", "4 ok b"],
            "line 3, name: differs",
        ),
        (
            "a,A,a1,5.00,,\nb,B,b1,5,,\n",
            vec!["2 invalid", "3 ok b"],
            "price_decimal",
        ),
        (
            "a,A,a1,1e3,,\n",
            vec!["2 invalid"],
            "\"1e3\" is not an integer",
        ),
        ("a,A,a1,5,-1,\n", vec!["2 invalid"], "-1 is not from 0"),
        (
            "a,A,a1,5,2.0,\n",
            vec!["2 invalid"],
            "\"2.0\" is not an integer",
        ),
        ("a,A,a1,5,,1_000\n", vec!["2 invalid"], "weight_grams"),
        (
            "a,A,a1,5\nb,B,b1,5,,\n",
            vec!["2 malformed_row", "3 ok b"],
            "4 cells under a header of 6",
        ),
        (
            "a,A,a1,5,,\n,A,a2,5,,\nb,B,b1,5,,\n",
            vec!["2 invalid", "4 ok b"],
            "line 3: id: required",
        ),
        (
            "a,\"A,\n\"\"x\"\"\",a1,5,,\nb,B,b1,5,,\n",
            vec!["2 ok a", "4 ok b"],
            "",
        ),
        ("a,A,,5,,\n", vec!["2 invalid"], "variants[0].sku: required"),
    ];
    for (records, expected, detail) in rows {
        let (outline, details) = outline(file(records), None);
        assert_eq!(outline, expected, "{records}");
        assert!(details.contains(detail), "{detail} in {details}");
    }
}

#[test]
fn a_csv_header_that_is_not_understood_ends_the_file() {
    for (header, named) in [
        ("id,sku,colour", "unknown column `colour`"),
        ("id,sku,price:usd", "usd is not an ISO 4217 currency"),
        ("sku,name", "column `id` is required"),
        ("id,sku,id", "twice"),
        ("id,sku,stock:", "unknown column `stock:`"),
    ] {
        let (outline, details) = outline(format!("{header}\na,b,c\na,b,c\n"), None);
        assert_eq!(outline, ["1 invalid"], "{header}");
        assert!(details.contains(named), "{named} in {details}");
    }
}

#[test]
fn the_demo_is_read_in_both_spellings_and_exactly() {
    let product = |id: &str, price: &str| {
        format!(
            r#"{{"id":"{id}","name":"N","description":"D","picture":"p.jpg","priceUsd":{price},"categories":["c"]}}"#
        )
    };
    let file = format!(
        "{{\"products\":[{},\n{},\n{},\n{},\n{},\n{},\n{}]}}",
        product(
            "a",
            r#"{"currencyCode":"USD","units":101,"nanos":960000000}"#
        ),
        product("b", r#"{"currencyCode":"USD","units":"3599"}"#),
        product("c", r#"{"currencyCode":"USD","units":1,"nanos":1}"#),
        product("d", r#"{"currencyCode":"USD","units":1.0}"#),
        product("e", r#"{"currencyCode":"XXL","units":1}"#),
        product("f", r#"{"currencyCode":"USD","units":1,"cents":1}"#),
        product("g", r#"{"currency_code":"JPY","nanos":0,"units":7}"#)
            .replace("priceUsd", "price_usd"),
    );
    let (outline, details) = outline(&file, None);
    assert_eq!(
        outline,
        [
            "1 ok a",
            "2 ok b",
            "3 invalid",
            "4 invalid",
            "5 invalid",
            "6 invalid",
            "7 ok g"
        ]
    );
    assert!(
        details.contains("minor units") && details.contains("cents: unknown field"),
        "{details}"
    );
    let expected = json!({
        "id": "a", "name": "N", "description": "D", "categories": ["c"], "images": ["p.jpg"],
        "variants": [{"sku": "a", "prices": [{"amount": 10196, "currency": "USD"}]}],
    });
    let first = rows(&file, None).remove(0).expect("row");
    assert_eq!((first.product, first.shape), (expected, Shape::Demo));
}

#[test]
fn the_retail_demo_store_keeps_its_prices_and_its_other_fields() {
    let file = "- id: 0012\n  current_stock: 15\n  name: It's a Pack\n  category: cold dispensed\n  style: backpack\n  description: Rugged\n    and warm.\n  price: 9999.90\n  image: 1.jpg\n  promoted: true\n  link: null\n  aliases:\n  - pizza\n";
    let expected = json!({
        "id": "0012", "name": "It's a Pack", "description": "Rugged and warm.", "categories": ["cold-dispensed"],
        "images": ["1.jpg"],
        "attributes": {"category": "cold dispensed", "style": "backpack", "promoted": true, "aliases": ["pizza"]},
        "variants": [{"sku": "0012", "prices": [{"amount": 999_990, "currency": "USD"}], "stock": {"main": 15}}],
    });
    assert_eq!(products(file), [expected]);
    for (stock, price) in [
        ("-1", "5"),
        ("1.5", "5"),
        ("1e3", "5"),
        ("5", "1e3"),
        ("5", "0.999"),
        ("5", "-5"),
        ("'5'", "5"),
    ] {
        let file = format!(
            "- id: a\n  name: A\n  price: {price}\n  current_stock: {stock}\n- id: b\n  name: B\n  price: 1\n"
        );
        assert_eq!(
            outline(&file, None).0,
            ["1 invalid", "5 ok b"],
            "{stock} {price}"
        );
    }
}

#[test]
fn a_prefix_goes_before_id_slug_and_skus() {
    let mut options = options();
    options.id_prefix = "otel-".to_owned();
    let file = r#"{"id":"a","slug":"s","name":"A","variants":[{"sku":"x","prices":[]},{"sku":"y","prices":[]}]}"#;
    let row = read(Cursor::new(file), Some(Format::JsonLines), options)
        .expect("rows")
        .next()
        .expect("one")
        .expect("row");
    let expected = json!({"id": "otel-a", "slug": "otel-s", "name": "A", "variants": [{"sku": "otel-x", "prices": []}, {"sku": "otel-y", "prices": []}]});
    assert_eq!(row.product, expected);
}

#[test]
fn rows_can_be_passed_over_even_on_one_line() {
    let product = |id: &str| format!(r#"{{"id":"{id}","name":"N","variants":[]}}"#);
    let file = format!("[{},{},{}]", product("a"), product("b"), product("c"));
    let mut rows = read(Cursor::new(file), None, options()).expect("rows");
    rows.skip_through(2);
    let left: Vec<_> = rows.map(|row| row.map(|row| (row.row, row.line))).collect();
    assert_eq!(left, [Ok((3, 1))]);
}
