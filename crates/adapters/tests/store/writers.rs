//! Processes that write in turn, and what shows that they did.

use cartwright_app::Fault;
use cartwright_app::ports::{Batch, Keep, Lease, StoreParts};
use cartwright_domain::Time;
use cartwright_proto::events as proto;

pub(crate) fn lease(holder: &str, epoch: u64, beat: u64) -> Lease {
    Lease {
        holder: holder.into(),
        node: holder.into(),
        url: format!("http://{holder}"),
        pid: 1,
        epoch,
        beat,
        ttl_ms: 60_000,
    }
}

/// Keeps one reply: a commit that changes something.
pub(crate) fn commit(parts: &mut StoreParts, hash: u8) -> Result<(), Fault> {
    let keep = Keep {
        hash: [hash; 16],
        until: Time(i64::MAX),
        reply: Vec::new().into(),
    };
    parts.write.commit(&Batch {
        log: &proto::Batch::default(),
        changed: &[],
        kept: &[keep],
        now: Time(1),
    })
}

pub(crate) fn kept(parts: &mut StoreParts) -> usize {
    parts.write.kept_index(Time(0)).expect("an index").len()
}
