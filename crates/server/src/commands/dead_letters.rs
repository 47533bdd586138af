//! `cartwright dead-letters`: what consumers of the log could not bring about; to look at, to have tried again, to drop.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::remote::Remote;
use super::threads;
use anyhow::ensure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Letters of one page.
const PAGE: usize = 200;

/// Look at what could not be done, and have it tried again or dropped.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// List dead letters, oldest first.
    #[command(after_help = "Examples:
  cartwright dead-letters list --key $KEY
  cartwright dead-letters list --consumer mail --key $KEY
  cartwright dead-letters list --key $KEY --json | jq -r '.[].id'

The key needs the scope `ops`. Exit codes: 0 listed; 1 the shop refuses.")]
    List(ListArgs),
    /// Have a dead letter tried once more; what waits behind it follows when that succeeds.
    #[command(after_help = "Examples:
  cartwright dead-letters replay dle_06EB0S0T58M0000000000000A1 --key $KEY

`list` shows whether it was in vain. Exit codes: 0 it is tried; 1 there is no such letter, another one stands before it, or the shop
refuses.")]
    Replay(ReplayArgs),
    /// Drop a dead letter for good; what waits behind it follows.
    #[command(after_help = "Examples:
  cartwright dead-letters discard dle_06EB0S0T58M0000000000000A1 --reason 'no such mailbox' --key $KEY

Who did it and why stands in the log. Exit codes: 0 dropped; 1 there is no such letter, or the shop refuses.")]
    Discard(DiscardArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only this consumer's: `mail`, `webhook:whe_...`.
    #[arg(long)]
    consumer: Option<String>,
    #[command(flatten)]
    at: Remote,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// Which letter.
    id: String,
    #[command(flatten)]
    at: Remote,
}

#[derive(Debug, Args)]
struct DiscardArgs {
    /// Which letter.
    id: String,
    /// Why, in up to 200 characters.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    at: Remote,
}

pub(super) fn run(args: &DeadLettersArgs) -> anyhow::Result<()> {
    threads(0)?.block_on(async {
        match &args.command {
            DeadLettersCommand::List(args) => list(args).await,
            DeadLettersCommand::Replay(args) => replay(args).await,
            DeadLettersCommand::Discard(args) => discard(args).await,
        }
    })
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut client = args.at.client()?;
    let consumer = args.consumer.as_deref().map_or_else(String::new, |it| {
        let it = percent_encoding::utf8_percent_encode(it, percent_encoding::NON_ALPHANUMERIC);
        format!("&consumer={it}")
    });
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/dead-letters?limit={PAGE}{consumer}{cursor}");
        let mut page = client.get(&path).await?.ok()?;
        if let Some(items) = page["items"].as_array_mut() {
            all.append(items);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if args.at.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        println!("There are no dead letters.");
    }
    for it in &all {
        println!(
            "{}  {}  {}  {}",
            text(&it["id"]),
            text(&it["state"]),
            text(&it["consumer"]),
            text(&it["type"])
        );
        println!(
            "  key      {}  position {}",
            text(&it["key"]),
            it["position"]
        );
        println!(
            "  tried    {} times, from {} to {}",
            it["attempts"],
            text(&it["first_at"]),
            text(&it["last_at"])
        );
        println!("  cause    {}", text(&it["cause"]));
        println!("  request  {}", text(&it["correlation_id"]));
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn check_id(id: &str) -> anyhow::Result<()> {
    ensure!(
        id.starts_with("dle_"),
        "{id} is no dead letter: expected dle_ and 26 letters"
    );
    Ok(())
}

async fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    check_id(&args.id)?;
    let path = format!("/v1/dead-letters/{}/replay", args.id);
    let letter = post(&args.at, &path, &json!({})).await?;
    if args.at.json {
        println!("{}", serde_json::to_string_pretty(&letter)?);
    } else {
        println!(
            "{} is tried again by {}",
            args.id,
            text(&letter["consumer"])
        );
    }
    Ok(())
}

async fn discard(args: &DiscardArgs) -> anyhow::Result<()> {
    check_id(&args.id)?;
    let path = format!("/v1/dead-letters/{}/discard", args.id);
    let gone = post(&args.at, &path, &json!({"reason": args.reason})).await?;
    if args.at.json {
        println!("{}", serde_json::to_string_pretty(&gone)?);
    } else {
        println!("{} is discarded", args.id);
    }
    Ok(())
}

async fn post(at: &Remote, path: &str, body: &Value) -> anyhow::Result<Value> {
    let mut client = at.client()?;
    client.post(path, &body.to_string()).await?.ok()
}
