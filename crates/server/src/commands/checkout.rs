//! `cartwright checkout show`: how a checkout went, step by step, with the money and the stock that it holds.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::remote::Remote;
use super::threads;
use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Look at a checkout.
#[derive(Debug, Args)]
pub(super) struct CheckoutArgs {
    #[command(subcommand)]
    command: CheckoutCommand,
}

#[derive(Debug, Subcommand)]
enum CheckoutCommand {
    /// Print the timeline of a checkout: steps, attempts, durations, money and stock held.
    #[command(after_help = "Examples:
  cartwright checkout show chk_06EB0S0T58M0000000000000A1 --key $KEY
  cartwright checkout show chk_06EB0S0T58M0000000000000A1 --key $KEY --json | jq .steps

The key needs the scope `checkouts`, and `inventory:read` to see the stock. Exit codes: 0 shown; 1 there is no such checkout, or
the shop refuses.")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Which checkout.
    id: String,
    #[command(flatten)]
    at: Remote,
}

pub(super) fn run(args: &CheckoutArgs) -> anyhow::Result<()> {
    let CheckoutCommand::Show(args) = &args.command;
    threads(0)?.block_on(show(args))
}

async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    ensure!(
        args.id.starts_with("chk_"),
        "{} is no checkout: expected chk_ and 26 letters",
        args.id
    );
    let mut client = args.at.client()?;
    let path = format!("/v1/checkouts/{}", args.id);
    let checkout = client.get(&path).await?.ok()?;
    let mut holds = Vec::new();
    for attempt in list(&checkout["attempts"]) {
        let Some(id) = attempt["reservation_id"].as_str() else {
            continue;
        };
        let reply = client.get(&format!("/v1/reservations/{id}")).await?;
        // Without the scope the rest is shown all the same.
        holds.extend(reply.ok().ok());
    }
    if args.at.json {
        let all = json!({
            "checkout": checkout["id"], "state": checkout["state"], "cart_id": checkout["cart_id"],
            "order_id": checkout["order_id"], "totals": checkout["totals"], "attempts": checkout["attempts"],
            "steps": checkout["steps"], "payments": checkout["payments"], "messages": checkout["messages"],
            "reservations": holds,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    print(&checkout, &holds)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn money(value: &Value) -> String {
    format!("{} {}", value["amount"], text(&value["currency"]))
}

fn at(value: &Value) -> anyhow::Result<Timestamp> {
    let text = value.as_str().context("the shop sent no time")?;
    text.parse()
        .with_context(|| format!("the shop sent `{text}`, which is no time"))
}

fn print(checkout: &Value, holds: &[Value]) -> anyhow::Result<()> {
    println!(
        "checkout  {}  {}",
        text(&checkout["id"]),
        text(&checkout["state"])
    );
    println!("cart      {}", text(&checkout["cart_id"]));
    if let Some(order) = checkout["order_id"].as_str() {
        println!("order     {order}");
    }
    println!(
        "total     {} (minor units)",
        money(&checkout["totals"]["total"])
    );
    println!("opened    {}", text(&checkout["created_at"]));
    let attempts: Vec<_> = list(&checkout["attempts"]).collect();
    if attempts.is_empty() {
        println!("\nNobody has tried to complete it yet.");
    }
    for attempt in attempts {
        let began = at(&attempt["started_at"])?;
        println!(
            "\nattempt {}  {}  {}",
            attempt["n"],
            text(&attempt["state"]),
            text(&attempt["started_at"])
        );
        if let Some(request) = attempt["correlation_id"].as_str() {
            println!("  request  {request}");
        }
        if let Some(failure) = attempt["failure"].as_object() {
            let reason = failure.get("reason").map_or("", text);
            let code = failure.get("code").map_or("-", text);
            let detail = failure.get("detail").map_or("-", text);
            println!("  failed: {code} {reason}: {detail}");
        }
        println!(
            "  {:<10} {:<8} {:>9} {:>9} {:>6}",
            "step", "state", "after ms", "took ms", "tries"
        );
        for step in list(&checkout["steps"]).filter(|it| it["attempt"] == attempt["n"]) {
            let from = at(&step["started_at"])?;
            let after = from.as_millisecond() - began.as_millisecond();
            let took = match step["ended_at"].is_null() {
                true => "...".to_owned(),
                false => {
                    (at(&step["ended_at"])?.as_millisecond() - from.as_millisecond()).to_string()
                }
            };
            println!(
                "  {:<10} {:<8} {after:>9} {took:>9} {:>6}",
                text(&step["step"]),
                text(&step["state"]),
                step["tries"]
            );
        }
        for payment in list(&checkout["payments"]).filter(|it| it["attempt"] == attempt["n"]) {
            println!(
                "  payment  {}  {} by {}  {}  {}",
                text(&payment["id"]),
                text(&payment["method"]),
                text(&payment["provider"]),
                text(&payment["state"]),
                money(&payment["amount"])
            );
        }
        for hold in holds
            .iter()
            .filter(|it| it["id"] == attempt["reservation_id"])
        {
            println!("  stock    {}  {}", text(&hold["id"]), text(&hold["state"]));
            for line in list(&hold["lines"]) {
                println!(
                    "           {} x {} at {}",
                    line["quantity"],
                    text(&line["sku"]),
                    text(&line["store"])
                );
            }
        }
    }
    for message in list(&checkout["messages"]) {
        println!(
            "\ntold      {}  {}",
            text(&message["at"]),
            text(&message["detail"])
        );
    }
    Ok(())
}
