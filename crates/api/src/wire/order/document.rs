//! Invoices and credit notes.

use crate::wire::checkout::{Address, Totals};
use crate::wire::schema::{LineId as LineIdText, TextId};
use crate::wire::{Money, Timestamp};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_domain::checkout::{Contact, Email, Totals as Sums};
use cartwright_domain::order::{Order, Refund};
use cartwright_domain::{OrderId, Sku, Time};
use schemars::JsonSchema;
use serde::Serialize;

/// Who sells, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Seller {
    /// The company.
    pub name: String,
    /// Where it is, line by line.
    pub address: Vec<String>,
    /// Its number for taxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
}

impl Seller {
    /// From settings: the lines of the address are parted by `|`; empty texts are nothing.
    pub fn new(name: &str, address: &str, tax_id: &str) -> Self {
        let lines = address.split('|').map(str::trim);
        Self {
            name: name.trim().to_owned(),
            address: lines
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            tax_id: Some(tax_id.trim().to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

/// Who bought; empty once that was erased.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Buyer")]
pub struct Buyer {
    /// In this shop.
    pub customer_id: Option<String>,
    /// Where they are reached.
    pub email: Option<String>,
    /// Whom to bill.
    pub address: Option<Address>,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "DocumentLine")]
pub struct Line {
    /// Which line of the order.
    #[schemars(with = "LineIdText")]
    pub line_id: String,
    /// What.
    #[schemars(with = "TextId")]
    pub sku: Sku,
    /// For people.
    pub name: String,
    /// How many units.
    pub quantity: i64,
    /// What one cost.
    pub unit_price: Money,
    /// What was taken off.
    pub discount: Money,
    /// What was added, or is inside.
    pub tax: Money,
    /// What it comes to.
    pub total: Money,
}

/// An invoice, or the credit note of a refund.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Invoice")]
pub struct Document<'a> {
    /// `INV-000001` or `CN-000001`, without gaps.
    pub number: String,
    /// `invoice` or `credit_note`.
    pub kind: &'static str,
    /// Of which order.
    #[schemars(with = "String")]
    pub order_id: OrderId,
    /// That order's number.
    pub order_number: u64,
    /// When.
    pub issued_at: Timestamp,
    /// Who sells.
    pub seller: &'a Seller,
    /// Who bought.
    pub buyer: Buyer,
    /// What for. A credit note of an amount has none.
    pub lines: Vec<Line>,
    /// What it comes to.
    pub totals: Totals,
    /// Of a credit note: the invoice that it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
    /// Of a credit note: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a credit note: where its refund stands. One whose refund `failed` is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_state: Option<&'static str>,
}

impl<'a> Document<'a> {
    /// A document of an order; `None` when the order has none of this number.
    pub fn of(
        number: DocumentNumber,
        order: &Order,
        contact: Option<&Contact>,
        seller: &'a Seller,
    ) -> Option<Self> {
        let invoice = order
            .invoice
            .map(|number| DocumentKind::Invoice.numbered(number).to_string());
        let (issued_at, lines, totals, refund) = match number.kind {
            DocumentKind::Invoice => {
                let is_this = order.invoice == Some(number.number);
                let lines = order.lines.iter().map(|line| whole(order, line));
                is_this.then(|| (paid_at(order), lines.collect(), order.totals, None))?
            }
            DocumentKind::CreditNote => {
                let mut refunds = order.refunds.iter();
                let refund = refunds.find(|it| it.credit_note == number.number)?;
                let lines = credited(order, refund);
                let totals = sums(order, refund, &lines);
                (refund.at, lines, totals, Some(refund))
            }
        };
        Some(Self {
            number: number.to_string(),
            kind: number.kind.as_str(),
            order_id: order.id,
            order_number: order.number,
            issued_at: Timestamp(issued_at),
            seller,
            buyer: Buyer {
                customer_id: order.customer.as_ref().map(ToString::to_string),
                email: contact
                    .and_then(|it| it.email.as_ref().map(Email::as_str))
                    .map(str::to_owned),
                address: contact.and_then(|it| it.billed_to().map(|address| (&**address).into())),
            },
            lines,
            totals: Totals::new(&totals, order.currency),
            corrects: refund.and(invoice),
            reason: refund.map(|it| it.reason.to_string()),
            refund_state: refund.map(|it| it.state().as_str()),
        })
    }
}

fn paid_at(order: &Order) -> Time {
    let paid = order.history.iter().find(|it| it.kind == "paid");
    paid.map_or(order.placed_at, |it| it.at)
}

fn whole(order: &Order, line: &cartwright_domain::order::Line) -> Line {
    let money = |amount| Money {
        amount,
        currency: order.currency,
    };
    Line {
        line_id: line.id.to_string(),
        sku: line.sku.clone(),
        name: line.name.to_string(),
        quantity: line.quantity,
        unit_price: money(line.unit_price),
        discount: money(line.discount),
        tax: money(line.tax),
        total: money(line.total),
    }
}

/// What a refund gives back of each line. Tax goes in proportion, and the discount is what is left of the difference.
fn credited(order: &Order, refund: &Refund) -> Vec<Line> {
    let money = |amount| Money {
        amount,
        currency: order.currency,
    };
    let lines = refund.lines.iter().filter_map(|back| {
        let line = order.line(back.id)?;
        let tax = line.tax * back.units / line.quantity.max(1);
        let inside = order.totals.tax_included;
        let net = if inside {
            back.amount
        } else {
            back.amount - tax
        };
        Some(Line {
            quantity: back.units,
            discount: money(line.unit_price * back.units - net),
            tax: money(tax),
            total: money(back.amount),
            ..whole(order, line)
        })
    });
    lines.collect()
}

/// `total` = `subtotal` - `discount` + `shipping` + `tax`, where tax is not inside.
fn sums(order: &Order, refund: &Refund, lines: &[Line]) -> Sums {
    let tax: i64 = lines.iter().map(|line| line.tax.amount).sum();
    let tax_included = order.totals.tax_included;
    let added = if tax_included { 0 } else { tax };
    Sums {
        subtotal: refund.amount - refund.shipping - added,
        discount: 0,
        shipping: refund.shipping,
        tax,
        tax_included,
        total: refund.amount,
    }
}
