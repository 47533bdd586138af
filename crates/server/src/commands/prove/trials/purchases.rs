//! More carts than units: no more are paid for than there are units, the money is where the orders are, and cancelled ones pay it back.

use super::super::buying::{Purchase, is_provider_away};
use super::super::caller::{Ask, Reply};
use super::super::found::{Looks, instead};
use super::super::goods::{Goods, Status, text};
use super::super::plan::Random;
use super::super::stage::Stage;
use cartwright_domain::invariants::{
    ACKNOWLEDGED_IS_DURABLE, NEVER_OVERSOLD, REFUSALS_ARE_DOCUMENTED, WHAT_IS_ALLOCATED_IS_ORDERED,
    WHAT_IS_THERE_CAN_BE_HAD,
};
use futures_util::future::{join_all, try_join_all};
use serde_json::json;

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("purchases", Status::Active).await?;
    let mut allocated = 0;
    while let Some(mut random) = stage.next_round().await {
        allocated = round(stage, &goods, allocated, &mut random).await?;
    }
    goods.adds_up(stage).await?;
    Ok(())
}

/// `allocated`: units that stand in orders of earlier rounds; returns those after this one.
async fn round(
    stage: &Stage<'_>,
    goods: &Goods,
    allocated: i64,
    random: &mut Random,
) -> anyhow::Result<i64> {
    let units = random.within(1, 8).cast_signed();
    let buyers = units.cast_unsigned() + random.within(1, 10);
    let has_bad_cards = stage.gateway.is_some() && random.one_in(2);
    // Carts are filled while there is plenty, so that all of them get to the till.
    goods.receive(stage, 1_000).await?;
    let open = (0..buyers).map(|_| Purchase::open(stage, &goods.sku, 1));
    let carts: Vec<Purchase> = try_join_all(open).await?;
    let left = stage
        .write(goods.adjust(units - 1_000, "prove: the last units"))
        .await?;
    left.ok()?;
    let cards: Vec<&str> = (0..buyers)
        .map(|_| {
            if has_bad_cards && random.one_in(3) {
                *random.one_of(&["tok_declined", "tok_expired", "tok_insufficient_funds"])
            } else {
                stage.card
            }
        })
        .collect();
    let keys: Vec<_> = carts.iter().map(|_| stage.ground.key()).collect();
    let buy = (0..carts.len()).map(|i| carts[i].buy(stage, &keys[i], cards[i]));
    let replies: Vec<Reply> = join_all(buy)
        .await
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    let ended = try_join_all(carts.iter().map(|it| it.ends_well(stage))).await?;
    let orders: Vec<String> = ended
        .iter()
        .map(|it| text(&it["order_id"]))
        .filter(|it| !it.is_empty())
        .collect();
    let sold = orders.len() as i64;
    stage.count("units offered", units.cast_unsigned());
    stage.count("buyers at the till", buyers);
    stage.count("orders", orders.len() as u64);
    for ((reply, it), card) in replies.iter().zip(&ended).zip(&cards) {
        told(stage, reply, &text(&it["id"]), text(&it["order_id"]), card);
    }
    stage.must(NEVER_OVERSOLD, sold <= units, || {
        instead(
            format!("at most {units} orders of {units} units"),
            format!("{sold}"),
        )
        .at(&orders)
    });
    let is_away = replies.iter().any(is_provider_away);
    if !has_bad_cards && !is_away {
        stage.must(WHAT_IS_THERE_CAN_BE_HAD, sold >= units, || {
            instead(
                format!("{units} orders of {units} units"),
                format!("{sold}"),
            )
            .at(&orders)
        });
    }
    let given_up: Vec<_> = orders.iter().filter(|_| random.one_in(3)).collect();
    try_join_all(given_up.iter().map(|it| cancel(stage, it))).await?;
    stage.count("orders cancelled and paid back", given_up.len() as u64);
    try_join_all(carts.iter().map(|it| it.ends_well(stage))).await?;
    let standing = allocated + sold - given_up.len() as i64;
    stage
        .must_become(async |looks: &mut Looks| {
            let level = goods.level(stage.shop).await?;
            let fits = level.allocated == standing && level.reserved == 0;
            looks.must(WHAT_IS_ALLOCATED_IS_ORDERED, fits, || {
                let expected = format!("{standing} allocated and none reserved");
                instead(expected, format!("{level:?}")).at([&goods.sku])
            });
            Ok(())
        })
        .await?;
    let level = goods.level(stage.shop).await?;
    level.is_sane(stage, &goods.sku);
    let too_much = goods.adjust(-(level.available + 1), "prove: more than is free");
    let refused = stage.write(too_much).await?;
    let fits = refused.refuses(409, "insufficient_stock");
    stage.must(NEVER_OVERSOLD, fits, || {
        let expected = "what orders have cannot be taken away: 409 insufficient_stock";
        instead(expected, refused.story()).at([&goods.sku])
    });
    goods.clear(stage).await?;
    Ok(standing)
}

/// What a buyer was told is how it ended.
fn told(stage: &Stage<'_>, reply: &Reply, checkout: &str, order: String, card: &str) {
    if reply.is_ok() && reply.status != 202 {
        let fits = !order.is_empty() && reply.body["order_id"] == order.as_str();
        stage.must(ACKNOWLEDGED_IS_DURABLE, fits, || {
            let expected = format!("order {}", reply.body["order_id"]);
            instead(expected, format!("order {order:?}")).at([checkout])
        });
        return;
    }
    let no_stock = reply.refuses(409, "insufficient_stock");
    let declined =
        reply.refuses(409, "payment_declined") && (card != stage.card || is_provider_away(reply));
    let is_said = (no_stock || declined) && order.is_empty();
    stage.must(REFUSALS_ARE_DOCUMENTED, is_said, || {
        let expected = "409 insufficient_stock, or payment_declined for a bad card, and no order";
        instead(expected, format!("{}; order {order:?}", reply.story())).at([checkout])
    });
}

async fn cancel(stage: &Stage<'_>, order: &str) -> anyhow::Result<()> {
    let path = format!("/v1/orders/{order}/cancel");
    let reply = stage.write(Ask::post(path, json!({}))).await?;
    stage.must(REFUSALS_ARE_DOCUMENTED, reply.is_ok(), || {
        instead("an order that has not left can be cancelled", reply.story()).at([order])
    });
    Ok(())
}
