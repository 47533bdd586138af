//! A token bucket per principal (RES-2).

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use smol_str::SmolStr;
use std::sync::Arc;

/// Principals remembered at most; one forgotten starts with a full bucket.
const MAX_PRINCIPALS: usize = 100_000;
const NANOS: f64 = 1e9;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at_ns: u64,
}

/// Buckets by principal.
#[derive(Debug)]
pub(super) struct Rates {
    buckets: Cache<SmolStr, Arc<Mutex<Bucket>>>,
    rps: u32,
    burst: u32,
}

impl Rates {
    pub(super) fn new(rps: u32, burst: u32) -> Self {
        Self {
            buckets: Cache::new(MAX_PRINCIPALS),
            rps,
            burst,
        }
    }

    /// Takes one token, or says after how many seconds there will be one. A rate of 0 is no limit.
    pub(super) fn take(
        &self,
        principal: &SmolStr,
        rps: Option<u32>,
        burst: Option<u32>,
        now_ns: u64,
    ) -> Result<(), u32> {
        let rps = f64::from(rps.unwrap_or(self.rps));
        if rps == 0.0 {
            return Ok(());
        }
        let burst = f64::from(burst.unwrap_or(self.burst)).max(1.0);
        let bucket = self.buckets.get(principal).unwrap_or_else(|| {
            let fresh = Arc::new(Mutex::new(Bucket {
                tokens: burst,
                at_ns: now_ns,
            }));
            self.buckets.insert(principal.clone(), fresh.clone());
            fresh
        });
        let mut bucket = bucket.lock();
        let passed = now_ns.saturating_sub(bucket.at_ns) as f64 / NANOS;
        bucket.tokens = (bucket.tokens + passed * rps).min(burst);
        bucket.at_ns = now_ns;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err((((1.0 - bucket.tokens) / rps).ceil() as u32).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_burst_then_the_rate() {
        let rates = Rates::new(2, 3);
        let name = SmolStr::new("p");
        let took = (0..5)
            .filter(|_| rates.take(&name, None, None, 0).is_ok())
            .count();
        assert_eq!(took, 3);
        assert_eq!(rates.take(&name, None, None, 0), Err(1));
        assert!(rates.take(&name, None, None, 500_000_000).is_ok());
        assert!(rates.take(&SmolStr::new("other"), None, None, 0).is_ok());
    }
}
