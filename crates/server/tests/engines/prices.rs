//! Somebody who changes a price at one door and looks at another: what was acknowledged is seen everywhere, whatever keeps copies.

use serde_json::json;

use crate::client::{Client, Load};
use crate::support::{Request, Shop, fresh, whole};

/// Products whose prices change.
const PRODUCTS: usize = 6;
/// What they cost when they are made.
const FIRST: i64 = 1_000;

/// SKUs, and what their prices were raised to.
#[derive(Debug)]
pub(crate) struct Prices(Vec<(String, i64)>);

impl Prices {
    pub(crate) fn set(shop: &Shop) -> Self {
        Self((0..PRODUCTS).map(|_| (shop.product().sku, FIRST)).collect())
    }
}

/// One price after the other, until the round stops.
pub(crate) fn work(load: &Load, mut prices: Prices) -> Prices {
    let (mut writer, mut reader) = (load.client(), load.client());
    for round in (0..).take_while(|_| !load.stops()) {
        let (sku, amount) = &mut prices.0[round % PRODUCTS];
        let path = format!("/v1/variants/{sku}");
        *amount += 1;
        // A version for the product, then one for each price.
        let version = *amount - FIRST;
        let put = load.request("PUT", &format!("{path}/prices/USD")).admin();
        let put = put.if_match(version).idempotency_key(&fresh("price"));
        let answer = writer.insist(put.json(json!({"amount": *amount})));
        let answer = answer.is(200);
        let position = answer.header("position").expect("a position").to_owned();
        let look = load.request("GET", &path);
        let seen = price(&mut reader, look.header("Min-Position", &position));
        assert_eq!(seen, *amount, "reads-are-fresh: {path}");
    }
    prices
}

fn price(client: &mut Client, look: Request) -> i64 {
    let seen = client.read(&look).ok();
    whole(&seen["prices"][0]["amount"])
}

/// Once all rests: at every process they are what they were raised to.
pub(crate) fn check(shops: &[Shop], prices: &Prices) {
    for shop in shops {
        for (sku, amount) in &prices.0 {
            let seen = shop.get(&format!("/v1/variants/{sku}")).send().ok();
            assert_eq!(
                seen["prices"][0]["amount"], *amount,
                "acknowledged-is-durable: {seen}"
            );
        }
    }
}
