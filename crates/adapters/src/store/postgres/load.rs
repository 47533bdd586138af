//! What is found under keys: one statement a kind of key, all sent at once.

use super::fault::fault;
use super::gather::Wanted;
use super::link::{Link, Sent, in_order};
use super::rows::{self, Read};
use super::table::{Cell, Kind, Rows};
use Kind::{Bytes, Id, Number, Text};
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record, Series};
use cartwright_domain::dead_letter::Listed;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, DeadLetterId, EventId, OrderId, ProductId, ReservationId, Sku,
    StoreId, WalletEntryId,
};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::Row;

/// How one kind of key is looked for. The statement's last column is the number of the key, counted from 1; [`Read`] has those before it.
struct Kin {
    /// What is selected; `w` are the keys that are wanted, with `n` their number and `a` and `b` what they are made of.
    sql: String,
    kinds: &'static [Kind],
    read: How,
}

/// How its rows are read.
#[derive(Clone, Copy)]
enum How {
    /// A row is the value.
    Row(Read),
    /// The only row is the value.
    Lone(Read),
    /// Rows are locations.
    Stores,
    /// Rows are letters of a list.
    Letters,
}

/// Keys of a kind, with where each stands among all that are asked for.
struct Asked {
    kin: Kin,
    rows: Rows,
    places: Vec<usize>,
}

fn count(row: &Row) -> Result<Record, Fault> {
    rows::number(row, 0).map(Record::Count)
}

fn order_id(row: &Row) -> Result<Record, Fault> {
    rows::id(row, 0).map(|id| Record::OrderId(OrderId(id)))
}

fn product_id(row: &Row) -> Result<Record, Fault> {
    rows::parsed(row, 0, ProductId::new).map(Record::ProductId)
}

/// By one column.
fn by(table: &str, column: &str, select: &str, kinds: &'static [Kind], read: Read) -> Kin {
    let array = if kinds == [Id] {
        "uuid[]"
    } else if kinds == [Number] {
        "bigint[]"
    } else if kinds == [Bytes] {
        "bytea[]"
    } else {
        "text[]"
    };
    Kin {
        sql: format!(
            "SELECT {select}, w.n FROM unnest($1::{array}) WITH ORDINALITY AS w (a, n) JOIN {table} ON {table}.{column} = w.a"
        ),
        kinds,
        read: How::Row(read),
    }
}

/// By two texts.
fn by_two(table: &str, columns: [&str; 2], select: &str, read: Read) -> Kin {
    let [one, two] = columns;
    Kin {
        sql: format!(
            "SELECT {select}, w.n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (a, b, n) \
             JOIN {table} ON {table}.{one} = w.a AND {table}.{two} = w.b"
        ),
        kinds: &[Text, Text],
        read: How::Row(read),
    }
}

fn lone(sql: &str, read: Read) -> Kin {
    Kin {
        sql: sql.to_owned(),
        kinds: &[],
        read: How::Lone(read),
    }
}

/// How a key is looked for, and what it is made of. The number is that of its kind.
fn kin(key: &Key) -> (usize, fn() -> Kin, Vec<Cell>) {
    match key {
        Key::Product(id) => (
            0,
            || by("products", "id", "body::text", &[Text], rows::product),
            vec![Cell::text(id.as_str())],
        ),
        Key::Store(id) => (
            1,
            || by("stores", "id", "body::text", &[Text], rows::store),
            vec![Cell::text(id.as_str())],
        ),
        Key::Level(key) => (
            2,
            || by_two("levels", ["sku", "store"], rows::LEVEL, rows::level),
            vec![Cell::text(key.sku.as_str()), Cell::text(key.store.as_str())],
        ),
        Key::Reservation(id) => (
            3,
            || {
                by(
                    "reservations",
                    "id",
                    rows::RESERVATION,
                    &[Id],
                    rows::reservation,
                )
            },
            vec![Cell::id(id.0)],
        ),
        Key::Transfer(id) => (
            4,
            || by("transfers", "id", "body::text", &[Id], rows::transfer),
            vec![Cell::id(id.0)],
        ),
        Key::Cart(id) => (
            5,
            || by("carts", "id", "body::text", &[Id], rows::cart),
            vec![Cell::id(id.0)],
        ),
        Key::Checkout(id) => (
            6,
            || by("checkouts", "id", "body::text", &[Id], rows::checkout),
            vec![Cell::id(id.0)],
        ),
        Key::Contact(id) => (
            7,
            || by("contacts", "id", "body::text", &[Id], rows::contact),
            vec![Cell::id(id.0)],
        ),
        Key::CheckoutOf(cart) => (
            8,
            || {
                let mut kin = by("checkouts", "cart_id", "checkouts.id", &[Id], |row| {
                    rows::id(row, 0).map(|id| Record::CheckoutId(CheckoutId(id)))
                });
                kin.sql.push_str(" WHERE checkouts.state < 5");
                kin
            },
            vec![Cell::id(cart.0)],
        ),
        Key::Payment(id) => (
            9,
            || by("payments", "id", "body::text", &[Id], rows::payment),
            vec![Cell::id(id.0)],
        ),
        Key::Instrument(id) => (
            10,
            || by("instruments", "id", "body::text", &[Id], rows::instrument),
            vec![Cell::id(id.0)],
        ),
        Key::Order(id) => (
            11,
            || by("orders", "id", "body::text", &[Id], rows::order),
            vec![Cell::id(id.0)],
        ),
        Key::OrderNumber(number) => (
            12,
            || by("orders", "number", "orders.id", &[Number], order_id),
            vec![(*number).into()],
        ),
        Key::Invoice(number) => (
            13,
            || by("orders", "invoice", "orders.id", &[Number], order_id),
            vec![(*number).into()],
        ),
        Key::CreditNote(number) => (
            14,
            || by("credit_notes", "number", "order_id", &[Number], order_id),
            vec![(*number).into()],
        ),
        Key::Return(id) => (
            15,
            || by("returns", "id", "order_id", &[Id], order_id),
            vec![Cell::id(id.0)],
        ),
        Key::Last(Series::Order) => (
            16,
            || lone("SELECT coalesce(max(number), 0) FROM orders", count),
            vec![],
        ),
        Key::Last(Series::Invoice) => (
            17,
            || lone("SELECT coalesce(max(invoice), 0) FROM orders", count),
            vec![],
        ),
        Key::Last(Series::CreditNote) => (
            18,
            || lone("SELECT coalesce(max(number), 0) FROM credit_notes", count),
            vec![],
        ),
        Key::Wallet(customer) => (
            19,
            || {
                by(
                    "wallets",
                    "customer_id",
                    "body::text",
                    &[Text],
                    rows::wallet,
                )
            },
            vec![Cell::text(customer)],
        ),
        Key::WalletEntry(id) => (
            20,
            || {
                by(
                    "wallet_entries",
                    "id",
                    "body::text",
                    &[Id],
                    rows::wallet_entry,
                )
            },
            vec![Cell::id(id.0)],
        ),
        Key::WalletReference(customer, reference) => (
            21,
            || {
                let id =
                    |row: &Row| rows::id(row, 0).map(|id| Record::WalletEntryId(WalletEntryId(id)));
                by_two("wallet_entries", ["customer_id", "reference"], "id", id)
            },
            vec![Cell::text(customer), Cell::text(reference)],
        ),
        Key::Account(account, currency) => (
            22,
            || {
                let amount = |row: &Row| rows::whole(row, 0).map(Record::Amount);
                by_two("ledger_accounts", ["account", "currency"], "amount", amount)
            },
            vec![Cell::text(account.as_str()), Cell::text(currency.code())],
        ),
        Key::ApiKey(id) => (
            23,
            || by("api_keys", "id", "body::text", &[Id], rows::api_key),
            vec![Cell::id(id.0)],
        ),
        Key::WebhookEndpoint(id) => (
            24,
            || {
                let read = rows::webhook_endpoint;
                by("webhook_endpoints", "id", "body::text", &[Id], read)
            },
            vec![Cell::id(id.0)],
        ),
        Key::WebhookEndpoints => (
            25,
            || lone("SELECT count(*) FROM webhook_endpoints", count),
            vec![],
        ),
        Key::DeadLetter(id) => (
            26,
            || by("dead_letters", "id", "body::text", &[Id], rows::dead_letter),
            vec![Cell::id(id.0)],
        ),
        Key::DeadLettersOf(consumer) => (
            27,
            || {
                Kin {
                sql: "SELECT id, event_id, key, w.n FROM unnest($1::text[]) WITH ORDINALITY AS w (a, n) \
                      JOIN dead_letters ON dead_letters.consumer = w.a ORDER BY id"
                    .to_owned(),
                kinds: &[Text],
                read: How::Letters,
            }
            },
            vec![Cell::text(consumer)],
        ),
        Key::Cursor(consumer) => (
            28,
            || by("cursors", "consumer", "position", &[Text], count),
            vec![Cell::text(consumer)],
        ),
        Key::Sku(sku) => (
            29,
            || by("skus", "sku", "product_id", &[Text], product_id),
            vec![Cell::text(sku.as_str())],
        ),
        Key::Slug(slug) => (
            30,
            || by("slugs", "slug", "product_id", &[Text], product_id),
            vec![Cell::text(slug.as_str())],
        ),
        Key::Reference(principal, reference) => (
            31,
            || {
                let id =
                    |row: &Row| rows::id(row, 0).map(|id| Record::ReservationId(ReservationId(id)));
                by_two(
                    "reservation_references",
                    ["principal", "reference"],
                    "id",
                    id,
                )
            },
            vec![Cell::text(principal), Cell::text(reference)],
        ),
        Key::KeyHash(hash) => (
            32,
            || {
                let id = |row: &Row| rows::id(row, 0).map(|id| Record::ApiKeyId(ApiKeyId(id)));
                by("api_keys", "hash", "api_keys.id", &[Bytes], id)
            },
            vec![Cell::Bytes(hash.to_vec())],
        ),
        Key::UserCart(package, user) => (
            33,
            || {
                let id = |row: &Row| rows::id(row, 0).map(|id| Record::CartId(CartId(id)));
                by_two("user_carts", ["package", "user_id"], "id", id)
            },
            vec![Cell::text(package), Cell::text(user)],
        ),
        Key::StoresOf(sku) => (
            34,
            || Kin {
                sql: "SELECT store, w.n FROM unnest($1::text[]) WITH ORDINALITY AS w (a, n) \
                      JOIN levels ON levels.sku = w.a ORDER BY levels.sku, store"
                    .to_owned(),
                kinds: &[Text],
                read: How::Stores,
            },
            vec![Cell::text(sku.as_str())],
        ),
        Key::OpenHolds(principal) => (
            35,
            || {
                Kin {
                sql: "SELECT (SELECT count(*) FROM reservations WHERE principal = w.a AND state = 0), w.n \
                      FROM unnest($1::text[]) WITH ORDINALITY AS w (a, n)"
                    .to_owned(),
                kinds: &[Text],
                read: How::Row(count),
            }
            },
            vec![Cell::text(principal)],
        ),
    }
}

/// The product that has a SKU; the number is one that no key has.
fn product_of(sku: &Sku) -> (usize, fn() -> Kin, Vec<Cell>) {
    let kin = || Kin {
        sql: "SELECT body::text, w.n FROM unnest($1::text[]) WITH ORDINALITY AS w (a, n) \
              JOIN skus ON skus.sku = w.a JOIN products ON products.id = skus.product_id"
            .to_owned(),
        kinds: &[Text],
        read: How::Row(rows::product),
    };
    (36, kin, vec![Cell::text(sku.as_str())])
}

/// What is under each key, in their order.
pub(super) async fn load(link: &Link, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
    found(link, keys.iter().map(kin)).await
}

/// What is asked for, in their order.
pub(super) async fn wanted(link: &Link, all: &[Wanted]) -> Result<Vec<Option<Record>>, Fault> {
    let how = |wanted: &Wanted| match wanted {
        Wanted::Under(key) => kin(key),
        Wanted::ProductOf(sku) => product_of(sku),
    };
    found(link, all.iter().map(how)).await
}

async fn found(
    link: &Link,
    all: impl ExactSizeIterator<Item = (usize, fn() -> Kin, Vec<Cell>)>,
) -> Result<Vec<Option<Record>>, Fault> {
    let mut found: Vec<Option<Record>> = (0..all.len()).map(|_| None).collect();
    let mut asked: BTreeMap<usize, Asked> = BTreeMap::new();
    for (place, (number, kin, cells)) in all.enumerate() {
        let asked = asked.entry(number).or_insert_with(|| {
            let kin = kin();
            Asked {
                rows: Rows::of(kin.kinds.iter().copied()),
                kin,
                places: Vec::new(),
            }
        });
        asked.rows.push(cells);
        asked.places.push(place);
    }
    let (mut queries, mut kinds): (Vec<Sent<'_, Vec<Row>>>, _) = (Vec::new(), Vec::new());
    for Asked { kin, rows, places } in asked.into_values() {
        queries.push(Box::pin(async move {
            link.query(&kin.sql, &rows.values()).await
        }));
        kinds.push((kin.read, places));
    }
    for (rows, (how, places)) in in_order(queries).await.into_iter().zip(kinds) {
        take(&rows.map_err(fault)?, how, &places, &mut found)?;
    }
    Ok(found)
}

/// Puts rows where their keys stand.
fn take(
    rows: &[Row],
    how: How,
    places: &[usize],
    found: &mut [Option<Record>],
) -> Result<(), Fault> {
    let place = |row: &Row| {
        let number = rows::number(row, row.len() - 1)?;
        let place = usize::try_from(number)
            .ok()
            .and_then(|it| places.get(it.checked_sub(1)?));
        place
            .copied()
            .ok_or_else(|| Fault::corrupt("a row that nobody asked for"))
    };
    match how {
        How::Row(read) => {
            for row in rows {
                found[place(row)?] = Some(read(row)?);
            }
        }
        How::Lone(read) => {
            let row = rows.first().ok_or_else(|| Fault::corrupt("no row"))?;
            for place in places {
                found[*place] = Some(read(row)?);
            }
        }
        How::Stores => {
            let mut stores: HashMap<usize, Vec<StoreId>> = HashMap::new();
            for row in rows {
                let store = rows::parsed(row, 0, StoreId::new)?;
                stores.entry(place(row)?).or_default().push(store);
            }
            for (place, stores) in stores {
                found[place] = Some(Record::Stores(Arc::new(stores)));
            }
        }
        How::Letters => {
            let mut letters: HashMap<usize, Vec<Listed>> = HashMap::new();
            for row in rows {
                let listed = Listed {
                    id: DeadLetterId(rows::id(row, 0)?),
                    event: EventId(rows::id(row, 1)?),
                    key: rows::text(row, 2)?,
                };
                letters.entry(place(row)?).or_default().push(listed);
            }
            for (place, letters) in letters {
                found[place] = Some(Record::DeadLetters(Arc::new(letters)));
            }
        }
    }
    Ok(())
}
