//! Keys sent again: at the same moment, later, after hanging up. One effect, one reply; another body is refused.

use super::super::buying;
use super::super::caller::{Ask, Reply, short};
use super::super::found::instead;
use super::super::goods::{Goods, Status};
use super::super::plan::Random;
use super::super::stage::{Stage, whole};
use cartwright_domain::invariants::{
    A_KEY_MEANS_ONE_REQUEST, REFUSALS_ARE_DOCUMENTED, THE_SAME_KEY_IS_ONE_EFFECT,
    THE_SAME_KEY_IS_ONE_REPLY,
};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is written under a key, and where its effect shows.
struct Case {
    ask: Ask,
    other: Ask,
    /// What is looked at, and what it shows after one effect.
    path: String,
    field: &'static str,
    after_one: i64,
}

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("keys", Status::Active).await?;
    goods.receive(stage, 1_000_000).await?;
    let mut reasons = Vec::new();
    while let Some(mut random) = stage.next_round().await {
        let case = case(stage, &goods, &mut random, &mut reasons).await?;
        round(stage, &goods, &case, &mut random).await?;
    }
    // Each of those has its movement, once, in the whole history.
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let movements = goods.adds_up(stage).await?;
    for reason in movements.iter().filter_map(|it| it["reason"].as_str()) {
        *seen.entry(reason).or_default() += 1;
    }
    for reason in &reasons {
        let times = seen.get(reason.as_str()).copied().unwrap_or_default();
        stage.must(THE_SAME_KEY_IS_ONE_EFFECT, times == 1, || {
            instead("one movement", format!("{times} of reason {reason}")).at([&goods.sku])
        });
    }
    Ok(())
}

async fn case(
    stage: &Stage<'_>,
    goods: &Goods,
    random: &mut Random,
    reasons: &mut Vec<String>,
) -> anyhow::Result<Case> {
    let key = stage.ground.key();
    let quantity = random.within(1, 5).cast_signed();
    let (ask, other, path, field, more): (Ask, Ask, String, _, _) = match random.within(1, 3) {
        1 => {
            stage.count("stock adjusted", 1);
            let reason = stage.name("adjust");
            reasons.push(reason.clone());
            let ask = goods.adjust(quantity, &reason);
            let other = goods.adjust(quantity + 1, &reason);
            (ask, other, goods.path(""), "on_hand", quantity)
        }
        2 => {
            stage.count("units held", 1);
            // Two references: only the key makes the second request the first one again.
            let ask = goods.hold(quantity, &stage.name("hold"), random.one_in(2));
            let mut other = ask.clone();
            if let Some(body) = &mut other.body {
                body["ttl_seconds"] = json!(300);
            }
            (ask, other, goods.path(""), "reserved", quantity)
        }
        _ => {
            stage.count("units added to a cart", 1);
            let cart = buying::cart(stage, Some((&goods.sku, 1))).await?;
            let path = format!("/v1/carts/{}", cart.id);
            let add = |quantity: i64| {
                let body = json!({"sku": goods.sku, "quantity": quantity});
                Ask::post(format!("{path}/lines"), body)
            };
            (add(quantity), add(quantity + 1), path, "units", quantity)
        }
    };
    let before = figure(stage, &path, field).await?;
    Ok(Case {
        ask: ask.key(&key),
        other: other.key(&key),
        path,
        field,
        after_one: before + more,
    })
}

/// A figure of a thing; `units` are those of all lines of a cart.
async fn figure(stage: &Stage<'_>, path: &str, field: &str) -> anyhow::Result<i64> {
    let shown = stage.shop.read(path).await?;
    if field == "units" {
        let lines = shown["lines"].as_array().into_iter().flatten();
        return Ok(lines.map(|it| whole(&it["quantity"])).sum());
    }
    Ok(whole(&shown[field]))
}

async fn round(
    stage: &Stage<'_>,
    goods: &Goods,
    case: &Case,
    random: &mut Random,
) -> anyhow::Result<()> {
    let lost = random.within(0, 6);
    let at_once = random.within(2, 16);
    let later = random.within(1, 4);
    if random.one_in(2) {
        hang_up(stage, case, random, lost).await;
    }
    let mut racers: Vec<_> = (0..at_once).map(|_| stage.shop.send(&case.ask)).collect();
    let mut hanging = random.fork();
    let (raced, ()) = tokio::join!(
        join_all(racers.drain(..)),
        hang_up(stage, case, &mut hanging, lost)
    );
    let mut replies: Vec<Reply> = raced.into_iter().collect::<anyhow::Result<_>>()?;
    for _ in 0..later {
        replies.push(stage.shop.send(&case.ask).await?);
    }
    stage.count("repetitions at the same moment", at_once);
    stage.count("repetitions later", later);
    let ids = [case.path.clone(), goods.sku.clone()];
    let first = &replies[0];
    stage.must(REFUSALS_ARE_DOCUMENTED, first.is_ok(), || {
        instead("success", first.story()).at(&ids)
    });
    for reply in &replies {
        let same =
            (reply.status, &reply.body, &reply.etag) == (first.status, &first.body, &first.etag);
        stage.must(THE_SAME_KEY_IS_ONE_REPLY, same, || {
            let show = |it: &Reply| format!("{} {}", it.status, short(&it.body));
            instead(show(first), show(reply)).at(&ids)
        });
    }
    let fresh = replies.iter().filter(|it| !it.replayed).count();
    stage.must(THE_SAME_KEY_IS_ONE_REPLY, fresh <= 1, || {
        let expected = "at most one reply that is not marked as replayed";
        instead(expected, format!("{fresh} of {}", replies.len())).at(&ids)
    });
    let now = figure(stage, &case.path, case.field).await?;
    stage.must(THE_SAME_KEY_IS_ONE_EFFECT, now == case.after_one, || {
        let expected = format!("{} {}", case.field, case.after_one);
        instead(expected, format!("{} {now}", case.field)).at(&ids)
    });
    let refused = stage.shop.send(&case.other).await?;
    stage.count("keys with another body", 1);
    let fits = refused.refuses(409, "idempotency_key_reused");
    stage.must(A_KEY_MEANS_ONE_REQUEST, fits, || {
        instead("409 idempotency_key_reused", refused.story()).at(&ids)
    });
    Ok(())
}

/// Clients that are gone before they have read the reply, some of them before they have sent everything.
async fn hang_up(stage: &Stage<'_>, case: &Case, random: &mut Random, times: u64) {
    for _ in 0..times {
        let after = Duration::from_micros(random.within(50, 3_000));
        stage.shop.hang_up(&case.ask, after).await;
    }
    stage.count("clients that hung up", times);
}
