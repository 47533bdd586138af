//! The report as one page that needs nothing else: no scripts, nothing loaded, light and dark as the reader's system is.

use super::{Report, Tried, Verdict, counted, thousands};
use cartwright_api::http::escape;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");

/// The page.
pub(crate) fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let class = match report.verdict {
        Verdict::Held => "held",
        Verdict::Violated => "broken",
        Verdict::Unfinished | Verdict::Unreachable => "open",
    };
    let headline = escape(&report.headline());
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>cartwright prove: {headline}</title>\n<style>\n{STYLE}</style></head><body><main>"
    )?;
    writeln!(
        out,
        "<header><p class=\"what\">cartwright prove {}</p><h1 class=\"{class}\">{headline}</h1>\n<dl>",
        report.version
    )?;
    let facts = [
        ("Shop", report.shop.clone()),
        ("Begun", report.begun()),
        ("Took", format!("{:.1} s", report.seconds)),
        ("Requests", thousands(report.requests)),
        ("Seed", report.seed.to_string()),
        ("Run", report.run.clone()),
    ];
    for (name, value) in facts {
        writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value))?;
    }
    writeln!(out, "</dl></header>")?;
    violations(out, report)?;
    writeln!(out, "<section><h2>What was tried</h2>")?;
    for trial in &report.trials {
        tried(out, trial)?;
    }
    writeln!(out, "</section>")?;
    invariants(out, report)?;
    list(out, "What stays", &report.stays)?;
    list(out, "What this does not cover", &report.not_covered)?;
    writeln!(
        out,
        "<section><h2>The same plan again</h2><pre>{}</pre></section></main></body></html>",
        escape(&report.again)
    )
}

fn violations(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.violations.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>Violations</h2>")?;
    for it in &report.violations {
        let ids: Vec<_> = it
            .ids
            .iter()
            .map(|it| format!("<code>{}</code>", escape(it)))
            .collect();
        writeln!(
            out,
            "<article class=\"violation\"><h3>{}</h3><p>{}</p><p class=\"where\">{}, round {}</p><dl><dt>Expected</dt><dd>{}</dd><dt>Seen</dt><dd>{}</dd>\
             <dt>Look at</dt><dd>{}</dd></dl></article>",
            it.invariant,
            escape(it.says),
            it.trial,
            it.round,
            escape(&it.expected),
            escape(&it.seen),
            ids.join(" ")
        )?;
    }
    let untold = report
        .violations_total
        .saturating_sub(report.violations.len() as u64);
    if untold > 0 {
        writeln!(out, "<p>... and {} more.</p>", thousands(untold))?;
    }
    writeln!(out, "</section>")
}

fn tried(out: &mut String, trial: &Tried) -> std::fmt::Result {
    let (class, result) = match (&trial.left_out, &trial.broken_off, trial.violations) {
        (Some(_), _, _) => ("open", "left out".to_owned()),
        (None, Some(_), _) => ("broken", "broken off".to_owned()),
        (None, None, 0) => ("held", "held".to_owned()),
        (None, None, count) => ("broken", counted(count, "violation")),
    };
    writeln!(
        out,
        "<article class=\"trial\"><h3>{} <span class=\"badge {class}\">{result}</span></h3><p>{}</p>",
        trial.name,
        escape(trial.says)
    )?;
    for why in [&trial.left_out, &trial.broken_off].into_iter().flatten() {
        writeln!(out, "<p class=\"why\">{}</p>", escape(why))?;
    }
    if trial.left_out.is_none() {
        writeln!(out, "<ul class=\"counts\">")?;
        for (what, times) in trial.figures() {
            writeln!(out, "<li>{what} <b>{times}</b></li>")?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</article>")
}

fn invariants(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "<section><h2>What was looked at</h2><table><thead><tr><th>What must hold</th><th class=\"number\">Checks</th><th></th></tr></thead><tbody>"
    )?;
    for row in report.invariants.iter().filter(|it| it.checked > 0) {
        let (class, result) = match row.broken {
            0 => ("held", "held".to_owned()),
            broken => ("broken", format!("broken {}", thousands(broken))),
        };
        writeln!(
            out,
            "<tr><td>{}<br><code>{}</code></td><td class=\"number\">{}</td><td><span class=\"badge {class}\">{result}</span></td></tr>",
            escape(row.says),
            row.name,
            thousands(row.checked)
        )?;
    }
    writeln!(out, "</tbody></table></section>")
}

fn list(out: &mut String, title: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>{title}</h2><ul>")?;
    for it in items {
        writeln!(out, "<li>{}</li>", escape(it))?;
    }
    writeln!(out, "</ul></section>")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_a_shop_says_is_shown_and_never_markup() {
        assert_eq!(
            escape("<a href=\"x\">&'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
    }
}
