//! Every setting of the product, one a line: name (TOML key, `--flag`, `CARTWRIGHT_ENV`), the inventory plan's own
//! variable where it has one, what is allowed, default, meaning. The reference and `config show` are made from this list.

use super::buying::BUYING;
use super::key::{key, plan};
use super::kind::{Kind, postgres, whole};

pub use super::key::{Key, PREFIX};

const DAY_MS: i64 = 86_400_000;
const YEAR_SECONDS: i64 = 366 * 86_400;
const MANY: i64 = 1_000_000_000;

/// All settings, in the order of the reference: those of the server and its stock, then those of carts and checkouts.
pub const KEYS: &[Key] = &joined::<94>([SHOP, BUYING]);

const SHOP: &[Key] = &[
    key(
        "listen",
        Kind::Address,
        "127.0.0.1:8080",
        "Address and port of HTTP and gRPC.",
    ),
    key(
        "data_dir",
        Kind::Path,
        "cartwright-data",
        "Directory of the database, the search index and the snapshots. One process uses it at a time, or several with `locks_enabled`.",
    ),
    key(
        "database",
        postgres("sqlite"),
        "sqlite",
        "Where state is kept. `sqlite`: a file in the data directory. `postgres://user:password@host:5432/database`: PostgreSQL 14 or newer, shared by all processes that name it; `?schema=NAME` chooses the schema (`cartwright`), `sslmode=require` TLS with a checked certificate, `sslrootcert=FILE` whose.",
    ),
    key(
        "database_replica",
        postgres(""),
        "",
        "A read replica of the database, asked for lists while it has all that the primary has. With PostgreSQL.",
    ),
    key(
        "database_readers",
        whole(1, 256),
        "8",
        "Connections for reading of each process. With PostgreSQL; beside them it has three, for the loop, for what is written beside it and to listen.",
    ),
    key(
        "bus",
        Kind::Bus,
        "embedded",
        "How events reach consumers. `embedded`: the log itself. A Kafka URL: its topics carry the log to consumers and to whoever else reads them (docs/guide/kafka.md).",
    ),
    plan(
        "kafka_orders",
        "KAFKA_ADDR",
        Kind::Text,
        "",
        "Kafka brokers (`host:port`, several parted by commas) to whose topic `orders` each order of the OpenTelemetry demo's checkout is published, as there. Unset: nowhere.",
    ),
    key(
        "cache",
        Kind::Engine {
            word: "memory",
            scheme: "redis://",
        },
        "memory",
        "Where committed state is cached. `memory`: in this process. `redis://host:6379`: products in a Redis or Valkey too, for all processes of the shop; `redis://user:password@host:6379/0`, `redis://a:6379,b:6379` for a cluster.",
    ),
    key(
        "cache_timeout_ms",
        whole(1, 10_000),
        "20",
        "How long a read waits for the shared cache before it asks the database. With `cache` in Redis.",
    ),
    key(
        "cache_ttl_seconds",
        whole(1, 31 * 86_400),
        "3600",
        "How long an entry stays in the shared cache at most. With `cache` in Redis.",
    ),
    key(
        "roles",
        Kind::Roles,
        "all",
        "Which nouns this process serves: `all`, or some of `storefront` (catalogue, search, carts), `inventory` (locations, stock, holds), `checkout` (checkouts, orders, returns, invoices) and `payment` (refunds, wallets, messages of providers), with commas. Operation, keys and documentation are served by all; other routes are answered 404 with the `role` that has them.",
    ),
    key(
        "peers",
        Kind::RolePeers,
        "",
        "Who serves other roles: `inventory=http://10.0.0.8:8080,checkout=http://10.0.0.9:8080`. A process without the role `inventory` asks that one what can be had when a cart grows; without such a peer it reads the database.",
    ),
    key(
        "validation_timeout_ms",
        whole(1, 60_000),
        "250",
        "How long a peer with the role `inventory` may take to say what can be had.",
    ),
    key(
        "validation_fails_open",
        Kind::Flag,
        "true",
        "Whether a cart grows unchecked when that peer does not answer (the hold at checkout decides all the same), or is answered 503.",
    ),
    key(
        "node_name",
        Kind::Text,
        "main",
        "Name of this process in the log (`origin`).",
    ),
    key(
        "sample",
        Kind::Flag,
        "false",
        "Load the sample catalogue when the database is empty.",
    ),
    // Who
    key(
        "admin_key",
        Kind::Secret,
        "",
        "The first admin key; one of less than 16 letters is taken with a warning, for it can be guessed. Unset: the first start makes one and prints it once.",
    ),
    key(
        "admin_key_file",
        Kind::Path,
        "",
        "File that holds `admin_key`, for secrets that are mounted.",
    ),
    key(
        "drop_in",
        Kind::Flag,
        "true",
        "Serve carts, catalogue, checkout, payment, currencies, shipping and e-mail of the OpenTelemetry demo and of Online Boutique (gRPC), and the former's HTTP (`/api/...`, `/get-quote`, `/ship-order`, `/send_order_confirmation`). Their callers send no credentials.",
    ),
    key(
        "legacy_open",
        Kind::Flag,
        "false",
        "Open the store inventory plan's own routes without credentials. Only where `listen` is loopback.",
    ),
    // Logs
    key(
        "log",
        Kind::Text,
        "info",
        "What is logged: a level, or directives like `info,cartwright_api=debug`.",
    ),
    key(
        "log_format",
        Kind::Choice(&["text", "json"]),
        "text",
        "Form of a log line.",
    ),
    // Overload
    plan(
        "concurrency_api",
        "CONCURRENCY_API",
        whole(0, 1_000_000),
        "0",
        "Requests handled at once; more wait, up to `load_shed_queue_max`. 0: as many as come.",
    ),
    plan(
        "concurrency_sync",
        "CONCURRENCY_SYNC",
        whole(1, 10_000),
        "4",
        "Store synchronisations handled at once. Read, but without effect until stores synchronise.",
    ),
    plan(
        "rate_limit_rps",
        "RATE_LIMIT_RPS",
        whole(0, MANY),
        "2000",
        "Requests a second of one principal; an API key may have its own limit. 0: any number.",
    ),
    plan(
        "rate_limit_burst",
        "RATE_LIMIT_BURST",
        whole(1, MANY),
        "4000",
        "Requests at once beyond the rate.",
    ),
    key(
        "rate_limit_ip_rps",
        whole(0, MANY),
        "0",
        "Requests a second of one address. 0: any number.",
    ),
    plan(
        "load_shed_queue_max",
        "LOAD_SHED_QUEUE_MAX",
        whole(1, 1_000_000),
        "16384",
        "Commands that wait for the write loop at most; more are answered 503.",
    ),
    key(
        "max_batch",
        whole(1, 65_536),
        "4096",
        "Commands in one transaction at most.",
    ),
    key(
        "request_wait_ms",
        whole(10, 600_000),
        "10000",
        "How long a request waits for the write loop before it is answered 503.",
    ),
    key(
        "worker_threads",
        whole(0, 1024),
        "0",
        "Threads that serve requests. 0: one a core.",
    ),
    plan(
        "breaker_threshold",
        "BREAKER_THRESHOLD",
        Kind::Ratio,
        "0.5",
        "Share of failures that opens the circuit breaker before a peer with the role `inventory`.",
    ),
    plan(
        "breaker_cooldown_ms",
        "BREAKER_COOLDOWN_MS",
        whole(1, DAY_MS),
        "10000",
        "How long an open circuit breaker waits before it tries once.",
    ),
    key(
        "breaker_window_ms",
        whole(1, DAY_MS),
        "10000",
        "How long an answer or a failure counts for the circuit breaker; at least 5 must.",
    ),
    plan(
        "retry_base_ms",
        "RETRY_BASE_MS",
        whole(1, 60_000),
        "100",
        "First pause before a retry of a remote call. Read, but without effect while everything is in one process.",
    ),
    plan(
        "retry_times",
        "RETRY_TIMES",
        whole(0, 20),
        "3",
        "Retries of a remote call. Read, but without effect while everything is in one process.",
    ),
    // Retries by clients
    plan(
        "idemp_ttl_ms",
        "IDEMP_TTL_MS",
        whole(1000, 31 * DAY_MS),
        "86400000",
        "How long a reply is kept for retries with its Idempotency-Key.",
    ),
    key(
        "max_kept_replies",
        whole(1, MANY),
        "20000000",
        "Kept replies that memory finds; beyond it writes with a key are answered 503, never forgotten early. About 50 bytes each.",
    ),
    // Sizes
    key(
        "max_body_bytes",
        whole(1024, 1 << 30),
        "1048576",
        "Largest body of a request.",
    ),
    key(
        "max_import_bytes",
        whole(1024, 1 << 34),
        "1073741824",
        "Largest body of an import.",
    ),
    key(
        "max_depth",
        whole(4, 512),
        "64",
        "Deepest nesting of a JSON body.",
    ),
    key(
        "max_uri_bytes",
        whole(256, 65_534),
        "8192",
        "Longest address with its query.",
    ),
    key(
        "max_header_bytes",
        whole(1024, 262_144),
        "32768",
        "All headers of a request together.",
    ),
    key(
        "max_quantity",
        whole(1, MANY),
        "1000000000",
        "Largest quantity in a request.",
    ),
    // Stock
    key(
        "sourcing",
        Kind::Choice(&["single", "split"]),
        "single",
        "Whether a line comes from one location or may be split over several.",
    ),
    key(
        "max_ttl_seconds",
        whole(1, YEAR_SECONDS),
        "86400",
        "Longest life of a reservation.",
    ),
    key(
        "guest_reservations",
        whole(1, MANY),
        "100",
        "Open reservations of one guest or customer at most.",
    ),
    // Webhooks out
    key(
        "webhooks_allow_private",
        Kind::Flag,
        "false",
        "Whether webhooks may go to loopback, private and other addresses that are not public. Only where who may make endpoints may also reach those.",
    ),
    key(
        "webhook_endpoints_max",
        whole(0, 1_000),
        "16",
        "Webhook endpoints at most.",
    ),
    key(
        "webhook_timeout_ms",
        whole(10, 120_000),
        "5000",
        "How long an endpoint may take to answer a message.",
    ),
    key(
        "webhook_tries",
        whole(1, 100),
        "12",
        "How often a message is sent before it becomes a dead letter; the endpoint's later messages wait for that.",
    ),
    key(
        "webhook_retry_base_ms",
        whole(10, DAY_MS),
        "1000",
        "The first pause between tries; doubled each time, give or take a fifth.",
    ),
    key(
        "webhook_retry_max_ms",
        whole(10, DAY_MS),
        "900000",
        "The longest pause between tries.",
    ),
    key(
        "dead_letters_max",
        whole(1, 100_000),
        "1000",
        "Dead letters of one consumer at most; beyond it the oldest is discarded, and the log says so.",
    ),
    // Store
    key(
        "cache_mib",
        whole(0, 1 << 20),
        "0",
        "Most committed state kept in memory, in MiB; taken as it is used. 0: a quarter of the machine's or container's \
         memory, between 64 and 4096.",
    ),
    key(
        "read_cache",
        Kind::Flag,
        "true",
        "Answer reads from memory where it has what is asked for, never anything old. false: every read asks the store, to measure \
         what memory is good for.",
    ),
    key(
        "sqlite_cache_mib",
        whole(1, 1 << 16),
        "48",
        "Pages kept by the connection that writes.",
    ),
    key(
        "sqlite_readers",
        whole(1, 256),
        "4",
        "Connections that read.",
    ),
    key(
        "sqlite_reader_cache_mib",
        whole(1, 1 << 14),
        "4",
        "Pages kept by each connection that reads.",
    ),
    plan(
        "snapshot_every_n_events",
        "SNAPSHOT_EVERY_N_EVENTS",
        whole(0, i64::MAX),
        "1000000",
        "Entries of the log between snapshots. 0: none are taken.",
    ),
    key(
        "compact_log",
        Kind::Flag,
        "false",
        "After a snapshot, move what every consumer has read and the older snapshot covers from the log to files in `archive`.",
    ),
    plan(
        "locks_enabled",
        "LOCKS_ENABLED",
        Kind::Flag,
        "false",
        "Several processes may share the data directory: the one that has the lease writes, the others serve reads and take over when it is gone. `false`: a second process refuses to start.",
    ),
    plan(
        "lock_ttl_ms",
        "LOCK_TTL_MS",
        whole(100, DAY_MS),
        "2000",
        "Life of the lease: a process that has not renewed it for so long loses it to another. At least twice `lock_renew_ms`. With `locks_enabled`.",
    ),
    plan(
        "lock_renew_ms",
        "LOCK_RENEW_MS",
        whole(50, DAY_MS),
        "1000",
        "How often the lease is renewed. With `locks_enabled`.",
    ),
    plan(
        "lock_dir",
        "LOCK_DIR",
        Kind::Path,
        "",
        "Directory in which the process that has the lease writes `cartwright-lease.json`, for people and scripts; the lease itself is a row of the database. Unset: no file. With `locks_enabled`.",
    ),
    plan(
        "lock_reject_status",
        "LOCK_REJECT_STATUS",
        whole(400, 599),
        "503",
        "Status of a write to a process without the lease (HTTP; gRPC answers UNAVAILABLE). With `locks_enabled`.",
    ),
    plan(
        "lock_retry_after_ms",
        "LOCK_RETRY_AFTER_MS",
        whole(1, DAY_MS),
        "300",
        "When to try it again: `retry_after_ms` of the refusal, and `Retry-After` in whole seconds. With `locks_enabled`.",
    ),
    // Several processes
    key(
        "advertise_url",
        Kind::Peer,
        "",
        "Where other processes of the shop reach this one, like `http://10.0.0.7:8080`. Unset: `http://` and the address that `listen` came to. With several processes.",
    ),
    key(
        "forward_writes",
        Kind::Choice(&["auto", "true", "false"]),
        "auto",
        "Whether a process without the lease passes writes on to the one that has it, and so takes any request. `auto`: `false` where processes share a data directory (`locks_enabled`: they answer writes as `lock_reject_status` says), `true` elsewhere.",
    ),
    // End
    key(
        "drain_delay_ms",
        whole(0, 600_000),
        "0",
        "After SIGTERM, how long requests are still taken while readiness says no: time for a load balancer to look.",
    ),
];

/// Lists, one after the other.
const fn joined<const N: usize>(lists: [&[Key]; 2]) -> [Key; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut done) = (0, 0);
    while list < lists.len() {
        let mut place = 0;
        while place < lists[list].len() {
            all[done] = lists[list][place];
            (place, done) = (place + 1, done + 1);
        }
        list += 1;
    }
    assert!(done == N, "the number of settings is another");
    all
}

/// The setting of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
