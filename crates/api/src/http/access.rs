//! Whom a route is for: the scopes of a key, or the token of a cart.

use super::Edge;
use super::auth::Who;
use super::endpoint::{Access, Endpoint};
use crate::problem::Problem;
use cartwright_app::orders::DocumentNumber;
use cartwright_app::{Key, Record};
use cartwright_domain::OrderId;
use cartwright_domain::key::Scope;
use smol_str::SmolStr;

impl Edge {
    /// Refuses whom a route is not for. Whom a cart's token lets in is that cart.
    pub(super) async fn authorize(
        &self,
        endpoint: &Endpoint,
        who: &mut Who,
        params: &[String],
    ) -> Result<(), Problem> {
        let wanted: &[Scope] = match &endpoint.access {
            Access::Public | Access::CartOfBody => return Ok(()),
            Access::Checkout => return self.open_checkout(who, params).await,
            Access::Order(scope) => return self.open_order(endpoint, *scope, who, params).await,
            Access::Cart => {
                self.open_cart(who, params);
                return Ok(());
            }
            Access::Scope(scope) => std::slice::from_ref(scope),
            Access::AnyScope(scopes) => scopes,
            Access::Legacy(_) if self.options.legacy_open => {
                if !who.has_key() {
                    who.principal = SmolStr::new_static("legacy");
                }
                return Ok(());
            }
            Access::Legacy(scope) => std::slice::from_ref(scope),
        };
        if wanted.iter().any(|scope| who.may(*scope)) {
            return Ok(());
        }
        if !who.has_key() {
            let detail = "send an API key as Authorization: Bearer <key>";
            return Err(Problem::new("unauthenticated", detail));
        }
        let names: Vec<_> = wanted.iter().map(|scope| scope.as_str()).collect();
        let detail = format!("this needs a key with scope {}", names.join(" or "));
        Err(Problem::new("forbidden", detail).with("scope", names.join(" ")))
    }

    /// A cart opens to its token, and to keys that open any cart. To others it does not exist: [`Call::cart_id`] tells them.
    ///
    /// [`Call::cart_id`]: super::endpoint::Call::cart_id
    fn open_cart(&self, who: &mut Who, params: &[String]) {
        if who.may(Scope::Carts) {
            return;
        }
        let id = params.first().map_or("", String::as_str);
        self.open_by_token(who, id);
    }

    /// A checkout opens to the token of its cart, and to keys that open any checkout. To others it does not exist, and
    /// `Call::checkout_id` tells them.
    async fn open_checkout(&self, who: &mut Who, params: &[String]) -> Result<(), Problem> {
        if who.may(Scope::Checkouts) {
            return Ok(());
        }
        let id = params.first().and_then(|text| text.parse().ok());
        let found = match id {
            Some(id) if who.cart_token.is_some() => self.shop.find(&Key::Checkout(id)).await?,
            _ => None,
        };
        match found {
            Some(Record::Checkout(it)) => self.open_by_token(who, &it.cart_id.to_string()),
            _ => who.is_shut_out = true,
        }
        Ok(())
    }

    /// An order opens to the token of the cart it was, and to keys with the route's scope; so do its returns and documents. To others
    /// it does not exist, and `Call::order_id` and its like tell them. A token opens an order by its id alone: numbers can be guessed.
    async fn open_order(
        &self,
        endpoint: &Endpoint,
        scope: Scope,
        who: &mut Who,
        params: &[String],
    ) -> Result<(), Problem> {
        if who.may(scope) {
            return Ok(());
        }
        let text = params.first().map_or("", String::as_str);
        let order = match who.cart_token {
            Some(_) => self.order_of(endpoint, text).await?,
            None => None,
        };
        let found = match order {
            Some(id) => self.shop.find(&Key::Order(id)).await?,
            None => None,
        };
        who.is_shut_out = true;
        let mut next = found;
        // Who bought the first order may see what its units were exchanged for.
        while let Some(Record::Order(it)) = next {
            self.open_by_token(who, &it.cart.to_string());
            next = match it.exchange_of.filter(|_| who.is_shut_out) {
                Some(of) => self.shop.find(&Key::Order(of)).await?,
                None => None,
            };
        }
        Ok(())
    }

    /// The order that the first parameter of a route is or belongs to.
    async fn order_of(&self, endpoint: &Endpoint, text: &str) -> Result<Option<OrderId>, Problem> {
        let key = if endpoint.path.starts_with("/v1/returns/") {
            text.parse().ok().map(Key::Return)
        } else if endpoint.path.starts_with("/v1/invoices/") {
            text.parse().ok().map(DocumentNumber::key)
        } else {
            return Ok(text.parse().ok());
        };
        let found = match key {
            Some(key) => self.shop.find(&key).await?,
            None => None,
        };
        Ok(match found {
            Some(Record::OrderId(id)) => Some(id),
            _ => None,
        })
    }

    /// Who comes with the token of a cart alone is that cart.
    fn open_by_token(&self, who: &mut Who, cart: &str) {
        let token = who.cart_token.as_deref().unwrap_or_default();
        who.is_shut_out = !self.opens(cart, token);
        if !who.is_shut_out && !who.has_key() {
            who.principal = SmolStr::new(cart);
        }
    }

    /// Whether a token opens a cart. Compared in constant time.
    pub fn opens(&self, cart: &str, token: &str) -> bool {
        let right = self.secrets.derive(cart);
        let same = right.len() == token.len();
        let differences = right
            .bytes()
            .zip(token.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        same && differences == 0
    }
}
