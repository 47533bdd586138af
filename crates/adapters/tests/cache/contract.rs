//! The contract of a shared cache.

use bytes::Bytes;
use cartwright_app::ports::{Cache, Put};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A name that nothing has.
fn fresh() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test:{:x}:{number}", now.expect("a time").as_nanos())
}

fn put(name: &str, value: impl Into<Bytes>, ttl: Duration) -> Put {
    Put {
        name: name.into(),
        value: value.into(),
        ttl,
    }
}

async fn get(cache: &dyn Cache, name: &str) -> Option<Bytes> {
    let found = cache.get(&[name.to_owned()]).await.expect("an answer");
    assert_eq!(found.len(), 1);
    found.into_iter().next().flatten()
}

/// Checks a technology; `open` is called inside a runtime.
pub(crate) fn check(open: impl Fn() -> Arc<dyn Cache>) {
    runtime().block_on(async {
        let cache = open();
        keeps_what_is_put(&*cache).await;
        answers_in_order(&*cache).await;
        forgets_in_time(&*cache).await;
        may_be_left_alone(&*cache).await;
        serves_many_at_once(&cache).await;
    });
}

async fn keeps_what_is_put(cache: &dyn Cache) {
    let name = fresh();
    assert_eq!(get(cache, &name).await, None);
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for value in [Vec::new(), every_byte, b"\r\n$-1\r\n".to_vec()] {
        let puts = [put(&name, value.clone(), LONG)];
        cache.put(&puts).await.expect("kept");
        assert_eq!(get(cache, &name).await, Some(Bytes::from(value)));
    }
    let odd = format!("{name}:ä {{}} \n\"");
    cache.put(&[put(&odd, "odd", LONG)]).await.expect("kept");
    assert_eq!(get(cache, &odd).await, Some(Bytes::from("odd")));
}

async fn answers_in_order(cache: &dyn Cache) {
    let names: Vec<String> = (0..200).map(|_| fresh()).collect();
    let puts: Vec<Put> = names
        .iter()
        .step_by(2)
        .map(|name| put(name, name.clone(), LONG))
        .collect();
    cache.put(&puts).await.expect("kept");
    let found = cache.get(&names).await.expect("an answer");
    let wanted = names.iter().enumerate();
    let wanted: Vec<Option<Bytes>> = wanted
        .map(|(place, name)| (place % 2 == 0).then(|| Bytes::from(name.clone())))
        .collect();
    assert_eq!(found, wanted);
    assert_eq!(cache.get(&[]).await, Ok(Vec::new()));
    assert_eq!(cache.put(&[]).await, Ok(()));
}

async fn forgets_in_time(cache: &dyn Cache) {
    let (short, long) = (fresh(), fresh());
    let ttl = Duration::from_millis(40);
    let puts = [put(&short, "s", ttl), put(&long, "l", LONG)];
    cache.put(&puts).await.expect("kept");
    let deadline = Instant::now() + PATIENCE;
    while get(cache, &short).await.is_some() {
        assert!(Instant::now() < deadline, "it is never forgotten");
    }
    assert_eq!(get(cache, &long).await, Some(Bytes::from("l")));
}

/// A read that nobody waits for any more does no harm to the next.
async fn may_be_left_alone(cache: &dyn Cache) {
    let name = fresh();
    cache.put(&[put(&name, "v", LONG)]).await.expect("kept");
    let others = [fresh()];
    for _ in 0..50 {
        drop(timeout(Duration::ZERO, cache.get(&others)).await);
        assert_eq!(get(cache, &name).await, Some(Bytes::from("v")));
    }
}

async fn serves_many_at_once(cache: &Arc<dyn Cache>) {
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (cache, name) = (cache.clone(), fresh());
        readers.spawn(async move {
            cache
                .put(&[put(&name, name.clone(), LONG)])
                .await
                .expect("kept");
            get(&*cache, &name).await == Some(Bytes::from(name))
        });
    }
    assert!(readers.join_all().await.into_iter().all(|own| own));
}

pub(crate) async fn until_it_works(cache: &dyn Cache, what: &str) {
    until(cache, true, what).await;
}

pub(crate) async fn until_it_fails(cache: &dyn Cache, what: &str) {
    until(cache, false, what).await;
}

async fn until(cache: &dyn Cache, works: bool, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let names = [fresh()];
        let answer = timeout(Duration::from_secs(3), cache.get(&names)).await;
        if matches!(answer, Ok(Ok(_))) == works {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "not in time: {what}; last {answer:?}"
        );
        tokio::task::yield_now().await;
    }
}
