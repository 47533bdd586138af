//! What cart routes share: the cart a path names, what a decision on it goes by, and how it is shown.

use super::endpoint::Call;
use super::write::{Render, Shows, made_with_secret, resource};
use crate::problem::Problem;
use crate::wire::cart;
use cartwright_app::carts::{Shelved, Stock, Target, Terms, stock};
use cartwright_app::checkouts::held_for;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::inventory::Asked;
use cartwright_app::shop::{Command, Outcome};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::cart::{Add, Cart, price};
use cartwright_domain::key::Scope;
use cartwright_domain::{CartId, Country, Sku, Time};
use std::sync::Arc;

impl Call {
    /// The cart a path names, for those it opens to; the one way to it, asked once the shape of the request is known to be
    /// right. What cannot be an id does not exist, nor does another one's cart.
    pub(super) fn cart_id(&self) -> Result<CartId, Problem> {
        let text = self.param(0);
        let unknown = || Problem::not_found("cart", text);
        if self.who.is_shut_out {
            self.sent_key()?;
            return Err(unknown());
        }
        text.parse().map_err(|_| unknown())
    }

    /// The cart a path names as committed, if there is one.
    pub(super) async fn find_cart(&self, id: CartId) -> Result<Option<Arc<Cart>>, Problem> {
        let key = Key::Cart(id);
        let found = match self.edge.shop.peek(&key) {
            Some(found) => found,
            None => self.edge.shop.find(&key).await?,
        };
        match found {
            Some(Record::Cart(cart)) => Ok(Some(cart)),
            _ => Ok(None),
        }
    }

    /// As [`Self::find_cart`]; 404 when there is none.
    pub(super) async fn load_cart(&self, id: CartId) -> Result<Arc<Cart>, Problem> {
        let cart = self.find_cart(id).await?;
        cart.ok_or_else(|| Problem::not_found("cart", id))
    }

    /// The largest quantity that a line may be asked for.
    pub(super) fn max_line_quantity(&self) -> i64 {
        self.edge.options.cart_rules.max_quantity
    }

    /// 403 unless a key with scope `carts` calls.
    pub(super) fn may_name_customers(&self) -> Result<(), Problem> {
        if self.who.may(Scope::Carts) {
            return Ok(());
        }
        let detail = "naming a customer needs a key with scope carts";
        Err(Problem::new("forbidden", detail).with("scope", Scope::Carts.as_str()))
    }

    /// What a decision goes by when it asks no stock.
    pub(super) fn without_stock(&self) -> Terms {
        Terms {
            rules: self.edge.options.cart_rules.clone(),
            stock: Arc::default(),
        }
    }

    /// What a decision goes by: the availability of what the cart holds (its reply shows it) and of what is added.
    pub(super) async fn terms(&self, cart: Option<&Cart>, added: &[Add]) -> Result<Terms, Problem> {
        let country = cart.map_or(self.edge.options.cart_rules.country, |cart| cart.country);
        self.terms_in(country, cart, added).await
    }

    /// As [`Self::terms`], for a country.
    pub(super) async fn terms_in(
        &self,
        country: Country,
        cart: Option<&Cart>,
        added: &[Add],
    ) -> Result<Terms, Problem> {
        let grows = !added.is_empty();
        let held = cart.map_or(&[][..], |cart| &cart.lines);
        let held = held.iter().map(|line| (&line.sku, &line.store));
        let added = added.iter().map(|line| (&line.sku, &line.store));
        let places = held
            .chain(added)
            .map(|(sku, store)| (sku.clone(), store.clone()));
        let stock = self
            .ask_stock(places, country, cart.map(|cart| cart.id))
            .await;
        let stock = match (&self.edge.elsewhere, stock) {
            (Some(elsewhere), Err(fault)) if grows => {
                let request_id = &self.request_id;
                Arc::new(elsewhere.goes_on(fault, request_id)?)
            }
            (_, stock) => stock.unwrap_or_default(),
        };
        Ok(Terms {
            stock,
            ..self.without_stock()
        })
    }

    /// Availability of some places, to the cart that asks; nothing when carts are not checked against stock.
    pub(super) async fn stock_of(
        &self,
        places: impl Iterator<Item = cartwright_app::carts::Place>,
        country: Country,
        cart: Option<CartId>,
    ) -> Arc<Stock> {
        // What is only shown is shown without, where nobody says what can be had.
        let stock = self.ask_stock(places, country, cart).await;
        stock.unwrap_or_default()
    }

    async fn ask_stock(
        &self,
        places: impl Iterator<Item = cartwright_app::carts::Place>,
        country: Country,
        cart: Option<CartId>,
    ) -> Result<Arc<Stock>, Fault> {
        let options = &self.edge.options;
        if !options.validate_carts {
            return Ok(Arc::default());
        }
        let shop = &self.edge.shop;
        let own = cart.map_or_else(Vec::new, |cart| held_for(shop, cart));
        let places = places.collect();
        let stock = match &self.edge.elsewhere {
            None => stock(shop, places, country, options.sourcing, &own).await,
            Some(elsewhere) => {
                let traceparent = self.headers().get("traceparent");
                let asking = Asked {
                    traceparent: traceparent.and_then(|it| Some(it.to_str().ok()?.to_owned())),
                    request_id: self.request_id.to_string(),
                    ..Asked::default()
                };
                elsewhere.stock(places, country, &own, &asking).await?
            }
        };
        Ok(Arc::new(stock))
    }

    /// Submits a command whose answer is a cart.
    pub(super) async fn write_cart(
        &self,
        command: impl Command + 'static,
        stock: Arc<Stock>,
    ) -> Result<super::Reply, Problem> {
        self.write_showing(command, SHOWS, render(stock)).await
    }

    /// What the loop decides on: the cart of the path at the version that the caller expects.
    pub(super) fn target(&self, expected_version: Option<u64>) -> Result<Target, Problem> {
        let id = self.cart_id()?;
        Ok(Target {
            id,
            expected_version,
        })
    }

    /// The moment that reads speak of.
    pub(super) fn now(&self) -> Time {
        Time(self.edge.shop.clock().now_ms())
    }
}

/// The SKUs that a cart's reply shows.
pub(super) const SHOWS: Shows = |outcome| match &outcome.record {
    Some(Record::Cart(cart)) => skus(cart),
    _ => Vec::new(),
};

/// Every SKU of a cart once.
pub(super) fn skus(cart: &Cart) -> Vec<Sku> {
    let mut skus: Vec<Sku> = cart.lines.iter().map(|line| line.sku.clone()).collect();
    skus.sort_unstable();
    skus.dedup();
    skus
}

/// Shows the cart that a command answers with, checked against the stock that was read for it. A cart that was just
/// written is in the state it was written in.
pub(super) fn render(stock: Arc<Stock>) -> Render {
    Arc::new(move |outcome, shelf| {
        let Some(Record::Cart(cart)) = &outcome.record else {
            return KeptReply::default();
        };
        let goods = Shelved::new(cart.lines.iter().map(|line| &line.sku), &stock, shelf);
        let priced = price(cart, &goods);
        let body = cart::Cart::new(cart, &priced, cart.state).json();
        resource(200, cart.version, None, body.into())
    })
}

/// Shows a cart that was just made, with its token.
pub(super) fn render_new(stock: Arc<Stock>) -> Render {
    Arc::new(move |outcome: &Outcome, shelf| {
        let Some(Record::Cart(cart)) = &outcome.record else {
            return KeptReply::default();
        };
        let goods = Shelved::new(cart.lines.iter().map(|line| &line.sku), &stock, shelf);
        let priced = price(cart, &goods);
        let body = cart::Cart::new(cart, &priced, cart.state)
            .with_token_place()
            .json();
        made_with_secret(cart.version, "/v1/carts", cart.id.to_string(), body.into())
    })
}
