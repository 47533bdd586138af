//! At the end: all orders of the run together, the numbers of invoices, and, of an embedded shop, its state rebuilt from its log.

use super::found::instead;
use super::goods::text;
use super::stage::Stage;
use cartwright_domain::invariants::{
    CARTS_ARE_FREE_AGAIN, NUMBERS_HAVE_NO_GAPS, ONE_ORDER_FOR_EACH_CART, THE_LOG_MAKES_THE_STATE,
};
use std::collections::BTreeMap;

/// What this is called in the report.
pub(super) const NAME: &str = "at the end";

/// Looks at everything once more.
///
/// # Errors
/// When the shop gives no answer.
pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.rounds.store(1, std::sync::atomic::Ordering::Relaxed);
    orders(stage).await?;
    carts(stage).await?;
    if let Some(own) = stage.own {
        // Only here are all invoices the run's own.
        numbers(stage).await?;
        let (agrees, said) = own.lock().await.replay().await?;
        stage.count("state rebuilt from the log", 1);
        stage.must(THE_LOG_MAKES_THE_STATE, agrees, || {
            instead("`cartwright replay --verify --all` agrees", said)
        });
    }
    Ok(())
}

async fn orders(stage: &Stage<'_>) -> anyhow::Result<()> {
    let path = format!("/v1/orders?customer_id={}", stage.ground.customer());
    let mut standing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for order in stage.shop.list(&path).await? {
        stage.count("orders looked at", 1);
        let of = standing.entry(text(&order["cart_id"])).or_default();
        if order["state"] != "cancelled" {
            of.push(text(&order["id"]));
        }
    }
    for (cart, orders) in &standing {
        stage.must(ONE_ORDER_FOR_EACH_CART, orders.len() <= 1, || {
            instead("one order", format!("{}", orders.len()))
                .at(orders)
                .at([cart])
        });
    }
    Ok(())
}

async fn carts(stage: &Stage<'_>) -> anyhow::Result<()> {
    let path = format!("/v1/customers/{}/carts", stage.ground.customer());
    for cart in stage.shop.list(&path).await? {
        stage.count("carts looked at", 1);
        let rests = cart["state"] != "checking_out";
        stage.must(CARTS_ARE_FREE_AGAIN, rests, || {
            instead("open or ordered", cart["state"].to_string()).at([text(&cart["id"])])
        });
    }
    Ok(())
}

/// `INV-000001` and `CN-000001` count up without gaps.
async fn numbers(stage: &Stage<'_>) -> anyhow::Result<()> {
    let mut by_kind: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for document in stage.shop.list("/v1/invoices").await? {
        stage.count("invoices and credit notes looked at", 1);
        let number = text(&document["number"]);
        if let Some((kind, digits)) = number.split_once('-') {
            let digits = digits.parse().unwrap_or_default();
            by_kind.entry(kind.to_owned()).or_default().push(digits);
        }
    }
    for (kind, mut numbers) in by_kind {
        numbers.sort_unstable();
        let fits = numbers.iter().copied().eq(1..=numbers.len() as u64);
        stage.must(NUMBERS_HAVE_NO_GAPS, fits, || {
            let expected = format!("{kind}- numbers from 1 to {}", numbers.len());
            instead(expected, format!("{numbers:?}"))
        });
    }
    Ok(())
}
