//! The breaker and the entries' way, with a cache that does what it is told.

use super::*;
use crate::ports::{CacheFault, Cached};
use bytes::Bytes;
use cartwright_domain::ProductId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::time::timeout;

/// What the cache does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Answers,
    Fails,
    Hangs,
}

#[derive(Debug)]
struct Fake {
    mood: Mutex<Mood>,
    asked: Mutex<u64>,
    kept: Mutex<BTreeMap<String, Bytes>>,
}

impl Fake {
    fn answer<'a, T: Send + 'a>(&self, value: T) -> Cached<'a, T> {
        *self.asked.lock() += 1;
        let mood = *self.mood.lock();
        Box::pin(async move {
            match mood {
                Mood::Answers => Ok(value),
                Mood::Fails => Err(CacheFault("told to".into())),
                Mood::Hangs => std::future::pending().await,
            }
        })
    }
}

impl Cache for Fake {
    fn get<'a>(&'a self, names: &'a [String]) -> Cached<'a, Vec<Option<Bytes>>> {
        let kept = self.kept.lock();
        self.answer(names.iter().map(|name| kept.get(name).cloned()).collect())
    }

    fn put<'a>(&'a self, puts: &'a [Put]) -> Cached<'a, ()> {
        if *self.mood.lock() == Mood::Answers {
            let mut kept = self.kept.lock();
            kept.extend(puts.iter().map(|it| (it.name.clone(), it.value.clone())));
        }
        self.answer(())
    }
}

/// Asks `reads` times for something that does not exist while the cache is in a mood; how often the cache was asked.
async fn reads(link: &Arc<Link>, fake: &Fake, mood: Mood, reads: u32) -> u64 {
    *fake.mood.lock() = mood;
    let before = *fake.asked.lock();
    for number in 0..reads {
        if link.is_sound() {
            drop(link.get(format!("n{number}")).await);
        }
    }
    *fake.asked.lock() - before
}

fn link() -> (Arc<Fake>, Arc<Link>, Arc<Health>) {
    let fake = Arc::new(Fake {
        mood: Mutex::new(Mood::Answers),
        asked: Mutex::default(),
        kept: Mutex::default(),
    });
    let sharing = Sharing {
        cache: fake.clone(),
        timeout: Duration::from_millis(20),
        ttl: Duration::from_secs(60),
    };
    let health = Arc::new(Health::default());
    (fake, Arc::new(Link::new(sharing, health.clone())), health)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

#[test]
fn a_cache_that_fails_or_hangs_is_left_alone_until_it_answers() {
    runtime().block_on(async {
        for mood in [Mood::Fails, Mood::Hangs] {
            let (fake, link, health) = link();
            assert_eq!(reads(&link, &fake, Mood::Answers, 10).await, 10);
            assert_eq!(reads(&link, &fake, mood, 100).await, 5, "{mood:?}");
            assert_eq!(health.outside().get("cache"), Some(&true), "{mood:?}");
            let (puts, coming) = mpsc::channel(4);
            let probes = tokio::spawn(link::put_all(link.clone(), "probe".into(), coming));
            *fake.mood.lock() = Mood::Answers;
            let until_sound = async {
                while !link.is_sound() {
                    tokio::task::yield_now().await;
                }
            };
            let asked_again = timeout(Duration::from_secs(30), until_sound).await;
            asked_again.expect("it is asked again");
            assert_eq!(health.outside().get("cache"), Some(&false), "{mood:?}");
            assert_eq!(reads(&link, &fake, Mood::Answers, 10).await, 10);
            drop(puts);
            probes.await.expect("it ends with what comes");
        }
    });
}

#[test]
fn entries_live_up_to_a_fifth_shorter_than_they_may() {
    let spread: Vec<f64> = (0..=255).map(|byte| jitter(&[byte])).collect();
    assert!(spread.iter().all(|it| (0.0..0.2).contains(it)));
    assert!(spread.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn names_tell_kinds_apart() {
    let entries = Entries::new(&[1; 32]);
    let id = Key::Product(ProductId::new("x").expect("an id"));
    let slug = Key::Slug(cartwright_domain::Slug::new("x").expect("a slug"));
    assert_ne!(entries.name(&id), entries.name(&slug));
}
