//! The real files, which lie beside the repository; where they are absent these tests say so and check nothing.

use super::super::{Format, Shape, open};
use super::options;
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;

struct Expected {
    file: &'static str,
    format: Format,
    shape: Shape,
    products: usize,
    /// Minor units of all prices together.
    prices: i64,
    /// Units in stock together.
    stock: i64,
}

fn find(file: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let directory =
        std::env::var_os("CARTWRIGHT_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = directory.join("data").join(file);
    if !path.exists() {
        // Straight to the descriptor, since the test runner hides what a passing test prints.
        let said = format!(
            "SKIPPED, NOTHING CHECKED: {} is absent (CARTWRIGHT_SHARED names another place)\n",
            path.display()
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        return None;
    }
    Some(path)
}

fn check(expected: &Expected) {
    let Some(path) = find(expected.file) else {
        return;
    };
    let mut rows = open(&path, None, options()).expect("file");
    assert_eq!(rows.format(), Some(expected.format));
    let (mut products, mut prices, mut stock, mut ids) = (0, 0, 0, HashSet::new());
    for row in &mut rows {
        let row = row.expect("every row of the file is good");
        assert_eq!(row.shape, expected.shape);
        let variant = &row.product["variants"][0];
        assert!(ids.insert(row.product["id"].clone()) && variant["sku"] == row.product["id"]);
        assert_eq!(variant["prices"][0]["currency"], "USD");
        products += 1;
        prices += variant["prices"][0]["amount"].as_i64().expect("a price");
        stock += variant["stock"]["main"].as_i64().unwrap_or(0);
    }
    assert_eq!(
        (products, prices, stock),
        (expected.products, expected.prices, expected.stock),
        "{}",
        expected.file
    );
    assert_eq!(rows.bytes_read(), path.metadata().expect("file").len());
}

#[test]
fn the_retail_demo_store_comes_whole() {
    check(&Expected {
        file: "retail-demo-store-products.yaml",
        format: Format::Yaml,
        shape: Shape::RetailDemoStore,
        products: 2_465,
        prices: 77_322_988,
        stock: 31_047,
    });
    let Some(path) = find("retail-demo-store-products.yaml") else {
        return;
    };
    let rows = open(&path, None, options())
        .expect("file")
        .map(|row| row.expect("row").product);
    let featured =
        rows.filter(|product| product["attributes"].get("featured") == Some(&Value::Bool(true)));
    assert_eq!(featured.count(), 16);
}

#[test]
fn both_demos_come_whole() {
    let shape = Shape::Demo;
    let format = Format::Json;
    check(&Expected {
        file: "otel-demo-products.json",
        format,
        shape,
        products: 10,
        prices: 471_578,
        stock: 0,
    });
    check(&Expected {
        file: "online-boutique-products.json",
        format,
        shape,
        products: 9,
        prices: 31_591,
        stock: 0,
    });
}
