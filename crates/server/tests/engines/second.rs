//! What takes a second server: a standby that lists are read from, and connections that are encrypted.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::postgres::Postgres;
use crate::support::{Setup, Shop, TempDir, eventually, fresh, text};

const SOON: Duration = Duration::from_secs(60);
/// Products that are made and looked for.
const PRODUCTS: usize = 20;

fn url(server: &Postgres) -> String {
    server.url_at(server.address)
}

fn make(shop: &Shop) -> String {
    let id = fresh("product");
    let variant = json!({"sku": fresh("sku"), "prices": [{"amount": 100, "currency": "USD"}]});
    let product = json!({"id": id, "name": id, "variants": [variant]});
    shop.post("/v1/products")
        .admin()
        .json(product)
        .send()
        .is(201);
    id
}

/// Whether all products are listed, whoever is asked for the list.
fn lists(shop: &Shop, id: &str) -> bool {
    let listed = shop.get("/v1/products?limit=100").send().ok();
    let items = listed["items"].as_array().expect("a list");
    items.iter().any(|it| it["id"] == id)
}

/// How often the standby was asked for products.
fn asked(standby: &Postgres) -> u64 {
    let sql =
        "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_tables WHERE relname = 'products'";
    standby.asked(sql).parse().expect("a number")
}

/// What a shop says of its read replica; it is ready all the same.
fn says(shop: &Shop) -> String {
    let ready = shop.get("/health/readiness").send().is(200).json();
    text(&ready["dependencies"]["replica"])
}

#[test]
fn a_standby_is_asked_for_lists_and_nobody_sees_what_is_old() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let standby = primary.standby();
    let dir = Arc::new(TempDir::new("standby"));
    let setup = Setup::new(&dir)
        .with("CARTWRIGHT_DATABASE", &url(&primary))
        .with("CARTWRIGHT_DATABASE_REPLICA", &url(&standby));
    let shop = Shop::of(setup.start(), dir);
    for _ in 0..PRODUCTS {
        let id = make(&shop);
        assert!(lists(&shop, &id), "{id} was acknowledged");
    }
    // It is asked when it has what is committed; what it was asked shows a little later.
    eventually(SOON, "the standby answers lists", || {
        assert!(shop.get("/v1/products").send().status == 200);
        (asked(&standby) > 0).then_some(())
    });
    assert_eq!(says(&shop), "ok");
    // It stays behind, and nobody sees that.
    standby.asked("SELECT pg_wal_replay_pause()::text");
    for _ in 0..PRODUCTS {
        let id = make(&shop);
        assert!(lists(&shop, &id), "{id} was acknowledged");
    }
    let last = make(&shop);
    standby.kill();
    assert!(lists(&shop, &last), "the primary answers without it");
    assert_eq!(says(&shop), "degraded");
    standby.run();
    eventually(SOON, "the standby answers again", || {
        assert!(lists(&shop, &last));
        (says(&shop) == "ok").then_some(())
    });
    let metrics = shop.get("/metrics").admin().send().is(200).text();
    for result in ["served", "behind", "failed"] {
        let name = format!("cartwright_replica_lists_total{{result=\"{result}\"}} ");
        let (_, count) = metrics.split_once(&name).expect("the metric");
        assert!(!count.starts_with('0'), "{result}: {metrics}");
    }
}

#[test]
fn connections_are_encrypted_and_the_servers_certificate_is_checked() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    if std::process::Command::new("openssl")
        .arg("version")
        .output()
        .is_err()
    {
        let skipped =
            "SKIPPED, nothing was checked: openssl, which makes certificates, is not installed";
        writeln!(std::io::stderr(), "{skipped}").expect("standard error");
        return;
    }
    let plain = url(&server);
    let dir = TempDir::new("encrypted");
    let refused = |more: &str| {
        let setup = Setup::new(&dir).with("CARTWRIGHT_DATABASE", &format!("{plain}?{more}"));
        setup.refusal().said
    };
    let said = refused("sslmode=require");
    assert!(said.contains("TLS"), "a server that cannot: {said}");
    let root = server.encrypt();
    let said = refused("sslmode=require");
    assert!(
        said.contains("certificate"),
        "signed by nobody who is known: {said}"
    );
    let trusting = format!("sslmode=require&sslrootcert={}", root.display());
    let setup = Setup::new(&dir).with("CARTWRIGHT_DATABASE", &format!("{plain}?{trusting}"));
    let shop = Shop::of(setup.start(), Arc::new(TempDir::new("encrypted-shop")));
    let id = make(&shop);
    assert!(lists(&shop, &id));
    let count = |is_so: &str| {
        server.asked(&format!(
            "SELECT count(*)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'cartwright' AND {is_so}"
        ))
    };
    assert_eq!(count("NOT ssl"), "0");
    assert_ne!(count("ssl"), "0");
}
