//! Work on many numbered things over several connections, with a progress bar.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use super::super::{client::Connection, shop::Shop};

/// Does `work` for every number below `count`, over several connections, and shows how far it is.
pub(super) async fn each<W>(
    shop: &Shop,
    connections: usize,
    count: usize,
    what: &'static str,
    work: W,
) -> anyhow::Result<()>
where
    W: Work,
{
    let bar = ProgressBar::new(count as u64)
        .with_style(ProgressStyle::with_template(
            "{msg:>10} {wide_bar} {pos}/{len} {eta}",
        )?)
        .with_message(what);
    let next = Arc::new(AtomicUsize::new(0));
    let work = Arc::new(work);
    let mut tasks = JoinSet::new();
    for _ in 0..connections.min(count) {
        let mut connection = Connection::open(shop.address).await?;
        let (bar, next, work) = (bar.clone(), Arc::clone(&next), Arc::clone(&work));
        tasks.spawn_local(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                work.work(&mut connection, number).await?;
                bar.inc(1);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    bar.finish_and_clear();
    eprintln!("{count} {what} in {:.1} s", bar.elapsed().as_secs_f64());
    Ok(())
}

/// What is done for one number; an async closure.
pub(super) trait Work: 'static {
    async fn work(&self, connection: &mut Connection, number: usize) -> anyhow::Result<()>;
}

impl<F> Work for F
where
    F: AsyncFn(&mut Connection, usize) -> anyhow::Result<()> + 'static,
{
    async fn work(&self, connection: &mut Connection, number: usize) -> anyhow::Result<()> {
        self(connection, number).await
    }
}
