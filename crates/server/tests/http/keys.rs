//! `/v1/api-keys`: keys with scopes, shown once.

use serde_json::json;

use crate::support::{fresh, shop, text};

#[test]
fn shows_a_key_once() {
    let shop = shop();
    let name = fresh("till");
    let body = json!({"name": name, "scopes": ["inventory:read", "reservations"]});
    let made = shop
        .post("/v1/api-keys")
        .admin()
        .json(body)
        .send()
        .created();
    assert_eq!(made["name"], name.as_str());
    assert_eq!(made["scopes"], json!(["inventory:read", "reservations"]));
    assert!(made["id"].is_string(), "{made}");
    let key = text(&made["key"]);
    assert!(key.len() >= 20, "too short to be a secret");

    let mut cursor = String::new();
    let mut found = false;
    loop {
        let path = format!("/v1/api-keys?limit=200{cursor}");
        let page = shop.get(&path).admin().send().ok();
        assert!(!page.to_string().contains(&key), "the key is shown again");
        let items = page["items"].as_array().expect("items");
        found |= items.iter().any(|item| item["id"] == made["id"]);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(found, "the key is listed");
}

#[test]
fn opens_what_its_scopes_say_and_nothing_else() {
    let shop = shop();
    let level = shop.stocked(5);
    let reader = shop.api_key(&["inventory:read"]);
    shop.get(&level.path()).key(&reader).send().is(200);
    let adjust = format!("{}/adjust", level.path());
    let body = json!({"delta": 1, "reason": "x"});
    let problem = shop.post(&adjust).key(&reader).json(body.clone()).send();
    let problem = problem.refused(403, "forbidden");
    assert_eq!(problem["scope"], "inventory:write");
    let all = shop.api_key(&["admin"]);
    shop.post(&adjust).key(&all).json(body).send().is(200);
}

#[test]
fn refuses_a_key_that_makes_no_sense() {
    let shop = shop();
    for (body, field) in [
        (json!({"scopes": ["carts"]}), "name"),
        (json!({"name": "x"}), "scopes"),
        (json!({"name": "x", "scopes": ["everything"]}), "scopes"),
        (json!({"name": "x", "scopes": "carts"}), "scopes"),
        (
            json!({"name": "x".repeat(201), "scopes": ["carts"]}),
            "name",
        ),
        (
            json!({"name": "x", "scopes": ["carts"], "key": "mine"}),
            "key",
        ),
    ] {
        let answer = shop.post("/v1/api-keys").admin().json(body).send();
        answer.invalid(field);
    }
}

#[test]
fn takes_no_credentials_that_are_no_key() {
    let shop = shop();
    for authorization in [
        "Bearer wrong",
        "Bearer ",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "wrong",
        "Bearer a b",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    ] {
        for path in ["/v1/products", "/v1/api-keys"] {
            let answer = shop.get(path).header("Authorization", authorization).send();
            answer.refused(401, "unauthenticated");
            assert!(
                answer.header("www-authenticate").is_some(),
                "{authorization}"
            );
        }
    }
}
