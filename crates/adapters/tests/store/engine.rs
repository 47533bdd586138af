//! A schema of its own for each test, in the PostgreSQL that `cargo xtask test` brings up.

use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random;
use std::sync::Once;
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
        let engine = engine()?;
        let mut drawn = [0; 16];
        SystemRandom.fill(&mut drawn);
        let name = format!("t{:032x}", u128::from_be_bytes(drawn));
        let sign = if engine.contains('?') { '&' } else { '?' };
        Some(Self {
            url: format!("{engine}{sign}schema={name}"),
            name,
            engine,
        })
    }

    /// Runs statements as an operator would, with the schema chosen.
    pub(crate) fn run(
        &self,
        sql: &str,
    ) -> Result<Vec<tokio_postgres::SimpleQueryMessage>, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
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

/// A transaction that has passed the fence and stands open.
pub(crate) struct Late {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Schema {
    /// Begins one under the session that may write now.
    pub(crate) fn late(&self, sql: &str) -> Late {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let begin = format!(
            "SET search_path TO \"{}\"; BEGIN; SELECT fence(session) FROM lease; {sql}",
            self.name
        );
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.engine, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&begin).await.unwrap();
            client
        });
        Late { runtime, client }
    }
}

impl Late {
    pub(crate) fn commit(self) {
        self.runtime
            .block_on(self.client.batch_execute("COMMIT"))
            .unwrap();
    }

    /// It was ended.
    pub(crate) fn cannot_commit(self) {
        assert!(
            self.runtime
                .block_on(self.client.batch_execute("COMMIT"))
                .is_err()
        );
    }
}
