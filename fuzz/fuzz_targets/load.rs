//! Any bytes are refused as a snapshot, or run without harm; with a right checksum too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neutron::stepping::Stepper;
use quicksave_fuzz::{MEMORY, port::World, run, seal};

fuzz_target!(|bytes: &[u8]| {
    let _ = neutron::snapshot::verify(bytes);
    let mut file = bytes.to_vec();
    seal(&mut file);
    if let Ok(mut machine) = Stepper::restore_within(&file, MEMORY) {
        let _ = neutron::describe(&file);
        let mut world = World::new();
        run(&mut machine, &mut world, 5_000);
        machine.collect();
        let _ = machine.image();
    }
});
