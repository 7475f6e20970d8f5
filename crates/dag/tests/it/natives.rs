//! DAGs of closures.

use dag::document::{Backoff, Combine, Retry};
use dag::native::{Builder, Clock, Context, NoTime, NodeError, RunError, Running};

#[derive(Default, PartialEq, Debug, Clone)]
struct State {
    seen: Vec<String>,
    items: Vec<u32>,
}

fn note(state: &mut State, cx: &Context<'_>) -> Result<&'static str, NodeError> {
    state.seen.push(match cx.item {
        Some(item) => format!("{}[{item}]", cx.path),
        None => cx.path.to_owned(),
    });
    Ok("success")
}

fn everything() -> Builder<State> {
    let inner =
        Builder::new("inner").node("one", note, [("success", Some("two"))]).node("two", note, [("success", None)]);
    Builder::new("top")
        .node("first", note, [("success", Some("group"))])
        .parallel("group", &["x", "y"], Combine::Custom("pick".into()), [("both", Some("fan")), ("success", None)])
        .combine(|_, ports| if ports == [("success", false), ("success", false)] { "both" } else { "success" })
        .node("x", note, [("success", None)])
        .node("y", note, [("success", None)])
        .fan_out("fan", |state: &State| state.items.len(), note, [Some("deep"), None, None, None])
        .fan_in(note)
        .deep_dag("deep", inner, [None, None])
}

#[test]
fn closures_run_as_the_dag_says() {
    let dag = everything().build().unwrap();
    let mut state = State { items: vec![1, 2], ..State::default() };
    assert_eq!(dag.run(&mut state), Ok(()));
    let wanted = ["first", "group/x", "group/y", "fan[0]", "fan[1]", "fan", "deep/one", "deep/two"];
    assert_eq!(state.seen, wanted);
}

#[test]
fn a_run_is_saved_and_loaded_between_any_two_nodes() {
    let dag = everything().build().unwrap();
    let mut calm = State { items: vec![1, 2, 3], ..State::default() };
    dag.run(&mut calm).unwrap();
    let mut state = State { items: vec![1, 2, 3], ..State::default() };
    let mut running = Running::new(&dag, 0, NoTime::default());
    running.start(None).unwrap();
    while running.step(&mut state) {
        running = Running::load(&dag, &running.save(), NoTime::default()).unwrap();
    }
    assert_eq!((state, running.machine().end()), (calm, Some(dag::End::Completed)));
}

#[test]
fn errors_cancellations_and_faults_are_told() {
    let failing = |_: &mut u32, cx: &Context<'_>| -> Result<&'static str, NodeError> {
        if cx.attempt < 3 { Err(format!("attempt {}", cx.attempt).into()) } else { Ok("success") }
    };
    let retry = |attempts| Retry { attempts, backoff: Backoff::Linear, base_ms: 10, max_ms: 100, jitter: 0.0 };
    let dag = Builder::new("d").node("a", failing, [("success", None)]).retry(retry(2)).build().unwrap();
    let failed = RunError::Failed { path: "a".into(), message: "attempt 2".into() };
    assert_eq!(dag.run(&mut 0), Err(failed));
    let dag = Builder::new("d").node("a", failing, [("success", None)]).retry(retry(3)).build().unwrap();
    assert_eq!(dag.run(&mut 0), Ok(()));
    let mut running = Running::new(&dag, 0, NoTime::default());
    running.start(None).unwrap();
    running.step(&mut 0);
    running.cancel("enough").unwrap();
    let cancelled = RunError::Cancelled { path: "a".into(), reason: "enough".into() };
    assert_eq!(running.finish(&mut 0), Err(cancelled));
    running.resume(None).unwrap();
    assert_eq!(running.finish(&mut 0), Ok(()));
    let wrong = Builder::new("d").node("a", failing, [("success", Some("b"))]).build().err().unwrap();
    assert!(wrong.to_string().starts_with("nodes[0].outputs.success: no placement is named \"b\""), "{wrong}");
}

/// Time that a node spends by looking at it.
struct Ticks(std::cell::Cell<u64>);

impl Clock for Ticks {
    fn now(&self) -> u64 {
        self.0.set(self.0.get() + 10);
        self.0.get()
    }

    fn sleep(&mut self, ms: u64) {
        self.0.set(self.0.get() + ms);
    }
}

#[test]
fn a_node_that_took_too_long_has_failed() {
    for (limit, well) in [(5, false), (50, true)] {
        let dag = Builder::new("d").node("a", |_: &mut (), _| Ok("success"), [("success", None)]).timeout_ms(limit);
        let dag = dag.build().unwrap();
        let mut running = Running::new(&dag, 0, Ticks(0.into()));
        running.start(None).unwrap();
        assert_eq!(running.finish(&mut ()).is_ok(), well);
    }
}

#[test]
fn hooks_see_every_action() {
    let dag = everything().build().unwrap();
    let ended = std::cell::RefCell::new(Vec::new());
    let mut running = Running::new(&dag, 0, NoTime::default()).hooks(|dag, action| {
        if let dag::Action::NodeEnd { site, item: dag::NONE, .. } = action {
            ended.borrow_mut().push(dag.sites()[*site as usize].path.to_string());
        }
    });
    running.start(None).unwrap();
    running.finish(&mut State::default()).unwrap();
    drop(running);
    // Without items the fan-out is skipped, and its port leads to the end.
    assert_eq!(*ended.borrow(), ["first", "group/x", "group/y", "group", "fan"]);
}
