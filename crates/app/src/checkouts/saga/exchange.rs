//! The beginning of an exchange: units of an order come back for others, which a checkout of the shop's own sells.
//!
//! What was paid for the units that come back is one of the payments of the new order, and the difference is paid like any purchase. So
//! whatever happens to an attempt happens to an exchange: it ends completed or undone.

use super::PINNED;
use super::begin::{Beginning, Pay, require_no_wallet};
use super::desk::Desk;
use crate::carts::{Loaded, Stock, require_products};
use crate::checkouts::{Setting, reference};
use crate::inventory::exchange;
use crate::nouns::{Event, Key};
use crate::orders::{Target, check_to, existing, is_repeated, payments};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::cart::{self, Add, Cart, Create};
use cartwright_domain::checkout::{self, Checkout, ExchangeOf, Fresh, Quote, Terms, Totals, price};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::Reserve;
use cartwright_domain::order::{
    Event as OrderEvent, ExchangeStarted, Order, SendBack, Swap, Swapped, To, request_return, swap,
};
use cartwright_domain::payment::{Origin, Payment};
use cartwright_domain::{CartId, ExchangeId, Money, Refusal, ReturnId, Time};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Identifiers for what an exchange makes, drawn by the caller.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeIds {
    /// Of itself.
    pub exchange: ExchangeId,
    /// Of the return that there will be.
    pub return_id: ReturnId,
    /// Of the cart that the new order is made of.
    pub cart: CartId,
    /// Of the rest.
    pub fresh: Fresh,
}

/// Begins an exchange (`created`), or finds the one that the same request began; the answer is the order whose units come back.
/// Refused: `KeyReused`, `NotFound` (`order`, `line`, `variant`), `VersionConflict`, `ExceedsRemaining`, `PaymentRequired`, what a new
/// cart and its checkout refuse, `InsufficientStock`, `Invalid` and `PaymentCurrency` (the payment), `PaymentDeclined` (a wallet has
/// too little).
#[derive(Debug)]
pub struct Exchange {
    /// The order whose units come back.
    pub order: Target,
    /// Which units: lines, each at most once, each at least 1; at least one line.
    pub back: Vec<(cart::LineId, i64)>,
    /// What comes for them; at least one, each at least 1.
    pub new: Vec<Add>,
    /// How a higher price is paid.
    pub pay: Pay,
    /// Where a lower price goes; never [`To::Exchange`].
    pub to: To,
    /// Identifiers.
    pub ids: ExchangeIds,
    /// Hash of the idempotency key.
    pub key: SmolStr,
    /// Hash of what is asked.
    pub body: SmolStr,
    /// Who asks.
    pub by: SmolStr,
    /// How long until no order is made any more, in seconds.
    pub deadline_seconds: i64,
    /// What a cart may hold.
    pub cart_rules: cart::Rules,
    /// What it is decided against.
    pub setting: Setting,
}

impl Command for Exchange {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
        keys.extend(self.new.iter().map(|line| Key::Sku(line.sku.clone())));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = existing(work, self.order.id)?;
        let begun = order.exchanges.iter().map(|it| &it.started.asked);
        if is_repeated(begun, &self.key, &self.body)? {
            return Ok(self.decided(Vec::new(), false));
        }
        check_version(self.order.expected_version, order.version)?;
        check_to(order, self.to)?;
        let back = self.send_back();
        request_return(order, &back)?;
        let (made, cart) = self.cart(work, order, moment.now)?;
        let terms = self.terms(work, order, &cart, moment.now)?;
        let payments = payments(work, order)?;
        let ask = Swap {
            back,
            price: terms.totals.total,
        };
        let swapped = swap(order, &payments, &ask)?;
        let to_pay = Money::new(swapped.to_pay, order.currency);
        if to_pay.minor > 0 && self.pay.parts.is_empty() {
            return Err(Refusal::PaymentRequired { amount: to_pay }.into());
        }
        let paid = self.pay.amounts(to_pay, "the difference")?;
        if order.customer.is_none() {
            require_no_wallet(&paid)?;
        }
        let held = exchange(work, None, Some(&self.reserve(&terms)), moment.now)?;
        let (id, quote) = (self.ids.fresh.checkout, self.ids.fresh.quote);
        let opened = checkout::Event::Opened {
            cart_id: self.ids.cart,
            terms: Box::new(terms),
        };
        let mut state = None;
        Checkout::apply(&mut state, &id, &opened, moment.now);
        let checkout = state.ok_or_else(|| Refusal::not_found("checkout", id))?;
        let mut desk = Desk::bare(work, &checkout, moment.now).of_customer(order.customer.clone());
        desk.push([
            Event::Cart(self.ids.cart, made),
            Event::Cart(self.ids.cart, cart::Event::CheckingOut),
            Event::Checkout(id, opened),
        ]);
        desk.push(held);
        let brought = brought(&payments, &swapped, order);
        let started = OrderEvent::ExchangeStarted(Box::new(self.started(swapped)));
        desk.push([Event::Order(order.id, started)]);
        let beginning = Beginning {
            quote,
            body: self.body.clone(),
            key: self.key.clone(),
            reservation: self.ids.fresh.reservation,
            deadline_seconds: self.deadline_seconds,
            exchange_of: Some(ExchangeOf {
                order: order.id,
                exchange: self.ids.exchange,
            }),
        };
        desk.begin(beginning, &paid, &brought, moment)
            .map_err(nothing_stays)?;
        Ok(self.decided(desk.decided(true).events, true))
    }
}

impl Exchange {
    fn decided(&self, events: Vec<Event>, created: bool) -> Decided {
        Decided {
            events,
            answer: Key::Order(self.order.id),
            created,
        }
    }

    fn send_back(&self) -> SendBack {
        SendBack {
            id: self.ids.return_id,
            lines: self.back.clone(),
            reason: SmolStr::new_static("exchange"),
            by: self.by.clone(),
        }
    }

    /// The cart of the new order, and how it was made. Nobody has its secret.
    fn cart(
        &self,
        work: &Work,
        order: &Order,
        now: Time,
    ) -> Result<(cart::Event, Arc<Cart>), Stop> {
        require_products(work, self.new.iter().map(|line| &line.sku))?;
        // Nobody asked for its stock: the hold decides.
        let goods = Loaded {
            work,
            stock: &Stock::default(),
        };
        let create = Create {
            currency: Some(order.currency),
            country: Some(order.country),
            customer_id: order.customer.clone(),
            lines: self.new.clone(),
            ..Create::default()
        };
        let made = cart::create(&create, &goods, &self.cart_rules, now)?;
        let mut state = None;
        Cart::apply(&mut state, &self.ids.cart, &made, now);
        let cart = state.ok_or_else(|| Refusal::not_found("cart", self.ids.cart))?;
        Ok((made, cart))
    }

    /// At list price, and sent for nothing.
    fn terms(&self, work: &Work, order: &Order, cart: &Cart, now: Time) -> Result<Terms, Stop> {
        let goods = Loaded {
            work,
            stock: &Stock::default(),
        };
        let rules = &self.setting.rules;
        let priced = price(cart, order.country, None, &goods, rules);
        if let Some(obstacle) = priced.obstacle {
            return Err(obstacle.into());
        }
        let expires_at = now.plus_seconds(rules.quote_ttl_seconds);
        Ok(Terms {
            contact_id: order.contact,
            country: order.country,
            chosen_option: None,
            hold: false,
            currency: order.currency,
            coupons: Vec::new(),
            lines: priced.lines,
            totals: Totals {
                shipping: 0,
                total: priced.totals.total - priced.totals.shipping,
                ..priced.totals
            },
            shipping_options: Vec::new(),
            shipping_option: None,
            missing: Vec::new(),
            quote: Some(Quote {
                id: self.ids.fresh.quote,
                issued_at: now,
                expires_at,
                reservation_id: None,
            }),
            expires_at,
        })
    }

    fn reserve(&self, terms: &Terms) -> Reserve {
        let id = self.ids.fresh.checkout;
        Reserve {
            id: self.ids.fresh.reservation,
            principal: format_smolstr!("{id}:1"),
            reference: reference(id),
            asked: terms.asked(),
            expires_at: PINNED,
            country: Some(terms.country),
            near: None,
            sourcing: self.setting.sourcing,
        }
    }

    fn started(&self, swapped: Swapped) -> ExchangeStarted {
        ExchangeStarted {
            id: self.ids.exchange,
            return_id: self.ids.return_id,
            checkout: self.ids.fresh.checkout,
            lines: swapped.lines,
            credit: swapped.credit,
            due: swapped.due,
            to: self.to,
            asked: (self.key.clone(), self.body.clone()),
            by: self.by.clone(),
        }
    }
}

/// What the units that come back bring: each payment's share, and what it began with.
fn brought(payments: &[&Payment], swapped: &Swapped, order: &Order) -> Vec<(Origin, Money)> {
    let shares = swapped.credit.iter().filter_map(|(id, amount)| {
        let payment = payments.iter().find(|it| it.id == *id)?;
        let origin = Origin {
            payment: payment.origin.map_or(*id, |it| it.payment),
            parent: *id,
        };
        Some((origin, Money::new(*amount, order.currency)))
    });
    shares.collect()
}

/// A refusal before anything was recorded: there is no checkout to look at.
fn nothing_stays(stop: Stop) -> Stop {
    match stop {
        Stop::Refuse(Refusal::PaymentDeclined { reason, short, .. }) => Refusal::PaymentDeclined {
            reason,
            checkout: None,
            short,
        }
        .into(),
        stop => stop,
    }
}
