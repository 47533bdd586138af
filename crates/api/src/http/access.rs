//! Whom a route is for: the scopes of a key, or the token of a cart.

use super::Edge;
use super::auth::Who;
use super::endpoint::{Access, Endpoint};
use crate::problem::Problem;
use cartwright_app::{Key, Record};
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
            Access::Cart => return self.open_cart(who, params),
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

    /// A cart opens to its token, and to keys that open any cart. To others it does not exist.
    fn open_cart(&self, who: &mut Who, params: &[String]) -> Result<(), Problem> {
        if who.may(Scope::Carts) {
            return Ok(());
        }
        let id = params.first().map_or("", String::as_str);
        let token = who.cart_token.as_deref().unwrap_or_default();
        if !self.opens(id, token) {
            return Err(Problem::not_found("cart", id));
        }
        if !who.has_key() {
            who.principal = SmolStr::new(id);
        }
        Ok(())
    }

    /// A checkout opens to the token of its cart, and to keys that open any checkout. To others it does not exist.
    async fn open_checkout(&self, who: &mut Who, params: &[String]) -> Result<(), Problem> {
        if who.may(Scope::Checkouts) {
            return Ok(());
        }
        let text = params.first().map_or("", String::as_str);
        let unknown = || Problem::not_found("checkout", text);
        let (Some(token), Ok(id)) = (who.cart_token.as_deref(), text.parse()) else {
            return Err(unknown());
        };
        let Some(Record::Checkout(checkout)) = self.shop.find(&Key::Checkout(id)).await? else {
            return Err(unknown());
        };
        let cart = checkout.cart_id.to_string();
        if !self.opens(&cart, token) {
            return Err(unknown());
        }
        if !who.has_key() {
            who.principal = cart.into();
        }
        Ok(())
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
