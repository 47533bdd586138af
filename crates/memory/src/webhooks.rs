//! What became of messages to webhook endpoints, and how many dead letters there are.

use cartwright_app::nouns::Record;
use cartwright_app::ports::{DELIVERIES_KEPT, Delivery};
use cartwright_domain::WebhookEndpointId;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// By endpoint, then by position and id.
#[derive(Default)]
pub(super) struct Deliveries(BTreeMap<WebhookEndpointId, BTreeMap<(u64, SmolStr), Delivery>>);

impl Deliveries {
    /// The newest first.
    pub(super) fn list(
        &self,
        endpoint: WebhookEndpointId,
        before: Option<&(u64, SmolStr)>,
        limit: usize,
    ) -> Vec<Delivery> {
        let all = self.0.get(&endpoint).into_iter().flatten().rev();
        let wanted = all.filter(|(at, _)| before.is_none_or(|before| *at < before));
        wanted.map(|(_, it)| it.clone()).take(limit).collect()
    }

    pub(super) fn keep(&mut self, endpoint: WebhookEndpointId, deliveries: &[Delivery]) {
        let kept = self.0.entry(endpoint).or_default();
        for it in deliveries {
            kept.insert((it.position, it.id.clone()), it.clone());
        }
        while kept.len() > DELIVERIES_KEPT {
            kept.pop_first();
        }
    }

    pub(super) fn forget(&mut self, endpoint: WebhookEndpointId) {
        self.0.remove(&endpoint);
    }
}

/// How many dead letters each consumer has.
pub(super) fn letters_by_consumer<'a>(
    records: impl Iterator<Item = &'a Record>,
) -> Vec<(SmolStr, u64)> {
    let mut counts = BTreeMap::new();
    for record in records {
        if let Record::DeadLetter(it) = record {
            *counts.entry(it.about.consumer.clone()).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}
