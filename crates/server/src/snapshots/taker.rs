//! Taking snapshots while the shop runs.

use super::{archive, snapshot};
use cartwright_app::Shop;
use cartwright_app::ports::search::Search;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the head of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Consumers of webhook endpoints are called so; they go with their endpoint.
const ENDPOINTS: &str = "webhook:";

/// When snapshots are taken, and what follows.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Entries between snapshots; 0: none are taken.
    pub every: u64,
    /// Whether the log is compacted after each.
    pub compact: bool,
    /// The consumers that run: what they have not read stays. One that was switched off keeps nothing back.
    pub consumers: Vec<&'static str>,
}

/// Takes a snapshot whenever so many entries were written since the last one. Ends when its task is aborted.
pub async fn watch(policy: Policy, shop: Shop, search: Arc<dyn Search>) {
    if policy.every == 0 {
        return;
    }
    let head = shop.head();
    let newest = snapshot::list(&policy.data_dir)
        .ok()
        .and_then(|found| found.first().map(|it| it.position));
    let mut last = newest.unwrap_or(0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let position = *head.borrow();
        if shop.health().is_reader() {
            // The process that writes takes them.
            last = position;
            continue;
        }
        if position.saturating_sub(last) < policy.every {
            continue;
        }
        let (policy, store, search) = (policy.clone(), shop.store().clone(), search.clone());
        let done = tokio::task::spawn_blocking(move || {
            let taken = snapshot::take(&policy.data_dir, &*store)?;
            tracing::info!(position = taken.position, file = %taken.path.display(), "took a snapshot");
            if policy.compact {
                compact(&policy, &*store, &*search)?;
            }
            anyhow::Ok(taken.position)
        });
        // After a failure the next try waits as long as after a success, so that a full disk is not hammered.
        last = match done.await {
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "no snapshot was taken; the older ones stay"
                );
                position
            }
            Err(error) => {
                tracing::error!(%error, "taking a snapshot ended by a panic; the older ones stay");
                position
            }
        };
    }
}

/// Behind every consumer's cursor and the older snapshot, nothing else.
fn compact(
    policy: &Policy,
    store: &dyn cartwright_app::ports::ReadStore,
    search: &dyn Search,
) -> anyhow::Result<()> {
    let data_dir = &policy.data_dir;
    let Some(older) = snapshot::list(data_dir)?.into_iter().nth(1) else {
        return Ok(());
    };
    let cursors = store.cursors()?;
    let runs = |name: &str| name.starts_with(ENDPOINTS) || policy.consumers.contains(&name);
    let cursors = cursors.iter().filter(|(name, _)| runs(name));
    let slowest = cursors.map(|(_, position)| *position).min();
    let through = older.position.min(search.cursor());
    let through = through.min(slowest.unwrap_or(through));
    let archived = archive::compact(data_dir, store, through)?;
    tracing::info!(
        through = archived,
        "moved old entries of the log to the archive"
    );
    Ok(())
}
