//! Runs of one function of a script, as nodes of a DAG are.

use neutron::stepping::Stepper;
use run::{Code, TurnEnd, Wake};
use serde_json::{Value as Tree, json};

use crate::drive::{self, SEED};
use crate::port::World;

fn wake(method: &str, params: &Tree, world: &World) -> Wake {
    let (method, params) = (Some(method.to_owned()), params.clone().into());
    Wake::Start { method, params, seed: SEED, run: "run".into(), instance: None, now: world.now }
}

fn params() -> Tree {
    json!({ "state": { "n": 20, "list": [1, "two", null, true] }, "node": "score", "attempt": 1 })
}

fn run(source: &str, method: &str) -> (World, TurnEnd) {
    let mut world = World::new();
    let mut program = drive::load(&drive::code(source));
    let wake = wake(method, &params(), &world);
    let end = program.turn(wake, &mut world).expect("nothing stops it");
    let end = drive::wait(&mut *program, &mut world, end);
    (world, end)
}

fn result(end: TurnEnd) -> Result<Tree, String> {
    match end {
        TurnEnd::Done(payload) => Ok(payload.json.value()),
        TurnEnd::Failed(error) => Err(format!("{}: {}", error.kind, error.message)),
        TurnEnd::Idle => Err("it waits".into()),
    }
}

#[test]
fn a_function_gets_the_parameters_and_gives_the_result() {
    for (source, method, expected) in [
        ("fun f(p) { return p.state.n + 1; }", "f", json!(21)),
        ("var base = 5; base += 1; fun f(p) { return base; }", "f", json!(6)),
        ("fun f() { return 'none'; }", "f", json!("none")),
        ("fun f(p, q = 2) { return [q, p.attempt]; }", "f", json!([2, 1])),
        ("fun f(p = 1) { return p.node; }", "f", json!("score")),
        ("fun f(p) { return p; }", "f", params()),
        (
            "fun f(p) { p.state.n += 0.5; return {'state': p.state, 'output': 'ok'}; }",
            "f",
            json!({ "state": { "n": 20.5, "list": [1, "two", null, true] }, "output": "ok" }),
        ),
        ("fun f(p) { }", "f", Tree::Null),
        ("fun f(p) { return; } fun main() { say('never'); }", "f", Tree::Null),
        ("fun main(p) { return p.state.n; }", "main", json!(20)),
        ("fun main() { return 'once'; }", "main", json!("once")),
        (
            "class A { fun init(n) { this.n = n; } fun m(p) { return this; } } fun f(p) { return A(p.attempt).m(p); }",
            "f",
            json!({ "n": 1 }),
        ),
        ("use async; fun f(p) { async.sleep(5); return p.state.list; }", "f", json!([1, "two", null, true])),
        (
            "use async; var r = []; fun f(p) { async.run(fun () { async.sleep(5); r.push(2); }); r.push(1); return r; }",
            "f",
            json!([1, 2]),
        ),
        ("use sys; fun f(p) { sys.exit(0); return 3; }", "f", Tree::Null),
        ("fun g(n) { return n < 2 ? n : g(n - 1) + g(n - 2); } fun f(p) { return g(p.state.n); }", "f", json!(6765)),
    ] {
        let (world, end) = run(source, method);
        assert_eq!(result(end), Ok(expected), "{source}");
        assert!(!world.out.contains(&"never".to_owned()), "{source}");
    }
}

#[test]
fn the_top_level_runs_first_and_once() {
    let (world, end) = run("say('top'); fun main() { say('main'); } fun f(p) { say('f'); return 1; } say('end');", "f");
    assert_eq!((world.out.join(" "), result(end)), ("top end f".into(), Ok(json!(1))));
    let (world, end) = run("fun main() { say('main'); } main(); fun f(p) { say('f'); }", "f");
    assert_eq!((world.out.join(" "), result(end)), ("main f".into(), Ok(Tree::Null)));
}

#[test]
fn what_is_wrong_is_named() {
    for (source, method, expected) in [
        ("say('x'); fun score(p) {}", "scor", "test.nt has no function scor at its top level; did you mean score?"),
        ("fun f(p) {}", "(main was called)", "test.nt has no function (main was called) at its top level"),
        (
            "{ fun inner(p) {} }",
            "inner",
            "test.nt has no function inner at its top level; define it by fun inner(params)",
        ),
        ("fun f(a, b) {}", "f", "ArgumentError: f needs 2 arguments; a run gives one, its parameters, or none"),
        ("fun f(p) {} f = 3;", "f", "TypeError: f is to be called as a function, and it is a value of type number"),
        ("fun f(p) { throw 'no'; }", "f", "uncaught no"),
        (
            "fun f(p) { return {'a': [1, f]}; }",
            "f",
            "the result of f must have a JSON form (.a[1]): JSON has no form for function",
        ),
        (
            "fun f(p) { var x = 10; for (var i = 0; i < 9; i++) x = x * x; return [x]; }",
            "f",
            "the result of f must have a JSON form ([0]): JSON has no number",
        ),
        ("fun f(p) { p.own = p; return p; }", "f", "the result of f must have a JSON form: the value contains itself"),
        ("throw 'top'; fun f(p) {}", "f", "uncaught top"),
        ("use sys; fun f(p) { sys.exit(3); }", "f", "exit: 3"),
    ] {
        let (world, end) = run(source, method);
        let error = result(end).expect_err(source);
        let expected = if expected.starts_with("exit") { expected.to_owned() } else { format!("error: {expected}") };
        assert!(error.starts_with(&expected), "{source}: {error}");
        assert!(world.out.is_empty(), "an unknown function is found before anything runs");
    }
}

const LONG: &str =
    "use sys; use async; var seen = []; fun note(x) { seen.push(x); return x; } note('top'); async.sleep(3);
fun main() { note('main'); }
fun score(p) {
    var t = async.run(fun () { async.sleep(7); return note(p.state.n); });
    note(sys.checkpoint('c')); async.sleep(1);
    try { note(p.missing.x); } catch (e) { note(e.kind); }
    return {'output': 'ok', 'state': {'seen': seen, 'sum': p.state.n + async.await(t)}};
}
note('last');";

/// Replaces the machine by its resumed copy after every instruction.
fn relay(code: &Code) -> (World, TurnEnd, u32) {
    let mut world = World::new();
    let mut machine = Stepper::new(code);
    machine.limit(1);
    let wake = wake("score", &params(), &world);
    let (mut end, mut boundaries) = (machine.start(wake, &mut world).unwrap(), 0);
    loop {
        let image = machine.image();
        crate::document::read_by_the_page(&image);
        machine = Stepper::restore(&image).unwrap();
        assert!(machine.image() == image, "boundary {boundaries}: the copy has other bytes");
        machine.limit(1);
        boundaries += 1;
        end = match end {
            None => machine.go(&mut world).unwrap(),
            Some(TurnEnd::Idle) => {
                let (n, outcome) = world.next_result().unwrap();
                let now = world.now;
                machine.deliver(n, outcome, now, &mut world).unwrap()
            }
            Some(end) => return (world, end, boundaries),
        };
    }
}

#[test]
fn it_may_be_saved_between_any_two_instructions() {
    let (_, end) = run(LONG, "score");
    let expected = json!({ "output": "ok",
        "state": { "seen": ["top", "last", false, "MemberError", 20], "sum": 40 } });
    assert_eq!(result(end), Ok(expected.clone()));
    let (_, end, boundaries) = relay(&drive::code(LONG));
    assert_eq!(result(end), Ok(expected));
    assert!(boundaries > 80, "{boundaries}");
}

#[test]
fn a_file_that_it_saved_goes_on_to_the_same_result() {
    let (world, _) = run(LONG, "score");
    let bytes = world.file("/here/c").unwrap().to_vec();
    let mut there = World::new();
    let end = drive::finish(&mut *drive::load_snapshot(&bytes), &mut there);
    let seen = json!(["top", "last", true, "MemberError", 20]);
    assert_eq!(result(end).unwrap()["state"]["seen"], seen);
    let mut program = drive::load_snapshot(&bytes);
    let end = program.turn(wake("score", &params(), &there), &mut there).unwrap();
    assert!(result(end).unwrap_err().contains("goes on from a snapshot"));
}

#[test]
fn a_script_gives_nothing() {
    let mut world = World::new();
    let end = drive::finish(&mut *drive::load(&drive::code("fun main() { return 5; }")), &mut world);
    assert_eq!(result(end), Ok(Tree::Null));
}

#[test]
fn parameters_count_as_memory() {
    let code = drive::code("fun f(p) { return p.length; }");
    let mut world = World::new();
    let mut machine = Stepper::within(&code, 1 << 20);
    let params = json!({ "big": vec![1; 1_000_000] });
    let end = machine.start(wake("f", &params, &world), &mut world).unwrap().unwrap();
    assert!(result(end).unwrap_err().contains("MemoryError"));
}
