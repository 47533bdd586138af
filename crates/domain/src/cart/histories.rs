//! Properties of whole histories: any requests in any order.

use super::Strategy;
use super::samples::*;
use super::*;
use crate::Refusal;
use crate::entity::Entity;
use crate::{CartId, Time};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const SKUS: [&str; 8] = ["MUG", "TEA", "PEN", "KNIFE", "EURO", "GOLD", "FREE", "NONE"];

#[derive(Debug, Clone)]
enum Act {
    Add(Add),
    AddMany(Vec<Add>),
    Replace(Vec<Add>),
    Change(ChangeLine),
    Remove(u32),
    RemoveMany(Vec<u32>),
    Clear,
    Update(Update),
    Merge(Vec<Add>, Strategy),
    Expire,
    Reprice(&'static str, i64),
    Stock(&'static str, i64),
}

fn adds() -> impl Generator<Value = Add> {
    let quantity = prop_oneof![8 => 1..6i64, 1 => -1..=0i64, 1 => 900..1100i64];
    (
        0..SKUS.len(),
        quantity,
        prop::option::of(Just("north")),
        0..3i64,
        prop::option::of("[ab]"),
    )
        .prop_map(|(sku, quantity, at, tag, note)| Add {
            store: at.and_then(store),
            note: note.map(Into::into),
            metadata: if tag == 0 {
                Metadata::default()
            } else {
                metadata(json!({ "tag": tag }))
            },
            ..wanted(SKUS[sku], quantity)
        })
}

fn patch<T: Clone + std::fmt::Debug + 'static>(
    value: impl Generator<Value = T> + 'static,
) -> BoxedStrategy<Patch<T>> {
    prop_oneof![2 => Just(Patch::Keep), 1 => Just(Patch::Clear), 1 => value.prop_map(Patch::Set)]
        .boxed()
}

fn changes() -> impl Generator<Value = ChangeLine> {
    let amount = prop_oneof![
        (-1..8i64).prop_map(Amount::Set),
        (-5..5i64).prop_map(Amount::Delta)
    ];
    let note = patch("[xy]".prop_map(Into::into));
    (
        1..9u32,
        prop::option::of(amount),
        note,
        patch(Just(store_id("north"))),
    )
        .prop_map(|(line, amount, note, store)| ChangeLine {
            line: LineId(line),
            amount,
            note,
            store,
        })
}

fn updates() -> impl Generator<Value = Update> {
    let currencies = prop_oneof![Just(currency("USD")), Just(currency("EUR"))];
    let countries = prop_oneof![Just(country("US")), Just(country("JP"))];
    (
        patch(countries),
        patch(currencies),
        patch("[cd]".prop_map(Into::into)),
    )
        .prop_map(|(country, currency, customer_id)| Update {
            country,
            currency,
            customer_id,
            metadata: Patch::Keep,
        })
}

fn acts() -> impl Generator<Value = Act> {
    let strategies = prop_oneof![
        Just(Strategy::Sum),
        Just(Strategy::Max),
        Just(Strategy::Keep)
    ];
    let many = || prop::collection::vec(adds(), 0..5);
    prop_oneof![
        6 => adds().prop_map(Act::Add),
        2 => many().prop_map(Act::AddMany),
        2 => many().prop_map(Act::Replace),
        5 => changes().prop_map(Act::Change),
        2 => (1..9u32).prop_map(Act::Remove),
        1 => prop::collection::vec(1..9u32, 0..4).prop_map(Act::RemoveMany),
        1 => Just(Act::Clear),
        2 => updates().prop_map(Act::Update),
        2 => (many(), strategies).prop_map(|(lines, strategy)| Act::Merge(lines, strategy)),
        1 => Just(Act::Expire),
        1 => (0..SKUS.len() - 1, 0..2000i64).prop_map(|(sku, minor)| Act::Reprice(SKUS[sku], minor)),
        1 => (0..SKUS.len() - 1, 0..20i64).prop_map(|(sku, stock)| Act::Stock(SKUS[sku], stock)),
    ]
}

fn decide(
    cart: &Cart,
    act: &Act,
    shop: &mut Shop,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    let lines = |ids: &[u32]| ids.iter().copied().map(LineId).collect::<Vec<_>>();
    match act {
        Act::Add(request) => add(cart, request, shop, rules, now),
        Act::AddMany(requests) => add_many(cart, requests, shop, rules, now),
        Act::Replace(requests) => replace(cart, requests, shop, rules, now),
        Act::Change(request) => change(cart, request, shop, rules, now),
        Act::Remove(line) => remove(cart, LineId(*line), rules, now),
        Act::RemoveMany(ids) => remove_many(cart, &lines(ids), rules, now),
        Act::Clear => clear(cart, rules, now),
        Act::Update(request) => update(cart, request, shop, rules, now),
        Act::Merge(requests, strategy) => {
            let request = Create {
                lines: requests.clone(),
                ..Create::default()
            };
            let Event::Created(created) = create(&request, shop, rules, now)? else {
                return Ok(None);
            };
            let source = super::cart::begin(CartId(99), &created, now);
            Ok(merge(cart, &source, *strategy, shop, rules, now)?.target)
        }
        Act::Expire => Ok(expire(cart, now)),
        Act::Reprice(name, minor) => {
            shop.reprice(name, *minor);
            Ok(None)
        }
        Act::Stock(name, stock) => {
            shop.stock(name, *stock);
            Ok(None)
        }
    }
}

/// Units of each SKU.
fn units(lines: &[Arc<Line>]) -> BTreeMap<&str, i64> {
    let mut units = BTreeMap::new();
    for line in lines {
        *units.entry(line.sku.as_str()).or_insert(0) += line.quantity;
    }
    units
}

fn check_shape(cart: &Cart) {
    assert!(
        cart.lines.is_sorted_by(|one, next| one.id < next.id),
        "ids rise"
    );
    assert!(
        cart.lines.iter().all(|line| line.id.0 < cart.next_line),
        "ids are used once"
    );
    for (n, line) in cart.lines.iter().enumerate() {
        assert!(cart.is_drop_in() || line.quantity > 0);
        assert!(
            line.unit_price
                .is_none_or(|price| price.currency == cart.currency),
            "one currency"
        );
        let equal = |other: &Arc<Line>| other.joins(&line.sku, line.store.as_ref(), &line.metadata);
        assert!(!cart.lines[..n].iter().any(equal), "equal lines are one");
        assert_eq!(cart.line(line.id), Some(line));
    }
}

/// No group of lines that grew has more than the stock.
fn check_stock(before: &Cart, after: &Cart, shop: &Shop) {
    let sum = |cart: &Cart, of: &Line| -> i64 {
        let same = |line: &&Arc<Line>| line.sku == of.sku && line.store == of.store;
        cart.lines
            .iter()
            .filter(same)
            .map(|line| line.quantity)
            .sum()
    };
    for line in &after.lines {
        let (had, has) = (sum(before, line), sum(after, line));
        let available = shop
            .available(&line.sku, line.store.as_ref())
            .unwrap_or(i64::MAX);
        assert!(
            has <= had || has <= available,
            "{line:?}: {has} of {available}"
        );
    }
}

fn run(mut cart: Cart, acts: &[Act]) {
    let mut shop = shop();
    let (key, first, mut events) = (cart.id, cart.clone(), Vec::new());
    for (n, act) in acts.iter().enumerate() {
        let now = NOW.plus_seconds(i64::try_from(n).unwrap_or(0));
        let before = cart.clone();
        let Ok(Some(event)) = decide(&cart, act, &mut shop, &rules(), now) else {
            continue;
        };
        cart = after_at(&cart, Some(event.clone()), now);
        assert_eq!(cart.version, before.version + 1);
        assert!(cart.next_line >= before.next_line);
        check_shape(&cart);
        if !matches!(act, Act::Merge(..)) {
            check_stock(&before, &cart, &shop);
        }
        assert_eq!(
            cart.expires_at,
            cart.expiry(&rules(), now),
            "{act:?} slides the expiry"
        );
        check_totals(&cart, &shop);
        events.push((event, now));
    }
    let mut replayed = Some(Arc::new(first));
    for (event, at) in &events {
        Cart::apply(&mut replayed, &key, event, *at);
    }
    assert_eq!(replayed.as_deref(), Some(&cart), "replay equals state");
    let kept = serde_json::to_vec(&cart).and_then(|bytes| serde_json::from_slice::<Cart>(&bytes));
    assert_eq!(kept.ok(), Some(cart), "storage keeps everything");
}

fn check_totals(cart: &Cart, shop: &Shop) {
    let priced = price(cart, shop);
    let sum: i64 = priced
        .lines
        .iter()
        .filter_map(|line| line.total)
        .map(|total| total.minor)
        .sum();
    assert_eq!(
        (priced.totals.subtotal.minor, priced.totals.total.minor),
        (sum, sum)
    );
    let ids = |line: &PricedLine| line.id;
    assert!(
        priced
            .lines
            .iter()
            .map(ids)
            .eq(cart.lines.iter().map(|line| line.id))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_cart_whole(acts in prop::collection::vec(acts(), 0..40)) {
        run(cart(&[]), &acts);
    }

    #[test]
    fn every_history_keeps_a_drop_in_cart_whole(requests in prop::collection::vec(adds(), 0..40)) {
        let acts: Vec<Act> = requests.into_iter().map(Act::Add).collect();
        run(drop_in(), &acts);
    }

    #[test]
    fn enough_stock_always_succeeds_and_too_little_never(have in 0..200i64, more in 1..200i64, stock in 0..400i64) {
        let mut shop = shop();
        shop.stock("TEA", 1000);
        let mut cart = cart(&[]);
        if have > 0 {
            cart = after(&cart, add(&cart, &wanted("TEA", have), &shop, &rules(), NOW).unwrap_or_default());
        }
        shop.stock("TEA", stock);
        let result = add(&cart, &wanted("TEA", more), &shop, &rules(), NOW);
        let expected = if have + more <= stock { Ok(true) } else { Err(Refusal::short(&sku("TEA"), have + more, stock)) };
        prop_assert_eq!(result.map(|event| event.is_some()), expected);
    }

    #[test]
    fn the_order_of_additions_does_not_change_what_is_wanted(requests in prop::collection::vec(adds(), 0..12)) {
        let mut shop = shop();
        shop.validation = false;
        let rules = Rules { max_value_minor: i64::MAX, ..rules() };
        let fill = |requests: &[&Add]| {
            requests.iter().fold(drop_in(), |cart, request| {
                let event = add(&cart, request, &shop, &rules, NOW).unwrap_or_default();
                after(&cart, event)
            })
        };
        let forward: Vec<&Add> = requests.iter().collect();
        let backward: Vec<&Add> = requests.iter().rev().collect();
        let (one, other) = (fill(&forward), fill(&backward));
        prop_assert_eq!(units(&one.lines), units(&other.lines));
        prop_assert_eq!(one.lines.len(), other.lines.len());
    }

    #[test]
    fn a_merge_never_loses_a_line(ours in prop::collection::vec(adds(), 0..12), theirs in prop::collection::vec(adds(), 0..12)) {
        let shop = shop();
        let fill = |id, requests: &[Add]| {
            requests.iter().fold(made_as(id, &Create::default()), |cart, request| {
                let event = add(&cart, request, &shop, &rules(), NOW).unwrap_or_default();
                after(&cart, event)
            })
        };
        let (ours, theirs) = (fill(1, &ours), fill(2, &theirs));
        let find = |cart: &Cart, line: &Line| -> Option<i64> {
            let same = cart.lines.iter().find(|other| other.joins(&line.sku, line.store.as_ref(), &line.metadata));
            same.map(|line| line.quantity)
        };
        for strategy in [Strategy::Sum, Strategy::Max, Strategy::Keep] {
            let merged = merge(&ours, &theirs, strategy, &shop, &rules(), NOW);
            let Ok(merged) = merged else { return Err(TestCaseError::fail("refused")) };
            let target = after(&ours, merged.target);
            check_shape(&target);
            for line in ours.lines.iter().chain(&theirs.lines) {
                let expected = match (find(&ours, line), find(&theirs, line), strategy) {
                    (Some(one), Some(other), Strategy::Sum) => one + other,
                    (Some(one), Some(other), Strategy::Max) => one.max(other),
                    (Some(one), Some(_), Strategy::Keep) | (Some(one), None, _) => one,
                    (None, other, _) => other.unwrap_or_default(),
                };
                prop_assert_eq!(find(&target, line), Some(expected));
            }
        }
    }
}
