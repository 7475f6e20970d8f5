//! Any program runs, and what is saved in the middle of it is what goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neutron::stepping::Stepper;
use quicksave_fuzz::{MEMORY, code, port::World, run};

fuzz_target!(|source: &str| {
    let Some(code) = code(source) else { return };
    let mut machine = Stepper::within(&code, MEMORY);
    let mut world = World::new();
    let end = run(&mut machine, &mut world, 2_000);
    let image = machine.image();
    let mut twin = Stepper::restore_within(&image, usize::MAX).expect("what a machine writes can be read");
    assert!(twin.image() == image, "a resumed machine writes other bytes");
    if end.is_some() {
        return;
    }
    // Both go on alike.
    let mut there = world.clone();
    machine.limit(2_000);
    twin.limit(2_000);
    let first = machine.go(&mut world).ok();
    let second = twin.go(&mut there).ok();
    assert_eq!(first, second);
    assert_eq!(world.out, there.out);
    if world.waiting.is_empty() && first != Some(None) {
        return;
    }
    assert!(machine.image() == twin.image(), "two equal machines went on to different states");
});
