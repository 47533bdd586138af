//! The edge: malformed, oversized and unexpected requests, and the order in which they are refused.

use serde_json::{Value, json};

use crate::support::{Request, check, exchange_raw, fresh, shop};

const MIB: usize = 1024 * 1024;

/// A product's body of exactly so many bytes: JSON may have any white space around it.
fn padded(size: usize) -> (String, String) {
    let sku = fresh("sku");
    let body = json!({"name": "x", "variants": [{"sku": sku, "prices": []}]}).to_string();
    (format!("{body}{}", " ".repeat(size - body.len())), sku)
}

#[test]
fn knows_no_other_routes_or_methods() {
    let shop = shop();
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/products",
        "/v1/products/a/b/c",
        "/nothing",
    ] {
        shop.get(path).send().refused(404, "not_found");
    }
    // method, path, what the path does allow
    let rows = [
        ("PUT", "/v1/products", "POST"),
        ("DELETE", "/v1/search", "GET"),
        ("POST", "/v1/availability", "GET"),
        ("DELETE", "/v1/stores", "GET"),
        ("GET", "/v1/stores/a/inventory/b/adjust", "POST"),
        ("GET", "/v1/stores/a/inventory/b/reserve", "POST"),
        ("DELETE", "/v1/reservations/a", "GET"),
        ("GET", "/v1/carts/a/merge", "POST"),
        ("PUT", "/v1/carts/a", "PATCH"),
        ("GET", "/v1/transfers/a/receive", "POST"),
        ("POST", "/v1/variants/a", "GET"),
        ("BREW", "/v1/products", "GET"),
    ];
    for (method, path, allowed) in rows {
        let answer = shop.request(method, path).send();
        answer.refused(405, "method_not_allowed");
        let allow = answer.header("allow").unwrap_or_default();
        let listed = allow.split(',').any(|method| method.trim() == allowed);
        assert!(listed, "{method} {path}: Allow is {allow:?}");
    }
}

#[test]
fn tells_what_is_no_json() {
    let shop = shop();
    let rows: [&[u8]; 11] = [
        b"{",
        b"}",
        b"not json",
        br#"{"name":}"#,
        br#"{"name":"x",}"#,
        br#"{name:"x"}"#,
        br#"{"name":'x'}"#,
        br#"{"name":"x"} x"#,
        b"{\"name\":\"\xff\xfe\"}",
        b"{\"name\":\"a\nb\"}",
        br#"{"name":"\ud800"}"#,
    ];
    for body in rows {
        let request = shop.post("/v1/products").admin();
        let answer = request.bytes("application/json", body.to_vec()).send();
        answer.refused(400, "malformed_json");
    }
}

#[test]
fn takes_only_objects() {
    let shop = shop();
    for body in ["[]", "[{}]", "\"x\"", "7", "true", "null"] {
        let request = shop.post("/v1/products").admin();
        let answer = request.text("application/json", body).send().is(400);
        let code = answer.json()["code"].clone();
        assert!(
            code == "malformed_json" || code == "malformed_request",
            "{code}"
        );
        answer.refused(400, code.as_str().expect("a code"));
    }
}

#[test]
fn refuses_duplicate_keys_at_any_depth() {
    let shop = shop();
    let sku = fresh("sku");
    let rows = [
        format!(r#"{{"name":"a","name":"a","variants":[{{"sku":"{sku}","prices":[]}}]}}"#),
        format!(r#"{{"name":"a","variants":[{{"sku":"{sku}","sku":"{sku}","prices":[]}}]}}"#),
        format!(
            r#"{{"name":"a","variants":[{{"sku":"{sku}","prices":[]}}],"attributes":{{"x":1,"x":2}}}}"#
        ),
        format!(
            r#"{{"name":"a","variants":[{{"sku":"{sku}","prices":[{{"amount":1,"currency":"USD","amount":2}}]}}]}}"#
        ),
    ];
    for body in rows {
        let request = shop.post("/v1/products").admin();
        let answer = request.text("application/json", &body).send();
        answer.refused(422, "invalid");
    }
    shop.get(&format!("/v1/variants/{sku}"))
        .send()
        .refused(404, "not_found");
}

#[test]
fn refuses_query_parameters_it_does_not_know() {
    let shop = shop();
    let cart = shop.cart();
    for path in [
        "/v1/products?x=1".to_owned(),
        "/v1/stores?x=1".to_owned(),
        format!("/v1/products/{}?x=1", shop.product().id),
        format!("/v1/carts/{}?x=1", cart.id),
        format!("{}?x=1", shop.stocked(1).path()),
        "/v1/api-keys?x=1".to_owned(),
    ] {
        shop.get(&path).admin().send().invalid("x");
    }
    let write = shop.post("/v1/carts?dry=true").json(json!({})).send();
    write.invalid("dry");
}

#[test]
fn takes_only_json_and_gives_only_json() {
    let shop = shop();
    let body = r#"{"currency":"USD"}"#;
    for content_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let answer = shop.post("/v1/carts").text(content_type, body).send();
        answer.refused(415, "unsupported_media_type");
    }
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        shop.post("/v1/carts")
            .text(content_type, body)
            .send()
            .is(201);
    }
    for accept in ["text/html", "image/png", "application/xml"] {
        let answer = shop.get("/v1/products").header("Accept", accept).send();
        answer.refused(406, "not_acceptable");
    }
    for accept in [
        "*/*",
        "application/json",
        "application/*",
        "text/html, application/json;q=0.5",
    ] {
        let answer = shop
            .get("/v1/products")
            .header("Accept", accept)
            .send()
            .is(200);
        let content_type = answer.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/json"),
            "{content_type}"
        );
    }
}

#[test]
fn takes_bodies_up_to_a_mebibyte() {
    let shop = shop();
    let (body, sku) = padded(MIB);
    let request = shop.post("/v1/products").admin();
    request.text("application/json", &body).send().is(201);
    shop.get(&format!("/v1/variants/{sku}")).send().is(200);
    for size in [MIB + 1, 10_000_000] {
        let (body, sku) = padded(size);
        let request = shop.post("/v1/products").admin();
        let problem = request.text("application/json", &body).send();
        let problem = problem.refused(413, "too_large");
        assert_eq!(problem["limit"], MIB, "{problem}");
        shop.get(&format!("/v1/variants/{sku}"))
            .send()
            .refused(404, "not_found");
    }
    shop.get("/health/liveness").send().is(200);
}

#[test]
fn counts_a_body_that_comes_in_chunks() {
    let shop = shop();
    let send = |body: &str| {
        let mut wire = b"POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            .to_vec();
        for chunk in body.as_bytes().chunks(65_536) {
            wire.extend(format!("{:x}\r\n", chunk.len()).bytes());
            wire.extend(chunk);
            wire.extend(b"\r\n");
        }
        wire.extend(b"0\r\n\r\n");
        exchange_raw(shop.address(), &wire).expect("an answer")
    };
    send(r#"{"currency":"USD"}"#).is(201);
    let long = format!(r#"{{"currency":"USD"{}}}"#, " ".repeat(2 * MIB));
    send(&long).refused(413, "too_large");
}

#[test]
fn limits_addresses_and_headers() {
    let shop = shop();
    let path = format!("/v1/products?brand={}", "b".repeat(60_000));
    shop.get(&path).send().refused(414, "uri_too_long");
    let answer = shop
        .get("/v1/products")
        .header("X-Long", &"h".repeat(100_000));
    answer.send().refused(431, "headers_too_large");
    // Beyond what any server reads, the status is enough.
    let path = format!("/v1/products?brand={}", "b".repeat(300_000));
    shop.get(&path).send().one_of(&[414, 431]);
    let many = (0..2000).fold(shop.get("/v1/products"), |request, number| {
        request.header(&format!("X-{number}"), "x")
    });
    many.send().is(431);
    shop.get("/v1/products").send().is(200);
}

#[test]
fn limits_depth() {
    let shop = shop();
    let nested = |depth: usize| {
        let metadata = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let body = format!(r#"{{"metadata":{metadata}}}"#);
        shop.post("/v1/carts")
            .text("application/json", &body)
            .send()
    };
    nested(63).is(201);
    for depth in [64, 500, 20_000] {
        // It is a JSON object, so it is a wrong value.
        let problem = nested(depth).refused(422, "invalid");
        assert_eq!(problem["errors"][0]["code"], "too_deep", "{problem}");
    }
    let (open, close) = (r#"{"a":"#.repeat(63), "}".repeat(63));
    let variant = json!([{"sku": fresh("sku"), "prices": []}]);
    let product = format!(r#"{{"name":"x","variants":{variant},"attributes":{open}1{close}}}"#);
    let create = shop.post("/v1/products").admin();
    create.text("application/json", &product).send().is(201);
    let array = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let answer = shop
        .post("/v1/carts")
        .text("application/json", &array)
        .send();
    answer.refused(400, "malformed_request");
    let arrays = format!(r#"{{"metadata":{}"#, "[".repeat(100_000));
    let answer = shop
        .post("/v1/carts")
        .text("application/json", &arrays)
        .send();
    answer.refused(400, "malformed_json");
    shop.get("/health/liveness").send().is(200);
}

#[test]
fn gives_every_answer_a_request_id() {
    let shop = shop();
    let id = |request: Request| {
        let answer = request.send();
        let id = answer.header("request-id");
        id.unwrap_or_else(|| panic!("none: {}", answer.story()))
            .to_owned()
    };
    for mine in ["a", "3f2a.B_c-9", &"r".repeat(128)] {
        for path in ["/v1/products", "/v1/nothing", "/v1/api-keys"] {
            let request = shop.get(path).header("Request-Id", mine);
            assert_eq!(id(request), mine);
        }
    }
    for theirs in ["", "a b", "a,b", "<script>", &"r".repeat(129)] {
        let given = id(shop.get("/v1/products").header("Request-Id", theirs));
        assert_ne!(given, theirs);
        assert!(!given.is_empty());
    }
    assert_ne!(id(shop.get("/v1/products")), id(shop.get("/v1/products")));
}

#[test]
fn refuses_in_the_order_of_the_contract() {
    let shop = shop();
    let weak = shop.api_key(&["wallets"]);
    let level = shop.stocked(5);
    let adjust = format!("{}/adjust", level.path());
    let malformed = |request: Request| request.text("application/json", "{");
    // An unknown route before everything; 405 before 401; 413 and 415 before 401; 401 before 403 before 400
    // and 422; those before 404; 404 before versions; versions before business.
    let big = " ".repeat(MIB + 1);
    let rows: Vec<(Request, u16, &str)> = vec![
        (
            malformed(shop.post("/v1/nothing").key("bad")),
            404,
            "not_found",
        ),
        (
            malformed(shop.put(&adjust).key("bad")),
            405,
            "method_not_allowed",
        ),
        (
            shop.post(&adjust).key("bad").text("text/plain", &big),
            413,
            "too_large",
        ),
        (
            shop.post(&adjust).key("bad").text("text/plain", "{"),
            415,
            "unsupported_media_type",
        ),
        (
            malformed(shop.post(&adjust).key("bad")).header("Accept", "text/html"),
            406,
            "not_acceptable",
        ),
        (malformed(shop.post(&adjust)), 401, "unauthenticated"),
        (
            malformed(shop.post(&adjust).key("bad")),
            401,
            "unauthenticated",
        ),
        (malformed(shop.post(&adjust).key(&weak)), 403, "forbidden"),
        (malformed(shop.post(&adjust).admin()), 400, "malformed_json"),
        (
            shop.post("/v1/stores/nowhere/inventory/nothing/adjust")
                .admin()
                .json(json!({"delta": 0})),
            422,
            "invalid",
        ),
        (
            shop.post("/v1/stores/nowhere/inventory/nothing/adjust")
                .admin()
                .json(json!({"delta": -9, "reason": "x", "expected_version": 7})),
            404,
            "not_found",
        ),
        (
            shop.post(&adjust)
                .admin()
                .json(json!({"delta": -9, "reason": "x", "expected_version": 7})),
            409,
            "version_conflict",
        ),
        (
            shop.post(&adjust)
                .admin()
                .json(json!({"delta": -9, "reason": "x", "expected_version": 1})),
            409,
            "insufficient_stock",
        ),
        (
            shop.patch("/v1/products/nothing")
                .admin()
                .json(json!({"name": "x"})),
            404,
            "not_found",
        ),
    ];
    for (request, status, code) in rows {
        request.send().refused(status, code);
    }
    check(&level.read(), json!({"on_hand": 5, "version": 1}));
}

#[test]
fn answers_the_link_of_every_refusal() {
    let shop = shop();
    let level = shop.stocked(1);
    let hold = level.hold(1);
    level
        .post("release", json!({"reservation_id": hold}))
        .is(200);
    let confirm = level.post("confirm", json!({"reservation_id": hold}));
    for answer in [
        shop.get("/v1/nothing").send(),
        shop.put("/v1/products").send(),
        shop.get("/v1/api-keys").send(),
        shop.get("/v1/search?x=1").send(),
        shop.post("/v1/carts").text("application/json", "{").send(),
        shop.post("/v1/carts").text("text/plain", "{").send(),
        level.reserve(2),
        level.post("count", json!({"quantity": 1})),
        level.post("count", json!({"quantity": 1, "expected_version": 99})),
        confirm,
    ] {
        let problem = answer.json();
        let docs = problem["docs"].as_str().expect("a docs link");
        assert!(docs.starts_with('/'), "{docs} is a path");
        shop.get(docs).send().is(200);
    }
}

#[test]
fn outlives_bytes_that_are_no_http() {
    let shop = shop();
    let rows: [&[u8]; 8] = [
        b"\r\n\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/products HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /v1/products HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/pro\x00ducts HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ];
    for wire in rows {
        let mut closing = wire.to_vec();
        // A complete request behind it makes a server that skipped the bytes answer and hang up.
        closing.extend(b"GET /health/liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if let Some(answer) = exchange_raw(shop.address(), &closing) {
            assert!(answer.status < 500, "{}", answer.story());
        }
    }
    assert!(shop.process.alive());
    shop.get("/health/liveness").send().is(200);
}

#[test]
fn refuses_names_that_are_no_names() {
    let shop = shop();
    let long = "x".repeat(65);
    for id in [
        "a%20b",
        "a%2Fb",
        "%00",
        "%ff",
        "..%2f..%2fetc",
        "%27%3B--",
        &long,
    ] {
        for path in [
            format!("/v1/products/{id}"),
            format!("/v1/variants/{id}"),
            format!("/v1/stores/{id}"),
        ] {
            let answer = shop.get(&path).send();
            assert!((400..500).contains(&answer.status), "{}", answer.story());
            let problem = answer.json();
            answer.refused(answer.status, problem["code"].as_str().expect("a code"));
        }
    }
}

#[test]
fn an_absent_body_is_an_empty_object_where_nothing_is_required() {
    let shop = shop();
    let level = shop.stocked(5);
    let hold = level.hold(1);
    shop.post("/v1/carts").send().is(201);
    shop.post(&format!("/v1/reservations/{hold}/release"))
        .admin()
        .send()
        .is(200);
    let answer = shop.post("/v1/products").admin().send();
    answer.one_of(&[400, 422]);
}

#[test]
fn secrets_never_come_back() {
    let shop = shop();
    let answer: Value = shop
        .post("/v1/carts")
        .json(json!({"currency": "hunter2-secret-value"}))
        .send()
        .invalid("currency");
    assert_eq!(answer["status"], 422);
    let bad = "bad-key-3d1f0c8e";
    let answer = shop.get("/v1/api-keys").key(bad).send();
    answer.refused(401, "unauthenticated");
    assert!(!answer.text().contains(bad), "{}", answer.story());
    assert!(!shop.process.said().contains(bad), "a key is in the log");
    let cart = shop.cart();
    cart.read();
    assert!(
        !shop.process.said().contains(&cart.token),
        "a token is in the log"
    );
}

#[test]
fn judges_the_shape_before_it_hides_a_cart() {
    let shop = shop();
    let cart = shop.cart();
    // method, rest of the path, a body of the wrong shape
    let rows = [
        ("PATCH", "", json!({"country": "us"})),
        ("POST", "/lines", json!({"sku": "a", "quantity": 0})),
        ("POST", "/lines/batch", json!({"lines": []})),
        ("PUT", "/lines", json!({"rows": []})),
        ("PATCH", "/lines/ln_1", json!({"quantity": "1"})),
        ("DELETE", "/lines/ln_1", json!({"a": 1})),
        ("POST", "/lines/remove", json!({"line_ids": 1})),
        ("POST", "/clear", json!({"all": true})),
        ("POST", "/merge", json!({"strategy": "mix"})),
        ("DELETE", "", json!({"a": 1})),
    ];
    for (method, rest, body) in rows {
        for path in [cart.path(rest), format!("/v1/carts/nothing{rest}")] {
            let wrong = shop.request(method, &path).json(body.clone());
            wrong.send().refused(422, "invalid");
            let malformed = shop.request(method, &path).text("application/json", "{");
            malformed.send().refused(400, "malformed_json");
            let keyed = shop.request(method, &path).idempotency_key("my-key");
            keyed.json(body.clone()).send().refused(422, "invalid");
        }
    }
    for path in [cart.path(""), cart.path("/explain")] {
        shop.get(&format!("{path}?zz=1")).send().invalid("zz");
        shop.get(&path).send().refused(404, "not_found");
    }
    shop.get(&cart.path("?limit=201")).send().invalid("limit");
    let long = "k".repeat(256);
    for (key, status, code) in [
        (&*long, 400, "malformed_request"),
        ("my-key", 404, "not_found"),
    ] {
        let keyed = shop.post(&cart.path("/clear")).idempotency_key(key);
        keyed.send().refused(status, code);
    }
    let clear = shop.post(&cart.path("/clear")).token("wrong");
    clear.send().refused(404, "not_found");
}

#[test]
fn takes_no_encoded_body() {
    let shop = shop();
    let create = |encoding: &str| {
        let request = shop.post("/v1/carts").header("Content-Encoding", encoding);
        request.text("application/json", "{}").send()
    };
    create("gzip").refused(415, "unsupported_media_type");
    create("identity").is(201);
}

#[test]
fn gives_nothing_that_is_declined() {
    let shop = shop();
    let ask = |accept: &str| shop.get("/v1/stores").header("Accept", accept).send();
    for accept in ["application/json;q=0", "text/html, */*; q=0.0"] {
        ask(accept).refused(406, "not_acceptable");
    }
    ask("application/json;q=0.1").is(200);
}

#[test]
fn allows_head_where_it_allows_get() {
    let shop = shop();
    let allow = |path: &str| {
        let answer = shop.request("BREW", path).send();
        answer.refused(405, "method_not_allowed");
        answer.header("allow").unwrap_or_default().to_owned()
    };
    assert_eq!(allow("/v1/search"), "GET, HEAD");
    assert_eq!(allow("/v1/reservations"), "POST");
}
