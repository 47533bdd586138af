//! Placing an order as those shops do, on this shop's own saga: the user's cart, at its prices in the user's currency, held,
//! charged and turned into an order.

use super::address::Address;
use super::card::Card;
use super::carts::{self, Item};
use super::catalog::Price;
use super::failure::Failure;
use super::opening::{self, Named, Opened};
use super::{currency, payment, shipping};
use crate::http::{Edge, Waited, begin, wait_for};
use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_app::checkouts::saga::{Complete, Part, Pay};
use cartwright_app::checkouts::{OpenDropIn, Setting, Target};
use cartwright_app::kept::{key_hash, payload_hash};
use cartwright_app::{Key, Record};
use cartwright_domain::cart::{Cart, ExternalUser, Patch};
use cartwright_domain::checkout::{Change, Checkout, Email, Rules};
use cartwright_domain::order::Order;
use cartwright_domain::{CheckoutId, Currency, Money, QuoteId};
use serde_json::json;
use smol_str::SmolStr;
use std::sync::Arc;
use tonic::Code;

/// How long a caller waits for the end.
const WITHIN_NS: u64 = 30_000_000_000;
/// How often an order is begun anew because its cart changed meanwhile.
const TRIES: usize = 8;

/// What is bought, by whom, and with what it is paid.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// Whose cart.
    pub user: ExternalUser,
    /// What it is paid in.
    pub currency: String,
    /// Where it goes.
    pub address: Address,
    /// Where to write to.
    pub email: String,
    /// What is charged.
    pub card: Option<Card>,
}

/// An order that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The order's id, as everywhere in this shop.
    pub order_id: String,
    /// What its parcel is called.
    pub tracking_id: String,
    /// What sending it cost.
    pub shipping_cost: Price,
    /// What it is, and what one of each cost.
    pub items: Vec<(Item, Price)>,
    /// Whether an earlier request under the same key placed it.
    pub is_repeat: bool,
}

/// Who asks, for the log; and under which idempotency key, if they said one.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Of the request.
    pub request_id: SmolStr,
    /// A UUID; another request under it finds the same order, or the same refusal.
    pub key: Option<String>,
    /// What a card that is not taken is told with.
    pub card_code: Code,
}

/// Buys a user's cart. Two requests for the same cart at once get the same order; once it is an order, the cart is empty.
///
/// # Errors
/// In the words of the demo's checkout service; the problem's code is this shop's.
pub async fn place_order(
    edge: &Edge,
    purchase: &Purchase,
    asking: &Asking,
) -> Result<Placed, Failure> {
    let until_ns = edge.shop.clock().monotonic_ns() + WITHIN_NS;
    let buying = Buying::new(edge, purchase, asking).await?;
    let (id, key, is_repeat) = buying.begun().await?;
    match wait_for(edge, id, &key, until_ns).await {
        Ok(Waited::Succeeded(checkout)) => {
            let order = order_of(edge, &checkout, &key).await?;
            let cart = match edge.shop.find(&Key::Cart(order.cart)).await {
                Ok(Some(Record::Cart(cart))) => Some(cart),
                _ => None,
            };
            Ok(Placed {
                is_repeat,
                ..placed(&order, cart.as_deref())
            })
        }
        Ok(Waited::Runs) => Err(buying.card(still_running(id))),
        Err(problem) => Err(buying.card(problem)),
    }
}

/// One purchase on its way.
struct Buying<'a> {
    edge: &'a Edge,
    purchase: &'a Purchase,
    asking: &'a Asking,
    currency: Currency,
    change: Change,
    setting: Setting,
}

impl<'a> Buying<'a> {
    async fn new(
        edge: &'a Edge,
        purchase: &'a Purchase,
        asking: &'a Asking,
    ) -> Result<Self, Failure> {
        let Ok(currency) = currency::paid_in(&purchase.currency) else {
            return Err(not_converted(edge, purchase).await?);
        };
        let email = Email::new(&purchase.email)
            .map_err(|error| Problem::invalid("email", "malformed", error.to_string()))?;
        let home = edge.options.cart_rules.country;
        let address = purchase.address.kept(email.as_str(), home)?;
        let rates = shipping::rates(edge, currency)
            .map_err(|problem| Failure::known("shipping quote failure", problem))?;
        Ok(Self {
            edge,
            purchase,
            asking,
            currency,
            change: Change {
                email: Patch::Set(email),
                shipping_address: Patch::Set(Arc::new(address)),
                ..Change::default()
            },
            setting: Setting {
                rules: Rules {
                    rates: Arc::new(rates),
                    ..edge.options.checkout_rules.clone()
                },
                sourcing: edge.options.sourcing,
            },
        })
    }

    /// The attempt that was begun or joined: its checkout, the key that it answers to, and whether an earlier request under
    /// that key began it.
    async fn begun(&self) -> Result<(CheckoutId, SmolStr, bool), Failure> {
        let key = self.key();
        let (mut named, mut pay) = (self.named(), None);
        for _ in 0..TRIES {
            let (checkout, quote) = match self.opened(named.take()).await? {
                Opened::Quoted(checkout, quote) => (checkout, quote),
                // It can only be joined.
                Opened::Taken(checkout) => (checkout, QuoteId(0)),
                Opened::Unsendable => {
                    return Err(Failure::known("shipping quote failure", shipping::none()));
                }
                Opened::Again(checkout) if self.has_begun(checkout, &key).await? => {
                    return Ok((checkout, key, true));
                }
                Opened::Again(_) => continue,
            };
            // What is wrong with the cart is said before what is wrong with the card.
            let (part, brand) = match &pay {
                Some(known) => known,
                None => pay.insert(self.paid_with()?),
            };
            let command = Complete {
                checkout: Target {
                    id: checkout,
                    expected_version: None,
                },
                quote,
                pay: Pay {
                    parts: vec![part.clone()],
                },
                key: key.clone(),
                body: URL_SAFE_NO_PAD.encode(self.asked(brand)).into(),
                deadline_seconds: self.edge.options.checkout_deadline_seconds,
                setting: self.setting.clone(),
            };
            let actor = self.purchase.user.package.clone();
            let request_id = self.asking.request_id.clone();
            match begin(self.edge, command, actor, request_id).await {
                Ok(_) => return Ok((checkout, key, false)),
                // The cart or its checkout has changed since: it is priced again.
                Err(problem) if problem.code == "quote_stale" => {}
                Err(problem) if problem.code == "payment_declined" => {
                    return Err(self.card(problem));
                }
                Err(problem) => return Err(Failure::other(PREPARING, problem)),
            }
        }
        let detail = "the cart changes all the time; try again";
        let problem = Problem::new("overloaded", detail);
        Err(Failure::other(PREPARING, problem))
    }

    async fn opened(&self, named: Option<Named>) -> Result<Opened, Failure> {
        let command = OpenDropIn {
            user: self.purchase.user.clone(),
            currency: self.currency,
            change: self.change.clone(),
            fresh: self.edge.fresh_ids(),
            setting: self.setting.clone(),
            rules: self.edge.options.cart_rules.clone(),
        };
        let request_id = self.asking.request_id.clone();
        let opened = opening::open(self.edge, command, request_id, named).await;
        opened.map_err(|problem| self.not_prepared(problem))
    }

    async fn has_begun(&self, checkout: CheckoutId, key: &str) -> Result<bool, Problem> {
        let found = self.edge.shop.find(&Key::Checkout(checkout)).await?;
        let is_known = matches!(&found, Some(Record::Checkout(it)) if it.attempt_of(key).is_some());
        Ok(is_known)
    }

    fn not_prepared(&self, problem: Problem) -> Failure {
        let field = |name: &str| problem.fields.get(name).and_then(|it| it.as_str());
        match problem.code {
            "not_found" if field("resource") == Some("variant") => {
                let id = field("id").unwrap_or_default().to_owned();
                let detail = format!("failed to get product #{id:?}");
                Failure::known(PREPARING, Problem { detail, ..problem })
            }
            "currency_mismatch" => {
                let sku = field("sku").unwrap_or_default().to_owned();
                let detail = format!("failed to convert price of {sku:?} to {}", self.currency);
                Failure::known(PREPARING, Problem { detail, ..problem })
            }
            // Those shops know no empty cart: what must change first is the cart.
            "invalid" => {
                let detail = problem.detail.trim_start_matches("user_id: ").to_owned();
                let problem = Problem { detail, ..problem };
                Failure::other(PREPARING, problem).with_code(Code::FailedPrecondition)
            }
            _ => Failure::other(PREPARING, problem),
        }
    }

    /// What is charged, and its brand.
    fn paid_with(&self) -> Result<(Part, &'static str), Failure> {
        payment::paid_with(self.edge, self.purchase.card.as_ref())
            .map_err(|problem| self.card(problem))
    }

    fn card(&self, problem: Problem) -> Failure {
        let code = match problem.code {
            "payment_declined" => self.asking.card_code,
            "dependency_unavailable" => Code::Unavailable,
            _ => Code::Unknown,
        };
        Failure::of_card(problem, code)
    }

    /// What the attempt answers to.
    fn key(&self) -> SmolStr {
        let fresh = || self.edge.fresh_id().to_string();
        let key = self.asking.key.clone().unwrap_or_else(fresh);
        let hash = key_hash(&self.purchase.user.package, "PlaceOrder", "attempt", &key);
        URL_SAFE_NO_PAD.encode(hash).into()
    }

    fn named(&self) -> Option<Named> {
        let key = self.asking.key.as_ref()?;
        Some(Named {
            hash: key_hash(&self.purchase.user.package, "PlaceOrder", "", key),
            payload_hash: self.asked(""),
        })
    }

    /// What is asked, hashed: of the card only its brand, so that no number can be guessed from it.
    fn asked(&self, brand: &str) -> [u8; 32] {
        let Purchase { address, .. } = self.purchase;
        let asked = json!([
            self.purchase.user.user,
            self.purchase.currency,
            self.purchase.email,
            address.street_address,
            address.city,
            address.state,
            address.country,
            address.zip_code,
            brand,
        ]);
        payload_hash("PlaceOrder", asked.to_string().as_bytes())
    }
}

/// What those shops are doing until the card is charged.
const PREPARING: &str = "failed to prepare order";

async fn not_converted(edge: &Edge, purchase: &Purchase) -> Result<Failure, Problem> {
    let items = carts::items(edge, &purchase.user).await?;
    let id = items.into_iter().next().map(|item| item.product_id);
    let detail = format!(
        "failed to convert price of {:?} to {}",
        id.unwrap_or_default(),
        purchase.currency
    );
    let problem = Problem::invalid("user_currency", "unknown", &detail);
    Ok(Failure::known(PREPARING, Problem { detail, ..problem }))
}

fn still_running(id: CheckoutId) -> Problem {
    let detail = format!(
        "the payment of checkout {id} is still under way; ask again, nobody is charged twice"
    );
    Problem::new("dependency_unavailable", detail).with("checkout_id", id.to_string())
}

async fn order_of(edge: &Edge, checkout: &Checkout, key: &str) -> Result<Arc<Order>, Problem> {
    let gone = || Problem::new("internal", "an order was placed and is gone");
    let id = checkout.attempt_of(key).and_then(|it| it.order);
    match edge.shop.find(&Key::Order(id.ok_or_else(gone)?)).await? {
        Some(Record::Order(order)) => Ok(order),
        _ => Err(gone()),
    }
}

/// The order as those shops show it. Its cart knows by which names it was filled.
pub(super) fn placed(order: &Order, cart: Option<&Cart>) -> Placed {
    let price = |minor| Price::from(Money::new(minor, order.currency));
    let items = order.lines.iter().map(|line| {
        let added = cart.and_then(|cart| cart.line(line.id));
        let item = Item {
            product_id: added.map_or_else(|| line.sku.to_string(), |it| carts::name_of(it)),
            quantity: i32::try_from(line.quantity).unwrap_or(i32::MAX),
        };
        (item, price(line.unit_price))
    });
    let order_id = order.id.to_string();
    Placed {
        tracking_id: shipping::tracking_id(&order_id),
        order_id,
        shipping_cost: price(order.totals.shipping),
        items: items.collect(),
        is_repeat: false,
    }
}
