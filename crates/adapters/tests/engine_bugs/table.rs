//! The table in docs/PROOF.md.

use crate::CAUGHT;
use cartwright_domain::planted::EngineBug;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- defects on engines: begin -->\n";
const END: &str = "<!-- defects on engines: end -->";

fn table() -> String {
    let mut table =
        String::from("| defect | what it does | engine | caught by |\n|---|---|---|---|\n");
    for (bug, test, engine) in CAUGHT {
        let (name, what) = (bug.name(), bug.what());
        writeln!(table, "| `{name}` | {what} | {engine} | `{test}` |").expect("a text grows");
    }
    table
}

#[test]
fn each_defect_has_a_test_and_stands_in_the_document() {
    let is_hunted = |bug: &EngineBug| CAUGHT.iter().any(|it| it.0 == *bug);
    let forgotten: Vec<_> = EngineBug::ALL.iter().filter(|it| !is_hunted(it)).collect();
    assert!(forgotten.is_empty(), "nobody hunts {forgotten:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROOF.md");
    let text = std::fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("CARTWRIGHT_PROOF_WRITE").is_some() {
        let text = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(&path, text).expect("the document can be written");
    } else {
        assert_eq!(written, table(), "CARTWRIGHT_PROOF_WRITE=1 writes it");
    }
}
