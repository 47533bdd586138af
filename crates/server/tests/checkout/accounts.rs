//! The shop's own accounts: what its tables say of refunds, wallets, exchanges and stock must be one story, whatever happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::whole;
use crate::world::World;

macro_rules! must {
    ($is:expr, $($what:tt)+) => {
        if !$is {
            return Err(format!($($what)+));
        }
    };
}

/// Rows of the database, as they are at one moment.
pub(crate) struct Tables {
    pub(crate) orders: Vec<Value>,
    /// By their ids.
    payments: HashMap<String, Value>,
    wallets: Vec<Value>,
    entries: Vec<Value>,
    /// `(SKU, store)`: reserved, allocated.
    levels: BTreeMap<(String, String), (i64, i64)>,
}

impl Tables {
    pub(crate) fn read(world: &World) -> Self {
        let asked = [
            "SELECT body FROM orders ORDER BY number",
            "SELECT body FROM payments ORDER BY id",
            "SELECT body FROM wallets",
            "SELECT body FROM wallet_entries ORDER BY id",
            "SELECT sku, store, reserved, allocated FROM levels",
        ];
        let data = world.dir.data();
        let [orders, payments, wallets, entries, levels] = match world.setup().database() {
            Some((_, url)) => in_postgres(&url, asked),
            None => in_sqlite(&data.join("cartwright.db"), asked),
        };
        let bodies = |rows: Vec<Vec<String>>| -> Vec<Value> {
            rows.iter()
                .map(|row| serde_json::from_str(&row[0]).expect("JSON"))
                .collect()
        };
        let units = |text: &String| text.parse().expect("units");
        let levels = levels.iter().map(|row| {
            let key = (row[0].clone(), row[1].clone());
            (key, (units(&row[2]), units(&row[3])))
        });
        Self {
            orders: bodies(orders),
            payments: bodies(payments)
                .into_iter()
                .map(|it| (it["id"].to_string(), it))
                .collect(),
            wallets: bodies(wallets),
            entries: bodies(entries),
            levels: levels.collect(),
        }
    }

    fn payment(&self, id: &Value) -> &Value {
        self.payments.get(&id.to_string()).expect("a payment")
    }
}

type Rows = Vec<Vec<String>>;

/// What the tables say, all at one moment.
fn in_sqlite<const N: usize>(file: &Path, asked: [&str; N]) -> [Rows; N] {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let mut database = Connection::open_with_flags(file, flags).expect("the database can be read");
    database
        .busy_timeout(Duration::from_secs(5))
        .expect("a timeout can be set");
    let moment = database.transaction().expect("one moment");
    asked.map(|sql| {
        let mut statement = moment.prepare(sql).expect("a table");
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row<'_>, column| match row.get_ref(column).expect("a column") {
            ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().expect("a text").to_owned(),
        };
        let rows = statement.query_map([], |row| {
            Ok((0..columns).map(|column| text(row, column)).collect())
        });
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    })
}

/// As [`in_sqlite`].
fn in_postgres<const N: usize>(url: &str, asked: [&str; N]) -> [Rows; N] {
    let (engine, schema) = url.split_once("?schema=").expect("a schema");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let connected = tokio_postgres::connect(engine, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("the database can be read");
        let driven = tokio::spawn(connection);
        let begin = format!("SET search_path TO {schema}; BEGIN ISOLATION LEVEL REPEATABLE READ");
        client.batch_execute(&begin).await.expect("one moment");
        let mut found = asked.map(|_| Rows::new());
        for (rows, sql) in found.iter_mut().zip(asked) {
            for message in client.simple_query(sql).await.expect("a table") {
                if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                    let text = |column| row.get(column).unwrap_or_default().to_owned();
                    rows.push((0..row.len()).map(text).collect());
                }
            }
        }
        driven.abort();
        found
    })
}

/// A number that is left out where it is 0.
fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn audit(tables: &Tables) -> Result<(), String> {
    let mut notes = BTreeSet::new();
    for order in &tables.orders {
        audit_refunds(tables, order, &mut notes)?;
        audit_exchanges(tables, order)?;
        audit_lines(order)?;
    }
    must!(
        notes.iter().copied().eq(1..=notes.len() as u64),
        "a gap between credit notes: {notes:?}"
    );
    audit_moved(tables)?;
    audit_wallets(tables)?;
    audit_levels(tables)
}

/// What a payment does not pay any more is what its order's refunds gave, and never more than was taken.
fn audit_refunds(tables: &Tables, order: &Value, notes: &mut BTreeSet<u64>) -> Result<(), String> {
    let mut given: HashMap<String, i64> = HashMap::new();
    for refund in list(order, "refunds") {
        let note = refund["credit_note"].as_u64().expect("a number");
        must!(notes.insert(note), "a credit note twice: {refund:#}");
        let mut sum = 0;
        for part in list(refund, "parts") {
            let state = part["state"].as_str().unwrap_or_default();
            must!(
                ["succeeded", "failed"].contains(&state),
                "a refund is open: {refund:#}"
            );
            sum += number(part, "amount");
            if state == "succeeded" {
                *given.entry(part["payment"].to_string()).or_default() += number(part, "amount");
            }
        }
        must!(sum == number(refund, "amount"), "not its parts: {refund:#}");
    }
    let mut left = number(&order["totals"], "total");
    for id in list(order, "payments") {
        let payment = tables.payment(id);
        let back = ["refunded", "elsewhere", "moved"]
            .iter()
            .map(|field| number(payment, field))
            .sum::<i64>();
        let told = given.remove(&id.to_string()).unwrap_or(0);
        if order["is_paid"] == true {
            must!(
                back == told,
                "{back} went, {told} was told: {payment:#} {order:#}"
            );
            must!(
                number(payment, "captured") == whole(&payment["amount"]["amount"]),
                "taken whole: {payment:#}"
            );
            left -= number(payment, "captured");
        }
        must!(
            back <= number(payment, "captured") && number(payment, "moved") >= 0,
            "more than was taken: {payment:#}"
        );
    }
    must!(given.is_empty(), "of other payments: {given:?}");
    must!(
        order["is_paid"] != true || left == 0,
        "the payments are not the total: {order:#}"
    );
    Ok(())
}

/// An exchange has ended; one that stands has its order, its return and its refund, and what pays is what came back.
fn audit_exchanges(tables: &Tables, order: &Value) -> Result<(), String> {
    for exchange in list(order, "exchanges") {
        let state = exchange["state"].as_str().unwrap_or_default();
        let back = list(order, "returns")
            .iter()
            .find(|it| it["id"] == exchange["return_id"]);
        if state == "undone" {
            must!(
                back.is_none() && exchange["order"].is_null(),
                "nothing is left of it: {order:#}"
            );
            continue;
        }
        must!(
            ["completed", "cancelled"].contains(&state),
            "an exchange has not ended: {exchange:#}"
        );
        must!(back.is_some(), "an exchange without a return: {order:#}");
        let mut made = tables.orders.iter();
        let made = made.find(|it| it["id"] == exchange["order"]);
        let made = made.ok_or_else(|| format!("an exchange without an order: {exchange:#}"))?;
        must!(made["exchange_of"] == order["id"], "of another: {made:#}");
        let credit: i64 = list(exchange, "credit")
            .iter()
            .map(|part| whole(&part[1]))
            .sum();
        let brought: i64 = list(made, "payments")
            .iter()
            .map(|id| tables.payment(id))
            .filter(|it| it["method"] == "exchange")
            .map(|it| number(it, "captured"))
            .sum();
        must!(
            credit == brought,
            "{credit} came back, {brought} pays: {made:#}"
        );
    }
    Ok(())
}

fn audit_lines(order: &Value) -> Result<(), String> {
    for line in list(order, "lines") {
        let it = |field| number(line, field);
        let lies: i64 = list(line, "sources")
            .iter()
            .map(|it| number(it, "units"))
            .sum();
        let open = it("quantity") - it("fulfilled") - it("cancelled");
        must!(lies == open && open >= 0, "{open} are open: {line:#}");
        must!(
            it("returned") <= it("fulfilled") && it("refunded") <= it("quantity"),
            "more than there was: {line:#}"
        );
    }
    Ok(())
}

/// What a payment gave to other orders is what their payments have of it.
fn audit_moved(tables: &Tables) -> Result<(), String> {
    let mut has: HashMap<String, i64> = HashMap::new();
    for payment in tables.payments.values() {
        let left =
            number(payment, "captured") - number(payment, "refunded") - number(payment, "moved");
        if payment["method"] == "exchange" {
            *has.entry(payment["origin"]["payment"].to_string())
                .or_default() += left;
        }
    }
    for payment in tables.payments.values() {
        let told = has.remove(&payment["id"].to_string()).unwrap_or(0);
        must!(
            payment["method"] == "exchange" || number(payment, "moved") == told,
            "{told} of it pays elsewhere: {payment:#}"
        );
    }
    must!(has.is_empty(), "of no payment: {has:?}");
    Ok(())
}

/// Balances are the sums of their entries; what purchases took and got back is what their payments say.
fn audit_wallets(tables: &Tables) -> Result<(), String> {
    let mut balances: HashMap<String, i64> = HashMap::new();
    let (mut paid, mut back) = (0, 0);
    for entry in &tables.entries {
        let data = &entry["data"];
        let amount = whole(&data["amount"]["amount"]);
        let change = match data["kind"].as_str().unwrap_or_default() {
            "credit" => amount,
            "debit" => -amount,
            "payment" => {
                paid += amount;
                -amount
            }
            "refund" => {
                back += amount;
                amount
            }
            other => return Err(format!("{other} is no kind: {entry:#}")),
        };
        *balances.entry(data["customer"].to_string()).or_default() += change;
        let sum: i64 = list(data, "postings")
            .iter()
            .map(|it| number(it, "amount"))
            .sum();
        must!(sum == 0, "postings do not sum to 0: {entry:#}");
    }
    for wallet in &tables.wallets {
        let balance: i64 = list(wallet, "balances")
            .iter()
            .map(|it| number(it, "balance"))
            .sum();
        let told = balances.get(&wallet["customer"].to_string());
        must!(
            Some(&balance) == told && balance >= 0,
            "{told:?}: {wallet:#}"
        );
        must!(list(wallet, "holds").is_empty(), "still held: {wallet:#}");
    }
    let of_wallets = tables.payments.values();
    let (mut taken, mut given) = (0, 0);
    for payment in of_wallets {
        given += number(payment, "elsewhere");
        if payment["method"] == "wallet" {
            taken += number(payment, "captured");
            given += number(payment, "refunded");
        }
    }
    must!(taken == paid, "{taken} taken, {paid} booked");
    must!(given == back, "{given} given back, {back} booked");
    Ok(())
}

/// Nothing is held, and what is set aside is what orders wait for.
fn audit_levels(tables: &Tables) -> Result<(), String> {
    let mut sold: BTreeMap<(String, String), i64> = BTreeMap::new();
    for order in &tables.orders {
        for line in list(order, "lines") {
            let sku = line["sku"].as_str().expect("a SKU");
            for source in list(line, "sources") {
                let store = source["store"].as_str().expect("a store");
                let units = number(source, "units");
                *sold.entry((sku.into(), store.into())).or_default() += units;
            }
        }
    }
    for (key, (reserved, allocated)) in &tables.levels {
        let wanted = sold.get(key).copied().unwrap_or(0);
        must!(*reserved == 0, "still held: {key:?}");
        must!(*allocated == wanted, "{wanted} are sold: {key:?}");
    }
    Ok(())
}
