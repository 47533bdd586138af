//! Each service does, once, what the shop wants of it: keep a row, keep a key, carry a
//! message, keep a schema. Without the variable that names a service its test says so, loudly,
//! and proves nothing; `cargo xtask test` sets all of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The address of a service, or None with a line that test runners do not swallow.
fn address(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|it| !it.is_empty());
    if found.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {variable} is not set; `cargo xtask test` starts the service"
        );
    }
    found
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream
}

/// A name that no other run on the same service uses.
fn unique(prefix: &str) -> String {
    let bytes = std::fs::read("/proc/sys/kernel/random/uuid").expect("the kernel makes ids");
    format!(
        "{prefix}_{}",
        String::from_utf8_lossy(&bytes).trim().replace('-', "")
    )
}

fn output(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(input.as_bytes())
        .expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn postgres_keeps_a_row() {
    let Some(url) = address("CARTWRIGHT_TEST_POSTGRES_URL") else {
        return;
    };
    let table = unique("smoke");
    let sql = |sql: &str| {
        output(
            Command::new("psql").args([
                "-X",
                "-A",
                "-t",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
                &url,
            ]),
            "",
        )
    };
    sql(&format!(
        "create table {table} (sku text primary key, on_hand bigint not null)"
    ));
    sql(&format!("insert into {table} values ('SKU123', 42)"));
    assert_eq!(
        sql(&format!("select on_hand from {table} where sku = 'SKU123'")).trim(),
        "42"
    );
    sql(&format!("drop table {table}"));
}

#[test]
fn redis_keeps_a_key() {
    let Some(url) = address("CARTWRIGHT_TEST_REDIS_URL") else {
        return;
    };
    let host = url
        .strip_prefix("redis://")
        .expect("a redis:// URL")
        .split('/')
        .next()
        .unwrap_or_default();
    let mut stream = connect(host);
    let key = unique("smoke");
    write!(
        stream,
        "SET {key} kept EX 60\r\nGET {key}\r\nDEL {key}\r\nGET {key}\r\n"
    )
    .expect("it is sent");
    let lines = BufReader::new(stream)
        .lines()
        .take(5)
        .collect::<Result<Vec<_>, _>>()
        .expect("replies");
    assert_eq!(lines, ["+OK", "$4", "kept", ":1", "$-1"]);
}

#[test]
fn kafka_carries_a_message() {
    let Some(broker) = address("CARTWRIGHT_TEST_KAFKA") else {
        return;
    };
    let Some(tools) = KafkaTools::find() else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: CARTWRIGHT_TEST_KAFKA_LIBS names no directory with Kafka's jars"
        );
        return;
    };
    let topic = unique("smoke");
    let to = ["--bootstrap-server", &broker, "--topic", &topic];
    tools.run(
        "org.apache.kafka.tools.TopicCommand",
        &[
            &["--create", "--partitions", "1", "--replication-factor", "1"],
            &to[..],
        ]
        .concat(),
        "",
    );
    tools.run(
        "org.apache.kafka.tools.ConsoleProducer",
        &to,
        "first\nsecond\n",
    );
    let limits = [
        "--from-beginning",
        "--max-messages",
        "2",
        "--timeout-ms",
        "20000",
    ];
    let read = tools.run(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        &[&to[..], &limits].concat(),
        "",
    );
    assert_eq!(read.lines().collect::<Vec<_>>(), ["first", "second"]);
    tools.run(
        "org.apache.kafka.tools.TopicCommand",
        &[&["--delete"], &to[..]].concat(),
        "",
    );
}

/// The command line tools in Kafka's jars.
struct KafkaTools {
    libs: PathBuf,
}

impl KafkaTools {
    fn find() -> Option<Self> {
        let libs = PathBuf::from(std::env::var_os("CARTWRIGHT_TEST_KAFKA_LIBS")?);
        libs.is_dir().then_some(Self { libs })
    }

    fn run(&self, class: &str, arguments: &[&str], input: &str) -> String {
        let java = std::env::var("CARTWRIGHT_TEST_JAVA").unwrap_or_else(|_| "java".to_owned());
        output(
            Command::new(java)
                .arg("-Xmx256m")
                .arg("-cp")
                .arg(self.libs.join("*"))
                .arg(class)
                .args(arguments),
            input,
        )
    }
}

#[test]
fn the_schema_registry_keeps_a_protobuf_schema_and_refuses_an_incompatible_one() {
    let Some(url) = address("CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL") else {
        return;
    };
    let subject = unique("smoke");
    let schema = r#"syntax = \"proto3\"; message Smoke { string sku = 1; int64 delta = 2; }"#;
    let body = format!(r#"{{"schemaType":"PROTOBUF","schema":"{schema}"}}"#);
    let registered = http(
        &url,
        "POST",
        &format!("/subjects/{subject}/versions"),
        &body,
    );
    let id: u32 = after(&registered, "\"id\":").parse().expect("an id");
    assert!(http(&url, "GET", &format!("/schemas/ids/{id}"), "").contains("message Smoke"));

    http(
        &url,
        "PUT",
        &format!("/config/{subject}"),
        r#"{"compatibility":"BACKWARD"}"#,
    );
    let other = body.replace("int64 delta", "string delta");
    let verdict = http(
        &url,
        "POST",
        &format!("/compatibility/subjects/{subject}/versions/latest"),
        &other,
    );
    assert_eq!(after(&verdict, "\"is_compatible\":"), "false", "{verdict}");
}

/// The plain value that follows `key` in a JSON text.
fn after<'a>(text: &'a str, key: &str) -> &'a str {
    let start = text
        .find(key)
        .unwrap_or_else(|| panic!("no {key} in {text}"))
        + key.len();
    text[start..]
        .split([',', '}'])
        .next()
        .unwrap_or_default()
        .trim()
}

/// One request over HTTP/1.0, which has no chunked replies; the reply must be a 200.
fn http(base: &str, method: &str, path: &str, body: &str) -> String {
    let (host, prefix) = base
        .strip_prefix("http://")
        .expect("an http:// URL")
        .split_once('/')
        .expect("a path");
    let mut stream = connect(host);
    write!(
        stream,
        "{method} /{prefix}{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it is sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    assert!(
        reply.lines().next().is_some_and(|it| it.contains(" 200 ")),
        "{method} {path}: {reply}"
    );
    reply
        .split_once("\r\n\r\n")
        .map(|it| it.1.to_owned())
        .unwrap_or_default()
}
