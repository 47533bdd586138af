//! Every error code has a page under `docs/errors`, and every page a code.

use std::collections::BTreeSet;

use super::Report;
use crate::workspace;

/// The one list of codes: rows of `("code", status)`.
const LIST: &str = "crates/api/src/codes.rs";

pub(super) fn explained(report: &mut Report) -> anyhow::Result<()> {
    let Ok(source) = std::fs::read_to_string(workspace::root().join(LIST)) else {
        report.note(format!("there is no {LIST} yet"));
        return Ok(());
    };
    let codes = listed(&source);
    if codes.is_empty() {
        report.fault(format!("{LIST} has no row of the form (\"code\", status)"));
    }
    let pages: BTreeSet<String> = workspace::files(&workspace::root().join("docs/errors"), "md")?
        .iter()
        .filter_map(|it| Some(it.file_stem()?.to_str()?.to_owned()))
        .filter(|it| it != "README" && it != "index")
        .collect();
    for code in codes.difference(&pages) {
        report.fault(format!("{code} has no page docs/errors/{code}.md"));
    }
    for page in pages.difference(&codes) {
        report.fault(format!("docs/errors/{page}.md explains no code of {LIST}"));
    }
    Ok(())
}

/// The codes of all rows, tests at the end of the file aside.
fn listed(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let rows = source
        .split("(\"")
        .skip(1)
        .filter_map(|it| it.split_once('"'));
    rows.filter(|(code, rest)| {
        let is_code =
            !code.is_empty() && code.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
        is_code && rest.trim_start().starts_with(',')
    })
    .map(|(code, _)| code.to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_row_is_a_code_and_its_status() {
        let source = "const CODES: &[(&str, u16)] = &[(\"not_found\", 404),\n    (\n\"x\" ),(\"Not a code\", 1), (\"invalid\" , 422)];\n#[cfg(test)] (\"other\", 1)";
        assert_eq!(
            super::listed(source).into_iter().collect::<Vec<_>>(),
            ["invalid", "not_found"]
        );
    }
}
