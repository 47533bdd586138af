//! A shop for the tests of the drivers: the routes that they use, in memory, as the HTTP contract spells them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post, put},
};
use serde_json::{Value, json};

use super::client::{Caller, Connection};

/// The key that it wants.
pub(super) const KEY: &str = "fake-key";

type Answer = (StatusCode, Json<Value>);

#[derive(Default)]
struct Fake {
    prices: HashMap<String, Value>,
    products: HashMap<String, Value>,
    levels: HashMap<(String, String), Level>,
    carts: Vec<Vec<(String, u64)>>,
    oversells: bool,
}

#[derive(Default, Clone, Copy)]
struct Level {
    on_hand: i64,
    reserved: i64,
}

type Shared = State<Arc<Mutex<Fake>>>;

/// Starts one and returns where it listens.
pub(super) async fn start() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/health/readiness", get(async || "{}"))
        .route(
            "/oversell",
            post(async |State(fake): Shared| fake.lock().unwrap().oversells = true),
        )
        .route("/v1/stores/{store}", put(store))
        .route("/v1/products", post(create_product))
        .route("/v1/products/{id}", get(product))
        .route("/v1/stores/{store}/inventory/{sku}", get(level))
        .route("/v1/stores/{store}/inventory/{sku}/adjust", post(adjust))
        .route("/v1/stores/{store}/inventory/{sku}/reserve", post(reserve))
        .route("/v1/carts", post(create_cart))
        .route("/v1/carts/{id}", get(cart))
        .route("/v1/carts/{id}/lines", post(add_line))
        .route("/v1/carts/{id}/lines/batch", post(add_lines))
        .with_state(Arc::<Mutex<Fake>>::default());
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// From now on, more is granted than there is.
pub(super) async fn oversell(address: SocketAddr) {
    let mut request = Vec::new();
    Caller::new(address, None).post(
        &mut request,
        format_args!("/oversell"),
        format_args!("{{}}"),
    );
    Connection::open(address)
        .await
        .unwrap()
        .call(&request)
        .await
        .unwrap();
}

async fn store(headers: HeaderMap, Path(id): Path<String>) -> Answer {
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    (StatusCode::OK, Json(json!({"id": id, "version": 1})))
}

async fn create_product(State(fake): Shared, Json(body): Json<Value>) -> Answer {
    let mut fake = fake.lock().unwrap();
    let id = body["id"].as_str().unwrap().to_owned();
    if fake.products.contains_key(&id) {
        return refuse(StatusCode::CONFLICT, "already_exists");
    }
    for variant in body["variants"].as_array().unwrap() {
        let sku = variant["sku"].as_str().unwrap().to_owned();
        assert!(
            fake.prices
                .insert(sku, variant["prices"][0].clone())
                .is_none()
        );
    }
    fake.products.insert(id, body.clone());
    (StatusCode::CREATED, Json(body))
}

async fn product(State(fake): Shared, Path(id): Path<String>) -> Answer {
    match fake.lock().unwrap().products.get(&id) {
        Some(product) => (StatusCode::OK, Json(product.clone())),
        None => refuse(StatusCode::NOT_FOUND, "not_found"),
    }
}

async fn level(State(fake): Shared, Path(at): Path<(String, String)>) -> Answer {
    let level = fake.lock().unwrap().levels[&at];
    let body = json!({
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": (level.on_hand - level.reserved).max(0),
    });
    (StatusCode::OK, Json(body))
}

async fn adjust(
    State(fake): Shared,
    Path(at): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Answer {
    let mut fake = fake.lock().unwrap();
    assert!(fake.prices.contains_key(&at.1), "{} has no product", at.1);
    fake.levels.entry(at).or_default().on_hand += body["delta"].as_i64().unwrap();
    (StatusCode::OK, Json(json!({})))
}

async fn reserve(
    State(fake): Shared,
    Path(at): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Answer {
    let mut fake = fake.lock().unwrap();
    let oversells = fake.oversells;
    let level = fake.levels.get_mut(&at).unwrap();
    let quantity = body["quantity"].as_i64().unwrap();
    if level.reserved + quantity > level.on_hand && !oversells {
        return refuse(StatusCode::CONFLICT, "insufficient_stock");
    }
    level.reserved += quantity;
    (StatusCode::CREATED, Json(json!({"id": "res_1"})))
}

async fn create_cart(State(fake): Shared, Json(body): Json<Value>) -> Answer {
    let mut fake = fake.lock().unwrap();
    let id = fake.carts.len();
    fake.carts.push(Vec::new());
    let lines = body["lines"].as_array().cloned().unwrap_or_default();
    add(&mut fake, id, &lines);
    (
        StatusCode::CREATED,
        Json(json!({"id": id.to_string(), "token": "t"})),
    )
}

async fn add_line(State(fake): Shared, Path(id): Path<usize>, Json(line): Json<Value>) -> Answer {
    let mut fake = fake.lock().unwrap();
    add(&mut fake, id, &[line]);
    (StatusCode::OK, Json(show(&fake, id)))
}

async fn add_lines(State(fake): Shared, Path(id): Path<usize>, Json(body): Json<Value>) -> Answer {
    let mut fake = fake.lock().unwrap();
    let lines = body["lines"].as_array().unwrap();
    assert!((1..=100).contains(&lines.len()));
    add(&mut fake, id, lines);
    (StatusCode::OK, Json(show(&fake, id)))
}

async fn cart(State(fake): Shared, Path(id): Path<usize>) -> Answer {
    (StatusCode::OK, Json(show(&fake.lock().unwrap(), id)))
}

fn add(fake: &mut Fake, id: usize, lines: &[Value]) {
    for line in lines {
        let sku = line["sku"].as_str().unwrap();
        let quantity = line["quantity"].as_u64().unwrap();
        assert!(fake.prices.contains_key(sku), "{sku} is unknown");
        let cart = &mut fake.carts[id];
        match cart.iter_mut().find(|(known, _)| known == sku) {
            Some((_, held)) => *held += quantity,
            None => cart.push((sku.to_owned(), quantity)),
        }
    }
}

fn show(fake: &Fake, id: usize) -> Value {
    let mut subtotal = 0;
    let lines: Vec<Value> = fake.carts[id]
        .iter()
        .map(|(sku, quantity)| {
            let price = &fake.prices[sku];
            let total = price["amount"].as_u64().unwrap() * quantity;
            subtotal += total;
            json!({
                "sku": sku,
                "quantity": quantity,
                "unit_price": price,
                "total": {"amount": total, "currency": price["currency"]},
            })
        })
        .collect();
    json!({"id": id.to_string(), "lines": lines, "totals": {"subtotal": {"amount": subtotal, "currency": "GBP"}}})
}

fn refuse(status: StatusCode, code: &str) -> Answer {
    (status, Json(json!({"code": code})))
}
