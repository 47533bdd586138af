//! What a round's parent tells its children, and how they tell it what they do.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What the parent tells its children, each in an environment variable.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    /// The directory that the disk watches; the data directory is made in it.
    pub(super) root: PathBuf,
    pub(super) control: PathBuf,
    pub(super) seed: u64,
    /// Which process of the round it is.
    pub(super) life: u64,
    /// Steps to do.
    pub(super) steps: u64,
    /// What became of the steps before: `T`aken, `N`ot, or `O`pen, the last one alone.
    pub(super) history: String,
    /// The secret of the shop, once it was read.
    pub(super) secret: String,
    /// Beats of the lease as it may stand: the last one acknowledged, and those tried since.
    pub(super) leases: String,
}

const PREFIX: &str = "CARTWRIGHT_FAULTY_";

impl Orders {
    pub(super) fn environment(&self) -> [(String, String); 8] {
        let path = |path: &Path| path.to_str().expect("a path of letters").to_owned();
        [
            ("ROOT", path(&self.root)),
            ("CONTROL", path(&self.control)),
            ("SEED", self.seed.to_string()),
            ("LIFE", self.life.to_string()),
            ("STEPS", self.steps.to_string()),
            ("HISTORY", self.history.clone()),
            ("SECRET", self.secret.clone()),
            ("LEASES", self.leases.clone()),
        ]
        .map(|(name, value)| (format!("{PREFIX}{name}"), value))
    }

    /// `None` where nobody gave any: in the process of all tests.
    pub(super) fn read() -> Option<Self> {
        let text = |name: &str| std::env::var(format!("{PREFIX}{name}")).ok();
        let number = |name: &str| text(name)?.parse().ok();
        Some(Self {
            root: text("ROOT")?.into(),
            control: text("CONTROL")?.into(),
            seed: number("SEED")?,
            life: number("LIFE")?,
            steps: number("STEPS")?,
            history: text("HISTORY")?,
            secret: text("SECRET")?,
            leases: text("LEASES")?,
        })
    }
}

/// Tells the parent something. It reads it from a pipe, so what was said before a cut was heard.
pub(super) fn say(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // The harness leaves a line of its own open.
    let said = writeln!(out, "\nfaulty {line}").and_then(|()| out.flush());
    said.expect("the parent listens");
}
