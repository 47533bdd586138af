//! A small endpoint with the shapes and manners of Stripe's PaymentIntents API, and one that answers whatever it is told.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Fields = BTreeMap<String, String>;

/// What was answered to a key: of which request, and how.
type Kept = (String, u16, Value);

#[derive(Default)]
struct Books {
    /// Newest last.
    intents: Vec<Value>,
    keys: HashMap<String, Kept>,
    faults: Vec<(String, String)>,
}

/// The endpoint.
pub(crate) struct StripeShaped {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    _serving: JoinSet<()>,
}

#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

enum Told {
    Reply(u16, Value),
    Close,
    Hang,
}

fn error(status: u16, mut error: Value, kind: &str) -> (u16, Value) {
    error["type"] = json!(kind);
    (status, json!({"error": error}))
}

fn fields(text: &str) -> Fields {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .expect("UTF-8")
            .into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Serves `answer` on a free port until dropped.
async fn serve<F, A>(answer: F) -> (SocketAddr, JoinSet<()>)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Full<Bytes>>, Closed>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(answer.clone());
            connections.spawn(async move {
                // A connection that ends early is what some tests are about.
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

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    response
}

impl StripeShaped {
    pub(crate) async fn start(key: &'static str) -> Self {
        let books = Arc::new(Mutex::new(Books::default()));
        let shared = books.clone();
        let (address, serving) = serve(move |request| {
            let books = shared.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
                let header = |name: &str| {
                    head.headers
                        .get(name)
                        .map(|value| value.to_str().expect("text").to_owned())
                };
                if header("authorization") != Some(format!("Bearer {key}")) {
                    let (status, body) = error(
                        401,
                        json!({"message": "Invalid API Key"}),
                        "invalid_request_error",
                    );
                    return Ok(reply(status, &body));
                }
                assert!(
                    header("stripe-version").is_some(),
                    "every request names its version"
                );
                let body = String::from_utf8(body.to_vec()).expect("a form");
                if !body.is_empty() {
                    assert_eq!(
                        header("content-type").as_deref(),
                        Some("application/x-www-form-urlencoded")
                    );
                }
                let path = head.uri.path().to_owned();
                let query = head.uri.query().unwrap_or_default().to_owned();
                let told = {
                    let mut books = books.lock().expect("the books");
                    books.meet(
                        &head.method,
                        &path,
                        &query,
                        &body,
                        header("idempotency-key"),
                    )
                };
                match told {
                    Told::Reply(status, body) => Ok(reply(status, &body)),
                    Told::Close => Err(Closed),
                    Told::Hang => std::future::pending().await,
                }
            }
        })
        .await;
        Self {
            address,
            books,
            _serving: serving,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next call of this kind goes wrong so.
    pub(crate) fn fault(&self, op: &str, kind: &str) {
        self.books
            .lock()
            .expect("the books")
            .faults
            .push((op.to_owned(), kind.to_owned()));
    }
}

impl Books {
    fn strike(&mut self, op: &str) -> Option<String> {
        let at = self.faults.iter().position(|(wanted, _)| wanted == op)?;
        Some(self.faults.remove(at).1)
    }

    fn meet(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        body: &str,
        key: Option<String>,
    ) -> Told {
        let segments: Vec<_> = path.split('/').skip(2).collect();
        let op = match segments.as_slice() {
            ["payment_intents"] if *method == Method::POST => "authorize",
            [.., "capture"] => "capture",
            _ => "other",
        };
        let fault = self.strike(op);
        match fault.as_deref() {
            Some("close_before") => return Told::Close,
            Some("hang_before") => return Told::Hang,
            _ => {}
        }
        let request = format!("{method} {path} {body}");
        if let Some(kept) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if kept.0 != request {
                let (status, body) = error(
                    400,
                    json!({"message": "Keys for idempotent requests can only be used with the same parameters"}),
                    "idempotency_error",
                );
                return Told::Reply(status, body);
            }
            return Told::Reply(kept.1, kept.2.clone());
        }
        let broken = || {
            error(
                500,
                json!({"message": "An unknown error occurred"}),
                "api_error",
            )
        };
        let (mut status, mut answer) = match fault.as_deref() {
            Some("error_before") => broken(),
            _ => self.act(method, &segments, &fields(query), &fields(body)),
        };
        if fault.as_deref() == Some("error_after") {
            (status, answer) = broken();
        }
        if let Some(key) = key.filter(|_| *method == Method::POST) {
            self.keys.insert(key, (request, status, answer.clone()));
        }
        match fault.as_deref() {
            Some("close_after") => Told::Close,
            Some("hang_after") => Told::Hang,
            _ => Told::Reply(status, answer),
        }
    }

    fn act(
        &mut self,
        method: &Method,
        segments: &[&str],
        query: &Fields,
        form: &Fields,
    ) -> (u16, Value) {
        let post = *method == Method::POST;
        match segments {
            ["payment_intents"] if post => self.create(form),
            ["payment_intents"] => (200, self.list(query)),
            ["payment_intents", "search"] => (200, self.search(query)),
            ["payment_intents", id] => match self.find(id) {
                Some(intent) => (200, intent.clone()),
                None => missing(),
            },
            ["payment_intents", id, "capture"] if post => self.end(id, "succeeded"),
            ["payment_intents", id, "cancel"] if post => self.end(id, "canceled"),
            ["refunds"] if post => self.refund(form),
            _ => error(
                404,
                json!({"message": "Unrecognized request URL"}),
                "invalid_request_error",
            ),
        }
    }

    fn find(&mut self, id: &str) -> Option<&mut Value> {
        self.intents.iter_mut().find(|intent| intent["id"] == id)
    }

    fn create(&mut self, form: &Fields) -> (u16, Value) {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        assert_eq!(
            (field("capture_method").as_str(), field("confirm").as_str()),
            ("manual", "true")
        );
        let amount: i64 = field("amount").parse().expect("an amount");
        let id = format!("pi_{}", self.intents.len() + 1);
        let mut metadata = serde_json::Map::new();
        for name in ["reference", "checkout_id", "cart_id"] {
            metadata.insert(name.to_owned(), json!(field(&format!("metadata[{name}]"))));
        }
        let mut intent = json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_received": 0, "amount_capturable": amount,
            "currency": field("currency"), "status": "requires_capture", "capture_method": "manual", "metadata": metadata,
            "last_payment_error": null,
            "latest_charge": {"id": format!("ch_{id}"), "amount_refunded": 0,
                "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}}},
        });
        let refusal = match field("payment_method").as_str() {
            "pm_card_visa" => {
                self.intents.push(intent.clone());
                return (200, intent);
            }
            "pm_card_declined" => {
                json!({"code": "card_declined", "decline_code": "generic_decline"})
            }
            "pm_card_expired" => json!({"code": "expired_card", "decline_code": "expired_card"}),
            "pm_card_insufficient_funds" => {
                json!({"code": "card_declined", "decline_code": "insufficient_funds"})
            }
            _ => {
                return error(
                    400,
                    json!({"code": "resource_missing", "param": "payment_method"}),
                    "invalid_request_error",
                );
            }
        };
        let (status, mut body) = error(402, refusal, "card_error");
        intent["status"] = json!("requires_payment_method");
        intent["amount_capturable"] = json!(0);
        intent["last_payment_error"] = body["error"].clone();
        body["error"]["payment_intent"] = intent.clone();
        self.intents.push(intent);
        (status, body)
    }

    fn end(&mut self, id: &str, status: &str) -> (u16, Value) {
        let Some(intent) = self.find(id) else {
            return missing();
        };
        if intent["status"] != "requires_capture" {
            let refusal = json!({"code": "payment_intent_unexpected_state", "payment_intent": intent.clone()});
            return error(400, refusal, "invalid_request_error");
        }
        intent["status"] = json!(status);
        intent["amount_capturable"] = json!(0);
        if status == "succeeded" {
            intent["amount_received"] = intent["amount"].clone();
        } else {
            // As Stripe does: what was held and let go shows as refunded on the charge.
            intent["latest_charge"]["amount_refunded"] = intent["amount"].clone();
        }
        (200, intent.clone())
    }

    fn refund(&mut self, form: &Fields) -> (u16, Value) {
        let id = form.get("payment_intent").cloned().unwrap_or_default();
        let amount: i64 = form
            .get("amount")
            .and_then(|text| text.parse().ok())
            .expect("an amount");
        let Some(intent) = self.find(&id) else {
            return missing();
        };
        if intent["status"] != "succeeded" {
            let refusal = json!({"code": "payment_intent_unexpected_state", "payment_intent": intent.clone()});
            return error(400, refusal, "invalid_request_error");
        }
        let refunded = intent["latest_charge"]["amount_refunded"]
            .as_i64()
            .expect("a number");
        if refunded + amount > intent["amount_received"].as_i64().expect("a number") {
            return error(
                400,
                json!({"param": "amount", "message": "Refund amount is greater than unrefunded amount"}),
                "invalid_request_error",
            );
        }
        intent["latest_charge"]["amount_refunded"] = json!(refunded + amount);
        (
            200,
            json!({"id": "re_1", "object": "refund", "amount": amount, "status": "succeeded", "payment_intent": id}),
        )
    }

    fn list(&self, query: &Fields) -> Value {
        let limit: usize = query
            .get("limit")
            .and_then(|text| text.parse().ok())
            .unwrap_or(10);
        let newest = self.intents.iter().rev();
        let after = query.get("starting_after");
        let rest: Vec<_> = match after {
            None => newest.collect(),
            Some(after) => newest
                .skip_while(|intent| intent["id"] != after.as_str())
                .skip(1)
                .collect(),
        };
        json!({"object": "list", "data": rest.iter().take(limit).collect::<Vec<_>>(), "has_more": rest.len() > limit})
    }

    /// Search lags: it never shows the newest payment.
    fn search(&self, query: &Fields) -> Value {
        let wanted = query.get("query").cloned().unwrap_or_default();
        let found: Vec<_> = self
            .intents
            .iter()
            .rev()
            .skip(1)
            .filter(|intent| {
                wanted
                    == format!(
                        "metadata['reference']:'{}'",
                        intent["metadata"]["reference"].as_str().unwrap_or_default()
                    )
            })
            .collect();
        json!({"object": "search_result", "data": found, "has_more": false})
    }
}

fn missing() -> (u16, Value) {
    error(
        404,
        json!({"code": "resource_missing", "param": "intent"}),
        "invalid_request_error",
    )
}

/// Answers 200 with what it is told to say.
pub(crate) struct Impostor {
    address: SocketAddr,
    says: Arc<Mutex<String>>,
    _serving: JoinSet<()>,
}

impl Impostor {
    pub(crate) async fn start() -> Self {
        let says = Arc::new(Mutex::new(String::new()));
        let shared = says.clone();
        let (address, serving) = serve(move |_| {
            let body = shared.lock().expect("a text").clone();
            async move { Ok(Response::new(Full::from(body))) }
        })
        .await;
        Self {
            address,
            says,
            _serving: serving,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn say(&self, body: &str) {
        *self.says.lock().expect("a text") = body.to_owned();
    }

    /// Replies that no call about payment `mine` of 1.00 USD may believe.
    pub(crate) fn bodies(&self, scheme: &str) -> Vec<String> {
        let odd = [
            "",
            "{}",
            "null",
            "<html>proxy</html>",
            "[",
            r#"{"id":"mine"}"#,
        ]
        .map(str::to_owned);
        let money = |minor: i64| json!({"amount": minor, "currency": "USD"});
        let row = |reference: &str, state: &str, amount: i64| {
            if scheme == "stripe" {
                let status = match state {
                    "authorized" => "requires_capture",
                    "captured" => "succeeded",
                    other => other,
                };
                json!({"id": "other", "status": status, "amount": amount, "amount_received": amount, "currency": "usd", "metadata": {"reference": reference}})
            } else {
                json!({"id": "other", "reference": reference, "state": state, "amount": money(amount), "captured": money(amount), "refunded": money(0)})
            }
        };
        let rows = [
            row("yours", "authorized", 100),
            row("mine", "authorized", 99),
            row("yours", "captured", 100),
            row("mine", "processing", 100),
        ];
        odd.into_iter()
            .chain(rows.iter().map(Value::to_string))
            .collect()
    }
}
