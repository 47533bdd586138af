//! A simulated payment provider beside a shop with the sample catalogue, so that there is something to pay with.

use crate::CannotStart;
use crate::config::Config;
use crate::gateway_sim::{self, Options, Running};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;

/// Its directory within the data directory.
const DIR: &str = "gateway-sim";

/// Starts one where the sample is asked for and no provider is configured, and has the shop ask it.
///
/// # Errors
/// [`CannotStart`] when its directory or port cannot be had.
pub async fn start(config: &mut Config) -> Result<Option<Running>, CannotStart> {
    if !config.flag("sample") || !config.text("payment").is_empty() {
        return Ok(None);
    }
    let dir = config.path("data_dir").join(DIR);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .map_err(|error| CannotStart(format!("{} cannot be made: {error}", dir.display())))?;
    let (key, secret) = (drawn(), drawn());
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir,
        key: key.clone(),
        webhook_url: None,
        webhook_secret: secret.clone(),
    };
    let running = gateway_sim::start(options)
        .await
        .map_err(|error| CannotStart(format!("{error:#}")))?;
    let variables = BTreeMap::from([
        ("CARTWRIGHT_PAYMENT_SIM_KEY".to_owned(), key),
        ("CARTWRIGHT_PAYMENT_SIM_WEBHOOK_SECRET".to_owned(), secret),
    ]);
    config.use_provider(format!("sim=sim+http://{}", running.address()), variables);
    Ok(Some(running))
}

fn drawn() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}
