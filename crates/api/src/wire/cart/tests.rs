use super::*;
use crate::wire::strict::parse;
use cartwright_app::carts::{Shelved, Stock};
use cartwright_domain::Money as DomainMoney;
use cartwright_domain::cart::{self as domain, LineId, Metadata, Patch, PricedCart, State};
use cartwright_domain::catalog::{Limits, Product, ProductData, Status, Variant, VariantData};
use cartwright_domain::{CartId, Country, Currency, ProductId, Refusal, Sku, StoreId, Time};
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::{Map, Value};
use std::sync::Arc;

fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

fn money(minor: i64) -> DomainMoney {
    DomainMoney::new(minor, usd())
}

fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

fn line(number: u32, text: &str, quantity: i64) -> Arc<domain::Line> {
    Arc::new(domain::Line {
        id: LineId(number),
        sku: sku(text),
        product_id: ProductId::new("mug").ok(),
        name: "Mug".into(),
        quantity,
        unit_price: Some(money(1299)),
        store: None,
        note: None,
        metadata: Metadata::default(),
    })
}

fn cart(lines: Vec<Arc<domain::Line>>) -> domain::Cart {
    domain::Cart {
        id: CartId(5),
        version: 3,
        state: State::Open,
        currency: usd(),
        country: Country::new("US").expect("a country"),
        customer_id: None,
        external_user: None,
        token_hash: Some([1; 32]),
        next_line: 9,
        lines,
        coupons: Vec::new(),
        metadata: json!({"b": 1, "a": null}).as_object().cloned().into(),
        created_at: Time(1),
        updated_at: Time(2),
        expires_at: Time(2000),
        merged_into: None,
        tried_in_vain: Vec::new(),
    }
}

fn mug(status: Status) -> Product {
    Product {
        id: ProductId::new("mug").expect("an id"),
        data: ProductData {
            slug: cartwright_domain::Slug::new("mug").expect("a slug"),
            name: "Mug".into(),
            description: String::new(),
            status,
            brand: None,
            categories: Vec::new(),
            attributes: Map::new(),
            images: Vec::new(),
            options: Vec::new(),
        },
        variants: vec![Variant {
            data: VariantData {
                sku: sku("MUG"),
                options: Vec::new(),
                prices: vec![money(1000)],
                compare_at: Vec::new(),
                weight_grams: None,
                dimensions: None,
                limits: Limits::default(),
                denied_countries: Vec::new(),
            },
            version: 1,
        }],
        created_at: Time(0),
        updated_at: Time(0),
        version: 1,
    }
}

fn priced(cart: &domain::Cart, status: Status, available: i64) -> PricedCart {
    let stock = Stock::new(vec![((sku("MUG"), None), available)]);
    let mug = Arc::new(mug(status));
    let skus = cart.lines.iter().map(|line| &line.sku);
    domain::price(cart, &Shelved::new(skus, &stock, |_| Some(mug.clone())))
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn a_cart_shows_every_field_and_no_secret() {
    let mut one = line(2, "MUG", 2);
    let with_more = Arc::make_mut(&mut one);
    with_more.store = StoreId::new("north").ok();
    with_more.note = Some("wrap\n".into());
    with_more.unit_price = Some(money(1000));
    let cart = cart(vec![one, line(7, "MUG", 3)]);
    let priced = priced(&cart, Status::Active, 2);
    let shown = value(&Cart::new(&cart, &priced, State::Open).json());
    let money = |amount: i64| json!({"amount": amount, "currency": "USD"});
    let expected = json!({
        "id": CartId(5).to_string(), "version": 3, "state": "open", "currency": "USD", "country": "US", "customer_id": null,
        "lines": [
            {
                "id": "ln_2", "sku": "MUG", "product_id": "mug", "name": "Mug", "quantity": 2, "unit_price": money(1000),
                "total": money(2000), "store": "north", "note": "wrap\n", "metadata": {},
            },
            {
                "id": "ln_7", "sku": "MUG", "product_id": "mug", "name": "Mug", "quantity": 3, "unit_price": money(1000),
                "total": money(3000), "metadata": {},
                "changes": [
                    {"kind": "price_changed", "from": money(1299), "to": money(1000)},
                    {"kind": "insufficient_stock", "requested": 3, "available": 2},
                ],
            },
        ],
        "totals": {
            "subtotal": money(5000), "discount": money(0), "shipping": money(0), "tax": money(0), "total": money(5000),
        },
        "coupons": [], "metadata": {"b": 1, "a": null}, "created_at": "1970-01-01T00:00:00.001Z",
        "updated_at": "1970-01-01T00:00:00.002Z", "expires_at": "1970-01-01T00:00:02.000Z",
    });
    assert_eq!(shown, expected);
}

#[test]
fn what_is_no_longer_sold_has_no_price() {
    let cart = cart(vec![line(1, "MUG", 2)]);
    let priced = priced(&cart, Status::Archived, 0);
    let shown = value(&Cart::new(&cart, &priced, State::Expired).json());
    assert_eq!(shown["state"], "expired");
    let line = &shown["lines"][0];
    assert_eq!(
        (&line["unit_price"], &line["total"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(line["changes"][0]["kind"], "no_longer_sold");
    assert_eq!(shown["totals"]["total"]["amount"], 0);
}

#[test]
fn the_place_of_a_token_is_two_bytes_before_the_end() {
    let cart = cart(Vec::new());
    let priced = priced(&cart, Status::Active, 0);
    let body = Cart::new(&cart, &priced, State::Open)
        .with_token_place()
        .json();
    let (before, after) = body.split_at(body.len() - 2);
    let whole = [before, b"secret", after].concat();
    assert_eq!(value(&whole)["token"], "secret");
}

#[test]
fn lines_are_paged_and_totals_are_not() {
    let cart = cart((1..=5).map(|number| line(number * 2, "MUG", 1)).collect());
    let priced = priced(&cart, Status::Active, 9);
    let page = |after: Option<u32>, limit| {
        let (shown, last) = Cart::new(&cart, &priced, State::Open).page(after.map(LineId), limit);
        let shown = value(&shown.next(last.map(|line| line.to_string())).json());
        assert_eq!(shown["totals"]["total"]["amount"], 5000);
        let ids = shown["lines"].as_array().expect("lines").iter();
        let ids: Vec<_> = ids
            .map(|line| line["id"].as_str().expect("an id").to_owned())
            .collect();
        (ids, shown["next_cursor"].clone())
    };
    let ids = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let rows = [
        (None, 2, ids(&["ln_2", "ln_4"]), json!("ln_4")),
        (Some(4), 2, ids(&["ln_6", "ln_8"]), json!("ln_8")),
        (Some(5), 3, ids(&["ln_6", "ln_8", "ln_10"]), Value::Null),
        (Some(8), 2, ids(&["ln_10"]), Value::Null),
        (Some(10), 2, ids(&[]), Value::Null),
        (
            None,
            5,
            ids(&["ln_2", "ln_4", "ln_6", "ln_8", "ln_10"]),
            Value::Null,
        ),
    ];
    for (after, limit, expected, next) in rows {
        assert_eq!(page(after, limit), (expected, next), "{after:?} {limit}");
    }
}

fn refused<T: DeserializeOwned, U>(
    body: Value,
    check: impl FnOnce(T) -> Result<U, Refusal>,
) -> (String, &'static str) {
    match parse(body).and_then(check) {
        Err(Refusal::Invalid { errors }) => (errors[0].field.clone(), errors[0].code),
        Err(other) => panic!("{other:?}"),
        Ok(_) => ("taken".to_owned(), ""),
    }
}

#[test]
fn bodies_that_make_no_sense_name_their_field() {
    let new = |body| refused(body, |line: NewLine| line.checked("", 1000));
    let many = |body| refused(body, |lines: Lines| checked_lines(lines.lines, 1000));
    let create = |body| refused(body, |create: CreateCart| create.checked([0; 32], 1000));
    let change = |body| refused(body, |change: ChangeLine| change.checked(LineId(1), 1000));
    let update = |body| refused(body, |update: UpdateCart| domain::Update::try_from(update));
    let merge = |body| refused(body, |merge: MergeCarts| Ok(merge));
    let rows = [
        (new(json!({"sku": "A"})), "quantity", "required"),
        (
            new(json!({"sku": "A", "quantity": 2.0})),
            "quantity",
            "wrong_type",
        ),
        (
            new(json!({"sku": "A", "quantity": 0})),
            "quantity",
            "out_of_range",
        ),
        (
            new(json!({"sku": "A", "quantity": 1001})),
            "quantity",
            "out_of_range",
        ),
        (
            new(json!({"sku": "a b", "quantity": 1})),
            "sku",
            "malformed",
        ),
        (
            new(json!({"sku": "A", "quantity": 1, "metadata": []})),
            "metadata",
            "wrong_type",
        ),
        (
            new(json!({"sku": "A", "quantity": 1, "note": ""})),
            "note",
            "malformed",
        ),
        (
            new(json!({"sku": "A", "quantity": 1, "note": "n".repeat(201)})),
            "note",
            "malformed",
        ),
        (
            new(json!({"sku": "A", "quantity": 1, "note": "\u{7}"})),
            "note",
            "malformed",
        ),
        (
            new(json!({"sku": "A", "quantity": 1, "price": 1})),
            "price",
            "unknown_field",
        ),
        (
            many(json!({"lines": [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": -1}]})),
            "lines[1].quantity",
            "out_of_range",
        ),
        (create(json!({"currency": "ZZZ"})), "currency", "malformed"),
        (
            create(json!({"customer_id": "a b"})),
            "customer_id",
            "malformed",
        ),
        (create(json!({"token": "mine"})), "token", "unknown_field"),
        (change(json!({})), "quantity", "required"),
        (change(json!({"quantity": null})), "quantity", "required"),
        (
            change(json!({"quantity": 1, "delta": 1})),
            "delta",
            "malformed",
        ),
        (change(json!({"delta": i64::MAX})), "delta", "out_of_range"),
        (change(json!({"quantity": -1})), "quantity", "out_of_range"),
        (
            update(json!({"state": "ordered"})),
            "state",
            "unknown_field",
        ),
        (update(json!({"country": "Mars"})), "country", "malformed"),
        (
            merge(json!({"from": "x", "strategy": "min"})),
            "strategy",
            "malformed",
        ),
        (merge(json!({})), "from", "required"),
    ];
    for ((field, code), expected_field, expected_code) in rows {
        assert_eq!((field.as_str(), code), (expected_field, expected_code));
    }
}

#[test]
fn null_clears_in_a_patch_and_is_absent_elsewhere() {
    let new: NewLine =
        parse(json!({"sku": "A", "quantity": 1, "store": null, "note": null, "metadata": null}))
            .expect("a line");
    assert_eq!(new.checked("", 9), Ok(domain::Add::new(sku("A"), 1)));
    let change: ChangeLine = parse(json!({"note": null})).expect("a change");
    let change = change.checked(LineId(1), 9).expect("a change");
    assert_eq!((change.note, change.store), (Patch::Clear, Patch::Keep));
    let update: UpdateCart =
        parse(json!({"currency": null, "metadata": {"a": null}})).expect("a patch");
    let update = domain::Update::try_from(update).expect("a patch");
    assert_eq!(
        (update.currency, update.country),
        (Patch::Clear, Patch::Keep)
    );
    assert_eq!(
        update.metadata,
        Patch::Set(json!({"a": null}).as_object().cloned().into())
    );
}

#[test]
fn an_open_cart_is_shown_so_until_it_expires() {
    let mut cart = cart(Vec::new());
    assert_eq!(shows_until(&cart, Time(1999)), Time(2000));
    assert_eq!(shows_until(&cart, Time(2000)), Time(i64::MAX));
    cart.state = State::Merged;
    assert_eq!(shows_until(&cart, Time(1)), Time(i64::MAX));
}
