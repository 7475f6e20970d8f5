//! Random DAGs under random events: the process dies between any two steps, people cancel, time runs out, nodes throw.
//! Whatever happens, each node's recorded completions are those of an undisturbed run, and so is the final state.
//!
//! `SEED=n` repeats one life; `LIVES=n` sets how many.

use dag::{End, Event, NONE, Status};
use serde_json::{Value, json};

use crate::world::{Node, World, compile, document, single};

/// A small generator of our own, so that a seed stays the same life whatever crates do.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most.max(1)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Documents, outermost first: lines of random placements that now and then jump back once.
pub fn documents(random: &mut Random) -> Vec<Value> {
    let count = 1 + random.below(3);
    (0..count).map(|i| one(random, i, count)).collect()
}

fn one(random: &mut Random, index: usize, count: usize) -> Value {
    let length = 1 + random.below(5);
    let mut nodes: Vec<Value> = Vec::new();
    for i in 0..length {
        let name = format!("n{i}");
        let next = if i + 1 < length { json!(format!("n{}", i + 1)) } else { Value::Null };
        let caught = if random.chance(30) { json!("catch") } else { Value::Null };
        let mut node = match random.below(5) {
            0 => {
                let mut members: Vec<Value> = (0..1 + random.below(4)).map(|m| json!(format!("m{m}"))).collect();
                if random.chance(40) && index + 1 < count {
                    let member = format!("deep{i}");
                    members.push(member.as_str().into());
                    nodes.push(deep(random, &member, index, count, &next, &Value::Null));
                }
                let (combine, outputs) = match random.below(4) {
                    0 => ("all-success", json!({ "success": next, "error": caught })),
                    1 => ("any-success", json!({ "success": next, "error": caught })),
                    2 => ("collect", json!({ "success": next })),
                    _ => ("mine", json!({ "success": next, "error": caught })),
                };
                json!({ "@type": "ParallelNode", "name": name, "nodes": members, "combine": combine, "outputs": outputs })
            }
            1 => {
                let fan_in = match random.below(3) {
                    0 => json!({ "strategy": "append", "target": format!("out.{name}") }),
                    1 => json!({ "strategy": "partition", "partitions": { "even": "even", "error": "bad" } }),
                    _ => json!({ "strategy": "custom", "customNode": "sum" }),
                };
                json!({
                    "@type": "FanOutNode", "name": name, "node": "each", "concurrency": 1 + random.below(4),
                    "source": if random.chance(15) { "none" } else { "items" }, "fanIn": fan_in,
                    "outputs": { "all-success": next, "partial": next, "all-error": next, "empty": next },
                })
            }
            2 if index + 1 < count => deep(random, &name, index, count, &next, &caught),
            _ => single(&name, json!({ "success": next, "error": caught })),
        };
        if random.chance(30) {
            let backoff = ["constant", "linear", "exponential", "decorrelated-jitter"][random.below(4)];
            node["retry"] = json!({ "attempts": 2 + random.below(2), "backoff": backoff, "baseMs": 5, "jitter": true });
        }
        if random.chance(20) {
            node["timeoutMs"] = 1_000_000.into();
        }
        nodes.push(node);
    }
    nodes.push(single("catch", json!({ "success": null })));
    document(&format!("d{index}"), "n0", nodes.into())
}

fn deep(random: &mut Random, name: &str, index: usize, count: usize, next: &Value, caught: &Value) -> Value {
    let inner = index + 1 + random.below(count - index - 1);
    let mut node = json!({
        "@type": "DeepDAGNode", "name": name, "dag": format!("d{inner}"), "outputs": { "success": next, "error": caught },
    });
    if random.chance(50) {
        let input = json!({ "items": "items", "none": "none", "out": "out", "seen": "seen" });
        node["stateMapping"] = json!({ "input": input, "output": { format!("from.{name}"): "seen" } });
    }
    node
}

/// A node whose behaviour is a function of its place and attempt: some throw at first, some always.
fn behaviour(seed: u64) -> Node {
    Box::new(move |path, item, attempt, state| {
        let mut hash = seed ^ u64::from(item).wrapping_mul(0x9e37_79b9);
        path.bytes().for_each(|byte| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut random = Random(hash);
        random.below(2);
        let fate = random.below(100);
        if fate < 6 || (fate < 20 && attempt == 1) {
            return Err("it threw".into());
        }
        let port = if item != NONE && fate.is_multiple_of(2) { "even" } else { "success" };
        let mut seen = state["seen"].as_object().cloned().unwrap_or_default();
        let count = seen.get(path).and_then(Value::as_u64).unwrap_or(0);
        seen.insert(path.into(), (count + 1).into());
        Ok(json!({ "output": port, "state": { "seen": seen }, "result": [path, item] }))
    })
}

fn life(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..4).for_each(|_| assert!(random.below(2) < 2));
    let dag = compile(&documents(&mut random));
    let items: Vec<_> = (0..random.below(8)).collect();
    let state = json!({ "items": items, "none": [] });
    let mut calm = World::new(&dag, state.clone(), behaviour(seed));
    let calm_end = calm.start().finish();

    let mut world = World::new(&dag, state, behaviour(seed));
    world.start();
    let mut steps = 0;
    let end = loop {
        steps += 1;
        assert!(steps < 20_000, "it does not end");
        let stopping = matches!(world.machine.status(), Status::Stopping(_));
        if let Some(end) = world.machine.end() {
            if matches!(end, End::Completed | End::Failed) {
                break end;
            }
            assert!(world.cursor().is_some());
            if random.chance(50) {
                world.die();
            }
            world.event(Event::Resume { cursor: None });
            continue;
        }
        match random.below(20) {
            0 | 1 => world.die(),
            2 if !stopping => drop(world.event(Event::Cancel { reason: "somebody".into() })),
            3 if !stopping => drop(world.event(Event::Deadline)),
            4..8 if stopping && !world.out.is_empty() => world.abort(random.below(world.out.len())),
            _ if world.out.is_empty() => assert!(world.fire(), "nothing to wait for"),
            // Timeouts are far away: only back-offs are due.
            _ if random.chance(30) && world.timers.values().any(|(_, kind)| *kind == dag::TimerKind::Backoff) => {
                world.fire();
            }
            _ => world.end(random.below(world.out.len())),
        }
    };
    assert_eq!(end, calm_end, "the end");
    assert_eq!(world.completions, calm.completions, "what was recorded as completed");
    assert_eq!(world.held, calm.held, "the state");
    let sorted = |world: &World<'_>| {
        let mut executed: Vec<_> = world.executed().into_iter().map(str::to_owned).collect();
        executed.sort_unstable();
        executed
    };
    assert_eq!(sorted(&world), sorted(&calm), "the history");
    assert_eq!(world.cursor(), calm.cursor(), "the cursor");
}

#[test]
fn whatever_happens_each_node_completes_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return life(seed);
    }
    for seed in 0..number("LIVES").unwrap_or(20_000) {
        if let Err(panic) = std::panic::catch_unwind(|| life(seed)) {
            eprintln!("repeat this life with SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Timeouts are part of this one, so that no calm run can be compared: what holds is that it ends, that every state in
/// between can be saved and loaded, and that a flow that failed or was stopped can be resumed.
#[test]
fn whatever_runs_out_of_time_ends_and_can_be_resumed() {
    for seed in 0..4_000 {
        let mut random = Random(seed ^ 0x7131);
        let dag = compile(&documents(&mut random));
        let node: Node =
            Box::new(|path, _, _, _| if path.len().is_multiple_of(5) { Err("no".into()) } else { Ok(Value::Null) });
        let mut world = World::new(&dag, json!({ "items": [1, 2, 3], "none": [] }), node);
        world.start();
        for leg in 0..4 {
            for step in 0.. {
                assert!(step < 2_000, "seed {seed}: it does not end");
                if world.machine.end().is_some() {
                    break;
                }
                let stopping = matches!(world.machine.status(), Status::Stopping(_));
                match random.below(12) {
                    0 => world.die(),
                    1 if !stopping => drop(world.event(Event::Deadline)),
                    2..6 if stopping && !world.out.is_empty() => world.abort(random.below(world.out.len())),
                    2..6 if world.fire() => {}
                    _ if world.out.is_empty() => assert!(world.fire(), "seed {seed}: nothing to wait for"),
                    _ => world.end(random.below(world.out.len())),
                }
            }
            world.die();
            if world.machine.end() == Some(End::Completed) {
                assert_eq!(world.cursor(), None, "seed {seed}");
                break;
            }
            assert!(world.cursor().is_some(), "seed {seed}");
            if leg < 3 {
                world.event(Event::Resume { cursor: None });
            }
        }
    }
}
