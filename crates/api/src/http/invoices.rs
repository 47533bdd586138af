//! Invoices and credit notes: as JSON, and as PDF for who asks for that.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use crate::invoice_pdf;
use crate::problem::Problem;
use crate::wire::order::Document;
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::{Key, Record};
use cartwright_domain::OrderId;
use cartwright_domain::checkout::Contact;
use cartwright_domain::key::Scope;
use cartwright_domain::order::Order;
use http::header::ACCEPT;
use std::sync::Arc;

const PDF: &str = "application/pdf";

const KIND: QueryParam = QueryParam {
    name: "kind",
    schema: r#"{"type":"string","enum":["invoice","credit_note"]}"#,
    repeated: false,
    description: "Only documents of this kind.",
};

/// Routes of invoices.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/invoices",
        name: "listInvoices",
        summary: "Lists invoices, then credit notes, each by number.",
        access: Access::Scope(Scope::OrdersRead),
        query: &[KIND, LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Document<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/invoices/{number}",
        name: "getInvoice",
        summary: "Shows an invoice or a credit note; as PDF with `Accept: application/pdf`.",
        access: Access::Order(Scope::OrdersRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Document<'_>>))],
        refusals: &["not_found"],
        produces: "application/json, application/pdf",
        handler: |call| Box::pin(get(call)),
    },
];

async fn get(call: Call) -> Result<Reply, Problem> {
    let text = call.param(0);
    let unknown = || Problem::not_found("invoice", text);
    if call.who.is_shut_out {
        return Err(unknown());
    }
    let number: DocumentNumber = text.parse().map_err(|_| unknown())?;
    let Some(Record::OrderId(id)) = call.edge.shop.find(&number.key()).await? else {
        return Err(unknown());
    };
    let (order, contact) = whose(&call, id).await?.ok_or_else(unknown)?;
    let seller = &call.edge.options.seller;
    let document = Document::of(number, &order, contact.as_deref(), seller).ok_or_else(unknown)?;
    if !wants_pdf(&call) {
        return Ok(Reply::json(to_json(&document)).with("vary", "Accept"));
    }
    let name = format!("inline; filename=\"{number}.pdf\"");
    Ok(Reply::json(invoice_pdf::render(&document))
        .with("content-type", PDF)
        .with("content-disposition", name)
        .with("vary", "Accept"))
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let only = match call.query("kind") {
        None => None,
        Some(name) => Some(DocumentKind::parse(name).ok_or_else(|| {
            Problem::invalid("kind", "unknown", "expected invoice or credit_note")
        })?),
    };
    let after = cursor.and_then(|text| text.parse::<DocumentNumber>().ok());
    let mut found = call
        .edge
        .shop
        .read(move |store| store.list_documents(only, after, limit + 1))
        .await?;
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| is_cut)
        .map(|(it, _)| it.to_string());
    let mut documents = Vec::with_capacity(found.len());
    for (number, id) in found {
        if let Some((order, contact)) = whose(&call, id).await? {
            let seller = &call.edge.options.seller;
            documents.extend(Document::of(number, &order, contact.as_deref(), seller));
        }
    }
    Ok(page(&call, documents, &next))
}

/// An order and what is known of its person.
async fn whose(
    call: &Call,
    id: OrderId,
) -> Result<Option<(Arc<Order>, Option<Arc<Contact>>)>, Problem> {
    let Some(Record::Order(order)) = call.edge.shop.find(&Key::Order(id)).await? else {
        return Ok(None);
    };
    let contact = match order.contact {
        Some(id) => call.contact(id).await?,
        None => None,
    };
    Ok(Some((order, contact)))
}

/// Whether PDF is asked for, and before JSON when both are.
fn wants_pdf(call: &Call) -> bool {
    let accept = call.headers().get(ACCEPT);
    let text = accept.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut ranges = text.split(',').map(|range| {
        let range = range.split(';').next().unwrap_or_default();
        range.trim().to_ascii_lowercase()
    });
    let first = ranges.find(|range| range == PDF || range == "application/json" || range == "*/*");
    first.as_deref() == Some(PDF)
}
