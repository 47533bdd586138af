//! Rows of catalogue files into a shop: straight into the write loop, or over HTTP into one that runs.

use crate::catalogue_files::{ImportRow, Outcome, RowError, Shape};
use crate::http_client::Client;
use anyhow::Context as _;
use cartwright_api::problem::Problem;
use cartwright_api::wire::catalog::ImportProduct as Body;
use cartwright_api::wire::imports::{ImportedRow, RowResult};
use cartwright_api::wire::strict::Object;
use cartwright_app::catalog::{ImportProduct, Tally, rehearse};
use cartwright_app::ids::Ids;
use cartwright_app::ports::Random;
use cartwright_app::shop::{Outcome as Decided, Reply, Submission};
use cartwright_app::{Fault, Shop};
use cartwright_domain::catalog::Import;
use cartwright_domain::{Country, ProductId, Refusal, StoreId, Time};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// How rows are taken.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Levels that exist are counted too.
    pub count: bool,
    /// Locations that are not known are made as warehouses.
    pub create_stores: bool,
    /// Nothing is changed.
    pub dry_run: bool,
}

/// What became of a row that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Of the product.
    pub outcome: Outcome,
    /// Stock levels that were set.
    pub stock_set: u64,
    /// Stock levels that stood before and were left alone.
    pub stock_kept: u64,
}

/// What became of one row.
pub type Taken = Result<Done, RowError>;

/// A shop that takes rows.
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub enum Target {
    /// In this process.
    Own {
        /// The shop.
        shop: Shop,
        /// Draws ids of products that name none.
        ids: Ids,
        /// Where locations stand that are made.
        country: Country,
    },
    /// A running server, with a key in the client.
    Server(Box<Client>),
}

/// Pause before a row is offered again while the loop is full.
const BACK_OFF: Duration = Duration::from_millis(5);

impl Target {
    /// A shop in this process.
    pub fn own(shop: Shop, random: Arc<dyn Random>, country: Country) -> Self {
        Self::Own {
            shop,
            ids: Ids::new(random),
            country,
        }
    }

    /// Takes some hundred rows; one result a row, in their order.
    ///
    /// # Errors
    /// When the shop fails as a whole; rows before that may have been taken, and taking them again changes nothing.
    pub async fn take(
        &mut self,
        rows: &[ImportRow],
        options: Options,
    ) -> anyhow::Result<Vec<Taken>> {
        match self {
            Self::Own { shop, ids, country } => {
                let mut running = FuturesOrdered::new();
                for row in rows {
                    let made_id = ProductId::made(ids.fresh(Time(shop.clock().now_ms())));
                    running.push_back(own(shop, row, made_id, *country, options));
                }
                let mut taken = Vec::with_capacity(rows.len());
                while let Some(row) = running.next().await {
                    taken.push(row?);
                }
                Ok(taken)
            }
            Self::Server(client) => server(client, rows, options).await,
        }
    }
}

/// Whether the row's stock lies in the store of the options, which is made when it is not known: such files name none.
fn makes_its_store(row: &ImportRow) -> bool {
    row.shape == Shape::RetailDemoStore
}

fn failed(row: &ImportRow, problem: &Problem) -> RowError {
    let id = row
        .product
        .get("id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let report = ImportedRow::failed(0, id.clone(), problem);
    RowError {
        row: row.row,
        line: row.line,
        id,
        code: problem.code.to_owned(),
        detail: report.detail.unwrap_or_default(),
    }
}

async fn own(
    shop: &Shop,
    row: &ImportRow,
    made_id: ProductId,
    country: Country,
    options: Options,
) -> anyhow::Result<Taken> {
    let Value::Object(fields) = &row.product else {
        anyhow::bail!("line {}: a row is no object", row.line);
    };
    let refused = |refusal: Refusal| Ok(Err(failed(row, &refusal.into())));
    let read: Import = match Import::try_from(Body(Object(fields.clone()))) {
        Ok(read) => read,
        Err(refusal) => return refused(refusal),
    };
    let create_stores = (options.create_stores || makes_its_store(row)).then_some(country);
    let tally = Arc::new(Tally::default());
    let command = || ImportProduct {
        row: read.clone(),
        made_id: made_id.clone(),
        count: options.count,
        create_stores,
        tally: tally.clone(),
    };
    let decided = if options.dry_run {
        rehearse(shop, &command()).await?
    } else {
        submit(shop, command).await?
    };
    match decided {
        Ok(outcome) => Ok(Ok(Done {
            outcome: outcome_of(&outcome),
            stock_set: tally.set(),
            stock_kept: tally.kept(),
        })),
        Err(refusal) => refused(refusal),
    }
}

async fn submit(
    shop: &Shop,
    command: impl Fn() -> ImportProduct,
) -> Result<Result<Decided, Refusal>, Fault> {
    loop {
        let submission = Submission {
            command: Box::new(command()),
            keyed: None,
            actor: "system".into(),
            correlation: "import".into(),
            deadline_ns: u64::MAX,
        };
        match shop.submit(submission).await {
            Ok(answer) => match answer.reply {
                Reply::Decided(decided) => return Ok(decided),
                Reply::Kept(..) | Reply::KeyReused => {
                    unreachable!("the row has no idempotency key")
                }
            },
            Err(Fault::Overloaded) => tokio::time::sleep(BACK_OFF).await,
            Err(fault) => return Err(fault),
        }
    }
}

fn outcome_of(outcome: &Decided) -> Outcome {
    match (outcome.created, outcome.changed) {
        (true, _) => Outcome::Created,
        (false, true) => Outcome::Updated,
        (false, false) => Outcome::Unchanged,
    }
}

fn done(item: &ImportedRow, outcome: Outcome) -> Done {
    Done {
        outcome,
        stock_set: item.stock_set,
        stock_kept: item.stock_kept,
    }
}

/// Whether the store of the options must be made there; only then does the key need the scope for it.
async fn makes_a_store(client: &mut Client, rows: &[ImportRow]) -> anyhow::Result<bool> {
    let stores = rows
        .iter()
        .filter(|row| makes_its_store(row))
        .flat_map(|row| {
            let stock = row.product.pointer("/variants/0/stock");
            stock
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(Map::keys)
        });
    // One file names one store; what cannot be a name is refused row by row.
    let Some(store) = stores.flat_map(|store| StoreId::new(store)).next() else {
        return Ok(false);
    };
    let path = format!("/v1/stores/{store}");
    let known = client.get(&path).await?;
    Ok(known.status == 404)
}

async fn server(
    client: &mut Client,
    rows: &[ImportRow],
    options: Options,
) -> anyhow::Result<Vec<Taken>> {
    let Options {
        count,
        create_stores,
        dry_run,
    } = options;
    let create_stores = create_stores || makes_a_store(client, rows).await?;
    let stock = if count { "count" } else { "missing" };
    let path = format!("/v1/imports?stock={stock}&create_stores={create_stores}&dry_run={dry_run}");
    let body = rows
        .iter()
        .map(|row| format!("{}\n", row.product))
        .collect::<String>();
    let mut reply = client.post(&path, &body).await?.ok()?;
    let items: Vec<ImportedRow> = serde_json::from_value(reply["items"].take())
        .context("the server's reply is no report of an import")?;
    anyhow::ensure!(
        items.len() == rows.len(),
        "the server answered {} of {} rows",
        items.len(),
        rows.len()
    );
    let taken = rows.iter().zip(items).map(|(row, item)| match item.result {
        RowResult::Created => Ok(done(&item, Outcome::Created)),
        RowResult::Updated => Ok(done(&item, Outcome::Updated)),
        RowResult::Unchanged => Ok(done(&item, Outcome::Unchanged)),
        RowResult::Failed => Err(RowError {
            row: row.row,
            line: row.line,
            id: item.id,
            code: item.code.unwrap_or_default(),
            detail: item.detail.unwrap_or_default(),
        }),
    });
    Ok(taken.collect())
}
