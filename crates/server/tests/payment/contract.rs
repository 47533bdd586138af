//! What every technology of the payment port promises.

use crate::harness::{KEY, PATIENCE, Provider, configured, order, usd};
use cartwright_app::ports::payment::{GatewayError, GatewayPayment, PaymentState};
use std::time::Duration;

/// So short that a call that hangs is given up soon.
const SHORT: Duration = Duration::from_millis(300);

async fn authorized(provider: &Provider, reference: &str, minor: i64) -> GatewayPayment {
    let request = order(reference, minor, provider.token("visa"));
    let key = format!("{reference}:authorize");
    let payment = provider
        .gateway
        .authorize(&request, &key, PATIENCE)
        .await
        .expect("authorized");
    assert_eq!(payment.state, PaymentState::Authorized);
    payment
}

fn state_of(error: GatewayError) -> Option<PaymentState> {
    match error {
        GatewayError::Refused { state, .. } => state,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn holds_takes_and_returns_money(provider: &Provider) {
    let gateway = &provider.gateway;
    let payment = authorized(provider, "r1", 1299).await;
    assert_eq!(
        (payment.reference.as_str(), payment.amount),
        ("r1", usd(1299))
    );
    assert_eq!((payment.captured, payment.refunded), (usd(0), usd(0)));
    assert_eq!(
        payment.card.as_ref().map(|card| card.last4.as_str()),
        Some("4242")
    );
    let id = payment.id.as_str();

    let captured = gateway.capture(id, "r1:capture").await.expect("captured");
    assert_eq!(
        (captured.state, captured.captured),
        (PaymentState::Captured, usd(1299))
    );
    let again = gateway
        .capture(id, "r1:capture-2")
        .await
        .expect_err("taken once");
    assert_eq!(state_of(again), Some(PaymentState::Captured));
    let void = gateway
        .void(id, "r1:void")
        .await
        .expect_err("taken money is not released");
    assert_eq!(state_of(void), Some(PaymentState::Captured));

    let part = gateway
        .refund(id, usd(300), "f1:refund")
        .await
        .expect("refunded");
    assert_eq!(
        (part.state, part.refunded),
        (PaymentState::Captured, usd(300))
    );
    let same = gateway
        .refund(id, usd(300), "f1:refund")
        .await
        .expect("refunded once");
    assert_eq!(same.refunded, usd(300));
    let beyond = gateway
        .refund(id, usd(1000), "f2:refund")
        .await
        .expect_err("more than is left");
    assert!(matches!(beyond, GatewayError::Refused { .. }), "{beyond:?}");
    let rest = gateway
        .refund(id, usd(999), "f3:refund")
        .await
        .expect("refunded");
    assert_eq!(rest.refunded, usd(1299));
    assert_eq!(gateway.find("r1").await, Ok(Some(rest)));
}

pub(crate) async fn releases_what_it_held(provider: &Provider) {
    let gateway = &provider.gateway;
    let payment = authorized(provider, "r1", 500).await;
    let voided = gateway.void(&payment.id, "r1:void").await.expect("voided");
    assert_eq!(
        (voided.state, voided.captured, voided.refunded),
        (PaymentState::Voided, usd(0), usd(0))
    );
    assert_eq!(gateway.void(&payment.id, "r1:void").await, Ok(voided));
    let capture = gateway
        .capture(&payment.id, "r1:capture")
        .await
        .expect_err("nothing is held");
    assert_eq!(state_of(capture), Some(PaymentState::Voided));
    let refund = gateway
        .refund(&payment.id, usd(1), "f1:refund")
        .await
        .expect_err("nothing was taken");
    assert!(matches!(refund, GatewayError::Refused { .. }), "{refund:?}");
}

pub(crate) async fn tells_why_a_card_was_declined(provider: &Provider) {
    let rows = [
        ("declined", "declined"),
        ("expired", "expired_card"),
        ("insufficient_funds", "insufficient_funds"),
        ("never_heard_of", "declined"),
    ];
    for (card, code) in rows {
        let request = order(card, 100, provider.token(card));
        for _ in 0..2 {
            let declined = provider.gateway.authorize(&request, card, PATIENCE).await;
            assert_eq!(
                declined,
                Err(GatewayError::Declined { code: code.into() }),
                "{card}"
            );
        }
        let found = provider.gateway.find_all(card).await.expect("found");
        assert!(
            found
                .iter()
                .all(|payment| payment.state == PaymentState::Declined),
            "{found:?}"
        );
    }
}

pub(crate) async fn does_the_same_key_once(provider: &Provider) {
    let first = authorized(provider, "r1", 700).await;
    for _ in 0..3 {
        assert_eq!(authorized(provider, "r1", 700).await.id, first.id);
    }
    let request = order("r2", 800, provider.token("visa"));
    let at_once = (0..8).map(|_| {
        provider
            .gateway
            .authorize(&request, "r2:authorize", PATIENCE)
    });
    for answer in futures_util::future::join_all(at_once).await {
        assert_eq!(answer.expect("authorized").amount, usd(800));
    }
    for reference in ["r1", "r2"] {
        let found = provider.gateway.find_all(reference).await.expect("found");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

pub(crate) async fn voids_by_reference(provider: &Provider) {
    let gateway = &provider.gateway;
    let payment = authorized(provider, "r1", 700).await;
    let voided = gateway
        .void_reference("r1", "r1:void")
        .await
        .expect("voided")
        .expect("a payment");
    assert_eq!(
        (voided.id, voided.state),
        (payment.id, PaymentState::Voided)
    );
    let again = gateway
        .void_reference("r1", "r1:void")
        .await
        .expect("voided")
        .expect("a payment");
    assert_eq!(again.state, PaymentState::Voided);

    let taken = authorized(provider, "r2", 700).await;
    gateway
        .capture(&taken.id, "r2:capture")
        .await
        .expect("captured");
    let refused = gateway
        .void_reference("r2", "r2:void")
        .await
        .expect_err("taken");
    assert_eq!(state_of(refused), Some(PaymentState::Captured));

    assert_eq!(gateway.void_reference("r3", "r3:void").await, Ok(None));
    let late = order("r3", 700, provider.token("visa"));
    let late = gateway.authorize(&late, "r3:authorize", PATIENCE).await;
    if gateway.bars_references() {
        assert_eq!(
            state_of(late.expect_err("barred")),
            Some(PaymentState::Voided)
        );
        assert_eq!(gateway.find("r3").await, Ok(None));
    } else {
        assert_eq!(late.expect("authorized").state, PaymentState::Authorized);
    }
}

pub(crate) async fn knows_no_payment_that_it_never_made(provider: &Provider) {
    let gateway = &provider.gateway;
    assert_eq!(
        gateway.capture("nope/1", "k1").await,
        Err(GatewayError::NotFound)
    );
    assert_eq!(
        gateway.void("nope/1", "k2").await,
        Err(GatewayError::NotFound)
    );
    assert_eq!(
        gateway.refund("nope/1", usd(1), "k3").await,
        Err(GatewayError::NotFound)
    );
    assert_eq!(gateway.find("nope' OR 'x'='x").await, Ok(None));
}

pub(crate) async fn refuses_another_payment_under_the_same_key(provider: &Provider) {
    authorized(provider, "r1", 700).await;
    let other = order("r1", 701, provider.token("visa"));
    let refused = provider
        .gateway
        .authorize(&other, "r1:authorize", PATIENCE)
        .await;
    let code = "idempotency_key_reused".into();
    assert_eq!(refused, Err(GatewayError::Refused { code, state: None }));
    assert_eq!(
        provider.gateway.find_all("r1").await.expect("found").len(),
        1
    );
}

/// Every way of losing an answer, before and after the effect: never "not done", and the same key settles it with one effect.
pub(crate) async fn says_unknown_when_it_may_have_been_done(provider: &Provider) {
    let hasty = provider.asked(KEY, SHORT);
    for kind in [
        "error_before",
        "error_after",
        "close_before",
        "close_after",
        "hang_before",
        "hang_after",
    ] {
        // Stripe keeps the failure itself under the key; then only the lookup tells.
        let settled_by_key = !(provider.is_stripe() && kind.starts_with("error"));
        let gateway = if kind.starts_with("hang") {
            &hasty
        } else {
            &provider.gateway
        };
        let request = order(kind, 900, provider.token("visa"));
        let key = |what: &str| format!("{kind}:{what}");

        provider.fault("authorize", kind).await;
        let lost = gateway
            .authorize(&request, &key("authorize"), PATIENCE)
            .await;
        assert!(
            lost.as_ref().is_err_and(GatewayError::may_have_acted),
            "{kind}: {lost:?}"
        );
        let after = kind.ends_with("after");
        assert_eq!(
            provider.gateway.find_all(kind).await.expect("found").len(),
            usize::from(after),
            "{kind}"
        );
        let retry = if settled_by_key {
            key("authorize")
        } else {
            key("authorize-2")
        };
        let payment = match provider.gateway.find(kind).await.expect("found") {
            Some(found) if !settled_by_key => found,
            _ => provider
                .gateway
                .authorize(&request, &retry, PATIENCE)
                .await
                .expect("authorized"),
        };
        let found = provider.gateway.find_all(kind).await.expect("found");
        assert_eq!(found.len(), 1, "{kind}: {found:?}");

        provider.fault("capture", kind).await;
        let lost = gateway.capture(&payment.id, &key("capture")).await;
        assert!(
            lost.as_ref().is_err_and(GatewayError::may_have_acted),
            "{kind}: {lost:?}"
        );
        let found = provider
            .gateway
            .find(kind)
            .await
            .expect("found")
            .expect("a payment");
        assert_eq!(found.state == PaymentState::Captured, after, "{kind}");
        if settled_by_key {
            let captured = provider
                .gateway
                .capture(&payment.id, &key("capture"))
                .await
                .expect("captured");
            assert_eq!(captured.captured, usd(900), "{kind}");
        }
    }
}

pub(crate) async fn says_not_sent_when_nobody_listens(provider: &Provider) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let nobody = listener.local_addr().expect("an address");
    drop(listener);
    let scheme = if provider.is_stripe() {
        "stripe"
    } else {
        "sim"
    };
    let gateway = configured(scheme, nobody, KEY, PATIENCE).gateway;
    let request = order("r1", 100, provider.token("visa"));
    let answer = gateway.authorize(&request, "r1:authorize", PATIENCE).await;
    assert!(
        matches!(answer, Err(GatewayError::NotSent(_))),
        "{answer:?}"
    );
    let answer = gateway.find("r1").await;
    assert!(
        matches!(answer, Err(GatewayError::NotSent(_))),
        "{answer:?}"
    );
}

pub(crate) async fn says_misconfigured_for_a_wrong_key(provider: &Provider) {
    let stranger = provider.asked("wrong", PATIENCE);
    let request = order("r1", 100, provider.token("visa"));
    let answers = [
        stranger
            .authorize(&request, "r1:authorize", PATIENCE)
            .await
            .err(),
        stranger.capture("x", "k").await.err(),
        stranger.find("r1").await.err(),
        stranger.list(None, 10).await.err(),
    ];
    for answer in answers {
        assert!(
            matches!(answer, Some(GatewayError::Misconfigured(_))),
            "{answer:?}"
        );
    }
    assert_eq!(provider.gateway.find("r1").await, Ok(None));
}

pub(crate) async fn lists_all_payments_in_pages(provider: &Provider) {
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(
            authorized(provider, &format!("r{number}"), 100 + number)
                .await
                .id,
        );
    }
    let mut listed = Vec::new();
    let mut after = None;
    for _ in 0..10 {
        let page = provider
            .gateway
            .list(after.as_deref(), 3)
            .await
            .expect("a page");
        assert!(page.payments.len() <= 3);
        listed.extend(page.payments.into_iter().map(|payment| payment.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if provider.is_stripe() {
        listed.reverse();
    }
    assert_eq!(listed, made);
}

/// A provider that answers with somebody else's payment.
pub(crate) async fn believes_no_reply_about_something_else(provider: &Provider) {
    let impostor = crate::stripe_shaped::Impostor::start().await;
    let scheme = if provider.is_stripe() {
        "stripe"
    } else {
        "sim"
    };
    let gateway = configured(scheme, impostor.address(), KEY, PATIENCE).gateway;
    let request = order("mine", 100, provider.token("visa"));
    for body in impostor.bodies(scheme) {
        impostor.say(&body);
        let answers = [
            gateway.authorize(&request, "k1", PATIENCE).await.err(),
            gateway.capture("mine", "k2").await.err(),
            gateway.void("mine", "k3").await.err(),
            gateway.refund("mine", usd(5), "k4").await.err(),
        ];
        for answer in answers {
            assert!(
                matches!(answer, Some(GatewayError::Unknown(_))),
                "{body}: {answer:?}"
            );
        }
    }
}
