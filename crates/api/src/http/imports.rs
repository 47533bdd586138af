//! Imports: many products and their stock in one request, each row a command of its own.

use super::body::too_deep;
use super::endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb, schema, to_json};
use crate::problem::Problem;
use crate::wire::catalog::ImportProduct;
use crate::wire::imports::{ImportReport, ImportedRow, RowResult};
use crate::wire::strict::{Object, Strict, shape_error};
use bytes::Bytes;
use cartwright_app::catalog::{self as app, Tally, rehearse};
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::kept::{KeptReply, key_hash, payload_hash};
use cartwright_app::shop::{Keyed, Outcome, Submission};
use cartwright_app::{Fault, Record, Reply as Decision};
use cartwright_domain::catalog::Import;
use cartwright_domain::key::Scope;
use cartwright_domain::{Country, ProductId, Refusal};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Rows on their way to the write loop at once: enough to fill its batches, little enough to leave room for others.
const WINDOW: usize = 256;
/// How long a row waits when too much is waiting for the loop already.
const BACK_OFF: Duration = Duration::from_millis(20);

/// Routes of imports.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Post,
    path: "/v1/imports",
    name: "importProducts",
    summary: "Creates or updates products with their stock: a JSON array or JSON lines, row by row; a row that fails leaves the others alone.",
    access: Access::Scope(Scope::CatalogWrite),
    query: &[
        QueryParam {
            name: "stock",
            schema: r#"{"type":"string","enum":["missing","count"],"default":"missing"}"#,
            repeated: false,
            description: "Set stock where no level exists, or count every level that a row names.",
        },
        QueryParam {
            name: "create_stores",
            schema: r#"{"type":"boolean","default":false}"#,
            repeated: false,
            description: "Make locations that are not known, as warehouses; needs scope `stores:write`.",
        },
        QueryParam {
            name: "dry_run",
            schema: r#"{"type":"boolean","default":false}"#,
            repeated: false,
            description: "Say what would become of each row by itself, and change nothing.",
        },
    ],
    body: BodyKind::Import,
    request: Some(schema::<Vec<ImportProduct>>),
    replies: &[(200, Some(schema::<ImportReport>))],
    refusals: &[],
    produces: "application/json",
    handler: |call| Box::pin(import(call)),
}];

struct Asked {
    count: bool,
    create_stores: Option<Country>,
    dry_run: bool,
    key: Option<smol_str::SmolStr>,
}

/// What became of a row, and whether an earlier request had done it.
type Done = Result<(ImportedRow, bool), Problem>;

async fn import(call: Call) -> Result<Reply, Problem> {
    let asked = asked(&call)?;
    let body = call.body.clone();
    let rows = tokio::task::spawn_blocking(move || split(&body)).await;
    let rows = rows.map_err(|error| Fault::Unavailable(error.to_string()))??;
    let (call, asked) = (&call, &asked);
    let mut running = FuturesOrdered::new();
    let mut done = Vec::with_capacity(rows.len());
    let mut all_replayed = !rows.is_empty();
    for (index, row) in rows.into_iter().enumerate() {
        if running.len() >= WINDOW
            && let Some(row) = running.next().await
        {
            take(row, &mut done, &mut all_replayed)?;
        }
        running.push_back(one(call, asked, index, call.body.slice(row)));
    }
    while let Some(row) = running.next().await {
        take(row, &mut done, &mut all_replayed)?;
    }
    failpoint(Point::ImportDone);
    let reply = Reply::of(&ImportReport::from((done, asked.dry_run)));
    Ok(if all_replayed {
        reply.with("idempotent-replayed", "true")
    } else {
        reply
    })
}

fn take(row: Done, done: &mut Vec<ImportedRow>, all_replayed: &mut bool) -> Result<(), Problem> {
    let (row, replayed) = row?;
    failpoint(Point::ImportRow);
    *all_replayed &= replayed;
    done.push(row);
    Ok(())
}

fn asked(call: &Call) -> Result<Asked, Problem> {
    let count = match call.query("stock") {
        None | Some("missing") => false,
        Some("count") => true,
        Some(_) => {
            return Err(Problem::invalid(
                "stock",
                "malformed",
                "expected missing or count",
            ));
        }
    };
    let flag =
        |name| Ok::<_, Problem>(call.parsed::<bool>(name, "true or false")?.unwrap_or(false));
    let create_stores = flag("create_stores")?;
    if create_stores && !call.who.may(Scope::StoresWrite) {
        return Err(forbidden(Scope::StoresWrite));
    }
    let country = call.edge.options.cart_rules.country;
    Ok(Asked {
        count,
        create_stores: create_stores.then_some(country),
        dry_run: flag("dry_run")?,
        key: call.idempotency_key()?,
    })
}

fn forbidden(scope: Scope) -> Problem {
    let name = scope.as_str();
    Problem::new("forbidden", format!("this needs a key with scope {name}")).with("scope", name)
}

/// One row, from its bytes to what became of it. Only what concerns the whole request is an error.
async fn one(call: &Call, asked: &Asked, index: usize, bytes: Bytes) -> Done {
    let row = match read(call, &bytes) {
        Ok(row) => row,
        Err((id, problem)) => return Ok((ImportedRow::failed(index, id, &problem), false)),
    };
    let id = row.product.id.as_ref().map(ToString::to_string);
    if !row.stock.is_empty() && !call.who.may(Scope::InventoryWrite) {
        let problem = forbidden(Scope::InventoryWrite);
        return Ok((ImportedRow::failed(index, id, &problem), false));
    }
    let command = app::ImportProduct {
        row,
        made_id: ProductId::made(call.edge.fresh_id()),
        count: asked.count,
        create_stores: asked.create_stores,
        tally: Arc::default(),
    };
    if asked.dry_run {
        let decided = rehearse(&call.edge.shop, &command).await?;
        return Ok((result(index, id, &decided, &command.tally), false));
    }
    submit(call, asked, index, id, command, &bytes).await
}

async fn submit(
    call: &Call,
    asked: &Asked,
    index: usize,
    id: Option<String>,
    command: app::ImportProduct,
    bytes: &Bytes,
) -> Done {
    let (row, stores, tally) = (command.row, command.create_stores, command.tally);
    let started = call.edge.shop.clock().monotonic_ns();
    let deadline_ns = started + call.edge.options.wait_ns;
    loop {
        let submission = Submission {
            command: Box::new(app::ImportProduct {
                row: row.clone(),
                made_id: command.made_id.clone(),
                count: asked.count,
                create_stores: stores,
                tally: tally.clone(),
            }),
            keyed: asked
                .key
                .as_ref()
                .map(|key| keyed(call, key, index, id.clone(), bytes, tally.clone())),
            actor: call.who.principal.clone(),
            correlation: call.request_id.clone(),
            deadline_ns,
        };
        return match call.edge.shop.submit(submission).await {
            Ok(answer) => match answer.reply {
                Decision::Decided(decided) => Ok((result(index, id, &decided, &tally), false)),
                Decision::Kept(kept, replayed) => Ok((kept_row(&kept)?, replayed)),
                Decision::KeyReused => {
                    let detail = "this Idempotency-Key was used with another query or body; use a new key for a new request";
                    Err(Problem::new("idempotency_key_reused", detail))
                }
            },
            Err(Fault::Overloaded) if call.edge.shop.clock().monotonic_ns() < deadline_ns => {
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
            // Another process writes: that is so for every row.
            Err(Fault::NoLease) => Err(Fault::NoLease.into()),
            Err(fault) => Ok((ImportedRow::failed(index, id, &fault.into()), false)),
        };
    }
}

/// The key of one row: that of the request with the row's place. So a repeat goes on where the first request ended.
fn keyed(
    call: &Call,
    key: &str,
    index: usize,
    id: Option<String>,
    bytes: &Bytes,
    tally: Arc<Tally>,
) -> Keyed {
    let path = call.parts.uri.path();
    let row_key = format!("{key} {index}");
    Keyed {
        hash: key_hash(
            &call.who.principal,
            call.endpoint.method.as_str(),
            path,
            &row_key,
        ),
        payload_hash: payload_hash(call.parts.uri.query().unwrap_or_default(), bytes),
        keep_ms: call.edge.options.keep_replies_ms,
        render: Box::new(move |decided, _| KeptReply {
            status: 200,
            body: to_json(&result(index, id.clone(), decided, &tally)),
            ..KeptReply::default()
        }),
    }
}

fn kept_row(kept: &KeptReply) -> Result<ImportedRow, Problem> {
    serde_json::from_slice(&kept.body).map_err(|error| Fault::corrupt(error).into())
}

fn result(
    index: usize,
    id: Option<String>,
    decided: &Result<Outcome, Refusal>,
    tally: &Tally,
) -> ImportedRow {
    let outcome = match decided {
        Ok(outcome) => outcome,
        Err(refusal) => return ImportedRow::failed(index, id, &refusal.clone().into()),
    };
    let made = match &outcome.record {
        Some(Record::Product(product)) => Some(product.id.to_string()),
        _ => id,
    };
    let result = match (outcome.created, outcome.changed) {
        (true, _) => RowResult::Created,
        (false, true) => RowResult::Updated,
        (false, false) => RowResult::Unchanged,
    };
    ImportedRow {
        index,
        id: made,
        result,
        stock_set: tally.set(),
        stock_kept: tally.kept(),
        code: None,
        detail: None,
    }
}

/// A row as the domain understands it; else what is wrong with it, and the id it names.
fn read(call: &Call, bytes: &[u8]) -> Result<Import, (Option<String>, Problem)> {
    let options = &call.edge.options;
    if bytes.len() > options.max_body {
        let detail = format!("a row may take {} bytes", options.max_body);
        return Err((None, Problem::new("too_large", detail)));
    }
    if too_deep(bytes, options.max_depth) {
        let detail = format!("the row nests deeper than {} levels", options.max_depth);
        return Err((None, Problem::new("malformed_json", detail)));
    }
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(row))) => {
            let id = row.get("id").and_then(Value::as_str).map(str::to_owned);
            let import = Import::try_from(ImportProduct(Object(row)));
            import.map_err(|refusal| (id, refusal.into()))
        }
        Ok(_) => {
            let problem = Problem::new("malformed_request", "a row must be a JSON object");
            Err((None, problem))
        }
        Err(error) if error.is_data() => Err((None, shape_error("", &error.to_string()).into())),
        Err(error) => {
            let detail = format!("the row is not JSON: {error}");
            Err((None, Problem::new("malformed_json", detail)))
        }
    }
}

/// Where the rows stand: the elements of an array, else the lines that are not blank.
fn split(body: &Bytes) -> Result<Vec<Range<usize>>, Problem> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace());
    match start {
        None => Ok(Vec::new()),
        Some(start) if body[start] == b'[' => elements(body, start),
        Some(_) => Ok(lines(body)),
    }
}

fn lines(body: &[u8]) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in body.split(|byte| *byte == b'\n') {
        let row = start..start + line.len();
        start = row.end + 1;
        if !line.trim_ascii().is_empty() {
            rows.push(row);
        }
    }
    rows
}

/// The elements of the array that begins at `start`; what they are is seen when they are read.
fn elements(body: &[u8], start: usize) -> Result<Vec<Range<usize>>, Problem> {
    let (mut rows, mut depth, mut in_string, mut escaped) = (Vec::new(), 0usize, false, false);
    let mut from = start + 1;
    for (place, byte) in body.iter().enumerate().skip(start) {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (true, _) => {}
            (false, b'"') => in_string = true,
            (false, b'[' | b'{') => depth += 1,
            (false, b',') if depth == 1 => {
                rows.push(from..place);
                from = place + 1;
            }
            (false, b']' | b'}') if depth == 1 => {
                let last = from..place;
                let is_empty = body[last.clone()].trim_ascii().is_empty();
                if !is_empty || !rows.is_empty() {
                    rows.push(last);
                }
                let rest = body[place + 1..].trim_ascii();
                return if *byte == b']' && rest.is_empty() {
                    Ok(rows)
                } else {
                    Err(no_array("something follows the end of the array"))
                };
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
    }
    Err(no_array("the array does not end"))
}

fn no_array(why: &str) -> Problem {
    let detail = format!("send a JSON array or one JSON object a line: {why}");
    Problem::new("malformed_json", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, expected: &[&str]) {
        let bytes = Bytes::from_static(body.as_bytes());
        let rows = split(&bytes).map(|rows| {
            let text = |row: &Range<usize>| body[row.clone()].trim().to_owned();
            rows.iter().map(text).collect::<Vec<_>>()
        });
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(rows, Ok(expected), "{body}");
    }

    #[test]
    fn finds_rows_in_arrays_and_lines() {
        check("", &[]);
        check(" \n ", &[]);
        check("[]", &[]);
        check(
            r#" [ {"a":[1,2]} , {"b":"],[\"}"} ] "#,
            &[r#"{"a":[1,2]}"#, r#"{"b":"],[\"}"}"#],
        );
        check("{\"a\":1}\n\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1", &["{\"a\":1"]);
        check("[1,,2]", &["1", "", "2"]);
        check("[1,]", &["1", ""]);
    }

    #[test]
    fn an_array_that_does_not_end_well_is_no_import() {
        for body in ["[", "[{}", "[{}] {}", "[{}}", "[\"]"] {
            let split = split(&Bytes::from_static(body.as_bytes()));
            assert!(
                split.is_err_and(|problem| problem.code == "malformed_json"),
                "{body}"
            );
        }
    }
}
