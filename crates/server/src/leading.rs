//! What a process does when it comes to have the lease (INV-7): the first admin key, and the file that says who writes.

use crate::first_key;
use cartwright_api::http::Edge;
use cartwright_app::commit::Standing;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file in `lock_dir`.
pub const LEASE_FILE: &str = "cartwright-lease.json";

/// Who writes, for people and scripts.
#[derive(Debug, Serialize)]
struct Writes<'a> {
    node: &'a str,
    pid: u32,
    url: &'a str,
    epoch: u64,
}

/// Who this process is.
#[derive(Debug, Clone)]
pub struct Me {
    /// `node_name`.
    pub node: String,
    /// Where it listens.
    pub url: String,
    /// `lock_dir`; empty: no file.
    pub lock_dir: PathBuf,
}

/// Waits for the lease to come and go, for as long as the shop runs. `shown` gets the first admin key if it is made here.
pub async fn watch(edge: Arc<Edge>, me: Me, shown: fn(&str)) {
    let mut standing = edge.shop.health().standing();
    loop {
        let Standing {
            is_reader, epoch, ..
        } = standing.borrow_and_update().clone();
        if !is_reader && epoch > 0 {
            match first_key::ensure(&edge).await {
                Ok(Some(key)) => shown(&key),
                Ok(None) => {}
                Err(fault) => tracing::error!(%fault, "the first admin key could not be made"),
            }
            if let Err(error) = tell(&me, epoch) {
                tracing::warn!(%error, "the file that says who writes could not be written");
            }
        }
        if standing.changed().await.is_err() {
            return;
        }
    }
}

fn tell(me: &Me, epoch: u64) -> std::io::Result<()> {
    if me.lock_dir.as_os_str().is_empty() {
        return Ok(());
    }
    let writes = Writes {
        node: &me.node,
        pid: std::process::id(),
        url: &me.url,
        epoch,
    };
    std::fs::create_dir_all(&me.lock_dir)?;
    replace(&me.lock_dir.join(LEASE_FILE), &serde_json::to_vec(&writes)?)
}

/// Whoever reads it sees the old one or the new one.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&fresh, bytes)?;
    std::fs::rename(fresh, file)
}
