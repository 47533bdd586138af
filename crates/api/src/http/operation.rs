//! Health and metrics.

use super::attention;
use super::edge::Edge;
use super::elsewhere::Elsewhere;
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use super::metrics::{Following, write_histogram};
use crate::forward::Reach;
use crate::problem::Problem;
use cartwright_app::ports::inventory::Way;
use cartwright_app::ports::{ReadStore, ReplicaCounts};
use cartwright_app::second_level::CacheCounts;
use cartwright_domain::key::Scope;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// `GET /health/liveness`.
#[derive(Debug, Serialize, JsonSchema)]
struct Liveness {
    /// `ok`.
    status: &'static str,
}

/// `GET /health/readiness`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    /// Whether to send requests here.
    ready: bool,
    /// `ready`, `read_only` or `draining`.
    status: &'static str,
    /// `writer`, or `reader` while another process of the shop has the lease and writes.
    role: &'static str,
    /// Epoch of the lease; 0 where only one process uses the data.
    epoch: u64,
    /// The process that has the lease and writes; absent while nobody has it, and where only one process uses the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<Writer>,
    /// What it depends on, and how that is.
    dependencies: BTreeMap<&'static str, &'static str>,
    /// Circuit breakers and their state.
    breakers: BTreeMap<&'static str, &'static str>,
    /// Commands waiting for the write loop.
    queue_depth: usize,
    /// Entries the search index is behind.
    search_lag: u64,
    /// Position of the log.
    position: u64,
}

/// The process that writes.
#[derive(Debug, Serialize, JsonSchema)]
struct Writer {
    /// What it is called.
    node: String,
    /// Where it is reached.
    url: String,
}

const fn open(path: &'static str, name: &'static str, summary: &'static str) -> Endpoint {
    Endpoint {
        method: Verb::Get,
        path,
        name,
        summary,
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Liveness>))],
        refusals: &[],
        produces: "application/json",
        handler: |_| Box::pin(async { Ok(Reply::of(&Liveness { status: "ok" })) }),
    }
}

/// `GET .../health/liveness` at a path.
pub(super) const fn liveness_at(path: &'static str, name: &'static str) -> Endpoint {
    open(path, name, "Says that the process lives.")
}

/// `GET .../health/readiness` at a path.
pub(super) const fn readiness_at(path: &'static str, name: &'static str) -> Endpoint {
    let summary = "Says whether to send requests here, and how each dependency is.";
    Endpoint {
        replies: &[
            (200, Some(schema::<Readiness>)),
            (503, Some(schema::<Readiness>)),
        ],
        handler: |call| Box::pin(readiness(call)),
        ..open(path, name, summary)
    }
}

/// `GET .../metrics` at a path.
pub(super) const fn metrics_at(path: &'static str, name: &'static str, access: Access) -> Endpoint {
    let summary = "Counters for Prometheus; as JSON by Accept: application/json.";
    Endpoint {
        access,
        replies: &[(200, None)],
        produces: "text/plain, application/json, application/openmetrics-text",
        handler: |call| Box::pin(metrics(call)),
        ..open(path, name, summary)
    }
}

/// Routes of operation.
pub(super) const ROUTES: &[Endpoint] = &[
    liveness_at("/health/liveness", "liveness"),
    readiness_at("/health/readiness", "readiness"),
    metrics_at("/metrics", "metrics", Access::Scope(Scope::Ops)),
];

async fn readiness(call: Call) -> Result<Reply, Problem> {
    let edge = &call.edge;
    let (read_only, serving) = (edge.shop.health().is_read_only(), edge.ready.load(Relaxed));
    let position = *edge.shop.head().borrow();
    let status = match (serving, read_only) {
        (false, _) => "draining",
        (true, true) => "read_only",
        (true, false) => "ready",
    };
    let standing = edge.shop.health().standing().borrow().clone();
    let mut dependencies = dependencies(edge, read_only);
    let mut is_cut_off = false;
    if let Some(forwarder) = edge.forwarder.as_ref().filter(|_| standing.is_reader) {
        let reach = forwarder.probe(&edge.shop).await;
        is_cut_off = reach == Reach::CutOff;
        dependencies.insert(
            "writer",
            match reach {
                Reach::Ok => "ok",
                Reach::Waiting => "waiting",
                Reach::CutOff => "failing",
            },
        );
    }
    let status = if is_cut_off && status == "ready" {
        "read_only"
    } else {
        status
    };
    let ready = status == "ready";
    let mut breakers = BTreeMap::from([("store", if read_only { "open" } else { "closed" })]);
    if let Some(elsewhere) = &edge.elsewhere {
        breakers.insert("inventory", elsewhere.way().as_str());
    }
    let reply = Reply::of(&Readiness {
        ready,
        status,
        role: if standing.is_reader {
            "reader"
        } else {
            "writer"
        },
        epoch: standing.epoch,
        writer: standing.holder.map(|holder| Writer {
            node: holder.node.into(),
            url: holder.url.into(),
        }),
        dependencies,
        breakers,
        queue_depth: edge.shop.waiting(),
        search_lag: position.saturating_sub(edge.search.cursor()),
        position,
    });
    Ok(Reply {
        status: if ready { 200 } else { 503 },
        ..reply
    })
}

/// Without what stands outside the shop goes on selling: it is degraded, and ready.
fn dependencies(edge: &Edge, read_only: bool) -> BTreeMap<&'static str, &'static str> {
    let replica = edge.shop.replica().map(|counts| ("replica", counts.fails));
    let outside = edge.shop.health().outside().into_iter().chain(replica);
    let own = [
        ("store", if read_only { "failing" } else { "ok" }),
        ("search", "ok"),
    ];
    outside
        .map(|(name, fails)| (name, if fails { "degraded" } else { "ok" }))
        .chain(own)
        .collect()
}

async fn metrics(call: Call) -> Result<Reply, Problem> {
    let open = needs_attention(&call).await;
    let accept = call
        .headers()
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let following = following(&call).await;
    if accept.contains("application/json") {
        return Ok(Reply::of(&json_counters(&call, &following, open)));
    }
    let text = prometheus(&call, &following, open);
    Ok(Reply::json(text).with("content-type", "text/plain; version=0.0.4; charset=utf-8"))
}

/// How much needs attention; what it was at last where the store does not answer.
async fn needs_attention(call: &Call) -> u64 {
    let known = &call.edge.metrics.needs_attention;
    match attention::count(call).await {
        Ok(open) => known.store(open as u64, Relaxed),
        Err(fault) => tracing::warn!(%fault, "what needs attention could not be counted"),
    }
    known.load(Relaxed)
}

fn totals(call: &Call) -> (u64, u64) {
    let routes = call.edge.metrics.routes().iter();
    routes.fold((0, 0), |(all, failed), route| {
        let sum: u64 = route.by_class.iter().map(|count| count.load(Relaxed)).sum();
        (all + sum, failed + route.by_class[4].load(Relaxed))
    })
}

fn json_counters(call: &Call, following: &Following, open: u64) -> serde_json::Value {
    let edge = &call.edge;
    let (requests, errors) = totals(call);
    let counts = edge.shop.health().counts();
    let (hits, misses) = edge.shop.cache_counts();
    let standing = edge.shop.health().standing().borrow().clone();
    let (calls, failed) = edge.metrics.grpc.get().map_or((0, 0), |grpc| grpc.totals());
    let mut all = json!({
        "grpcRequests": calls, "grpcErrors": failed,
        "requests": requests, "errors": errors, "conflicts": edge.metrics.conflict_count(),
        "rateLimited": edge.metrics.rate_limited_count(), "shed": counts.shed, "batches": counts.batches,
        "commands": counts.commands, "events": counts.events, "keptReplies": counts.kept,
        "cacheHits": hits, "cacheMisses": misses, "queueDepth": edge.shop.waiting(),
        "breakerOpen": u8::from(edge.shop.health().is_read_only()), "position": *edge.shop.head().borrow(),
        "deadLetters": following.dead_letters.iter().map(|(_, count)| count).sum::<u64>(),
        "leaseHeld": u8::from(!standing.is_reader), "leaseEpoch": standing.epoch, "needsAttention": open,
    });
    if let Some(replica) = edge.shop.replica() {
        all["replica"] = json!({
            "served": replica.served, "behind": replica.behind, "failed": replica.failed,
        });
    }
    if let Some(shared) = edge.shop.shared_cache_counts() {
        all["sharedCache"] = json!({
            "hits": shared.hits, "misses": shared.misses, "refused": shared.refused,
            "errors": shared.errors, "puts": shared.puts,
        });
    }
    all
}

/// How those who follow the log are doing; how they were at last where the store does not answer.
async fn following(call: &Call) -> Arc<Following> {
    let read = |store: &dyn ReadStore| {
        Ok(Following {
            cursors: store.cursors()?,
            dead_letters: store.count_dead_letters()?,
        })
    };
    let known = &call.edge.metrics.following;
    match call.edge.shop.read(read).await {
        Ok(following) => *known.lock() = Arc::new(following),
        Err(fault) => tracing::warn!(%fault, "those who follow the log could not be looked at"),
    }
    known.lock().clone()
}

fn prometheus(call: &Call, following: &Following, open: u64) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let written =
        write_all(call, open, &mut out).and_then(|()| write_following(call, following, &mut out));
    written.unwrap_or_else(|error| unreachable!("writing to memory: {error}"));
    out
}

fn write_following(call: &Call, following: &Following, out: &mut String) -> std::fmt::Result {
    let position = *call.edge.shop.head().borrow();
    writeln!(
        out,
        "# HELP cartwright_consumer_lag Entries of the log that a consumer has not handled yet."
    )?;
    writeln!(out, "# TYPE cartwright_consumer_lag gauge")?;
    for (consumer, at) in &following.cursors {
        let lag = position.saturating_sub(*at);
        writeln!(
            out,
            "cartwright_consumer_lag{{consumer=\"{consumer}\"}} {lag}"
        )?;
    }
    writeln!(
        out,
        "# HELP cartwright_dead_letters Effects that a consumer could not bring about and that wait for somebody."
    )?;
    writeln!(out, "# TYPE cartwright_dead_letters gauge")?;
    let all: u64 = following.dead_letters.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return writeln!(out, "cartwright_dead_letters 0");
    }
    for (consumer, count) in &following.dead_letters {
        writeln!(
            out,
            "cartwright_dead_letters{{consumer=\"{consumer}\"}} {count}"
        )?;
    }
    Ok(())
}

fn write_all(call: &Call, open: u64, out: &mut String) -> std::fmt::Result {
    let edge = &call.edge;
    let counts = edge.shop.health().counts();
    let (hits, misses) = edge.shop.cache_counts();
    let position = *edge.shop.head().borrow();
    let standing = edge.shop.health().standing().borrow().clone();
    let singles = [
        (
            "cartwright_commands_total",
            "counter",
            "Commands decided by the write loop.",
            counts.commands,
        ),
        (
            "cartwright_batches_total",
            "counter",
            "Transactions of the write loop.",
            counts.batches,
        ),
        (
            "cartwright_events_total",
            "counter",
            "Entries written to the log.",
            counts.events,
        ),
        (
            "cartwright_shed_total",
            "counter",
            "Commands refused because too many waited.",
            counts.shed,
        ),
        (
            "cartwright_rate_limited_total",
            "counter",
            "Requests refused with 429.",
            edge.metrics.rate_limited_count(),
        ),
        (
            "cartwright_conflicts_total",
            "counter",
            "Requests answered 409.",
            edge.metrics.conflict_count(),
        ),
        (
            "cartwright_kept_replies",
            "gauge",
            "Replies kept for retries.",
            counts.kept,
        ),
        (
            "cartwright_cache_hits_total",
            "counter",
            "Reads of committed state served from memory.",
            hits,
        ),
        (
            "cartwright_cache_misses_total",
            "counter",
            "Reads of committed state that asked the store.",
            misses,
        ),
        (
            "cartwright_queue_depth",
            "gauge",
            "Commands waiting for the write loop.",
            edge.shop.waiting() as u64,
        ),
        (
            "cartwright_log_position",
            "gauge",
            "Position of the last committed entry.",
            position,
        ),
        (
            "cartwright_search_lag",
            "gauge",
            "Entries the search index is behind.",
            position.saturating_sub(edge.search.cursor()),
        ),
        (
            "cartwright_needs_attention",
            "gauge",
            "Checkouts, payments, refunds and shortages that somebody must look at; see /v1/attention.",
            open,
        ),
        (
            "cartwright_read_only",
            "gauge",
            "1 while writes are switched off.",
            u64::from(edge.shop.health().is_read_only()),
        ),
        (
            "cartwright_lease_held",
            "gauge",
            "1 while this process may write: it has the lease, or none is needed.",
            u64::from(!standing.is_reader),
        ),
        (
            "cartwright_lease_epoch",
            "gauge",
            "Epoch of the lease; 0 where only one process uses the data.",
            standing.epoch,
        ),
    ];
    let forwarded = edge.forwarder.iter().flat_map(|it| it.counts.read());
    let forwarded = forwarded.map(|(name, help, value)| (name, "counter", help, value));
    for (name, kind, help, value) in singles.into_iter().chain(forwarded) {
        writeln!(
            out,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        )?;
    }
    let busy = counts.busy_ns as f64 / 1e9;
    writeln!(
        out,
        "# HELP cartwright_loop_busy_seconds_total Time from taking a batch to its commit."
    )?;
    writeln!(
        out,
        "# TYPE cartwright_loop_busy_seconds_total counter\ncartwright_loop_busy_seconds_total {busy}"
    )?;
    if let Some(counts) = edge.shop.shared_cache_counts() {
        write_shared_cache(&counts, out)?;
    }
    if let Some(counts) = edge.shop.replica() {
        write_replica(&counts, out)?;
    }
    if let Some(elsewhere) = &edge.elsewhere {
        write_elsewhere(elsewhere, out)?;
    }
    write_routes(call, out)
}

fn write_shared_cache(counts: &CacheCounts, out: &mut String) -> std::fmt::Result {
    write_results(
        out,
        "cartwright_shared_cache_reads_total",
        "Reads that memory could not serve, by what the shared cache had: hit; miss, nothing; refused, what may have changed since or is no entry of this shop; error, calls that failed or took too long.",
        &[
            ("hit", counts.hits),
            ("miss", counts.misses),
            ("refused", counts.refused),
            ("error", counts.errors),
        ],
    )?;
    let puts = counts.puts;
    writeln!(
        out,
        "# HELP cartwright_shared_cache_puts_total Entries put into the shared cache.\n# TYPE cartwright_shared_cache_puts_total counter\ncartwright_shared_cache_puts_total {puts}"
    )
}

fn write_replica(counts: &ReplicaCounts, out: &mut String) -> std::fmt::Result {
    write_results(
        out,
        "cartwright_replica_lists_total",
        "Lists asked of the read replica: served; behind, it had not all that is committed, and failed, it did not answer: those the primary served.",
        &[
            ("served", counts.served),
            ("behind", counts.behind),
            ("failed", counts.failed),
        ],
    )
}

/// A counter for each way in which something can end.
fn write_results(
    out: &mut String,
    name: &str,
    help: &str,
    results: &[(&str, u64)],
) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter")?;
    for (result, count) in results {
        writeln!(out, "{name}{{result=\"{result}\"}} {count}")?;
    }
    Ok(())
}

fn write_elsewhere(elsewhere: &Elsewhere, out: &mut String) -> std::fmt::Result {
    let open = match elsewhere.way() {
        Way::Closed => 0,
        Way::HalfOpen => 1,
        Way::Open => 2,
    };
    writeln!(
        out,
        "# HELP cartwright_breaker_state State of a circuit breaker: 0 closed, 1 half open, 2 open.\n# TYPE cartwright_breaker_state gauge\ncartwright_breaker_state{{breaker=\"inventory\"}} {open}"
    )?;
    writeln!(
        out,
        "# HELP cartwright_cart_validations_total Carts checked against the inventory role, gone unchecked for want of its answer, or refused for that.\n# TYPE cartwright_cart_validations_total counter"
    )?;
    for (result, count) in elsewhere.counts() {
        writeln!(
            out,
            "cartwright_cart_validations_total{{result=\"{result}\"}} {count}"
        )?;
    }
    Ok(())
}

fn write_routes(call: &Call, out: &mut String) -> std::fmt::Result {
    let names = super::routes()
        .map(|endpoint| (endpoint.method.as_str(), endpoint.path))
        .chain([("-", "-")]);
    let routes: Vec<_> = names.zip(call.edge.metrics.routes()).collect();
    writeln!(
        out,
        "# HELP cartwright_http_requests_total Requests by route and class of status."
    )?;
    writeln!(out, "# TYPE cartwright_http_requests_total counter")?;
    for ((method, path), counts) in &routes {
        for (class, count) in counts.by_class.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                let class = class + 1;
                writeln!(
                    out,
                    "cartwright_http_requests_total{{method=\"{method}\",route=\"{path}\",status=\"{class}xx\"}} {count}"
                )?;
            }
        }
    }
    writeln!(
        out,
        "# HELP cartwright_http_request_duration_seconds Time from headers read to reply ready."
    )?;
    writeln!(
        out,
        "# TYPE cartwright_http_request_duration_seconds histogram"
    )?;
    for ((method, path), counts) in &routes {
        let labels = format!("method=\"{method}\",route=\"{path}\"");
        write_histogram(
            out,
            "cartwright_http_request_duration_seconds",
            &labels,
            &counts.by_duration,
            &counts.nanos,
        )?;
    }
    if let Some(grpc) = call.edge.metrics.grpc.get() {
        grpc.write(out)?;
    }
    Ok(())
}
