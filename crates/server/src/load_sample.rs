//! Loading the sample catalogue into an empty shop.

use crate::importing::{Options, Target};
use crate::sample;
use anyhow::Context as _;
use cartwright_adapters::system::SystemRandom;
use cartwright_api::wire::stock::PutStore as Body;
use cartwright_app::shop::{Command, Reply, Submission};
use cartwright_app::stores::PutStore;
use cartwright_app::{Shop, ports::ReadStore};
use cartwright_domain::{Country, StoreId};
use std::sync::Arc;

/// Whether the shop has no locations and no products yet.
///
/// # Errors
/// When the store cannot be read.
pub async fn is_empty(shop: &Shop) -> anyhow::Result<bool> {
    let none = |store: &dyn ReadStore| {
        Ok(store.list_products(&None, 1)?.items.is_empty()
            && store.list_stores(&None, 1)?.items.is_empty())
    };
    Ok(shop.read(none).await?)
}

/// Loads the locations, then the products with their stock.
///
/// # Errors
/// When the store fails; what was loaded until then stays.
pub async fn load(shop: &Shop) -> anyhow::Result<()> {
    for (id, body) in sample::stores()? {
        let body: Body = serde_json::from_value(body)?;
        let details = body
            .try_into()
            .map_err(|refusal| anyhow::anyhow!("store {id}: {refusal}"))?;
        let id = StoreId::new(&id).map_err(|_| anyhow::anyhow!("{id} is no store id"))?;
        submit(
            shop,
            PutStore {
                id,
                details,
                expected_version: None,
            },
        )
        .await?;
    }
    let rows = sample::products()?
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let country = Country::new("US").map_err(|_| anyhow::anyhow!("US is a country"))?;
    let options = Options {
        count: false,
        create_stores: false,
        dry_run: false,
    };
    let mut target = Target::own(shop.clone(), Arc::new(SystemRandom), country);
    for taken in target.take(&rows, options).await? {
        taken.context("a row of the sample is refused")?;
    }
    Ok(())
}

async fn submit(shop: &Shop, command: impl Command + 'static) -> anyhow::Result<()> {
    let submission = Submission {
        command: Box::new(command),
        keyed: None,
        actor: "system".into(),
        correlation: "sample".into(),
        deadline_ns: u64::MAX,
    };
    match shop.submit(submission).await?.reply {
        Reply::Decided(Ok(_)) => Ok(()),
        Reply::Decided(Err(refusal)) => anyhow::bail!("the sample is refused: {refusal}"),
        Reply::Kept(..) | Reply::KeyReused => anyhow::bail!("the sample has no idempotency keys"),
    }
}
