//! Carts as clients write and read them. Replies borrow from the domain, so that rendering copies nothing.

use super::schema::{
    AnyObject, CartChange, CountryCode, CurrencyCode, LineId as LineIdText, TextId,
};
use super::{Money, Timestamp};
use cartwright_domain::cart::{
    self as domain, About, Change, LineId, Metadata, Patch, PricedCart, PricedLine, State, Strategy,
};
use cartwright_domain::{CartId, Country, Currency, ProductId, Refusal, Sku, StoreId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// Longest note of a line, in characters.
const MAX_NOTE: usize = 200;
/// Bytes of a rendered cart without lines, and of one line, rounded up: what is allocated at once.
const CART_BYTES: usize = 640;
const LINE_BYTES: usize = 320;

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
        super::stock::quantity(&format!("{at}quantity"), self.quantity, max_quantity)?;
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
fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Patch<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(Patch::Clear, Patch::Set))
}

fn map<T, U>(
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

/// Where a cart is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartState {
    /// Takes changes.
    Open,
    /// Being paid for.
    CheckingOut,
    /// Has become an order.
    Ordered,
    /// Its lines went into another cart.
    Merged,
    /// Nobody wrote to it for too long.
    Expired,
}

impl From<State> for CartState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::CheckingOut => Self::CheckingOut,
            State::Ordered => Self::Ordered,
            State::Merged => Self::Merged,
            State::Expired => Self::Expired,
        }
    }
}

fn spell<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A line at today's price.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line<'a> {
    /// Within its cart; never used again.
    #[serde(serialize_with = "spell")]
    #[schemars(with = "LineIdText")]
    id: LineId,
    /// What is wanted.
    #[schemars(with = "TextId")]
    sku: &'a Sku,
    /// The product it belongs to; `null` for a SKU that the catalogue does not know.
    #[schemars(with = "Option<TextId>")]
    product_id: Option<&'a ProductId>,
    /// For people.
    name: &'a str,
    /// How many.
    quantity: i64,
    /// Today's price of one; `null` when there is none.
    unit_price: Option<Money>,
    /// Price times quantity; `null` when it is no part of the totals.
    total: Option<Money>,
    /// The only location it may come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextId>")]
    store: Option<&'a StoreId>,
    /// What the buyer wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// What the client hung on it.
    #[schemars(with = "AnyObject")]
    metadata: &'a Metadata,
    /// What differs from the line's last write, or stands in the way of buying it; absent when nothing does.
    #[serde(skip_serializing_if = "<[Change]>::is_empty")]
    #[schemars(with = "Option<Vec<CartChange>>")]
    changes: &'a [Change],
}

/// What it comes to: `total` = `subtotal` - `discount` + `shipping` + `tax`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Totals {
    /// The sum of the lines.
    subtotal: Money,
    /// Taken off by promotions.
    discount: Money,
    /// For sending it.
    shipping: Money,
    /// On top of the prices.
    tax: Money,
    /// To be paid.
    total: Money,
}

impl From<domain::Totals> for Totals {
    fn from(totals: domain::Totals) -> Self {
        Self {
            subtotal: totals.subtotal.into(),
            discount: totals.discount.into(),
            shipping: totals.shipping.into(),
            tax: totals.tax.into(),
            total: totals.total.into(),
        }
    }
}

/// A cart at today's prices.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cart<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: CartId,
    /// Raised by each change; also its ETag.
    version: u64,
    /// Where it is in its life.
    state: CartState,
    /// What its prices are in.
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// Where it is bought from.
    #[schemars(with = "CountryCode")]
    country: Country,
    /// Whose it is, when that is known.
    customer_id: Option<&'a str>,
    /// In the order in which they were added.
    lines: Vec<Line<'a>>,
    /// What it comes to, of all lines.
    totals: Totals,
    /// Coupon codes.
    #[schemars(with = "Vec<String>")]
    coupons: &'a [SmolStr],
    /// What the client hung on it.
    #[schemars(with = "AnyObject")]
    metadata: &'a Metadata,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it expires unless it is written to.
    expires_at: Timestamp,
    /// The cart that its lines went into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    merged_into: Option<CartId>,
    /// Only when lines are paged: where the next page begins; `null`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    next_cursor: Option<Option<String>>,
    /// The secret that opens it: send it as `Cart-Token`. Shown by its creation and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    token: Option<&'static str>,
}

impl<'a> Cart<'a> {
    /// A cart and its figures, with all lines.
    pub fn new(cart: &'a domain::Cart, priced: &'a PricedCart, state: State) -> Self {
        Self {
            id: cart.id,
            version: cart.version,
            state: state.into(),
            currency: cart.currency,
            country: cart.country,
            customer_id: cart.customer_id.as_deref(),
            lines: cart
                .lines
                .iter()
                .zip(&priced.lines)
                .map(|(line, priced)| shown(line, priced))
                .collect(),
            totals: priced.totals.into(),
            coupons: &cart.coupons,
            metadata: &cart.metadata,
            created_at: Timestamp(cart.created_at),
            updated_at: Timestamp(cart.updated_at),
            expires_at: Timestamp(cart.expires_at),
            merged_into: cart.merged_into,
            next_cursor: None,
            token: None,
        }
    }

    /// Only the lines after one (`None`: from the first), so many of them. Returns the last of them when more follow.
    #[must_use]
    pub fn page(mut self, after: Option<LineId>, limit: usize) -> (Self, Option<LineId>) {
        let start = self
            .lines
            .partition_point(|line| after.is_some_and(|after| line.id <= after));
        self.lines.drain(..start);
        let more = self.lines.len() > limit;
        self.lines.truncate(limit);
        let last = self.lines.last().filter(|_| more).map(|line| line.id);
        (self, last)
    }

    /// With the cursor of the next page at the top.
    #[must_use]
    pub fn next(self, cursor: Option<String>) -> Self {
        Self {
            next_cursor: Some(cursor),
            ..self
        }
    }

    /// With an empty place for the token, which is two bytes before the end.
    #[must_use]
    pub fn with_token_place(self) -> Self {
        Self {
            token: Some(""),
            ..self
        }
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CART_BYTES + LINE_BYTES * self.lines.len());
        match serde_json::to_writer(&mut bytes, self) {
            Ok(()) => bytes,
            Err(error) => {
                tracing::error!(%error, "a cart could not be written as JSON");
                b"null".to_vec()
            }
        }
    }
}

fn shown<'a>(line: &'a domain::Line, priced: &'a PricedLine) -> Line<'a> {
    Line {
        id: line.id,
        sku: &line.sku,
        product_id: line.product_id.as_ref(),
        name: &line.name,
        quantity: line.quantity,
        unit_price: priced.unit_price.map(Into::into),
        total: priced.total.map(Into::into),
        store: line.store.as_ref(),
        note: line.note.as_deref(),
        metadata: &line.metadata,
        changes: &priced.changes,
    }
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The sum of the lines, or one line's part of it.
    Subtotal,
    /// What promotions take off.
    Discount,
    /// What sending costs.
    Shipping,
    /// Tax on top.
    Tax,
    /// What is to be paid.
    Total,
    /// Whether a line can be had.
    Availability,
}

impl From<About> for Subject {
    fn from(about: About) -> Self {
        match about {
            About::Subtotal => Self::Subtotal,
            About::Discount => Self::Discount,
            About::Shipping => Self::Shipping,
            About::Tax => Self::Tax,
            About::Total => Self::Total,
            About::Availability => Self::Availability,
        }
    }
}

/// One link of the chain that led to a figure.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Reason<'a> {
    /// Which figure.
    about: Subject,
    /// The name of the rule.
    rule: &'static str,
    /// The line whose part of the figure this is; `null`: the figure itself.
    #[schemars(with = "Option<LineIdText>")]
    line_id: Option<String>,
    /// How the rule came to it.
    detail: &'a str,
    /// What the rule contributed.
    amount: Option<Money>,
}

/// The rules behind each total and each line's availability, in the order in which they applied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CartExplanation<'a> {
    /// Which cart.
    #[schemars(with = "String")]
    id: CartId,
    /// Of this version.
    version: u64,
    /// The figures.
    totals: Totals,
    /// What led to them.
    reasons: Vec<Reason<'a>>,
}

impl<'a> CartExplanation<'a> {
    /// The reasons for a cart's figures.
    pub fn new(cart: &domain::Cart, explanation: &'a domain::Explanation) -> Self {
        let reason = |reason: &'a domain::Reason| Reason {
            about: reason.about.into(),
            rule: reason.rule,
            line_id: reason.line.map(|line| line.to_string()),
            detail: &reason.detail,
            amount: reason.amount.map(Into::into),
        };
        Self {
            id: cart.id,
            version: cart.version,
            totals: explanation.priced.totals.into(),
            reasons: explanation.reasons.iter().map(reason).collect(),
        }
    }
}

/// Until when a rendered cart shows the right state, as long as its version stays.
pub fn shows_until(cart: &domain::Cart, now: Time) -> Time {
    match cart.state_at(now) {
        State::Open => cart.expires_at,
        State::CheckingOut | State::Ordered | State::Merged | State::Expired => Time(i64::MAX),
    }
}
