//! The guest: nodes of another guest, commands and requests, in one run and one journal that is killed anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dag::guest::{DagGuest, Loader, pin};
use run::limits::Limits;
use run::program::{Code, Module, ProgramError};
use run::{
    Ask, Effect, Failure, Guest, GuestError, Hash, Image, Outcome, Payload, Port, Program, Seed, Stop, TurnEnd, Wake,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::random::Random;
use crate::world::{document, single};

/// A guest whose programs are lists of steps: the source is an object of functions.
struct Script;

#[derive(Serialize, Deserialize, Default)]
struct Steps {
    steps: Vec<Value>,
    at: usize,
    params: Value,
    state: Value,
    port: Option<String>,
    result: Value,
    waits: Option<u64>,
}

impl Steps {
    fn go(&mut self, port: &mut dyn Port, now: u64) -> Result<TurnEnd, Stop> {
        while let Some(step) = self.steps.get(self.at).cloned() {
            self.at += 1;
            let argument = step[1].as_str().unwrap_or_default().to_owned();
            let effect = match step[0].as_str().unwrap() {
                "sleep" => Effect::Timer { due: now + step[1].as_u64().unwrap() },
                "ask" => {
                    let (kind, message, spec) = ("text".into(), argument, run::Json::null());
                    Effect::Ask(Ask { id: None, kind, message, spec })
                }
                "call" => Effect::Call { op: argument, args: Payload::null() },
                "checkpoint" => Effect::Checkpoint { id: None, state: run::Json::null(), relaxed: false },
                "emit" => {
                    port.effect(Effect::Emit { kind: "log".into(), message: Some(argument), data: None })?;
                    continue;
                }
                step => {
                    match step {
                        "port" => self.port = Some(argument),
                        "count" => {
                            let count = self.params["state"][&argument].as_u64().unwrap_or(0);
                            self.state[&argument] = (count + 1).into();
                        }
                        "until" if self.params["state"]["tries"].as_u64() < step_number(&self.steps[self.at - 1]) => {
                            self.port = Some("again".into());
                        }
                        "until" => {}
                        "double" => self.result = json!(self.params["item"].as_u64().unwrap() * 2),
                        "sum" => {
                            let values = self.params["results"].as_array().unwrap();
                            self.state["sum"] =
                                values.iter().map(|r| r["value"].as_u64().unwrap_or(0)).sum::<u64>().into();
                        }
                        "best" => self.port = self.params["members"][1]["port"].as_str().map(str::to_owned),
                        "throw" => return Ok(TurnEnd::Failed(ProgramError::new("error", argument))),
                        "flaky" if self.params["attempt"] == 1 => {
                            return Ok(TurnEnd::Failed(ProgramError::new("error", "not at first")));
                        }
                        "flaky" => {}
                        other => panic!("{other}"),
                    }
                    continue;
                }
            };
            self.waits = Some(port.effect(effect)?);
            return Ok(TurnEnd::Idle);
        }
        let mut out = json!({ "state": self.state });
        if let Some(port) = &self.port {
            out["output"] = port.clone().into();
        }
        if !self.result.is_null() {
            out["result"] = self.result.clone();
        }
        Ok(TurnEnd::Done(out.into()))
    }
}

fn step_number(step: &Value) -> Option<u64> {
    step[1].as_u64()
}

/// Functions, where one of them is, and that while it is swapped out.
struct Play(BTreeMap<String, Vec<Value>>, Steps, Option<String>);

impl Program for Play {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        assert!(self.2.is_none(), "it is swapped out");
        match wake {
            Wake::Start { method, params, now, .. } => {
                let steps = self.0[&method.unwrap()].clone();
                self.1 = Steps { steps, params: params.value(), state: json!({}), ..Steps::default() };
                self.1.go(port, now)
            }
            Wake::Result { n, outcome, now } => {
                assert_eq!(self.1.waits, Some(n), "a result that is another program's");
                if let (Ok(value), "ask" | "call") = (outcome, self.1.steps[self.1.at - 1][0].as_str().unwrap()) {
                    let key = self.1.steps[self.1.at - 1][1].as_str().unwrap().to_owned();
                    self.1.state[key] = value.json.value();
                }
                self.1.go(port, now)
            }
            Wake::Reseed { .. } => Ok(TurnEnd::Idle),
        }
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        Ok(Some(Image { bytes: serde_json::to_vec(&self.1).unwrap().into(), on_parent: false }))
    }

    fn swap_out(&mut self) -> Result<bool, GuestError> {
        // Some programs cannot.
        if self.1.at % 3 == 2 {
            return Err(GuestError::Engine("not now".into()));
        }
        self.2 = Some(serde_json::to_string(&std::mem::take(&mut self.1)).unwrap());
        Ok(true)
    }

    fn swap_in(&mut self) -> Result<(), GuestError> {
        if let Some(out) = self.2.take() {
            self.1 = serde_json::from_str(&out).unwrap();
        }
        Ok(())
    }
}

impl Guest for Script {
    fn name(&self) -> &str {
        "script"
    }

    fn engine(&self) -> Hash {
        Hash::of(b"script")
    }

    fn load(&self, code: &Arc<Code>, _: &Limits) -> Result<Box<dyn Program>, GuestError> {
        let functions =
            serde_json::from_str(&code.modules[&code.entry].source).map_err(|e| GuestError::Code(e.to_string()))?;
        Ok(Box::new(Play(functions, Steps::default(), None)))
    }

    fn restore(&self, _: &Arc<Code>, _: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let steps = serde_json::from_slice(&images[0]).map_err(|e| GuestError::Refused(e.to_string()))?;
        Ok(Box::new(Play(BTreeMap::new(), steps, None)))
    }
}

/// Files in memory.
struct Files(Value, Vec<Value>);

impl Loader for Files {
    fn document(&mut self, _: &str, name: &str) -> Result<(String, String), String> {
        let found = self.1.iter().find(|document| document["name"] == name).ok_or("there is no such file")?;
        Ok((format!("{name}.dag.json"), found.to_string()))
    }

    fn code(&mut self, _: &str, file: &str) -> Result<Code, String> {
        if file != "./n.script" {
            return Err("there is no such file".into());
        }
        let module = Module { source: self.0.to_string(), original: None, imports: BTreeMap::new(), map: None };
        Ok(Code {
            guest: "script".into(),
            entry: "n.script".into(),
            modules: [("n.script".into(), module)].into(),
            about: None,
        })
    }
}

fn pinned(functions: Value, documents: Vec<Value>) -> Arc<Code> {
    let text = documents[0].to_string();
    Arc::new(pin("top.dag.json", &text, &mut Files(functions, documents)).unwrap_or_else(|e| panic!("{e}")).code)
}

/// One result of the journal.
#[derive(Clone)]
struct Entry {
    n: u64,
    outcome: Outcome,
    now: u64,
}

/// The executor's part: numbers, a journal, and a process that dies.
struct Run {
    code: Arc<Code>,
    guest: DagGuest,
    program: Box<dyn Program>,
    effects: Vec<Effect>,
    journal: Vec<Entry>,
    /// Effects that wait.
    pending: BTreeMap<u64, Effect>,
    next: u64,
    now: u64,
    saved: Option<(Bytes, usize, u64)>,
    end: Option<TurnEnd>,
    /// How often programs of nodes were swapped out.
    swapped: u32,
    answer: fn(&str, &Payload, u64) -> Outcome,
}

struct Numbers<'a>(&'a mut Vec<Effect>, &'a mut u64, &'a mut BTreeMap<u64, Effect>);

impl Port for Numbers<'_> {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let n = *self.1;
        *self.1 += 1;
        match self.0.get(n as usize) {
            Some(held) => assert_eq!(held, &effect, "the replay diverged at {n}"),
            None => self.0.push(effect.clone()),
        }
        match effect {
            Effect::Emit { .. } => {}
            Effect::Abort { n } => drop(self.2.remove(&n).unwrap_or_else(|| panic!("{n} does not wait"))),
            effect => drop(self.2.insert(n, effect)),
        }
        Ok(n)
    }

    fn call(&mut self, op: String, _: Payload) -> Result<(u64, Outcome), Stop> {
        panic!("{op}")
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}

fn no_answer(op: &str, _: &Payload, _: u64) -> Outcome {
    Ok(json!(op).into())
}

const STATE: &str = "{\"items\":[1,2,3,4]}";

impl Run {
    fn new(code: Arc<Code>) -> Self {
        let guest = DagGuest::new(vec![Arc::new(Script)]);
        let program = guest.load(&code, &Limits::default()).unwrap();
        let (effects, journal, pending) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut run = Self {
            code,
            guest,
            program,
            effects,
            journal,
            pending,
            next: 0,
            now: 1_000,
            saved: None,
            end: None,
            swapped: 0,
            answer: no_answer,
        };
        run.begin();
        run
    }

    fn begin(&mut self) {
        let params = run::Json::parse(STATE.into()).unwrap();
        self.turn(Wake::Start {
            method: None,
            params,
            seed: Seed([7; 32]),
            run: "r".into(),
            instance: None,
            now: 1_000,
        });
    }

    fn turn(&mut self, wake: Wake) {
        let mut port = Numbers(&mut self.effects, &mut self.next, &mut self.pending);
        match self.program.turn(wake, &mut port).unwrap() {
            TurnEnd::Idle => {}
            end => self.end = Some(end),
        }
    }

    /// The effect that ends next: a timer only if it is due before all others.
    fn deliver(&mut self, n: u64) {
        // Between turns, what the nodes' programs hold is swapped out; or none of it, if that fails.
        if let Ok(out) = self.program.swap_out() {
            self.swapped += u32::from(out);
            self.program.swap_in().unwrap();
        }
        let effect = self.pending.remove(&n).unwrap();
        let outcome = match &effect {
            Effect::Timer { due } => {
                self.now = self.now.max(*due);
                Ok(Payload::null())
            }
            Effect::Call { op, args } => (self.answer)(op, args, n),
            Effect::Ask(ask) => Ok(json!(format!("{}!", ask.message)).into()),
            _ => Ok(Payload::null()),
        };
        self.now += 1;
        let entry = Entry { n, outcome, now: self.now };
        self.journal.push(entry.clone());
        self.turn(Wake::Result { n, outcome: entry.outcome, now: entry.now });
    }

    fn choices(&self) -> Vec<u64> {
        let due = |effect: &Effect| if let Effect::Timer { due } = effect { Some(*due) } else { None };
        let first = self.pending.values().filter_map(due).min();
        // What takes long ends after all that does not.
        let quick = self.pending.values().any(|effect| due(effect).is_none());
        let can =
            |effect: &&Effect| due(effect).is_none_or(|at| Some(at) == first && (at < self.now + 1_000 || !quick));
        self.pending.iter().filter(|(_, effect)| can(effect)).map(|(n, _)| *n).collect()
    }

    fn save(&mut self) {
        let image = self.program.snapshot().unwrap().unwrap();
        assert!(!image.on_parent);
        self.saved = Some((image.bytes, self.journal.len(), self.next));
    }

    /// The process dies; another brings the program back, from the last snapshot or from the start.
    fn die(&mut self) {
        self.pending.clear();
        let from = match self.saved.clone() {
            Some((image, at, next)) => {
                self.program = self.guest.restore(&self.code, &Limits::default(), &[image]).unwrap();
                self.next = next;
                // What waited at the snapshot waits still.
                let done: Vec<u64> = self.journal[..at].iter().map(|entry| entry.n).collect();
                for (n, effect) in self.effects[..next as usize].iter().enumerate() {
                    match effect {
                        Effect::Abort { n } => drop(self.pending.remove(n)),
                        Effect::Emit { .. } => {}
                        effect if !done.contains(&(n as u64)) => drop(self.pending.insert(n as u64, effect.clone())),
                        _ => {}
                    }
                }
                at
            }
            None => {
                self.program = self.guest.load(&self.code, &Limits::default()).unwrap();
                self.next = 0;
                self.begin();
                0
            }
        };
        for at in from..self.journal.len() {
            let entry = self.journal[at].clone();
            self.pending.remove(&entry.n);
            self.turn(Wake::Result { n: entry.n, outcome: entry.outcome, now: entry.now });
        }
    }

    fn finish(&mut self) -> Result<Value, String> {
        for _ in 0..10_000 {
            if let Some(end) = &self.end {
                return match end {
                    TurnEnd::Done(payload) => Ok(payload.json.value()),
                    TurnEnd::Failed(error) => Err(error.message.clone()),
                    TurnEnd::Idle => unreachable!(),
                };
            }
            let next = self.choices().into_iter().next().expect("nothing is waited for");
            self.deliver(next);
        }
        panic!("it does not end");
    }

    fn checkpoints(&self) -> Vec<Value> {
        let state = |effect: &Effect| match effect {
            Effect::Checkpoint { state, .. } => Some(state.value()).filter(Value::is_object),
            _ => None,
        };
        self.effects.iter().filter_map(state).collect()
    }
}

fn node(name: &str, function: &str, outputs: Value) -> Value {
    let mut node = single(name, outputs);
    node["node"] = format!("./n.script#{function}").into();
    node
}

/// A DAG with everything in it.
fn everything() -> Arc<Code> {
    let functions = json!({
        "compose": [["count", "tries"], ["sleep", 50], ["call", "write"]],
        "validate": [["emit", "looking"], ["until", 3]],
        "scout": [["call", "look"], ["checkpoint"], ["sleep", 5]],
        "person": [["ask", "well"]],
        "each": [["flaky"], ["sleep", 3], ["double"]],
        "sum": [["sum"]],
        "best": [["best"]],
        "pure": [["count", "pure"]],
    });
    let fan = json!({
        "@type": "FanOutNode", "name": "fan", "node": "./n.script#each", "source": "items", "concurrency": 2,
        "retry": { "attempts": 2, "backoff": "decorrelated-jitter", "baseMs": 10 }, "timeoutMs": 500_000,
        "fanIn": { "strategy": "custom", "customNode": "./n.script#sum" },
        "outputs": { "all-success": "loop", "partial": null, "all-error": null, "empty": null },
    });
    let group = json!({
        "@type": "ParallelNode", "name": "scouts", "combine": "./n.script#best",
        "nodes": ["./n.script#scout", "ask", "./n.script#pure"], "outputs": { "success": "fan", "error": null },
    });
    let deep = json!({
        "@type": "DeepDAGNode", "name": "loop", "dag": "inner", "outputs": { "success": "shell", "error": null },
        "stateMapping": { "input": { "tries": "none" }, "output": { "drafts": "tries" } },
    });
    let mut shell = single("shell", json!({ "success": "http" }));
    shell["node"] = "shell:wc -c".into();
    let mut http = single("http", json!({ "success": null, "found": "last" }));
    http["node"] = "https://example.com/rank".into();
    let nodes = json!([
        node("first", "pure", json!({ "success": "scouts" })),
        group,
        node("ask", "person", json!({ "success": null })),
        fan,
        deep,
        shell,
        http,
        node("last", "pure", json!({ "success": null })),
    ]);
    let inner = json!([
        node("compose", "compose", json!({ "success": "validate" })),
        node("validate", "validate", json!({ "again": "compose", "success": null })),
    ]);
    pinned(functions, vec![document("top", "first", nodes), document("inner", "compose", inner)])
}

fn world(op: &str, args: &Payload, _: u64) -> Outcome {
    match op {
        "process.exec" => {
            let state: Value = serde_json::from_slice(args.bytes.as_ref().unwrap()).unwrap();
            let stdout = format!("{} items\n", state["items"].as_array().unwrap().len());
            Ok(json!({ "status": 0, "stdout": stdout, "stderr": "" }).into())
        }
        "fetch" => {
            let body = Bytes::from_static(b"{\"output\":\"found\",\"state\":{\"rank\":1}}");
            Ok(Payload { json: json!({ "status": 200 }).into(), bytes: Some(body) })
        }
        op => Ok(json!(op).into()),
    }
}

#[test]
fn nodes_of_all_kinds_run_in_one_journal() {
    let mut run = Run::new(everything());
    run.answer = world;
    let done = run.finish().unwrap();
    assert!(run.swapped > 5);
    let mut state = done["state"].clone();
    state.as_object_mut().unwrap().sort_keys();
    assert_eq!(
        state,
        json!({ "drafts": 3, "items": [1, 2, 3, 4], "look": "look", "pure": 3, "rank": 1, "shell": "4 items", "sum": 20,
            "well": "well!" })
    );
    assert_eq!(done["cursor"], Value::Null);
    assert_eq!(done["executedNodes"].as_array().unwrap().len(), 16);
    let ended: Vec<_> = run.checkpoints().iter().map(|c| c["node"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ended.len(), 16 + 4, "every placement and every item: {ended:?}");
    assert_eq!(
        run.checkpoints()[0],
        json!({ "node": "first", "port": "success", "cursor": "scouts", "state": { "items": [1, 2, 3, 4], "pure": 1 } })
    );
}

#[test]
fn what_follows_a_node_waits_for_its_checkpoint() {
    let functions = json!({ "pure": [["call", "do"]] });
    let nodes = json!([node("a", "pure", json!({ "success": "b" })), node("b", "pure", json!({ "success": null }))]);
    let mut run = Run::new(pinned(functions, vec![document("top", "a", nodes)]));
    run.deliver(0);
    assert!(matches!(run.effects[1..], [Effect::Checkpoint { .. }]), "{:?}", run.effects);
    run.die();
    run.deliver(1);
    assert!(matches!(run.effects[2..], [Effect::Call { .. }]), "{:?}", run.effects);
}

#[test]
fn errors_are_retried_routed_and_told() {
    let functions = json!({ "bad": [["throw", "no luck"]], "odd": [["port", "sideways"]] });
    let mut bad = node("a", "bad", json!({ "success": null }));
    bad["retry"] = json!({ "attempts": 2, "backoff": "constant", "baseMs": 7 });
    let mut run = Run::new(pinned(functions.clone(), vec![document("top", "a", json!([bad.clone()]))]));
    assert_eq!(run.finish().unwrap_err(), "a: no luck");
    assert!(matches!(run.effects[0], Effect::Timer { due: 1_007 }), "{:?}", run.effects);
    bad["outputs"]["error"] = "b".into();
    let nodes = json!([bad, node("b", "odd", json!({ "success": null }))]);
    let mut run = Run::new(pinned(functions, vec![document("top", "a", nodes)]));
    assert_eq!(
        run.finish().unwrap_err(),
        "b: it ended with \"sideways\", which is not wired; wire it (wired are: success)"
    );
}

#[test]
fn a_timeout_withdraws_what_the_node_asked() {
    let functions = json!({ "slow": [["ask", "anyone there"]] });
    let mut slow = node("a", "slow", json!({ "success": null }));
    slow["timeoutMs"] = 40.into();
    let mut run = Run::new(pinned(functions, vec![document("top", "a", json!([slow]))]));
    let timer = *run.pending.iter().find(|(_, effect)| matches!(effect, Effect::Timer { .. })).unwrap().0;
    run.deliver(timer);
    assert_eq!(run.finish().unwrap_err(), "a: it took longer than 40 ms");
    assert!(run.pending.is_empty());
}

#[test]
fn commands_and_servers_can_fail() {
    for (reference, answer, message) in [
        (
            "shell:false",
            json!({ "status": 3, "stdout": "", "stderr": "it said no\n" }),
            "a: the command ended with status 3: it said no",
        ),
        ("https://example.com/", json!({ "status": 404 }), "a: the server answered 404:"),
        ("https://example.com/", Value::Null, "a: Error: no network"),
    ] {
        let mut single = single("a", json!({ "success": null }));
        single["node"] = reference.into();
        let mut run = Run::new(pinned(json!({}), vec![document("top", "a", json!([single]))]));
        let outcome = if answer.is_null() { Err(Failure::new("Error", "no network")) } else { Ok(answer.into()) };
        run.turn(Wake::Result { n: 0, outcome, now: 2_000 });
        assert_eq!(run.finish().unwrap_err().trim_end(), message);
    }
}

#[test]
fn pinning_reports_every_fault() {
    let nodes = json!([
        single("a", json!({ "success": "b" })),
        { "@type": "DeepDAGNode", "name": "b", "dag": "gone", "outputs": { "success": null, "error": null } },
        { "@type": "SingleNode", "name": "c", "node": "./x.ts#f", "outputs": { "success": null } },
    ]);
    let text = document("top", "a", nodes).to_string();
    let error = pin("top.dag.json", &text, &mut Files(json!({}), vec![])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "top.dag.json: nodes[0].node: \"a\" is no reference to a node: a file runs no registered functions; name one of \
         a file, as in ./nodes.ts#name\n\
         top.dag.json: nodes[2].node: ./x.ts: there is no such file\n\
         top.dag.json: nodes[1].dag: \"gone\": there is no such file"
    );
}

#[test]
fn a_run_can_begin_at_any_placement() {
    let code = everything();
    let guest = DagGuest::new(vec![Arc::new(Script)]);
    let mut program = guest.load(&code, &Limits::default()).unwrap();
    let (mut effects, mut next, mut pending) = (Vec::new(), 0, BTreeMap::new());
    let mut port = Numbers(&mut effects, &mut next, &mut pending);
    let start = |method: &str| Wake::Start {
        method: Some(method.into()),
        params: json!({}).into(),
        seed: Seed([0; 32]),
        run: "r".into(),
        instance: None,
        now: 5,
    };
    assert_eq!(program.turn(start("compose"), &mut port).unwrap(), TurnEnd::Idle);
    assert_eq!(program.inspect(None).unwrap().value()["cursor"], "loop/compose");
    let mut program = guest.load(&code, &Limits::default()).unwrap();
    let end = program.turn(start("nowhere"), &mut port).unwrap();
    assert!(matches!(end, TurnEnd::Failed(error) if error.message.starts_with("no placement of \"top\" is named")));
}

/// Kills anywhere, with and without snapshots: the same end, and no effect twice.
#[test]
fn killed_runs_come_to_the_same_end() {
    let code = everything();
    let mut calm = Run::new(code.clone());
    calm.answer = world;
    let wanted = calm.finish().unwrap();
    for seed in 0..400 {
        let mut random = Random(seed * 77 + 5);
        let mut run = Run::new(code.clone());
        run.answer = world;
        while run.end.is_none() {
            match random.below(10) {
                0 => run.die(),
                1 => run.save(),
                _ => {
                    let choices = run.choices();
                    run.deliver(choices[random.below(choices.len())]);
                }
            }
        }
        let done = run.finish().unwrap();
        assert_eq!(done["state"]["sum"], wanted["state"]["sum"], "seed {seed}");
        let sorted = |value: &Value| {
            let mut state = value["state"].clone();
            state.as_object_mut().unwrap().sort_keys();
            state
        };
        assert_eq!(sorted(&done), sorted(&wanted), "seed {seed}");
        let looks =
            run.effects.iter().filter(|effect| matches!(effect, Effect::Call { op, .. } if op == "look")).count();
        assert_eq!(looks, 1, "seed {seed}: nothing is done twice");
        assert_eq!(run.checkpoints().len(), calm.checkpoints().len(), "seed {seed}");
    }
}

#[test]
fn damaged_images_are_refused_or_harmless() {
    let code = everything();
    let mut run = Run::new(code.clone());
    run.answer = world;
    let mut random = Random(11);
    let mut images = Vec::new();
    while run.end.is_none() {
        run.save();
        images.push(run.saved.clone().unwrap().0);
        let choices = run.choices();
        run.deliver(choices[random.below(choices.len())]);
    }
    let guest = DagGuest::new(vec![Arc::new(Script)]);
    for image in images.iter().step_by(3) {
        for len in (0..image.len()).step_by(7) {
            assert!(guest.restore(&code, &Limits::default(), &[image.slice(..len)]).is_err());
        }
        for _ in 0..200 {
            let mut bytes = image.to_vec();
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            if let Ok(mut program) = guest.restore(&code, &Limits::default(), &[bytes.into()]) {
                let (mut effects, mut next, mut pending) = (Vec::new(), 0, BTreeMap::new());
                let mut port = Numbers(&mut effects, &mut next, &mut pending);
                let _ = program.inspect(None);
                let now = 1;
                let _ = program.turn(Wake::Result { n: 100_000, outcome: Ok(Payload::null()), now }, &mut port);
            }
        }
    }
}
