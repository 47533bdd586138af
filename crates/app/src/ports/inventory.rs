//! What can be had, where another process of the shop is asked (VAL-2).

use crate::fault::Fault;
use cartwright_domain::{Country, Sku, StoreId};
use std::pin::Pin;

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Which SKUs.
    pub skus: Vec<Sku>,
    /// Where the units shall go; `None`: wherever.
    pub country: Option<Country>,
    /// Only at this location.
    pub store: Option<StoreId>,
    /// W3C trace context of the request that asks.
    pub traceparent: Option<String>,
    /// Id of the request that asks.
    pub request_id: String,
}

/// What can be had of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub sku: Sku,
    /// Units.
    pub available: i64,
    /// Where most of it is.
    pub store: Option<StoreId>,
}

/// The answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Vec<Found>, Fault>> + Send + 'a>>;

/// How the way there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is asked.
    Closed,
    /// It failed too often: it is not asked for a while.
    Open,
    /// One question finds out whether it works again.
    HalfOpen,
}

impl Way {
    /// Its name on the outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The process that serves the inventory role.
pub trait Inventory: Send + Sync + 'static {
    /// What can be had of each SKU, in the order asked. Errors: [`Fault::Unavailable`] when it does not answer in time.
    fn available(&self, asked: Asked) -> Answering<'_>;

    /// How the way there is.
    fn way(&self) -> Way;
}
