//! The report and the state of an interrupted import.

use super::super::{Counts, Outcome, Report, Resume, RowError};
use std::fs;
use std::io;

#[test]
fn a_report_counts_all_and_writes_only_what_failed() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("report.jsonl");
    fs::write(&path, "of an earlier run")?;
    let mut report = Report::begin(&path)?;
    report.done(Outcome::Created, 2, 0);
    report.done(Outcome::Updated, 0, 1);
    report.done(Outcome::Unchanged, 0, 0);
    assert!(!path.exists(), "nothing failed yet");
    let error = RowError {
        row: 4,
        line: 9,
        id: Some("a".to_owned()),
        code: "invalid".to_owned(),
        detail: "name: required".to_owned(),
    };
    report.failed(&error)?;
    report.flush()?;
    assert_eq!(
        fs::read_to_string(&path)?,
        "{\"row\":4,\"line\":9,\"id\":\"a\",\"code\":\"invalid\",\"detail\":\"name: required\"}\n"
    );
    let counts = Counts {
        created: 1,
        updated: 1,
        unchanged: 1,
        failed: 1,
        stock_set: 2,
        stock_kept: 1,
    };
    assert_eq!((report.counts(), counts.rows()), (counts, 4));
    let mut report = Report::resume(&path, counts);
    report.failed(&error)?;
    report.flush()?;
    assert_eq!(
        (
            fs::read_to_string(&path)?.lines().count(),
            report.counts().failed
        ),
        (2, 2)
    );
    Ok(())
}

#[test]
fn an_import_goes_on_behind_the_last_acknowledged_row() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let input = directory.path().join("catalogue.csv");
    fs::write(&input, "id,sku\n")?;
    let counts = Counts {
        created: 7,
        ..Counts::default()
    };

    let mut resume = Resume::load(&input, None, "main")?;
    assert_eq!((resume.row(), resume.line()), (0, 0));
    resume.advance(7, 12, counts)?;
    resume.advance(3, 5, Counts::default())?;
    assert!(
        directory
            .path()
            .join("catalogue.csv.cartwright-resume")
            .exists()
    );

    let again = Resume::load(&input, None, "main")?;
    assert_eq!((again.row(), again.line(), again.counts()), (7, 12, counts));
    assert_eq!(Resume::load(&input, None, "other options")?.row(), 0);
    let elsewhere = tempfile::tempdir()?;
    assert_eq!(
        Resume::load(&input, Some(elsewhere.path()), "main")?.row(),
        0
    );

    fs::write(&input, "id,sku,name\n")?;
    assert_eq!(
        Resume::load(&input, None, "main")?.row(),
        0,
        "another content"
    );
    again.finish()?;
    assert_eq!(
        fs::read_dir(directory.path())?.count(),
        1,
        "only the input is left"
    );
    fs::write(
        directory.path().join("catalogue.csv.cartwright-resume"),
        "torn",
    )?;
    assert_eq!(Resume::load(&input, None, "main")?.row(), 0);
    Ok(())
}
