//! What clients say of carts and lines.

use crate::wire::schema::{AnyObject, CountryCode, CurrencyCode, TextId};
use crate::wire::stock;
use cartwright_domain::cart::{self as domain, LineId, Patch, Strategy};
use cartwright_domain::{Country, Currency, ProductId, Refusal, Sku, StoreId};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// Longest note of a line, in characters.
const MAX_NOTE: usize = 200;

/// What is wanted: so many of a SKU.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What.
    #[schemars(with = "TextId")]
    pub sku: Sku,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: i64,
    /// The only location it may come from.
    #[serde(default)]
    #[schemars(with = "Option<TextId>")]
    pub store: Option<StoreId>,
    /// What the buyer wrote.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub note: Option<String>,
    /// What the client hangs on it; lines of equal SKU, store and metadata are one.
    #[serde(default)]
    #[schemars(with = "Option<AnyObject>")]
    pub metadata: Option<Map<String, Value>>,
}

impl NewLine {
    /// Checked; `at` is where it stands in the body (`lines[2].`, empty for the body itself).
    pub fn checked(self, at: &str, max_quantity: i64) -> Result<domain::Add, Refusal> {
        stock::quantity(&format!("{at}quantity"), self.quantity, max_quantity)?;
        if let Some(text) = &self.note {
            note(&format!("{at}note"), text)?;
        }
        Ok(domain::Add {
            sku: self.sku,
            quantity: self.quantity,
            store: self.store,
            note: self.note.map(Into::into),
            metadata: self.metadata.into(),
        })
    }
}

/// Checks many lines of a body.
pub fn checked_lines(lines: Vec<NewLine>, max_quantity: i64) -> Result<Vec<domain::Add>, Refusal> {
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(place, line)| line.checked(&format!("lines[{place}]."), max_quantity))
        .collect()
}

/// A note may have several lines, but no other control characters.
fn note(field: &str, text: &str) -> Result<(), Refusal> {
    let strange = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if (1..=MAX_NOTE).contains(&text.chars().count()) && !text.chars().any(strange) {
        return Ok(());
    }
    let detail =
        format!("expected 1-{MAX_NOTE} characters, no control characters but line ends and tabs");
    Err(Refusal::invalid(field, "malformed", detail))
}

/// Checks the id of a customer, who need not exist.
fn customer(id: &str) -> Result<SmolStr, Refusal> {
    let detail = "expected 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'";
    let refused = |_| Refusal::invalid("customer_id", "malformed", detail);
    // The letters of a customer's id are those of any other id that a client may choose.
    ProductId::new(id)
        .map_err(refused)
        .map(|id| id.as_str().into())
}

/// `POST /carts`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCart {
    /// What its prices are in; as configured when absent.
    #[serde(default)]
    #[schemars(with = "Option<CurrencyCode>")]
    pub currency: Option<Currency>,
    /// Where it is bought from; as configured when absent.
    #[serde(default)]
    #[schemars(with = "Option<CountryCode>")]
    pub country: Option<Country>,
    /// Whose it is. Needs scope `carts`.
    #[serde(default)]
    #[schemars(with = "Option<TextId>")]
    pub customer_id: Option<String>,
    /// What the client hangs on it.
    #[serde(default)]
    #[schemars(with = "Option<AnyObject>")]
    pub metadata: Option<Map<String, Value>>,
    /// Its first lines.
    #[serde(default)]
    pub lines: Option<Vec<NewLine>>,
}

impl CreateCart {
    /// Checked; the hash is that of the secret which opens it.
    pub fn checked(
        self,
        token_hash: [u8; 32],
        max_quantity: i64,
    ) -> Result<domain::Create, Refusal> {
        Ok(domain::Create {
            currency: self.currency,
            country: self.country,
            customer_id: self.customer_id.as_deref().map(customer).transpose()?,
            external_user: None,
            token_hash: Some(token_hash),
            metadata: self.metadata.into(),
            lines: checked_lines(self.lines.unwrap_or_default(), max_quantity)?,
        })
    }
}

/// A field of a merge patch.
pub(in crate::wire) fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Patch<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(Patch::Clear, Patch::Set))
}

pub(in crate::wire) fn map<T, U>(
    patch: Patch<T>,
    change: impl FnOnce(T) -> Result<U, Refusal>,
) -> Result<Patch<U>, Refusal> {
    Ok(match patch {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(value) => Patch::Set(change(value)?),
    })
}

/// `PATCH /carts/{id}`: a merge patch; `null` takes a field back to its default.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCart {
    /// Where it is bought from.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<CountryCode>")]
    pub country: Patch<Country>,
    /// What its prices are in: every line is priced anew.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<CurrencyCode>")]
    pub currency: Patch<Currency>,
    /// Whose it is. Needs scope `carts`.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<TextId>")]
    pub customer_id: Patch<String>,
    /// Itself a merge patch.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<AnyObject>")]
    pub metadata: Patch<Map<String, Value>>,
}

impl TryFrom<UpdateCart> for domain::Update {
    type Error = Refusal;

    fn try_from(update: UpdateCart) -> Result<Self, Refusal> {
        Ok(Self {
            country: update.country,
            currency: update.currency,
            customer_id: map(update.customer_id, |id| customer(&id))?,
            metadata: map(update.metadata, |map| Ok(map.into()))?,
        })
    }
}

/// `{lines: [...]}`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<NewLine>,
}

/// `PATCH /carts/{id}/lines/{line_id}`: at least one field, and only one of `quantity` and `delta`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeLine {
    /// This many; 0 removes the line.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub quantity: Option<i64>,
    /// So many more, or fewer; a result of 0 removes the line.
    #[serde(default)]
    pub delta: Option<i64>,
    /// What the buyer wrote; `null` removes it.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>")]
    pub note: Patch<String>,
    /// The only location it may come from; `null`: any.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<TextId>")]
    pub store: Patch<StoreId>,
}

impl ChangeLine {
    /// Checked, for a line.
    pub fn checked(self, line: LineId, max_quantity: i64) -> Result<domain::ChangeLine, Refusal> {
        let amount = match (self.quantity, self.delta) {
            (Some(_), Some(_)) => {
                let detail = "send quantity or delta, not both";
                return Err(Refusal::invalid("delta", "malformed", detail));
            }
            (Some(quantity), None) if !(0..=max_quantity).contains(&quantity) => {
                let detail = format!("expected a whole number from 0 to {max_quantity}");
                return Err(Refusal::invalid("quantity", "out_of_range", detail));
            }
            (None, Some(delta)) if !(-max_quantity..=max_quantity).contains(&delta) => {
                let detail =
                    format!("expected a whole number from -{max_quantity} to {max_quantity}");
                return Err(Refusal::invalid("delta", "out_of_range", detail));
            }
            (Some(quantity), None) => Some(domain::Amount::Set(quantity)),
            (None, Some(delta)) => Some(domain::Amount::Delta(delta)),
            (None, None) => None,
        };
        let note = map(self.note, |text| note("note", &text).map(|()| text.into()))?;
        if amount.is_none() && note.is_keep() && self.store.is_keep() {
            let detail = "expected quantity, delta, note or store";
            return Err(Refusal::invalid("quantity", "required", detail));
        }
        Ok(domain::ChangeLine {
            line,
            amount,
            note,
            store: self.store,
        })
    }
}

/// `POST /carts/{id}/lines/remove`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveLines {
    /// Which lines; unknown ones are ignored.
    pub line_ids: Vec<String>,
}

/// What becomes of a line that both carts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeStrategy {
    /// Both quantities together.
    #[default]
    Sum,
    /// The larger quantity.
    Max,
    /// Ours, as it is.
    Keep,
}

impl From<MergeStrategy> for Strategy {
    fn from(strategy: MergeStrategy) -> Self {
        match strategy {
            MergeStrategy::Sum => Self::Sum,
            MergeStrategy::Max => Self::Max,
            MergeStrategy::Keep => Self::Keep,
        }
    }
}

/// `POST /carts/{id}/merge`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeCarts {
    /// The cart whose lines are taken; it ends as `merged`.
    pub from: String,
    /// Its secret; not needed with scope `carts`.
    #[serde(default)]
    pub from_token: Option<String>,
    /// `sum` when absent.
    #[serde(default)]
    pub strategy: Option<MergeStrategy>,
}
