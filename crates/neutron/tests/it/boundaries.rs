//! Every program of the conformance folder, saved between any two of its instructions and resumed from the bytes,
//! goes on as if nothing had been.
//!
//! Programs of up to `EVERY` instructions are saved at every boundary; of longer ones that many are chosen, others
//! each time. `NEUTRON_EVERY=1` takes all boundaries of all programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use neutron::stepping::Stepper;
use run::TurnEnd;

use crate::conformance::{files, programs};
use crate::drive::{self, Files};
use crate::port::World;

const EVERY: u64 = 400;

/// Runs `machine` on to the end.
fn rest(machine: &mut Stepper, world: &mut World, mut end: Option<TurnEnd>) -> TurnEnd {
    machine.limit(0);
    loop {
        end = match end {
            None => machine.go(world).unwrap(),
            Some(TurnEnd::Idle) => {
                let (n, outcome) = world.next_result().expect("the program waits for something");
                let now = world.now;
                machine.deliver(n, outcome, now, world).unwrap()
            }
            Some(end) => return end,
        }
    }
}

/// Runs in pieces, the first of `first` instructions and the others of `stride`, and tries a resume after each.
fn check(name: &str, code: &run::Code, expected: &str, first: u64, stride: u64) -> u64 {
    let mut world = World::new();
    let mut machine = Stepper::new(code);
    machine.limit(first);
    let wake = drive::start(&world);
    let mut end = machine.start(wake, &mut world).unwrap();
    let mut done = 0;
    loop {
        match end {
            None => {
                done += if done == 0 { first } else { stride };
                if done % 64 == 0 {
                    machine.collect();
                }
                let image = machine.image();
                let mut there = world.clone();
                let mut twin = Stepper::restore(&image).unwrap_or_else(|e| panic!("{name} after {done}: {e}"));
                if done % 7 == 0 {
                    assert!(twin.image() == image, "{name} after {done}: the bytes of the resumed machine differ");
                }
                let twin_end = rest(&mut twin, &mut there, None);
                let actual = drive::text(&there, &twin_end);
                assert_eq!(actual, expected, "{name}, resumed after {done} instructions");
                machine.limit(stride);
                end = machine.go(&mut world).unwrap();
            }
            Some(TurnEnd::Idle) => {
                let (n, outcome) = world.next_result().unwrap();
                let now = world.now;
                end = machine.deliver(n, outcome, now, &mut world).unwrap();
            }
            Some(end) => {
                assert_eq!(drive::text(&world, &end), expected, "{name}, run in pieces");
                return done;
            }
        }
    }
}

fn instructions(code: &run::Code) -> u64 {
    let mut world = World::new();
    let mut machine = Stepper::new(code);
    let (mut n, mut step) = (0, 1_000_000);
    machine.limit(step);
    let wake = drive::start(&world);
    let mut end = machine.start(wake, &mut world).unwrap();
    loop {
        match end {
            None => {
                n += step;
                step = 1_000_000;
                machine.limit(step);
                end = machine.go(&mut world).unwrap();
            }
            Some(TurnEnd::Idle) => {
                let (k, outcome) = world.next_result().unwrap();
                let now = world.now;
                end = machine.deliver(k, outcome, now, &mut world).unwrap();
            }
            Some(_) => return n + step - machine.left(),
        }
    }
}

#[test]
fn a_program_may_be_saved_between_any_two_instructions() {
    let all = std::env::var("NEUTRON_EVERY").is_ok();
    let only = std::env::var("NEUTRON_CASE").ok();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as u64;
    println!("seed {seed}");
    let programs = programs();
    let next = AtomicUsize::new(0);
    let boundaries = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, source)) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                        continue;
                    }
                    let Ok(checked) = neutron::compile(source, "test.nt", &Files(files())) else { continue };
                    let code = Arc::new(checked.code);
                    let mut world = World::new();
                    let end = drive::finish(&mut *drive::load(&code), &mut world);
                    let expected = drive::text(&world, &end);
                    let total = instructions(&code);
                    let stride = if all { 1 } else { (total / EVERY).max(1) };
                    let first = 1 + seed % stride;
                    check(name, &code, &expected, first, stride);
                    boundaries.fetch_add((total / stride) as usize, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{} boundaries", boundaries.load(Ordering::Relaxed));
}
