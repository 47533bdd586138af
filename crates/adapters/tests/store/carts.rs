//! Carts through the write loop, on every store: what is refused changes nothing, what is retried happens once, and no
//! line is lost when carts meet.

use crate::looped::{Floor, keyed, on_each, submission};
use crate::samples::{sku, store_id};
use cartwright_app::carts::{
    AddItem, AddLine, AddLines, Clear, CreateCart, EmptyCart, MergeCarts, PurgeCart, RemoveLine,
    ReplaceLines, Stock, Target, Terms, Tidied, UpdateCart, find_user_cart, tidy,
};
use cartwright_app::shop::{Answer, Command, Reply};
use cartwright_app::{Key, Record};
use cartwright_domain::cart::{
    Add, Cart, Create, ExternalUser, LineId, Patch, Rules, State, Strategy, Update,
};
use cartwright_domain::{CartId, Country, Currency, Refusal};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) fn rules() -> Rules {
    Rules::new(Currency::new("USD").unwrap(), Country::new("DE").unwrap())
}

/// 5 of A could be had.
fn terms() -> Terms {
    let stock = Stock::new(vec![((sku("A"), None), 5), ((sku("X"), None), 0)]);
    Terms {
        rules: rules(),
        stock: Arc::new(stock),
    }
}

pub(crate) fn target(number: u128) -> Target {
    Target {
        id: CartId(number),
        expected_version: None,
    }
}

pub(crate) fn create(number: u128, lines: Vec<Add>) -> CreateCart {
    let create = Create {
        token_hash: Some([7; 32]),
        lines,
        ..Create::default()
    };
    CreateCart {
        id: CartId(number),
        create,
        terms: terms(),
        expected_version: None,
    }
}

fn add(number: u128, text: &str, quantity: i64) -> AddLine {
    AddLine {
        cart: target(number),
        line: Add::new(sku(text), quantity),
        terms: terms(),
    }
}

pub(crate) fn merge(into: u128, from: u128) -> MergeCarts {
    MergeCarts {
        cart: target(into),
        from: CartId(from),
        strategy: Strategy::Sum,
        terms: terms(),
    }
}

fn user() -> ExternalUser {
    ExternalUser {
        package: "oteldemo".into(),
        user: "".into(),
    }
}

pub(crate) fn refusal(answer: Answer) -> Refusal {
    match answer.reply {
        Reply::Decided(Err(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

impl Floor {
    #[track_caller]
    pub(crate) fn done(&self, command: impl Command + 'static) -> Option<Record> {
        match self.submit(command, None).reply {
            Reply::Decided(Ok(outcome)) => outcome.record,
            other => panic!("{other:?}"),
        }
    }

    fn find(&self, number: u128) -> Option<Arc<Cart>> {
        match self.shop.store().load(&Key::Cart(CartId(number))).unwrap() {
            Some(Record::Cart(cart)) => Some(cart),
            _ => None,
        }
    }

    #[track_caller]
    fn cart(&self, number: u128) -> Arc<Cart> {
        self.find(number).unwrap()
    }

    #[track_caller]
    fn units(&self, number: u128) -> i64 {
        self.cart(number)
            .lines
            .iter()
            .map(|line| line.quantity)
            .sum()
    }

    pub(crate) fn position(&self) -> u64 {
        *self.shop.head().borrow()
    }

    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn tidy(&self) -> Tidied {
        self.threads.block_on(tidy(&self.shop, &rules())).unwrap()
    }
}

#[test]
fn a_cart_is_made_with_its_lines_and_grows() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 2)]));
        floor.done(add(1, "A", 1));
        let cart = floor.cart(1);
        assert_eq!(
            (cart.version, cart.lines.len(), floor.units(1)),
            (2, 1, 3),
            "{name}"
        );
        let line = &cart.lines[0];
        assert_eq!(
            line.unit_price.map(|price| price.minor),
            Some(1299),
            "{name}"
        );
        assert_eq!(
            line.product_id.as_ref().map(|id| id.as_str()),
            Some("lamp"),
            "{name}"
        );
        floor.done(RemoveLine {
            cart: target(1),
            line: LineId(1),
            rules: rules(),
        });
        assert_eq!((floor.cart(1).version, floor.units(1)), (3, 0), "{name}");
    });
}

#[test]
fn a_retried_addition_happens_once() {
    on_each(|name, floor| {
        floor.done(create(1, Vec::new()));
        let first = floor.submit(add(1, "A", 1), keyed(1, 1));
        let again = floor.submit(add(1, "A", 1), keyed(1, 1));
        let (Reply::Kept(first, false), Reply::Kept(again, true)) = (first.reply, again.reply)
        else {
            panic!("{name}: not kept");
        };
        assert_eq!(first, again, "{name}");
        assert_eq!((floor.cart(1).version, floor.units(1)), (2, 1), "{name}");
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 2)]));
        let (cart, position) = (floor.cart(1), floor.position());
        let not_found = |resource, id: &str| Refusal::not_found(resource, id);
        let elsewhere = Add {
            store: Some(store_id("nowhere")),
            ..Add::new(sku("A"), 1)
        };
        let stale = Target {
            expected_version: Some(7),
            ..target(1)
        };
        let rows: [(Answer, Refusal); 8] = [
            (
                floor.submit(add(1, "A", 4), None),
                Refusal::short(&sku("A"), 6, 5),
            ),
            (
                floor.submit(add(1, "X", 1), None),
                not_found("variant", "X"),
            ),
            (
                floor.submit(add(9, "A", 1), None),
                not_found("cart", &CartId(9).to_string()),
            ),
            (
                floor.submit(
                    AddLine {
                        line: elsewhere,
                        ..add(1, "A", 1)
                    },
                    None,
                ),
                not_found("store", "nowhere"),
            ),
            (
                floor.submit(
                    AddLines {
                        cart: target(1),
                        lines: vec![Add::new(sku("A"), 1), Add::new(sku("X"), 1)],
                        terms: terms(),
                    },
                    None,
                ),
                not_found("variant", "X"),
            ),
            (
                floor.submit(
                    ReplaceLines {
                        cart: stale,
                        lines: Vec::new(),
                        terms: terms(),
                    },
                    None,
                ),
                Refusal::VersionConflict { current: 1 },
            ),
            (
                floor.submit(create(2, vec![Add::new(sku("A"), 6)]), None),
                Refusal::short(&sku("A"), 6, 5),
            ),
            (
                floor.submit(
                    UpdateCart {
                        cart: target(1),
                        update: Update {
                            country: Patch::Set(Country::new("CH").unwrap()),
                            ..Update::default()
                        },
                        terms: terms(),
                    },
                    None,
                ),
                Refusal::NotSoldHere {
                    sku: sku("A"),
                    country: Country::new("CH").unwrap(),
                },
            ),
        ];
        for (answer, expected) in rows {
            assert_eq!(refusal(answer), expected, "{name}");
        }
        assert_eq!(
            (floor.cart(1), floor.position()),
            (cart, position),
            "{name}"
        );
        assert_eq!(floor.find(2), None, "{name}");
    });
}

#[test]
fn of_many_merges_one_gets_the_lines() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 3)]));
        (2..10).for_each(|number| drop(floor.done(create(number, Vec::new()))));
        let answers = floor.threads.block_on(async {
            let started: Vec<_> = (2..10)
                .map(|number| {
                    let shop = floor.shop.clone();
                    tokio::spawn(
                        async move { shop.submit(submission(merge(number, 1), None)).await },
                    )
                })
                .collect();
            let mut answers = Vec::new();
            for answer in started {
                answers.push(answer.await.unwrap().unwrap());
            }
            answers
        });
        let won = answers
            .iter()
            .filter(|answer| matches!(answer.reply, Reply::Decided(Ok(_))))
            .count();
        assert_eq!(won, 1, "{name}");
        let units: i64 = (2..10).map(|number| floor.units(number)).sum();
        assert_eq!(units, 3, "{name}");
        let from = floor.cart(1);
        assert_eq!(
            (from.state, floor.units(1)),
            (State::Merged, 3),
            "{name}: history stays"
        );
        let closed = refusal(floor.submit(add(1, "A", 1), None));
        let expected = Refusal::CartClosed {
            id: CartId(1).to_string(),
            state: "merged",
            checkout_id: None,
        };
        assert_eq!(closed, expected, "{name}");
    });
}

#[test]
fn two_carts_into_each_other_end_as_one() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 2)]));
        floor.done(create(2, vec![Add::new(sku("A"), 3)]));
        floor.done(merge(1, 2));
        assert!(
            matches!(
                refusal(floor.submit(merge(2, 1), None)),
                Refusal::CartClosed { .. }
            ),
            "{name}"
        );
        assert_eq!((floor.units(1), floor.cart(1).version), (5, 2), "{name}");
        let itself = refusal(floor.submit(merge(1, 1), None));
        assert!(
            matches!(itself, Refusal::Invalid { .. }),
            "{name}: {itself:?}"
        );
    });
}

#[test]
fn a_drop_in_user_has_one_cart_from_the_first_item_on() {
    on_each(|name, floor| {
        let item = |text: &str, quantity| AddItem {
            user: user(),
            line: Add::new(sku(text), quantity),
            terms: Terms {
                rules: rules(),
                stock: Arc::default(),
            },
        };
        let empty = || EmptyCart {
            user: user(),
            rules: rules(),
        };
        let shown = || {
            floor
                .threads
                .block_on(find_user_cart(&floor.shop, &user()))
                .unwrap()
        };
        assert_eq!(floor.done(empty()), None, "{name}");
        assert_eq!(shown(), None, "{name}");
        floor.done(item("NOBODY-KNOWS", 2));
        floor.done(item("A", 1));
        floor.done(item("NOBODY-KNOWS", 3));
        let cart = shown().unwrap();
        let lines: Vec<_> = cart
            .lines
            .iter()
            .map(|line| (line.sku.as_str(), line.quantity))
            .collect();
        assert_eq!(lines, [("NOBODY-KNOWS", 5), ("A", 1)], "{name}");
        floor.done(empty());
        assert!(shown().unwrap().lines.is_empty(), "{name}");
        floor.pass_seconds(3600);
        assert_eq!(
            shown().unwrap().state_at(floor_now(floor)),
            State::Expired,
            "{name}"
        );
        floor.done(item("A", 4));
        let again = shown().unwrap();
        assert_eq!(
            (again.id, again.lines.len(), again.state),
            (cart.id, 1, State::Open),
            "{name}"
        );
    });
}

fn floor_now(floor: &Floor) -> cartwright_domain::Time {
    cartwright_domain::Time(floor.shop.clock().now_ms())
}

#[test]
fn a_merged_drop_in_cart_leaves_its_user_free() {
    on_each(|name, floor| {
        let item = || AddItem {
            user: user(),
            line: Add::new(sku("A"), 1),
            terms: terms(),
        };
        let shown = || {
            floor
                .threads
                .block_on(find_user_cart(&floor.shop, &user()))
                .unwrap()
        };
        floor.done(item());
        let first = shown().unwrap().id;
        floor.done(create(1, Vec::new()));
        floor.done(merge(1, first.0));
        assert_eq!(shown(), None, "{name}");
        floor.done(item());
        let second = shown().unwrap().id;
        assert_ne!(first, second, "{name}");
        // The end of the first cart is not the end of the second.
        floor.pass_seconds(rules().keep_seconds + 1);
        floor.done(item());
        floor.done(PurgeCart {
            id: first,
            rules: rules(),
        });
        assert_eq!(floor.find(first.0), None, "{name}");
        assert_eq!(shown().map(|cart| cart.id), Some(second), "{name}");
    });
}

#[test]
fn carts_end_in_time_and_go_later() {
    on_each(|name, floor| {
        for number in 1..=300 {
            floor.done(create(number, Vec::new()));
        }
        floor.pass_seconds(3600);
        floor.done(add(1, "A", 1));
        floor.done(create(301, vec![Add::new(sku("A"), 1)]));
        floor.done(merge(1, 301));
        assert_eq!(floor.tidy(), Tidied::default(), "{name}");
        floor.pass_seconds(rules().ttl_seconds - 1);
        let swept = floor.tidy();
        assert_eq!((swept.expired, swept.purged), (299, 0), "{name}");
        assert_eq!(floor.cart(2).state, State::Expired, "{name}");
        assert_eq!(
            floor.cart(1).state,
            State::Open,
            "{name}: the write slid its expiry"
        );
        let closed = refusal(floor.submit(
            Clear {
                cart: target(2),
                rules: rules(),
            },
            None,
        ));
        assert!(matches!(closed, Refusal::CartClosed { .. }), "{name}");
        floor.pass_seconds(rules().keep_seconds - 1800);
        let swept = floor.tidy();
        assert_eq!((swept.expired, swept.purged), (1, 299), "{name}");
        assert_eq!(floor.find(2), None, "{name}");
        assert_eq!(floor.cart(1).state, State::Expired, "{name}");
        floor.pass_seconds(1801);
        let swept = floor.tidy();
        assert_eq!((swept.expired, swept.purged), (0, 2), "{name}");
        assert_eq!((floor.find(1), floor.find(301)), (None, None), "{name}");
    });
}
