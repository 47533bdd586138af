//! Parsers that are called where they stand: files of a catalogue, settings, providers, webhooks, their signatures, ids.

use crate::mangle::Mangler;
use crate::plan;
use cartwright_adapters::payment::{providers, signature, webhook};
use cartwright_domain::{CartId, Currency, OrderId, Sku, Slug};
use cartwright_server::catalogue_files::{self, Format, ReadOptions};
use cartwright_server::config::Config;
use std::io::Cursor;

const ROUNDS: u64 = 4_000;

fn each(good: &[&[u8]], mut parse: impl FnMut(&[u8])) {
    for seed in plan(ROUNDS) {
        let mut mangler = Mangler::new(seed);
        let chosen = good[mangler.below(good.len())];
        let bad = mangler.bytes(chosen);
        parse(&bad);
    }
}

#[test]
fn files_of_a_catalogue() {
    let good: [&[u8]; 6] = [
        br#"{"id":"a","name":"A","variants":[{"sku":"a","prices":[{"amount":100,"currency":"USD"}],"stock":{"main":5}}]}"#,
        br#"[{"id":"a","name":"A","variants":[{"sku":"a","prices":[]}]},{"id":"b","name":"B","variants":[{"sku":"b"}]}]"#,
        br#"{"products":[{"id":"OLJ","name":"Glasses","priceUsd":{"currencyCode":"USD","units":19,"nanos":990000000},"categories":["a"]}]}"#,
        b"- id: a\n  name: A\n  price: 10.5\n  current_stock: 7\n  category: x\n- id: b\n  name: B\n  price: 1\n",
        b"id,name,sku,price,currency,stock.main\na,A,a-1,10.50,USD,3\na,A,a-2,11.00,USD,4\n",
        b"{\"id\":\"a\",\"name\":\"A\",\"variants\":[{\"sku\":\"a\"}]}\n{\"id\":\"b\",\"name\":\"B\",\"variants\":[{\"sku\":\"b\"}]}\n",
    ];
    let formats = [
        None,
        Some(Format::JsonLines),
        Some(Format::Json),
        Some(Format::Yaml),
        Some(Format::Csv),
    ];
    let (mut rows, mut errors) = (0, 0);
    for seed in plan(ROUNDS) {
        let mut mangler = Mangler::new(seed);
        let chosen = good[mangler.below(good.len())];
        let bad = mangler.bytes(chosen);
        let format = formats[mangler.below(formats.len())];
        let options = ReadOptions::new(Currency::new("USD").expect("a currency"));
        let Ok(found) = catalogue_files::read(Cursor::new(bad), format, options) else {
            continue;
        };
        // A broken document ends; it does not go on for ever.
        for row in found.take(100_000) {
            match row {
                Ok(_) => rows += 1,
                Err(_) => errors += 1,
            }
        }
    }
    assert!(rows > 0 && errors > 0, "{rows} rows, {errors} errors");
}

#[test]
fn settings() {
    let good: [&[u8]; 2] = [
        b"listen = \"127.0.0.1:8080\"\ndefault_currency = \"EUR\"\nlocks_enabled = true\nquote_ttl_seconds = 900\n",
        b"shipping_rates = \"standard=USD:599;express=USD:1999\"\npayment = \"a=sim:http://127.0.0.1:1\"\ncache_mb = 64\n",
    ];
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("fuzz-{}.toml", std::process::id()));
    each(&good, |bad| {
        std::fs::write(&path, bad).expect("a file");
        drop(Config::load(Some(&path), [], &[]));
    });
    std::fs::remove_file(&path).expect("it is there");
    let names = [
        "LISTEN",
        "DEFAULT_CURRENCY",
        "SHIPPING_RATES",
        "PAYMENT",
        "CACHE_MB",
        "LOCKS_ENABLED",
        "QUOTE_TTL_SECONDS",
        "SELLER_NAME",
    ];
    for seed in plan(ROUNDS) {
        let mut mangler = Mangler::new(seed);
        let values = ["a=sim:http://127.0.0.1:1", "5", "true", "x=USD:5"];
        let chosen = values[mangler.below(values.len())];
        let name = format!("CARTWRIGHT_{}", names[mangler.below(names.len())]);
        let value = mangler.text(chosen);
        drop(Config::load(None, [(name, value)], &[]));
    }
}

#[test]
fn webhooks_and_their_signatures() {
    let body = br#"{"id":"evt_1","type":"payment.captured","data":{"object":{"id":"pay_1","reference":"pay_x","metadata":{"reference":"pay_x"}}}}"#;
    let good: [&[u8]; 2] = [
        body,
        br#"{"type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}"#,
    ];
    each(&good, |bad| drop(webhook::hint(bad)));
    let header = signature::sign(b"secret", 1_000, body);
    assert!(signature::verify(b"secret", 1_000, &header, body).is_ok());
    each(&[header.as_bytes()], |bad| {
        let text = String::from_utf8_lossy(bad);
        let said = signature::verify(b"secret", 1_000, &text, body);
        // Nothing that was changed may pass, but for what means the same: blanks and parts of other schemes.
        if said.is_ok() {
            let digest = header.rsplit('=').next().unwrap_or_default();
            assert!(
                text.to_lowercase().contains(digest),
                "{text} passes for {header}"
            );
        }
    });
    each(&[body], |bad| {
        if bad != body {
            assert!(signature::verify(b"secret", 1_000, &header, bad).is_err());
        }
    });
}

#[test]
fn small_texts() {
    let client = cartwright_adapters::http::HttpClient::default();
    let good: [&[u8]; 5] = [
        b"a=sim:http://127.0.0.1:1,b=stripe:https://api.example.com/",
        b"car_01KDVDPCM2E00800000XA3BPGR",
        b"ord_01KDVDPCM2E00800000XA3BPGR",
        b"SKU-1_x.y",
        b"USD",
    ];
    each(&good, |bad| {
        let text = String::from_utf8_lossy(bad);
        drop(providers::parse(&text, &client, |_| None));
        if let Ok(id) = text.parse::<CartId>() {
            assert_eq!(id.to_string(), text);
        }
        if let Ok(id) = text.parse::<OrderId>() {
            assert_eq!(id.to_string(), text);
        }
        drop((Sku::new(&text), Slug::new(&text), Currency::new(&text)));
    });
}
