//! The write loop without a network: commands submitted in process against the SQLite store, durable before each answer.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use cartwright_adapters::store::sqlite;
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::commit::{self, Running};
use cartwright_app::inventory::{Place, Reserve};
use cartwright_app::nouns::{Event, Key, Record};
use cartwright_app::shop::{Command, Decided, Moment, Outcome, Submission};
use cartwright_app::work::{Stop, Work};
use cartwright_app::{Reply, Shop};
use cartwright_domain::catalog::{self, Limits, ProductData, Status, VariantData};
use cartwright_domain::inventory::{Asked, Level, LevelKey, MovementKind};
use cartwright_domain::location::{self, Details, Kind};
use cartwright_domain::{Country, Currency, Money, ProductId, Sku, Slug, StoreId};
use smol_str::{SmolStr, format_smolstr};

use super::super::{Bench, inprocess, measure::medians, report::Row, shop::DataDirectory};

/// Commands open at a time, with the aim of each.
const IN_FLIGHT: [(usize, f64); 2] = [(64, 100_000.0), (1024, 200_000.0)];
/// Units of the SKU that everybody wants.
const UNITS: i64 = 1_000_000_000;

/// One product, one location, many units: written as events, since the bench measures what comes after.
#[derive(Debug)]
struct Seed {
    level: LevelKey,
}

impl Command for Seed {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Level(self.level.clone()));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        work.level(&self.level)?;
        let id = ProductId::new("hot").map_err(|_| refused())?;
        let usd = Currency::new("USD").map_err(|_| refused())?;
        let data = ProductData {
            slug: Slug::new("hot").map_err(|_| refused())?,
            name: "Hot".into(),
            description: String::new(),
            status: Status::Active,
            brand: None,
            categories: Vec::new(),
            attributes: serde_json::Map::new(),
            images: Vec::new(),
            options: Vec::new(),
        };
        let variant = VariantData {
            sku: self.level.sku.clone(),
            options: Vec::new(),
            prices: vec![Money::new(100, usd)],
            compare_at: Vec::new(),
            weight_grams: None,
            dimensions: None,
            limits: Limits::default(),
            denied_countries: Vec::new(),
        };
        let details = Details {
            name: "Main".into(),
            kind: Kind::Warehouse,
            country: Country::new("US").map_err(|_| refused())?,
            ships_to: None,
            priority: 0,
            position: None,
        };
        let received = Level::empty(self.level.clone()).received(MovementKind::Adjusted, UNITS);
        let put = catalog::Event::Put {
            data: Box::new(data),
            variants: vec![variant],
        };
        Ok(Decided {
            events: vec![
                Event::Store(self.level.store.clone(), location::Event::Put(details)),
                Event::Product(id, put),
                Event::Level(self.level.clone(), received),
            ],
            answer: Key::Level(self.level.clone()),
            created: true,
        })
    }
}

fn refused() -> Stop {
    cartwright_domain::Refusal::invalid("seed", "malformed", "the seed of the bench is wrong")
        .into()
}

/// Reserves one hot SKU with 64 and 1,024 commands in flight; checks that nothing was lost or oversold.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let directory = DataDirectory::new(&bench.source.directory)?;
    let parts = sqlite::open(
        directory.path(),
        sqlite::SqliteOptions::default(),
        &SystemRandom,
    )?;
    let options = commit::Options {
        max_batch: 1024,
        max_waiting: 8192,
        max_kept: 1_000_000,
        cache_bytes: 64 << 20,
        origin: "bench".into(),
    };
    let (shop, running) = commit::start(
        parts,
        Arc::new(SystemClock::new()),
        Arc::new(SystemRandom),
        options,
        &tokio::runtime::Handle::current(),
    )?;
    let measured = measure(bench, &shop).await;
    close(shop, running).await?;
    measured
}

async fn measure(bench: &mut Bench, shop: &Shop) -> anyhow::Result<()> {
    let sku = Sku::new("HOT")?;
    let level = LevelKey {
        sku,
        store: StoreId::new("main")?,
    };
    submit(
        shop,
        Seed {
            level: level.clone(),
        },
    )
    .await?;
    let mut granted = 0;
    for (in_flight, aim) in IN_FLIGHT {
        let mut runs = Vec::new();
        for run in 0..=bench.settings.runs {
            let duration = if run == 0 {
                bench.settings.warm_up
            } else {
                bench.settings.duration
            };
            let (shop, level) = (shop.clone(), level.clone());
            let prefix = format_smolstr!("{in_flight}-{run}-");
            let measured = inprocess::run(in_flight, duration, move |number| {
                reserve(
                    shop.clone(),
                    level.clone(),
                    format_smolstr!("{prefix}{number}"),
                )
            })
            .await?;
            granted += measured.outcomes.get(&201).copied().unwrap_or(0);
            if run > 0 {
                runs.push(measured);
            }
        }
        let figures = medians(&runs).context("no runs")?;
        let reached = figures.throughput;
        let row = Row::new(
            "reserve-in-process",
            format!("one hot SKU, {in_flight} in flight"),
        )
        .with_figures(figures);
        bench
            .report
            .rows
            .push(row.at_least("per second", reached, aim));
    }
    let Some(Record::Level(level)) = shop.find(&Key::Level(level)).await? else {
        anyhow::bail!("the level is gone")
    };
    ensure!(
        level.reserved as u64 == granted && level.on_hand == UNITS,
        "{granted} reservations were granted, but {} units are reserved",
        level.reserved
    );
    Ok(())
}

async fn reserve(shop: Shop, level: LevelKey, reference: SmolStr) -> anyhow::Result<u16> {
    let command = Reserve {
        principal: SmolStr::new_static("bench"),
        reference,
        asked: vec![Asked {
            sku: level.sku,
            store: Some(level.store),
            quantity: 1,
        }],
        ttl_seconds: 86_400,
        place: Place::default(),
        limit: None,
        through: None,
        expected_version: None,
    };
    submit(&shop, command).await.map(|_| 201)
}

async fn submit(shop: &Shop, command: impl Command + 'static) -> anyhow::Result<Outcome> {
    let submission = Submission {
        command: Box::new(command),
        keyed: None,
        actor: SmolStr::new_static("bench"),
        correlation: SmolStr::new_static("bench"),
        deadline_ns: u64::MAX,
    };
    match shop.submit(submission).await?.reply {
        Reply::Decided(decided) => Ok(decided?),
        Reply::Kept(..) | Reply::KeyReused => {
            anyhow::bail!("a command without a key found a kept reply")
        }
    }
}

async fn close(shop: Shop, running: Running) -> anyhow::Result<()> {
    drop(shop);
    tokio::task::spawn_blocking(move || running.close()).await?;
    Ok(())
}
