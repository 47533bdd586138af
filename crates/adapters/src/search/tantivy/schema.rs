//! What the index holds: terms for finding, columns for filtering, ordering and counting. No text
//! is stored, since products are shown from the catalog.

use std::collections::BTreeMap;

use cartwright_app::ports::search::SearchDocument;
use smol_str::SmolStr;
use tantivy::TantivyDocument;
use tantivy::schema::{
    Field, IndexRecordOption, JsonObjectOptions, NumericOptions, OwnedValue, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};

use crate::search::facets::unique;
use crate::search::ranking::{DocumentText, is_currency, name_rank, price_in};

/// Raised whenever fields, words or ranking keys change meaning; an index of another version is
/// emptied and filled again.
pub(super) const VERSION: u32 = 1;

/// Words come ready-made from [`DocumentText`], joined by spaces.
const WORDS: &str = "whitespace";
const RAW: &str = "raw";

pub(super) const ID: &str = "id";
pub(super) const CATEGORY: &str = "category";
pub(super) const BRAND: &str = "brand";
pub(super) const OPTION: &str = "option";
pub(super) const IN_STOCK: &str = "in_stock";
pub(super) const CREATED_AT: &str = "created_at_ms";
pub(super) const NAME_WORDS: &str = "name_words";
pub(super) const NAME_RANK: &str = "name_rank";
const PRICES: &str = "prices";

/// Handles of all fields.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) id: Field,
    pub(super) name: Field,
    pub(super) labels: Field,
    pub(super) description: Field,
    pub(super) codes: Field,
    pub(super) category: Field,
    pub(super) brand: Field,
    pub(super) option: Field,
    prices: Field,
    in_stock: Field,
    created_at: Field,
    name_words: Field,
    name_rank: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    let text = || TextOptions::default().set_indexing_options(terms(WORDS));
    let exact = || TextOptions::default().set_indexing_options(terms(RAW));
    let counted = || exact().set_fast(RAW);
    let number = || NumericOptions::default().set_fast();
    let fields = Fields {
        id: builder.add_text_field(ID, counted()),
        name: builder.add_text_field("name", text()),
        labels: builder.add_text_field("labels", text()),
        description: builder.add_text_field("description", text()),
        codes: builder.add_text_field("codes", exact()),
        category: builder.add_text_field(CATEGORY, counted()),
        brand: builder.add_text_field(BRAND, counted()),
        option: builder.add_text_field(OPTION, counted()),
        prices: builder.add_json_field(PRICES, JsonObjectOptions::default().set_fast(RAW)),
        in_stock: builder.add_bool_field(IN_STOCK, number()),
        created_at: builder.add_i64_field(CREATED_AT, number()),
        name_words: builder.add_u64_field(NAME_WORDS, number()),
        name_rank: builder.add_text_field(NAME_RANK, TextOptions::default().set_fast(RAW)),
    };
    (builder.build(), fields)
}

/// Which documents have a term is enough: how often and where has no say in the ranking.
fn terms(tokenizer: &str) -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false)
}

/// The column of prices in a currency; `None` when it is no currency.
pub(super) fn price_column(currency: &str) -> Option<String> {
    is_currency(currency).then(|| format!("{PRICES}.{currency}"))
}

/// An option as one term. The length says where the name ends, whatever characters are in it.
pub(super) fn option_term(name: &str, value: &str) -> String {
    format!("{}:{name}{value}", name.len())
}

/// Undoes [`option_term`].
pub(super) fn split_option(term: &str) -> Option<(SmolStr, SmolStr)> {
    let (length, rest) = term.split_once(':')?;
    let (name, value) = rest.split_at_checked(length.parse().ok()?)?;
    Some((name.into(), value.into()))
}

impl Fields {
    pub(super) fn document(&self, source: &SearchDocument) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        let text = DocumentText::of(source);
        document.add_text(self.id, &source.id);
        document.add_text(self.name, text.name.join(" "));
        document.add_text(self.labels, text.labels.join(" "));
        document.add_text(self.description, text.description.join(" "));
        for code in &text.codes {
            document.add_text(self.codes, code);
        }
        for category in unique(&source.categories) {
            document.add_text(self.category, category);
        }
        if let Some(brand) = &source.brand {
            document.add_text(self.brand, brand);
        }
        for (name, value) in unique(&source.options) {
            document.add_text(self.option, option_term(name, value));
        }
        let prices: BTreeMap<String, OwnedValue> = (source.prices.iter())
            .filter_map(|(currency, _)| {
                let minor = price_in(source, currency)?;
                Some((currency.to_string(), OwnedValue::I64(minor)))
            })
            .collect();
        document.add_object(self.prices, prices);
        document.add_bool(self.in_stock, source.in_stock);
        document.add_i64(self.created_at, source.created_at_ms);
        document.add_u64(self.name_words, text.name.len() as u64);
        document.add_text(self.name_rank, name_rank(&source.name));
        document
    }
}
