//! Runs a file and says how long it took: `cargo run --release -p quicksave-neutron --example time -- FILE`.

use std::sync::Arc;
use std::time::Instant;

use run::limits::Limits;
use run::{Effect, Guest, Outcome, Payload, Port, Seed, Stop, Wake};

struct Terminal(u64);

impl Port for Terminal {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        if let Effect::Emit { message, .. } = effect {
            println!("{}", message.unwrap_or_default());
        }
        self.0 += 1;
        Ok(self.0)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        self.0 += 1;
        if op == "fs.writeFile" {
            let bytes = args.bytes.unwrap_or_default();
            println!("{} bytes for {}", bytes.len(), args.json.get());
            let started = Instant::now();
            let loaded = neutron::snapshot::verify(&bytes);
            println!("read back in {:.3} ms: {loaded:?}", started.elapsed().as_secs_f64() * 1e3);
        }
        Ok((self.0, Ok(serde_json::json!({ "cwd": "/" }).into())))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let source = std::fs::read_to_string(&path).expect("a readable file");
    let started = Instant::now();
    let checked = match neutron::compile(&source, &path, &neutron::NoFiles) {
        Ok(checked) => checked,
        Err(diagnostics) => {
            diagnostics.iter().for_each(|d| eprintln!("{}", d.render()));
            std::process::exit(2);
        }
    };
    checked.warnings.iter().for_each(|d| eprintln!("{}", d.render()));
    let mut program = neutron::Neutron.load(&Arc::new(checked.code), &Limits::default()).expect("it compiles");
    let loaded = started.elapsed();
    let started = Instant::now();
    let wake = Wake::Start { method: None, params: neutron::params(&[]), seed: Seed([1; 32]), run: "r".into(), now: 0 };
    let end = program.turn(wake, &mut Terminal(0));
    eprintln!("{end:?}");
    eprintln!("load {:.3} ms, run {:.3} ms", loaded.as_secs_f64() * 1e3, started.elapsed().as_secs_f64() * 1e3);
}
