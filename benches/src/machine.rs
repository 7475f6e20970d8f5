//! The machine's facts, without which no number means anything.

use std::{fs, path::Path, process::Command};

use crate::{peers::Peers, process};

/// What stands above the table.
pub fn facts(scratch: &Path, peers: &Peers) -> Vec<String> {
    let cpu = read("/proc/cpuinfo").lines().find_map(|line| line.strip_prefix("model name").map(after_colon));
    let memory = read("/proc/meminfo").lines().find_map(|line| line.strip_prefix("MemTotal").map(after_colon));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    vec![
        format!("{cores} cores ({}), {} of memory", cpu.unwrap_or("?".into()), gigabytes(&memory.unwrap_or_default())),
        format!("Linux {}, file system {}", kernel.trim(), file_system(scratch)),
        format!(
            "node {}, {}",
            version(Command::new("node").arg("--version")),
            version(Command::new(peers.python()).arg("--version"))
        ),
        format!("peers: {}", peers.versions().join(", ")),
    ]
}

/// The load of the last minute: other work on the machine makes every number worse.
pub fn load() -> String {
    read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn after_colon(rest: &str) -> String {
    rest.trim_start_matches([' ', '\t', ':']).trim().to_owned()
}

fn gigabytes(kilobytes: &str) -> String {
    let kilobytes: f64 = kilobytes.trim_end_matches(" kB").parse().unwrap_or(0.0);
    format!("{:.0} GB", kilobytes * 1024.0 / 1e9)
}

fn version(command: &mut Command) -> String {
    process::run(command, std::time::Duration::from_secs(10)).map_or("–".into(), |done| done.stdout.trim().to_owned())
}

/// The kind of file system that holds `path`: that of the longest mount point above it.
fn file_system(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = read("/proc/mounts");
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        path.starts_with(point).then_some((point.len(), kind))
    });
    above.max_by_key(|(length, _)| *length).map_or("?", |(_, kind)| kind).to_owned()
}
