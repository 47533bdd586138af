use super::{Config, ConfigError, KEYS, Source, reference, shown};
use std::io::Write;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigError> {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("written");
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: Vec<_> = flags
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Config::load(
        (!file.is_empty()).then_some(written.path()),
        environment,
        &flags,
    )
}

fn refused(file: &str, environment: &[(&str, &str)]) -> String {
    load(file, environment, &[])
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn every_default_is_allowed() {
    for key in KEYS {
        assert_eq!(
            key.kind.check(key.default).as_deref(),
            Some(key.default),
            "{}",
            key.name
        );
    }
}

#[test]
fn every_name_is_there_once() {
    let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_later_layer_covers_an_earlier_one() {
    let file = "rate_limit_rps = 1\nrate_limit_burst = 1\nlog = \"warn\"\n";
    let environment = [
        ("CARTWRIGHT_RATE_LIMIT_RPS", "2"),
        ("CARTWRIGHT_RATE_LIMIT_BURST", "2"),
    ];
    let config = load(file, &environment, &[("rate_limit_rps", "3")]).expect("good");
    let found = ["rate_limit_rps", "rate_limit_burst", "log", "max_batch"]
        .map(|name| (config.text(name), config.source(name)));
    let expected = [
        ("3", Source::Flag),
        ("2", Source::Environment),
        ("warn", Source::File),
        ("4096", Source::Default),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_inventory_plans_names_work_as_written_and_ours_count_more() {
    let plan = [
        ("CONCURRENCY_API", "16"),
        ("CONCURRENCY_SYNC", "4"),
        ("RATE_LIMIT_RPS", "100"),
        ("RATE_LIMIT_BURST", "200"),
        ("BREAKER_THRESHOLD", "0.5"),
        ("BREAKER_COOLDOWN_MS", "10000"),
        ("RETRY_BASE_MS", "100"),
        ("RETRY_TIMES", "3"),
        ("LOAD_SHED_QUEUE_MAX", "50"),
        ("SNAPSHOT_EVERY_N_EVENTS", "100"),
        ("IDEMP_TTL_MS", "60000"),
        ("LOCKS_ENABLED", "false"),
        ("LOCK_TTL_MS", "2000"),
        ("LOCK_RENEW_MS", "1000"),
        ("LOCK_DIR", "locks"),
        ("LOCK_REJECT_STATUS", "503"),
        ("LOCK_RETRY_AFTER_MS", "300"),
    ];
    let config = load("", &plan, &[]).expect("good");
    for (name, value) in plan {
        assert_eq!(config.text(&name.to_ascii_lowercase()), value);
    }
    let both = [
        ("RATE_LIMIT_RPS", "100"),
        ("CARTWRIGHT_RATE_LIMIT_RPS", "7"),
    ];
    assert_eq!(
        load("", &both, &[]).expect("good").whole("rate_limit_rps"),
        7
    );
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let said = refused("rate_limit_rsp = 5\n", &[]);
    assert!(said.contains("`rate_limit_rps`?"), "{said}");
    let said = refused("zzz = 5\n", &[]);
    assert!(said.contains("config reference"), "{said}");
}

#[test]
fn unknown_variables_are_refused_unless_others_make_them() {
    let said = refused("", &[("CARTWRIGHT_LISSTEN", "x")]);
    assert!(said.contains("CARTWRIGHT_LISTEN`?"), "{said}");
    for name in [
        // What Kubernetes gives to every pod beside a service `cartwright` or `cartwright-console`.
        "CARTWRIGHT_SERVICE_HOST",
        "CARTWRIGHT_SERVICE_PORT_HTTP",
        "CARTWRIGHT_PORT",
        "CARTWRIGHT_PORT_8080_TCP_ADDR",
        "CARTWRIGHT_CONSOLE_SERVICE_HOST",
        "CARTWRIGHT_TEST_POSTGRES_URL",
        "HOME",
    ] {
        load("", &[(name, "x")], &[]).expect(name);
    }
}

#[test]
fn what_is_on_can_be_switched_off_by_a_variable() {
    let on = [("CARTWRIGHT_SAMPLE", "true")];
    for (value, sample) in [("true", false), ("1", false), ("false", true), ("", true)] {
        let config = load("", &[on[0], ("CARTWRIGHT_NO_SAMPLE", value)], &[]).expect("good");
        assert_eq!(config.flag("sample"), sample, "{value}");
        assert_eq!(config.warnings(), [""; 0], "{value}");
    }
    let said = refused("", &[("CARTWRIGHT_NO_SAMPLE", "maybe")]);
    assert!(
        said.contains("CARTWRIGHT_NO_SAMPLE") && said.contains("true or false"),
        "{said}"
    );
}

#[test]
fn bad_values_say_what_is_allowed() {
    let rows = [
        ("CARTWRIGHT_RATE_LIMIT_RPS", "many", "whole number from 0"),
        ("CARTWRIGHT_CART_MAX_LINES", "0", "from 1 to 10000"),
        ("CARTWRIGHT_LISTEN", "nowhere", "127.0.0.1:8080"),
        ("CARTWRIGHT_DATABASE", "mysql://x", "`sqlite` or an address"),
        ("CARTWRIGHT_SOURCING", "both", "`single` or `split`"),
        ("CARTWRIGHT_CURRENCY", "usd", "USD"),
    ];
    for (name, value, expected) in rows {
        let said = refused("", &[(name, value)]);
        assert!(said.contains(expected), "{name}: {said}");
    }
    let said = refused(
        "",
        &[
            ("CARTWRIGHT_LEGACY_OPEN", "true"),
            ("CARTWRIGHT_LISTEN", "0.0.0.0:1"),
        ],
    );
    assert!(said.contains("loopback"), "{said}");
}

#[test]
fn secrets_are_never_shown() {
    let secret = "a-secret-of-some-length";
    let config = load("", &[("CARTWRIGHT_ADMIN_KEY", secret)], &[]).expect("good");
    assert_eq!(config.text("admin_key"), secret);
    assert!(
        shown(&config)
            .iter()
            .all(|(_, value, _)| !value.contains(secret))
    );
    let url = format!("postgres://shop:{secret}@db/shop");
    let config = load("", &[("CARTWRIGHT_DATABASE", &url)], &[]).expect("good");
    let mut values = shown(&config).into_iter();
    let (_, value, _) = values.find(|it| it.0 == "database").expect("it is shown");
    assert_eq!(value, "postgres://shop:***@db/shop");
    let said = refused("", &[("CARTWRIGHT_ADMIN_KEY", "with a space")]);
    assert!(
        !said.contains("with a space") && said.contains("200"),
        "{said}"
    );
    let config = load("", &[("CARTWRIGHT_ADMIN_KEY", "guess")], &[]).expect("good");
    let said = config.warnings().join("; ");
    assert!(
        !said.contains("guess`") && said.contains("admin_key is short"),
        "{said}"
    );
}

#[test]
fn the_reference_has_every_setting() {
    let page = reference();
    assert!(
        KEYS.iter()
            .all(|key| page.contains(&format!("`{}`", key.name)) && page.contains(&key.variable()))
    );
}
