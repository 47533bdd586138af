use super::{Snapshot, archive_files, compact, list, load, read_archive, take};
use cartwright_adapters::store::sqlite::{self, SqliteOptions};
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::commit;
use cartwright_app::ports::ReadStore;
use cartwright_app::replay::Replay;
use std::path::Path;
use std::sync::Arc;

fn tidy() -> commit::Options {
    commit::Options {
        max_batch: 8,
        max_waiting: 64,
        max_kept: 64,
        cache_bytes: 1 << 20,
        origin: "test".into(),
    }
}

/// A stopped shop that has the sample.
fn shop(dir: &Path) -> Arc<dyn ReadStore> {
    let open = || sqlite::open(dir, SqliteOptions::default(), &SystemRandom).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (shop, running) = commit::start(
        open(),
        Arc::new(SystemClock::new()),
        Arc::new(SystemRandom),
        tidy(),
        runtime.handle(),
    )
    .expect("a loop");
    runtime
        .block_on(crate::load_sample::load(&shop))
        .expect("the sample");
    running.close();
    drop(shop);
    open().read
}

fn replayed(snapshot: Option<&Snapshot>, store: &dyn ReadStore) -> Replay {
    let mut replay = Replay::default();
    if let Some(snapshot) = snapshot {
        let position =
            load(snapshot, &mut |key, record| replay.put(key, record)).expect("a good snapshot");
        replay.starts_after(position);
    }
    replay.follow(store).expect("a good log");
    replay
}

#[test]
fn a_snapshot_and_the_log_give_the_same_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = shop(dir.path());
    let all = replayed(None, &*store);
    assert!(
        all.entries() > 300,
        "the sample is more than {} entries",
        all.entries()
    );
    let compared = all.compare(&*store).expect("readable");
    assert_eq!((compared.different, compared.told), (0, Vec::new()));
    assert!(compared.compared > 500);

    let snapshot = take(dir.path(), &*store).expect("a snapshot");
    assert_eq!(
        list(dir.path()).expect("a list"),
        std::slice::from_ref(&snapshot)
    );
    let from = replayed(Some(&snapshot), &*store);
    assert_eq!(from.entries(), 0);
    assert_eq!(from.compare(&*store).expect("readable").different, 0);
}

#[test]
fn a_damaged_snapshot_is_refused_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = shop(dir.path());
    let snapshot = take(dir.path(), &*store).expect("a snapshot");
    let good = std::fs::read(&snapshot.path).expect("readable");
    for place in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        std::fs::write(&snapshot.path, &bad).expect("writable");
        let mut visited = 0;
        let error = load(&snapshot, &mut |_, _| visited += 1).expect_err("damaged");
        assert!(
            format!("{error:#}").contains("checksum") && visited == 0,
            "{error:#}"
        );
    }
    std::fs::write(&snapshot.path, &good[..good.len() / 2]).expect("writable");
    load(&snapshot, &mut |_, _| {}).expect_err("cut short");
}

#[test]
fn what_leaves_the_log_is_in_the_archive() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = shop(dir.path());
    let whole = store.log(0, usize::MAX).expect("a log");
    let middle = whole[whole.len() / 2].first_position;
    let end = compact(dir.path(), &*store, middle).expect("compacted");
    assert!(end < middle + 1 && end > 0);
    let left = store.log(0, usize::MAX).expect("a log");
    assert_eq!(left[0].first_position, end + 1);
    // Again, and further: what is archived already is not archived twice.
    compact(dir.path(), &*store, middle).expect("again");
    let last = left[left.len() - 2].first_position;
    compact(dir.path(), &*store, last).expect("further");
    let files = archive_files(dir.path()).expect("files");
    assert_eq!(files.len(), 2);
    let mut found = Vec::new();
    for file in &files {
        read_archive(file, &mut |batch| {
            found.push(batch);
            Ok(())
        })
        .expect("a good file");
    }
    let mut replay = Replay::default();
    found
        .iter()
        .for_each(|batch| replay.batch(batch).expect("no gap"));
    replay.follow(&*store).expect("no gap");
    assert_eq!(replay.compare(&*store).expect("readable").different, 0);
}
