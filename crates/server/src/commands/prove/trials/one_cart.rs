//! One cart and up to fifty payers: one order, one capture, whatever keys they use.

use super::super::buying::{Purchase, is_provider_away};
use super::super::caller::Reply;
use super::super::found::instead;
use super::super::goods::{Goods, Status, text};
use super::super::plan::Random;
use super::super::stage::Stage;
use cartwright_domain::invariants::{
    ONE_ORDER_FOR_EACH_CART, REFUSALS_ARE_DOCUMENTED, THE_SAME_KEY_IS_ONE_REPLY,
    WHAT_IS_ALLOCATED_IS_ORDERED,
};
use futures_util::future::join_all;
use std::collections::BTreeSet;

const UNITS: i64 = 1_000_000;

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("one-cart", Status::Active).await?;
    goods.receive(stage, UNITS).await?;
    let mut sold = 0;
    while let Some(mut random) = stage.next_round().await {
        sold += round(stage, &goods, &mut random).await?;
    }
    let level = goods.level(stage.shop).await?;
    level.is_sane(stage, &goods.sku);
    let fits = level.allocated == sold && level.reserved == 0;
    stage.must(WHAT_IS_ALLOCATED_IS_ORDERED, fits, || {
        let expected = format!("{sold} allocated and none reserved");
        instead(expected, format!("{level:?}")).at([&goods.sku])
    });
    Ok(())
}

/// How many units were sold.
async fn round(stage: &Stage<'_>, goods: &Goods, random: &mut Random) -> anyhow::Result<i64> {
    let units = random.within(1, 3).cast_signed();
    let payers = random.within(2, 50);
    let by_one_key = random.one_in(2);
    // A provider's answer that is lost after the card was charged; only where that is the simulated one.
    let loses = stage.gateway.is_some() && random.one_in(4);
    let declines = stage.gateway.is_some() && random.one_in(6);
    let it = Purchase::open(stage, &goods.sku, units).await?;
    if let (true, Some(gateway)) = (loses, stage.gateway) {
        let op = *random.one_of(&["authorize", "capture"]);
        gateway.fault(op, "close_after", &it.cart, 1, 0).await?;
        stage.count("answers of the provider lost", 1);
    }
    let card = if declines { "tok_declined" } else { stage.card };
    let one = stage.ground.key();
    let keys: Vec<_> = (0..payers)
        .map(|_| {
            if by_one_key {
                one.clone()
            } else {
                stage.ground.key()
            }
        })
        .collect();
    let replies = join_all(keys.iter().map(|key| it.buy(stage, key, card))).await;
    let replies: Vec<Reply> = replies.into_iter().collect::<anyhow::Result<_>>()?;
    stage.count("carts", 1);
    stage.count("payers", payers);
    stage.count("rounds with one key for all", u64::from(by_one_key));
    let checkout = it.ends_well(stage).await?;
    let ids = [&it.checkout, &it.cart];
    let stories: BTreeSet<_> = replies
        .iter()
        .map(|it| {
            (
                it.status,
                text(&it.body["order_id"]),
                text(&it.body["code"]),
            )
        })
        .collect();
    if by_one_key {
        stage.must(THE_SAME_KEY_IS_ONE_REPLY, stories.len() == 1, || {
            instead("one reply for all", format!("{stories:?}")).at(ids)
        });
    }
    if declines || replies.iter().all(is_provider_away) {
        // Those who came after a declined attempt may have begun one more; nobody may get an order.
        for reply in &replies {
            let fits = reply.status == 409 || reply.status == 429;
            stage.must(REFUSALS_ARE_DOCUMENTED, fits, || {
                instead("409 payment_declined", reply.story()).at(ids)
            });
        }
        return Ok(0);
    }
    let order = text(&checkout["order_id"]);
    let served = replies.iter().filter(|it| !is_provider_away(it));
    let orders: BTreeSet<_> = served.map(|it| text(&it.body["order_id"])).collect();
    let is_one = !order.is_empty() && orders.len() == 1 && orders.contains(&order);
    stage.must(ONE_ORDER_FOR_EACH_CART, is_one, || {
        let expected = format!("every payer is told of the same order, {order}");
        instead(expected, format!("{stories:?}")).at(ids)
    });
    Ok(if order.is_empty() { 0 } else { units })
}
