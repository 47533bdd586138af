//! Something to sell: a product of the run's own with one SKU, and its stock in the run's location.

use super::caller::{Ask, Caller, Reply};
use super::found::{Looks, instead};
use super::ground::{BRAND, Ground, STORE, UNTIL};
use super::stage::{Stage, whole};
use anyhow::Context as _;
use cartwright_domain::invariants::{
    NEVER_OVERSOLD, STOCK_NEVER_NEGATIVE, UNITS_ARE_CONSERVED, VERSIONS_HAVE_NO_GAPS,
};
use serde_json::{Value, json};

/// What one unit costs, in minor units.
const PRICE: i64 = 1_000;

/// How long a hold lasts that nobody ends: longer than a round, and gone soon after a run that died.
pub(super) const TTL_SECONDS: u32 = 600;

/// Whether carts may have it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status {
    /// Can be bought, and is seen in the catalogue meanwhile.
    Active,
    /// Has stock and holds, and nobody sees it.
    Draft,
}

/// A product's only SKU.
#[derive(Debug, Clone)]
pub(super) struct Goods {
    pub(super) sku: String,
}

/// A level's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    pub(super) allocated: i64,
    pub(super) available: i64,
    pub(super) version: i64,
}

impl Level {
    pub(super) fn of(body: &Value) -> Self {
        Self {
            on_hand: whole(&body["on_hand"]),
            reserved: whole(&body["reserved"]),
            allocated: body["allocated"].as_i64().unwrap_or(0),
            available: whole(&body["available"]),
            version: whole(&body["version"]),
        }
    }

    /// Nothing below nothing, and no more promised than there is.
    pub(super) fn is_sane(self, stage: &Stage<'_>, sku: &str) {
        let figures = [self.on_hand, self.reserved, self.allocated, self.available];
        let sane = figures.iter().all(|it| *it >= 0);
        stage.must(STOCK_NEVER_NEGATIVE, sane, || {
            instead("no figure below 0", format!("{self:?}")).at([sku])
        });
        let promised = self.reserved + self.allocated;
        stage.must(NEVER_OVERSOLD, promised <= self.on_hand, || {
            let seen = format!("{promised} are: {self:?}");
            instead(format!("at most {} promised", self.on_hand), seen).at([sku])
        });
    }
}

impl Goods {
    pub(super) async fn make(
        shop: &Caller,
        ground: &Ground,
        word: &str,
        status: Status,
    ) -> anyhow::Result<Self> {
        let sku = ground.name(word);
        let status = match status {
            Status::Active => "active",
            Status::Draft => "draft",
        };
        let body = json!({
            "id": sku, "name": format!("Cartwright prove {sku} (a check, not for sale)"), "status": status, "brand": BRAND,
            "attributes": {UNTIL: ground.until.to_string()},
            "variants": [{"sku": sku, "prices": [{"amount": PRICE, "currency": ground.currency}]}],
        });
        let ask = Ask::post("/v1/products", body).key(ground.key());
        shop.send(&ask)
            .await?
            .ok()
            .context("a product cannot be made")?;
        Ok(Self { sku })
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v1/stores/{STORE}/inventory/{}{rest}", self.sku)
    }

    pub(super) fn adjust(&self, delta: i64, reason: &str) -> Ask {
        Ask::post(
            self.path("/adjust"),
            json!({"delta": delta, "reason": reason}),
        )
    }

    /// Lays so many there.
    ///
    /// # Errors
    /// When the shop refuses it.
    pub(super) async fn receive(&self, stage: &Stage<'_>, units: i64) -> anyhow::Result<Level> {
        let reply = stage.write(self.adjust(units, "prove")).await?;
        Ok(Level::of(&reply.ok().context("stock cannot be received")?))
    }

    /// A hold of so many for a while, by the level's own route or by the common one.
    pub(super) fn hold(&self, quantity: i64, reference: &str, by_level: bool) -> Ask {
        let mut body = json!({"reference": reference, "ttl_seconds": TTL_SECONDS});
        if by_level {
            body["quantity"] = json!(quantity);
            return Ask::post(self.path("/reserve"), body);
        }
        body["lines"] = json!([{"sku": self.sku, "quantity": quantity, "store": STORE}]);
        Ask::post("/v1/reservations", body)
    }

    pub(super) async fn level(&self, shop: &Caller) -> anyhow::Result<Level> {
        Ok(Level::of(&shop.read(&self.path("")).await?))
    }

    /// Takes away what is free, for the next round; whatever is still promised stays.
    pub(super) async fn clear(&self, stage: &Stage<'_>) -> anyhow::Result<Option<Reply>> {
        let level = self.level(stage.shop).await?;
        if level.available <= 0 {
            return Ok(None);
        }
        let reply = stage
            .write(self.adjust(-level.available, "prove: cleared"))
            .await?;
        Ok(Some(reply))
    }

    /// The level and all of its movements, oldest first, as of one moment: read again while somebody changes it.
    async fn history(&self, shop: &Caller) -> anyhow::Result<(Level, Vec<Value>)> {
        const TRIES: u32 = 100;
        let mut level = self.level(shop).await?;
        for _ in 0..TRIES {
            let movements = shop.list(&self.path("/movements")).await?;
            let now = self.level(shop).await?;
            if now.version == level.version {
                return Ok((level, movements));
            }
            level = now;
        }
        anyhow::bail!("the stock of {} changes all the time", self.sku)
    }

    /// Movements and level tell one story: one movement a version, running sums, and the last one is what the level shows.
    pub(super) async fn adds_up(&self, stage: &Stage<'_>) -> anyhow::Result<Vec<Value>> {
        let (level, movements) = self.history(stage.shop).await?;
        level.is_sane(stage, &self.sku);
        let mut looks = Looks::default();
        let at = |it: &Value| [self.sku.clone(), text(&it["event_id"])];
        let (mut on_hand, mut reserved) = (0, 0);
        let (mut gapless, mut conserved) = (None, None);
        for (index, movement) in movements.iter().enumerate() {
            on_hand += movement["on_hand_delta"].as_i64().unwrap_or_default();
            reserved += movement["reserved_delta"].as_i64().unwrap_or_default();
            if whole(&movement["version"]) != index as i64 + 1 {
                gapless.get_or_insert((index + 1, movement));
            }
            let shown = (whole(&movement["on_hand"]), whole(&movement["reserved"]));
            if shown != (on_hand, reserved) {
                conserved.get_or_insert((movement, on_hand, reserved));
            }
        }
        looks.must(VERSIONS_HAVE_NO_GAPS, gapless.is_none(), || {
            let (version, movement) = gapless.unwrap_or((0, &Value::Null));
            instead(
                format!("a movement of version {version}"),
                movement.to_string(),
            )
            .at(at(movement))
        });
        looks.must(UNITS_ARE_CONSERVED, conserved.is_none(), || {
            let (movement, on_hand, reserved) = conserved.unwrap_or((&Value::Null, 0, 0));
            let expected = format!("{on_hand} on hand and {reserved} reserved");
            instead(expected, movement.to_string()).at(at(movement))
        });
        let last = (level.version, level.on_hand, level.reserved);
        let sums = (movements.len() as i64, on_hand, reserved);
        looks.must(UNITS_ARE_CONSERVED, last == sums, || {
            let expected = format!(
                "version {}, {on_hand} on hand and {reserved} reserved, as the movements make it",
                sums.0
            );
            instead(expected, format!("{level:?}")).at([&self.sku])
        });
        stage.notes(looks);
        Ok(movements)
    }
}

/// A text of a reply; empty for none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
