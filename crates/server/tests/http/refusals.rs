//! Limits of callers: rates, and what overload says.

use serde_json::json;

use crate::support::{Shop, race};

#[test]
fn slows_down_a_principal_and_not_the_others() {
    let shop = Shop::with("rate", |setup| {
        setup
            .with("CARTWRIGHT_RATE_LIMIT_RPS", "2")
            .with("CARTWRIGHT_RATE_LIMIT_BURST", "5")
    });
    let (busy, calm) = (
        shop.api_key(&["inventory:read"]),
        shop.api_key(&["inventory:read"]),
    );
    let ask = |key: &str| shop.get("/v1/products").key(key).send();
    let answers: Vec<_> = (0..40).map(|_| ask(&busy)).collect();
    let limited: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != 200)
        .collect();
    assert!(limited.len() > 20, "{} of 40 were limited", limited.len());
    for answer in limited {
        answer.refused(429, "rate_limited");
        let wait = answer
            .header("retry-after")
            .and_then(|wait| wait.parse::<u32>().ok());
        assert!(wait.is_some(), "{}", answer.story());
    }
    ask(&calm).is(200);
    // The first admin key has no limit.
    for _ in 0..40 {
        shop.get("/v1/products").admin().send().is(200);
    }
}

#[test]
fn keeps_no_answer_that_was_limited() {
    let shop = Shop::with("rate-retry", |setup| {
        setup
            .with("CARTWRIGHT_RATE_LIMIT_RPS", "20")
            .with("CARTWRIGHT_RATE_LIMIT_BURST", "2")
    });
    let level = shop.stocked(1000);
    let key = shop.api_key(&["inventory:write"]);
    let path = format!("{}/adjust", level.path());
    let send = |name: &str| {
        let request = shop.post(&path).key(&key).idempotency_key(name);
        request.json(json!({"delta": 1, "reason": "x"})).send()
    };
    let mut last = String::new();
    for number in 0..200 {
        last = format!("adjust-{number}");
        if send(&last).one_of(&[200, 429]).status == 429 {
            break;
        }
        assert!(number < 199, "never limited");
    }
    let before = level.read()["on_hand"].as_i64().expect("a figure");
    crate::support::eventually(
        std::time::Duration::from_secs(10),
        "the bucket refills",
        || {
            let answer = send(&last).one_of(&[200, 429]);
            (answer.status == 200).then(|| assert!(!answer.replayed()))
        },
    );
    assert_eq!(level.read()["on_hand"], before + 1);
}

#[test]
fn stays_correct_when_it_sheds() {
    let shop = crate::support::shop();
    let level = shop.stocked(1);
    let answers = race(128, |_| level.adjust(1));
    let mut done = 0;
    for answer in &answers {
        if answer.status == 200 {
            done += 1;
        } else {
            answer.refused(503, "overloaded");
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert!(done > 0);
    assert_eq!(level.read()["on_hand"], 1 + done);
    level.adds_up();
}
