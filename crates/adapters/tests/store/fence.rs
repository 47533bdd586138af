//! Who may write in PostgreSQL: never two, and nobody is overtaken.

use crate::engine::Schema;
use crate::writers::{commit, kept, lease};
use cartwright_adapters::store::postgres::{OpenError, PostgresOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::Fault;
use cartwright_app::ports::{Lease, StoreParts, Swap};
use std::time::Duration;

fn opened(schema: &Schema, is_shared: bool) -> Result<StoreParts, OpenError> {
    let options = PostgresOptions {
        is_shared,
        ..PostgresOptions::new(&schema.url)
    };
    open(&options, &SystemRandom)
}

fn shared(schema: &Schema) -> StoreParts {
    opened(schema, true).expect("a shared store")
}

#[test]
fn an_old_epoch_never_commits() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let (mut old, mut new) = (shared(&schema), shared(&schema));
    assert!(matches!(commit(&mut old, 1), Err(Fault::NoLease)));
    let first = lease("old", 1, 0);
    assert_eq!(old.write.swap_lease(None, &first).unwrap(), Swap::Done);
    commit(&mut old, 1).unwrap();
    assert!(matches!(commit(&mut new, 2), Err(Fault::NoLease)));
    assert!(!new.write.is_abandoned().unwrap(), "it lives");

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
    commit(&mut new, 4).unwrap();
    assert!(matches!(old.read.set_cursor("x", 1), Err(Fault::NoLease)));
    assert!(matches!(commit(&mut old, 5), Err(Fault::NoLease)));
    assert!(matches!(old.write.recover(), Err(Fault::NoLease)));
    assert!(matches!(commit(&mut old, 5), Err(Fault::NoLease)));
    new.read.set_cursor("x", 2).unwrap();
    assert_eq!(kept(&mut new), 3);
}

#[test]
fn a_holder_whose_connection_is_gone_is_known_to_be() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let (mut old, mut new) = (shared(&schema), shared(&schema));
    let first = lease("old", 1, 0);
    assert_eq!(old.write.swap_lease(None, &first).unwrap(), Swap::Done);
    assert!(!new.write.is_abandoned().unwrap());
    drop(old);
    // The engine sees it soon, not at once.
    let is_seen = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        new.write.is_abandoned().unwrap()
    });
    assert!(is_seen);
    let second = lease("new", 2, 0);
    assert_eq!(
        new.write.swap_lease(Some(&first), &second).unwrap(),
        Swap::Done
    );
    commit(&mut new, 1).unwrap();
    // Given back, nobody can take it for abandoned, and whoever comes takes it at once.
    let free = Lease {
        ttl_ms: 0,
        ..second.clone()
    };
    assert_eq!(
        new.write.swap_lease(Some(&second), &free).unwrap(),
        Swap::Done
    );
    let mut third = shared(&schema);
    assert!(!third.write.is_abandoned().unwrap());
    assert_eq!(
        third
            .write
            .swap_lease(Some(&free), &lease("third", 3, 0))
            .unwrap(),
        Swap::Done
    );
    commit(&mut third, 2).unwrap();
}

/// A transaction of the old holder stands open, as when its process is stopped in the middle: the lease waits for it, so that nobody can
/// read past what it may yet commit.
#[test]
fn nobody_overtakes_a_late_committer() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let (mut old, mut new) = (shared(&schema), shared(&schema));
    let first = lease("old", 1, 0);
    assert_eq!(old.write.swap_lease(None, &first).unwrap(), Swap::Done);
    let late = schema.late("INSERT INTO kept VALUES (77, 9, '', '')");
    let second = lease("new", 2, 0);
    assert_eq!(
        new.write.swap_lease(Some(&first), &second).unwrap(),
        Swap::Busy
    );
    assert!(matches!(commit(&mut new, 1), Err(Fault::NoLease)));
    late.commit();
    assert_eq!(
        new.write.swap_lease(Some(&first), &second).unwrap(),
        Swap::Done
    );
    assert_eq!(new.write.next_kept_place().unwrap(), 78, "it is seen");

    // One that never ends is ended.
    let late = schema.late("INSERT INTO kept VALUES (99, 9, '', '')");
    let third = lease("old", 3, 0);
    let mut other = shared(&schema);
    assert_eq!(
        other.write.swap_lease(Some(&second), &third).unwrap(),
        Swap::Busy
    );
    assert_eq!(other.write.wake().unwrap().len(), 1);
    late.cannot_commit();
    assert_eq!(
        other.write.swap_lease(Some(&second), &third).unwrap(),
        Swap::Done
    );
    assert_eq!(
        other.write.next_kept_place().unwrap(),
        78,
        "it was rolled back"
    );
}

#[test]
fn a_commit_whose_reply_is_lost_is_found_or_cannot_come_any_more() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let mut parts = opened(&schema, false).unwrap();
    commit(&mut parts, 1).unwrap();
    // A commit is on its way when the loop gives its connection up.
    let late = schema.late("INSERT INTO kept VALUES (77, 9, '', '')");
    parts.write.recover().unwrap();
    late.cannot_commit();
    commit(&mut parts, 3).unwrap();
}

#[test]
fn alone_or_shared_and_never_both() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let alone = opened(&schema, false).unwrap();
    assert!(matches!(
        opened(&schema, false),
        Err(OpenError::Locked { .. })
    ));
    let mut shared = shared(&schema);
    assert!(matches!(commit(&mut shared, 1), Err(Fault::NoLease)));
    assert!(!shared.write.is_abandoned().unwrap());
    drop(alone);
    let first = lease("one", 1, 0);
    assert_eq!(shared.write.swap_lease(None, &first).unwrap(), Swap::Done);
    assert!(matches!(
        opened(&schema, false),
        Err(OpenError::Locked { .. })
    ));
}
