//! A read replica: asked for lists, and counted on only while it has all that the primary has.

use super::fault::fault;
use super::link::Pool;
use super::lists::List;
use super::log;
use cartwright_app::Fault;
use cartwright_app::ports::ReplicaCounts;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio_postgres::Row;

pub(super) struct Replica {
    pool: Pool,
    counts: Mutex<ReplicaCounts>,
}

impl Replica {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            counts: Mutex::default(),
        }
    }

    pub(super) fn counts(&self) -> ReplicaCounts {
        *self.counts.lock()
    }

    /// The rows of a list; `None` where it has not come to this head of the log, or does not answer: then the primary
    /// is asked, which is slower, and right.
    pub(super) fn query(&self, list: &Arc<List>, head: u64) -> Option<Vec<Row>> {
        let list = list.clone();
        let found = self.pool.ask(move |link| {
            let list = list.clone();
            async move {
                if log::head(&link).await?.0 < head {
                    return Ok(None);
                }
                let rows = link.query(&list.sql, &list.values).await;
                rows.map(Some).map_err(fault)
            }
        });
        self.note(&found);
        found.ok().flatten()
    }

    fn note(&self, found: &Result<Option<Vec<Row>>, Fault>) {
        let mut counts = self.counts.lock();
        match found {
            Ok(Some(_)) => counts.served += 1,
            Ok(None) => counts.behind += 1,
            Err(_) => counts.failed += 1,
        }
        match (counts.fails, found) {
            (false, Err(fault)) => {
                tracing::warn!(%fault, "the read replica does not answer: lists are read from the primary");
            }
            (true, Ok(_)) => tracing::info!("the read replica answers again"),
            _ => {}
        }
        counts.fails = found.is_err();
    }
}
