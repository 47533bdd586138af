//! How much is handled at once, and how much one address may ask (RES-2). Both are off unless configured.

use super::rate::Rates;
use crate::problem::Problem;
use cartwright_app::Fault;
use smol_str::format_smolstr;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What every request passes before it is looked at.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Option<Arc<Semaphore>>,
    waiting: AtomicUsize,
    max_waiting: usize,
    addresses: Option<Rates>,
}

/// A place among those that are handled at once.
pub type Slot = OwnedSemaphorePermit;

/// Counts one that waits, for as long as it does.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    /// `concurrent` requests at once and `max_waiting` behind them; `address_rps` requests a second of one address, and as
    /// many at once. 0: any number.
    pub(crate) fn new(concurrent: usize, max_waiting: usize, address_rps: u32) -> Self {
        Self {
            slots: (concurrent > 0).then(|| Arc::new(Semaphore::new(concurrent))),
            waiting: AtomicUsize::new(0),
            max_waiting,
            addresses: (address_rps > 0).then(|| Rates::new(address_rps, address_rps)),
        }
    }

    /// Whether addresses are counted at all.
    pub(crate) fn counts_addresses(&self) -> bool {
        self.addresses.is_some()
    }

    /// Waits for a place. Refused with `overloaded` when too many wait already.
    pub(crate) async fn enter(&self) -> Result<Option<Slot>, Problem> {
        let Some(slots) = &self.slots else {
            return Ok(None);
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            return Ok(Some(slot));
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waits = Waits(&self.waiting);
        if before >= self.max_waiting {
            return Err(Fault::Overloaded.into());
        }
        let slot = slots.clone().acquire_owned().await;
        drop(waits);
        // The gate is never closed.
        slot.map(Some).map_err(|_| Fault::Overloaded.into())
    }

    /// Counts a request of an address; the seconds to wait when there were too many.
    pub(crate) fn check_address(&self, address: IpAddr, now_ns: u64) -> Result<(), u32> {
        match &self.addresses {
            None => Ok(()),
            Some(rates) => rates.take(&format_smolstr!("{address}"), None, None, now_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lets_so_many_in_and_so_many_wait() {
        let gate = Arc::new(Gate::new(1, 1, 0));
        let first = gate.enter().await.expect("the first goes in");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(|slot| slot.is_some()) }
        });
        while gate.waiting.load(Ordering::Acquire) == 0 {
            tokio::task::yield_now().await;
        }
        let third = gate.enter().await.expect_err("the third is refused");
        assert_eq!((third.code, third.status()), ("overloaded", 503));
        drop(first);
        assert_eq!(waiting.await.expect("it ends"), Ok(true));
        assert_eq!(gate.waiting.load(Ordering::Acquire), 0);
    }

    #[test]
    fn counts_each_address_by_itself() {
        let gate = Gate::new(0, 0, 2);
        let [one, other]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let asked = [one, one, one, other].map(|address| gate.check_address(address, 0).is_ok());
        assert_eq!(asked, [true, true, false, true]);
    }
}
