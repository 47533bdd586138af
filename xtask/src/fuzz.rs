//! `fuzz`: a schema-driven fuzzer (Schemathesis) over the committed OpenAPI, against a real server.
//!
//! It looks for answers of 5xx, and for statuses and content types that the description does
//! not name. The seed is fixed and printed: a finding repeats.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::stopwatch::Deadline;
use crate::{process, services, venv, workspace};

const TOOL: &str = "schemathesis==4.32.5";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance";
const ADMIN_KEY: &str = "fuzz-admin-key-0123456789abcdef0123456789abcdef";

/// Arguments of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// At most this many requests per operation and phase
    #[arg(long, default_value_t = 20)]
    max_examples: u32,
    /// Seconds for all of it; random requests go on until they are spent
    #[arg(long, default_value_t = 150)]
    max_time: u32,
    /// What the random requests follow from
    #[arg(long, default_value_t = 20_260_101)]
    seed: u64,
    /// Only this operation's path, as the description spells it
    #[arg(long)]
    path: Option<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            max_examples: 20,
            max_time: 150,
            seed: 20_260_101,
            path: None,
        }
    }
}

/// Where the committed description lies.
pub(crate) fn description() -> PathBuf {
    workspace::root().join("docs/openapi.json")
}

/// # Errors
/// When there is no description, the server does not start, dies, or the fuzzer finds something.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let description = description();
    if !description.is_file() {
        bail!("there is no docs/openapi.json; `cargo xtask generate openapi` writes it");
    }
    let python = venv::with(&[TOOL])?;
    process::run(&mut process::cargo(&[
        "build",
        "--quiet",
        "--package",
        "cartwright",
    ]))?;
    let home = workspace::target().join("fuzz");
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    std::fs::create_dir_all(&home)?;
    let server = Server::start(&home)?;
    println!(
        "fuzz: seed {}, {} examples, {} seconds, {}",
        arguments.seed, arguments.max_examples, arguments.max_time, server.url
    );
    let found = fuzz(&python, &description, &home, &server, arguments);
    let alive = server.answers();
    server.stop()?;
    alive.with_context(|| {
        format!(
            "the server did not survive; see {}",
            home.join("server.log").display()
        )
    })?;
    found.with_context(|| {
        format!(
            "the fuzzer found something; `cargo xtask fuzz --seed {}` repeats it",
            arguments.seed
        )
    })
}

fn fuzz(
    python: &Path,
    description: &Path,
    home: &Path,
    server: &Server,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.current_dir(home).env("PYTHONUNBUFFERED", "1");
    command
        .args(["--config-file", "schemathesis.toml"])
        .arg("run")
        .arg(description);
    command.args([
        "--url",
        &server.url,
        "--header",
        &format!("Authorization: Bearer {ADMIN_KEY}"),
    ]);
    command.args([
        "--checks",
        CHECKS,
        "--phases",
        "examples,coverage,fuzzing",
        "--no-color",
        "--continue-on-failure",
    ]);
    command.args([
        "--seed",
        &arguments.seed.to_string(),
        "--max-examples",
        &arguments.max_examples.to_string(),
    ]);
    command.args([
        "--max-time",
        &arguments.max_time.to_string(),
        "--request-timeout",
        "10",
        "--warnings",
        "off",
    ]);
    command.args([
        "--generation-database",
        "none",
        "--suppress-health-check",
        "all",
        "--workers",
        "1",
    ]);
    if let Some(path) = &arguments.path {
        command.args(["--include-path", path]);
    }
    std::fs::write(home.join("schemathesis.toml"), "")?;
    process::run(&mut command)
}

/// A debug build of the shop on a free port, with the sample catalogue in a directory of its own.
struct Server {
    pid: u32,
    mark: String,
    url: String,
}

impl Server {
    fn start(home: &Path) -> anyhow::Result<Self> {
        let data = home.join("data");
        let port = services::free_port()?;
        let mut command = Command::new(workspace::target().join("debug/cartwright"));
        command
            .args([
                "serve",
                "--sample",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--data-dir",
            ])
            .arg(&data);
        command
            .current_dir(home)
            .env("CARTWRIGHT_ADMIN_KEY", ADMIN_KEY);
        let log = home.join("server.log");
        let pid = process::start(&mut command, &log)?;
        let server = Self {
            pid,
            mark: data.display().to_string(),
            url: format!("http://127.0.0.1:{port}"),
        };
        let deadline = Deadline::after(Duration::from_secs(60));
        while let Err(error) = server.answers() {
            if deadline.passed() || !process::lives(server.pid, &server.mark) {
                server.stop()?;
                return Err(
                    error.context(format!("the server is not ready; see {}", log.display()))
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    fn answers(&self) -> anyhow::Result<()> {
        services::get(&format!("{}/health/readiness", self.url))
    }

    fn stop(&self) -> anyhow::Result<()> {
        process::stop(self.pid, &self.mark, "TERM")
    }
}
