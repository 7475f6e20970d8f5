//! Runs files and says how long they took, in milliseconds:
//! `cargo run --release -p quicksave-neutron --example time -- [ROUNDS] FILE...`

use std::sync::Arc;
use std::time::{Duration, Instant};

use run::limits::Limits;
use run::{Effect, Guest, Outcome, Payload, Port, Seed, Stop, Wake};

/// Prints in the first round, and shows what a checkpoint holds.
struct Terminal {
    n: u64,
    quiet: bool,
}

impl Port for Terminal {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        if let Effect::Emit { message, .. } = effect
            && !self.quiet
        {
            println!("{}", message.unwrap_or_default());
        }
        self.n += 1;
        Ok(self.n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        self.n += 1;
        if op == "fs.writeFile" && !self.quiet {
            let bytes = args.bytes.unwrap_or_default();
            println!("{} bytes for {}", bytes.len(), args.json.get());
            let started = Instant::now();
            let loaded = neutron::snapshot::verify(&bytes);
            println!("read back in {:.3} ms: {loaded:?}", started.elapsed().as_secs_f64() * 1e3);
        }
        Ok((self.n, Ok(serde_json::json!({ "cwd": "/" }).into())))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}

/// What this process has had of a processor: on a busy machine a better measure than the clock on the wall.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = args.first().and_then(|n| n.parse().ok());
    if rounds.is_some() {
        args.remove(0);
    }
    for path in &args {
        measure(path, rounds.unwrap_or(1));
    }
}

fn measure(path: &str, rounds: usize) {
    let source = std::fs::read_to_string(path).expect("a readable file");
    let (mut loads, mut runs, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let started = Instant::now();
        let checked = match neutron::compile(&source, path, &neutron::NoFiles) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                diagnostics.iter().for_each(|d| eprintln!("{}", d.render()));
                std::process::exit(2);
            }
        };
        checked.warnings.iter().for_each(|d| eprintln!("{}", d.render()));
        let mut program = neutron::Neutron.load(&Arc::new(checked.code), &Limits::default()).expect("it compiles");
        loads.push(started.elapsed());
        let (started, cpu_before) = (Instant::now(), cpu());
        let wake = Wake::Start {
            method: None,
            params: neutron::params(&[]),
            seed: Seed([1; 32]),
            run: "r".into(),
            instance: None,
            now: 0,
        };
        let end = program.turn(wake, &mut Terminal { n: 0, quiet: round > 0 });
        runs.push(started.elapsed());
        cpus.push(cpu().saturating_sub(cpu_before));
        if !matches!(end, Ok(run::TurnEnd::Done(_))) {
            eprintln!("{end:?}");
        }
    }
    loads.sort_unstable();
    runs.sort_unstable();
    let (middle, cpu) = (rounds / 2, cpus.iter().min().copied().unwrap_or_default());
    let (load, run) = (ms(loads[middle]), ms(runs[middle]));
    println!("{path}: load {load:.3} ms, run {run:.3} ms (fastest {:.3} ms, CPU {:.3} ms)", ms(runs[0]), ms(cpu));
}
