//! Our own rows: one function per row. Whole-process rows call the `quicksave` binary; the others use the libraries.

mod binary;
pub mod events;
mod flows;
mod guest;
mod library;
mod neutron;
mod stores;
mod workflow;

pub use library::wait_here;
pub use stores::{BackEnd, serve_s3, state};

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{floors::Floor, measure::Outcome};

/// What the rows need.
pub struct Ours {
    /// The `quicksave` binary.
    pub quicksave: PathBuf,
    /// The folder of the programs that are run.
    pub programs: PathBuf,
    /// A folder on the disk that is measured, ours to fill.
    pub scratch: PathBuf,
    /// The folder with photon-core's 10,000 logs: `runs/` lies in it.
    pub photon_home: PathBuf,
    steps: OnceCell<Result<(Vec<Duration>, Floor), String>>,
}

impl Ours {
    /// Everything below `scratch` is made here.
    pub fn new(quicksave: &Path, programs: &Path, scratch: &Path) -> Self {
        let photon_home = scratch.join("photon-home");
        Self {
            quicksave: quicksave.into(),
            programs: programs.into(),
            scratch: scratch.into(),
            photon_home,
            steps: Default::default(),
        }
    }

    /// Measures the row of this id.
    pub fn measure(&self, row: &str) -> Outcome {
        match row {
            "start.vm" => guest::start(),
            "start.process" => binary::start(self),
            "steps.disk" => self.disk_steps().map(crate::measure::median),
            "steps.disk.p99" => self.disk_steps().map(|times| crate::measure::percentile(times, 0.99)),
            "steps.disk.rate" => self.disk_steps().map(crate::measure::rate),
            "steps.concurrent" => library::concurrent_steps(self),
            "steps.checkpoint" => library::checkpoint(self),
            "steps.process" => library::process_step(self),
            "snapshot.size" => guest::snapshot_size(),
            "snapshot.time" => guest::snapshot_time(),
            "snapshot.restore" => guest::restore(),
            "resume.10" => library::resume(self, 10),
            "resume.1000" => library::resume(self, 1_000),
            "resume.100000" => library::resume(self, 100_000),
            "resume.process.10" => binary::resume(self, 10),
            "resume.process.1000" => binary::resume(self, 1_000),
            "resume.process.100000" => binary::resume(self, 100_000),
            "list.cold" => binary::list_cold(self),
            "list.warm" => binary::list_warm(self),
            "cpu.fib25" => guest::cpu("fib(25)"),
            "cpu.loop1e6" => guest::cpu("loop(1000000)"),
            "waiting.100" => library::waiting(self, 100),
            "waiting.10000" => library::waiting(self, 10_000),
            other => match other.split_once('.') {
                Some(("neutron", row)) => neutron::measure(self, row),
                Some(("dag", row)) => flows::measure(self, row),
                _ => Err(format!("there is no row {other}")),
            },
        }
    }

    /// Three rows show one measurement.
    fn disk_steps(&self) -> Result<&[Duration], String> {
        self.measured_steps().as_ref().map(|(times, _)| times.as_slice()).map_err(Clone::clone)
    }

    /// The floor between our steps; empty if they could not be taken.
    pub fn take_floor(&mut self) -> Floor {
        self.measured_steps();
        self.steps.take().and_then(Result::ok).map(|(_, floor)| floor).unwrap_or_default()
    }

    fn measured_steps(&self) -> &Result<(Vec<Duration>, Floor), String> {
        self.steps.get_or_init(|| library::disk_steps(self))
    }
}
