//! Quotes: signed, binding to the cent for a while, and with stock held when asked.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{
    ADMIN_KEY, Cart, Checkout, Level, Setup, Shop, TempDir, address, check, eventually, instant,
    money, race, shop, text,
};

fn filled(shop: &Shop, level: &Level, quantity: i64) -> Cart {
    let cart = shop.cart();
    cart.add(&level.sku, quantity).is(200);
    cart
}

/// JSON in the one spelling of RFC 8785, as far as quotes need it: ASCII names, whole numbers.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let members: Vec<_> = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// Whether the shop has signed exactly this quote, by another library than the one that signs.
fn is_signed(shop: &Shop, quote: &Value) -> bool {
    let mut rest = quote.clone();
    let signature = rest.as_object_mut().expect("a quote").remove("signature");
    let signature = text(&signature.expect("a signature"));
    let (header, signature) = signature.split_once("..").expect("a detached JWS");
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let told: Value = serde_json::from_slice(&decode(header)).expect("a header");
    assert_eq!(told["alg"], "ES256");
    let keys = shop.get("/.well-known/jwks.json").send().ok();
    let keys = keys["keys"].as_array().expect("keys").clone();
    let key = keys
        .iter()
        .find(|key| key["kid"] == told["kid"])
        .expect("the key");
    check(
        key,
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"}),
    );
    assert!(key.get("d").is_none(), "a private key");
    let mut point = vec![4];
    point.extend(decode(&text(&key["x"])));
    point.extend(decode(&text(&key["y"])));
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(canonical(&rest)));
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(input.as_bytes(), &decode(signature)).is_ok()
}

#[test]
fn is_signed_as_rfc_7515_and_8785_say() {
    let shop = shop();
    let product = shop.product_with(json!({}));
    let level = shop.level(&shop.warehouse(), &product.sku, 10);
    shop.patch(&format!("/v1/products/{}", product.id))
        .admin()
        .json(json!({"name": "Grüße \"aus\" \\ Köln 😀 €", "expected_version": 1}))
        .send()
        .is(200);
    let checkout = filled(&shop, &level, 3).quoted_with(json!({"hold": true}));
    let quote = checkout.quote();
    assert!(is_signed(&shop, &quote), "{quote}");
    for change in [
        json!({"totals": {}}),
        json!({"id": "quo_00000000000000000000000000"}),
        json!({"lines": []}),
        json!({"expires_at": "2099-01-01T00:00:00.000Z"}),
        json!({"hold": null}),
        json!({"more": 1}),
    ] {
        let mut other = quote.clone();
        for (name, value) in change.as_object().expect("fields") {
            other[name] = value.clone();
        }
        assert!(!is_signed(&shop, &other), "{change}");
    }
    // The same quote has the same signature, however often it is read.
    assert_eq!(checkout.quote(), quote);
}

#[test]
fn says_what_each_line_costs_and_adds_up() {
    let shop = shop();
    let (a, b) = (
        shop.stocked(10),
        shop.stocked_with(10, json!({"prices": [{"amount": 333, "currency": "USD"}]})),
    );
    let cart = shop.cart();
    cart.add(&a.sku, 2).is(200);
    cart.add(&b.sku, 3).is(200);
    let checkout = cart.quoted();
    let quote = checkout.quote();
    let usd = |amount: i64| json!({"amount": amount, "currency": "USD"});
    check(
        &quote,
        json!({
            "checkout_id": checkout.id,
            "lines": [
                {"line_id": "ln_1", "sku": a.sku, "quantity": 2, "unit_price": usd(1000), "discount": usd(0),
                 "tax": usd(0), "total": usd(2000)},
                {"line_id": "ln_2", "sku": b.sku, "quantity": 3, "unit_price": usd(333), "discount": usd(0),
                 "tax": usd(0), "total": usd(999)},
            ],
            "totals": {"subtotal": usd(2999), "discount": usd(0), "shipping": usd(599), "tax": usd(0),
                       "tax_included": false, "total": usd(3598)},
        }),
    );
    assert!(text(&quote["id"]).starts_with("quo_"));
    assert!(quote.get("hold").is_none(), "{quote}");
    let life = instant(&quote["expires_at"]) - instant(&quote["issued_at"]);
    assert_eq!(life.total(jiff::Unit::Second).expect("seconds"), 900.0);
    let read = checkout.read();
    assert_eq!(
        (&read["lines"], &read["totals"]),
        (&quote["lines"], &quote["totals"])
    );
}

#[test]
fn binds_whatever_the_catalogue_does_and_is_renewed_by_a_change() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = filled(&shop, &level, 1);
    let checkout = cart.quoted();
    let first = checkout.read();
    let price = |amount: i64, version: i64| {
        let path = format!("/v1/variants/{}/prices/USD", level.sku);
        let body = json!({"amount": amount, "expected_version": version});
        shop.put(&path).admin().json(body).send().is(200);
    };
    price(7777, 1);
    // Nothing asked for and nothing stale: nothing changes, not even the version.
    for body in [
        json!({}),
        json!({"email": "ada@example.com"}),
        json!({"shipping_address": address("US")}),
    ] {
        assert_eq!(checkout.patch(body).is(200).version(1), first);
    }
    // Notes and metadata of the cart are no part of it.
    cart.patch("", json!({"metadata": {"gift": true}})).is(200);
    assert_eq!(checkout.patch(json!({})).version(1), first);
    let second = checkout
        .patch(json!({"shipping_option": "express"}))
        .version(2);
    assert_ne!(second["quote"]["id"], first["quote"]["id"]);
    assert_eq!(money(&second["quote"]["totals"]["subtotal"], "USD"), 7777);
    assert!(is_signed(&shop, &second["quote"]));
    // Other lines: stale, and renewed by an empty patch and by opening again.
    cart.add(&level.sku, 1).is(200);
    assert_eq!(checkout.read()["quote"], second["quote"]);
    let third = checkout.patch(json!({})).version(3);
    assert_eq!(money(&third["quote"]["totals"]["subtotal"], "USD"), 15_554);
    cart.add(&level.sku, 1).is(200);
    let fourth = cart.check_out(json!({})).is(200).version(4);
    assert_eq!(money(&fourth["quote"]["totals"]["subtotal"], "USD"), 23_331);
}

fn outlive(time: &Value) {
    let end = instant(time);
    eventually(Duration::from_secs(20), "its end", || {
        (Timestamp::now() > end).then_some(())
    });
}

#[test]
fn lasts_as_long_as_configured() {
    let shop = Shop::with("quotes", |setup| {
        setup.with("CARTWRIGHT_QUOTE_TTL_SECONDS", "1")
    });
    let level = shop.stocked(10);
    let checkout = filled(&shop, &level, 4).quoted_with(json!({"hold": true}));
    let first = checkout.quote();
    let life = instant(&first["expires_at"]) - instant(&first["issued_at"]);
    assert_eq!(life.total(jiff::Unit::Second).expect("seconds"), 1.0);
    assert_eq!(first["hold"]["expires_at"], first["expires_at"]);
    outlive(&first["expires_at"]);
    // What it held is free again, and it is shown as it was until it is asked for anew.
    eventually(Duration::from_secs(5), "its stock is free", || {
        (level.read()["available"] == 10).then_some(())
    });
    assert_eq!(checkout.quote(), first);
    let second = checkout.patch(json!({})).is(200).version(2);
    assert_ne!(second["quote"]["id"], first["id"]);
    assert_ne!(
        second["quote"]["hold"]["reservation_id"],
        first["hold"]["reservation_id"]
    );
    check(&level.read(), json!({"reserved": 4}));
    outlive(&second["quote"]["expires_at"]);
    eventually(Duration::from_secs(5), "its stock is free", || {
        (level.read()["available"] == 10).then_some(())
    });
    level.adds_up();
}

/// The hold of a checkout's quote, as an operator sees it.
fn hold(shop: &Shop, checkout: &Checkout) -> Value {
    let id = text(&checkout.quote()["hold"]["reservation_id"]);
    shop.get(&format!("/v1/reservations/{id}"))
        .admin()
        .send()
        .ok()
}

#[test]
fn holds_stock_for_its_life_when_asked() {
    let shop = shop();
    let level = shop.stocked(5);
    let cart = filled(&shop, &level, 2);
    let checkout = cart.quoted();
    check(&level.read(), json!({"reserved": 0}));
    let held = checkout.patch(json!({"hold": true})).version(2);
    check(
        &held,
        json!({"hold": true, "quote": {"hold": {"expires_at": held["quote"]["expires_at"]}}}),
    );
    check(&level.read(), json!({"reserved": 2, "available": 3}));
    let first = hold(&shop, &checkout);
    check(
        &first,
        json!({"state": "pending", "reference": format!("chk:{}", checkout.id), "lines": [{"sku": level.sku, "quantity": 2}]}),
    );
    // Others' hands cannot end it.
    for verb in ["release", "confirm", "extend"] {
        let path = format!("/v1/reservations/{}/{verb}", text(&first["id"]));
        let body = if verb == "extend" {
            json!({"ttl_seconds": 9})
        } else {
            json!({})
        };
        let refused = shop.post(&path).admin().json(body).send();
        refused.refused(409, "invalid_state");
    }
    // A new quote has a hold of its own; what the old one held is there for it, down to the last unit.
    let line = cart.line(&level.sku);
    // The cart may have what its own checkout holds, and no more; others see what is left.
    let want = |quantity: i64| {
        let path = format!("/lines/{line}");
        cart.patch(&path, json!({"quantity": quantity}))
    };
    let short = want(6).refused(409, "insufficient_stock");
    check(&short, json!({"requested": 6, "available": 5}));
    let theirs = shop.cart().add(&level.sku, 4);
    assert_eq!(theirs.refused(409, "insufficient_stock")["available"], 3);
    want(5).is(200);
    let unchanged = cart.read();
    assert!(
        unchanged["lines"][0].get("changes").is_none(),
        "{unchanged}"
    );
    let renewed = checkout.patch(json!({})).version(3);
    let second = hold(&shop, &checkout);
    assert_ne!(second["id"], first["id"]);
    check(
        &second,
        json!({"state": "pending", "lines": [{"quantity": 5}]}),
    );
    let path = format!("/v1/reservations/{}", text(&first["id"]));
    assert_eq!(shop.get(&path).admin().send().ok()["state"], "released");
    check(&level.read(), json!({"reserved": 5, "available": 0}));
    // More than there is: refused whole, and what was held stays held.
    level.adjust(3).is(200);
    want(8).is(200);
    level.adjust(-3).is(200);
    let refused = checkout.patch(json!({})).refused(409, "insufficient_stock");
    check(
        &refused,
        json!({"sku": level.sku, "requested": 8, "available": 5}),
    );
    assert_eq!(checkout.read(), renewed);
    check(
        &hold(&shop, &checkout),
        json!({"id": second["id"], "state": "pending"}),
    );
    // Given up: free again, in the same moment.
    checkout.cancel().is(200);
    check(&level.read(), json!({"reserved": 0, "available": 5}));
    level.adds_up();
}

#[test]
fn gives_back_what_it_held_when_it_is_no_longer_asked_for() {
    let shop = shop();
    let level = shop.stocked(5);
    let cart = filled(&shop, &level, 2);
    let checkout = cart.quoted_with(json!({"hold": true}));
    check(&level.read(), json!({"reserved": 2}));
    let without = checkout.patch(json!({"hold": false})).version(2);
    assert!(without["quote"].get("hold").is_none(), "{without}");
    check(&level.read(), json!({"reserved": 0}));
    // And when there is no quote any more, or no cart.
    checkout.patch(json!({"hold": true})).is(200);
    check(&level.read(), json!({"reserved": 2}));
    let gone = checkout
        .patch(json!({"shipping_address": null}))
        .is(200)
        .json();
    check(&gone, json!({"quote": null, "hold": true}));
    check(&level.read(), json!({"reserved": 0}));
    checkout
        .patch(json!({"shipping_address": address("US")}))
        .is(200);
    check(&level.read(), json!({"reserved": 2}));
    cart.request("DELETE", "").send().is(204);
    check(&level.read(), json!({"reserved": 0}));
    level.adds_up();
}

#[test]
fn never_holds_more_than_there_is() {
    let shop = shop();
    let level = shop.stocked(5);
    let carts: Vec<_> = (0..12).map(|_| filled(&shop, &level, 1)).collect();
    let answers = race(carts.len(), |n| {
        let body =
            json!({"email": "a@example.com", "shipping_address": address("US"), "hold": true});
        carts[n].check_out(body)
    });
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(held, 5);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        check(
            &answer.refused(409, "insufficient_stock"),
            json!({"requested": 1, "available": 0}),
        );
    }
    check(&level.read(), json!({"reserved": 5, "available": 0}));
    // Refused means that nothing was opened.
    let refused = answers
        .iter()
        .position(|answer| answer.status != 201)
        .expect("one");
    carts[refused].check_out(json!({})).is(201);
    level.adds_up();
}

#[test]
fn a_checkout_ends_when_nobody_goes_on_with_it() {
    let shop = Shop::with("checkouts", |setup| {
        setup.with("CARTWRIGHT_CHECKOUT_TTL_SECONDS", "2")
    });
    let level = shop.stocked(5);
    let cart = filled(&shop, &level, 2);
    let checkout = cart.quoted_with(json!({"hold": true}));
    let first = checkout.read();
    // A quote does not outlive its checkout.
    assert_eq!(first["quote"]["expires_at"], first["expires_at"]);
    outlive(&first["expires_at"]);
    check(
        &checkout.read(),
        json!({"state": "expired", "email": "ada@example.com"}),
    );
    for answer in [checkout.patch(json!({})), checkout.cancel()] {
        assert_eq!(answer.refused(409, "invalid_state")["state"], "expired");
    }
    let second = cart.check_out(json!({})).created();
    assert_ne!(second["id"], first["id"]);
    check(&checkout.read(), json!({"state": "expired", "version": 2}));
    eventually(Duration::from_secs(5), "its stock is free", || {
        (level.read()["available"] == 5).then_some(())
    });
    level.adds_up();
}

#[test]
fn survives_a_kill_and_replays_without_a_person_in_the_log() {
    let dir = Arc::new(TempDir::new("checkout-kill"));
    let setup = Setup::new(&dir);
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let level = shop.stocked(9);
    let cart = filled(&shop, &level, 3);
    let secret = json!({"email": "grace.hopper@secret.example", "shipping_address": {
        "name": "Grace Brewster Hopper", "line1": "1313 Harbour Lane", "city": "Arlington", "postal_code": "22201",
        "country": "US", "phone": "+1 555 0199"}, "hold": true});
    let key = "kill-key";
    let post = |shop: &Shop| {
        let mut body = secret.clone();
        body["cart_id"] = json!(cart.id);
        let request = shop.post("/v1/checkouts").token(&cart.token).json(body);
        request.idempotency_key(key).send()
    };
    let before = post(&shop).is(201);
    let checkout = cart.checkout(&before.json());
    let (path, read) = (checkout.path(""), checkout.read());
    let keys = shop.get("/.well-known/jwks.json").send().ok();
    shop.process.kill_now();
    drop(shop);

    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let again = shop.get(&path).token(&cart.token).send().ok();
    assert_eq!(again, read);
    assert!(is_signed(&shop, &again["quote"]));
    assert_eq!(shop.get("/.well-known/jwks.json").send().ok(), keys);
    let repeated = post(&shop);
    assert!(repeated.replayed(), "{}", repeated.story());
    assert_eq!(repeated.text(), before.text());
    let cancelled = shop
        .post(&format!("{path}/cancel"))
        .token(&cart.token)
        .send();
    cancelled.is(200);
    shop.process.terminate();
    eventually(Duration::from_secs(60), "the server ends", || {
        shop.process.exit_status()
    });

    let run = |arguments: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(arguments)
            .arg("--data-dir")
            .arg(dir.data())
            .envs(crate::support::database_of(&dir.data()))
            .env("CARTWRIGHT_ADMIN_KEY", ADMIN_KEY)
            .output()
            .expect("the binary can be run");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&out.stderr)
        );
        said
    };
    assert!(run(&["replay", "--verify"]).contains("replay equals state"));

    if crate::support::on_postgres() {
        return;
    }
    // The rows of persons are the only place: without them nothing in the directory knows anybody.
    let database = rusqlite::Connection::open(dir.data().join("cartwright.db")).expect("opens");
    let persons: i64 = database
        .query_row("SELECT count(*) FROM contacts", [], |row| row.get(0))
        .expect("counts");
    assert_eq!(persons, 1);
    let before_it = everything(&database);
    assert!(before_it.contains("Harbour") && before_it.contains("checkout.opened"));
    let sql =
        "PRAGMA secure_delete = ON; DELETE FROM contacts; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";
    database.execute_batch(sql).expect("erases");
    let unpacked = everything(&database);
    drop(database);
    for word in ["grace.hopper", "Brewster", "Harbour", "22201", "555 0199"] {
        assert!(!unpacked.contains(word), "{word} is in a table");
    }
    // And what was erased is gone from answers, the kept ones too; all else is as it was.
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let erased = shop.get(&path).token(&cart.token).send().ok();
    check(
        &erased,
        json!({"state": "cancelled", "email": null, "shipping_address": null, "quote": {"totals": read["totals"]}}),
    );
    assert!(erased["email"].is_null() && erased["billing_address"].is_null());
    let repeated = post(&shop).is(201);
    assert!(repeated.replayed());
    assert!(repeated.json()["email"].is_null());
    check(&level_of(&shop, &level), json!({"reserved": 0}));
}

fn level_of(shop: &Shop, level: &Level) -> Value {
    shop.level(&level.store, &level.sku, 0).read()
}

/// Every value of every table, packed ones unpacked.
fn everything(database: &rusqlite::Connection) -> String {
    let tables: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .and_then(|mut statement| {
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect()
        })
        .expect("tables");
    let mut all = String::new();
    for table in tables {
        let mut statement = database
            .prepare(&format!("SELECT * FROM {table}"))
            .expect("a table");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                let bytes = match row.get_ref(column).expect("a value") {
                    rusqlite::types::ValueRef::Text(bytes)
                    | rusqlite::types::ValueRef::Blob(bytes) => bytes,
                    _ => continue,
                };
                all.push_str(&String::from_utf8_lossy(bytes));
                // A batch is packed behind a byte that says so and its length.
                if let Some(Ok(plain)) = bytes.get(5..).map(zstd::decode_all) {
                    all.push_str(&String::from_utf8_lossy(&plain));
                }
            }
        }
    }
    all
}
