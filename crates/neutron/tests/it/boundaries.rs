//! Every program of the conformance folder, saved between any two of its instructions and resumed from the bytes,
//! goes on as if nothing had been.
//!
//! Two ways: the machine is replaced by its resumed copy at every boundary, on and on to the end; and at some
//! boundaries a copy runs to the end beside it, in another process too. Programs that are too long or too large for
//! the first way within `BYTES` take every n-th boundary, others each time; `NEUTRON_EVERY=1` takes all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use neutron::stepping::Stepper;
use run::TurnEnd;

use crate::conformance::{files, programs};
use crate::drive::{self, Files};
use crate::port::World;

/// Boundaries of a program from which a copy runs to the end.
const SOME: u64 = 40;

/// Bytes of snapshots that are made of one program, about.
const BYTES: u64 = 150 << 20;

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

/// Replaces the machine by its resumed copy after every `stride` instructions. Gives the number of boundaries.
fn relay(name: &str, code: &run::Code, expected: &str, first: u64, stride: u64) -> u64 {
    let mut world = World::new();
    let mut machine = Stepper::new(code);
    machine.limit(first);
    let wake = drive::start(&world);
    let mut end = machine.start(wake, &mut world).unwrap();
    let mut boundaries = 0;
    loop {
        match end {
            None => {
                boundaries += 1;
                if boundaries % 64 == 0 {
                    machine.collect();
                }
                let image = machine.image();
                machine = Stepper::restore(&image).unwrap_or_else(|e| panic!("{name}, boundary {boundaries}: {e}"));
                if boundaries % 16 == 0 {
                    assert!(machine.image() == image, "{name}, boundary {boundaries}: the copy has other bytes");
                }
                machine.limit(stride);
                end = machine.go(&mut world).unwrap();
            }
            Some(TurnEnd::Idle) => {
                let (n, outcome) = world.next_result().unwrap();
                let now = world.now;
                end = machine.deliver(n, outcome, now, &mut world).unwrap();
            }
            Some(end) => {
                assert_eq!(drive::text(&world, &end), expected, "{name}, resumed {boundaries} times");
                return boundaries;
            }
        }
    }
}

/// The length of the program's snapshot in the middle of it.
fn size(code: &run::Code, total: u64) -> u64 {
    let mut world = World::new();
    let mut machine = Stepper::new(code);
    machine.limit(total / 2 + 1);
    let wake = drive::start(&world);
    let _ = machine.start(wake, &mut world);
    machine.image().len() as u64
}

#[test]
fn a_program_may_be_saved_between_any_two_instructions() {
    let all = std::env::var("NEUTRON_EVERY").is_ok();
    let only = std::env::var("NEUTRON_CASE").ok();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as u64;
    println!("seed {seed}");
    let programs = programs();
    let next = AtomicUsize::new(0);
    let (boundaries, instructions_in_all) = (AtomicU64::new(0), AtomicU64::new(0));
    let (whole, counted) = (AtomicUsize::new(0), AtomicUsize::new(0));
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
                    let cost = size(&code, total);
                    let stride = if all { 1 } else { (total * cost / BYTES).max(1) };
                    if stride > 1 {
                        println!("{name}: {total} boundaries of {cost} bytes, every {stride}th");
                    }
                    let done = relay(name, &code, &expected, 1 + seed % stride, stride);
                    boundaries.fetch_add(done, Ordering::Relaxed);
                    instructions_in_all.fetch_add(total, Ordering::Relaxed);
                    whole.fetch_add(usize::from(stride == 1), Ordering::Relaxed);
                    counted.fetch_add(1, Ordering::Relaxed);
                    // To the end from each costs the square.
                    let some = SOME.min(BYTES / (total * 100 + cost)).max(1);
                    let stride = (total / some).max(1);
                    check(name, &code, &expected, 1 + seed % stride, stride);
                }
            });
        }
    });
    let (whole, counted) = (whole.into_inner(), counted.into_inner());
    println!("every boundary of {whole} of {counted} programs");
    println!("{} of {} boundaries", boundaries.into_inner(), instructions_in_all.into_inner());
    assert!(only.is_some() || whole * 100 >= counted * 90, "only {whole} of {counted} programs were saved everywhere");
}

/// Where the other process finds its work.
const WORK: &str = "NEUTRON_WORK";

/// In the other process: runs every snapshot of the folder to its end.
#[test]
fn helper_that_resumes() {
    let Ok(folder) = std::env::var(WORK) else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "image") {
            let mut world = World::new();
            let mut machine = Stepper::restore(&std::fs::read(&path).unwrap()).unwrap();
            let end = rest(&mut machine, &mut world, None);
            std::fs::write(path.with_extension("text"), drive::text(&world, &end)).unwrap();
        }
    }
}

#[test]
fn another_process_goes_on() {
    // These need nothing of the world but its ears.
    let fit = ["array_", "class_", "for_", "fun_", "json_members", "match_", "mixed_", "try_", "value_", "spec_st"];
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for (name, source) in programs().iter().filter(|(name, _)| fit.iter().any(|fit| name.starts_with(fit))) {
        let Ok(checked) = neutron::compile(source, "test.nt", &Files(files())) else { continue };
        let total = instructions(&checked.code);
        for part in 1..4 {
            let mut world = World::new();
            let mut machine = Stepper::new(&checked.code);
            machine.limit(total * part / 4 + 1);
            let wake = drive::start(&world);
            if machine.start(wake, &mut world).unwrap().is_some() {
                continue;
            }
            let path = folder.path().join(format!("{name}-{part}.image"));
            std::fs::write(&path, machine.image()).unwrap();
            world.out.clear();
            let end = rest(&mut machine, &mut world, None);
            expected.push((path.with_extension("text"), drive::text(&world, &end)));
        }
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "boundaries::helper_that_resumes"])
        .env(WORK, folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(expected.len() > 100, "{}", expected.len());
    for (path, expected) in expected {
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{}", path.display());
    }
}
