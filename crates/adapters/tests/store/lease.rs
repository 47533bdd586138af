//! The fence: a commit passes while the lease is its side's own, and never after.

use crate::writers::{commit, kept, lease};
use cartwright_adapters::store::sqlite::{OpenError, SqliteOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::Fault;
use cartwright_app::ports::{StoreParts, Swap};
use cartwright_domain::Time;
use std::path::Path;

fn shared(dir: &Path) -> StoreParts {
    let options = SqliteOptions {
        is_shared: true,
        ..SqliteOptions::default()
    };
    open(dir, options, &SystemRandom).expect("a shared store")
}

#[test]
fn an_old_epoch_never_commits() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut old, mut new) = (shared(dir.path()), shared(dir.path()));
    assert!(matches!(commit(&mut old, 1), Err(Fault::NoLease)));
    let first = lease("old", 1, 0);
    assert_eq!(old.write.swap_lease(None, &first).unwrap(), Swap::Done);
    commit(&mut old, 1).unwrap();
    assert!(matches!(commit(&mut new, 2), Err(Fault::NoLease)));

    // Renewing changes nothing for the fence; taking it with an old idea of it is refused.
    let renewed = lease("old", 1, 1);
    assert_eq!(
        old.write.swap_lease(Some(&first), &renewed).unwrap(),
        Swap::Done
    );
    commit(&mut old, 3).unwrap();
    let second = lease("new", 2, 0);
    assert_eq!(
        new.write.swap_lease(Some(&first), &second).unwrap(),
        Swap::Changed
    );
    assert!(matches!(commit(&mut new, 4), Err(Fault::NoLease)));

    assert_eq!(
        new.write.swap_lease(Some(&renewed), &second).unwrap(),
        Swap::Done
    );
    assert_eq!(old.write.lease().unwrap(), Some(second));
    commit(&mut new, 4).unwrap();
    let beside = old.read.set_cursor("x", 1);
    assert!(matches!(beside, Err(Fault::NoLease)), "{beside:?}");
    for stale in [
        commit(&mut old, 5),
        old.write.drop_kept(Time(i64::MAX)),
        old.write.recover().map(drop),
    ] {
        assert!(matches!(stale, Err(Fault::NoLease)), "{stale:?}");
    }
    assert_eq!(kept(&mut new), 3);
    assert_eq!(new.read.cursor("x").unwrap(), None);
}

#[test]
fn a_shared_directory_is_not_opened_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let parts = shared(dir.path());
    let alone = open(dir.path(), SqliteOptions::default(), &SystemRandom);
    assert!(matches!(alone, Err(OpenError::Locked { .. })));
    drop(parts);
    let _alone = open(dir.path(), SqliteOptions::default(), &SystemRandom).expect("free again");
    let options = SqliteOptions {
        is_shared: true,
        ..SqliteOptions::default()
    };
    let shared = open(dir.path(), options, &SystemRandom);
    assert!(matches!(shared, Err(OpenError::Locked { .. })));
}
