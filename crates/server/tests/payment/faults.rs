//! What goes wrong on purpose: what is told, what is in the ledger, and what the same key brings.

use crate::harness::{
    KEY, PATIENCE, Provider, WEBHOOK_SECRET, configured, control, eventually, order, request, rows,
    start_sim, temp_dir, usd,
};
use cartwright_adapters::http::{HttpClient, HttpFailure};
use cartwright_app::ports::payment::{GatewayError, PaymentState};
use cartwright_server::gateway_sim::{self, Options};
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// One authorization; its status, or `None` when no reply came.
async fn authorize(
    address: SocketAddr,
    reference: &str,
    token: &str,
    patience: Duration,
) -> Option<(u16, Value)> {
    let body = json!({"reference": reference, "amount": usd(500), "token": token, "metadata": {"cart_id": format!("cart-{reference}")}});
    let request = Request::post(format!("http://{address}/payments"))
        .header("authorization", format!("Bearer {KEY}"))
        .header("idempotency-key", format!("{reference}:authorize"))
        .body(Full::from(body.to_string()))
        .expect("a request");
    match HttpClient::new().send(request, patience).await {
        Ok(reply) => Some((
            reply.status,
            serde_json::from_slice(&reply.body).expect("JSON"),
        )),
        Err(HttpFailure::Unknown(_)) => None,
        Err(HttpFailure::NotSent(text)) => panic!("not sent: {text}"),
    }
}

async fn effects(address: SocketAddr, reference: &str) -> usize {
    let rows = rows(address, "/_sim/ledger").await;
    rows.iter()
        .filter(|row| row["reference"] == reference)
        .count()
}

#[tokio::test]
async fn each_kind_tells_and_books_as_the_page_says() {
    let (running, _dir) = start_sim(None).await;
    let address = running.address();
    // Kind; what the first call is told; effects after it; what the same key brings; effects then.
    let table = [
        ("delay", Some(201), 1, Some(201), 1),
        ("error_before", Some(500), 0, Some(201), 1),
        ("error_after", Some(500), 1, Some(201), 1),
        ("close_before", None, 0, Some(201), 1),
        ("close_after", None, 1, Some(201), 1),
        ("hang_before", None, 0, Some(201), 1),
        ("hang_after", None, 1, Some(201), 1),
        ("decline", Some(402), 0, Some(402), 0),
        ("forget_key", Some(201), 1, Some(201), 2),
        ("lie_ok", Some(201), 0, Some(201), 1),
        ("lie_fail", Some(402), 1, Some(201), 1),
    ];
    for (kind, told, booked, told_again, booked_then) in table {
        let fault = json!({"op": "authorize", "kind": kind, "count": 1, "delay_ms": 20, "cart_id": format!("cart-{kind}")});
        let fault = control(address, "/_sim/faults", fault).await;
        assert_eq!(fault["hits"], 0);
        let patience = if kind.starts_with("hang") {
            Duration::from_millis(400)
        } else {
            PATIENCE
        };
        // Another cart's payment is not struck.
        let other = format!("other-{kind}");
        assert_eq!(
            authorize(address, &other, "tok_visa", PATIENCE)
                .await
                .map(|(status, _)| status),
            Some(201)
        );

        let first = authorize(address, kind, "tok_visa", patience).await;
        assert_eq!(first.map(|(status, _)| status), told, "{kind}");
        assert_eq!(effects(address, kind).await, booked, "{kind}");
        let again = authorize(address, kind, "tok_visa", PATIENCE).await;
        assert_eq!(again.map(|(status, _)| status), told_again, "{kind}, again");
        assert_eq!(effects(address, kind).await, booked_then, "{kind}, again");

        let calls = rows(address, "/_sim/calls").await;
        let calls: Vec<_> = calls
            .iter()
            .filter(|call| call["reference"] == kind)
            .collect();
        assert_eq!(calls.len(), 2, "{kind}");
        assert_eq!(
            (&calls[0]["fault"], &calls[0]["fault_id"]),
            (&json!(kind), &fault["id"])
        );
        assert_eq!(calls[0]["status"], json!(told), "{kind}");
        let replays = booked == booked_then && kind != "lie_ok";
        assert_eq!(
            (&calls[1]["fault"], &calls[1]["replayed"]),
            (&Value::Null, &json!(replays)),
            "{kind}"
        );
    }
    let listed = request(
        Method::GET,
        format!("http://{address}/_sim/faults"),
        "-",
        &Value::Null,
    )
    .await;
    let listed: Value = serde_json::from_slice(&listed.body).expect("JSON");
    let faults = listed["items"].as_array().expect("items");
    assert_eq!(faults.len(), table.len());
    assert!(faults.iter().all(|fault| fault["hits"] == 1), "{faults:?}");
}

#[tokio::test]
async fn captures_voids_and_refunds_go_wrong_too() {
    let provider = Provider::sim().await;
    let (gateway, address) = (&provider.gateway, provider.address);
    for (kind, booked) in [
        ("close_after", 1),
        ("close_before", 0),
        ("lie_ok", 0),
        ("lie_fail", 1),
    ] {
        for op in ["capture", "void", "refund"] {
            let reference = format!("{kind}-{op}");
            let payment = gateway
                .authorize(
                    &order(&reference, 500, provider.token("visa")),
                    &reference,
                    PATIENCE,
                )
                .await
                .expect("authorized");
            if op == "refund" {
                gateway
                    .capture(&payment.id, &format!("{reference}-first"))
                    .await
                    .expect("captured");
            }
            let before = effects(address, &reference).await;
            control(
                address,
                "/_sim/faults",
                json!({"op": op, "kind": kind, "count": 1}),
            )
            .await;
            let key = format!("{reference}-key");
            let call = || async {
                match op {
                    "capture" => gateway.capture(&payment.id, &key).await,
                    "void" => gateway.void(&payment.id, &key).await,
                    _ => gateway.refund(&payment.id, usd(500), &key).await,
                }
            };
            match (kind, call().await) {
                ("lie_ok", Ok(_)) | ("lie_fail", Err(GatewayError::Declined { .. })) => {}
                ("close_after" | "close_before", Err(GatewayError::Unknown(_))) => {}
                (_, answer) => panic!("{reference}: {answer:?}"),
            }
            assert_eq!(
                effects(address, &reference).await - before,
                booked,
                "{reference}"
            );
            call().await.expect("the same key settles it");
            assert_eq!(
                effects(address, &reference).await - before,
                1,
                "{reference}"
            );
        }
    }
}

#[tokio::test]
async fn tokens_are_cards_with_manners() {
    let (running, _dir) = start_sim(None).await;
    let address = running.address();
    let silent = authorize(
        address,
        "silent",
        "tok_timeout_after_success",
        Duration::from_millis(400),
    )
    .await;
    assert_eq!(silent, None);
    assert_eq!(effects(address, "silent").await, 1);
    let (status, payment) = authorize(address, "silent", "tok_timeout_after_success", PATIENCE)
        .await
        .expect("a reply");
    assert_eq!((status, &payment["state"]), (201, &json!("authorized")));
    assert_eq!(effects(address, "silent").await, 1);

    // Given up by the caller, booked all the same; then nothing is slow any more.
    let slow = authorize(address, "slow", "tok_slow", Duration::from_millis(50)).await;
    assert_eq!((slow, effects(address, "slow").await), (None, 0));
    eventually("the slow card books", || async {
        (effects(address, "slow").await == 1).then_some(())
    })
    .await;
    assert_eq!(
        authorize(address, "slow", "tok_slow", PATIENCE)
            .await
            .map(|(status, _)| status),
        Some(201)
    );
    assert_eq!(effects(address, "slow").await, 1);
}

#[tokio::test]
async fn a_void_by_reference_bars_what_is_still_on_its_way() {
    let provider = Provider::sim().await;
    let address = provider.address;
    control(
        address,
        "/_sim/faults",
        json!({"op": "authorize", "kind": "delay", "delay_ms": 700, "count": 1}),
    )
    .await;
    let hasty = provider.asked(KEY, Duration::from_millis(50));
    let late = order("late", 500, provider.token("visa"));
    let answer = hasty.authorize(&late, "late:authorize", PATIENCE).await;
    assert!(
        matches!(answer, Err(GatewayError::Unknown(_))),
        "{answer:?}"
    );
    assert_eq!(
        provider.gateway.void_reference("late", "late:void").await,
        Ok(None)
    );
    let arrived = eventually("the late call arrives", || async {
        let calls = rows(address, "/_sim/calls").await;
        calls.into_iter().find(|call| call["op"] == "authorize")
    })
    .await;
    assert_eq!(
        (&arrived["status"], &arrived["fault"]),
        (&json!(409), &json!("delay"))
    );
    assert_eq!(effects(address, "late").await, 0);
    let again = provider
        .gateway
        .authorize(&late, "late:authorize", PATIENCE)
        .await;
    let barred = Err(GatewayError::Refused {
        code: "reference_voided".into(),
        state: Some(PaymentState::Voided),
    });
    assert_eq!(again, barred);
}

#[tokio::test]
async fn a_lookup_can_miss_fail_and_lag_while_the_ledger_is_right() {
    let provider = Provider::sim().await;
    let gateway = &provider.gateway;
    let payment = gateway
        .authorize(&order("r1", 500, provider.token("visa")), "r1", PATIENCE)
        .await
        .expect("authorized");
    let fault =
        |kind: &str| json!({"op": "lookup", "kind": kind, "count": 1, "cart_id": "cart-r1"});
    control(provider.address, "/_sim/faults", fault("lookup_missing")).await;
    assert_eq!(gateway.find("r1").await, Ok(None));
    control(provider.address, "/_sim/faults", fault("error_before")).await;
    assert!(matches!(
        gateway.find("r1").await,
        Err(GatewayError::Unknown(_))
    ));
    assert_eq!(gateway.find("r1").await, Ok(Some(payment)));
}

#[tokio::test]
async fn a_forgotten_key_makes_two_payments_of_one_reference_and_both_are_found() {
    let provider = Provider::sim().await;
    let gateway = &provider.gateway;
    let request = order("r1", 500, provider.token("visa"));
    let first = gateway
        .authorize(&request, "k", PATIENCE)
        .await
        .expect("authorized");
    control(
        provider.address,
        "/_sim/faults",
        json!({"op": "authorize", "kind": "forget_key", "count": 1}),
    )
    .await;
    let second = gateway
        .authorize(&request, "k", PATIENCE)
        .await
        .expect("authorized");
    assert_ne!(first.id, second.id);
    let found = gateway.find_all("r1").await.expect("found");
    assert_eq!(
        found.iter().map(|payment| &payment.id).collect::<Vec<_>>(),
        [&first.id, &second.id]
    );
    gateway.capture(&second.id, "c").await.expect("captured");
    let matters = gateway.find("r1").await.expect("found").expect("a payment");
    assert_eq!(matters.id, second.id, "what took money matters most");
    let refused = gateway
        .void_reference("r1", "v")
        .await
        .expect_err("money was taken");
    assert!(
        matches!(
            refused,
            GatewayError::Refused {
                state: Some(PaymentState::Captured),
                ..
            }
        ),
        "{refused:?}"
    );
    let states: Vec<_> = gateway
        .find_all("r1")
        .await
        .expect("found")
        .iter()
        .map(|payment| payment.state)
        .collect();
    assert_eq!(
        states,
        [PaymentState::Voided, PaymentState::Captured],
        "what was only held is let go"
    );
}

#[tokio::test]
async fn faults_go_with_a_restart_and_money_stays() {
    let dir = temp_dir();
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.path().to_owned(),
        key: KEY.to_owned(),
        webhook_url: None,
        webhook_secret: WEBHOOK_SECRET.to_owned(),
    };
    let running = gateway_sim::start(options.clone()).await.expect("starts");
    let second = gateway_sim::start(options.clone())
        .await
        .expect_err("one at a time");
    assert!(second.to_string().contains("in use"), "{second}");
    let gateway = configured("sim", running.address(), KEY, PATIENCE).gateway;
    let request = order(
        "r1",
        500,
        cartwright_app::ports::payment::CardToken("tok_visa".to_owned()),
    );
    let payment = gateway
        .authorize(&request, "k", PATIENCE)
        .await
        .expect("authorized");
    gateway.void_reference("r2", "v").await.expect("barred");
    control(
        running.address(),
        "/_sim/faults",
        json!({"op": "any", "kind": "hang_before"}),
    )
    .await;
    running.stop().await;

    let running = gateway_sim::start(options).await.expect("starts again");
    let gateway = configured("sim", running.address(), KEY, PATIENCE).gateway;
    assert_eq!(
        gateway.authorize(&request, "k", PATIENCE).await,
        Ok(payment)
    );
    assert_eq!(effects(running.address(), "r1").await, 1);
    let barred = order(
        "r2",
        500,
        cartwright_app::ports::payment::CardToken("tok_visa".to_owned()),
    );
    assert!(matches!(
        gateway.authorize(&barred, "k2", PATIENCE).await,
        Err(GatewayError::Refused { .. })
    ));
}

#[tokio::test]
async fn refuses_what_it_does_not_understand() {
    let (running, _dir) = start_sim(None).await;
    let base = format!("http://{}", running.address());
    let good = json!({"reference": "r", "amount": usd(5), "token": "tok_visa"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let rows = [
        (Method::POST, "/payments", with("amount", json!(5)), 422),
        (
            Method::POST,
            "/payments",
            with("amount", json!({"amount": 0, "currency": "USD"})),
            422,
        ),
        (
            Method::POST,
            "/payments",
            with("amount", json!({"amount": 5, "currency": "usd"})),
            422,
        ),
        (Method::POST, "/payments", with("more", json!(1)), 422),
        (Method::POST, "/payments", with("reference", json!("")), 422),
        (
            Method::POST,
            "/payments",
            with("metadata", json!({"x": "y".repeat(5000)})),
            422,
        ),
        (
            Method::POST,
            "/payments",
            json!({"reference": "r".repeat(70_000)}),
            413,
        ),
        (Method::POST, "/payments", json!("no object"), 422),
        (
            Method::POST,
            "/payments/x/void",
            json!({"amount": usd(5)}),
            422,
        ),
        (
            Method::POST,
            "/payments/x/refund",
            json!({"amount": usd(-5)}),
            422,
        ),
        (Method::POST, "/payments/x/capture", Value::Null, 404),
        (Method::POST, "/payments/x/explode", Value::Null, 404),
        (Method::PUT, "/payments", Value::Null, 405),
        (Method::GET, "/payments?limit=0", Value::Null, 422),
        (Method::GET, "/payments?after=nobody", Value::Null, 422),
        (Method::GET, "/_sim/ledger?after=x", Value::Null, 422),
        (Method::DELETE, "/_sim/faults/flt_9", Value::Null, 404),
        (
            Method::POST,
            "/_sim/faults",
            json!({"op": "webhook", "kind": "decline"}),
            422,
        ),
        (
            Method::POST,
            "/_sim/webhooks/resend",
            json!({"event_id": "evt_none"}),
            404,
        ),
        (Method::GET, "/", Value::Null, 404),
    ];
    for (method, path, body, status) in rows {
        let reply = request(method.clone(), format!("{base}{path}"), "k", &body).await;
        let text = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, status, "{method} {path} {text}");
        let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert!(said["code"].is_string(), "{method} {path} {text}");
    }
}
