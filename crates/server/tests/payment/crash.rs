//! The simulator as a process of its own, killed under load: what it acknowledged is there once, and keys still replay.
//!
//! `CARTWRIGHT_CRASH_EFFECTS` (default 3,000) sets how many effects are acknowledged before each kill.

use crate::harness::{KEY, PATIENCE, request, rows, temp_dir, usd};
use cartwright_adapters::http::HttpClient;
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Callers at once.
const CALLERS: usize = 64;
/// Times that it is killed.
const ROUNDS: u64 = 3;

/// Acknowledged effects before each kill; calls are under way then.
fn effects_wanted() -> u64 {
    match std::env::var("CARTWRIGHT_CRASH_EFFECTS") {
        Ok(effects) => effects
            .parse()
            .expect("CARTWRIGHT_CRASH_EFFECTS is a number"),
        Err(_) => 3_000,
    }
}

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(["gateway-sim", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir)
            .env("CARTWRIGHT_GATEWAY_SIM_KEY", KEY)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
        let ready = lines.next().expect("a line").expect("text");
        let address = ready
            .rsplit("http://")
            .next()
            .and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("not ready: {ready}"));
        Self { child, address }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A call that was sent, and its reply if one came.
struct Deed {
    key: String,
    path: String,
    body: Value,
    reply: Option<(u16, Value)>,
}

async fn post(
    client: &HttpClient,
    address: SocketAddr,
    path: &str,
    key: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let request = Request::post(format!("http://{address}{path}"))
        .header("authorization", format!("Bearer {KEY}"))
        .header("idempotency-key", key)
        .body(Full::from(body.to_string()))
        .expect("a request");
    let reply = client.send(request, PATIENCE).await.ok()?;
    Some((reply.status, serde_json::from_slice(&reply.body).ok()?))
}

/// Authorizes and captures, one payment after the other, until no reply comes.
async fn buy(
    client: HttpClient,
    address: SocketAddr,
    name: String,
    done: Arc<AtomicU64>,
) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for number in 0.. {
        let reference = format!("{name}-{number}");
        let body =
            json!({"reference": reference, "amount": usd(100 + number), "token": "tok_visa"});
        let reply = post(
            &client,
            address,
            "/payments",
            &format!("{reference}:authorize"),
            &body,
        )
        .await;
        let id = reply
            .as_ref()
            .map(|(_, payment)| payment["id"].as_str().expect("an id").to_owned());
        deeds.push(Deed {
            key: format!("{reference}:authorize"),
            path: "/payments".to_owned(),
            body,
            reply,
        });
        let Some(id) = id else { break };
        done.fetch_add(1, Ordering::Relaxed);
        let path = format!("/payments/{id}/capture");
        let reply = post(
            &client,
            address,
            &path,
            &format!("{reference}:capture"),
            &json!({}),
        )
        .await;
        let lost = reply.is_none();
        deeds.push(Deed {
            key: format!("{reference}:capture"),
            path,
            body: json!({}),
            reply,
        });
        if lost {
            break;
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    deeds
}

/// Effects by key.
async fn effects(address: SocketAddr) -> HashMap<String, Vec<Value>> {
    let mut effects: HashMap<String, Vec<Value>> = HashMap::new();
    for (place, row) in rows(address, "/_sim/ledger").await.into_iter().enumerate() {
        assert_eq!(row["seq"], place + 1, "the ledger has no gaps");
        let key = row["key"].as_str().expect("a key").to_owned();
        effects.entry(key).or_default().push(row);
    }
    effects
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_what_it_acknowledged_through_kills() {
    let dir = temp_dir();
    let client = HttpClient::new();
    let wanted = effects_wanted();
    let mut deeds = Vec::new();
    let mut process = Process::start(dir.path());
    let barred = request(
        Method::POST,
        format!("http://{}/payments/void", process.address),
        "bar",
        &json!({"reference": "barred"}),
    )
    .await;
    assert_eq!(barred.status, 200);
    for round in 1..=ROUNDS {
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                tokio::spawn(buy(
                    client.clone(),
                    process.address,
                    format!("{round}-{caller}"),
                    done.clone(),
                ))
            })
            .collect();
        while done.load(Ordering::Relaxed) < wanted {
            assert!(started.elapsed() < 4 * PATIENCE, "too slow");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        process.kill();
        let mut open = 0;
        for caller in callers {
            let done = caller.await.expect("a caller's record");
            open += done.iter().filter(|deed| deed.reply.is_none()).count();
            deeds.extend(done);
        }
        eprintln!("round {round}: {rate:.0} effects/s, {open} calls without an answer");
        process = Process::start(dir.path());
        let booked = effects(process.address).await;
        for deed in &deeds {
            let count = booked.get(&deed.key).map_or(0, Vec::len);
            let acknowledged = deed.reply.is_some();
            assert!(
                count == 1 || (count == 0 && !acknowledged),
                "{}: {count} effects",
                deed.key
            );
        }
        // Each key again: what was answered is answered so; what was not is settled now.
        for deed in &mut deeds {
            if deed.reply.is_some() && !deed.key.ends_with("0:capture") {
                continue;
            }
            let again = post(&client, process.address, &deed.path, &deed.key, &deed.body)
                .await
                .expect("a reply");
            assert!(matches!(again.0, 200 | 201), "{}: {again:?}", deed.key);
            if let Some(first) = &deed.reply {
                assert_eq!(&again, first, "{}", deed.key);
            }
            deed.reply = Some(again);
        }
    }
    let booked = effects(process.address).await;
    assert_eq!(booked.len(), deeds.len());
    assert!(
        booked.values().all(|rows| rows.len() == 1),
        "each key had one effect"
    );
    let barred = json!({"reference": "barred", "amount": usd(5), "token": "tok_visa"});
    let refused = post(&client, process.address, "/payments", "late", &barred)
        .await
        .expect("a reply");
    assert_eq!((refused.0, &refused.1["state"]), (409, &json!("voided")));
    process.kill();
}
