//! The frame of a page: its style, its few lines of script, and the policy that lets nothing else in.

use base64::Engine;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("search.js");

/// `Content-Security-Policy`: our own style and script by their hashes, and nothing from anywhere.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| {
        let digest = Sha256::digest(text);
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// A whole page. `title` is escaped, `main` is HTML.
pub(super) fn page(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\"><title>{}</title><style>{STYLE}</style></head>\
         <body><header><a class=\"home\" href=\"/\">Cartwright</a><nav><a href=\"/docs\">Routes</a><a href=\"/docs/errors\">Errors</a>\
         <a href=\"/openapi.json\">OpenAPI</a></nav></header><main>{main}</main><script>{SCRIPT}</script></body></html>\n",
        escape(title)
    )
}

/// A text as HTML, for elements and for values between quotes: nothing in it is markup.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A text with `code` between backticks, as HTML.
pub(super) fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(place, part)| match place % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_cannot_become_markup() {
        assert_eq!(
            escape("<a b='c' d=\"e\">&"),
            "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;"
        );
        assert_eq!(
            prose("send `<id>` & go"),
            "send <code>&lt;id&gt;</code> &amp; go"
        );
        // Neither could end its element early, so the hashes cover all of them.
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
        assert!(page("<t>", "").contains("<title>&lt;t&gt;</title>"));
    }
}
