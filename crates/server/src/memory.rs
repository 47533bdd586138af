//! How much memory there is to use.

use std::fs::read_to_string;

const MIB: u64 = 1 << 20;
/// What is kept in memory where nobody says how much, in MiB: not less, and not more.
const LEAST: u64 = 64;
const MOST: u64 = 4096;

/// The share of memory for committed state: a quarter of what the machine has, or of what the container may use.
/// Bytes. [`LEAST`] where nothing tells.
pub(crate) fn quarter() -> u64 {
    let machine = read_to_string("/proc/meminfo").ok();
    let container = read_to_string("/sys/fs/cgroup/memory.max").ok();
    quarter_of(machine.as_deref(), container.as_deref())
}

fn quarter_of(machine: Option<&str>, container: Option<&str>) -> u64 {
    let machine = machine.and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib << 10)
    });
    // "max" is no number, and no limit.
    let container = container.and_then(|text| text.trim().parse().ok());
    let least = machine.into_iter().chain(container).min().unwrap_or(0);
    (least / 4).clamp(LEAST * MIB, MOST * MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_machine_and_container_counts() {
        let machine = "MemTotal:       24678912 kB\nMemFree:  100 kB\n";
        for (machine, container, mib) in [
            (Some(machine), None, 4096),
            (Some(machine), Some("max\n"), 4096),
            (Some(machine), Some("536870912\n"), 128),
            (Some("MemTotal: 4194304 kB"), None, 1024),
            (Some("MemTotal: 65536 kB"), None, 64),
            (Some("nonsense"), None, 64),
            (None, None, 64),
        ] {
            assert_eq!(
                quarter_of(machine, container),
                mib << 20,
                "{machine:?} {container:?}"
            );
        }
    }
}
