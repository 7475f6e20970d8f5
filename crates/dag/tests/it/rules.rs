//! What must hold, whatever happens: cancellation, deadlines, death and resumption.

use dag::{End, Event, NONE, Status};
use serde_json::{Value, json};

use crate::world::{Node, World, compile, document, line, single};

fn counting() -> Node {
    Box::new(|path, item, _, state| {
        let key = if item == NONE { path.to_owned() } else { format!("{path}[{item}]") };
        let count = state["count"][&key].as_u64().unwrap_or(0) + 1;
        let mut counts = state["count"].as_object().cloned().unwrap_or_default();
        counts.insert(key, count.into());
        Ok(json!({ "state": { "count": counts }, "result": item }))
    })
}

fn group_of_four() -> Value {
    let group = json!({
        "@type": "ParallelNode", "name": "scouts", "nodes": ["a", "b", "c", "d"], "combine": "all-success",
        "outputs": { "success": "end", "error": null },
    });
    document("top", "scouts", json!([group, single("end", json!({ "success": null }))]))
}

fn cancel(world: &mut World<'_>) {
    assert!(world.event(Event::Cancel { reason: "the visitor left".into() }));
}

#[test]
fn a_cancelled_group_keeps_its_finished_members() {
    let dag = compile(&[group_of_four()]);
    let mut world = World::new(&dag, json!({}), counting());
    world.start();
    world.end(world.at("scouts/b", NONE));
    world.end(world.at("scouts/d", NONE));
    cancel(&mut world);
    assert_eq!(world.finish(), End::Cancelled);
    assert_eq!((world.cursor(), world.machine.reason()), (Some("scouts"), "the visitor left"));
    world.die();
    world.event(Event::Resume { cursor: None });
    let mut running: Vec<_> = world.out.iter().map(|(call, ..)| &*dag.sites()[call.site as usize].path).collect();
    running.sort_unstable();
    assert_eq!(running, ["scouts/a", "scouts/c"], "only what had not ended runs again");
    assert_eq!(world.finish(), End::Completed);
    assert_eq!(world.machine.legs(), 2);
    assert_eq!(world.executed(), ["scouts/b", "scouts/d", "scouts/a", "scouts/c", "scouts", "end"], "of both legs");
    assert_eq!(
        world.held.state()["count"],
        json!({ "scouts/a": 1, "scouts/b": 1, "scouts/c": 1, "scouts/d": 1, "end": 1 })
    );
    // The cursor's own name says the same as none.
    let mut world = World::new(&dag, json!({}), counting());
    world.start();
    world.end(0);
    cancel(&mut world);
    world.finish();
    world.event(Event::Resume { cursor: Some("scouts".into()) });
    assert_eq!(world.out.len(), 3);
}

#[test]
fn a_killed_fan_out_runs_only_unfinished_items() {
    let ports = json!({ "all-success": null, "partial": null, "all-error": null, "empty": null });
    let fan = json!({
        "@type": "FanOutNode", "name": "f", "node": "each", "source": "items", "concurrency": 3,
        "fanIn": { "strategy": "append", "target": "out" }, "outputs": ports,
    });
    let dag = compile(&[document("fan", "f", json!([fan]))]);
    for cancelled in [false, true] {
        let mut world = World::new(&dag, json!({ "items": [0, 1, 2, 3, 4, 5] }), counting());
        world.start();
        world.end(0);
        world.end(world.at("f", 2));
        world.end(world.at("f", 0));
        if cancelled {
            cancel(&mut world);
            assert_eq!(world.finish(), End::Cancelled);
        }
        world.die();
        if cancelled {
            world.event(Event::Resume { cursor: None });
        }
        let items: Vec<_> = world.out.iter().map(|(call, ..)| call.item).collect();
        assert_eq!(items, [1, 3, 4]);
        assert_eq!(world.finish(), End::Completed);
        assert_eq!(world.held.state()["out"], json!([0, 1, 2, 3, 4, 5]));
        assert!(world.completions.values().all(|count| *count == 1), "{:?}", world.completions);
    }
}

fn archivist() -> [Value; 2] {
    let deep = json!({
        "@type": "DeepDAGNode", "name": "compose-loop", "dag": "loop", "outputs": { "success": "respond", "error": null },
    });
    let top = json!([
        single("scout", json!({ "success": "compose-loop" })),
        deep,
        single("respond", json!({ "success": null }))
    ]);
    let inner = json!([
        single("compose-response", json!({ "success": "validate-response" })),
        single("validate-response", json!({ "retry": "compose-response", "success": null })),
    ]);
    [document("archivist", "scout", top), document("loop", "compose-response", inner)]
}

/// Composes until the third draft is good.
fn writer() -> Node {
    Box::new(|path, _, _, state| {
        let attempts = state["attempts"]["compose"].as_u64().unwrap_or(0);
        let calls = state["calls"][path].as_u64().unwrap_or(0) + 1;
        let mut counts = state["calls"].as_object().cloned().unwrap_or_default();
        counts.insert(path.into(), calls.into());
        let mut fields = json!({ "calls": counts });
        if path.ends_with("compose-response") {
            fields["attempts"] = json!({ "compose": attempts + 1 });
        }
        let port = if path.ends_with("validate-response") && attempts < 3 { "retry" } else { "success" };
        Ok(json!({ "output": port, "state": fields }))
    })
}

#[test]
fn a_sub_dag_stops_and_resumes_at_its_inner_cursor() {
    let dag = compile(&archivist());
    for cursor in [None, Some("compose-loop/validate-response"), Some("validate-response")] {
        let mut world = World::new(&dag, json!({}), writer());
        world.start();
        (0..2).for_each(|_| world.end(0));
        cancel(&mut world);
        assert_eq!(world.finish(), End::Cancelled);
        assert_eq!(world.cursor(), Some("compose-loop/validate-response"));
        world.die();
        world.event(Event::Resume { cursor: cursor.map(str::to_owned) });
        assert_eq!(world.finish(), End::Completed);
        assert_eq!(world.held.state()["attempts"]["compose"], 3, "the counter goes on");
        assert_eq!(world.held.state()["calls"]["scout"], 1, "scouts are not paid again");
        // A process that knows only the state and the cursor comes to the same.
        let mut other = World::new(&dag, json!({ "attempts": { "compose": 1 }, "calls": {} }), writer());
        other.event(Event::Start { cursor: Some("validate-response".into()) });
        assert_eq!(other.finish(), End::Completed);
        assert_eq!(other.held.state()["attempts"]["compose"], 3);
        assert_eq!(other.executed()[0], "compose-loop/validate-response");
        assert_eq!(other.executed().last(), Some(&"respond"));
    }
}

#[test]
fn a_child_that_throws_fails_its_parent() {
    for (routed, end) in [(Value::Null, End::Failed), (json!("respond"), End::Completed)] {
        let mut documents = archivist();
        documents[0]["nodes"][1]["outputs"]["error"] = routed;
        let dag = compile(&documents);
        let node: Node =
            Box::new(|path, _, _, _| if path.contains("validate") { Err("no".into()) } else { Ok(Value::Null) });
        let mut world = World::new(&dag, json!({}), node);
        assert_eq!(world.start().finish(), end);
        assert!(world.hooks.contains(&"error compose-loop #1 Child None".to_owned()), "{:?}", world.hooks);
        if end == End::Failed {
            assert_eq!(world.cursor(), Some("compose-loop/validate-response"), "it can be mended and resumed there");
            world.die();
            world.node = Box::new(|_, _, _, _| Ok(Value::Null));
            world.event(Event::Resume { cursor: None });
            assert_eq!(world.finish(), End::Completed);
            assert_eq!(world.completions[&("compose-loop/compose-response".to_owned(), NONE)], 1);
        }
    }
}

#[test]
fn a_cancellation_in_the_last_node_counts_if_it_cut_something_short() {
    let dag = compile(&[line("l", &["a", "b"])]);
    for (stop, end) in [(Event::Cancel { reason: "x".into() }, End::Cancelled), (Event::Deadline, End::TimedOut)] {
        let mut world = World::new(&dag, json!({}), counting());
        world.start();
        world.end(0);
        world.event(stop.clone());
        world.abort(0);
        assert_eq!((world.machine.end(), world.cursor()), (Some(end), Some("b")));
        world.event(Event::Resume { cursor: None });
        assert_eq!(world.finish(), End::Completed);
        // The node came to its end all the same: nothing was cut short.
        let mut world = World::new(&dag, json!({}), counting());
        world.start();
        world.end(0);
        world.event(stop.clone());
        assert_eq!(world.machine.status(), Status::Stopping(end));
        world.end(0);
        assert_eq!((world.machine.end(), world.cursor()), (Some(End::Completed), None));
        // Not the last: what follows does not begin, and what ended is not run again.
        let mut world = World::new(&dag, json!({}), counting());
        world.start();
        world.event(stop);
        world.end(0);
        assert_eq!((world.machine.end(), world.cursor()), (Some(end), Some("b")));
        world.event(Event::Resume { cursor: None });
        assert_eq!(world.finish(), End::Completed);
        assert_eq!(world.held.state()["count"], json!({ "a": 1, "b": 1 }));
    }
}

#[test]
fn resume_from_any_name_works() {
    let mut documents = archivist();
    documents[0]["nodes"].as_array_mut().unwrap().push(json!({
        "@type": "ParallelNode", "name": "late", "nodes": ["p", "q"], "combine": "collect", "outputs": { "success": null },
    }));
    documents[0]["nodes"][2]["outputs"]["success"] = "late".into();
    let dag = compile(&documents);
    for site in dag.sites() {
        let mut world = World::new(&dag, json!({ "attempts": { "compose": 3 } }), writer());
        world.event(Event::Start { cursor: Some(site.path.to_string()) });
        assert_eq!(world.finish(), End::Completed, "{}", site.path);
        let first = world.executed()[0].to_owned();
        let group = first.split('/').next().unwrap();
        assert!(first.starts_with(&*site.path) || site.path.starts_with(group), "{} began with {first}", site.path);
    }
}

#[test]
fn retry_counters_survive_death_and_cancellation() {
    let mut node = single("a", json!({ "success": null }));
    node["retry"] = json!({ "attempts": 3, "backoff": "constant", "baseMs": 10 });
    let dag = compile(&[document("d", "a", json!([node]))]);
    let failing: fn() -> Node = || Box::new(|_, _, _, _| Err("no".into()));
    for in_backoff in [false, true] {
        let mut world = World::new(&dag, json!({}), failing());
        world.start();
        world.end(0);
        if !in_backoff {
            world.fire();
        }
        world.die();
        cancel(&mut world);
        world.finish();
        world.event(Event::Resume { cursor: None });
        assert_eq!(world.out[0].1, 2, "the second attempt, not the first");
        assert_eq!(world.finish(), End::Failed);
        assert_eq!(world.hooks.iter().filter(|hook| hook.starts_with("error")).count(), 3);
    }
}

#[test]
fn a_flow_is_not_begun_twice_nor_resumed_for_nothing() {
    let dag = compile(&[line("l", &["a"])]);
    let mut world = World::new(&dag, json!({}), counting());
    let mut out = Vec::new();
    let mut refused =
        |world: &mut World<'_>, event: Event| world.machine.step(&dag, &event, &mut out).unwrap_err().to_string();
    let resume = || Event::Resume { cursor: None };
    assert_eq!(refused(&mut world, resume()), "there is nothing to resume: the flow has not begun; start it");
    world.start();
    assert_eq!(
        refused(&mut world, Event::Start { cursor: None }),
        "the flow has begun already; resume it, or start a new one"
    );
    world.finish();
    assert_eq!(
        refused(&mut world, resume()),
        "there is nothing to resume: the flow has completed; name the placement to begin with"
    );
    assert!(!world.event(Event::Cancel { reason: "too late".into() }));
    world.event(Event::Resume { cursor: Some("a".into()) });
    assert_eq!(world.finish(), End::Completed);
}

#[test]
fn a_saved_state_is_small() {
    let dag = compile(&[group_of_four()]);
    let mut world = World::new(&dag, json!({}), counting());
    let idle = world.machine.save().len();
    world.start();
    let running = world.machine.save().len();
    assert!(idle <= 40 && running - idle <= 6 * 6, "{idle} and {running} bytes");
}

#[test]
fn histories_can_be_left_to_the_driver() {
    let mut nodes = json!([single("a", json!({ "again": "a", "success": null }))]);
    nodes[0]["node"] = "a".into();
    let dag = compile(&[document("d", "a", nodes)]);
    let sizes = [true, false].map(|history| {
        let node: Node = Box::new(|_, _, _, state| {
            let n = state["n"].as_u64().unwrap_or(0);
            Ok(json!({ "output": if n < 1_000 { "again" } else { "success" }, "state": { "n": n + 1 } }))
        });
        let mut world = World::new(&dag, json!({}), node);
        if !history {
            world.machine = world.machine.clone().without_history();
        }
        world.start().finish();
        let machine = &world.machine;
        assert_eq!(machine.executed().len() as u64 + machine.executed_before(), 1_001);
        machine.save().len()
    });
    assert!(sizes[0] > 1_000 && sizes[1] < 64, "{sizes:?}");
}
