//! What clients say of a checkout.

use super::Address;
use crate::wire::cart::{map, patch};
use cartwright_domain::Refusal;
use cartwright_domain::cart::Patch;
use cartwright_domain::checkout::{self as domain, Change, Email};
use schemars::JsonSchema;
use serde::Deserialize;
use smol_str::SmolStr;
use std::sync::Arc;

/// `POST /checkouts`. Absent fields of a checkout that is open already stay as they are.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenCheckout {
    /// What is bought.
    pub cart_id: String,
    /// Where to write to.
    #[serde(default)]
    #[schemars(length(min = 5, max = 254), extend("format" = "email"))]
    pub email: Option<String>,
    /// Where to send it.
    #[serde(default)]
    pub shipping_address: Option<Address>,
    /// Whom to bill; who gets it when absent.
    #[serde(default)]
    pub billing_address: Option<Address>,
    /// How to send it: one of `shipping_options`; the cheapest when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub shipping_option: Option<String>,
    /// Whether stock is held as long as a quote lives.
    #[serde(default)]
    pub hold: Option<bool>,
}

impl OpenCheckout {
    /// Checked.
    pub fn checked(self) -> Result<Change, Refusal> {
        UpdateCheckout {
            email: said(self.email),
            shipping_address: said(self.shipping_address),
            billing_address: said(self.billing_address),
            shipping_option: said(self.shipping_option),
            hold: said(self.hold),
        }
        .checked()
    }
}

fn said<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Keep, Patch::Set)
}

/// `PATCH /checkouts/{id}`: a merge patch; `null` takes a field back to its default. An address is replaced whole.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCheckout {
    /// Where to write to.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(min = 5, max = 254), extend("format" = "email"))]
    pub email: Patch<String>,
    /// Where to send it.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Address>")]
    pub shipping_address: Patch<Address>,
    /// Whom to bill; `null`: who gets it.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Address>")]
    pub billing_address: Patch<Address>,
    /// How to send it: one of `shipping_options`; `null`: the cheapest.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub shipping_option: Patch<String>,
    /// Whether stock is held as long as a quote lives.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<bool>")]
    pub hold: Patch<bool>,
}

impl UpdateCheckout {
    /// Checked.
    pub fn checked(self) -> Result<Change, Refusal> {
        Ok(Change {
            email: map(self.email, |text| email(&text))?,
            shipping_address: map(self.shipping_address, |it| address("shipping_address", it))?,
            billing_address: map(self.billing_address, |it| address("billing_address", it))?,
            shipping_option: map(self.shipping_option, |text| option(&text))?,
            hold: self.hold,
        })
    }
}

fn email(text: &str) -> Result<Email, Refusal> {
    Email::new(text).map_err(|error| Refusal::invalid("email", "malformed", error.to_string()))
}

fn option(text: &str) -> Result<SmolStr, Refusal> {
    crate::wire::stock::text("shipping_option", text, 64).map(|()| text.into())
}

fn address(field: &str, address: Address) -> Result<Arc<domain::Address>, Refusal> {
    address.checked(field).map(Arc::new)
}
