//! One cart, several clients: a change made on an older version is refused, and no acknowledged one is lost.

use super::super::buying::{self, Cart};
use super::super::caller::Ask;
use super::super::found::instead;
use super::super::goods::{Goods, Status, text};
use super::super::plan::Random;
use super::super::stage::{Stage, whole};
use cartwright_domain::invariants::{
    ACKNOWLEDGED_IS_DURABLE, NO_UPDATE_IS_LOST, READS_ARE_FRESH, REFUSALS_ARE_DOCUMENTED,
    VERSIONS_HAVE_NO_GAPS,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How far behind a read may be.
const FRESH_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A change that a client is to make.
enum Change {
    /// One more unit of the line that all of them count up, on the version that was read.
    CountUp,
    /// A line of its own; half of them on a version.
    Add { units: i64, on_version: bool },
}

/// What one client was told.
#[derive(Default)]
struct Told {
    /// Changes that were acknowledged.
    changes: i64,
    /// How often it counted the common line up by one.
    counted: i64,
    /// Lines of its own, by the mark that they bear.
    lines: BTreeMap<String, i64>,
    conflicts: u64,
}

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("carts", Status::Active).await?;
    goods.receive(stage, 1_000_000_000).await?;
    while let Some(mut random) = stage.next_round().await {
        round(stage, &goods, &mut random).await?;
    }
    Ok(())
}

async fn round(stage: &Stage<'_>, goods: &Goods, random: &mut Random) -> anyhow::Result<()> {
    let cart = buying::cart(stage, Some((&goods.sku, 1))).await?;
    let path = format!("/v1/carts/{}", cart.id);
    let begun = stage.shop.read(&path).await?;
    let common = text(&begun["lines"][0]["id"]);
    let clients = random.within(2, 12);
    let each = random.within(2, 6);
    let changes = (0..clients).map(|_| plan(random, each));
    let changes: Vec<Vec<Change>> = changes.collect();
    let work = changes
        .iter()
        .map(|changes| client(stage, goods, &path, &common, changes));
    let told: Vec<Told> = join_all(work)
        .await
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    stage.count("clients", clients);
    stage.count(
        "changes acknowledged",
        told.iter().map(|it| it.changes.cast_unsigned()).sum(),
    );
    stage.count(
        "changes refused for their version",
        told.iter().map(|it| it.conflicts).sum(),
    );
    check(stage, &cart, &stage.shop.read(&path).await?, &common, &told);
    stage.write(Ask::delete(&path)).await?;
    Ok(())
}

fn plan(random: &mut Random, changes: u64) -> Vec<Change> {
    let change = |_| match random.one_in(2) {
        true => Change::CountUp,
        false => Change::Add {
            units: random.within(1, 9).cast_signed(),
            on_version: random.one_in(2),
        },
    };
    (0..changes).map(change).collect()
}

/// Reads, changes on the version that it has read, and reads again when somebody was faster.
async fn client(
    stage: &Stage<'_>,
    goods: &Goods,
    path: &str,
    common: &str,
    changes: &[Change],
) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let mut shown = stage.shop.read(path).await?;
    while let Some(change) = changes.get(told.changes.unsigned_abs() as usize) {
        let version = whole(&shown["version"]);
        let mark = stage.name("line");
        let ask = match change {
            Change::CountUp => {
                let so_far = quantity(&shown, |line| line["id"] == common);
                let body = json!({"quantity": so_far + 1});
                Ask::patch(format!("{path}/lines/{common}"), body).on_version(version)
            }
            Change::Add { units, on_version } => {
                let body = json!({"sku": goods.sku, "quantity": units, "metadata": {"mark": mark}});
                let ask = Ask::post(format!("{path}/lines"), body);
                if *on_version {
                    ask.on_version(version)
                } else {
                    ask
                }
            }
        };
        let reply = stage.write(ask).await?;
        if reply.is_ok() {
            told.changes += 1;
            match change {
                Change::CountUp => told.counted += 1,
                Change::Add { units, .. } => drop(told.lines.insert(mark, *units)),
            }
            shown = reply.body;
            continue;
        }
        let fits = reply.refuses(409, "version_conflict");
        stage.must(REFUSALS_ARE_DOCUMENTED, fits, || {
            instead("409 version_conflict", reply.story()).at([path])
        });
        anyhow::ensure!(fits, "a change of {path} was answered {}", reply.story());
        told.conflicts += 1;
        let current = whole(&reply.body["current_version"]);
        stage.must(REFUSALS_ARE_DOCUMENTED, current > version, || {
            let seen = reply.body["current_version"].to_string();
            instead(format!("a current_version after {version}"), seen).at([path])
        });
        shown = read_at_least(stage, path, current).await?;
    }
    Ok(told)
}

/// The cart as of this version or a later one: another process of the shop may be a moment behind, but not for long.
async fn read_at_least(stage: &Stage<'_>, path: &str, version: i64) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        let shown = stage.shop.read(path).await?;
        let is_fresh = whole(&shown["version"]) >= version;
        if is_fresh || begun.elapsed() > FRESH_WITHIN {
            stage.must(READS_ARE_FRESH, is_fresh, || {
                let expected = format!("version {version} or later within {FRESH_WITHIN:?}");
                instead(expected, shown["version"].to_string()).at([path])
            });
            anyhow::ensure!(is_fresh, "reads of {path} stay behind");
            return Ok(shown);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn quantity(cart: &Value, which: impl Fn(&Value) -> bool) -> i64 {
    let lines = cart["lines"].as_array().into_iter().flatten();
    lines
        .filter(|it| which(it))
        .map(|it| whole(&it["quantity"]))
        .sum()
}

fn check(stage: &Stage<'_>, cart: &Cart, now: &Value, common: &str, told: &[Told]) {
    let ids = [&cart.id];
    let changes: i64 = told.iter().map(|it| it.changes).sum();
    let version = cart.version + changes;
    stage.must(VERSIONS_HAVE_NO_GAPS, now["version"] == version, || {
        let expected = format!("version {version} after {changes} changes");
        instead(expected, now["version"].to_string()).at(ids)
    });
    let counted = 1 + told.iter().map(|it| it.counted).sum::<i64>();
    let shown = quantity(now, |line| line["id"] == common);
    stage.must(NO_UPDATE_IS_LOST, shown == counted, || {
        let expected = format!("{counted} units of the line that all counted up");
        instead(expected, format!("{shown}")).at(ids)
    });
    for (mark, units) in told.iter().flat_map(|it| &it.lines) {
        let shown = quantity(now, |line| line["metadata"]["mark"] == mark.as_str());
        stage.must(ACKNOWLEDGED_IS_DURABLE, shown == *units, || {
            instead(format!("{units} units of {mark}"), format!("{shown}")).at(ids)
        });
    }
}
