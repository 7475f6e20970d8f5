//! Routing, hooks, groups, fan-outs, sub-DAGs, retries and timeouts, one case each.

use dag::{End, Event, NONE};
use serde_json::{Value, json};

use crate::world::{Node, World, compile, document, line, single};

/// A node that notes its path and goes on by `success`.
fn noting() -> Node {
    Box::new(|path, _, _, state| {
        let mut seen = state["seen"].as_array().cloned().unwrap_or_default();
        seen.push(path.into());
        Ok(json!({ "state": { "seen": seen } }))
    })
}

/// A node whose behaviour is looked up by path, attempt and item: a port, or `!` for an error.
fn table(cases: &'static [(&'static str, &'static [&'static str])]) -> Node {
    Box::new(|path, _, attempt, _| {
        let ports = cases.iter().find(|(name, _)| *name == path).map_or(&["success"][..], |(_, ports)| ports);
        let port = ports[(attempt as usize - 1).min(ports.len() - 1)];
        if port == "!" { Err("it threw".into()) } else { Ok(port.into()) }
    })
}

#[test]
fn a_line_runs_in_order_with_its_hooks() {
    let dag = compile(&[line("l", &["a", "b"])]);
    let mut world = World::new(&dag, json!({}), noting());
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.hooks, ["flow l", "start a", "done a success", "start b", "done b success", "end l Completed"]);
    assert_eq!(world.executed(), ["a", "b"]);
    assert_eq!((world.cursor(), world.held.state()), (None, &json!({ "seen": ["a", "b"] })));
}

#[test]
fn ports_route_and_cycles_turn() {
    let nodes = json!([
        single("compose", json!({ "success": "validate" })),
        single("validate", json!({ "retry": "compose", "success": null })),
    ]);
    let dag = compile(&[document("loop", "compose", nodes)]);
    let node: Node = Box::new(|path, _, _, state| {
        let tries = state["tries"].as_u64().unwrap_or(0);
        Ok(match path {
            "compose" => json!({ "state": { "tries": tries + 1 } }),
            _ if tries < 3 => "retry".into(),
            _ => Value::Null,
        })
    });
    let mut world = World::new(&dag, json!({}), node);
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.executed(), ["compose", "validate", "compose", "validate", "compose", "validate"]);
}

#[test]
fn errors_route_only_to_placements() {
    // (wiring of `a`, what `a` does, the end, what ran)
    type Case = (Value, &'static [(&'static str, &'static [&'static str])], End, &'static [&'static str]);
    let cases: &[Case] = &[
        (json!({ "success": null, "error": "b" }), &[("a", &["!"])], End::Completed, &["a", "b"]),
        (json!({ "success": "b", "error": null }), &[("a", &["!"])], End::Failed, &[]),
        (json!({ "success": "b" }), &[("a", &["!"])], End::Failed, &[]),
        (json!({ "success": "b", "error": null }), &[("a", &["error"])], End::Completed, &["a"]),
        (json!({ "success": "b" }), &[("a", &["elsewhere"])], End::Failed, &[]),
        (json!({ "success": null, "error": "b" }), &[("a", &["elsewhere"])], End::Completed, &["a", "b"]),
    ];
    for (outputs, behaviour, end, executed) in cases {
        let nodes = json!([single("a", outputs.clone()), single("b", json!({ "success": null }))]);
        let dag = compile(&[document("d", "a", nodes)]);
        let mut world = World::new(&dag, json!({}), table(behaviour));
        assert_eq!(world.start().finish(), *end, "{outputs} {behaviour:?}");
        assert_eq!(world.executed(), *executed, "{outputs} {behaviour:?}");
        if *end == End::Failed {
            assert_eq!(world.cursor(), Some("a"));
        }
    }
}

#[test]
fn retries_wait_as_their_policy_says() {
    let cases = [
        (json!({ "attempts": 4, "backoff": "constant", "baseMs": 10 }), [10, 10, 10]),
        (json!({ "attempts": 4, "backoff": "linear", "baseMs": 10 }), [10, 20, 30]),
        (json!({ "attempts": 4, "backoff": "exponential", "baseMs": 10 }), [10, 20, 40]),
        (json!({ "attempts": 4, "backoff": "exponential", "baseMs": 10, "maxMs": 15 }), [10, 15, 15]),
        (json!({ "attempts": 4, "baseMs": 0 }), [0, 0, 0]),
    ];
    for (retry, delays) in cases {
        let mut node = single("a", json!({ "success": null }));
        node["retry"] = retry.clone();
        let dag = compile(&[document("d", "a", json!([node]))]);
        let mut world = World::new(&dag, json!({}), table(&[("a", &["!", "!", "!", "success"])]));
        assert_eq!(world.start().finish(), End::Completed, "{retry}");
        let errors: Vec<_> = world.hooks.iter().filter(|hook| hook.starts_with("error")).cloned().collect();
        let wanted: Vec<_> = (0..3).map(|i| format!("error a #{} Threw Some({})", i + 1, delays[i])).collect();
        assert_eq!((errors, world.now), (wanted, delays.iter().sum()), "{retry}");
        let mut world = World::new(&dag, json!({}), table(&[("a", &["!"])]));
        assert_eq!(world.start().finish(), End::Failed, "{retry}");
        assert_eq!(world.hooks.iter().filter(|hook| hook.starts_with("error")).count(), 4);
    }
}

#[test]
fn jitter_stays_in_its_bounds() {
    use dag::document::{Backoff, Retry};
    for seed in 0..200u64 {
        let mut random = seed;
        let retry = Retry { attempts: 9, backoff: Backoff::Exponential, base_ms: 100, max_ms: 1_000, jitter: 0.5 };
        for attempt in 1..9 {
            let whole = (100u64 << (attempt - 1)).min(1_000);
            let delay = retry.delay(attempt, 0, &mut random);
            assert!((whole / 2..=whole).contains(&delay), "seed {seed}: {delay} of {whole}");
        }
        let retry = Retry { backoff: Backoff::DecorrelatedJitter, ..retry };
        let mut before = 0;
        for attempt in 1..9 {
            let delay = retry.delay(attempt, before, &mut random);
            let most = (before.max(100) * 3).min(1_000);
            assert!((100..=most).contains(&delay), "seed {seed}: {delay} after {before}");
            before = delay;
        }
    }
}

#[test]
fn a_timeout_cancels_retries_and_then_fails() {
    let mut node = single("a", json!({ "success": null }));
    node["timeoutMs"] = 50.into();
    node["retry"] = json!({ "attempts": 2, "backoff": "constant", "baseMs": 5 });
    let dag = compile(&[document("d", "a", json!([node]))]);
    let mut world = World::new(&dag, json!({}), noting());
    world.start();
    let late = world.out[0].0;
    world.fire();
    assert_eq!((world.out.len(), world.now), (0, 50), "the run is given up");
    world.fire();
    assert!(!world.event(Event::Finished { call: late, port: dag.port("success") }), "a late result is nobody's");
    assert_eq!(world.out.len(), 1);
    world.fire();
    assert_eq!((world.machine.end(), world.now), (Some(End::Failed), 105));
    assert_eq!(world.hooks[2..4], ["error a #1 Timeout Some(5)", "error a #2 Timeout None"]);
}

fn group(combine: &str, outputs: Value) -> Value {
    let group = json!({
        "@type": "ParallelNode", "name": "g", "nodes": ["x", "y"], "combine": combine, "outputs": outputs,
    });
    document("p", "g", json!([group, single("bad", json!({ "success": null }))]))
}

#[test]
fn groups_combine_the_ports_of_their_members() {
    let both = json!({ "success": null, "error": "bad" });
    let cases: &[(&str, &[&str], &[&str], &str)] = &[
        ("all-success", &["success"], &["success"], "success"),
        ("all-success", &["found"], &["success"], "success"),
        ("all-success", &["error"], &["success"], "error"),
        ("all-success", &["!"], &["success"], "error"),
        ("any-success", &["!"], &["success"], "success"),
        ("any-success", &["!"], &["error"], "error"),
        ("collect", &["!"], &["error"], "success"),
        ("mine", &["!"], &["success"], "success"),
    ];
    for (combine, x, y, port) in cases {
        let outputs = if *combine == "collect" { json!({ "success": null }) } else { both.clone() };
        let dag = compile(&[group(combine, outputs)]);
        let (x, y) = (x[0], y[0]);
        let node: Node = Box::new(move |path, _, _, _| {
            let port = match path {
                "g/x" => x,
                "g/y" => y,
                _ => "success",
            };
            if port == "!" { Err("it threw".into()) } else { Ok(port.into()) }
        });
        let mut world = World::new(&dag, json!({}), node);
        assert_eq!(world.start().finish(), End::Completed);
        assert!(world.hooks.contains(&format!("done g {port}")), "{combine} {x} {y}: {:?}", world.hooks);
        assert_eq!(world.most, if *port == "error" { 2 } else { world.most });
    }
}

#[test]
fn members_change_the_state_in_the_documents_order() {
    let dag = compile(&[group("all-success", json!({ "success": null, "error": null }))]);
    for first in ["g/x", "g/y"] {
        let node: Node = Box::new(|path, _, _, state| {
            assert_eq!(state["by"], Value::Null, "a member does not see what others did");
            Ok(json!({ "state": { "by": path, path: 1, "deep": { path: 1, "old": 0 } } }))
        });
        let mut world = World::new(&dag, json!({ "by": null, "deep": { "old": 0 } }), node);
        world.start();
        world.end(world.at(first, NONE));
        assert_eq!(world.finish(), End::Completed);
        let merged = json!({ "by": "g/y", "deep": { "old": 0, "g/x": 1, "g/y": 1 }, "g/x": 1, "g/y": 1 });
        assert_eq!(world.held.state(), &merged);
    }
}

fn fan(concurrency: u32, fan_in: Value) -> Value {
    let ports = json!({ "all-success": null, "partial": null, "all-error": null, "empty": null });
    let fan = json!({
        "@type": "FanOutNode", "name": "f", "node": "each", "source": "order.items", "concurrency": concurrency,
        "fanIn": fan_in, "outputs": ports,
    });
    document("fan", "f", json!([fan]))
}

#[test]
fn a_fan_out_runs_a_sliding_window() {
    let dag = compile(&[fan(3, json!({ "strategy": "append", "target": "out" }))]);
    let node: Node =
        Box::new(|_, _, _, state| Ok(json!({ "result": state["currentItem"].as_u64().unwrap_or(0) * 10 })));
    let mut world = World::new(&dag, json!({ "order": { "items": [1, 2, 3, 4, 5, 6] } }), node);
    world.start();
    world.end(0);
    // The last of those that run ends first: its place is taken at once, whatever the others do.
    for _ in 0..3 {
        assert_eq!(world.out.len(), 3);
        world.end(2);
    }
    assert_eq!(world.finish(), End::Completed);
    assert_eq!(world.most, 3);
    assert_eq!(world.held.state()["out"], json!([10, 20, 30, 40, 50, 60]), "in the items' order");
    assert!(world.hooks.contains(&"done f all-success".to_owned()));
}

#[test]
fn a_fan_out_partitions_and_tells_how_it_went() {
    let partitions = json!({ "strategy": "partition", "partitions": { "even": "even", "error": "bad.ones" } });
    let dag = compile(&[fan(2, partitions)]);
    let cases = [
        (
            json!([1, 2, 3, 4]),
            "partial",
            json!({ "even": [2, 4], "bad": { "ones": [{ "error": "it threw" }, { "error": "it threw" }] } }),
        ),
        (json!([2]), "all-success", json!({ "even": [2], "bad": { "ones": [] } })),
        (json!([1]), "all-error", json!({ "even": [], "bad": { "ones": [{ "error": "it threw" }] } })),
        (json!([]), "empty", json!({})),
    ];
    for (items, port, wanted) in cases {
        let node: Node = Box::new(|_, _, _, state| match state["currentItem"].as_u64() {
            Some(n) if n % 2 == 0 => Ok("even".into()),
            _ => Err("odd".into()),
        });
        let mut world = World::new(&dag, json!({ "order": { "items": items } }), node);
        assert_eq!(world.start().finish(), End::Completed);
        assert!(world.hooks.contains(&format!("done f {port}")), "{:?}", world.hooks);
        let mut state = world.held.state().clone();
        state.as_object_mut().unwrap().remove("order");
        assert_eq!(state, wanted);
        assert_eq!(world.machine.skipped().len(), usize::from(port == "empty"));
    }
}

#[test]
fn a_custom_fan_in_gets_results_and_may_be_retried() {
    let mut document = fan(2, json!({ "strategy": "custom", "customNode": "sum" }));
    document["nodes"][0]["retry"] = json!({ "attempts": 2, "backoff": "constant", "baseMs": 1 });
    let dag = compile(&[document]);
    let node: Node = Box::new(|path, _, attempt, state| {
        if path == "f" {
            return Ok(json!({ "result": state["currentItem"] }));
        }
        if attempt == 1 {
            return Err("not yet".into());
        }
        let sum: u64 = state["results"].as_array().unwrap().iter().map(|r| r["value"].as_u64().unwrap()).sum();
        Ok(json!({ "state": { "sum": sum } }))
    });
    let mut world = World::new(&dag, json!({ "order": { "items": [1, 2, 3] } }), node);
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.held.state()["sum"], 6);
}

#[test]
fn a_source_that_is_no_array_fails_the_flow() {
    let dag = compile(&[fan(2, json!({ "strategy": "append", "target": "out" }))]);
    let mut world = World::new(&dag, json!({ "order": 3 }), noting());
    assert_eq!(world.start().finish(), End::Failed);
    assert_eq!(world.cursor(), Some("f"));
}

fn nested(mapping: Option<Value>, error: Value) -> [Value; 2] {
    let mut deep = json!({
        "@type": "DeepDAGNode", "name": "outer", "dag": "inner", "outputs": { "success": "after", "error": error },
    });
    if let Some(mapping) = mapping {
        deep["stateMapping"] = mapping;
    }
    let nodes =
        json!([single("before", json!({ "success": "outer" })), deep, single("after", json!({ "success": null }))]);
    [document("top", "before", nodes), line("inner", &["one", "two"])]
}

#[test]
fn a_sub_dag_runs_with_its_hooks_inside() {
    let dag = compile(&nested(None, Value::Null));
    let mut world = World::new(&dag, json!({}), noting());
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.held.state()["seen"], json!(["before", "outer/one", "outer/two", "after"]));
    assert_eq!(world.executed(), ["before", "outer/one", "outer/two", "outer", "after"]);
    assert_eq!(
        world.hooks[3..11],
        [
            "start outer",
            "flow inner",
            "start outer/one",
            "done outer/one success",
            "start outer/two",
            "done outer/two success",
            "end inner Completed",
            "done outer success"
        ]
    );
}

#[test]
fn a_mapping_keeps_the_states_apart() {
    let mapping = json!({ "input": { "seen": "given.list" }, "output": { "got.list": "seen" } });
    let dag = compile(&nested(Some(mapping), Value::Null));
    let mut world = World::new(&dag, json!({ "given": { "list": ["x"] } }), noting());
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.held.state()["seen"], json!(["before", "after"]));
    assert_eq!(world.held.state()["got"]["list"], json!(["x", "outer/one", "outer/two"]));
}

#[test]
fn a_sub_dag_can_be_tried_again_and_run_out_of_time() {
    let mut documents = nested(None, Value::Null);
    documents[0]["nodes"][1]["retry"] = json!({ "attempts": 2, "backoff": "constant", "baseMs": 5 });
    documents[0]["nodes"][1]["timeoutMs"] = 20.into();
    let dag = compile(&documents);
    let mut world = World::new(&dag, json!({}), table(&[]));
    world.start();
    world.end(0);
    world.fire();
    assert!(world.out.is_empty(), "what runs inside is given up");
    assert!(world.hooks.contains(&"error outer #1 Timeout Some(5)".to_owned()), "{:?}", world.hooks);
    assert_eq!(world.finish(), End::Completed);
    assert_eq!(world.executed(), ["before", "outer/one", "outer/two", "outer", "after"]);
}

#[test]
fn groups_hold_sub_dags_and_fan_outs() {
    let nodes = json!([
        { "@type": "ParallelNode", "name": "g", "nodes": ["deep", "fan", "plain"], "combine": "all-success",
          "outputs": { "success": null, "error": null } },
        { "@type": "DeepDAGNode", "name": "deep", "dag": "inner", "outputs": { "success": null, "error": null } },
        { "@type": "FanOutNode", "name": "fan", "node": "each", "source": "items",
          "fanIn": { "strategy": "append", "target": "results" },
          "outputs": { "all-success": null, "partial": null, "all-error": null, "empty": null } },
    ]);
    let dag = compile(&[document("top", "g", nodes), line("inner", &["one", "two"])]);
    let mut world = World::new(&dag, json!({ "items": [1, 2] }), noting());
    assert_eq!(world.start().finish(), End::Completed);
    assert_eq!(world.held.state()["results"], json!([1, 2]));
    assert_eq!(world.executed(), ["g/deep/one", "g/plain", "g/deep/two", "g/deep", "g/fan", "g"]);
}
