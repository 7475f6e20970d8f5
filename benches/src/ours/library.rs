//! Rows that run in this process, on guest, executor and store.

use std::{
    any::Any,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use executor::{Executor, Finished, Opened, Request, Retry};
use run::Json;
use store::file::Durability;
use tokio::runtime::Runtime;

use super::{
    Ours,
    workflow::{self, Kind},
};
use crate::{
    floors::Floor,
    measure::{Measure, Outcome, median},
    process,
};

/// The time of each of some hundred sequential steps of one run in `disk` mode: a step does nothing, and the next one
/// begins when its result is on disk. Short runs alternate with rounds of the floor: the disk may be in two moods.
pub fn disk_steps(ours: &Ours) -> Result<(Vec<Duration>, Floor), String> {
    let home = ours.scratch.join("steps-disk");
    let (mut times, mut floor) = (Vec::new(), Floor::default());
    for _ in 0..10 {
        floor.sample(&ours.scratch)?;
        times.extend(sequence(&home, Durability::Disk, Kind::Step, 40)?);
    }
    floor.sample(&ours.scratch)?;
    Ok((times, floor))
}

/// Steps per second of 64 runs at once in `disk` mode, 10 steps each, after one wave that is not counted.
pub fn concurrent_steps(ours: &Ours) -> Outcome {
    const RUNS: u64 = 64;
    const STEPS: u64 = 10;
    let io = runtime()?;
    let home = ours.scratch.join("steps-concurrent");
    let (executor, _) = workflow::executor(io.handle(), &home, Durability::Disk)?;
    let wave = || {
        let start = Instant::now();
        let runs: Vec<_> = (0..RUNS).map(|_| io.spawn(driven(executor.clone(), Kind::Step, STEPS))).collect();
        for run in runs {
            completed(io.block_on(run).map_err(|e| e.to_string())??)?;
        }
        Ok::<_, String>(start.elapsed())
    };
    wave()?;
    // The middle of three: one wave is short.
    let times = [wave()?, wave()?, wave()?];
    Ok(Measure::per_second((RUNS * STEPS) as f64 / median(&times).value))
}

/// The mean time of one of 2,000 checkpoints with 100 B of state (`{step, note: 80 × "x"}`) in `process` mode.
pub fn checkpoint(ours: &Ours) -> Outcome {
    mean(sequence(&ours.scratch.join("checkpoint"), Durability::Process, Kind::Checkpoint, 2_000)?)
}

/// The mean time of one of 2,000 sequential steps in `process` mode.
pub fn process_step(ours: &Ours) -> Outcome {
    mean(sequence(&ours.scratch.join("steps-process"), Durability::Process, Kind::Step, 2_000)?)
}

/// The times of `effects` effects of one run, one after the other, after a run that is not counted.
fn sequence(home: &Path, durability: Durability, kind: Kind, effects: u64) -> Result<Vec<Duration>, String> {
    let io = runtime()?;
    let (executor, marks) = workflow::executor(io.handle(), home, durability)?;
    completed(io.block_on(driven(executor.clone(), kind, effects))?)?;
    marks.take();
    completed(io.block_on(driven(executor, kind, effects))?)?;
    let times = marks.take();
    // Checkpoints never reach the host: what it sees is their beginning and end.
    Ok(match kind {
        Kind::Checkpoint => times.iter().map(|time| *time / effects as u32).collect(),
        _ => times,
    })
}

/// Starts a run and drives it until it ends or waits.
async fn driven(executor: Executor, kind: Kind, count: u64) -> Result<Finished, String> {
    let driver = executor.start(workflow::new_run(kind, count)).await.map_err(|e| e.to_string())?;
    let finished = driver.spawn().await.map_err(|_| "the driver's thread died")?;
    finished.map_err(|e| e.to_string())
}

pub(super) fn completed(finished: Finished) -> Result<(), String> {
    if matches!(finished, Finished::Completed(_)) { Ok(()) } else { Err(format!("the run ended as {finished:?}")) }
}

/// As the command line has it: effects are performed on threads of their own.
pub(super) fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())
}

fn mean(times: Vec<Duration>) -> Outcome {
    Ok(Measure::seconds(times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64))
}

/// The time from the call that resumes a waiting run, which has made `checkpoints` checkpoints, to its end. Each round
/// gets its own copy of the run's files.
pub fn resume(ours: &Ours, checkpoints: u64) -> Outcome {
    let io = runtime()?;
    let home = ours.scratch.join(format!("resume-{checkpoints}"));
    let (executor, _) = workflow::executor(io.handle(), &home, Durability::Process)?;
    let driver = io.block_on(executor.start(workflow::new_run(Kind::Wait, checkpoints))).map_err(|e| e.to_string())?;
    let run = driver.run().clone();
    let finished = io.block_on(driver.spawn()).map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    if !matches!(finished, Finished::Waiting(_)) {
        return Err(format!("a run that asks ended as {finished:?}"));
    }
    let mut times = Vec::new();
    for round in 0..5 {
        let copy = ours.scratch.join(format!("resume-{checkpoints}-{round}"));
        process::run(Command::new("cp").arg("-a").arg(&home).arg(&copy), Duration::from_secs(60))?;
        let (executor, _) = workflow::executor(io.handle(), &copy, Durability::Process)?;
        let value = Json::of(&true).map_err(|e| e.to_string())?;
        io.block_on(executor.post(&run, &Request::Answer { n: None, id: None, value })).map_err(|e| e.to_string())?;
        let start = Instant::now();
        let opened = io.block_on(executor.resume(&run, "bench", Retry::No, false)).map_err(|e| e.to_string())?;
        let Opened::Driver(driver) = opened else { return Err("the run had ended".into()) };
        let finished = io.block_on(driver.spawn()).map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        times.push(start.elapsed());
        completed(finished)?;
    }
    Ok(median(&times))
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
    let io = runtime()?;
    let home = scratch.join("waiting");
    let (executor, _) = workflow::executor(io.handle(), &home, Durability::Process)?;
    for _ in 0..runs {
        match io.block_on(driven(executor.clone(), Kind::Ask, 1))? {
            Finished::Waiting(_) => {}
            other => return Err(format!("a run that asks ended as {other:?}")),
        }
    }
    Ok(Box::new((io, executor)))
}
