//! Wallets: what they have, money in and out by hand, and the ledger behind that.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::Render;
use crate::problem::Problem;
use crate::wire::wallet::{Account, BookWallet, Entry, Wallet};
use cartwright_app::kept::KeptReply;
use cartwright_app::wallets::Book;
use cartwright_app::{Key, Record};
use cartwright_domain::key::Scope;
use cartwright_domain::wallet::{Kind, Wallet as Known};
use cartwright_domain::{ProductId, WalletEntryId};
use smol_str::SmolStr;
use std::sync::Arc;

const fn booking(path: &'static str, name: &'static str, summary: &'static str) -> Endpoint {
    Endpoint {
        method: Verb::Post,
        path,
        name,
        summary,
        access: Access::Scope(Scope::Wallets),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<BookWallet>),
        replies: &[
            (201, Some(schema::<Entry<'_>>)),
            (200, Some(schema::<Entry<'_>>)),
        ],
        refusals: &[
            "idempotency_key_required",
            "not_found",
            "version_conflict",
            "already_exists",
            "insufficient_funds",
        ],
        produces: "application/json",
        handler: |call| Box::pin(book(call)),
    }
}

/// Routes of wallets.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/wallets/{customer}",
        name: "getWallet",
        summary: "Shows what the shop owes a customer, by currency; one to whom nothing was credited has version 0.",
        access: Access::Scope(Scope::Wallets),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Wallet<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    booking(
        "/v1/wallets/{customer}/credits",
        "creditWallet",
        "Puts money into a wallet; 200 with the entry that is there when the reference was booked with this amount before. Needs an Idempotency-Key.",
    ),
    booking(
        "/v1/wallets/{customer}/debits",
        "debitWallet",
        "Takes money out of a wallet, never more than is available; 200 as with credits. Needs an Idempotency-Key.",
    ),
    Endpoint {
        method: Verb::Get,
        path: "/v1/wallets/{customer}/entries",
        name: "listWalletEntries",
        summary: "Lists what changed a wallet's balances, oldest first.",
        access: Access::Scope(Scope::Wallets),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Entry<'_>>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/wallets/{customer}/entries/{id}",
        name: "getWalletEntry",
        summary: "Shows an entry of a wallet.",
        access: Access::Scope(Scope::Wallets),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Entry<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get_entry(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/ledger/accounts",
        name: "listLedgerAccounts",
        summary: "Shows how the accounts of the wallets' ledger stand, all at one moment; those of a currency sum to 0.",
        access: Access::Scope(Scope::Wallets),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Account>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(accounts(call)),
    },
];

async fn get(call: Call) -> Result<Reply, Problem> {
    let customer = customer(&call)?;
    let wallet = match call.edge.shop.find(&Key::Wallet(customer.clone())).await? {
        Some(Record::Wallet(wallet)) => wallet,
        _ => Arc::new(Known::empty(customer)),
    };
    Ok(Reply::of(&Wallet::from(&*wallet)).version(wallet.version))
}

async fn book(call: Call) -> Result<Reply, Problem> {
    if call.idempotency_key()?.is_none() {
        let detail =
            "send an Idempotency-Key, so that nothing is booked twice when a reply is lost";
        return Err(Problem::new("idempotency_key_required", detail));
    }
    let (body, expected_version) = call.json::<BookWallet>()?;
    body.check()?;
    let kind = if call.endpoint.path.ends_with("/credits") {
        Kind::Credit
    } else {
        Kind::Debit
    };
    let command = Book {
        kind,
        customer: customer(&call)?,
        amount: body.amount.into(),
        reference: body.reference.into(),
        reason: body.reason.into(),
        expected_version,
    };
    call.write(command, render()).await
}

/// An entry has no version of its own.
fn render() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::WalletEntry(entry)) = &outcome.record else {
            return KeptReply::default();
        };
        let location = format!("/v1/wallets/{}/entries/{}", entry.data.customer, entry.id);
        let headers = outcome.created.then_some(("location", location));
        KeptReply {
            status: if outcome.created { 201 } else { 200 },
            headers: headers.into_iter().collect(),
            body: to_json(&Entry::from(&**entry)),
            ..KeptReply::default()
        }
    })
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor, customer) = (call.limit()?, call.cursor()?, customer(&call)?);
    let found = call
        .edge
        .shop
        .read(move |store| store.list_wallet_entries(&customer, &cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::WalletEntry(entry) => Some(Entry::from(&**entry)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

async fn get_entry(call: Call) -> Result<Reply, Problem> {
    let customer = customer(&call)?;
    let missing = || Problem::not_found("wallet entry", call.param(1));
    let id: WalletEntryId = call.param(1).parse().map_err(|_| missing())?;
    match call.edge.shop.find(&Key::WalletEntry(id)).await? {
        Some(Record::WalletEntry(entry)) if entry.data.customer == customer => {
            Ok(Reply::of(&Entry::from(&*entry)))
        }
        _ => Err(missing()),
    }
}

async fn accounts(call: Call) -> Result<Reply, Problem> {
    let found = call.edge.shop.read(|store| store.ledger_accounts()).await?;
    let items: Vec<_> = found.into_iter().map(Account::from).collect();
    Ok(page(&call, items, &None))
}

/// Whose wallet. The letters of a customer's id are those of any other id that a client may choose.
fn customer(call: &Call) -> Result<SmolStr, Problem> {
    let id = ProductId::new(call.param(0));
    let id = id.map_err(|_| Problem::not_found("wallet", call.param(0)))?;
    Ok(id.as_str().into())
}
