//! Transactions in PostgreSQL: whose they are, in which order they lock, and that nobody is overtaken.

use crate::desk::Desk;
use crate::engine::Schema;
use crate::floor::until;
use crate::samples::store;
use crate::writers::{commit, kept, lease};
use cartwright_adapters::store::postgres::{PostgresOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::Fault;
use cartwright_app::ports::{StoreParts, Swap};

fn opened(schema: &Schema, is_shared: bool) -> StoreParts {
    let options = PostgresOptions {
        is_shared,
        ..PostgresOptions::new(&schema.url)
    };
    open(&options, &SystemRandom).expect("a store")
}

/// A transaction of the old holder stands open while another process wants the lease.
pub(crate) fn overtaken() -> Option<Result<(), String>> {
    let schema = Schema::fresh()?;
    let (mut old, mut new) = (opened(&schema, true), opened(&schema, true));
    let (first, second) = (lease("old", 1, 0), lease("new", 2, 0));
    assert_eq!(
        old.write.swap_lease(None, &first).expect("a swap"),
        Swap::Done
    );
    let late = schema.late("INSERT INTO kept VALUES (77, 9, '', '')");
    let swapped = new.write.swap_lease(Some(&first), &second);
    if swapped.expect("a swap") != Swap::Done {
        return Some(Ok(()));
    }
    let known = new.write.next_kept_place().expect("a place");
    late.commit();
    let is_there = has_row(&schema, &format!("SELECT FROM kept WHERE place >= {known}"));
    Some(if is_there {
        Err(format!(
            "who took the lease knows the kept replies before {known}, and one beyond has come: what it answers is done again"
        ))
    } else {
        Ok(())
    })
}

/// The old holder does not know that another one has the lease.
pub(crate) fn unfenced() -> Option<Result<(), String>> {
    let schema = Schema::fresh()?;
    let (mut old, mut new) = (opened(&schema, true), opened(&schema, true));
    let (first, second) = (lease("old", 1, 0), lease("new", 2, 0));
    assert_eq!(
        old.write.swap_lease(None, &first).expect("a swap"),
        Swap::Done
    );
    commit(&mut old, 1).expect("it has the lease");
    assert_eq!(
        new.write.swap_lease(Some(&first), &second).expect("a swap"),
        Swap::Done
    );
    let before = kept(&mut new);
    let done = commit(&mut old, 2);
    let after = kept(&mut new);
    Some(match done {
        Err(Fault::NoLease) if before == after => Ok(()),
        other => Err(format!(
            "after the lease had changed hands the old holder wrote: {other:?}, {before} replies became {after}"
        )),
    })
}

/// Somebody else's transaction has the first of two rows that a batch changes, and wants the second one next.
pub(crate) fn out_of_order() -> Option<Result<(), String>> {
    let schema = Schema::fresh()?;
    let mut desk = Desk::new(opened(&schema, false));
    desk.commit(&[store("a"), store("b")]).expect("two stores");
    let mut prepared = desk.prepared(&[store("a"), store("b")], [2; 16]);
    // As commands may have touched them.
    prepared.changed.reverse();
    let other = schema.late("SELECT FROM stores WHERE id = 'a' FOR UPDATE");
    let held = std::thread::scope(|scope| {
        let write = &mut desk.parts.write;
        let writing = scope.spawn(|| write.commit(&prepared.batch(&[])));
        until("the batch waits for the row", || {
            let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN \
                         (SELECT pid FROM pg_stat_activity WHERE query LIKE '%INTO stores%')";
            has_row(&schema, waits)
        });
        let second = "BEGIN; SELECT FROM stores WHERE id = 'b' FOR UPDATE NOWAIT; ROLLBACK";
        let second = schema.run(second);
        other.commit();
        writing.join().expect("no panic").expect("it is committed");
        second
    });
    Some(held.map(drop).map_err(|error| {
        format!(
            "the batch holds the second row while it waits for the first ({error}): who locks in their order waits for it, and both for ever"
        )
    }))
}

fn has_row(schema: &Schema, sql: &str) -> bool {
    let found = schema.run(sql).expect("PostgreSQL answers");
    let mut rows = found.iter();
    rows.any(|it| matches!(it, tokio_postgres::SimpleQueryMessage::Row(_)))
}
