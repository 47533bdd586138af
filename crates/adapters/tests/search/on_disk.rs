//! What only an index on disk can promise.

use std::fs;
use std::path::Path;

use cartwright_app::ports::search::SearchFault;

use super::*;

#[test]
fn reopening_keeps_documents_and_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let before = {
        let search = TantivySearch::open(directory.path()).unwrap();
        assert_eq!(search.cursor(), 0);
        search.apply(&upserts(&shop()), 41).unwrap();
        search.apply(&[], 42).unwrap();
        search.query(&all()).unwrap()
    };
    let search = TantivySearch::open(directory.path()).unwrap();
    assert_eq!(search.cursor(), 42);
    assert_eq!(search.query(&all()).unwrap(), before);
    search.apply(&[delete("p1")], 43).unwrap();
    assert_eq!(search.query(&all()).unwrap().total, 4);
    search.rebuild().unwrap();
    drop(search);
    let search = TantivySearch::open(directory.path()).unwrap();
    assert_eq!(search.cursor(), 0);
    assert_eq!(search.query(&all()).unwrap().total, 0);
}

/// Fills an index, damages the files that `chosen` names, and expects it to start over.
fn check_damage(chosen: impl Fn(&str) -> bool, damage: impl Fn(Vec<u8>) -> Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let search = TantivySearch::open(directory.path()).unwrap();
    search.apply(&upserts(&shop()), 7).unwrap();
    drop(search);
    let others = directory.path().join("notes.txt");
    fs::write(&others, "mine").unwrap();
    let damaged = each_file(directory.path(), |path| {
        if chosen(path.file_name().unwrap().to_str().unwrap()) {
            let bytes = fs::read(path).unwrap();
            let changed = damage(bytes.clone());
            assert_ne!(bytes, changed);
            fs::write(path, changed).unwrap();
            return 1;
        }
        0
    });
    assert!(damaged > 0);
    let search = TantivySearch::open(directory.path()).unwrap();
    assert_eq!(search.cursor(), 0);
    assert_eq!(search.query(&all()).unwrap().total, 0);
    search.apply(&upserts(&shop()), 7).unwrap();
    assert_eq!(search.query(&typed("mug")).unwrap().total, 2);
    assert_eq!(fs::read_to_string(&others).unwrap(), "mine");
}

fn each_file(directory: &Path, visit: impl Fn(&Path) -> usize) -> usize {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| visit(&entry.unwrap().path())).sum()
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    text.replace(from, to).into_bytes()
}

#[test]
fn a_damaged_or_foreign_index_is_emptied_and_files_of_others_are_kept() {
    let meta = |name: &str| name == "meta.json";
    let segment = |name: &str| name.ends_with(".term") || name.ends_with(".fast");
    check_damage(meta, |_| b"{".to_vec());
    check_damage(meta, |text| replaced(&text, "\"1:7\"", "\"0:7\""));
    check_damage(meta, |text| replaced(&text, "\"1:7\"", "\"1:seven\""));
    check_damage(meta, |text| replaced(&text, "\"name_rank\"", "\"other\""));
    check_damage(segment, |bytes| bytes[..bytes.len() / 2].to_vec());
    check_damage(segment, |mut bytes| {
        bytes[0] ^= 0x55;
        bytes
    });
}

#[test]
fn an_index_with_missing_segments_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let search = TantivySearch::open(directory.path()).unwrap();
    search.apply(&upserts(&shop()), 7).unwrap();
    drop(search);
    let removed = each_file(directory.path(), |path| {
        usize::from(path.extension().is_some_and(|e| e == "fast") && fs::remove_file(path).is_ok())
    });
    assert_eq!(removed, 1);
    let search = TantivySearch::open(directory.path()).unwrap();
    assert_eq!(search.cursor(), 0);
}

#[test]
fn a_second_writer_is_refused_until_the_first_rests() {
    let directory = tempfile::tempdir().unwrap();
    let first = TantivySearch::open(directory.path()).unwrap();
    first.apply(&upserts(&shop()), 7).unwrap();
    let second = TantivySearch::open(directory.path()).unwrap();
    let refused = second.apply(&[delete("p1")], 8);
    assert!(matches!(refused, Err(SearchFault::Index { .. })));
    assert_eq!(second.cursor(), 7);
    assert_eq!(second.query(&all()).unwrap().total, 5);
    first.rest();
    second.apply(&[delete("p1")], 8).unwrap();
    assert_eq!(second.query(&all()).unwrap().total, 4);
}

#[test]
fn a_directory_that_cannot_be_made_is_a_fault() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let opened = TantivySearch::open(&file.path().join("search"));
    assert!(matches!(opened, Err(SearchFault::Index { .. })));
}
