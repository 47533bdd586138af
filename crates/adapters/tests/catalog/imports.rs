//! Rows of imports: a product and its stock in one command.

use crate::floor::*;
use cartwright_app::Key;
use cartwright_app::catalog::{ImportProduct, rehearse};
use cartwright_domain::{Refusal, StoreId};

#[test]
fn the_same_row_twice_is_one_product_and_its_stock_once() {
    let floor = Floor::new();
    floor.store("main");
    let mug = || row("Mug", &["A", "B"], &[("A", "main", 5), ("B", "main", 0)]);
    let first = floor.submit(import(mug())).unwrap();
    assert!(first.created && first.changed);
    let again = floor.submit(import(mug())).unwrap();
    assert!(!again.created && !again.changed);
    assert_eq!(floor.on_hand("A", "main"), Some((5, 1)));
    assert_eq!(floor.on_hand("B", "main"), Some((0, 1)));
}

#[test]
fn a_level_that_exists_is_only_counted_when_that_is_asked() {
    let floor = Floor::new();
    floor.store("main");
    floor
        .submit(import(row("Mug", &["A"], &[("A", "main", 5)])))
        .unwrap();
    let more = || row("Mug", &["A"], &[("A", "main", 9)]);
    assert!(!floor.submit(import(more())).unwrap().changed);
    assert_eq!(floor.on_hand("A", "main"), Some((5, 1)));
    let counted = floor
        .submit(ImportProduct {
            count: true,
            ..import(more())
        })
        .unwrap();
    assert!(counted.changed && !counted.created);
    assert_eq!(floor.on_hand("A", "main"), Some((9, 2)));
}

#[test]
fn an_unknown_store_is_refused_whole_or_made() {
    let floor = Floor::new();
    let mug = || row("Mug", &["A"], &[("A", "berlin", 5), ("A", "paris", 6)]);
    assert_eq!(
        floor.submit(import(mug())).unwrap_err(),
        Refusal::not_found("store", "berlin")
    );
    assert_eq!(floor.find(Key::Product(id("mug"))), None);
    let made = ImportProduct {
        create_stores: Some(germany()),
        ..import(mug())
    };
    assert!(floor.submit(made).unwrap().created);
    assert!(
        floor
            .find(Key::Store(StoreId::new("paris").unwrap()))
            .is_some()
    );
    assert_eq!(floor.on_hand("A", "paris"), Some((6, 1)));
}

#[test]
fn a_row_without_an_id_means_the_product_of_its_sku() {
    let floor = Floor::new();
    let nameless = |name: &str| {
        let mut row = row(name, &["A"], &[]);
        row.product.id = None;
        import(row)
    };
    assert_eq!(product(floor.submit(nameless("Mug"))).id, id("made"));
    let renamed = product(floor.submit(nameless("Cup")));
    assert_eq!((&renamed.id, renamed.version), (&id("made"), 2));
    // The address stays when the row names none.
    assert_eq!(
        (renamed.data.name.as_str(), renamed.data.slug.as_str()),
        ("Cup", "mug")
    );
}

#[test]
fn a_row_takes_no_names_of_others_and_loses_no_stock() {
    let floor = Floor::new();
    floor.store("main");
    floor.create(new_product("Cup", &["C"])).unwrap();
    let taken = floor.submit(import(row("Mug", &["A", "C"], &[])));
    assert!(matches!(
        taken,
        Err(Refusal::AlreadyExists {
            resource: "variant",
            ..
        })
    ));
    floor
        .submit(import(row("Mug", &["A", "B"], &[("B", "main", 1)])))
        .unwrap();
    let lost = floor.submit(import(row("Mug", &["A"], &[])));
    assert!(matches!(lost, Err(Refusal::InvalidState { .. })));
}

#[test]
fn a_rehearsal_says_the_same_and_changes_nothing() {
    let floor = Floor::new();
    let rehearsed = |command: ImportProduct| {
        floor
            .threads
            .block_on(rehearse(&floor.shop, &command))
            .unwrap()
    };
    let mug = || import(row("Mug", &["A"], &[("A", "main", 5)]));
    assert_eq!(
        rehearsed(mug()).unwrap_err(),
        Refusal::not_found("store", "main")
    );
    floor.store("main");
    assert!(rehearsed(mug()).unwrap().created);
    assert_eq!(floor.find(Key::Product(id("mug"))), None);
    floor.submit(mug()).unwrap();
    let again = rehearsed(mug()).unwrap();
    assert!(!again.created && !again.changed);
}
