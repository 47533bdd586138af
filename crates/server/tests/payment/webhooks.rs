//! Webhooks out of the simulator, and what the shop makes of them: signed, at least once, and as wrong as asked.

use crate::harness::{KEY, PATIENCE, configured, control, eventually, order, start_sim};
use cartwright_adapters::payment::Provider as Configured;
use cartwright_adapters::payment::webhook::{Hint, hint};
use cartwright_app::ports::payment::CardToken;
use cartwright_server::gateway_sim::Running;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[derive(Clone)]
struct Message {
    signature: String,
    body: Vec<u8>,
    taken: bool,
}

impl Message {
    fn hint(&self) -> Hint {
        hint(&self.body).expect("a message")
    }

    fn kind(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body["type"].as_str().expect("a type").to_owned()
    }
}

/// A shop's mailbox: answers 503 so many times, then 200.
#[derive(Clone, Default)]
struct Mailbox {
    messages: Arc<Mutex<Vec<Message>>>,
    busy: Arc<Mutex<u32>>,
}

impl Mailbox {
    async fn open(&self) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mailbox = self.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mailbox = mailbox.clone();
                let service = service_fn(move |request| mailbox.clone().take(request));
                connections.spawn(async move {
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        (address, serving)
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
        let header = request
            .headers()
            .get("webhook-signature")
            .expect("a signature");
        let signature = header.to_str().expect("text").to_owned();
        let body = request.into_body().collect().await?.to_bytes().to_vec();
        let taken = {
            let mut busy = self.busy.lock().expect("a number");
            let taken = *busy == 0;
            *busy = busy.saturating_sub(1);
            taken
        };
        self.messages.lock().expect("messages").push(Message {
            signature,
            body,
            taken,
        });
        let mut response = Response::new(String::new());
        if !taken {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    }

    fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("messages").clone()
    }

    async fn holds(&self, count: usize) -> Vec<Message> {
        eventually("messages arrive", || async {
            (self.messages().len() >= count).then(|| self.messages())
        })
        .await
    }
}

struct Scene {
    mailbox: Mailbox,
    running: Running,
    shop: Configured,
    _serving: JoinSet<()>,
    _dir: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let mailbox = Mailbox::default();
        let (address, serving) = mailbox.open().await;
        let (running, dir) = start_sim(Some(format!("http://{address}/v1/webhooks/a"))).await;
        let shop = configured("sim", running.address(), KEY, PATIENCE);
        Self {
            mailbox,
            running,
            shop,
            _serving: serving,
            _dir: dir,
        }
    }

    async fn authorize(&self, reference: &str) -> String {
        let request = order(reference, 500, CardToken("tok_visa".to_owned()));
        self.shop
            .gateway
            .authorize(&request, reference, PATIENCE)
            .await
            .expect("authorized")
            .id
    }

    async fn fault(&self, kind: &str, more: Value) {
        let mut fault = json!({"op": "webhook", "kind": kind, "count": 1});
        for (name, value) in more.as_object().into_iter().flatten() {
            fault[name] = value.clone();
        }
        control(self.running.address(), "/_sim/faults", fault).await;
    }

    fn signed(&self, message: &Message) -> bool {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        self.shop
            .signed(now.cast_signed(), &message.signature, &message.body)
    }
}

#[tokio::test]
async fn tells_each_effect_once_and_signed() {
    let scene = Scene::set().await;
    let id = scene.authorize("r1").await;
    scene
        .shop
        .gateway
        .capture(&id, "c")
        .await
        .expect("captured");
    scene
        .shop
        .gateway
        .refund(&id, crate::harness::usd(100), "f")
        .await
        .expect("refunded");
    let declined = order("r2", 500, CardToken("tok_expired".to_owned()));
    scene
        .shop
        .gateway
        .authorize(&declined, "r2", PATIENCE)
        .await
        .expect_err("declined");
    let messages = scene.mailbox.holds(4).await;
    let kinds: BTreeSet<_> = messages.iter().map(Message::kind).collect();
    let expected = [
        "payment.authorized",
        "payment.captured",
        "payment.declined",
        "payment.refunded",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    for message in &messages {
        assert!(scene.signed(message), "{}", message.signature);
        assert!(
            message
                .hint()
                .reference
                .is_some_and(|reference| reference.starts_with('r'))
        );
    }
    let ids: BTreeSet<_> = messages
        .iter()
        .map(|message| message.hint().event_id)
        .collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn tries_again_until_the_shop_takes_it() {
    let scene = Scene::set().await;
    *scene.mailbox.busy.lock().expect("a number") = 2;
    scene.authorize("r1").await;
    let messages = scene.mailbox.holds(3).await;
    assert_eq!(
        messages
            .iter()
            .map(|message| message.taken)
            .collect::<Vec<_>>(),
        [false, false, true]
    );
    let ids: BTreeSet<_> = messages
        .iter()
        .map(|message| message.hint().event_id)
        .collect();
    assert_eq!(ids.len(), 1, "the same id each time");
}

#[tokio::test]
async fn goes_wrong_as_asked() {
    let scene = Scene::set().await;
    scene.fault("duplicate", json!({})).await;
    scene.authorize("twice").await;
    let messages = scene.mailbox.holds(2).await;
    assert_eq!(messages[0].body, messages[1].body);

    scene.fault("reorder", json!({"delay_ms": 20_000})).await;
    scene.authorize("second").await;
    scene.authorize("first").await;
    let messages = scene.mailbox.holds(4).await;
    let order: Vec<_> = messages[2..]
        .iter()
        .filter_map(|message| message.hint().reference)
        .collect();
    assert_eq!(order, ["first", "second"]);

    scene.fault("bad_signature", json!({})).await;
    scene.authorize("forged").await;
    let messages = scene.mailbox.holds(5).await;
    assert!(messages[..4].iter().all(|message| scene.signed(message)));
    assert!(!scene.signed(&messages[4]));

    scene.fault("delay", json!({"delay_ms": 300})).await;
    let asked = SystemTime::now();
    scene.authorize("late").await;
    scene.mailbox.holds(6).await;
    assert!(asked.elapsed().expect("time goes on") >= Duration::from_millis(300));
}

#[tokio::test]
async fn sends_again_what_was_dropped_when_asked() {
    let scene = Scene::set().await;
    scene.fault("drop", json!({"cart_id": "cart-lost"})).await;
    scene.authorize("lost").await;
    scene.authorize("kept").await;
    let messages = scene.mailbox.holds(1).await;
    assert_eq!(messages[0].hint().reference.as_deref(), Some("kept"));
    let kept = messages[0].hint().event_id;
    let resent = control(
        scene.running.address(),
        "/_sim/webhooks/resend",
        json!({"event_id": kept}),
    )
    .await;
    assert_eq!(resent, json!({"resent": 1}));
    let messages = scene.mailbox.holds(2).await;
    assert_eq!(messages[1].hint().event_id, kept);
    let resent = control(scene.running.address(), "/_sim/webhooks/resend", json!({})).await;
    assert_eq!(resent, json!({"resent": 2}));
    let messages = scene.mailbox.holds(4).await;
    let references: BTreeSet<_> = messages[2..]
        .iter()
        .filter_map(|message| message.hint().reference)
        .collect();
    assert_eq!(references, ["kept", "lost"].map(str::to_owned).into());
}
