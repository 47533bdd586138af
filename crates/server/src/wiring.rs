//! Putting the shop together: the store, the write loop, search and the surfaces, each as the settings say.

use crate::buses;
use crate::cannot_start::CannotStart;
use crate::config::Config;
use crate::search_slot::SearchSlot;
use cartwright_adapters::cache::RedisCache;
use cartwright_adapters::courier::HttpCourier;
use cartwright_adapters::http::{HttpClient, HttpFailure};
use cartwright_adapters::mail::SmtpMailer;
use cartwright_adapters::payment::webhook::ProviderWebhooks;
use cartwright_adapters::payment::{self, Provider};
use cartwright_adapters::remote::{BreakerOptions, PeerClient, RemoteInventory};
use cartwright_adapters::search::TantivySearch;
use cartwright_adapters::store::postgres::{self, PostgresOptions};
use cartwright_adapters::store::sqlite::{self, SqliteOptions};
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_api::forward::{Forwarder, Outgoing, Peers, Sent, Unanswered};
use cartwright_api::grpc::Services;
use cartwright_api::http::{Buying, Edge, Elsewhere, Grpc, Options, Role, Roles};
use cartwright_api::quotes::QuoteSigner;
use cartwright_api::wire::order::Seller;
use cartwright_app::Shop;
use cartwright_app::checkouts::saga::{Driver, Providers, Saga};
use cartwright_app::commit::{self, LeaseOptions, Running};
use cartwright_app::consumers::{self, Consumer, Consumers, SearchIndex};
use cartwright_app::dead_letters::DeadLetters;
use cartwright_app::keys::{Secrets, hash};
use cartwright_app::notify::{self, Notifier, Postbox};
use cartwright_app::orders::Refunds;
use cartwright_app::ports::search::Search;
use cartwright_app::ports::{Bus, Clock, Random, ReadStore, StoreParts};
use cartwright_app::second_level::Sharing;
use cartwright_app::webhooks::{self, Webhooks};
use cartwright_domain::cart::Rules;
use cartwright_domain::checkout::{self, Rates};
use cartwright_domain::inventory::Sourcing;
use cartwright_domain::{Country, Currency};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The search index within the data directory.
pub const SEARCH_DIR: &str = "search";

/// Answers and failures before a circuit breaker may open.
const BREAKER_AT_LEAST: usize = 5;

/// How often, and how many times, it is looked whether the consumers have followed.
const FOLLOW_PAUSE: Duration = Duration::from_millis(20);
const FOLLOW_LOOKS: u32 = 250;

/// A running shop without a door.
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub struct Core {
    /// Submit and read.
    pub shop: Shop,
    /// The loop, to close it.
    pub running: Running,
    /// The search index.
    pub search: Arc<dyn Search>,
    /// Completes checkouts.
    pub saga: Driver,
    /// Brings money back.
    pub refunds: Refunds,
    /// Tells webhook endpoints what happens.
    pub webhooks: Webhooks,
    /// The configured payment providers.
    pub providers: Vec<Provider>,
    /// The machine's randomness.
    pub random: Arc<dyn Random>,
    /// What follows the log. The memory of committed state is not among them: one process writes this store, and the loop
    /// itself puts into memory what it wrote.
    pub consumers: Consumers,
    /// Keeps the search index's directory for this process, where several share the data.
    _search_slot: Option<SearchSlot>,
}

impl Core {
    /// Waits until the consumers have handled what is committed now, so that search knows what was just loaded; not for long.
    pub async fn consumers_follow(&self) {
        let all = *self.shop.head().borrow();
        for _ in 0..FOLLOW_LOOKS {
            if self
                .consumers
                .positions()
                .all(|(_, position)| position >= all)
            {
                return;
            }
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
    }

    /// Finishes what waits, lets the consumers follow, and returns when all is durable. Blocks.
    pub fn close(self) {
        self.running.close();
        self.consumers.close();
        self.search.rest();
    }
}

/// What is committed, for commands that look: in PostgreSQL also while the shop runs.
///
/// # Errors
/// [`CannotStart`] when it cannot be had: of a data directory when it is in use, not ours, damaged, newer, or not writable.
pub fn open_to_read(config: &Config) -> Result<Arc<dyn ReadStore>, CannotStart> {
    let is_shared = config.is_postgres();
    open_store(&config.path("data_dir"), config, is_shared).map(|parts| parts.read)
}

fn open_store(dir: &Path, config: &Config, is_shared: bool) -> Result<StoreParts, CannotStart> {
    if config.is_postgres() {
        let options = PostgresOptions {
            url: config.text("database").to_owned(),
            replica: Some(config.text("database_replica").to_owned()).filter(|url| !url.is_empty()),
            readers: config.size("database_readers"),
            is_shared,
        };
        return postgres::open(&options, &SystemRandom).map_err(CannotStart::because);
    }
    let mib = |name| u32::try_from(config.whole(name)).unwrap_or(u32::MAX);
    let options = SqliteOptions {
        cache_mib: mib("sqlite_cache_mib"),
        readers: config.size("sqlite_readers"),
        reader_cache_mib: mib("sqlite_reader_cache_mib"),
        is_shared,
        ..SqliteOptions::default()
    };
    sqlite::open(dir, options, &SystemRandom).map_err(CannotStart::because)
}

/// Starts the shop of the configured data directory, for this process alone.
///
/// # Errors
/// [`CannotStart`] as [`open_to_read`], and when the search index cannot be made.
pub fn start(config: &Config) -> Result<Core, CannotStart> {
    start_as(config, None)
}

/// Starts the shop of the configured database; in PostgreSQL, or with `locks_enabled`, together with other processes, which reach this
/// one at `url`.
///
/// # Errors
/// As [`start`].
pub fn start_shared(config: &Config, url: &str) -> Result<Core, CannotStart> {
    let lease = config.is_shared().then(|| lease(config, url));
    start_as(config, lease)
}

/// The mail server, if one is configured.
fn mailer(config: &Config) -> Result<Option<SmtpMailer>, CannotStart> {
    let url = config.text("smtp");
    if url.is_empty() {
        return Ok(None);
    }
    let mailer = SmtpMailer::new(url, config.text("mail_from")).map_err(CannotStart::because)?;
    Ok(Some(mailer))
}

/// Who writes to buyers, if a mail server is configured.
fn notifier(shop: &Shop, config: &Config) -> Result<Option<Notifier>, CannotStart> {
    let seller = config.text("shop_name").to_owned();
    Ok(mailer(config)?.map(|mailer| {
        let domain = mailer.domain().to_owned();
        let letters = DeadLetters::new(
            shop.clone(),
            notify::CONSUMER,
            config.size("dead_letters_max"),
        );
        Notifier::new(shop.clone(), Arc::new(mailer), seller, domain, letters)
    }))
}

/// Where letters go that somebody asks for, if a mail server is configured.
fn postbox(config: &Config) -> Result<Option<Postbox>, CannotStart> {
    let seller = config.text("shop_name").to_owned();
    Ok(mailer(config)?.map(|mailer| {
        let domain = mailer.domain().to_owned();
        Postbox::new(Arc::new(mailer), seller, domain)
    }))
}

/// Who tells webhook endpoints what happens.
fn webhooks(shop: &Shop, bus: Arc<dyn Bus>, random: Arc<dyn Random>, config: &Config) -> Webhooks {
    let millis = |name| Duration::from_millis(config.whole(name) as u64);
    let courier = HttpCourier::new(
        millis("webhook_timeout_ms"),
        config.flag("webhooks_allow_private"),
    );
    let options = webhooks::Options {
        tries: u32::try_from(config.whole("webhook_tries")).unwrap_or(u32::MAX),
        first_pause: millis("webhook_retry_base_ms"),
        last_pause: millis("webhook_retry_max_ms"),
        max_dead_letters: config.size("dead_letters_max"),
    };
    Webhooks::new(shop.clone(), bus, Arc::new(courier), random, options)
}

/// The configured payment providers, in order of preference.
fn providers(config: &Config) -> Result<Vec<Provider>, CannotStart> {
    let variable = |name: &str| config.of_provider(name);
    payment::parse(config.text("payment"), &HttpClient::new(), variable)
        .map_err(CannotStart::because)
}

fn lease(config: &Config, url: &str) -> LeaseOptions {
    let mut run = [0; 8];
    SystemRandom.fill(&mut run);
    let node = config.text("node_name");
    LeaseOptions {
        holder: format!("{node}-{:016x}", u64::from_be_bytes(run)),
        node: node.to_owned(),
        url: url.to_owned(),
        pid: std::process::id(),
        ttl_ms: config.whole("lock_ttl_ms") as u64,
        renew_ms: config.whole("lock_renew_ms") as u64,
    }
}

/// The cache that the shop's processes share, if one is configured.
fn sharing(config: &Config) -> Result<Option<Sharing>, CannotStart> {
    let address = config.text("cache");
    if address == "memory" {
        return Ok(None);
    }
    let cache = RedisCache::new(address).map_err(CannotStart::because)?;
    Ok(Some(Sharing {
        cache: Arc::new(cache),
        timeout: Duration::from_millis(config.whole("cache_timeout_ms") as u64),
        ttl: Duration::from_secs(config.whole("cache_ttl_seconds") as u64),
    }))
}

fn start_as(config: &Config, lease: Option<LeaseOptions>) -> Result<Core, CannotStart> {
    let dir = config.path("data_dir");
    let parts = open_store(&dir, config, lease.is_some())?;
    std::fs::create_dir_all(&dir).map_err(|error| {
        let dir = dir.display();
        CannotStart(format!("the data directory {dir} cannot be made: {error}"))
    })?;
    let search_slot = lease.as_ref().map(|_| SearchSlot::take(&dir)).transpose()?;
    let search_dir = match &search_slot {
        None => dir.join(SEARCH_DIR),
        Some(slot) => slot.dir.clone(),
    };
    let search = TantivySearch::open(&search_dir).map_err(|fault| {
        CannotStart(format!(
            "{fault}: check that {} can be written, or remove it: it is made again from the log",
            search_dir.display()
        ))
    })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let options = commit::Options {
        max_batch: config.size("max_batch"),
        max_waiting: config.size("load_shed_queue_max"),
        max_kept: config.size("max_kept_replies"),
        cache_bytes: match config.whole("cache_mib") {
            0 => crate::memory::quarter(),
            mib => (mib as u64) << 20,
        },
        origin: config.text("node_name").to_owned(),
    };
    let runtime = tokio::runtime::Handle::current();
    let (shop, running) = commit::start_sharing(
        parts,
        clock,
        random.clone(),
        options,
        &runtime,
        lease,
        sharing(config)?,
    )
    .map_err(CannotStart::because)?;
    let shop = match config.flag("read_cache") {
        true => shop,
        false => shop.without_memory(),
    };
    let providers = providers(config)?;
    let gateways = providers.iter().map(|it| it.gateway.clone());
    let options = Saga {
        give_up_seconds: config.whole("give_up_seconds"),
    };
    let asked = Arc::new(Providers::new(gateways.collect()));
    let refunds = Refunds::new(shop.clone(), asked.clone(), options.give_up_seconds);
    let saga = Driver::new(shop.clone(), asked, options);
    let search: Arc<dyn Search> = Arc::new(search);
    let index = SearchIndex::new(shop.clone(), search.clone());
    let mut followers: Vec<Box<dyn Consumer>> = vec![Box::new(index)];
    if let Some(notifier) = notifier(&shop, config)? {
        followers.push(Box::new(notifier));
    }
    let (bus, carriers) = buses::start(&shop, config)?;
    let consumers = consumers::start(&shop, &bus, followers).map_err(CannotStart::because)?;
    let consumers = consumers.and(carriers);
    Ok(Core {
        webhooks: webhooks(&shop, bus, random.clone(), config),
        shop,
        running,
        saga,
        refunds,
        providers,
        search,
        random,
        consumers,
        _search_slot: search_slot,
    })
}

/// gRPC on the same port.
///
/// # Errors
/// When the descriptors do not fit the routes: a mistake of the build.
pub fn grpc(edge: &Arc<Edge>) -> anyhow::Result<Arc<dyn Grpc>> {
    let services = Services::new(edge.clone()).map_err(|error| anyhow::anyhow!("gRPC: {error}"))?;
    Ok(Arc::new(services))
}

/// The surfaces of a shop.
///
/// # Errors
/// [`CannotStart`] when the key that quotes are signed with is none.
pub fn edge(core: &Core, config: &Config) -> Result<Edge, CannotStart> {
    let secrets = Secrets::new(core.shop.store().secret());
    let quotes = QuoteSigner::new(&core.shop.store().quote_key()).map_err(CannotStart::because)?;
    let forwarder = forwards(config).then(|| {
        let wait_ns = config.whole("request_wait_ms") as u64 * 1_000_000;
        let peers = Arc::new(PeerWay(PeerClient::new()));
        Forwarder::new(peers, &secrets, config.text("node_name"), wait_ns)
    });
    let edge = Edge::new(
        core.shop.clone(),
        secrets,
        Buying {
            quotes,
            saga: core.saga.clone(),
            refunds: core.refunds.clone(),
            webhooks: Arc::new(ProviderWebhooks(core.providers.clone())),
            postbox: postbox(config)?,
        },
        core.search.clone(),
        core.random.clone(),
        edge_options(config),
    );
    let edge = match inventory_elsewhere(core, config)? {
        Some(elsewhere) => edge.with_inventory(elsewhere),
        None => edge,
    };
    Ok(match forwarder {
        Some(forwarder) => edge.with_forwarder(forwarder),
        None => edge,
    })
}

/// The roles of this process, and who has the others.
fn roles(config: &Config) -> Roles {
    Roles::parse(config.text("roles"), config.text("peers"))
        .unwrap_or_else(|| unreachable!("checked when it was read"))
}

/// Who is asked what can be had, where this process does not serve the inventory role and somebody is named who does.
fn inventory_elsewhere(core: &Core, config: &Config) -> Result<Option<Elsewhere>, CannotStart> {
    let roles = roles(config);
    let Some(url) = roles.peer(Role::Inventory) else {
        return Ok(None);
    };
    let nanos = |name| config.whole(name) as u64 * 1_000_000;
    let breaker = BreakerOptions {
        // Read and checked as a number from 0 to 1.
        threshold: config.text("breaker_threshold").parse().unwrap_or(0.5),
        window_ns: nanos("breaker_window_ms"),
        at_least: BREAKER_AT_LEAST,
        cooldown_ns: nanos("breaker_cooldown_ms"),
    };
    let timeout = Duration::from_nanos(nanos("validation_timeout_ms"));
    let remote = RemoteInventory::new(url, timeout, breaker, core.shop.clock().clone());
    let remote = remote.map_err(CannotStart::because)?;
    let fails_open = config.flag("validation_fails_open");
    Ok(Some(Elsewhere::new(Arc::new(remote), fails_open)))
}

/// Whether this process passes writes on where another one has the lease.
pub fn forwards(config: &Config) -> bool {
    match config.text("forward_writes") {
        // A shared data directory refuses writes elsewhere, as the store inventory plan says.
        "auto" => config.is_postgres(),
        said => said == "true" && config.is_shared(),
    }
}

/// The adapters' client as the surfaces want it.
struct PeerWay(PeerClient);

impl Peers for PeerWay {
    fn send(&self, request: http::Request<Outgoing>) -> Sent {
        let client = self.0.clone();
        Box::pin(async move {
            client.send(request).await.map_err(|failure| match failure {
                HttpFailure::NotSent(why) => Unanswered::NotSent(why),
                HttpFailure::Unknown(why) => Unanswered::Unknown(why),
            })
        })
    }
}

fn edge_options(config: &Config) -> Options {
    let count = |name| u32::try_from(config.whole(name)).unwrap_or(u32::MAX);
    Options {
        admin_key_hash: Some(config.text("admin_key"))
            .filter(|key| !key.is_empty())
            .map(hash),
        max_body: config.size("max_body_bytes"),
        max_import: config.size("max_import_bytes"),
        max_depth: config.size("max_depth"),
        max_uri: config.size("max_uri_bytes"),
        max_headers: config.size("max_header_bytes"),
        wait_ns: config.whole("request_wait_ms") as u64 * 1_000_000,
        keep_replies_ms: config.whole("idemp_ttl_ms"),
        rate_rps: count("rate_limit_rps"),
        rate_burst: count("rate_limit_burst"),
        rate_ip_rps: count("rate_limit_ip_rps"),
        max_concurrent: config.size("concurrency_api"),
        max_waiting: config.size("load_shed_queue_max"),
        sourcing: if config.text("sourcing") == "split" {
            Sourcing::Split
        } else {
            Sourcing::Single
        },
        max_ttl_seconds: config.whole("max_ttl_seconds"),
        max_quantity: config.whole("max_quantity"),
        guest_reservations: config.whole("guest_reservations") as u64,
        cart_rules: cart_rules(config),
        checkout_rules: checkout_rules(config),
        seller: Seller::new(
            config.text("seller_name"),
            config.text("seller_address"),
            config.text("seller_tax_id"),
        ),
        checkout_deadline_seconds: config.whole("checkout_deadline_seconds"),
        validate_carts: config.flag("validate_carts"),
        validate_drop_in: config.flag("validate_drop_in_carts"),
        drop_in: config.flag("drop_in"),
        roles: roles(config),
        legacy_open: config.flag("legacy_open"),
        lease_reject_status: u16::try_from(config.whole("lock_reject_status")).unwrap_or(503),
        lease_retry_after_ms: config.whole("lock_retry_after_ms") as u64,
        webhooks_allow_private: config.flag("webhooks_allow_private"),
        max_webhook_endpoints: config.whole("webhook_endpoints_max") as u64,
    }
}

fn checkout_rules(config: &Config) -> checkout::Rules {
    let rates = Rates::parse(config.text("shipping_rates"))
        .unwrap_or_else(|_| unreachable!("checked when it was read"));
    checkout::Rules {
        rates: Arc::new(rates),
        quote_ttl_seconds: config.whole("quote_ttl_seconds"),
        ttl_seconds: config.whole("checkout_ttl_seconds"),
        attempts_per_hour: config.size("checkout_attempts_per_hour"),
    }
}

fn cart_rules(config: &Config) -> Rules {
    let currency = Currency::new(config.text("currency"))
        .unwrap_or_else(|_| unreachable!("checked when it was read"));
    let country = Country::new(config.text("country"))
        .unwrap_or_else(|_| unreachable!("checked when it was read"));
    Rules {
        max_lines: config.size("cart_max_lines"),
        max_quantity: config.whole("cart_max_quantity"),
        max_value_minor: config.whole("cart_max_value_minor"),
        max_metadata_bytes: config.size("cart_max_metadata_bytes"),
        ttl_seconds: config.whole("cart_ttl_seconds"),
        drop_in_ttl_seconds: config.whole("drop_in_cart_ttl_seconds"),
        keep_seconds: config.whole("cart_keep_seconds"),
        ..Rules::new(currency, country)
    }
}
