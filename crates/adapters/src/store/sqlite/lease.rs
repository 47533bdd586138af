//! The lease in the database (INV-7): one row of `meta`, and the fence that every transaction passes while processes share it.
//!
//! The row and the data change under the same lock of SQLite, so a process that lost the lease, however long it was paused and
//! wherever, finds that out inside its own transaction and rolls back.

use super::fault::fault;
use cartwright_app::Fault;
use cartwright_app::ports::{Lease, Swap};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The bytes of the `-shm` file that SQLite locks: to write, to copy the WAL, to recover, and one for each mark of the readers
/// (sqlite.org/walformat.html, 2.3.1).
const LOCK_BYTES: std::ops::RangeInclusive<u64> = 120..=127;

/// What a process may write, as the transactions of its connections see it.
#[derive(Debug, Default)]
pub(super) struct Fence {
    /// Whether several processes may use the database.
    is_shared: bool,
    /// Holder and epoch of the lease that this process took last.
    mine: Mutex<Option<(String, u64)>>,
}

impl Fence {
    pub(super) fn new(is_shared: bool) -> Self {
        Self {
            is_shared,
            mine: Mutex::default(),
        }
    }

    /// Inside a transaction that writes: whether it may. [`Fault::NoLease`] when another process took the lease.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), Fault> {
        if !self.is_shared {
            return Ok(());
        }
        let mine = self.mine.lock();
        let now = read(connection)?;
        match (&*mine, now) {
            (Some((holder, epoch)), Some(now)) if now.holder == *holder && now.epoch == *epoch => {
                Ok(())
            }
            _ => Err(Fault::NoLease),
        }
    }

    /// A write beside the loop's batches: behind the fence, in a transaction of its own, where processes share the database.
    pub(super) fn guard<T>(
        &self,
        connection: &Connection,
        write: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if !self.is_shared {
            return write(connection);
        }
        let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(fault)?;
        self.check(&begun)?;
        let written = write(&begun)?;
        begun.commit().map_err(fault)?;
        Ok(written)
    }

    /// Makes the lease `to` if it is `from`.
    pub(super) fn swap(
        &self,
        connection: &Connection,
        from: Option<&Lease>,
        to: &Lease,
    ) -> Result<Swap, Fault> {
        let begun = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Ok(begun) => begun,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                return Ok(Swap::Busy);
            }
            Err(error) => return Err(fault(error)),
        };
        let now = read(&begun)?;
        // A try of this process that failed may have been written all the same.
        let is_own = now
            .as_ref()
            .is_some_and(|now| now.holder == to.holder && now.epoch == to.epoch);
        if now.as_ref() != from && !is_own {
            return Ok(Swap::Changed);
        }
        let row = serde_json::to_vec(to).map_err(Fault::corrupt)?;
        let sql = "INSERT INTO meta (name, value) VALUES ('lease', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        begun
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([row]))
            .map_err(fault)?;
        begun.commit().map_err(fault)?;
        *self.mine.lock() = Some((to.holder.clone(), to.epoch));
        Ok(Swap::Done)
    }
}

/// The lease as it stands.
pub(super) fn read(connection: &Connection) -> Result<Option<Lease>, Fault> {
    let row = connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'lease'")
        .and_then(|mut statement| {
            statement
                .query_row([], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        })
        .map_err(fault)?;
    row.map(|row| serde_json::from_slice(&row).map_err(Fault::corrupt))
        .transpose()
}

/// Wakes the processes that were stopped with a lock of this database for themselves: paused in the middle of a commit or of
/// copying the WAL, for SQLite keeps its lock until they go on or end. They finish that, which nobody has overtaken, and then
/// find that their time is over, unless what they finished was the renewal. Which processes those were.
///
/// They must be seen from here: on Linux, and not in another container's process numbers.
pub(super) fn wake(database: &Path) -> Result<Vec<u32>, Fault> {
    let unavailable = |error: std::io::Error| Fault::Unavailable(error.to_string());
    let memory = format!("{}-shm", database.display());
    let inode = std::fs::metadata(memory).map_err(unavailable)?.ino();
    let locks = std::fs::read_to_string("/proc/locks").map_err(unavailable)?;
    let mut woken = Vec::new();
    for number in holders(&locks, inode) {
        let pid = i32::try_from(number)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid.filter(|_| is_stopped(number)) {
            rustix::process::kill_process(pid, rustix::process::Signal::CONT)
                .map_err(|error| unavailable(error.into()))?;
            woken.push(number);
        }
    }
    Ok(woken)
}

/// Which processes have a lock for themselves on the database whose `-shm` file has this inode, as `/proc/locks` tells it:
/// `1: POSIX  ADVISORY  WRITE 4711 fe:00:1053 120 120`.
fn holders(locks: &str, inode: u64) -> BTreeSet<u32> {
    let held = locks.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, file, from, to] = words[..] else {
            return None;
        };
        let same = file.rsplit(':').next()?.parse() == Ok(inode);
        let begins = from.parse::<u64>().ok()? <= *LOCK_BYTES.end();
        let ends = to == "EOF" || to.parse::<u64>().ok()? >= *LOCK_BYTES.start();
        (same && begins && ends).then(|| pid.parse().ok())?
    });
    held.collect()
}

/// Whether a process was stopped by a signal.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets and may hold anything; the state follows it.
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_who_has_a_lock_alone() {
        let locks = "1: FLOCK  ADVISORY  WRITE 9 fe:00:77 0 EOF\n\
                     2: POSIX  ADVISORY  READ  10 fe:00:77 123 123\n\
                     3: POSIX  ADVISORY  WRITE 11 fe:00:78 120 120\n\
                     4: POSIX  ADVISORY  WRITE 12 fe:00:77 121 121\n\
                     5: POSIX  ADVISORY  WRITE 13 fe:00:77 120 120\n\
                     6: POSIX  ADVISORY  WRITE 14 fe:00:77 128 128\n\
                     7: -> POSIX  ADVISORY  WRITE 15 fe:00:77 120 120\n";
        assert_eq!(holders(locks, 77), [12, 13].into());
        assert_eq!(holders(locks, 78), [11].into());
        assert_eq!(holders(locks, 79), [].into());
    }

    #[test]
    fn a_process_that_runs_is_not_stopped() {
        assert!(!is_stopped(std::process::id()));
    }
}
