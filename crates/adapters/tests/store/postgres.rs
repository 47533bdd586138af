//! A schema of its own for each test, in the PostgreSQL that `cargo xtask test` brings up.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;
use tokio_postgres::NoTls;

/// Where the engine is; what needs it is skipped, loudly, without it.
pub(crate) fn engine() -> Option<String> {
    static TOLD: Once = Once::new();
    let url = std::env::var("CARTWRIGHT_TEST_POSTGRES_URL").ok();
    if url.is_none() {
        TOLD.call_once(|| {
            eprintln!("SKIPPED: PostgreSQL, for CARTWRIGHT_TEST_POSTGRES_URL is not set; `cargo xtask test` sets it");
        });
    }
    url
}

/// Gone with all that is in it when dropped.
pub(crate) struct Schema {
    pub(crate) url: String,
    name: String,
    engine: String,
}

impl Schema {
    /// An empty one; `None` without an engine.
    pub(crate) fn fresh() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let engine = engine()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{:x}_{}_{number}", now.as_nanos(), std::process::id());
        let sign = if engine.contains('?') { '&' } else { '?' };
        Some(Self {
            url: format!("{engine}{sign}schema={name}"),
            name,
            engine,
        })
    }

    /// Runs statements as an operator would, with the schema chosen.
    pub(crate) fn run(&self, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryMessage>, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.engine, NoTls).await?;
            let driven = tokio::spawn(connection);
            let found = client
                .simple_query(&format!("SET search_path TO \"{}\"; {sql}", self.name))
                .await;
            driven.abort();
            found
        })
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // The engine may be gone, or stopped by the test.
        drop(self.run(&format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name)));
    }
}
