//! Opening a database: an address that can be understood, a server that keeps what it is given, a schema that this program knows.

use super::fault::{fault, spelled};
use super::lease::{Claim, Fence, Locks};
use super::link::{Io, Link, PATIENCE, Pool, value};
use super::migrations::{self, NEEDED};
use super::read::Reader;
use super::steps::{MigrateError, keep_needed};
use super::write::Writer;
use crate::store::secrets::{Secrets, is_private_key};
use cartwright_app::Fault;
use cartwright_app::ports::{Random, StoreParts};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

/// So long a session waits for a lock, where it says nothing else.
pub(super) const LOCK_TIMEOUT: &str = "SET lock_timeout TO '5s'";

/// Everything is asked for by its keys, some or some hundred of them. A statement is planned once a connection, perhaps while its table is
/// empty, and what is quickest then must not stay when the table has grown: so it is always the index, key by key.
const PLANS: &str = "SET enable_seqscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off; \
                     SET plan_cache_mode TO force_generic_plan; SET jit TO off";
/// The schema that tables are made in, unless the address names another.
const SCHEMA: &str = "cartwright";
/// The oldest server that the statements were tried on.
const VERSION_MIN: i32 = 140_000;
/// A connection whose other end is gone is noticed after so long.
const TCP_PATIENCE: Duration = Duration::from_secs(10);

/// What may be chosen about the store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`, as libpq understands it. Beside its parameters: `schema` (default `cartwright`), and
    /// `sslmode=require` with `sslrootcert=FILE` for a server whose certificate no public authority has signed. Certificates are always checked.
    pub url: String,
    /// The same of a read replica, for lists; nothing: lists are read where is written.
    pub replica: Option<String>,
    /// Connections for reading.
    pub readers: usize,
    /// Whether other processes may use the database too, each of them with leases.
    pub is_shared: bool,
}

impl PostgresOptions {
    /// The usual ones for an address.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            replica: None,
            readers: 4,
            is_shared: false,
        }
    }
}

/// Without the password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("readers", &self.readers)
            .field("is_shared", &self.is_shared)
            .finish_non_exhaustive()
    }
}

/// Why a database cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentences say it; fields are what they name"
)]
pub enum OpenError {
    #[error(
        "the address of the database cannot be understood ({0}): write it as postgres://user:password@host:5432/database"
    )]
    Address(String),
    #[error(
        "the certificates in {file} cannot be read ({detail}): name a file of PEM certificates"
    )]
    Certificates { file: String, detail: String },
    #[error(
        "PostgreSQL at {at} cannot be used ({detail}): check that it runs, the address, the user and its password"
    )]
    Unreachable { at: String, detail: String },
    #[error("PostgreSQL at {at} is version {found}: at least 14 is needed")]
    Version { at: String, found: String },
    #[error(
        "PostgreSQL at {at} runs with {setting}={found}: an acknowledged write would not survive a crash; set it to {wanted}"
    )]
    Setting {
        at: String,
        setting: &'static str,
        found: String,
        wanted: &'static str,
    },
    #[error("PostgreSQL at {at} takes no writes (it is a standby): name the primary")]
    Standby { at: String },
    #[error(
        "the database at {at} was written by a newer version of this program (schema {found}, this one knows {known}): start that version"
    )]
    Newer { at: String, found: i64, known: i64 },
    #[error(
        "the database at {at} is in use by processes that cannot do without step {step} of its schema: stop them first; nothing was changed"
    )]
    Needed { at: String, step: i64 },
    #[error(
        "the database at {at} is in use by another process: stop that one first, or let `serve` share it"
    )]
    Locked { at: String },
    #[error("the database schema could not be brought up to date: {0}")]
    Migrate(#[source] Box<MigrateError>),
    #[error("the thread of the database connections cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the database at {at} failed: {fault}")]
    Failed { at: String, fault: Fault },
}

/// TLS with a checked certificate.
pub(super) struct Secured(pub(super) MakeRustlsConnect);

/// A database and how it is spoken to.
pub(super) struct Address {
    pub(super) config: tokio_postgres::Config,
    pub(super) secured: Option<Secured>,
    pub(super) schema: String,
    /// What each connection begins with.
    pub(super) greeting: String,
    /// For people, without the password.
    pub(super) shown: String,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let mut url = url.to_owned();
        let schema = take_parameter(&mut url, "schema").unwrap_or_else(|| SCHEMA.to_owned());
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if schema.is_empty() || schema.len() > 48 || !schema.chars().all(plain) {
            let wanted = "a schema is 1-48 of a-z, 0-9 and _";
            return Err(OpenError::Address(wanted.to_owned()));
        }
        let roots = take_parameter(&mut url, "sslrootcert");
        // Certificates are always checked, so all that ask for TLS mean the strictest.
        let mode = take_parameter(&mut url, "sslmode").unwrap_or_else(|| "prefer".to_owned());
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|error| OpenError::Address(spelled(&error)))?;
        let is_secured = match mode.as_str() {
            "disable" | "allow" => false,
            "prefer" => roots.is_some(),
            "require" | "verify-ca" | "verify-full" => true,
            other => {
                return Err(OpenError::Address(format!(
                    "sslmode={other} is none of disable, prefer, require, verify-full"
                )));
            }
        };
        config
            .ssl_mode(if is_secured {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            .application_name("cartwright")
            .connect_timeout(Duration::from_secs(5))
            .tcp_user_timeout(TCP_PATIENCE)
            .keepalives_idle(TCP_PATIENCE);
        let secured = is_secured.then(|| tls(roots.as_deref())).transpose()?;
        // A commit that is acknowledged is on the disk, whatever the server's default is. A session that hangs does not keep others out.
        let greeting = format!(
            "SET search_path TO \"{schema}\"; SET synchronous_commit TO on; {LOCK_TIMEOUT}; \
             SET idle_in_transaction_session_timeout TO '10s'; SET client_min_messages TO warning; SET timezone TO 'UTC'; \
             SET default_transaction_isolation TO 'read committed'; SET default_transaction_read_only TO off; {PLANS}"
        );
        let host = |host: &tokio_postgres::config::Host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let database = config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default();
        let shown = format!("{}:{port}/{database}", hosts.join(","));
        Ok(Self {
            config,
            secured,
            schema,
            greeting,
            shown,
        })
    }

    /// Connections say from now on that this program needs its schema, so that nobody takes it back meanwhile.
    fn serve(mut self) -> Self {
        let keep = keep_needed(Locks::of(&self.schema), NEEDED);
        self.greeting = format!("{}; {keep}", self.greeting);
        self
    }

    /// Where commits are announced.
    pub(super) fn channel(&self) -> String {
        format!("cartwright:{}", self.schema)
    }
}

/// Takes a parameter out of an address.
fn take_parameter(url: &mut String, name: &str) -> Option<String> {
    let (base, query) = url.split_once('?')?;
    let (mut found, mut rest) = (None, Vec::new());
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some((key, value)) if key == name => {
                let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                found = Some(value.into_owned());
            }
            _ => rest.push(parameter),
        }
    }
    let rest = rest.join("&");
    *url = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{rest}")
    };
    found
}

fn tls(roots: Option<&str>) -> Result<Secured, OpenError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let bad = |detail: String| OpenError::Certificates {
                file: file.to_owned(),
                detail,
            };
            let read =
                CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?;
            for certificate in read {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                store
                    .add(certificate)
                    .map_err(|error| bad(error.to_string()))?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Address(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Secured(MakeRustlsConnect::new(config)))
}

/// Opens the store of a database, making its tables or bringing them up to date as needed.
///
/// # Errors
/// [`OpenError`], a sentence that says what to do; nothing was changed then.
pub fn open(options: &PostgresOptions, random: &dyn Random) -> Result<StoreParts, OpenError> {
    let address = Arc::new(Address::parse(&options.url)?.serve());
    let replica = options.replica.as_deref().map(Address::parse).transpose()?;
    let io = Arc::new(Io::new().map_err(OpenError::Thread)?);
    let own = Io::of_one().map_err(OpenError::Thread)?;
    let link = connect(&own, &address)?;
    migrations::up_on(&own, &link, &address)?;
    let failed = |fault| OpenError::Failed {
        at: address.shown.clone(),
        fault,
    };
    let secrets = Secrets {
        derivation: secret(&own, &link, "secret", random, |_| true).map_err(failed)?,
        quote_key: secret(&own, &link, "quote_key", random, is_private_key).map_err(failed)?,
    };
    let mut session = [0; 8];
    random.fill(&mut session);
    let claim = Claim::new(i64::from_be_bytes(session));
    let fence = Arc::new(Fence::new(options.is_shared));
    let pool = Pool::new(io.clone(), address.clone(), options.readers);
    let replica = replica.map(|it| Pool::new(io.clone(), Arc::new(it), options.readers));
    let read = Reader::new(pool, replica, secrets, fence.clone());
    let mut write = Writer::new(own, io, address.clone(), link, fence, claim);
    if !options.is_shared && !write.take_alone().map_err(failed)? {
        return Err(OpenError::Locked {
            at: address.shown.clone(),
        });
    }
    write.look().map_err(failed)?;
    Ok(StoreParts {
        write: Box::new(write),
        read: Arc::new(read),
    })
}

/// A connection to a server that keeps what it is given.
pub(super) fn connect(io: &Io, address: &Arc<Address>) -> Result<Arc<Link>, OpenError> {
    let at = || address.shown.clone();
    let schema = format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", address.schema);
    let opened = address.clone();
    let link = io.wait(PATIENCE, async move {
        let link = Link::open(opened, None).await?;
        // Asked for first: whoever may use a schema need not be allowed to make one.
        let exists = link.query("SELECT current_schema() IS NOT NULL", &[]).await;
        if !exists.map_err(fault)?.iter().any(|row| row.get(0)) {
            let is_standby = link
                .query("SELECT pg_is_in_recovery()", &[])
                .await
                .map_err(fault)?;
            if !is_standby.iter().any(|row| row.get(0)) {
                let made = link.run(&schema).await;
                made.or_else(made_by_another).map_err(fault)?;
            }
        }
        Ok(Arc::new(link))
    });
    let link = link.map_err(|fault| OpenError::Unreachable {
        at: at(),
        detail: fault.to_string(),
    })?;
    let asked = link.clone();
    let settings = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
                    current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery()";
    let rows = io.wait(PATIENCE, async move {
        asked.query(settings, &[]).await.map_err(fault)
    });
    let failed = |fault| OpenError::Failed { at: at(), fault };
    let rows = rows.map_err(failed)?;
    let row = rows
        .first()
        .ok_or_else(|| failed(Fault::corrupt("no settings")))?;
    if row.get::<_, i32>(0) < VERSION_MIN {
        return Err(OpenError::Version {
            at: at(),
            found: row.get(1),
        });
    }
    for (column, setting) in [(2, "fsync"), (3, "full_page_writes")] {
        let found: String = row.get(column);
        if found != "on" {
            return Err(OpenError::Setting {
                at: at(),
                setting,
                found,
                wanted: "on",
            });
        }
    }
    if row.get(4) {
        return Err(OpenError::Standby { at: at() });
    }
    Ok(link)
}

/// `IF NOT EXISTS` does not see what another process makes at the same moment.
fn made_by_another(error: tokio_postgres::Error) -> Result<(), tokio_postgres::Error> {
    let made = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_SCHEMA];
    match error.code() {
        Some(code) if made.contains(code) => Ok(()),
        _ => Err(error),
    }
}

/// A secret of the shop: drawn when it is first needed, and the same ever after, whoever else draws at the same time.
fn secret(
    io: &Io,
    link: &Arc<Link>,
    name: &'static str,
    random: &dyn Random,
    fits: impl Fn(&[u8; 32]) -> bool,
) -> Result<[u8; 32], Fault> {
    let mut drawn = [0; 32];
    random.fill(&mut drawn);
    while !fits(&drawn) {
        random.fill(&mut drawn);
    }
    let link = link.clone();
    io.wait(PATIENCE, async move {
        let keep = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        link.query(keep, &[value(name), value(drawn.to_vec())])
            .await
            .map_err(fault)?;
        let kept = "SELECT value FROM meta WHERE name = $1";
        let rows = link.query(kept, &[value(name)]).await.map_err(fault)?;
        let kept = rows.first().map(|row| row.get::<_, Vec<u8>>(0));
        kept.and_then(|kept| kept.try_into().ok())
            .ok_or_else(|| Fault::corrupt(format!("the shop's {name} is not 32 bytes")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_parameters_are_taken_out_of_an_address() {
        let address =
            Address::parse("postgres://anna:secret@db:6432/shop?schema=eu&connect_timeout=3")
                .unwrap();
        assert_eq!(
            (address.schema.as_str(), address.shown.as_str()),
            ("eu", "db:6432/shop")
        );
        assert!(address.secured.is_none());
        assert!(
            Address::parse("postgres://db/shop?sslmode=verify-full")
                .unwrap()
                .secured
                .is_some()
        );
    }

    #[test]
    fn a_bad_address_says_how_to_write_one_and_never_the_password() {
        for bad in [
            "mysql://db/shop",
            "postgres://anna:secret@db:port/shop",
            "postgres://anna:secret@db/shop?schema=Robert'); DROP",
            "postgres://anna:secret@db/shop?sslmode=maybe",
            "postgres://anna:secret@db/shop?unknown=1",
            "postgres://anna:secret@db/shop?sslrootcert=/nowhere",
        ] {
            let error = Address::parse(bad).err().map(|error| error.to_string());
            let error = error.expect("refused");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
