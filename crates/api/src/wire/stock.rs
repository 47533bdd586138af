//! Stores, levels, reservations, transfers as the contract spells them.

use super::Timestamp;
use super::schema::{CountryCode, TextId};
use cartwright_domain as domain;
use cartwright_domain::Refusal;
use cartwright_domain::inventory::{BackorderMode, Level as DomainLevel};
use cartwright_domain::location::{Kind, ShipsTo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point on the globe, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Latitude, -90 to 90.
    #[schemars(range(min = -90.0, max = 90.0))]
    pub lat: f64,
    /// Longitude, -180 to 180.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub lon: f64,
}

/// Store or warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// Ships within its own country unless told otherwise.
    Store,
    /// Ships everywhere unless told otherwise.
    Warehouse,
}

/// What `PUT /stores/{store}` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutStore {
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Store or warehouse.
    pub kind: StoreKind,
    /// ISO 3166-1 alpha-2.
    #[schemars(with = "CountryCode")]
    pub country: domain::Country,
    /// Countries, or `["*"]`.
    #[serde(default)]
    pub ships_to: Option<Vec<String>>,
    /// Lower is asked first; 0 when absent.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Where exactly.
    #[serde(default)]
    pub position: Option<Position>,
}

impl TryFrom<PutStore> for domain::location::Details {
    type Error = Refusal;

    fn try_from(put: PutStore) -> Result<Self, Refusal> {
        text("name", &put.name, 200)?;
        let position = put.position.map(|at| domain::place::Position {
            lat: at.lat,
            lon: at.lon,
        });
        if let Some(at) = position.filter(|at| !at.is_valid()) {
            let field = if (-90.0..=90.0).contains(&at.lat) {
                "position.lon"
            } else {
                "position.lat"
            };
            let detail = "lat is -90 to 90, lon -180 to 180";
            return Err(Refusal::invalid(field, "out_of_range", detail));
        }
        Ok(Self {
            name: put.name.as_str().into(),
            kind: match put.kind {
                StoreKind::Store => Kind::Store,
                StoreKind::Warehouse => Kind::Warehouse,
            },
            country: put.country,
            ships_to: put.ships_to.map(|list| ships_to(&list)).transpose()?,
            priority: put.priority.unwrap_or(0),
            position,
        })
    }
}

fn ships_to(list: &[String]) -> Result<ShipsTo, Refusal> {
    if list == ["*"] {
        return Ok(ShipsTo::Everywhere);
    }
    let country = |(place, code): (usize, &String)| {
        domain::Country::new(code).map_err(|error| {
            Refusal::invalid(format!("ships_to[{place}]"), "malformed", error.to_string())
        })
    };
    let countries: Vec<_> = list
        .iter()
        .enumerate()
        .map(country)
        .collect::<Result<_, _>>()?;
    let mut sorted = countries.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != countries.len() {
        return Err(Refusal::invalid(
            "ships_to",
            "duplicate",
            "name each country once",
        ));
    }
    Ok(ShipsTo::Countries(countries))
}

/// Checks a text for people: 1 to `max` characters, no control characters.
pub fn text(field: &str, value: &str, max: usize) -> Result<(), Refusal> {
    let fits = (1..=max).contains(&value.chars().count())
        && !value.chars().any(char::is_control)
        && !value.trim().is_empty();
    if fits {
        return Ok(());
    }
    Err(Refusal::invalid(
        field,
        "malformed",
        format!("expected 1-{max} characters, none of them control characters"),
    ))
}

/// Checks a quantity: 1 to `max`.
pub fn quantity(field: &str, value: i64, max: i64) -> Result<(), Refusal> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid(
        field,
        "out_of_range",
        format!("expected a whole number from 1 to {max}"),
    ))
}

/// A location.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Store<'a> {
    id: &'a str,
    name: &'a str,
    kind: StoreKind,
    country: &'a str,
    ships_to: Vec<&'a str>,
    priority: i32,
    position: Option<Position>,
    updated_at: Timestamp,
    version: u64,
}

impl<'a> From<&'a domain::location::Store> for Store<'a> {
    fn from(store: &'a domain::location::Store) -> Self {
        let details = &store.details;
        let ships_to = match (&details.ships_to, details.kind) {
            (Some(ShipsTo::Everywhere), _) | (None, Kind::Warehouse) => vec!["*"],
            (Some(ShipsTo::Countries(list)), _) => list.iter().map(domain::Country::code).collect(),
            (None, Kind::Store) => vec![details.country.code()],
        };
        Self {
            id: store.id.as_str(),
            name: &details.name,
            kind: match details.kind {
                Kind::Store => StoreKind::Store,
                Kind::Warehouse => StoreKind::Warehouse,
            },
            country: details.country.code(),
            ships_to,
            priority: details.priority,
            position: details.position.map(|at| Position {
                lat: at.lat,
                lon: at.lon,
            }),
            updated_at: Timestamp(store.updated_at),
            version: store.version,
        }
    }
}

/// Promises beyond stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// None.
    None,
    /// More is on its way.
    Backorder,
    /// It has not been there yet.
    Preorder,
}

/// How much may be promised beyond stock.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutBackorder {
    /// Whether at all.
    pub mode: Mode,
    /// At most so many units at a time; 0 when absent.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub limit: Option<i64>,
    /// When more is expected, RFC 3339.
    #[serde(default)]
    pub available_from: Option<String>,
}

/// Promises beyond stock, as shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Backorder {
    mode: Mode,
    limit: i64,
    available_from: Option<Timestamp>,
}

/// A stock level, in units.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Level<'a> {
    store: &'a str,
    sku: &'a str,
    on_hand: i64,
    reserved: i64,
    allocated: i64,
    granted: i64,
    backordered: i64,
    safety_stock: i64,
    low_stock: Option<i64>,
    backorder: Backorder,
    available: i64,
    version: u64,
    updated_at: Timestamp,
}

impl<'a> From<&'a DomainLevel> for Level<'a> {
    fn from(level: &'a DomainLevel) -> Self {
        let backorder = level.settings.backorder;
        Self {
            store: level.key.store.as_str(),
            sku: level.key.sku.as_str(),
            on_hand: level.on_hand,
            reserved: level.reserved,
            allocated: level.allocated,
            granted: level.granted,
            backordered: level.backordered,
            safety_stock: level.settings.safety_stock,
            low_stock: level.settings.low_stock,
            backorder: Backorder {
                mode: match backorder.mode {
                    BackorderMode::None => Mode::None,
                    BackorderMode::Backorder => Mode::Backorder,
                    BackorderMode::Preorder => Mode::Preorder,
                },
                limit: backorder.limit,
                available_from: backorder.available_from.map(Timestamp),
            },
            available: level.available(),
            version: level.version,
            updated_at: Timestamp(level.updated_at),
        }
    }
}

/// `POST .../adjust`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// Units to add (or take); not zero.
    pub delta: i64,
    /// Why, in 1-200 characters.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
}

/// `POST .../count`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Units counted.
    #[schemars(range(min = 0))]
    pub quantity: i64,
    /// The version the count was made at; changes since are added.
    #[serde(default)]
    pub as_of_version: Option<u64>,
}

/// `PATCH .../inventory/{sku}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configure {
    /// Units never promised.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub safety_stock: Option<i64>,
    /// `stock.low` is told at this many available or fewer; `null` takes the mark away.
    #[serde(default, deserialize_with = "present")]
    pub low_stock: Option<Option<i64>>,
    /// Promises beyond stock.
    #[serde(default)]
    pub backorder: Option<PutBackorder>,
}

#[allow(
    clippy::option_option,
    reason = "absent, null and a value are three things in a merge patch"
)]
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `POST .../reserve`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveHere {
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: i64,
    /// The caller's name for it; unique for ever.
    #[schemars(length(min = 1, max = 200))]
    pub reference: String,
    /// How long, 1-86,400.
    #[schemars(range(min = 1, max = 86400))]
    pub ttl_seconds: i64,
}

/// One line of `POST /reservations`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveLine {
    /// What.
    #[schemars(with = "TextId")]
    pub sku: domain::Sku,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: i64,
    /// Where; absent: wherever it is best.
    #[serde(default)]
    #[schemars(with = "Option<TextId>")]
    pub store: Option<domain::StoreId>,
}

/// `POST /reservations`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// All or nothing.
    #[schemars(length(min = 1, max = 100))]
    pub lines: Vec<ReserveLine>,
    /// The caller's name for it; unique for ever.
    #[schemars(length(min = 1, max = 200))]
    pub reference: String,
    /// How long, 1-86,400.
    #[schemars(range(min = 1, max = 86400))]
    pub ttl_seconds: i64,
    /// Where the units shall go.
    #[serde(default)]
    #[schemars(with = "Option<CountryCode>")]
    pub country: Option<domain::Country>,
}

/// `POST .../release` and `.../confirm` through a level.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Which hold.
    #[schemars(with = "String")]
    pub reservation_id: String,
}

/// `POST /reservations/{id}/extend`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// How long from now, 1-86,400.
    #[schemars(range(min = 1, max = 86400))]
    pub ttl_seconds: i64,
}

/// One line as it is held.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HeldLine<'a> {
    store: &'a str,
    sku: &'a str,
    quantity: i64,
    /// How many of them are promised beyond stock; absent when all are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    backordered: Option<i64>,
}

/// A hold on stock.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reservation<'a> {
    id: String,
    reference: &'a str,
    state: &'a str,
    lines: Vec<HeldLine<'a>>,
    expires_at: Timestamp,
    version: u64,
}

impl<'a> From<&'a domain::inventory::Reservation> for Reservation<'a> {
    fn from(hold: &'a domain::inventory::Reservation) -> Self {
        let line = |line: &'a domain::inventory::Held| HeldLine {
            store: line.level.store.as_str(),
            sku: line.level.sku.as_str(),
            quantity: line.quantity,
            backordered: (line.backordered > 0).then_some(line.backordered),
        };
        Self {
            id: hold.id.to_string(),
            reference: &hold.reference,
            state: hold.state.as_str(),
            lines: hold.lines.iter().map(line).collect(),
            expires_at: Timestamp(hold.expires_at),
            version: hold.version,
        }
    }
}

/// `POST /transfers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartTransfer {
    /// What.
    #[schemars(with = "TextId")]
    pub sku: domain::Sku,
    /// From where.
    #[schemars(with = "TextId")]
    pub from: domain::StoreId,
    /// To where; another location.
    #[schemars(with = "TextId")]
    pub to: domain::StoreId,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: i64,
}

/// A transfer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Transfer<'a> {
    id: String,
    sku: &'a str,
    from: &'a str,
    to: &'a str,
    quantity: i64,
    state: &'a str,
    created_at: Timestamp,
    version: u64,
}

impl<'a> From<&'a domain::inventory::Transfer> for Transfer<'a> {
    fn from(transfer: &'a domain::inventory::Transfer) -> Self {
        Self {
            id: transfer.id.to_string(),
            sku: transfer.sku.as_str(),
            from: transfer.from.as_str(),
            to: transfer.to.as_str(),
            quantity: transfer.quantity,
            state: transfer.state.as_str(),
            created_at: Timestamp(transfer.created_at),
            version: transfer.version,
        }
    }
}

/// One change of a level.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Movement {
    /// Of the event.
    pub event_id: String,
    /// Place in the log.
    pub position: u64,
    /// Version of the level after it.
    pub version: u64,
    /// Why.
    pub r#type: &'static str,
    /// Change of what lies there.
    pub on_hand_delta: i64,
    /// Change of what is held.
    pub reserved_delta: i64,
    /// Change of what is promised beyond stock.
    pub backordered_delta: i64,
    /// What lies there after it.
    pub on_hand: i64,
    /// What is held after it.
    pub reserved: i64,
    /// The hold that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    /// The caller's name for that hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The transfer that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_id: Option<String>,
    /// Free text of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Principal that caused it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// What can be had of one SKU.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Availability {
    /// Which SKU.
    pub sku: String,
    /// Units.
    pub available: i64,
    /// Where most of them are.
    pub store: Option<String>,
    /// Whether there is any.
    pub in_stock: bool,
}

/// `GET /availability`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AvailabilityList {
    /// One for each SKU asked for, in order.
    pub items: Vec<Availability>,
}
