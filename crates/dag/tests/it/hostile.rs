//! Saved states that were damaged or forged: they are refused, or behave like some state; nothing panics.

use dag::{Compiled, Event, Machine, wire};
use serde_json::json;

use crate::random::{Random, documents};
use crate::world::{World, compile, line};

/// States that machines of random DAGs are in.
fn samples(seed: u64) -> (Compiled, Vec<Vec<u8>>) {
    let mut random = Random(seed);
    let dag = compile(&documents(&mut random));
    let node = |_: &str, _, attempt, _: &_| if attempt == 1 { Err("once".into()) } else { Ok(json!("success")) };
    let mut world = World::new(&dag, json!({ "items": [1, 2, 3, 4, 5], "none": [] }), Box::new(node));
    let mut states = vec![world.machine.save()];
    world.start();
    for _ in 0..40 {
        states.push(world.machine.save());
        if world.machine.end().is_some() || (world.out.is_empty() && !world.fire()) {
            break;
        }
        if !world.out.is_empty() {
            world.end(random.below(world.out.len()));
        }
    }
    if world.event(Event::Cancel { reason: "enough".into() }) {
        states.push(world.machine.save());
        world.finish();
        states.push(world.machine.save());
    }
    (dag, states)
}

fn seal(bytes: &mut [u8]) {
    if let Some((body, sum)) = bytes.split_last_chunk_mut::<4>() {
        *sum = crc32(body).to_le_bytes();
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Drives a machine with events that fit and events that do not.
fn drive(dag: &Compiled, mut machine: Machine, random: &mut Random) {
    let mut out = Vec::new();
    machine.outstanding(dag, &mut out);
    for _ in 0..30 {
        let call = out.iter().rev().find_map(|action| match action {
            dag::Action::Run { call, .. } | dag::Action::StartTimer { call, .. } if random.chance(50) => Some(*call),
            _ => None,
        });
        let call = call.unwrap_or(dag::Call {
            site: random.below(dag.sites().len() + 1) as u32,
            item: if random.chance(50) { dag::NONE } else { random.below(4) as u32 },
            serial: random.below(50) as u64,
        });
        let event = match random.below(9) {
            0 | 1 => Event::Finished { call, port: dag::PortId(random.below(9) as u16) },
            2 => Event::Failed { call, fatal: random.chance(50) },
            3 => Event::Aborted { call },
            4 => Event::Items { call, count: random.below(6) as u32 },
            5 => Event::Timer { call },
            6 => Event::Cancel { reason: "why".into() },
            7 => Event::Resume { cursor: None },
            _ => Event::Start { cursor: None },
        };
        let _ = machine.step(dag, &event, &mut out);
        let _ = (machine.cursor(dag), machine.outcome(call.site, call.item));
        Machine::load(dag, &machine.save())
            .unwrap_or_else(|e| panic!("what a machine saves it loads: {e}\n{machine:?}"));
    }
}

#[test]
fn damaged_states_are_refused() {
    for seed in 0..40 {
        let (dag, states) = samples(seed);
        for state in &states {
            for len in 0..state.len() {
                assert!(Machine::load(&dag, &state[..len]).is_err(), "seed {seed}: cut at {len}");
            }
            for bit in 0..state.len() * 8 {
                let mut bytes = state.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(Machine::load(&dag, &bytes).is_err(), "seed {seed}: bit {bit}");
            }
        }
    }
}

#[test]
fn forged_states_never_panic() {
    let mut loaded = 0;
    for seed in 0..300u64 {
        let (dag, states) = samples(seed);
        let mut random = Random(seed ^ 0x5eed);
        for state in states.iter().cycle().take(150) {
            let mut bytes = state.clone();
            for _ in 0..1 + random.below(3) {
                let at = 13 + random.below(bytes.len() - 17);
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.below(256) as u8,
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.below(256) as u8),
                }
            }
            seal(&mut bytes);
            if let Ok(machine) = Machine::load(&dag, &bytes) {
                loaded += 1;
                let run = std::panic::AssertUnwindSafe(|| drive(&dag, machine, &mut random));
                if let Err(panic) = std::panic::catch_unwind(run) {
                    eprintln!("seed {seed}, state {bytes:?}");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    assert!(loaded > 1_000, "only {loaded} forged states were believed");
}

#[test]
fn a_state_belongs_to_one_dag() {
    let (one, other) = (compile(&[line("l", &["a"])]), compile(&[line("l", &["b"])]));
    let state = Machine::new(&one, 0).save();
    assert_eq!(
        Machine::load(&other, &state).unwrap_err().to_string(),
        "it belongs to another DAG or another version of it"
    );
    let mut out = Vec::new();
    assert!(Machine::new(&one, 0).step(&other, &Event::Start { cursor: None }, &mut out).is_err());
    let mut newer = state.clone();
    newer[4] = 9;
    assert_eq!(
        Machine::load(&one, &newer).unwrap_err().to_string(),
        "its format 9 is newer than this release reads (1)"
    );
}

#[test]
fn the_wire_says_what_the_machine_says() {
    for seed in 0..200u64 {
        let mut random = Random(seed);
        let dag = compile(&documents(&mut random));
        let mut machine = Machine::new(&dag, 3);
        let mut state = wire::new_state(&dag, 3, true);
        let mut event = Event::Start { cursor: None };
        let mut calls = Vec::new();
        for _ in 0..30 {
            let mut out = Vec::new();
            machine.step(&dag, &event, &mut out).unwrap();
            let stepped = wire::step(&dag, &state, &wire::event(&event)).unwrap();
            assert_eq!((stepped.actions.len(), &stepped.state), (out.len() * 32, &machine.save()), "seed {seed}");
            for (action, bytes) in out.iter().zip(stepped.actions.chunks(32)) {
                let word = |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().unwrap());
                if let dag::Action::Run { call, attempt, .. } = action {
                    assert_eq!(
                        (word(0), word(1), word(2), word(3), word(5)),
                        (2, call.site, call.item, call.serial as u32, *attempt)
                    );
                    calls.push(*call);
                }
            }
            state = stepped.state;
            let Some(call) = calls.pop() else { break };
            event = if random.chance(80) {
                let counted = machine.save().len() % 4;
                match dag.sites()[call.site as usize].kind {
                    dag::SiteKind::FanOut { .. } if call.item == dag::NONE && random.chance(50) => {
                        Event::Items { call, count: counted as u32 }
                    }
                    _ => Event::Finished { call, port: dag::PortId::SUCCESS },
                }
            } else {
                Event::Failed { call, fatal: false }
            };
        }
        let seen = wire::look(&dag, &state).unwrap();
        assert_eq!(seen["cursor"], json!(machine.cursor(&dag)), "seed {seed}");
    }
    let dag = compile(&[line("l", &["a"])]);
    assert!(wire::step(&dag, &wire::new_state(&dag, 0, true), &[1, 2, 3]).is_err());
}
