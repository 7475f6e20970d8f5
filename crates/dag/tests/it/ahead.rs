//! What the wire foresees is what the machine then says, on random DAGs under random answers.

use dag::{Event, NONE, PortId, wire};

use crate::random::{Random, documents};
use crate::world::compile;

const BYTES: usize = wire::WORDS * 4;
const SEED: u64 = 3;

fn word(action: &[u8], at: usize) -> u32 {
    action[at * 4..at * 4 + 4].try_into().map_or(0, u32::from_le_bytes)
}

#[test]
fn what_is_foreseen_is_what_a_step_says() {
    let mut foreseen = 0;
    for seed in 0..300u64 {
        let mut random = Random(seed);
        let dag = compile(&documents(&mut random));
        let start = wire::event(&Event::Start { cursor: None });
        let stepped = wire::advance(&dag, &SEED.to_le_bytes(), &start, 0, 16).unwrap();
        let (mut state, mut actions) = (stepped.state, stepped.actions);
        let mut truth = wire::step(&dag, &wire::new_state(&dag, SEED, false), &start).unwrap();
        let mut known = Vec::new();
        for _ in 0..40 {
            let parts = actions.chunks(BYTES).position(|action| word(action, 0) == 14);
            let ahead = actions.split_off(parts.map_or(actions.len(), |at| at * BYTES));
            assert_eq!(actions, truth.actions, "seed {seed}");
            let run = truth.actions.chunks(BYTES).rfind(|action| word(action, 0) == 2);
            let Some(run) = run else { break };
            let serial = u64::from(word(run, 3)) | u64::from(word(run, 4)) << 32;
            let call = dag::Call { site: word(run, 1), item: word(run, 2), serial };
            let event = if random.chance(85) {
                Event::Finished { call, port: PortId::SUCCESS }
            } else {
                Event::Failed { call, fatal: random.chance(50) }
            };
            let bytes = wire::event(&event);
            truth = wire::step(&dag, &truth.state, &bytes).unwrap();
            if ahead.len() >= BYTES && ahead[4..24] == bytes[4..24] && word(&bytes, 0) == 2 {
                foreseen += 1;
                assert_eq!(call.item, NONE);
                known.extend_from_slice(&bytes);
                let len = word(&ahead, 6) as usize * 4;
                let mut rest = ahead[BYTES..].to_vec();
                let later = rest.split_off(len);
                assert_eq!(rest, truth.actions, "seed {seed}");
                actions = [rest, later].concat();
            } else {
                let known_len = known.len();
                known.extend_from_slice(&bytes);
                let stepped = wire::advance(&dag, &state, &known, known_len, random.below(17) as u32).unwrap();
                assert_eq!(stepped.state, truth.state, "seed {seed}");
                (state, actions) = (stepped.state, stepped.actions);
                known.clear();
            }
            // What is in the state beside the foreseen is the whole truth at any time.
            assert_eq!(wire::advance(&dag, &state, &known, known.len(), 0).unwrap().state, truth.state, "seed {seed}");
        }
    }
    assert!(foreseen > 100, "only {foreseen} were foreseen");
}

#[test]
fn more_known_events_than_there_are_is_an_error() {
    let dag = compile(&documents(&mut Random(1)));
    let start = wire::event(&Event::Start { cursor: None });
    assert!(wire::advance(&dag, &wire::new_state(&dag, 1, false), &start, start.len() + 1, 4).is_err());
}
