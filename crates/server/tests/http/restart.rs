//! Restarts: what was acknowledged is there again, byte for byte.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    ADMIN_KEY, Cart, Process, Request, Setup, Shop, TempDir, check, eventually, fresh, instant,
    text, uuid,
};

/// How the first life ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Kill,
}

impl End {
    fn apply(self, process: Process) {
        match self {
            Self::Stop => assert!(process.stop().success(), "SIGTERM drains and exits 0"),
            Self::Kill => process.kill(),
        }
    }
}

/// The process of a shop that nobody else holds.
fn own(shop: Shop) -> Process {
    let process = Arc::clone(&shop.process);
    drop(shop);
    Arc::into_inner(process).expect("the last handle of the server")
}

fn shop_on(setup: &Setup, dir: &Arc<TempDir>) -> Shop {
    Shop::of(setup.start(), Arc::clone(dir))
}

/// What can be read, and with which credentials.
fn readable(shop: &Shop, cart: &Cart, level: &str, item: &str, hold: &str) -> Vec<Request> {
    vec![
        shop.get(&format!("/v1/products/{item}")),
        shop.get("/v1/products?limit=200"),
        shop.get("/v1/stores?limit=200"),
        shop.get(level).admin(),
        shop.get(&format!("{level}/movements")).admin(),
        shop.get(&format!("/v1/reservations/{hold}")).admin(),
        shop.get(&cart.path("")).token(&cart.token),
        shop.get("/v1/api-keys").admin(),
    ]
}

#[test]
fn shows_after_a_restart_what_it_showed_before() {
    for end in [End::Stop, End::Kill] {
        let dir = Arc::new(TempDir::new("restart"));
        let setup = Setup::new(&dir);
        let shop = shop_on(&setup, &dir);
        let level = shop.stocked(10);
        let item = shop.product();
        let hold = level.hold(3);
        let cart = shop.cart();
        cart.add(&level.sku, 2).is(200);
        let key = shop.api_key(&["inventory:read"]);
        let path = level.path();
        let look = |shop: &Shop| -> Vec<(String, Vec<u8>)> {
            readable(shop, &cart, &path, &item.id, &hold)
                .into_iter()
                .map(|request| {
                    let answer = request.send().is(200);
                    (answer.asked.clone(), answer.body)
                })
                .collect()
        };
        let before = look(&shop);
        end.apply(own(shop));

        let shop = shop_on(&setup, &dir);
        for ((asked, before), (_, after)) in before.into_iter().zip(look(&shop)) {
            let (before, after) = (
                String::from_utf8_lossy(&before),
                String::from_utf8_lossy(&after),
            );
            assert_eq!(before, after, "{end:?}: {asked}");
        }
        shop.get(&path).key(&key).send().is(200);
        let level = shop.level(&level.store, &level.sku, 0);
        level
            .post("confirm", json!({"reservation_id": hold}))
            .is(200);
        check(
            &level.read(),
            json!({"on_hand": 7, "reserved": 0, "version": 3}),
        );
        level.adds_up();
        let search = format!("/v1/search?q={}", item.id);
        eventually(
            Duration::from_secs(5),
            "search knows the product again",
            || (shop.get(&search).send().ok()["total"].as_i64() > Some(0)).then_some(()),
        );
    }
}

#[test]
fn repeats_kept_answers_after_a_restart() {
    for end in [End::Stop, End::Kill] {
        let dir = Arc::new(TempDir::new("replies"));
        let setup = Setup::new(&dir);
        let shop = shop_on(&setup, &dir);
        let level = shop.stocked(5);
        let (reserve, create) = (fresh("key"), uuid());
        let body = json!({"quantity": 2, "reference": fresh("ref"), "ttl_seconds": 600});
        let path = format!("{}/reserve", level.path());
        let requests = |shop: &Shop| {
            [
                shop.post(&path)
                    .admin()
                    .idempotency_key(&reserve)
                    .json(body.clone()),
                shop.post("/v1/carts")
                    .idempotency_key(&create)
                    .json(json!({"currency": "USD"})),
            ]
        };
        let before = requests(&shop).map(|request| request.send().is(201));
        end.apply(own(shop));

        let shop = shop_on(&setup, &dir);
        for (before, request) in before.iter().zip(requests(&shop)) {
            let again = request.send();
            assert!(again.replayed(), "{end:?}: {}", again.story());
            assert_eq!(again.text(), before.text(), "{end:?}");
            for name in ["etag", "location"] {
                assert_eq!(again.header(name), before.header(name), "{name}");
            }
        }
        let cart = before[1].json();
        let path = format!("/v1/carts/{}", text(&cart["id"]));
        shop.get(&path).token(&text(&cart["token"])).send().is(200);
        assert_eq!(
            shop.level(&level.store, &level.sku, 0).read()["reserved"],
            2
        );
    }
}

#[test]
fn ends_holds_that_expired_while_it_was_away() {
    let dir = Arc::new(TempDir::new("expiry"));
    let setup = Setup::new(&dir);
    let shop = shop_on(&setup, &dir);
    let level = shop.stocked(3);
    let hold = level.reserve_for(3, 1).created();
    own(shop).kill();
    let end = instant(&hold["expires_at"]);
    eventually(Duration::from_secs(10), "the hold's end", || {
        (jiff::Timestamp::now() > end).then_some(())
    });

    let shop = shop_on(&setup, &dir);
    let level = shop.level(&level.store, &level.sku, 0);
    let confirm = level.post("confirm", json!({"reservation_id": hold["id"]}));
    assert_eq!(
        confirm.refused(409, "reservation_final")["state"],
        "expired"
    );
    level.reserve(3).is(201);
    level.adds_up();
}

#[test]
fn starts_empty_and_says_where_it_is() {
    let shop = Shop::own("empty");
    let products = shop.get("/v1/products").send().ok();
    assert_eq!(products["items"], json!([]));
    let url = format!("http://{}", shop.address());
    assert!(
        shop.process.said().contains(&url),
        "no {url} in {}",
        shop.process.said()
    );
    assert!(
        !shop.process.said().contains(ADMIN_KEY),
        "the given key is printed"
    );
}

#[test]
fn makes_an_admin_key_once_when_none_is_given() {
    let dir = TempDir::new("first-key");
    let mut setup = Setup::new(&dir);
    setup
        .environment
        .retain(|(name, _)| name != "CARTWRIGHT_ADMIN_KEY");
    let first = setup.start();
    let said = first.said();
    let opens = |process: &Process, word: &str| {
        let request = process.request("GET", "/v1/api-keys").key(word);
        request.try_send().is_ok_and(|answer| answer.status == 200)
    };
    let words =
        said.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter)));
    let key = words
        .filter(|word| word.len() >= 16)
        .find(|word| opens(&first, word))
        .unwrap_or_else(|| panic!("no admin key is printed: {said}"))
        .to_owned();
    assert!(first.stop().success());
    let second = setup.start();
    assert!(!second.said().contains(&key), "the key is printed again");
    assert!(opens(&second, &key), "the key still opens");
}

#[test]
fn loads_the_sample_once_when_asked() {
    let dir = Arc::new(TempDir::new("sample"));
    let mut setup = Setup::new(&dir);
    setup.sample = true;
    let count = |shop: &Shop| {
        let page = shop.get("/v1/products?limit=200").send().ok();
        page["items"].as_array().expect("items").len()
    };
    let shop = shop_on(&setup, &dir);
    let loaded = count(&shop);
    assert!(
        (50..=70).contains(&loaded),
        "about 60 products, not {loaded}"
    );
    let level: Value = shop
        .get("/stores/STORE001/inventory/SKU123")
        .admin()
        .send()
        .ok();
    check(&level, json!({"storeId": "STORE001", "sku": "SKU123"}));
    assert!(own(shop).stop().success());
    let shop = shop_on(&setup, &dir);
    assert_eq!(count(&shop), loaded);
}

#[test]
fn knows_its_own_verbs() {
    let help = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .arg("--help")
        .output()
        .expect("the binary can be run");
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout);
    for verb in [
        "serve", "demo", "import", "export", "migrate", "doctor", "bench", "replay",
    ] {
        assert!(text.contains(verb), "{verb} is not in the help");
    }
}
