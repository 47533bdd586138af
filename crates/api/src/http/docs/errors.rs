//! The pages of `docs/errors`, as they are in the repository.

use super::html;
use crate::codes::CODES;
use pulldown_cmark::{Options, Parser};
use std::fmt::Write;

macro_rules! pages {
    ($($code:literal)*) => {
        /// Every code's page as Markdown.
        const PAGES: &[(&str, &str)] = &[
            $(($code, include_str!(concat!("../../../../../docs/errors/", $code, ".md")))),*
        ];
    };
}

pages! {
    "malformed_json" "malformed_request" "idempotency_key_required" "unauthenticated" "forbidden" "not_found"
    "method_not_allowed" "not_acceptable" "reservation_limit" "insufficient_stock" "version_conflict"
    "idempotency_key_reused" "idempotency_in_flight" "reservation_final" "cart_closed" "already_exists" "invalid_state"
    "checkout_incomplete" "quote_stale" "payment_declined" "exceeds_remaining" "insufficient_funds"
    "too_large" "uri_too_long" "unsupported_media_type" "invalid" "quantity_limit" "cart_limit" "currency_mismatch"
    "not_sold_here" "version_required" "rate_limited" "headers_too_large" "internal" "overloaded" "read_only"
    "dependency_unavailable"
}

/// The page of a code.
pub(super) fn page(code: &str) -> Option<String> {
    let (_, text) = PAGES.iter().find(|(known, _)| *known == code)?;
    let mut main = String::new();
    pulldown_cmark::html::push_html(&mut main, Parser::new_ext(text, Options::ENABLE_TABLES));
    main.push_str("<p><a href=\"/docs/errors\">All errors</a></p>");
    Some(html::page(&format!("{code} - Cartwright"), &main))
}

/// What a page says first: its third paragraph.
fn means(text: &str) -> &str {
    text.split("\n\n").nth(2).unwrap_or_default()
}

/// The list of all codes.
pub(super) fn index() -> String {
    let mut main = String::from(
        "<h1>Errors</h1><p>Every refusal is a problem (RFC 9457, <code>application/problem+json</code>) with a stable \
         <code>code</code>, a <code>detail</code> that says what to do, and the fields that its code names.</p>\
         <div class=\"wide\"><table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>",
    );
    for (code, status) in CODES {
        let text = PAGES.iter().find(|(known, _)| known == code);
        let means = text.map_or("", |(_, text)| means(text));
        write!(
            main,
            "<tr><td><a href=\"/docs/errors/{code}\">{code}</a></td><td>{status}</td><td>{}</td></tr>",
            html::prose(means)
        )
        .unwrap_or_else(|error| unreachable!("writing to memory: {error}"));
    }
    main.push_str("</tbody></table></div>");
    html::page("Errors - Cartwright", &main)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, version_required};
    use cartwright_app::Fault;
    use cartwright_domain::{Country, Currency, Refusal, Sku};
    use serde_json::Value;

    fn example(code: &str) -> Value {
        let (_, text) = PAGES.iter().find(|(known, _)| *known == code).expect(code);
        let block = text
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        serde_json::from_str(block.expect(code)).expect(code)
    }

    #[test]
    fn every_code_has_a_page_with_an_example_of_its_own() {
        assert_eq!(PAGES.len(), CODES.len());
        for (code, status) in CODES {
            let shown = example(code);
            let detail = shown["detail"].as_str().expect(code);
            let mut problem = Problem::new(code, detail);
            let common = ["type", "title", "status", "detail", "code", "docs"];
            for (name, value) in shown.as_object().expect(code) {
                if !common.contains(&name.as_str()) {
                    problem = problem.with(name, value.clone());
                }
            }
            let sent: Value = serde_json::from_slice(&problem.body()).expect(code);
            assert_eq!(sent, shown, "{code}");
            let page = page(code).expect(code);
            assert!(page.contains(&format!("HTTP {status}")), "{code}");
            assert!(index().contains(&format!("/docs/errors/{code}")), "{code}");
        }
        assert_eq!(page("nothing"), None);
    }

    #[test]
    fn the_examples_are_what_refusals_and_faults_become() {
        let sku = || Sku::new("SKU123").expect("a SKU");
        let refusals = [
            Refusal::short(&sku(), 5, 3),
            Refusal::not_found("store", "atlantis"),
            Refusal::VersionConflict { current: 4 },
            Refusal::ReservationLimit { limit: 100 },
            Refusal::ReservationFinal { state: "expired" },
            Refusal::CartClosed {
                id: "car_01KAJX2V3QE6W8Z4R5T7Y9B1CD".into(),
                state: "merged",
                checkout_id: None,
            },
            Refusal::AlreadyExists {
                resource: "reservation",
                id: "order-1001".into(),
            },
            Refusal::invalid(
                "quantity",
                "out_of_range",
                "expected a whole number from 1 to 1000000000",
            ),
            Refusal::QuantityLimit {
                min: None,
                max: Some(6),
                multiple: None,
            },
            Refusal::CurrencyMismatch {
                sku: sku(),
                currency: Currency::new("CHF").expect("a currency"),
            },
            Refusal::NotSoldHere {
                sku: sku(),
                country: Country::new("DE").expect("a country"),
            },
        ];
        let faults = [
            Fault::Unavailable("gone".into()),
            Fault::ReadOnly,
            Fault::Overloaded,
            Fault::Corrupt("torn".into()),
        ];
        let problems = refusals.into_iter().map(Problem::from);
        let problems = problems
            .chain(faults.into_iter().map(Problem::from))
            .chain([version_required()]);
        for problem in problems {
            let sent: Value = serde_json::from_slice(&problem.body()).expect("JSON");
            assert_eq!(sent, example(problem.code), "{}", problem.code);
        }
    }
}
