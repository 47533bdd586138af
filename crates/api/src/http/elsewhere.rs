//! Carts are checked against what another process says that can be had (VAL-2, VAL-3).

use cartwright_app::Fault;
use cartwright_app::carts::{Place, Stock, stock_elsewhere};
use cartwright_app::ports::inventory::{Asked, Inventory, Way};
use cartwright_domain::Country;
use cartwright_domain::inventory::Held;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The process that serves the inventory role, and what is done when it does not answer.
#[allow(missing_debug_implementations, reason = "holds a trait object")]
pub struct Elsewhere {
    inventory: Arc<dyn Inventory>,
    /// Whether a line goes unchecked where nobody says what can be had; the hold at checkout decides all the same.
    pub(super) fails_open: bool,
    checked: AtomicU64,
    unchecked: AtomicU64,
    refused: AtomicU64,
}

impl Elsewhere {
    /// Asks there; `fails_open` says whether lines go unchecked when there is no answer, or are refused.
    pub fn new(inventory: Arc<dyn Inventory>, fails_open: bool) -> Self {
        Self {
            inventory,
            fails_open,
            checked: AtomicU64::new(0),
            unchecked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Availability of some places.
    ///
    /// Errors: [`Fault`] when there is no answer.
    pub(super) async fn stock(
        &self,
        places: Vec<Place>,
        country: Country,
        own: &[Held],
        asking: &Asked,
    ) -> Result<Stock, Fault> {
        if places.is_empty() {
            return Ok(Stock::default());
        }
        let stock = stock_elsewhere(&*self.inventory, places, country, own, asking).await?;
        self.checked.fetch_add(1, Ordering::Relaxed);
        Ok(stock)
    }

    /// Whether to go on without an answer; counted, and logged as degraded.
    pub(super) fn goes_on(&self, fault: Fault, request_id: &str) -> Result<Stock, Fault> {
        if self.fails_open {
            self.unchecked.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%fault, request_id, degraded = true, "the inventory role does not answer; lines go unchecked");
            return Ok(Stock::default());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%fault, request_id, "the inventory role does not answer; lines are refused");
        Err(fault)
    }

    pub(super) fn way(&self) -> Way {
        self.inventory.way()
    }

    /// Results and their counts, for metrics.
    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("checked", read(&self.checked)),
            ("unchecked", read(&self.unchecked)),
            ("refused", read(&self.refused)),
        ]
    }
}
