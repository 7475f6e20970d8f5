//! Files that are no good: refused, or harmless.

use neutron::snapshot::{BadSnapshot, verify};
use neutron::stepping::Stepper;

use crate::drive;
use crate::port::World;

/// Numbers for tests; the seed is printed when something fails.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

const PROGRAMS: [&str; 3] = [
    "use sys; sys.checkpoint('c');",
    "use sys; use async; use process; class A { var x = 1; fun init(y) { this.y = y; } fun m() { return this.x; } }
     class B extends A { var z = [1, 2.5, 'three', nil, true]; }
     var b = B({'k': 'v', 'self': nil}); b.y.self = b; var m = b.m; var long = 'ab' * 100 + 'c'; var longer = long + 'd';
     fun outer() { var n = 1; return fun () { try { n++; if (n < 3) throw n; return n; } catch (e) { return e; } finally { n = n * 2; } }; }
     var f = outer(); var buf = sys.alloc(5);
     var t = async.run(fun () { async.sleep(10); return b.m(); }); var p = process.spawn(fun () { return process.receive(); });
     async.sleep(0);
     say([2, 1].sort(fun (x, y) { sys.checkpoint('c'); return x - y; }));
     say(f()); say(f()); say(m()); say(longer.length); say(async.await(t)); process.send(p, [1]); say(b.z); say(buf);
     for (var k in b.y) { say(k); } match (b.x) { case 1 => say('one'); default => say('other'); }
     retry (2) { nil.x; } catch (e) { say(e.message); }",
    "use sys; fun f(n) { if (n == 0) return sys.checkpoint('c'); return f(n - 1); } f(50); var o = {};
     for (var i = 0; i < 100; i++) o['k' + i] = [i, {'i': i}]; sys.checkpoint('c'); say(o.k5);",
];

fn files() -> Vec<Vec<u8>> {
    let file = |source: &&str| {
        let mut world = World::new();
        drive::finish(&mut *drive::load(&drive::code(source)), &mut world);
        world.file("/here/c").unwrap().to_vec()
    };
    PROGRAMS.iter().map(file).collect()
}

#[test]
fn every_truncation_is_refused() {
    for file in files() {
        assert_eq!(verify(&file), Ok(()));
        crate::document::read_by_the_page(&file);
        for len in 0..file.len() {
            let error = verify(&file[..len]).unwrap_err();
            let expected =
                if len == 0 { error == BadSnapshot::Foreign } else { matches!(error, BadSnapshot::Truncated { .. }) };
            assert!(expected, "{len}: {error:?}");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert_eq!(verify(&longer), Err(BadSnapshot::TooLong));
    }
}

#[test]
fn ten_thousand_bit_flips_are_refused() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for mut file in files() {
        for _ in 0..10_000 {
            let (at, bit) = (dice.next(file.len()), 1 << dice.next(8));
            file[at] ^= bit;
            assert!(verify(&file).is_err(), "byte {at}, bit {bit}");
            file[at] ^= bit;
        }
        assert_eq!(verify(&file), Ok(()));
    }
}

#[test]
fn other_files_and_other_formats_are_told_apart() {
    let file = files().remove(0);
    assert_eq!(verify(b"#!/bin/sh\n"), Err(BadSnapshot::Foreign));
    assert_eq!(verify(b""), Err(BadSnapshot::Foreign));
    let mut newer = file.clone();
    newer[8] = 2;
    assert_eq!(verify(&newer), Err(BadSnapshot::Newer(2)));
    let mut older = file;
    older[8] = 0;
    assert_eq!(verify(&older), Err(BadSnapshot::Older(0)));
    assert_eq!(
        verify(&newer).unwrap_err().to_string(),
        "its format 2 is newer than this release reads (1); use a newer release"
    );
}

/// Makes the checksum right again: what a hostile author would do.
fn seal(file: &mut [u8]) {
    let mut sum = xxhash_rust::xxh3::Xxh3::new();
    sum.update(&file[..24]);
    sum.update(&file[40..]);
    file[24..40].copy_from_slice(&sum.digest128().to_le_bytes());
}

/// Loads and runs a file for a while. Whatever it does, nothing panics.
fn try_to_run(file: &[u8]) -> bool {
    let Ok(mut machine) = Stepper::restore(file) else { return false };
    let mut world = World::new();
    world.lines.clear();
    machine.limit(20_000);
    let wake = drive::start(&world);
    let mut end = machine.start(wake, &mut world);
    for _ in 0..20 {
        let Ok(Some(run::TurnEnd::Idle)) = end else { break };
        let Some((n, outcome)) = world.next_result() else { break };
        let now = world.now;
        end = machine.deliver(n, outcome, now, &mut world);
    }
    let _ = machine.image();
    machine.collect();
    true
}

#[test]
fn sealed_damage_is_refused_or_harmless() {
    let rounds: usize = std::env::var("NEUTRON_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000);
    let seed = std::env::var("NEUTRON_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    });
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let files = files();
    let (mut ran, mut refused) = (0, 0);
    for round in 0..rounds {
        let mut file = files[dice.next(files.len())].clone();
        for _ in 0..=dice.next(3) {
            let at = 40 + dice.next(file.len() - 40);
            match dice.next(5) {
                0 => file[at] ^= 1 << dice.next(8),
                1 => file[at] = dice.next(256) as u8,
                2 => file[at] = [0, 1, 0xff, 0x7f, 0x80][dice.next(5)],
                3 => {
                    let value = [0u32, 1, u32::MAX, 0x7fff_ffff, 256][dice.next(5)];
                    let end = (at + 4).min(file.len());
                    file[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
                }
                _ => {
                    // A number becomes a near one: other registers, other objects.
                    file[at] = file[at].wrapping_add([1, 255, 2, 8][dice.next(4)]);
                }
            }
        }
        seal(&mut file);
        let result = std::panic::catch_unwind(|| try_to_run(&file));
        match result {
            Ok(true) => ran += 1,
            Ok(false) => refused += 1,
            Err(_) => panic!("round {round} of seed {seed} panicked"),
        }
    }
    println!("{ran} ran, {refused} were refused");
}

#[test]
fn lengths_that_lie_cost_no_memory() {
    for file in files() {
        // Every place of four bytes says that there are four thousand million things.
        for at in (40..file.len() - 4).step_by(3) {
            let mut file = file.clone();
            file[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
            seal(&mut file);
            let _ = verify(&file);
        }
    }
}

/// A file of a program, with some bytes replaced wherever they are, and sealed.
fn forged(source: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut world = World::new();
    drive::finish(&mut *drive::load(&drive::code(source)), &mut world);
    let mut file = world.file("/here/c").unwrap().to_vec();
    let places: Vec<usize> = (40..file.len() - from.len()).filter(|at| file[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        file[at..at + to.len()].copy_from_slice(to);
    }
    seal(&mut file);
    file
}

#[test]
fn a_nan_cannot_become_a_value_of_another_kind() {
    let source = "use sys; var inf = 1e308 * 10; var x = inf - inf; var held = [x]; sys.checkpoint('c');
        var y = -held[0]; say(y); say([y].length); say(y == y); try { y[0]; } catch (e) { say(e.kind); }";
    for high in [0x7ff9u64, 0x7ffd, 0x7fff] {
        // The sign makes it what lies above all doubles: an array that does not exist.
        let forged_bits = high << 48 | 2 << 32 | 0xffff;
        let file = forged(source, &f64::NAN.to_bits().to_le_bytes(), &forged_bits.to_le_bytes());
        assert!(try_to_run(&file));
        let mut world = World::new();
        drive::finish(&mut *drive::load_snapshot(&file), &mut world);
        assert_eq!(world.out, ["nan", "1", "false", "TypeError"]);
    }
}

#[test]
fn a_loop_over_what_is_no_array_ends() {
    // The number that a loop over a buffer counts to, with the mark that its elements are given.
    let source = "use sys; fun f() { for (i in sys.alloc(7770)) { if (i == 0) sys.checkpoint('c'); say(i); } } f();";
    let mut from = 7770f64.to_bits().to_le_bytes().to_vec();
    from.extend(1f64.to_bits().to_le_bytes());
    let mut to = from.clone();
    from.extend((0xfff9u64 << 48 | 1).to_le_bytes());
    to.extend((0xfff9u64 << 48 | 2).to_le_bytes());
    assert!(try_to_run(&forged(source, &from, &to)));
}

#[test]
fn a_hundred_thousand_tasks_load_in_time() {
    let source = "use sys; use process; for (var i = 0; i < 99000; i++) process.spawn(fun () { process.receive(); });
        sys.checkpoint('c'); say('here'); sys.exit(3);";
    let mut world = World::new();
    drive::finish(&mut *drive::load(&drive::code(source)), &mut world);
    let file = world.file("/here/c").unwrap().to_vec();
    let start = std::time::Instant::now();
    assert_eq!(verify(&file), Ok(()));
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}
