//! The OpenAPI 3.1 document and the who-may-call table, both read off the registry of routes.

mod examples;
mod headers;
mod refusals;
mod schemas;

use super::endpoint::{Access, BodyKind, Endpoint, QueryParam, Verb};
use super::routes;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What every page of the documentation says first.
const DESCRIPTION: &str = "The transaction core of a shop: catalog, stock and carts.\n\n\
    Every reply carries `Request-Id`. Every GET also answers HEAD. Versioned resources carry `ETag: \"<version>\"`, which a \
    write may send back as `If-Match` or as `expected_version` in its body. A write with an `Idempotency-Key` happens once, \
    however often it is sent. Refusals are problems (RFC 9457) with a stable `code`; `/docs/errors` explains each.";

/// The OpenAPI 3.1 document of all routes.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    let endpoints: Vec<_> = routes().collect();
    let bodies: Vec<_> = endpoints.iter().map(|it| schemas.request(it)).collect();
    let replies: Vec<_> = endpoints.iter().map(|it| schemas.replies(it)).collect();
    let mut named = schemas.finish();
    let mut refused = refusals::Refusals::default();
    let mut paths: Map<String, Value> = Map::new();
    for ((endpoint, body), replies) in endpoints.iter().zip(bodies).zip(replies) {
        let body = body.map(|schema| named.body(schema));
        let replies = replies.into_iter();
        let replies = replies.map(|(status, schema)| (status, schema.map(|it| named.reply(it))));
        let replies = replies.collect();
        let operation = operation(endpoint, body, replies, &named.components, &mut refused);
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        item[endpoint.method.as_str().to_ascii_lowercase()] = operation;
    }
    let mut components = named.components;
    components.insert("Problem".into(), refusals::problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cartwright",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags(&endpoints),
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": refused.components(),
            "parameters": headers::parameters(),
            "headers": headers::components(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "cartToken": {
                    "type": "apiKey", "in": "header", "name": "Cart-Token",
                    "description": "A cart's secret, as its creation returned it.",
                },
            },
        },
    })
}

fn operation(
    endpoint: &Endpoint,
    body: Option<Value>,
    replies: Vec<(u16, Option<Value>)>,
    components: &Map<String, Value>,
    refused: &mut refusals::Refusals,
) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": format!("Who may call: {}.", who(endpoint.access)),
        "tags": [tag(endpoint)],
        "security": security(endpoint.access),
        "parameters": parameters(endpoint),
    });
    if let Some(schema) = body {
        operation["requestBody"] = request_body(endpoint, schema, components);
    }
    operation["responses"] = responses(endpoint, replies, components, refused);
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let mut list: Vec<_> = path_names(endpoint.path)
        .map(|name| path_parameter(endpoint.path, name))
        .collect();
    list.extend(endpoint.query.iter().map(query_parameter));
    list.push(json!({"$ref": "#/components/parameters/RequestId"}));
    if endpoint.writes() {
        list.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        list.push(json!({"$ref": "#/components/parameters/IfMatch"}));
    }
    list
}

/// Names of a path's parameters, in order.
fn path_names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(path: &str, name: &str) -> Value {
    let (schema, description) = match name {
        "sku" => (
            json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
            "A SKU.",
        ),
        "store" | "storeId" => (
            json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
            "Id of a store or warehouse.",
        ),
        "currency" => (
            json!({"type": "string", "pattern": "^[A-Z]{3}$"}),
            "ISO 4217 code.",
        ),
        _ => (json!({"type": "string", "minLength": 1}), "Which one."),
    };
    let mut parameter = json!({
        "name": name, "in": "path", "required": true, "description": description, "schema": schema,
    });
    if let Some(example) = examples::path(path, name) {
        parameter["example"] = json!(example);
    }
    parameter
}

fn query_parameter(query: &QueryParam) -> Value {
    let one: Value = serde_json::from_str(query.schema).unwrap_or_else(|_| json!({}));
    let schema = if query.repeated {
        json!({"type": "array", "items": one})
    } else {
        one
    };
    let mut parameter = json!({
        "name": query.name, "in": "query", "description": query.description, "schema": schema,
    });
    if query.repeated {
        parameter["explode"] = json!(true);
    }
    parameter
}

fn request_body(endpoint: &Endpoint, schema: Value, components: &Map<String, Value>) -> Value {
    let required = schemas::resolve(&schema, components)
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    let mut media = json!({"schema": schema});
    if let Some(example) = examples::body(endpoint.name) {
        media["example"] = example;
    }
    let mut content = Map::new();
    if endpoint.body == BodyKind::Patch {
        content.insert("application/merge-patch+json".into(), media.clone());
    }
    content.insert("application/json".into(), media);
    if endpoint.body == BodyKind::Import {
        let lines = json!({"type": "string", "description": "One JSON object a line."});
        content.insert("application/jsonl".into(), json!({"schema": lines}));
    }
    json!({"required": required, "content": content})
}

fn responses(
    endpoint: &Endpoint,
    replies: Vec<(u16, Option<Value>)>,
    components: &Map<String, Value>,
    refused: &mut refusals::Refusals,
) -> Value {
    let mut responses: std::collections::BTreeMap<String, Value> = Default::default();
    for (status, schema) in replies {
        let versioned = schema.as_ref().is_some_and(|schema| {
            !schemas::resolve(schema, components)["properties"]["version"].is_null()
        });
        let mut response = json!({
            "description": meaning(status),
            "headers": headers::of_reply(endpoint, status, versioned),
        });
        if status != 204 {
            response["content"] = content(endpoint, schema);
        }
        if versioned && endpoint.method == Verb::Get && status == 200 {
            let unchanged = json!({
                "description": "It is still at the version of `If-None-Match`.",
                "headers": headers::of_reply(endpoint, 304, true),
            });
            responses.insert("304".into(), unchanged);
        }
        responses.insert(status.to_string(), response);
    }
    for (status, codes) in refusals::by_status(endpoint) {
        let status_text = status.to_string();
        match responses.get_mut(&status_text) {
            // A status that is a reply of its own too (readiness): both forms are told.
            Some(reply) => {
                reply["content"]["application/problem+json"] = refusals::content(&codes);
            }
            None => {
                responses.insert(status_text, refused.reference(status, codes));
            }
        }
    }
    json!(responses)
}

fn content(endpoint: &Endpoint, schema: Option<Value>) -> Value {
    let mut content = Map::new();
    for media in endpoint.produces.split(", ") {
        let schema = match (&schema, media) {
            (Some(schema), _) => schema.clone(),
            (None, "application/json") => json!({"type": "object"}),
            (None, _) => json!({"type": "string"}),
        };
        content.insert(media.to_owned(), json!({"schema": schema}));
    }
    Value::Object(content)
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done; this is how it stands.",
        201 => "Created.",
        202 => "Taken on; it goes on by itself.",
        204 => "Done; there is nothing to show.",
        503 => "Not now.",
        _ => "As said.",
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([{}, {"bearer": []}]),
        Access::Scope(scope) | Access::Legacy(scope) => json!([{"bearer": [scope.as_str()]}]),
        Access::AnyScope(scopes) => scopes
            .iter()
            .map(|scope| json!({"bearer": [scope.as_str()]}))
            .collect(),
        Access::Cart => json!([{"cartToken": []}, {"bearer": ["carts"]}]),
        Access::CartOfBody | Access::Checkout => {
            json!([{"cartToken": []}, {"bearer": ["checkouts"]}])
        }
        Access::Order(scope) => json!([{"cartToken": []}, {"bearer": [scope.as_str()]}]),
    }
}

/// Who may call, in words.
pub(super) fn who(access: Access) -> String {
    let key = |names: &[&str]| format!("a key with scope `{}` or `admin`", names.join("`, `"));
    match access {
        Access::Public => "anybody".to_owned(),
        Access::Scope(scope) => key(&[scope.as_str()]),
        Access::Legacy(scope) => format!(
            "{}; anybody where `--legacy-open` is set",
            key(&[scope.as_str()])
        ),
        Access::AnyScope(scopes) => {
            let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            key(&names)
        }
        Access::Cart => format!("the holder of the cart's token; {}", key(&["carts"])),
        Access::CartOfBody => format!(
            "the holder of the token of the cart that the body names; {}",
            key(&["checkouts"])
        ),
        Access::Checkout => format!(
            "the holder of the token of the checkout's cart; {}",
            key(&["checkouts"])
        ),
        Access::Order(scope) => format!(
            "the holder of the token of the order's cart; {}",
            key(&[scope.as_str()])
        ),
    }
}

/// The noun a route belongs to.
fn tag(endpoint: &Endpoint) -> &'static str {
    let Some(path) = endpoint.path.strip_prefix("/v1/") else {
        let plan = endpoint.path.starts_with("/stores/") || endpoint.path == "/sync";
        let api = endpoint.path.starts_with("/api/");
        return match (plan || endpoint.name.starts_with("legacy"), api) {
            (true, _) => "store inventory plan",
            (false, true) => "storefront drop-in",
            (false, false) => "operation",
        };
    };
    match path.split('/').next().unwrap_or(path) {
        "stores" if path.contains("/inventory") => "stock",
        "inventory" | "sync" | "dead-letters" => "operation",
        "webhook-endpoints" => "webhooks",
        "products" | "variants" | "search" | "imports" => "catalog",
        "carts" | "customers" => "carts",
        "ledger" => "wallets",
        "api-keys" => "keys",
        "returns" | "invoices" => "orders",
        first => first,
    }
}

fn tags(endpoints: &[&'static Endpoint]) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        if !names.contains(&tag(endpoint)) {
            names.push(tag(endpoint));
        }
    }
    names
        .into_iter()
        .map(|name| json!({"name": name}))
        .collect()
}

/// The table of all routes and who may call them, as Markdown.
pub fn who_may_call() -> String {
    let mut out = String::from(
        "# Who may call\n\n\
         Read off the registry of routes. `admin` is a scope that contains every other one. A bad key is refused with 401 \
         everywhere, also where none is needed. Another one's cart answers 404, as if it did not exist.\n\n\
         | route | operation | who |\n|---|---|---|\n",
    );
    for endpoint in routes() {
        let line = format!(
            "| `{} {}` | {} | {} |",
            endpoint.method.as_str(),
            endpoint.path,
            endpoint.name,
            who(endpoint.access)
        );
        writeln!(out, "{line}").unwrap_or_else(|error| unreachable!("writing to memory: {error}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CODES;
    use std::collections::HashSet;

    fn each_object(value: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                visit(object);
                object.values().for_each(|value| each_object(value, visit));
            }
            Value::Array(list) => list.iter().for_each(|value| each_object(value, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut seen = 0;
        each_object(&document, &mut |object| {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let pointer = reference.strip_prefix('#').expect(reference);
                assert!(document.pointer(pointer).is_some(), "{reference}");
                seen += 1;
            }
        });
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn every_route_is_an_operation_of_its_own_name() {
        let document = document();
        let mut names = HashSet::new();
        for endpoint in routes() {
            assert!(names.insert(endpoint.name), "{} twice", endpoint.name);
            let method = endpoint.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][endpoint.path][&method];
            assert_eq!(operation["operationId"], endpoint.name, "{}", endpoint.path);
            assert!(who_may_call().contains(&format!(
                "`{} {}`",
                endpoint.method.as_str(),
                endpoint.path
            )));
        }
    }

    #[test]
    fn every_refusal_has_its_own_status_and_a_known_code() {
        for endpoint in routes() {
            for code in endpoint.refusals {
                assert!(CODES.iter().any(|(known, _)| known == code), "{code}");
            }
        }
        let document = document();
        let adjust = &document["paths"]["/v1/stores/{store}/inventory/{sku}/adjust"]["post"];
        let statuses: Vec<_> = adjust["responses"]
            .as_object()
            .expect("responses")
            .keys()
            .collect();
        let expected = [
            "200", "400", "401", "403", "404", "406", "409", "413", "414", "415", "422", "429",
            "431", "500", "503",
        ];
        assert_eq!(statuses, expected);
    }

    #[test]
    fn a_body_may_name_the_version_it_expects() {
        let document = document();
        for endpoint in routes().filter(|it| it.writes() && it.body != BodyKind::Import) {
            let method = endpoint.method.as_str().to_ascii_lowercase();
            let body = &document["paths"][endpoint.path][&method]["requestBody"];
            let schema = &body["content"]["application/json"]["schema"];
            let components = document["components"]["schemas"]
                .as_object()
                .expect("schemas");
            let schema = schemas::resolve(schema, components);
            if schema["additionalProperties"] == false {
                let version = &schema["properties"]["expected_version"];
                assert!(version.is_object(), "{}", endpoint.name);
            }
        }
    }

    #[test]
    fn every_example_belongs_to_a_route() {
        let names: HashSet<_> = routes().map(|it| it.name).collect();
        for (name, text) in examples::BODIES {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{name}");
            assert!(names.contains(name), "{name}");
        }
    }
}
