//! `kill -9` in the middle of writes and purchases: every acknowledged write is there, what was not acknowledged can be repeated with
//! one effect, and every purchase ends.

use super::super::buying::{self, Purchase};
use super::super::caller::{Ask, Reply};
use super::super::found::{Looks, instead};
use super::super::goods::{Goods, Status, text};
use super::super::own::Own;
use super::super::plan::Random;
use super::super::stage::{Stage, whole};
use anyhow::Context as _;
use cartwright_domain::invariants::{
    ACKNOWLEDGED_IS_DURABLE, EVERY_HOLD_ENDS, REFUSALS_ARE_DOCUMENTED, THE_SAME_KEY_IS_ONE_EFFECT,
    THE_SAME_KEY_IS_ONE_REPLY, THE_STORE_CAN_BE_READ, WHAT_IS_ALLOCATED_IS_ORDERED,
    WHAT_IS_RESERVED_IS_HELD,
};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WRITERS: usize = 6;
const UNITS: i64 = 1_000_000;
/// How long a kill waits at most for the first answers.
const ANSWERS_WITHIN_MS: u32 = 10_000;

/// What a write leaves behind.
#[derive(Debug, Clone)]
enum Effect {
    /// A movement with this reason.
    Adjusted { reason: String, delta: i64 },
    /// A hold with this reference.
    Held { reference: String, quantity: i64 },
    /// A line with this mark in the writer's cart.
    Added { mark: String, units: i64 },
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Adjusted { reason, delta } => write!(f, "{delta:+} units, reason {reason}"),
            Self::Held {
                reference,
                quantity,
            } => write!(f, "a hold of {quantity} units, reference {reference}"),
            Self::Added { mark, units } => write!(f, "a line of {units} units, mark {mark}"),
        }
    }
}

/// A write, and what its writer was told; nothing when the shop was gone.
#[derive(Debug)]
struct Deed {
    ask: Ask,
    effect: Effect,
    told: Option<Reply>,
}

/// What a writer works on and did.
#[derive(Debug)]
struct Writer {
    cart: String,
    deeds: Vec<Deed>,
}

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let own = stage.own.context("only an embedded shop is killed")?;
    let mut longest = Duration::ZERO;
    while let Some(mut random) = stage.next_round().await {
        let took = round(stage, own, &mut random).await?;
        longest = longest.max(took);
    }
    stage.count(
        "milliseconds until ready again, at most",
        u64::try_from(longest.as_millis()).unwrap_or(u64::MAX),
    );
    Ok(())
}

async fn round(
    stage: &Stage<'_>,
    own: &tokio::sync::Mutex<Own>,
    random: &mut Random,
) -> anyhow::Result<Duration> {
    let goods = stage.goods("kills", Status::Active).await?;
    goods.receive(stage, UNITS).await?;
    let short = match random.one_in(3) {
        true => Some(short_hold(stage, &goods).await?),
        false => None,
    };
    let carts = try_join_all((0..WRITERS).map(|_| buying::cart(stage, None))).await?;
    let purchases = random.within(2, 6);
    let purchases = (0..purchases).map(|_| Purchase::open(stage, &goods.sku, 1));
    let purchases: Vec<Purchase> = try_join_all(purchases).await?;
    if let Some(gateway) = stage.gateway {
        for it in &purchases {
            let (op, delay) = (
                *random.one_of(&["authorize", "capture"]),
                random.within(1, 250),
            );
            gateway.fault(op, "delay", &it.cart, 1, delay).await?;
        }
    }
    let keys: Vec<_> = purchases.iter().map(|_| stage.ground.key()).collect();
    let answers = AtomicU64::new(0);
    let work = carts
        .iter()
        .map(|cart| write(stage, &goods, cart.id.clone(), random.fork(), &answers));
    let work: Vec<_> = work.collect();
    let buys: Vec<_> = purchases
        .iter()
        .zip(&keys)
        .map(|(it, key)| it.complete(key, stage.card))
        .collect();
    let paying = join_all(buys.iter().map(|ask| stage.shop.once(ask)));
    let moment = Duration::from_millis(random.within(5, 400));
    let twice = random
        .one_in(3)
        .then(|| Duration::from_millis(random.within(0, 120)));
    let kill = async {
        tokio::time::sleep(moment).await;
        // A shop that has answered nothing has nothing to lose.
        for _ in 0..ANSWERS_WITHIN_MS {
            if answers.load(Ordering::Relaxed) >= WRITERS as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        own.lock().await.kill();
    };
    let (writers, paid, ()) = tokio::join!(join_all(work), paying, kill);
    stage.count("kills", 1);
    if let Some(after) = twice {
        stage.count("kills while starting again", 1);
        own.lock().await.start_and_kill(after).await?;
    }
    let restarted = own.lock().await.restart().await;
    stage.must(THE_STORE_CAN_BE_READ, restarted.is_ok(), || {
        let why = restarted.as_ref().err().map(|it| format!("{it:#}"));
        instead("it starts again", why.unwrap_or_default())
    });
    let took = restarted?;
    if let Some(hold) = short {
        expires(stage, &hold).await?;
    }
    let held = account(stage, &goods, &writers).await?;
    let ends = purchases.iter().enumerate().map(|(index, it)| {
        let told = paid[index].as_ref().ok();
        purchased(stage, it, &keys[index], told)
    });
    let sold: i64 = try_join_all(ends).await?.into_iter().sum();
    stage.count("purchases under way", purchases.len() as u64);
    let level = goods.level(stage.shop).await?;
    stage.must(WHAT_IS_RESERVED_IS_HELD, level.reserved == held, || {
        instead(format!("{held} reserved"), format!("{level:?}")).at([&goods.sku])
    });
    stage.must(
        WHAT_IS_ALLOCATED_IS_ORDERED,
        level.allocated == sold,
        || instead(format!("{sold} allocated"), format!("{level:?}")).at([&goods.sku]),
    );
    Ok(took)
}

/// A hold whose time is over soon, wherever the shop is by then.
async fn short_hold(stage: &Stage<'_>, goods: &Goods) -> anyhow::Result<String> {
    let mut ask = goods.hold(1, &stage.name("hold"), false);
    if let Some(body) = &mut ask.body {
        body["ttl_seconds"] = json!(1);
    }
    Ok(text(&stage.write(ask).await?.ok()?["id"]))
}

/// A shop that was started again still knows which holds it must end.
async fn expires(stage: &Stage<'_>, hold: &str) -> anyhow::Result<()> {
    stage.count("holds that expired after the restart", 1);
    let path = format!("/v1/reservations/{hold}");
    stage
        .must_become(async |looks: &mut Looks| {
            let shown = stage.shop.read(&path).await?;
            looks.must(EVERY_HOLD_ENDS, shown["state"] == "expired", || {
                instead("expired", shown["state"].to_string()).at([hold])
            });
            Ok(())
        })
        .await
}

/// Writes until the shop is gone.
async fn write(
    stage: &Stage<'_>,
    goods: &Goods,
    cart: String,
    mut random: Random,
    answers: &AtomicU64,
) -> Writer {
    const LINES: usize = 450;
    let mut deeds = Vec::new();
    let mut lines = 0;
    loop {
        let amount = random.within(1, 5).cast_signed();
        let (ask, effect) = match random.within(1, 3) {
            1 => {
                let reason = stage.name("adjust");
                let ask = goods.adjust(amount, &reason);
                (
                    ask,
                    Effect::Adjusted {
                        reason,
                        delta: amount,
                    },
                )
            }
            2 if lines < LINES => {
                lines += 1;
                let mark = stage.name("line");
                let body =
                    json!({"sku": goods.sku, "quantity": amount, "metadata": {"mark": mark}});
                let ask = Ask::post(format!("/v1/carts/{cart}/lines"), body);
                (
                    ask,
                    Effect::Added {
                        mark,
                        units: amount,
                    },
                )
            }
            _ => {
                let reference = stage.name("hold");
                let ask = goods.hold(amount, &reference, random.one_in(2));
                (
                    ask,
                    Effect::Held {
                        reference,
                        quantity: amount,
                    },
                )
            }
        };
        let ask = ask.key(stage.ground.key());
        let told = stage.shop.once(&ask).await.ok();
        let is_gone = told.is_none();
        deeds.push(Deed { ask, effect, told });
        if is_gone {
            return Writer { cart, deeds };
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Holds the shop to what it told its writers; how many units their holds have.
async fn account(stage: &Stage<'_>, goods: &Goods, writers: &[Writer]) -> anyhow::Result<i64> {
    let deeds = || writers.iter().flat_map(|it| &it.deeds);
    let done = deeds().filter(|it| it.told.as_ref().is_some_and(Reply::is_ok));
    stage.count("writes acknowledged", done.count() as u64);
    let shown = Shown::read(stage, goods, writers).await?;
    for deed in deeds() {
        let times = shown.times(&deed.effect);
        let Some(told) = &deed.told else {
            stage.must(THE_SAME_KEY_IS_ONE_EFFECT, times <= 1, || {
                let expected = format!("at most once, as it had no answer: {}", deed.effect);
                instead(expected, format!("{times} times")).at([&goods.sku])
            });
            continue;
        };
        stage.must(REFUSALS_ARE_DOCUMENTED, told.is_ok(), || {
            instead("success", told.story()).at([&goods.sku])
        });
        let expected = usize::from(told.is_ok());
        stage.must(ACKNOWLEDGED_IS_DURABLE, times == expected, || {
            let what = match expected {
                1 => format!("once, as it was acknowledged: {}", deed.effect),
                _ => format!("never, as it was refused: {}", deed.effect),
            };
            instead(what, format!("{times} times")).at([&goods.sku])
        });
    }
    // What had no answer is sent again with its key, and so is what had the last one.
    let last = |it: &'_ Writer| it.deeds.len().saturating_sub(2);
    let again = writers.iter().flat_map(|it| &it.deeds[last(it)..]);
    try_join_all(again.map(|it| repeat(stage, goods, it))).await?;
    let shown = Shown::read(stage, goods, writers).await?;
    let mut held = 0;
    for deed in deeds() {
        let times = shown.times(&deed.effect);
        stage.must(THE_SAME_KEY_IS_ONE_EFFECT, times == 1, || {
            let expected = format!("once, after a repetition: {}", deed.effect);
            instead(expected, format!("{times} times")).at([&goods.sku])
        });
        if let Effect::Held { quantity, .. } = &deed.effect {
            held += quantity;
        }
    }
    Ok(held)
}

/// Sends a write again with its key.
async fn repeat(stage: &Stage<'_>, goods: &Goods, deed: &Deed) -> anyhow::Result<()> {
    let reply = stage.shop.send(&deed.ask).await?;
    stage.count("writes sent again after the restart", 1);
    match &deed.told {
        Some(told) => {
            let same = (told.status, &told.body) == (reply.status, &reply.body);
            stage.must(THE_SAME_KEY_IS_ONE_REPLY, same, || {
                instead(told.story(), reply.story()).at([&goods.sku])
            });
        }
        None => stage.must(REFUSALS_ARE_DOCUMENTED, reply.is_ok(), || {
            instead("success", reply.story()).at([&goods.sku])
        }),
    }
    Ok(())
}

/// What the shop shows of the writers' work.
struct Shown {
    movements: Vec<Value>,
    carts: Vec<Value>,
}

impl Shown {
    async fn read(stage: &Stage<'_>, goods: &Goods, writers: &[Writer]) -> anyhow::Result<Self> {
        let paths: Vec<_> = writers
            .iter()
            .map(|it| format!("/v1/carts/{}", it.cart))
            .collect();
        Ok(Self {
            movements: goods.adds_up(stage).await?,
            carts: try_join_all(paths.iter().map(|it| stage.shop.read(it))).await?,
        })
    }

    /// How often an effect is there.
    fn times(&self, effect: &Effect) -> usize {
        let moved = |field: &str, name: &str, delta: &str, units: i64| {
            let named = self.movements.iter().filter(|it| it[field] == name);
            named.filter(|it| whole(&it[delta]) == units).count()
        };
        match effect {
            Effect::Adjusted { reason, delta } => moved("reason", reason, "on_hand_delta", *delta),
            Effect::Held {
                reference,
                quantity,
            } => moved("reference", reference, "reserved_delta", *quantity),
            Effect::Added { mark, units } => {
                let lines = self.carts.iter().flat_map(|it| it["lines"].as_array());
                let marked = lines
                    .flatten()
                    .filter(|it| it["metadata"]["mark"] == mark.as_str());
                marked.filter(|it| whole(&it["quantity"]) == *units).count()
            }
        }
    }
}

/// A purchase that was under way ends, and under its key its buyer is told how; the units that it took.
async fn purchased(
    stage: &Stage<'_>,
    it: &Purchase,
    key: &str,
    told: Option<&Reply>,
) -> anyhow::Result<i64> {
    let reply = it.buy(stage, key, stage.card).await?;
    let ended = it.ends_well(stage).await?;
    let order = text(&ended["order_id"]);
    let fits = reply.status == 200 && reply.body["order_id"] == order.as_str();
    stage.must(ACKNOWLEDGED_IS_DURABLE, fits, || {
        instead(format!("200 and order {order:?}"), reply.story()).at([&it.checkout])
    });
    if let Some(told) = told.filter(|it| it.status == 200) {
        stage.must(
            ACKNOWLEDGED_IS_DURABLE,
            told.body["order_id"] == order.as_str(),
            || {
                let expected = format!("order {}, as was told before", told.body["order_id"]);
                instead(expected, format!("order {order:?}")).at([&it.checkout])
            },
        );
    }
    Ok(i64::from(!order.is_empty()))
}
