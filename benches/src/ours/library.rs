//! Rows that run in this process, on executor and store.

use std::{any::Any, path::Path, process::Command, time::Duration};

use super::Ours;
use crate::{
    measure::{Measure, Outcome},
    process,
};

const NOT_BUILT: &str = "not built yet";

/// The time of each of some hundred sequential steps of one run in `disk` mode: a step does nothing, and the next one
/// begins when its result is on disk.
pub fn disk_steps(ours: &Ours) -> Result<Vec<Duration>, String> {
    let _ = &ours.scratch;
    Err(NOT_BUILT.into())
}

/// Steps per second of 64 runs at once in `disk` mode, 10 steps each, after one wave that is not counted.
pub fn concurrent_steps(ours: &Ours) -> Outcome {
    let _ = &ours.scratch;
    Err(NOT_BUILT.into())
}

/// The mean time of one of 2,000 checkpoints with 100 B of state (`{step, note: 80 × "x"}`) in `process` mode.
pub fn checkpoint(ours: &Ours) -> Outcome {
    let _ = &ours.scratch;
    Err(NOT_BUILT.into())
}

/// The mean time of one of 2,000 sequential steps in `process` mode.
pub fn process_step(ours: &Ours) -> Outcome {
    let _ = &ours.scratch;
    Err(NOT_BUILT.into())
}

/// The time from the call that resumes an interrupted run of `checkpoints` checkpoints to its end. Each round gets its
/// own copy of the run's files.
pub fn resume(ours: &Ours, checkpoints: u64) -> Outcome {
    let _ = (&ours.scratch, checkpoints);
    Err(NOT_BUILT.into())
}

/// The resident memory of a process with `runs` waiting runs. It is a process of its own (`bench --waiting`), because
/// memory that an earlier row used and freed is not given back.
pub fn waiting(ours: &Ours, runs: u64) -> Outcome {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(own);
    command.arg("--waiting").arg(runs.to_string()).arg("--scratch").arg(&ours.scratch);
    let done = process::run(&mut command, Duration::from_secs(300))?;
    let bytes = done.stdout.trim().parse().map_err(|_| done.complaint())?;
    Ok(Measure::bytes(bytes))
}

/// That process: starts the runs, waits until all have left memory, and gives its resident memory in bytes.
pub fn wait_here(scratch: &Path, runs: u64) -> Result<u64, String> {
    let kept = start_waiting(scratch, runs)?;
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    drop(kept);
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("{line:?} is no size"))?;
    Ok(kilobytes * 1024)
}

/// Starts `runs` runs that all ask a question, waits until all have left memory, and gives whatever must stay alive.
fn start_waiting(scratch: &Path, runs: u64) -> Result<Box<dyn Any>, String> {
    let _ = (scratch, runs);
    Err(NOT_BUILT.into())
}
