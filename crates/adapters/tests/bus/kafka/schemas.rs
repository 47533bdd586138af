//! Schemas in a real registry: registered, kept compatible, and registered again when the registry forgets.

use super::real::{lying, options, relayed};
use crate::floor::{Floor, until};
use cartwright_adapters::bus::kafka::{
    COMPATIBILITY, Registry, RegistryError, schema_of_file, schemas,
};
use std::collections::BTreeMap;

/// The files of the last release, by name.
const RELEASED: &[(&str, &str)] = include!("../released/files.rs");

#[test]
fn todays_schemas_follow_those_of_the_last_release() {
    let Some(options) = options("compatibility") else {
        return;
    };
    let registry = Registry::new(&options.registry).expect("a registry");
    let today = schemas();
    let today: BTreeMap<_, _> = today.iter().map(|(noun, it)| (*noun, it)).collect();
    for (file, noun) in [
        ("catalog", "product"),
        ("location", "store"),
        ("inventory", "level"),
        ("cart", "cart"),
        ("checkout", "checkout"),
        ("payment", "payment"),
        ("order", "order"),
        ("wallet", "wallet"),
        ("api_key", "api_key"),
        ("webhook_endpoint", "webhook_endpoint"),
        ("dead_letter", "dead_letter"),
        ("log", "log"),
    ] {
        let subject = format!("{}-{noun}", options.prefix);
        let released = schema_of_file(RELEASED, file);
        let registered = registry.register(&subject, &released.text, COMPATIBILITY);
        registered.expect("the released one");
        let follows = registry.is_compatible(&subject, &today[noun].text);
        assert_eq!(
            follows,
            Ok(true),
            "events/v1/{file}.proto breaks what was released: add fields, and never change, renumber or remove one"
        );
    }
}

#[test]
fn a_breaking_change_is_refused() {
    let Some(options) = options("a breaking change") else {
        return;
    };
    let registry = Registry::new(&options.registry).expect("a registry");
    let subject = format!("{}-breaking", options.prefix);
    let released = schema_of_file(RELEASED, "location").text;
    let id = registry
        .register(&subject, &released, COMPATIBILITY)
        .expect("registered");
    assert_eq!(registry.find(&subject, &released), Ok(Some(id)));
    let broken = [
        released.replace("string country = 3;", "int32 country = 3;"),
        released.replace("string country = 3;", ""),
        released.replace("int32 priority = 5;", "int32 priority = 9;"),
    ];
    for text in broken {
        assert_ne!(text, released);
        assert_eq!(registry.is_compatible(&subject, &text), Ok(false), "{text}");
        let refused = registry.register(&subject, &text, COMPATIBILITY);
        assert!(
            matches!(refused, Err(RegistryError::Refused { .. })),
            "{refused:?}"
        );
    }
    let grown = released.replace(
        "int32 priority = 5;",
        "int32 priority = 5;\n  string zone = 90;",
    );
    assert_eq!(registry.is_compatible(&subject, &grown), Ok(true));
}

/// To the relay a registry that was started again, empty, is one that knows its subjects no more.
#[test]
fn a_registry_that_has_forgotten_is_told_again() {
    let Some(options) = options("a registry that forgets") else {
        return;
    };
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let subject = format!("{}-value", options.topic_of("store"));
    let (_, schema) = schemas()
        .into_iter()
        .find(|it| it.0 == "store")
        .expect("stores");
    let registry = Registry::new(&options.registry).expect("a registry");
    floor.grow(5);
    let known = || registry.find(&subject, &schema.text).expect("an answer");
    until("it is registered", || known().is_some());
    until("all is published", || {
        lying(&options, &options.topic_of("store")).len() == 5
    });
    for noun in schemas() {
        forget(
            &options.registry,
            &format!("{}-value", options.topic_of(noun.0)),
        );
    }
    assert_eq!(known(), None);
    until("it is registered again", || {
        floor.grow(1);
        known().is_some()
    });
    floor.close();
    relay.close();
    let last = lying(&options, &options.topic_of("store"));
    let last = last
        .iter()
        .max_by_key(|it| it.position())
        .expect("messages");
    let id = i32::from_be_bytes(last.value[1..5].try_into().expect("an id"));
    assert_eq!(
        registry.schema(id).expect("an answer").as_deref(),
        Some(&*schema.text)
    );
}

fn forget(registry: &str, subject: &str) {
    use http_body_util::Full;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let http = cartwright_adapters::http::HttpClient::new();
    for permanent in ["false", "true"] {
        let request = http::Request::builder()
            .method("DELETE")
            .uri(format!(
                "{registry}/subjects/{subject}?permanent={permanent}"
            ))
            .body(Full::default())
            .expect("a request");
        let within = std::time::Duration::from_secs(5);
        let runtime = runtime.as_ref().expect("threads");
        let reply = runtime
            .block_on(http.send(request, within))
            .expect("a reply");
        assert!(matches!(reply.status, 200 | 404), "{reply:?}");
    }
}
