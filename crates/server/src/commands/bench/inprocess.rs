//! The seam for scenarios without a network: one closure submits one command and awaits its outcome; [`run`] keeps a number
//! of them in flight and measures. The SQLite yardstick goes through it, one commit at a time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::measure::{Recorder, Run, Usage};

/// Keeps `in_flight` commands open for `duration`. `submit` gets the number of its command, submits it, waits until it is
/// durable and returns its outcome as the HTTP status that it would have (200, 201, 409, ...).
///
/// # Errors
/// The first error that `submit` returns.
pub(crate) async fn run<Submit, Submitted>(
    in_flight: usize,
    duration: Duration,
    submit: Submit,
) -> anyhow::Result<Run>
where
    Submit: Fn(u64) -> Submitted + Clone + Send + 'static,
    Submitted: Future<Output = anyhow::Result<u16>> + Send + 'static,
{
    let recorder = Arc::new(Mutex::new(Recorder::new()));
    let next = Arc::new(AtomicU64::new(0));
    let usage = Usage::begin(None);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (submit, recorder, next) = (submit.clone(), Arc::clone(&recorder), Arc::clone(&next));
        tasks.spawn(async move {
            let mut now = Instant::now();
            while now.duration_since(begun) < duration {
                let status = submit(next.fetch_add(1, Ordering::Relaxed)).await?;
                let answered = Instant::now();
                lock(&recorder).record(answered - now, status);
                now = answered;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let elapsed = begun.elapsed();
    let recorder = std::mem::replace(&mut *lock(&recorder), Recorder::new());
    Ok(recorder.finish(elapsed, &usage))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn commands_are_numbered_once_and_counted_by_outcome() {
        let run = run(4, Duration::from_millis(50), |number| async move {
            tokio::task::yield_now().await;
            Ok(if number < 10 { 201 } else { 409 })
        })
        .await
        .unwrap();
        assert_eq!(run.outcomes[&201], 10);
        assert!(run.outcomes[&409] > 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_error_ends_the_run() {
        let failed = run(4, Duration::from_secs(60), |_| async {
            anyhow::bail!("the loop is gone")
        });
        assert_eq!(failed.await.unwrap_err().to_string(), "the loop is gone");
    }
}
