//! More buyers than units: exactly as many succeed as there are units, the others are told why, and the levels add up.

use super::super::caller::{Ask, Reply};
use super::super::found::{Looks, instead};
use super::super::goods::{Goods, Level, Status, TTL_SECONDS, text};
use super::super::plan::Random;
use super::super::stage::Stage;
use cartwright_domain::invariants::{
    EVERY_HOLD_ENDS, NEVER_OVERSOLD, NO_HOLD_ENDS_EARLY, REFUSALS_ARE_DOCUMENTED,
    UNITS_ARE_CONSERVED, WHAT_IS_RESERVED_IS_HELD, WHAT_IS_THERE_CAN_BE_HAD,
};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a hold lasts that is left to expire.
const SHORT_TTL_SECONDS: u32 = 1;
/// How often the level is looked at during the race.
const LOOK_EVERY: Duration = Duration::from_millis(2);

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("last-units", Status::Draft).await?;
    while let Some(mut random) = stage.next_round().await {
        round(stage, &goods, &mut random).await?;
    }
    expire(stage, &goods).await?;
    goods.adds_up(stage).await?;
    Ok(())
}

/// Two short holds: one is extended and stays, the other one expires, gives its unit back, and cannot be confirmed any more.
async fn expire(stage: &Stage<'_>, goods: &Goods) -> anyhow::Result<()> {
    let before = goods.receive(stage, 2).await?;
    let mut holds = Vec::new();
    for _ in 0..2 {
        let mut ask = goods.hold(1, &stage.name("hold"), false);
        if let Some(body) = &mut ask.body {
            body["ttl_seconds"] = json!(SHORT_TTL_SECONDS);
        }
        holds.push(text(&stage.write(ask).await?.ok()?["id"]));
    }
    let path = |hold: &str, verb: &str| format!("/v1/reservations/{hold}{verb}");
    let longer = json!({"ttl_seconds": TTL_SECONDS});
    let longer = Ask::post(path(&holds[1], "/extend"), longer);
    stage.write(longer).await?.ok()?;
    stage.count("holds that were left to expire", 1);
    let (expired, state) = (path(&holds[0], ""), "expired");
    stage
        .must_become(async |looks: &mut Looks| {
            let shown = stage.shop.read(&expired).await?;
            looks.must(EVERY_HOLD_ENDS, shown["state"] == state, || {
                instead(state, shown["state"].to_string()).at([&holds[0]])
            });
            Ok(())
        })
        .await?;
    let late = Ask::post(path(&holds[0], "/confirm"), json!({}));
    let late = stage.write(late).await?;
    stage.must(EVERY_HOLD_ENDS, late.status == 409, || {
        instead("409 for a confirmation after the end", late.story()).at([&holds[0]])
    });
    let kept = stage.shop.read(&path(&holds[1], "")).await?;
    stage.must(NO_HOLD_ENDS_EARLY, kept["state"] == "pending", || {
        instead("pending, as it was extended", kept["state"].to_string()).at([&holds[1]])
    });
    stage
        .write(Ask::post(path(&holds[1], "/release"), json!({})))
        .await?;
    let level = goods.level(stage.shop).await?;
    // Two holds, an expiry and a release.
    let expected = Level {
        version: before.version + 4,
        ..before
    };
    stage.must(UNITS_ARE_CONSERVED, level == expected, || {
        instead(format!("{expected:?}"), format!("{level:?}")).at([&goods.sku])
    });
    goods.clear(stage).await?;
    Ok(())
}

async fn round(stage: &Stage<'_>, goods: &Goods, random: &mut Random) -> anyhow::Result<()> {
    let units = random.within(1, 12);
    let buyers = units + random.within(5, 40);
    goods.receive(stage, units.cast_signed()).await?;
    let asks: Vec<Ask> = (0..buyers)
        .map(|_| {
            let reference = stage.name("hold");
            let ask = goods.hold(1, &reference, random.one_in(2));
            ask.key(stage.ground.key())
        })
        .collect();
    let is_over = AtomicBool::new(false);
    let race = async {
        let replies = join_all(asks.iter().map(|ask| stage.shop.send(ask))).await;
        is_over.store(true, Ordering::Relaxed);
        replies
    };
    let (replies, watched) = tokio::join!(race, watch(stage, goods, &is_over));
    watched?;
    let replies: Vec<Reply> = replies.into_iter().collect::<anyhow::Result<_>>()?;
    stage.count("units offered", units);
    stage.count("buyers", buyers);
    let holds: Vec<String> = replies
        .iter()
        .filter(|it| it.is_ok())
        .map(|it| text(&it.body["id"]))
        .collect();
    let got = holds.len() as u64;
    stage.must(NEVER_OVERSOLD, got <= units, || {
        instead(format!("{units} holds of {units} units"), format!("{got}"))
            .at(holds.iter().chain([&goods.sku]))
    });
    stage.must(WHAT_IS_THERE_CAN_BE_HAD, got >= units, || {
        let others = replies.iter().find(|it| !it.is_ok()).map(Reply::story);
        let seen = format!("{got}; one other was told {}", others.unwrap_or_default());
        instead(format!("{units} holds of {units} units"), seen).at([&goods.sku])
    });
    for reply in replies.iter().filter(|it| !it.is_ok()) {
        let fits = reply.refuses(409, "insufficient_stock") && reply.body["sku"] == goods.sku;
        stage.must(REFUSALS_ARE_DOCUMENTED, fits, || {
            instead("409 insufficient_stock with the SKU", reply.story()).at([&goods.sku])
        });
    }
    let level = goods.level(stage.shop).await?;
    level.is_sane(stage, &goods.sku);
    let held = level.reserved.cast_unsigned() == got;
    stage.must(WHAT_IS_RESERVED_IS_HELD, held, || {
        instead(format!("{got} reserved"), format!("{level:?}")).at([&goods.sku])
    });
    let confirmed = end_all(stage, &holds, random).await?;
    let expected = Level {
        on_hand: (units - confirmed).cast_signed(),
        reserved: 0,
        allocated: 0,
        available: (units - confirmed).cast_signed(),
        version: level.version + got.cast_signed(),
    };
    let level = goods.level(stage.shop).await?;
    stage.must(UNITS_ARE_CONSERVED, level == expected, || {
        instead(format!("{expected:?}"), format!("{level:?}")).at([&goods.sku])
    });
    goods.clear(stage).await?;
    Ok(())
}

/// Looks at the level all the while.
async fn watch(stage: &Stage<'_>, goods: &Goods, is_over: &AtomicBool) -> anyhow::Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        goods.level(stage.shop).await?.is_sane(stage, &goods.sku);
        stage.count("looks at the level meanwhile", 1);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Ends each hold, one way or the other, at the same moment; how many were confirmed.
async fn end_all(stage: &Stage<'_>, holds: &[String], random: &mut Random) -> anyhow::Result<u64> {
    let ends: Vec<_> = holds
        .iter()
        .map(|hold| (hold, random.one_in(2), random.one_in(3)))
        .collect();
    let ended = ends.iter().map(|(hold, confirms, doubts)| async move {
        let path = |verb: &str| format!("/v1/reservations/{hold}/{verb}");
        let (verb, state, other) = if *confirms {
            ("confirm", "confirmed", "release")
        } else {
            ("release", "released", "confirm")
        };
        let reply = stage.write(Ask::post(path(verb), json!({}))).await?;
        let fits = reply.is_ok() && reply.body["state"] == state;
        stage.must(EVERY_HOLD_ENDS, fits, || {
            instead(format!("200 and {state}"), reply.story()).at([hold])
        });
        if *doubts {
            let late = stage.write(Ask::post(path(other), json!({}))).await?;
            stage.must(
                EVERY_HOLD_ENDS,
                late.refuses(409, "reservation_final"),
                || instead("409 reservation_final", late.story()).at([hold]),
            );
        }
        anyhow::Ok(u64::from(*confirms && reply.is_ok()))
    });
    let ended = join_all(ended).await;
    stage.count("holds ended", holds.len() as u64);
    ended.into_iter().sum()
}
