//! Says what checkpoints and resumes cost, in microseconds: the middle of so many rounds.
//! `cargo run --release -p quicksave-neutron --example snapshots -- [ROUNDS] [WHAT...]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use run::limits::Limits;
use run::{Code, Effect, Guest, Outcome, Payload, Port, Program, Seed, Stop, Wake};

const KEPT: [(&str, &str); 5] = [
    ("1000", "numbers(1000)"),
    ("100000", "numbers(100000)"),
    ("1000000", "numbers(1000000)"),
    ("dictionary", "dictionary(100000)"),
    ("instances", "instances(100000)"),
];

const SOURCE: &str = "use sys;
class Point { fun init(x, y) { this.x = x; this.y = y; } }
fun numbers(n) { var kept = []; for (var i = 0; i < n; i++) { kept.push(i * 0.5); } return kept; }
fun dictionary(n) { var kept = {}; for (var i = 0; i < n; i++) { kept['key ' + i] = 'value ' + i; } return kept; }
fun instances(n) { var kept = []; for (var i = 0; i < n; i++) { kept.push(Point(i, i * 0.5)); } return kept; }
";

/// Keeps what is written.
#[derive(Default)]
struct Terminal {
    n: u64,
    written: Bytes,
}

impl Port for Terminal {
    fn effect(&mut self, _: Effect) -> Result<u64, Stop> {
        self.n += 1;
        Ok(self.n - 1)
    }

    fn call(&mut self, _: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        self.n += 1;
        self.written = args.bytes.unwrap_or_default();
        Ok((self.n - 1, Ok(serde_json::json!({ "cwd": "/" }).into())))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}

/// What this thread has had of a processor.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0))
}

fn load(code: Code) -> Box<dyn Program> {
    neutron::Neutron.load(&Arc::new(code), &Limits::default()).expect("it loads")
}

/// The results are dropped outside. The processor's clock is coarse, so that only its mean says something.
fn measure<T>(rounds: usize, mut work: impl FnMut() -> T) -> String {
    let (mut total, mut walls) = (Duration::ZERO, Vec::new());
    for _ in 0..rounds {
        let (began, wall) = (cpu(), Instant::now());
        let kept = work();
        walls.push(wall.elapsed());
        total += cpu().saturating_sub(began);
        drop(kept);
    }
    walls.sort_unstable();
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let mean = us(total) / rounds as f64;
    format!("{:>8.0} µs (fastest {:.0}; processor, mean {mean:.0})", us(walls[rounds / 2]), us(walls[0]))
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = args.first().and_then(|n| n.parse().ok()).unwrap_or(11);
    if !args.is_empty() {
        args.remove(0);
    }
    for (name, kept) in KEPT.iter().filter(|(name, _)| args.is_empty() || args.iter().any(|a| a == name)) {
        let source = format!("{SOURCE}var kept = {kept}; sys.checkpoint('c');");
        let code = neutron::compile(&source, "kept.nt", &neutron::NoFiles).expect("it compiles").code;
        let mut program = load(code);
        let wake = Wake::Start {
            method: None,
            params: neutron::params(&[]),
            seed: Seed([1; 32]),
            run: "r".into(),
            instance: None,
            now: 0,
        };
        let mut terminal = Terminal::default();
        program.turn(wake, &mut terminal).expect("it runs");
        let file = terminal.written;
        let resume = || neutron::resume(&file, "kept.snap").expect("good");
        println!("{name}: {} bytes", file.len());
        println!("  encode         {}", measure(rounds, || program.snapshot()));
        println!("  checked        {}", measure(rounds, || neutron::snapshot::verify(&file)));
        println!("  resume         {}", measure(rounds, || load(resume())));
        println!("  … of it code   {}", measure(rounds, resume));
    }
}
