//! The disk that fails: building it, and telling it what fails next. `shim.c` says how it does that.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Files of the data directory, as the disk tells them apart.
pub(super) mod on {
    pub(crate) const DATABASE: u32 = 1;
    pub(crate) const WAL: u32 = 2;
    pub(crate) const DIRECTORY: u32 = 16;
    pub(crate) const ALL: u32 = 63;
}

/// What fails. The numbers are those of `shim.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A write fails and writes nothing.
    WriteError = 1,
    /// The disk is full.
    DiskFull,
    /// A write writes less than it was given.
    ShortWrite,
    /// The disk becomes full in the middle of a write.
    FullInTheMiddle,
    /// A sync fails; what was to be synced is still to be.
    SyncFails,
    /// A sync fails and what was to be synced is given up, though reads go on showing it.
    SyncLoses,
    /// A sync fails and what was to be synced is given up; reads show what was there before.
    SyncReverts,
    /// A read fails.
    ReadError,
    /// A file cannot be made shorter.
    TruncateError,
    /// The power fails.
    PowerCut,
}

/// How each of them is called in a report.
pub(super) const KINDS: [(Kind, &str); 10] = [
    (Kind::WriteError, "write errors"),
    (Kind::DiskFull, "writes to a full disk"),
    (Kind::ShortWrite, "short writes"),
    (Kind::FullInTheMiddle, "disk full within a write"),
    (Kind::SyncFails, "failed syncs"),
    (Kind::SyncLoses, "failed syncs that lose writes"),
    (Kind::SyncReverts, "failed syncs that take writes back"),
    (Kind::ReadError, "read errors"),
    (Kind::TruncateError, "failed truncations"),
    (Kind::PowerCut, "power cuts"),
];

/// A fault to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// So many calls that it could hit go well first.
    pub(super) after: u32,
    /// Then so many fail.
    pub(super) times: u32,
    /// Calls for these files.
    pub(super) files: u32,
    /// What it draws from.
    pub(super) seed: u32,
}

/// Words of the control file, in the order of `struct control`.
const KIND: usize = 0;
const AFTER: usize = 1;
const TIMES: usize = 2;
const FILES: usize = 3;
const SEED: usize = 4;
const LIES: usize = 5;
const FIRED: usize = 6;
const LOST: usize = 22;
const WORDS: usize = 26;

/// The control file, which the disk reads at each call.
#[derive(Debug)]
pub(super) struct Control(File);

impl Control {
    pub(super) fn create(path: &Path) -> Self {
        let file = File::create_new(path).expect("a new control file");
        file.set_len(4096).expect("space for the control file");
        Self::open(path)
    }

    pub(super) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path);
        Self(file.expect("the control file"))
    }

    fn set(&self, word: usize, value: u32) {
        let at = word as u64 * 4;
        self.0
            .write_all_at(&value.to_ne_bytes(), at)
            .expect("a word of the control file");
    }

    fn get(&self, word: usize) -> u64 {
        let mut value = [0; 4];
        self.0
            .read_exact_at(&mut value, word as u64 * 4)
            .expect("a word of the control file");
        u32::from_ne_bytes(value).into()
    }

    /// Plans a fault in place of the one that was planned.
    pub(super) fn plan(&self, fault: Fault) {
        self.off();
        for (word, value) in [
            (AFTER, fault.after),
            (TIMES, fault.times),
            (FILES, fault.files),
            (SEED, fault.seed),
        ] {
            self.set(word, value);
        }
        self.set(KIND, fault.kind as u32);
    }

    /// Nothing fails any more.
    pub(super) fn off(&self) {
        self.set(KIND, 0);
    }

    /// What may still fail while all is read: copying pages into the database, which another thread does.
    pub(super) fn off_but_in_database_writes(&self) {
        if self.get(FILES) != u64::from(on::DATABASE) || self.get(KIND) == Kind::ReadError as u64 {
            self.off();
        }
    }

    /// Syncing these files does nothing, and says that it did.
    pub(super) fn lie(&self, files: u32) {
        self.set(LIES, files);
    }

    /// How often each kind happened, in the order of [`KINDS`].
    pub(super) fn fired(&self) -> [u64; 10] {
        KINDS.map(|(kind, _)| self.get(FIRED + kind as usize))
    }

    /// Syncs that failed and gave up what was to be synced.
    pub(super) fn lossy(&self) -> u64 {
        self.get(FIRED + Kind::SyncLoses as usize) + self.get(FIRED + Kind::SyncReverts as usize)
    }

    /// Writes that cuts and syncs lost, tore, and let through; names that cuts took back.
    pub(super) fn scattered(&self) -> [u64; 4] {
        std::array::from_fn(|word| self.get(LOST + word))
    }
}

const _: () = assert!(FIRED + 16 == LOST && LOST + 4 == WORDS);

/// Where the built disk is; `None`, said once, where there is no C compiler or no Linux.
pub(super) fn shim() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let skipped = |why: &str| {
        eprintln!("SKIPPED, nothing was checked: the disk that fails cannot be had ({why})");
        None
    };
    if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        return skipped("it is written for Linux on 64 bits");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/faulty/shim.c");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = target.join(format!("faulty-{}.so", std::process::id()));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&built, &source])
        .arg("-lpthread")
        .output();
    let output = match compiled {
        Ok(output) => output,
        Err(error) => return skipped(&format!("no C compiler: {error}")),
    };
    // A compiler that is there and refuses is a defect of the shim, not of the machine.
    assert!(
        output.status.success(),
        "shim.c does not compile: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let ready = target.join("faulty.so");
    std::fs::rename(&built, &ready).expect("the built disk, moved to its place");
    Some(ready)
}
