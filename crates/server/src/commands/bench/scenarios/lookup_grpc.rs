//! `cartwright.v1.ProductLookup/Lookup` over gRPC: 64 calls in flight, and latency at a steady 10,000 a second.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use prost::Message;
use tokio::task::JoinSet;

use super::{
    super::{
        Bench,
        grpc::Channel,
        measure::{Figures, Recorder, Run, Usage, medians},
        report::Row,
        seed::{self, Names, Size},
        shop::Shop,
    },
    spread,
};

const PATH: &str = "/cartwright.v1.ProductLookup/Lookup";
const PRODUCTS: u64 = 1_000;
const IN_FLIGHT: usize = 64;
/// The server answers one connection on one core, so the closed loop has one connection per core of the machine we know.
const CHANNELS: usize = 2;
pub(super) const STEADY_RATE: u32 = 10_000;
/// Aims of the table under "Speed".
const AIM_PER_SECOND: f64 = 100_000.0;
const AIM_P99_MS: f64 = 0.35;
/// On PostgreSQL, where every call reads it: nothing is kept in memory.
const AIM_P99_MS_UNCACHED: f64 = 1.0;

/// The part of the reply that shows that the right product was found.
#[derive(Clone, PartialEq, Message)]
struct LookupReply {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(string, tag = "2")]
    product_id: String,
}

/// Measures both cases.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let source = bench.source.uncached_on_postgres();
    let shop = Shop::open(&source).await?;
    let names = Names::new();
    let size = Size {
        products: PRODUCTS,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let figures = repeat(bench, &shop, &names, None).await?;
    let case = format!("{IN_FLIGHT} in flight, {CHANNELS} connections");
    let row = Row::new("lookup-grpc", case)
        .with_figures(figures)
        .with_ratio("bare", bench.bare)
        .at_least(
            "calls/s",
            figures.throughput,
            source.aim(AIM_PER_SECOND, f64::from(STEADY_RATE)),
        );
    bench.report.rows.push(row);
    if figures.throughput < f64::from(STEADY_RATE) {
        let row = Row::new("lookup-grpc", format!("fixed rate {STEADY_RATE}/s")).at_least(
            "calls/s, to be offered the rate",
            figures.throughput,
            f64::from(STEADY_RATE),
        );
        bench.report.rows.push(row);
    } else {
        let figures = repeat(bench, &shop, &names, Some(STEADY_RATE)).await?;
        let row = Row::new("lookup-grpc", format!("fixed rate {STEADY_RATE}/s"))
            .with_figures(figures)
            .at_most(
                "p99 ms",
                figures.p99_ms,
                source.aim(AIM_P99_MS, AIM_P99_MS_UNCACHED),
            );
        bench.report.rows.push(row);
    }
    shop.stop().await?;
    Ok(())
}

async fn repeat(
    bench: &Bench,
    shop: &Shop,
    names: &Names,
    rate: Option<u32>,
) -> anyhow::Result<Figures> {
    once(shop, names, rate, bench.settings.warm_up).await?;
    let mut runs = Vec::new();
    for _ in 0..bench.settings.runs {
        runs.push(once(shop, names, rate, bench.settings.duration).await?);
    }
    medians(&runs).context("no runs")
}

/// One run: closed over several connections, or at a `rate` over one.
async fn once(
    shop: &Shop,
    names: &Names,
    rate: Option<u32>,
    duration: Duration,
) -> anyhow::Result<Run> {
    let usage = Usage::begin(shop.pid());
    let begun = std::time::Instant::now();
    let channels = if rate.is_some() { 1 } else { CHANNELS };
    let mut tasks = JoinSet::new();
    for _ in 0..channels {
        let mut channel = Channel::open(shop.address, PATH).await?;
        let (sku, product) = (names.sku(), names.product());
        tasks.spawn(async move {
            let mut recorder = Recorder::new();
            let write = |sequence: u64, out: &mut Vec<u8>| write_lookup(&sku, sequence, out);
            match rate {
                None => {
                    channel
                        .closed(&write, IN_FLIGHT / CHANNELS, duration, &mut recorder)
                        .await?
                }
                Some(rate) => {
                    channel
                        .steady(&write, rate, duration, &mut recorder)
                        .await?
                }
            }
            check_reply(&channel, &format!("{sku}0"), &format!("{product}0"))?;
            anyhow::Ok(recorder)
        });
    }
    let mut all = Recorder::new();
    while let Some(ended) = tasks.join_next().await {
        all.add(&ended??);
    }
    Ok(all.finish(begun.elapsed(), &usage))
}

/// A `LookupRequest` by hand: field 1 as text of less than 128 bytes.
fn write_lookup(sku: &str, sequence: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.extend_from_slice(&[0x0a, 0]);
    let text_at = out.len();
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{sku}{}", spread(sequence, PRODUCTS));
    out[text_at - 1] = u8::try_from(out.len() - text_at).unwrap_or(127);
}

fn check_reply(channel: &Channel, sku: &str, product: &str) -> anyhow::Result<()> {
    let reply = channel.first_reply().context("no lookup was answered")?;
    let reply = LookupReply::decode(reply)?;
    ensure!(
        reply.sku == sku && reply.product_id == product,
        "the lookup of {sku} found {reply:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct LookupRequest {
        #[prost(string, tag = "1")]
        sku: String,
    }

    #[test]
    fn the_message_by_hand_is_the_message() {
        let mut out = Vec::new();
        write_lookup("b1-s", 3, &mut out);
        let decoded = LookupRequest::decode(&*out).unwrap();
        assert_eq!(decoded.sku, format!("b1-s{}", spread(3, PRODUCTS)));
        assert_eq!(decoded.encode_to_vec(), out);
    }
}
