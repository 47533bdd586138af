//! Where a command finds the shop that it asks, and how it prints what that says.

use cartwright_server::http_client::Client;
use clap::Args;

/// A running shop.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The running shop (http://host:port).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// An API key of that shop.
    #[arg(long, env = "CARTWRIGHT_ADMIN_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Remote {
    /// Speaks to it. Fails for an address that is none.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.server, self.key.clone())
    }
}
