//! A small shop for the tests of this noun.

use super::*;
use crate::catalog::Limits;
use crate::entity::Entity;
use crate::{CartId, Country, Currency, Money, ProductId, Sku, StoreId, Time};
use serde_json::Value;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const NOW: Time = Time(1_795_255_200_000);

pub(crate) fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap_or_else(|error| panic!("{code}: {error}"))
}

pub(crate) fn country(code: &str) -> Country {
    Country::new(code).unwrap_or_else(|error| panic!("{code}: {error}"))
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn store_id(text: &str) -> StoreId {
    StoreId::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn store(text: &str) -> Option<StoreId> {
    Some(store_id(text))
}

pub(crate) fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, currency(code))
}

pub(crate) fn metadata(value: Value) -> Metadata {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn wanted(name: &str, quantity: i64) -> Add {
    Add::new(sku(name), quantity)
}

pub(crate) fn rules() -> Rules {
    Rules {
        max_quantity: 1000,
        max_value_minor: 10_000_000,
        ..Rules::new(currency("USD"), country("US"))
    }
}

struct Article {
    product_id: ProductId,
    name: SmolStr,
    prices: Vec<Money>,
    limits: Limits,
    denied: Vec<Country>,
    stock: i64,
}

/// What is for sale: `north` has at most 3 of anything.
pub(crate) struct Shop {
    articles: BTreeMap<Sku, Article>,
    pub(crate) validation: bool,
}

pub(crate) fn shop() -> Shop {
    let mut shop = Shop {
        articles: BTreeMap::new(),
        validation: true,
    };
    shop.put("MUG", &[money(1299, "USD"), money(1199, "EUR")], 10);
    shop.put("TEA", &[money(450, "USD"), money(400, "EUR")], 100);
    shop.put("PEN", &[money(200, "USD")], 100);
    shop.put("KNIFE", &[money(3000, "USD")], 100);
    shop.put("EURO", &[money(100, "EUR")], 100);
    shop.put("GOLD", &[money(1_000_000, "USD")], 100);
    shop.put("FREE", &[money(0, "USD")], 100_000);
    shop.edit("PEN", |article| {
        article.limits = Limits {
            min: Some(2),
            max: Some(10),
            multiple: Some(2),
        }
    });
    shop.edit("KNIFE", |article| article.denied = vec![country("US")]);
    shop.edit("GOLD", |article| article.denied = vec![country("JP")]);
    shop
}

impl Shop {
    fn put(&mut self, name: &str, prices: &[Money], stock: i64) {
        let article = Article {
            product_id: ProductId::new(&format!("prd-{name}"))
                .unwrap_or_else(|error| panic!("{error}")),
            name: SmolStr::new(format!("the {name}")),
            prices: prices.to_vec(),
            limits: Limits::default(),
            denied: Vec::new(),
            stock,
        };
        self.articles.insert(sku(name), article);
    }

    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Article)) {
        change(
            self.articles
                .get_mut(name)
                .unwrap_or_else(|| panic!("no {name}")),
        );
    }

    pub(crate) fn reprice(&mut self, name: &str, minor: i64) {
        self.edit(name, |article| article.prices = vec![money(minor, "USD")]);
    }

    pub(crate) fn stock(&mut self, name: &str, stock: i64) {
        self.edit(name, |article| article.stock = stock);
    }

    pub(crate) fn limit(&mut self, name: &str, min: i64) {
        self.edit(name, |article| {
            article.limits = Limits {
                min: Some(min),
                ..Limits::default()
            }
        });
    }

    pub(crate) fn deny(&mut self, name: &str, code: &str) {
        self.edit(name, |article| article.denied = vec![country(code)]);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.articles.remove(name);
    }
}

impl Goods for Shop {
    fn find(&self, sku: &Sku) -> Option<Offer<'_>> {
        self.articles.get(sku).map(|article| Offer {
            product_id: &article.product_id,
            name: &article.name,
            prices: &article.prices,
            limits: article.limits,
            denied_countries: &article.denied,
        })
    }

    fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64> {
        let stock = self.articles.get(sku).map_or(0, |article| article.stock);
        self.validation
            .then(|| if store.is_some() { stock.min(3) } else { stock })
    }
}

pub(crate) fn after_at(cart: &Cart, event: Option<Event>, at: Time) -> Cart {
    let mut state = Some(Arc::new(cart.clone()));
    if let Some(event) = event {
        Cart::apply(&mut state, &cart.id, &event, at);
    }
    state
        .map(Arc::unwrap_or_clone)
        .unwrap_or_else(|| panic!("{} was deleted", cart.id))
}

pub(crate) fn after(cart: &Cart, event: Option<Event>) -> Cart {
    after_at(cart, event, NOW)
}

pub(crate) fn apply_add(cart: &Cart, request: Add) -> Option<Event> {
    add(cart, &request, &shop(), &rules(), NOW)
        .unwrap_or_else(|refusal| panic!("{request:?}: {refusal}"))
}

pub(crate) fn made_as(id: u128, request: &Create) -> Cart {
    let event = create(request, &shop(), &rules(), NOW)
        .unwrap_or_else(|refusal| panic!("{request:?}: {refusal}"));
    let mut state = None;
    Cart::apply(&mut state, &CartId(id), &event, NOW);
    state
        .map(Arc::unwrap_or_clone)
        .unwrap_or_else(|| panic!("not created"))
}

pub(crate) fn made(request: &Create) -> Cart {
    made_as(7, request)
}

pub(crate) fn cart(lines: &[(&str, i64)]) -> Cart {
    let lines = lines
        .iter()
        .map(|(name, quantity)| wanted(name, *quantity))
        .collect();
    made(&Create {
        lines,
        ..Create::default()
    })
}

pub(crate) fn drop_in() -> Cart {
    let user = ExternalUser {
        package: "oteldemo".into(),
        user: SmolStr::default(),
    };
    made_as(
        8,
        &Create {
            external_user: Some(user),
            ..Create::default()
        },
    )
}

pub(crate) fn quantities(cart: &Cart) -> Vec<(&str, i64)> {
    cart.lines
        .iter()
        .map(|line| (line.sku.as_str(), line.quantity))
        .collect()
}
