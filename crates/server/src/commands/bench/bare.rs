//! The yardstick for reads: an axum handler that answers JSON and does nothing else, in a process of its own
//! (`cartwright bench-bare`, hidden), so that client and server share the machine as they do for the shop.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Stdio},
};

use anyhow::Context as _;
use axum::{Json, Router, routing::get};
use serde::Serialize;

use super::super::another::another;

/// The name of the hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "bench-bare";
/// The one route.
pub(crate) const PATH: &str = "/product";

#[derive(Serialize)]
struct Product {
    id: &'static str,
    name: &'static str,
    price: Price,
    in_stock: bool,
}

#[derive(Serialize)]
struct Price {
    amount: i64,
    currency: &'static str,
}

/// Serves the handler on a free port, prints the address as one line and ends when standard input does.
///
/// # Errors
/// When no port is to be had.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let mut parent_gone = tokio::task::spawn_blocking(|| {
        let mut rest = Vec::new();
        std::io::stdin().read_to_end(&mut rest)
    });
    tokio::select! {
        served = axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| {
            // As the shop does; a socket that refuses it still serves.
            let _ = stream.set_nodelay(true);
        }), router()) => served?,
        _ = &mut parent_gone => {}
    }
    Ok(())
}

fn router() -> Router {
    Router::new().route(PATH, get(product))
}

async fn product() -> Json<Product> {
    Json(Product {
        id: "classic-tee",
        name: "Classic tee",
        price: Price {
            amount: 1299,
            currency: "USD",
        },
        in_stock: true,
    })
}

/// The running yardstick. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Bare {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Bare {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = another()?
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the yardstick")?;
        let output = child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("{SUBCOMMAND} said {line:?} instead of its address"))?;
        Ok(Self { address, child })
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{
        super::{
            client::Caller,
            load::{Pattern, Pool, Requests},
        },
        *,
    };

    async fn bare() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router()).await });
        address
    }

    async fn load(path: &'static str, pattern: Pattern) -> anyhow::Result<u64> {
        let address = bare().await;
        let caller = Caller::new(address, None);
        let requests = Arc::new(Requests {
            write: move |_, out: &mut Vec<u8>| caller.get(out, format_args!("{path}")),
            expected: &[200],
        });
        let mut pool = Pool::open(address, 8).await?;
        let run = pool.run(&requests, pattern, None).await?;
        Ok(run.outcomes.values().sum())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_count_is_kept_exactly() {
        assert_eq!(load(PATH, Pattern::Count(1000)).await.unwrap(), 1000);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_closed_loop_ends_in_time() {
        let pattern = Pattern::Closed(Duration::from_millis(100));
        assert!(load(PATH, pattern).await.unwrap() > 8);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_fixed_rate_offers_what_it_says() {
        let pattern = Pattern::Rate {
            rate: 500,
            duration: Duration::from_millis(400),
        };
        let served = load(PATH, pattern).await.unwrap();
        assert!((190..=201).contains(&served), "{served} served");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_unexpected_status_ends_the_load_and_is_named() {
        let refused = load("/nowhere", Pattern::Count(10)).await.unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("GET /nowhere HTTP/1.1 was answered 404"),
            "{refused}"
        );
    }
}
