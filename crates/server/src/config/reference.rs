//! The list of settings for people: the Markdown reference and the values in force.

use super::keys::KEYS;
use super::kind::Kind;
use super::layers::Config;
use std::fmt::Write;

/// All settings as a Markdown page.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\nDefaults < file (TOML, `--config`) < environment < flags. A name that is not listed here is refused, a variable with\n\
         our prefix too, unless Kubernetes makes it (`CARTWRIGHT_SERVICE_HOST`). `--no-X` and `CARTWRIGHT_NO_X` switch X off. A variable of the store inventory plan\n\
         works beside ours; ours counts more. Secrets have no flag.\n\n\
         | setting (TOML) | flag | environment | allowed | default | meaning |\n|---|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let flag = if key.kind == Kind::Secret {
            String::new()
        } else {
            format!("`--{}`", key.flag())
        };
        let also = key.also.map_or(String::new(), |also| format!(", `{also}`"));
        let default = if key.default.is_empty() {
            String::new()
        } else {
            format!("`{}`", key.default)
        };
        // Writing to a text never fails.
        let _ = writeln!(
            page,
            "| `{}` | {flag} | `{}`{also} | {} | {default} | {} |",
            key.name,
            key.variable(),
            key.kind.allowed(),
            key.meaning
        );
    }
    page
}

/// `(name, value, where it comes from)` of every setting, secrets left out.
pub fn shown(config: &Config) -> Vec<(&'static str, String, String)> {
    let value = |key: &super::Key| match (key.kind, config.text(key.name)) {
        (Kind::Secret, "") => String::new(),
        (Kind::Secret, _) => "(set, not shown)".to_owned(),
        _ => config.shown(key.name),
    };
    KEYS.iter()
        .map(|key| (key.name, value(key), config.source(key.name).to_string()))
        .collect()
}
