//! Rows on the Neutron guest alone: no journal, no store.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use neutron::{Neutron, NoFiles};
use run::{
    Code, Effect, Guest, Outcome as EffectOutcome, Payload, Port, Program, Seed, Stop, TurnEnd, Wake, limits::Limits,
    program::ProgramError,
};

use super::Ours;
use crate::{
    measure::{Measure, Outcome, median},
    process,
};

/// How often a program is run; the middle counts. The peers do the same.
const ROUNDS: usize = 7;
/// How often a checkpoint is taken.
const SAVES: usize = 11;

/// A row below `neutron.`.
pub fn measure(ours: &Ours, row: &str) -> Outcome {
    match row.split_once('.') {
        Some(("checkpoint", what)) => checkpoint(ours, what, true).map(|(times, _)| median(&times)),
        Some(("save", what)) => checkpoint(ours, what, false).map(|(times, _)| median(&times)),
        Some(("size", what)) => checkpoint(ours, what, false).map(|(_, size)| Measure::bytes(size as f64)),
        Some(("resume", what)) => resume(ours, what),
        _ if row == "start" => start(ours),
        _ if row == "process" => alone(ours),
        _ if row == "run" => run_process(ours),
        _ if row == "mean" => Err("it is made of other rows".into()),
        _ => speed(ours, row),
    }
}

fn source(ours: &Ours, name: &str) -> Result<String, String> {
    fs::read_to_string(ours.programs.join(name)).map_err(|e| format!("{name}: {e}"))
}

fn code(source: &str) -> Result<Arc<Code>, String> {
    match neutron::compile(source, "bench.nt", &NoFiles) {
        Ok(checked) => Ok(Arc::new(checked.code)),
        Err(found) => Err(found.first().map_or("it does not compile".into(), |d| d.render())),
    }
}

fn load(code: &Arc<Code>) -> Result<Box<dyn Program>, String> {
    Neutron.load(code, &Limits::default()).map_err(|e| e.to_string())
}

/// Runs a program to its end.
fn run(program: &mut dyn Program, port: &mut World) -> Result<(), String> {
    let params = neutron::params(&[]);
    let now = 1_772_793_000_000;
    let mut wake = Wake::Start { method: None, params, seed: Seed([7; 32]), run: "bench".into(), instance: None, now };
    loop {
        match program.turn(wake, port).map_err(|why| why.to_string())? {
            TurnEnd::Done(_) => return Ok(()),
            // There is no journal that a checkpoint would have to wait for.
            TurnEnd::Idle if port.checkpoint.is_some() => {
                let n = port.checkpoint.take().unwrap_or_default();
                wake = Wake::Result { n, outcome: Ok(Payload::null()), now };
            }
            other => return Err(format!("it ended as {other:?}")),
        }
    }
}

/// The time of a program's one turn; what it prints is what CPython prints.
fn speed(ours: &Ours, name: &str) -> Outcome {
    let code = code(&source(ours, &format!("{name}.nt"))?)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut program = load(&code)?;
        let mut world = World::default();
        let started = Instant::now();
        run(&mut *program, &mut world)?;
        times.push(started.elapsed());
        if world.said.len() != 1 {
            return Err(format!("it printed {:?}", world.said));
        }
    }
    Ok(median(&times))
}

/// One line compiled and run by a new machine.
fn start(ours: &Ours) -> Outcome {
    let source = source(ours, "hello.nt")?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        let mut world = World::default();
        run(&mut *load(&code(&source)?)?, &mut world)?;
        times.push(started.elapsed());
        if world.said != ["hello"] {
            return Err(format!("it printed {:?}", world.said));
        }
    }
    Ok(median(&times))
}

/// `quicksave run hello.nt`, a run with its journal, from start to end.
fn run_process(ours: &Ours) -> Outcome {
    let home = ours.scratch.join("neutron-home");
    whole(ours, || {
        let mut command = Command::new(&ours.quicksave);
        command.arg("--home").arg(&home).args(["--durability", "process", "run"]);
        command
    })
}

/// `neutron hello.nt`, from start to end: the same binary by its other name, which keeps nothing.
fn alone(ours: &Ours) -> Outcome {
    let link = ours.scratch.join("neutron");
    std::os::unix::fs::symlink(&ours.quicksave, &link).map_err(|e| format!("neutron: {e}"))?;
    whole(ours, || Command::new(&link))
}

fn whole(ours: &Ours, command: impl Fn() -> Command) -> Outcome {
    let mut times = Vec::new();
    for _ in 0..31 {
        let done = process::run(command().arg(ours.programs.join("hello.nt")), Duration::from_secs(10))?;
        // `run` keeps standard output for results, where it is no terminal.
        if done.code != Some(0) || !(done.stdout.contains("hello") || done.stderr.contains("hello")) {
            return Err(format!("hello.nt: {}", done.complaint()));
        }
        times.push(done.time);
    }
    // The first finds nothing warm.
    Ok(median(&times[1..]))
}

/// The program that keeps something and saves it so many times.
fn keeper(ours: &Ours, what: &str, saves: usize) -> Result<Arc<Code>, String> {
    let kept = match what.parse::<u64>() {
        Ok(n) => format!("numbers({n})"),
        Err(_) => format!("{what}(100000)"),
    };
    code(&format!("{}\nsave({kept}, {saves});\n", source(ours, "checkpoint.nt")?))
}

/// The times of checkpoints, from call to call, and the size of one.
fn checkpoint(ours: &Ours, what: &str, sync: bool) -> Result<(Vec<Duration>, usize), String> {
    let mut world = World { folder: Some(ours.scratch.clone()), sync, ..World::default() };
    // The first is taken while the heap still grows.
    run(&mut *load(&keeper(ours, what, SAVES + 1)?)?, &mut world)?;
    let times = world.saved.windows(2).map(|pair| pair[1] - pair[0]).collect();
    Ok((times, world.size))
}

/// From the file to a program that can go on.
fn resume(ours: &Ours, what: &str) -> Outcome {
    let mut world = World { folder: Some(ours.scratch.clone()), ..World::default() };
    run(&mut *load(&keeper(ours, what, 1)?)?, &mut world)?;
    let path = ours.scratch.join("kept.snap");
    let mut times = Vec::new();
    for _ in 0..SAVES {
        let started = Instant::now();
        let bytes = fs::read(&path).map_err(|e| e.to_string())?;
        let code = neutron::resume(&bytes, "kept.snap").map_err(|e| e.to_string())?;
        let mut program = load(&Arc::new(code))?;
        times.push(started.elapsed());
        let mut world = World::default();
        run(&mut *program, &mut world)?;
        if world.said != ["resumed"] {
            return Err(format!("the resumed program printed {:?}", world.said));
        }
    }
    Ok(median(&times))
}

/// What the programs see: a terminal, and a folder for checkpoints.
#[derive(Default)]
struct World {
    effects: u64,
    said: Vec<String>,
    /// The checkpoint that waits for its result.
    checkpoint: Option<u64>,
    folder: Option<PathBuf>,
    sync: bool,
    /// When each checkpoint was written.
    saved: Vec<Instant>,
    size: usize,
}

impl World {
    /// As the host writes it: aside, synced, renamed.
    fn write(&self, folder: &Path, bytes: &Bytes) -> io::Result<()> {
        let (path, aside) = (folder.join("kept.snap"), folder.join("kept.snap.part"));
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        if self.sync {
            file.sync_all()?;
        }
        fs::rename(&aside, &path)?;
        if self.sync { File::open(folder)?.sync_all() } else { Ok(()) }
    }
}

impl Port for World {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        match effect {
            Effect::Emit { message, .. } => self.said.extend(message),
            Effect::Checkpoint { .. } => self.checkpoint = Some(self.effects),
            _ => {}
        }
        self.effects += 1;
        Ok(self.effects - 1)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, EffectOutcome), Stop> {
        let failed = |why: String| Stop(ProgramError::new("error", why));
        let (Some(folder), Some(bytes), "fs.writeFile") = (&self.folder, &args.bytes, op.as_str()) else {
            return Err(failed(format!("the benchmark has no {op}")));
        };
        self.write(folder, bytes).map_err(|e| failed(e.to_string()))?;
        self.size = bytes.len();
        drop(args);
        self.saved.push(Instant::now());
        self.effects += 1;
        Ok((self.effects - 1, Ok(Payload::null())))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}
