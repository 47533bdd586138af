//! The yardstick for writes: raw SQLite, one row per transaction, WAL with `synchronous=FULL`, so one fsync per row.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::ensure;
use rusqlite::Connection;

use super::{inprocess, measure::Run};

/// A table to insert into, in a file of its own.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
}

impl Sqlite {
    /// Makes the table in `directory`, on the disk that is measured.
    ///
    /// # Errors
    /// When SQLite refuses, or does not keep the durable settings.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(directory.join("yardstick.sqlite"))?;
        let journal: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        ensure!(
            journal == "wal" && synchronous == 2,
            "SQLite runs with journal_mode={journal}, synchronous={synchronous} instead of wal, 2"
        );
        connection.execute_batch(
            "CREATE TABLE row (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL) STRICT",
        )?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Commits single rows for `duration`, one after the other.
    ///
    /// # Errors
    /// When a commit fails.
    pub(crate) async fn run(&self, duration: Duration) -> anyhow::Result<Run> {
        let sqlite = self.clone();
        inprocess::run(1, duration, move |number| {
            let inserted = sqlite.insert(number);
            async { inserted }
        })
        .await
    }

    fn insert(&self, number: u64) -> anyhow::Result<u16> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut insert =
            connection.prepare_cached("INSERT INTO row (sku, quantity) VALUES (?1, ?2)")?;
        insert.execute((format!("sku-{}", number % 1000), 1))?;
        Ok(201)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn every_counted_commit_is_a_row() {
        let directory = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(directory.path()).unwrap();
        let run = sqlite.run(Duration::from_millis(50)).await.unwrap();
        let rows: i64 = sqlite
            .connection
            .lock()
            .unwrap()
            .query_row("SELECT count(*) FROM row", (), |row| row.get(0))
            .unwrap();
        assert!(rows > 0);
        assert_eq!(run.outcomes[&201], rows.unsigned_abs());
    }
}
