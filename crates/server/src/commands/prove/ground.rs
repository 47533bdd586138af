//! The names of a run: everything that it makes in a shop bears them, so that it touches nothing else and finds its own again.

use super::caller::{Ask, Caller};
use anyhow::Context as _;
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random as _;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the ids of all runs begin with.
pub(super) const PREFIX: &str = "prove-";
/// The brand of every product of a run, by which left ones are found.
pub(super) const BRAND: &str = "cartwright-prove";
/// The location that holds the stock of all runs. There is no way to remove a location, so it is made once and stays.
pub(super) const STORE: &str = "cartwright-prove";
/// The attribute of every product that says when its run is surely over.
pub(super) const UNTIL: &str = "prove_until";
/// Letters of a run's name.
const RUN_LETTERS: usize = 8;

/// One run's names, and what its carts are made of.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) run: String,
    pub(super) currency: String,
    pub(super) country: String,
    /// When it is surely over, in seconds since 1970: until then nobody takes what it makes for left behind.
    pub(super) until: i64,
    next: AtomicU64,
}

impl Ground {
    /// Takes the shop's own default currency and country, and makes the location if there is none.
    ///
    /// # Errors
    /// When the shop refuses it: the key may not do enough.
    pub(super) async fn new(shop: &Caller, until: i64) -> anyhow::Result<Self> {
        let mut drawn = [0; 16];
        SystemRandom.fill(&mut drawn);
        let mut run = format!("{:032x}", u128::from_be_bytes(drawn));
        run.truncate(RUN_LETTERS);
        let mut ground = Self {
            run,
            currency: String::new(),
            country: String::new(),
            until,
            next: AtomicU64::new(1),
        };
        let body = json!({"customer_id": ground.customer()});
        let ask = Ask::post("/v1/carts", body).key(ground.key());
        let cart = shop
            .send(&ask)
            .await?
            .ok()
            .context("no cart can be made (is it an admin key?)")?;
        ground.currency = cart["currency"].as_str().unwrap_or("USD").to_owned();
        ground.country = cart["country"].as_str().unwrap_or("US").to_owned();
        ground.location(shop).await?;
        Ok(ground)
    }

    async fn location(&self, shop: &Caller) -> anyhow::Result<()> {
        let path = format!("/v1/stores/{STORE}");
        if shop.send(&Ask::get(&path)).await?.is_ok() {
            return Ok(());
        }
        let body = json!({"name": "Cartwright prove (for checks, nothing real)", "kind": "warehouse",
                          "country": self.country, "ships_to": ["*"]});
        let made = shop.send(&Ask::put(&path, body).key(self.key())).await?;
        made.ok()
            .context("the location for the run's stock cannot be made (is it an admin key?)")?;
        Ok(())
    }

    /// Whose carts and orders all of this run's are.
    pub(super) fn customer(&self) -> String {
        customer_of(&self.run)
    }

    /// A name that nobody has used before.
    pub(super) fn name(&self, word: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{PREFIX}{}-{word}-{number}", self.run)
    }

    /// A key that nobody has used before.
    pub(super) fn key(&self) -> String {
        self.name("key")
    }
}

/// The customer of a run.
pub(super) fn customer_of(run: &str) -> String {
    format!("{PREFIX}{run}")
}

/// The run that a product's id belongs to.
pub(super) fn run_of(product: &str) -> Option<&str> {
    let (run, _) = product.strip_prefix(PREFIX)?.split_once('-')?;
    (run.len() == RUN_LETTERS).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::run_of;

    #[test]
    fn a_run_is_known_by_its_products_and_nothing_else_is_taken_for_one() {
        assert_eq!(run_of("prove-0a1b2c3d-carts-4"), Some("0a1b2c3d"));
        for other in [
            "prove-it-album-4",
            "proven-0a1b2c3d-x",
            "tent",
            "prove-0a1b2c3d",
        ] {
            assert_eq!(run_of(other), None, "{other}");
        }
    }
}
