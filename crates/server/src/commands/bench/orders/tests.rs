use std::path::PathBuf;

use super::{super::fake, *};

/// A small record in the form of the real one; the xz was made with the `xz` tool.
const SMALL_RECORD: &[u8] = include_bytes!("small-record.tar.xz");

fn arguments(data: PathBuf, lines_per_request: u8) -> OrdersArgs {
    OrdersArgs {
        data,
        lines_per_request,
        first: None,
        prefix: "uci-".to_owned(),
    }
}

async fn source() -> Source {
    Source {
        running: Some((fake::start().await, fake::KEY.to_owned())),
        directory: std::env::temp_dir(),
        engines: crate::commands::bench::Engines::default(),
        environment: Vec::new(),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_is_replayed_and_reconciled() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("record.tar.xz");
    std::fs::write(&data, SMALL_RECORD).unwrap();
    for lines_per_request in [1, 3] {
        let args = arguments(data.clone(), lines_per_request);
        run(&args, &mut source().await, 4, true).await.unwrap();
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_second_replay_on_one_shop_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("record.tar.xz");
    std::fs::write(&data, SMALL_RECORD).unwrap();
    let mut source = source().await;
    let args = arguments(data, 1);
    run(&args, &mut source, 4, true).await.unwrap();
    let refused = format!("{:#}", run(&args, &mut source, 4, true).await.unwrap_err());
    assert!(refused.contains("choose another --prefix"), "{refused}");
}

#[test]
fn a_difference_names_the_sku_and_both_sides() {
    let one = BTreeMap::from([("A-1".to_owned(), Sum { units: 1, pence: 1 })]);
    let other = BTreeMap::from([("B-2".to_owned(), Sum { units: 1, pence: 2 })]);
    assert!(check("both", &one, &one).is_ok());
    let message = check("both", &one, &other).unwrap_err().to_string();
    assert!(message.contains("differ in 2 SKUs"), "{message}");
    assert!(
        message.contains("A-1: Some(Sum { units: 1, pence: 1 }) and None"),
        "{message}"
    );
}

#[test]
fn pounds_keep_what_two_places_cannot_say() {
    let rows = [
        (2_550_000, "2.55"),
        (-11_062_060_000, "-11062.06"),
        (1_000, "0.001"),
        (0, "0.00"),
    ];
    for (millionths, text) in rows {
        assert_eq!(pounds(millionths), text);
    }
}
