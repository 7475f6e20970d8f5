//! What the fuzz targets share.

#[path = "../../crates/neutron/tests/it/port.rs"]
pub mod port;

use neutron::stepping::Stepper;
use run::{Code, Seed, TurnEnd, Wake};

use port::World;

/// What a program under test may use, in bytes: little, so that the fuzzer's own limit finds what exceeds it.
pub const MEMORY: usize = 16 << 20;

/// The code of a source text, if it compiles.
pub fn code(source: &str) -> Option<Code> {
    neutron::compile(source, "fuzz.nt", &neutron::NoFiles).ok().map(|checked| checked.code)
}

/// Runs for at most `steps` instructions and twenty results. Gives the end, if it came to one.
pub fn run(machine: &mut Stepper, world: &mut World, steps: u64) -> Option<TurnEnd> {
    machine.limit(steps);
    let wake = Wake::Start {
        method: None,
        params: neutron::params(&["one".into()]),
        seed: Seed([7; 32]),
        run: "run".into(),
        now: world.now,
    };
    let mut end = machine.start(wake, world).ok()?;
    for _ in 0..20 {
        let Some(TurnEnd::Idle) = end else { break };
        let Some((n, outcome)) = world.next_result() else { break };
        let now = world.now;
        end = machine.deliver(n, outcome, now, world).ok()?;
    }
    end
}

/// Makes length and checksum of a snapshot right again: what a hostile author would do.
pub fn seal(file: &mut [u8]) {
    if file.len() < 40 {
        return;
    }
    file[..8].copy_from_slice(b"NTRNSNAP");
    file[8..16].copy_from_slice(&[neutron::snapshot::FORMAT as u8, 0, 0, 0, 0, 0, 0, 0]);
    let length = file.len() as u64 - 40;
    file[16..24].copy_from_slice(&length.to_le_bytes());
    let mut sum = xxhash_rust::xxh3::Xxh3::new();
    sum.update(&file[..24]);
    sum.update(&file[40..]);
    file[24..40].copy_from_slice(&sum.digest128().to_le_bytes());
}
