//! Rust code and descriptors from `proto/**/*.proto`, without a system `protoc`.
//!
//! One file per package (`cartwright.v1.rs`), clients and servers of all services, and
//! `descriptors.bin` (a `FileDescriptorSet` with comments left out) for reflection. Whoever
//! includes the files nests modules like packages: `cartwright::{v1, events::v1}`, `oteldemo`,
//! `hipstershop`. Maps become `BTreeMap`, so that equal messages have equal bytes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use protox::prost::Message;

use super::Outcome;
use crate::workspace;

/// Where the generated code lies, relative to the repository's root.
pub(super) const DIRECTORY: &str = "crates/proto/src/gen";

pub(super) fn write(root: &Path) -> anyhow::Result<Outcome> {
    let include = workspace::root().join("proto");
    let sources = workspace::files(&include, "proto")?;
    if sources.is_empty() {
        return Ok(Outcome::Skipped("there is no proto/**/*.proto"));
    }
    let out = root.join(DIRECTORY);
    std::fs::create_dir_all(&out)?;

    let mut compiler = protox::Compiler::new([&include])?;
    compiler.include_imports(true).include_source_info(true);
    compiler
        .open_files(&sources)
        .context("a proto file does not compile")?;
    let with_comments = compiler.file_descriptor_set();

    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(false)
        .btree_map(".")
        .out_dir(&out)
        .compile_fds(with_comments.clone())?;

    std::fs::write(
        out.join("descriptors.bin"),
        without_comments(with_comments).encode_to_vec(),
    )?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&out)? {
        files.push(PathBuf::from(DIRECTORY).join(entry?.file_name()));
    }
    files.sort();
    Ok(Outcome::Written(files))
}

/// Comments change no wire byte, so they stay out of the committed binary file.
fn without_comments(
    mut set: protox::prost_reflect::prost_types::FileDescriptorSet,
) -> protox::prost_reflect::prost_types::FileDescriptorSet {
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}
