//! A file system that can be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, taken away at the end.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        Self::mount_with(at, 24)
    }

    /// One of so many MiB.
    pub(crate) fn mount_with(at: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(at).expect("the target directory can be written");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(at)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Writes until nothing more fits.
    pub(crate) fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .expect("the filler can be made");
        for size in [65_536, 4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }

    /// As [`free`](Self::free), where it may be free already.
    #[allow(
        dead_code,
        reason = "shared by two test binaries, one of which knows when it is full"
    )]
    pub(crate) fn free_if_full(&self) {
        // Not there: nobody has filled it.
        fs::remove_file(self.filler()).unwrap_or_default();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
