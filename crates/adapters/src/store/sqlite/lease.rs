//! The lease in the database (INV-7): one row of `meta`, and the fence that every transaction passes while processes share it.
//!
//! The row and the data change under the same lock of SQLite, so a process that lost the lease, however long it was paused and
//! wherever, finds that out inside its own transaction and rolls back.

use super::fault::fault;
use cartwright_app::Fault;
use cartwright_app::ports::{Lease, Swap};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The byte of the `-shm` file that a writer locks (sqlite.org/walformat.html, 2.3.1).
const WRITE_LOCK_BYTE: u64 = 120;

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
        if read(&begun)?.as_ref() != from {
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

/// Wakes the holder of a lease if it is a stopped process that has the write lock of this database: it was paused in the middle
/// of a commit, and SQLite keeps its lock until it goes on or ends. It finishes that commit, which nobody has overtaken, and
/// then finds that its time is over. Whether it did.
///
/// It must be seen from here: on Linux, and not in another container's process numbers.
pub(super) fn wake(database: &Path, lease: &Lease) -> Result<bool, Fault> {
    let unavailable = |error: std::io::Error| Fault::Unavailable(error.to_string());
    let memory = format!("{}-shm", database.display());
    let inode = std::fs::metadata(memory).map_err(unavailable)?.ino();
    let locks = std::fs::read_to_string("/proc/locks").map_err(unavailable)?;
    if writer_in(&locks, inode) != Some(lease.pid) || !is_stopped(lease.pid) {
        return Ok(false);
    }
    let pid = i32::try_from(lease.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else { return Ok(false) };
    rustix::process::kill_process(pid, rustix::process::Signal::CONT)
        .map_err(|error| unavailable(error.into()))?;
    Ok(true)
}

/// Which process has the write lock of the database whose `-shm` file has this inode, as `/proc/locks` tells it:
/// `1: POSIX  ADVISORY  WRITE 4711 fe:00:1053 120 120`.
fn writer_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, file, from, to] = words[..] else {
            return None;
        };
        let same = file.rsplit(':').next()?.parse() == Ok(inode);
        let covers = from.parse::<u64>().ok()? <= WRITE_LOCK_BYTE
            && (to == "EOF" || to.parse::<u64>().ok()? >= WRITE_LOCK_BYTE);
        (same && covers).then(|| pid.parse().ok())?
    })
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
    fn finds_who_has_the_write_lock() {
        let locks = "1: FLOCK  ADVISORY  WRITE 9 fe:00:77 0 EOF\n\
                     2: POSIX  ADVISORY  READ  10 fe:00:77 123 123\n\
                     3: POSIX  ADVISORY  WRITE 11 fe:00:78 120 120\n\
                     4: POSIX  ADVISORY  WRITE 12 fe:00:77 121 121\n\
                     5: POSIX  ADVISORY  WRITE 13 fe:00:77 120 120\n";
        assert_eq!(writer_in(locks, 77), Some(13));
        assert_eq!(writer_in(locks, 78), Some(11));
        assert_eq!(writer_in(locks, 79), None);
    }

    #[test]
    fn a_process_that_runs_is_not_stopped() {
        assert!(!is_stopped(std::process::id()));
    }
}
