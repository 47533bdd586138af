//! Whole purchases over HTTP, the payment provider in a process of its own: cart, two items, address and shipping, payment, until the
//! order is confirmed. Then a rush for one scarce SKU: exactly what is there is sold.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::super::super::another::another;
use super::super::{
    Bench,
    client::{Caller, Connection},
    measure::{Figures, Recorder, Run, Usage, medians},
    report::Row,
    seed::{self, Names, Size, UNITS},
    shop::{DataDirectory, Shop, Source, free_address, terminate},
};

/// Products that are bought, each with much stock.
const PRODUCTS: u64 = 1_000;
/// Units of the scarce SKU, and buyers who want one.
const SCARCE_UNITS: u64 = 1_000;
const SCARCE_BUYERS: u64 = 3_000;
/// Aims.
const AIM_PER_SECOND: f64 = 2_700.0;
const AIM_P99_MS: f64 = 200.0;
const AIM_ON_POSTGRES: f64 = 1_000.0;
const AIM_P99_MS_ON_POSTGRES: f64 = 500.0;
const AIM_ALONE_P50_MS: f64 = 25.0;
const AIM_DECISIONS: f64 = 1_000.0;
/// The key of the provider.
const PROVIDER_KEY: &str = "bench-provider";
/// Payments that the provider alone is measured with.
const PROVIDER_CALLS: u64 = 300;
/// Steps of a saga: reserve, authorize, order, capture, notify.
const STEPS: f64 = 5.0;
/// Calls of the provider among them.
const CALLS: f64 = 2.0;
/// How long the provider may take to start.
const PROVIDER_READY: Duration = Duration::from_secs(20);

/// The provider's process; killed when dropped.
struct Provider(Child);

impl Drop for Provider {
    fn drop(&mut self) {
        // Both do nothing to a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Provider {
    async fn start(directory: &Path) -> anyhow::Result<(Self, SocketAddr)> {
        let address = free_address()?;
        let child = another()?
            .args(["gateway-sim", "--listen", &address.to_string()])
            .arg("--data-dir")
            .arg(directory.join("provider"))
            .env("CARTWRIGHT_GATEWAY_SIM_KEY", PROVIDER_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(directory.join("provider.log"))?)
            .spawn()
            .context("cannot start the payment provider")?;
        let provider = Self(child);
        let begun = Instant::now();
        while Connection::open(address).await.is_err() {
            ensure!(
                begun.elapsed() < PROVIDER_READY,
                "the payment provider was not ready after {PROVIDER_READY:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok((provider, address))
    }
}

/// How long one call of the provider takes when nobody else asks: authorizing and capturing, one after the other, in milliseconds.
async fn provider_alone(address: SocketAddr) -> anyhow::Result<f64> {
    let caller = Caller::new(address, Some(PROVIDER_KEY));
    let mut connection = Connection::open(address).await?;
    let (mut request, mut took) = (Vec::with_capacity(1024), Vec::new());
    for number in 0..PROVIDER_CALLS {
        let mut call = async |path: String, body: String| -> anyhow::Result<Vec<u8>> {
            caller.send(
                &mut request,
                "POST",
                format_args!("{path}"),
                format_args!("idempotency-key: bench{path}{number}\r\n"),
                format_args!("{body}"),
            );
            let begun = Instant::now();
            let answer = send(&mut connection, &mut request, &[200, 201]).await?.1;
            took.push(begun.elapsed());
            Ok(answer)
        };
        let body = format!(
            r#"{{"reference":"bench-{number}","amount":{{"amount":100,"currency":"USD"}},"token":"tok_visa","metadata":{{}}}}"#
        );
        let answer = call("/payments".to_owned(), body).await?;
        let id = serde_json::from_slice::<Made<'_>>(&answer)?.id.to_owned();
        call(format!("/payments/{id}/capture"), "{}".to_owned()).await?;
    }
    took.sort_unstable();
    Ok(took[took.len() / 2].as_secs_f64() * 1_000.0)
}

/// What buyers share.
struct Buying {
    caller: Caller,
    sku: String,
    /// Of which a buyer takes two, or the only one.
    products: u64,
    next: AtomicU64,
    end: End,
    whole: Mutex<Recorder>,
    complete: Mutex<Recorder>,
}

#[derive(Clone, Copy)]
enum End {
    At(Instant),
    After(u64),
}

#[derive(Deserialize)]
struct Made<'a> {
    #[serde(borrow)]
    id: &'a str,
}

#[derive(Deserialize)]
struct Opened<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow)]
    quote: Made<'a>,
}

impl Buying {
    fn new(shop: &Shop, names: &Names, products: u64, end: End) -> Arc<Self> {
        Arc::new(Self {
            caller: shop.caller.clone(),
            sku: names.sku().to_string(),
            products,
            next: AtomicU64::new(0),
            end,
            whole: Mutex::new(Recorder::new()),
            complete: Mutex::new(Recorder::new()),
        })
    }

    fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        match self.end {
            End::At(end) => (Instant::now() < end).then_some(number),
            End::After(count) => (number < count).then_some(number),
        }
    }

    async fn buyer(self: Arc<Self>, mut connection: Connection) -> anyhow::Result<Connection> {
        let mut request = Vec::with_capacity(2048);
        while let Some(number) = self.take() {
            let begun = Instant::now();
            let (status, completed) = self.buy(number, &mut connection, &mut request).await?;
            let lock = |recorder: &Mutex<Recorder>, took| {
                recorder
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .record(took, status);
            };
            lock(&self.whole, begun.elapsed());
            lock(&self.complete, completed);
        }
        Ok(connection)
    }

    /// One purchase: how it ended, and how long completing it took.
    async fn buy(
        &self,
        number: u64,
        connection: &mut Connection,
        request: &mut Vec<u8>,
    ) -> anyhow::Result<(u16, Duration)> {
        let caller = &self.caller;
        caller.post(
            request,
            format_args!("/v1/carts"),
            format_args!(r#"{{"currency":"USD","country":"US"}}"#),
        );
        let body = send(connection, request, &[201]).await?.1;
        let cart = serde_json::from_slice::<Made<'_>>(&body)?.id.to_owned();
        for item in 0..2.min(self.products) {
            let sku = (number * 2 + item) % self.products;
            caller.post(
                request,
                format_args!("/v1/carts/{cart}/lines"),
                format_args!(r#"{{"sku":"{}{sku}","quantity":1}}"#, self.sku),
            );
            let (status, _) = send(connection, request, &[200, 409]).await?;
            if status == 409 {
                return Ok((status, Duration::ZERO));
            }
        }
        caller.post(
            request,
            format_args!("/v1/checkouts"),
            format_args!(
                r#"{{"cart_id":"{cart}","email":"buyer{number}@example.com","shipping_option":"standard","shipping_address":{{"name":"A Buyer","line1":"1 Long Road","city":"Springfield","postal_code":"12345","country":"US"}}}}"#
            ),
        );
        let body = send(connection, request, &[201]).await?.1;
        let opened: Opened<'_> = serde_json::from_slice(&body)?;
        caller.send(
            request,
            "POST",
            format_args!("/v1/checkouts/{}/complete", opened.id),
            format_args!(
                "idempotency-key: bench-{}-{number}\r\nprefer: wait=30\r\n",
                opened.id
            ),
            format_args!(
                r#"{{"quote_id":"{}","payment":{{"method":"card","token":"tok_visa"}}}}"#,
                opened.quote.id
            ),
        );
        let begun = Instant::now();
        let (status, _) = send(connection, request, &[200, 409]).await?;
        Ok((status, begun.elapsed()))
    }
}

/// Sends what is in `request` and empties it.
async fn send(
    connection: &mut Connection,
    request: &mut Vec<u8>,
    expected: &[u16],
) -> anyhow::Result<(u16, Vec<u8>)> {
    let reply = connection.call(request).await?;
    if !expected.contains(&reply.status) {
        bail!(
            "{} was answered {}: {}",
            String::from_utf8_lossy(request),
            reply.status,
            String::from_utf8_lossy(reply.body)
        );
    }
    let answer = (reply.status, reply.body.to_vec());
    request.clear();
    Ok(answer)
}

async fn load(
    buying: &Arc<Buying>,
    connections: Vec<Connection>,
    server: Option<u32>,
) -> anyhow::Result<(Run, Run, Vec<Connection>)> {
    let usage = Usage::begin(server);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(buying.clone().buyer(connection));
    }
    let mut connections = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        connections.push(ended??);
    }
    let elapsed = begun.elapsed();
    let take = |recorder: &Mutex<Recorder>| {
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *recorder, Recorder::new()).finish(elapsed, &usage)
    };
    Ok((take(&buying.whole), take(&buying.complete), connections))
}

async fn open(shop: &Shop, count: usize) -> anyhow::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(shop.address).await?);
    }
    Ok(connections)
}

/// Measures purchases of so many buyers: medians of the whole, and of completing alone.
async fn measure(
    bench: &Bench,
    shop: &Shop,
    names: &Names,
    buyers: usize,
) -> anyhow::Result<(Figures, Figures)> {
    let mut connections = open(shop, buyers).await?;
    let (mut whole, mut complete) = (Vec::new(), Vec::new());
    for run in 0..=bench.settings.runs {
        let long = if run == 0 {
            bench.settings.warm_up
        } else {
            bench.settings.duration
        };
        let buying = Buying::new(shop, names, PRODUCTS, End::At(Instant::now() + long));
        let (all, completed, back) = load(&buying, connections, shop.pid()).await?;
        connections = back;
        if run > 0 {
            ensure!(
                all.outcomes.keys().all(|status| *status == 200),
                "purchases ended otherwise: {:?}",
                all.outcomes
            );
            whole.push(all);
            complete.push(completed);
        }
    }
    Ok((
        medians(&whole).context("there was no run")?,
        medians(&complete).context("there was no run")?,
    ))
}

/// Measures, and checks what was sold.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let data = DataDirectory::new(&bench.source.directory)?;
    let (provider, address) = Provider::start(data.path()).await?;
    let mut source = Source {
        running: None,
        ..bench.source.clone()
    };
    source.environment.extend([
        (
            "CARTWRIGHT_PAYMENT".to_owned(),
            format!("a=sim+http://{address}"),
        ),
        (
            "CARTWRIGHT_PAYMENT_A_KEY".to_owned(),
            PROVIDER_KEY.to_owned(),
        ),
    ]);
    let shop = Shop::open(&source).await?;
    let names = Names::new();
    let size = Size {
        products: PRODUCTS,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let call_ms = provider_alone(address).await?;
    let (figures, complete) = measure(bench, &shop, &names, 1).await?;
    let overhead_ms = (complete.p50_ms - CALLS * call_ms) / STEPS;
    let row = Row::new("checkout", "one buyer alone")
        .with_figures(figures)
        .with_fact("complete p50", complete.p50_ms, "ms")
        .with_fact("one call of the provider p50", call_ms, "ms")
        .with_fact("overhead of the saga per step", overhead_ms, "ms")
        .at_most("p50 ms", figures.p50_ms, AIM_ALONE_P50_MS);
    bench.report.rows.push(row);
    let buyers = bench.settings.connections;
    let (figures, complete) = measure(bench, &shop, &names, buyers).await?;
    let row = Row::new("checkout", format!("{buyers} buyers"))
        .with_figures(figures)
        .with_fact("complete p50", complete.p50_ms, "ms")
        .with_fact("complete p99", complete.p99_ms, "ms")
        .at_least(
            "purchases/s",
            figures.throughput,
            bench.source.aim(AIM_PER_SECOND, AIM_ON_POSTGRES),
        )
        .at_most(
            "p99 ms",
            figures.p99_ms,
            bench.source.aim(AIM_P99_MS, AIM_P99_MS_ON_POSTGRES),
        );
    bench.report.rows.push(row);
    rush(bench, &shop, &names).await?;
    shop.stop().await?;
    terminate(provider.0.id())?;
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Level {
    on_hand: u64,
    allocated: u64,
    available: u64,
}

/// More buyers than units: exactly the units are sold.
async fn rush(bench: &mut Bench, shop: &Shop, names: &Names) -> anyhow::Result<()> {
    let scarce = names.with("rush");
    let size = Size {
        products: 1,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(shop, &scarce, size).await?;
    let path = format!("/v1/stores/{}/inventory/{}0", scarce.store(0), scarce.sku());
    let surplus = UNITS - SCARCE_UNITS;
    let _: serde_json::Value = shop
        .call(&[200], |caller, out| {
            caller.post(
                out,
                format_args!("{path}/adjust"),
                format_args!(r#"{{"delta":-{surplus},"reason":"bench"}}"#),
            );
        })
        .await?;
    let buying = Buying::new(shop, &scarce, 1, End::After(SCARCE_BUYERS));
    let connections = open(shop, 512).await?;
    let (all, _, _) = load(&buying, connections, shop.pid()).await?;
    let sold = all.outcomes.get(&200).copied().unwrap_or_default();
    let level: Level = shop
        .call(&[200], |caller, out| {
            caller.get(out, format_args!("{path}"))
        })
        .await?;
    ensure!(
        sold == SCARCE_UNITS
            && level.allocated == sold
            && level.on_hand == SCARCE_UNITS
            && level.available == 0,
        "{SCARCE_BUYERS} buyers of {SCARCE_UNITS} units: {sold} sold, {level:?}"
    );
    let throughput = all.figures.throughput;
    let row = Row::new(
        "checkout",
        format!("{SCARCE_BUYERS} buyers of {SCARCE_UNITS} units"),
    )
    .with_figures(all.figures)
    .with_fact("sold", sold as f64, "orders")
    .at_least("decisions/s", throughput, AIM_DECISIONS);
    bench.report.rows.push(row);
    Ok(())
}
