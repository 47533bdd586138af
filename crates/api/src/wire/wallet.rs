//! Wallets and their ledger as the contract spells them.

use super::schema::CurrencyCode;
use super::stock::text;
use super::{Money, Timestamp};
use cartwright_domain::wallet as domain;
use cartwright_domain::{Currency, Money as DomainMoney, OrderId, Refusal, WalletEntryId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest reference and reason, in characters.
const MAX_TEXT: usize = 200;

/// `POST /wallets/{customer}/credits` and `.../debits`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BookWallet {
    /// How much; more than 0.
    pub amount: Money,
    /// Why, for people.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
    /// What you call it: taken once for each wallet, for ever.
    #[schemars(length(min = 1, max = 200))]
    pub reference: String,
}

impl BookWallet {
    /// Checks the texts and the amount.
    pub fn check(&self) -> Result<(), Refusal> {
        if !(1..=domain::MAX_AMOUNT).contains(&self.amount.amount) {
            let detail = format!("expected 1 to {} minor units", domain::MAX_AMOUNT);
            return Err(Refusal::invalid("amount.amount", "out_of_range", detail));
        }
        text("reason", &self.reason, MAX_TEXT)?;
        text("reference", &self.reference, MAX_TEXT)
    }
}

/// What the shop owes a customer in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "WalletBalance")]
pub struct Balance {
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// All of it.
    balance: i64,
    /// How much of that purchases hold.
    held: i64,
    /// How much may be spent: `balance - held`.
    available: i64,
}

/// Money that the shop owes a customer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Wallet<'a> {
    customer_id: &'a str,
    /// One for each currency it ever had.
    balances: Vec<Balance>,
    /// 0 before its first credit.
    version: u64,
}

impl<'a> From<&'a domain::Wallet> for Wallet<'a> {
    fn from(wallet: &'a domain::Wallet) -> Self {
        let balances = wallet.balances.iter().map(|it| Balance {
            currency: it.currency,
            balance: it.balance,
            held: wallet.held(it.currency),
            available: wallet.available(it.currency),
        });
        Self {
            customer_id: &wallet.customer,
            balances: balances.collect(),
            version: wallet.version,
        }
    }
}

/// What an entry does to one account.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Posting {
    /// `customer_wallets`, `credit_issued`, `credit_withdrawn`, `sales` or `refunds`.
    account: &'static str,
    /// Above 0 credits the account, below 0 debits it.
    amount: Money,
}

/// An entry of a wallet's ledger. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "WalletEntry")]
pub struct Entry<'a> {
    #[schemars(with = "String")]
    id: WalletEntryId,
    /// `credit`, `debit`, `payment` or `refund`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How much, more than 0: credits and refunds raise the balance, debits and payments lower it.
    amount: Money,
    /// The wallet's balance of that currency after it.
    balance: Money,
    /// What whoever booked it calls it: of a payment the payment's id, of a refund the refund's.
    reference: &'a str,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The order that was paid or given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    at: Timestamp,
    /// What it does to the accounts of the ledger. They sum to 0.
    postings: Vec<Posting>,
}

impl<'a> From<&'a domain::Entry> for Entry<'a> {
    fn from(entry: &'a domain::Entry) -> Self {
        let data = &entry.data;
        let money = |amount| Money {
            amount,
            currency: data.amount.currency,
        };
        let postings = data.postings.iter().map(|it| Posting {
            account: it.account.as_str(),
            amount: money(it.amount),
        });
        Self {
            id: entry.id,
            kind: data.kind.as_str(),
            amount: data.amount.into(),
            balance: money(data.balance),
            reference: &data.reference,
            reason: data.reason.as_deref(),
            order_id: data.order,
            at: Timestamp(entry.at),
            postings: postings.collect(),
        }
    }
}

/// How an account of the ledger stands in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "LedgerAccount")]
pub struct Account {
    /// `customer_wallets`, `credit_issued`, `credit_withdrawn`, `sales` or `refunds`.
    account: &'static str,
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// Minor units; above 0 more was credited than debited. The accounts of a currency sum to 0.
    balance: i64,
}

impl From<(domain::Account, DomainMoney)> for Account {
    fn from((account, money): (domain::Account, DomainMoney)) -> Self {
        Self {
            account: account.as_str(),
            currency: money.currency,
            balance: money.minor,
        }
    }
}
