//! What became of the rows of an import.

use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowResult {
    /// The product is new.
    Created,
    /// The product or its stock changed.
    Updated,
    /// All of it was so already.
    Unchanged,
    /// Nothing of the row was taken.
    Failed,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedRow {
    /// Its place in the body, from 0.
    pub index: usize,
    /// The product's id, where it is known.
    pub id: Option<String>,
    /// What became of it.
    pub result: RowResult,
    /// Stock levels that it set.
    #[serde(default)]
    pub stock_set: u64,
    /// Stock levels that stood before and were left alone.
    #[serde(default)]
    pub stock_kept: u64,
    /// Why it failed: a code of the errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ImportedRow {
    /// A row that was not taken.
    pub fn failed(index: usize, id: Option<String>, problem: &Problem) -> Self {
        Self {
            index,
            id,
            result: RowResult::Failed,
            stock_set: 0,
            stock_kept: 0,
            code: Some(problem.code.to_owned()),
            detail: Some(detail(problem)),
        }
    }
}

/// All errors of a row in one sentence: an import's report has one line a row.
fn detail(problem: &Problem) -> String {
    let errors = problem
        .fields
        .get("errors")
        .and_then(|errors| errors.as_array());
    let Some(errors) = errors.filter(|errors| errors.len() > 1) else {
        return problem.detail.clone();
    };
    let one = |error: &serde_json::Value| {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("field"), text("detail"))
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImportReport {
    /// The rows, in their order.
    pub items: Vec<ImportedRow>,
    /// New products.
    pub created: usize,
    /// Changed products.
    pub updated: usize,
    /// Products that were so already.
    pub unchanged: usize,
    /// Rows not taken.
    pub failed: usize,
    /// Stock levels that were set.
    pub stock_set: u64,
    /// Stock levels that stood before and were left alone.
    pub stock_kept: u64,
    /// Whether it was only tried: then nothing has changed.
    pub dry_run: bool,
}

impl From<(Vec<ImportedRow>, bool)> for ImportReport {
    fn from((items, dry_run): (Vec<ImportedRow>, bool)) -> Self {
        let count = |result| items.iter().filter(|row| row.result == result).count();
        Self {
            created: count(RowResult::Created),
            updated: count(RowResult::Updated),
            unchanged: count(RowResult::Unchanged),
            failed: count(RowResult::Failed),
            stock_set: items.iter().map(|row| row.stock_set).sum(),
            stock_kept: items.iter().map(|row| row.stock_kept).sum(),
            items,
            dry_run,
        }
    }
}
