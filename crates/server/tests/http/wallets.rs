//! `/v1/wallets` and `/v1/ledger`: money that the shop owes its customers, booked twice and spent once.

use serde_json::{Value, json};

use crate::support::{Request, Response, Shop, TempDir, check, fresh, race, shop, text, whole};

/// A wallet, spoken to with the admin key.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    shop: Shop,
    pub(crate) customer: String,
}

impl Wallet {
    /// Nobody's yet.
    pub(crate) fn new(shop: &Shop) -> Self {
        Self {
            shop: shop.clone(),
            customer: fresh("customer"),
        }
    }

    /// With so much in it, in USD.
    #[track_caller]
    pub(crate) fn with(shop: &Shop, amount: i64) -> Self {
        let wallet = Self::new(shop);
        wallet.book("credits", amount, &fresh("ref")).is(201);
        wallet
    }

    /// The same at the shop that was started again elsewhere.
    pub(crate) fn at(self, shop: &Shop) -> Self {
        Self {
            shop: shop.clone(),
            ..self
        }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/wallets/{}{rest}", self.customer)
    }

    fn request(&self, verb: &str, body: Value) -> Request {
        let request = self.shop.post(&self.path(&format!("/{verb}")));
        request.admin().json(body)
    }

    /// A credit or debit in USD under a key of its own.
    pub(crate) fn book(&self, verb: &str, amount: i64, reference: &str) -> Response {
        let request = self.request(verb, body(amount, "USD", reference));
        request.idempotency_key(&fresh("key")).send()
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.shop.get(&self.path("")).admin().send().ok()
    }

    /// Balance, held and available in a currency.
    #[track_caller]
    pub(crate) fn figures(&self, currency: &str) -> [i64; 3] {
        let wallet = self.read();
        let balances = wallet["balances"].as_array().expect("balances");
        let found = balances.iter().find(|it| it["currency"] == currency);
        found.map_or([0; 3], |it| {
            ["balance", "held", "available"].map(|name| whole(&it[name]))
        })
    }

    /// All entries, page by page.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = self.path(&format!("/entries?limit=3{cursor}"));
            let page = self.shop.get(&path).admin().send().ok();
            all.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The type and amount of each entry.
    #[track_caller]
    pub(crate) fn story(&self) -> Vec<(String, i64)> {
        let entries = self.entries();
        let told = entries
            .iter()
            .map(|it| (text(&it["type"]), whole(&it["amount"]["amount"])));
        told.collect()
    }

    /// Entries and balances tell one story: postings of each sum to 0, the running balance is their sum and never below 0.
    #[track_caller]
    pub(crate) fn adds_up(&self, currency: &str) {
        let mut balance = 0;
        for entry in self.entries() {
            if entry["amount"]["currency"] != currency {
                continue;
            }
            let amount = whole(&entry["amount"]["amount"]);
            assert!(amount > 0, "{entry}");
            balance += match entry["type"].as_str() {
                Some("credit" | "refund") => amount,
                Some("debit" | "payment") => -amount,
                _ => panic!("{entry}"),
            };
            assert_eq!(whole(&entry["balance"]["amount"]), balance, "{entry}");
            assert!(balance >= 0, "{entry}");
            let postings = entry["postings"].as_array().expect("postings");
            let sum: i64 = postings
                .iter()
                .map(|it| whole(&it["amount"]["amount"]))
                .sum();
            assert_eq!((postings.len(), sum), (2, 0), "{entry}");
        }
        let [now, held, available] = self.figures(currency);
        assert_eq!((now, available), (balance, balance - held));
        assert!(available >= 0);
    }
}

fn body(amount: i64, currency: &str, reference: &str) -> Value {
    json!({"amount": {"amount": amount, "currency": currency}, "reason": "a test", "reference": reference})
}

/// What the accounts of a currency come to, by name.
#[track_caller]
pub(crate) fn accounts(shop: &Shop, currency: &str) -> Vec<(String, i64)> {
    let answer = shop.get("/v1/ledger/accounts").admin().send().ok();
    let items = answer["items"].as_array().expect("items");
    let own = items.iter().filter(|it| it["currency"] == currency);
    own.map(|it| (text(&it["account"]), whole(&it["balance"])))
        .collect()
}

/// The accounts of every currency sum to 0.
#[track_caller]
pub(crate) fn books_balance(shop: &Shop) {
    for currency in ["USD", "EUR", "JPY"] {
        let sum: i64 = accounts(shop, currency)
            .iter()
            .map(|(_, amount)| amount)
            .sum();
        assert_eq!(sum, 0, "{currency}");
    }
}

#[test]
fn money_comes_in_and_goes_out_with_two_postings_each() {
    let shop = shop();
    let wallet = Wallet::new(&shop);
    let empty = shop.get(&wallet.path("")).admin().send().version(0);
    check(
        &empty,
        json!({"customer_id": wallet.customer, "balances": []}),
    );
    assert_eq!(wallet.entries(), Vec::<Value>::new());

    let answer = wallet.book("credits", 2500, "welcome").is(201);
    let entry = answer.json();
    check(
        &entry,
        json!({
            "type": "credit", "amount": {"amount": 2500, "currency": "USD"}, "balance": {"amount": 2500, "currency": "USD"},
            "reference": "welcome", "reason": "a test",
            "postings": [
                {"account": "customer_wallets", "amount": {"amount": 2500, "currency": "USD"}},
                {"account": "credit_issued", "amount": {"amount": -2500, "currency": "USD"}},
            ],
        }),
    );
    crate::support::instant(&entry["at"]);
    let location = answer.header("location").expect("a location").to_owned();
    assert_eq!(shop.get(&location).admin().send().ok(), entry);
    let other = Wallet::new(&shop).path(&format!("/entries/{}", text(&entry["id"])));
    shop.get(&other).admin().send().refused(404, "not_found");

    let debit = wallet.book("debits", 700, "till").created();
    check(
        &debit,
        json!({
            "type": "debit", "amount": {"amount": 700, "currency": "USD"}, "balance": {"amount": 1800, "currency": "USD"},
            "postings": [
                {"account": "customer_wallets", "amount": {"amount": -700, "currency": "USD"}},
                {"account": "credit_withdrawn", "amount": {"amount": 700, "currency": "USD"}},
            ],
        }),
    );
    let euros = wallet.request("credits", body(90, "EUR", "euros"));
    euros.idempotency_key(&fresh("key")).send().is(201);
    let read = shop.get(&wallet.path("")).admin().send().version(3);
    check(
        &read,
        json!({"balances": [
            {"currency": "EUR", "balance": 90, "held": 0, "available": 90},
            {"currency": "USD", "balance": 1800, "held": 0, "available": 1800},
        ]}),
    );
    for n in 0..5 {
        wallet.book("credits", 1, &format!("more-{n}")).is(201);
    }
    assert_eq!(wallet.entries().len(), 8);
    wallet.adds_up("USD");
    wallet.adds_up("EUR");
    books_balance(&shop);
}

#[test]
fn a_reference_is_one_entry_for_ever() {
    let shop = shop();
    let wallet = Wallet::new(&shop);
    let first = wallet.book("credits", 500, "gift").created();
    let later = wallet.book("debits", 100, "out").created();
    assert_eq!(wallet.book("credits", 500, "gift").ok(), first);
    assert_eq!(wallet.book("debits", 100, "out").ok(), later);
    for (verb, amount, reference) in [
        ("credits", 501, "gift"),
        ("debits", 500, "gift"),
        ("credits", 100, "out"),
    ] {
        let answer = wallet.book(verb, amount, reference);
        let problem = answer.refused(409, "already_exists");
        assert_eq!(problem["id"], reference, "{problem}");
    }
    let euros = wallet.request("credits", body(500, "EUR", "gift"));
    let euros = euros.idempotency_key(&fresh("key")).send();
    euros.refused(409, "already_exists");
    assert_eq!(wallet.figures("USD"), [400, 0, 400]);
    // Another customer's names are another's.
    Wallet {
        customer: fresh("customer"),
        ..wallet.clone()
    }
    .book("credits", 9, "gift")
    .is(201);
    // A repetition is answered though the money has gone since.
    wallet.book("debits", 400, "all").is(201);
    assert_eq!(wallet.book("debits", 100, "out").ok(), later);
    wallet.adds_up("USD");
}

#[test]
fn twenty_clients_with_one_reference_book_it_once() {
    let shop = shop();
    let wallet = Wallet::new(&shop);
    let answers = race(20, |_| wallet.book("credits", 300, "together"));
    let made = answers.iter().filter(|it| it.status == 201).count();
    let entries: std::collections::HashSet<_> = answers
        .iter()
        .map(|it| text(&it.clone().one_of(&[200, 201]).json()["id"]))
        .collect();
    assert_eq!((made, entries.len()), (1, 1));
    assert_eq!(wallet.figures("USD"), [300, 0, 300]);
    assert_eq!(wallet.read()["version"], 1);
    // One key as well: the same bytes.
    let one = fresh("key");
    let answers = race(20, |_| {
        let request = wallet.request("credits", body(5, "USD", "one-key"));
        request.idempotency_key(&one).send()
    });
    let first = answers[0].clone().is(201);
    for answer in &answers {
        assert_eq!(answer.body, first.body);
    }
    assert_eq!(answers.iter().filter(|it| !it.replayed()).count(), 1);
    assert_eq!(wallet.figures("USD"), [305, 0, 305]);
}

#[test]
fn debits_at_once_never_take_more_than_there_is() {
    let shop = shop();
    let wallet = Wallet::with(&shop, 1000);
    let answers = race(32, |n| wallet.book("debits", 70, &format!("debit-{n}")));
    let taken = answers.iter().filter(|it| it.status == 201).count();
    assert_eq!(taken, 14);
    for answer in answers.iter().filter(|it| it.status != 201) {
        let problem = answer.refused(409, "insufficient_funds");
        assert_eq!(problem["requested"], 70);
        assert!(whole(&problem["available"]) < 70, "{problem}");
        assert_eq!(problem["currency"], "USD");
    }
    assert_eq!(wallet.figures("USD"), [20, 0, 20]);
    let euros = wallet.request("debits", body(1, "EUR", "euros"));
    let euros = euros.idempotency_key(&fresh("key")).send();
    assert_eq!(euros.refused(409, "insufficient_funds")["available"], 0);
    let nobody = Wallet::new(&shop);
    nobody
        .book("debits", 1, "x")
        .refused(409, "insufficient_funds");
    wallet.adds_up("USD");
    books_balance(&shop);
}

#[test]
fn a_retry_gets_what_the_first_one_got() {
    let shop = shop();
    let wallet = Wallet::with(&shop, 100);
    let send = |key: &str, amount: i64, reference: &str| {
        let request = wallet.request("debits", body(amount, "USD", reference));
        request.idempotency_key(key).send()
    };
    let key = fresh("key");
    let first = send(&key, 60, "a").is(201);
    let again = send(&key, 60, "a").is(201);
    assert!(again.replayed() && again.body == first.body);
    assert_eq!(again.header("location"), first.header("location"));
    send(&key, 61, "a").refused(409, "idempotency_key_reused");
    // A refusal is kept too, though there would be enough by now.
    let poor = fresh("key");
    send(&poor, 60, "b").refused(409, "insufficient_funds");
    wallet.book("credits", 500, "more").is(201);
    assert!(send(&poor, 60, "b").replayed());
    send(&fresh("key"), 60, "b").is(201);
    assert_eq!(wallet.figures("USD"), [480, 0, 480]);
}

#[test]
fn refuses_what_it_cannot_book() {
    let shop = shop();
    let wallet = Wallet::new(&shop);
    let without_key = wallet.request("credits", body(1, "USD", "x")).send();
    without_key.refused(400, "idempotency_key_required");
    let long = "x".repeat(201);
    let with = |name: &str, value: Value| {
        let mut body = body(1, "USD", "x");
        body[name] = value;
        body
    };
    let rows = [
        (body(0, "USD", "x"), "amount"),
        (body(-5, "USD", "x"), "amount"),
        (body(10_000_000_000_001, "USD", "x"), "amount"),
        (body(i64::MAX, "USD", "x"), "amount"),
        (body(1, "usd", "x"), "amount.currency"),
        (body(1, "XXY", "x"), "amount.currency"),
        (with("amount", json!(5)), "amount"),
        (
            with("amount", json!({"amount": 5.5, "currency": "USD"})),
            "amount",
        ),
        (with("amount", json!(null)), "amount"),
        (body(1, "USD", ""), "reference"),
        (body(1, "USD", &long), "reference"),
        (with("reason", json!("")), "reason"),
        (with("reason", json!(long)), "reason"),
        (with("currency", json!("USD")), "currency"),
    ];
    for verb in ["credits", "debits"] {
        for (body, field) in &rows {
            let request = wallet.request(verb, body.clone());
            let answer = request.idempotency_key(&fresh("key")).send();
            answer.invalid(field);
        }
    }
    for (verb, path) in [
        ("GET", wallet.path("/entries?limit=0")),
        ("GET", wallet.path("/entries?cursor=x")),
        ("GET", wallet.path("?x=1")),
    ] {
        let answer = shop.request(verb, &path).admin().send();
        answer.refused(422, "invalid");
    }
    let unspellable = shop.get("/v1/wallets/a%20b").admin().send();
    unspellable.refused(404, "not_found");
    assert_eq!(wallet.read()["version"], 0);
    // A balance has a limit too.
    for n in 0..100 {
        wallet
            .book("credits", 10_000_000_000_000, &format!("big-{n}"))
            .is(201);
    }
    wallet.book("credits", 1, "one-more").invalid("amount");
    wallet.adds_up("USD");
}

#[test]
fn a_version_guards_a_wallet() {
    let shop = shop();
    let wallet = Wallet::new(&shop);
    let send = |reference: &str, version: i64| {
        let request = wallet.request("credits", body(1, "USD", reference));
        request
            .if_match(version)
            .idempotency_key(&fresh("key"))
            .send()
    };
    send("a", 1).refused(409, "version_conflict");
    send("a", 0).is(201);
    let problem = send("b", 0).refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 1);
    send("b", 1).is(201);
    let answers = race(10, |n| send(&format!("race-{n}"), 2));
    assert_eq!(answers.iter().filter(|it| it.status == 201).count(), 1);
}

#[test]
fn wallets_are_for_those_with_the_scope() {
    let shop = shop();
    let wallet = Wallet::with(&shop, 10);
    let (key, other) = (
        shop.api_key(&["wallets"]),
        shop.api_key(&["carts", "checkouts", "refunds"]),
    );
    for (verb, reference) in [("credits", "c"), ("debits", "d")] {
        let send = |credentials: &dyn Fn(Request) -> Request| {
            let request = shop.post(&wallet.path(&format!("/{verb}")));
            let request = request.json(body(1, "USD", reference));
            credentials(request.idempotency_key(&fresh("key"))).send()
        };
        send(&|it| it).refused(401, "unauthenticated");
        let lacking = send(&|it| it.key(&other));
        assert_eq!(lacking.refused(403, "forbidden")["scope"], "wallets");
        send(&|it| it.key(&key)).is(201);
    }
}

#[test]
fn wallets_outlive_a_kill_and_agree_with_the_log() {
    let dir = std::sync::Arc::new(TempDir::new("wallets"));
    let setup = crate::support::Setup::new(&dir);
    let shop = Shop::of(setup.start(), dir.clone());
    let wallet = Wallet::with(&shop, 1000);
    race(8, |n| wallet.book("debits", 30, &format!("d{n}")).is(201));
    let before = (wallet.read(), wallet.entries(), accounts(&shop, "USD"));
    shop.process.kill_now();
    let shop = Shop::of(setup.start(), dir.clone());
    let wallet = wallet.at(&shop);
    assert_eq!(
        (wallet.read(), wallet.entries(), accounts(&shop, "USD")),
        before
    );
    wallet.book("debits", 30, "d3").is(200);
    assert_eq!((wallet.read(), wallet.entries().len()), (before.0, 9));
    verified(&setup, &shop);
}

/// Stops the shop and lets `replay --verify` compare its tables with its log.
#[track_caller]
pub(crate) fn verified(setup: &crate::support::Setup, shop: &Shop) {
    shop.process.kill_now();
    let verify = std::process::Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["replay", "--verify", "--all", "--json", "--data-dir"])
        .arg(&setup.data)
        .envs(crate::support::database_of(&setup.data))
        .output()
        .expect("the binary can be run");
    let said = String::from_utf8_lossy(&verify.stdout).into_owned();
    assert!(
        verify.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&verify.stderr)
    );
    let report: Value = serde_json::from_str(&said).expect("a report");
    assert_eq!(report["equal"], true, "{report}");
    assert!(whole(&report["compared"]) > 10, "{report}");
}
