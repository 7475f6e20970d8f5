//! Sentences of the photon contract that no other file has a test of: what users were promised, with the real binary.

use serde_json::{Value, json};

use crate::support::Home;

#[test]
fn runs_lie_where_the_ecosystem_looks() {
    let home = Home::new();
    let mut command = home.command(&["code", "return 1", "--id", "r1"]);
    command.env_remove("QUICKSAVE_HOME");
    assert!(command.status().expect("runs").success());
    let user = home.home().parent().expect("a folder").to_owned();
    let text = std::fs::read_to_string(user.join(".photon/runs/r1.jsonl")).expect("a log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["t"], &lines[0]["tool"]), (&json!("start"), &json!("code")));
    let last = lines.last().expect("a line");
    assert_eq!((&last["t"], &last["value"]), (&json!("return"), &json!(1)));
    assert!(lines.iter().all(|line| line["ts"].is_u64()), "{text}");
}

#[test]
fn checkpoints_have_three_shapes_and_any_name_any_number_of_times() {
    let home = Home::new();
    home.write(
        "shapes.ts",
        "export default async function* shapes() {
           const seen = [];
           seen.push(yield { checkpoint: true, state: { a: 1 } });
           seen.push(yield { checkpoint: true, state: 2, id: 'named' });
           seen.push(yield { checkpoint: { b: 3 } });
           seen.push(yield { checkpoint: 'label', data: [4] });
           for (let i = 0; i < 3; i++) seen.push(yield { checkpoint: true, id: 'named', state: { i } });
           seen.push(yield 'a text');
           const ok = yield { ask: 'confirm', message: 'on?' };
           return { seen, ok };
         }",
    );
    home.run(&["run", "shapes.ts", "--id", "s1", "--no-prompt"]).expect(4);
    let journal = std::fs::read_to_string(home.journal("s1")).expect("a log");
    let of = |kind: &str| -> Vec<Value> {
        let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["t"] == kind).collect()
    };
    let checkpoints: Vec<(Value, Value)> =
        of("checkpoint").into_iter().map(|mut line| (line["id"].take(), line["state"].take())).collect();
    let expected = [
        (json!("cp_0"), json!({"a": 1})),
        (json!("named"), json!(2)),
        (json!("cp_2"), json!({"b": 3})),
        (json!("label"), json!([4])),
        (json!("named"), json!({"i": 0})),
        (json!("named"), json!({"i": 1})),
        (json!("named"), json!({"i": 2})),
    ];
    assert_eq!(checkpoints, expected);
    assert_eq!(of("emit")[0]["emit"], "stream");
    assert_eq!(of("ask")[0]["id"], "ask_0");
    // An answer of `false` is one, here and for whoever looks.
    let done = home.json(&["answer", "s1", "false"]);
    assert_eq!((&done["status"], &done["result"]["ok"]), (&json!("completed"), &json!(false)));
    let states = json!([{"a": 1}, 2, {"b": 3}, [4], {"i": 0}, {"i": 1}, {"i": 2}]);
    assert_eq!(done["result"]["seen"].as_array().expect("a list")[..7], states.as_array().expect("a list")[..]);
    assert_eq!(home.status("s1"), "completed");
    // A fork from a name that was used often begins at the last of that name.
    let forked = home.json(&["fork", "s1", "--at", "named", "--no-prompt"]);
    assert_eq!(forked["status"], "waiting", "{forked}");
    assert_eq!(
        home.json(&["answer", forked["runId"].as_str().expect("an id"), "yes"])["result"]["seen"],
        done["result"]["seen"]
    );
}

#[test]
fn a_state_that_json_cannot_hold_is_an_error_that_names_the_place() {
    let keeps = "export default class Keeps extends Photon {
      kept: any = 'good';
      getState() { return { kept: this.kept }; }
      setState(state) { this.kept = state.kept; }
      async keep({ code }: { code: string }) { this.kept = new Function('return ' + code)(); return 'kept'; }
      async show() { return this.kept; }
    }";
    let home = Home::with_photons(&[("keeps", keeps)]);
    assert_eq!(home.json(&["run", "keeps", "keep", "-p", "code='first'"])["result"], "kept");
    for (code, what) in [
        ("5n", "BigInt"),
        ("({ deep: [1, 5n] })", "state.kept.deep[1]"),
        ("new Map([[1, 2]])", "Map"),
        ("new Set()", "Set"),
        ("NaN", "NaN"),
        ("-Infinity", "Infinity"),
        ("new Date(0)", "Date"),
        ("(() => { const a = {}; a.a = a; return a; })()", "is a cycle"),
        ("() => 1", "function"),
        ("Symbol('s')", "ymbol"),
    ] {
        let failed = home.run(&["run", "keeps", "keep", "-p", &format!("code={code}")]).expect(1);
        assert!(failed.err.contains("state.kept") && failed.err.contains(what), "{code}: {}", failed.err);
        assert_eq!(home.json(&["run", "keeps", "show"])["result"], "first", "{code}");
    }
}

#[test]
fn a_programs_own_names_go_before_namespaces() {
    let home = Home::with_photons(&[("notes", "export default class { list() { return 'of the photon' } }")]);
    let result = |code: &str| home.json(&["code", code])["result"].clone();
    assert_eq!(result("return notes.list()"), "of the photon");
    assert_eq!(result("const notes = { list: () => 'mine' }; return notes.list()"), "mine");
    assert_eq!(result("function ncp() { return 'mine' } return ncp()"), "mine");
    assert_eq!(result("const { runs } = await code.list_runs(); return runs.length > 0"), true);
    assert_eq!(result("let code = 1; return code"), 1);
}

#[test]
fn photon_core_is_there_by_its_names() {
    let home = Home::new();
    home.write(
        "core.ts",
        "import { Photon as Base, maybeStatefulExecute, executeStatefulGenerator, StateLog, parseResumeState, listRuns,
           getRunInfo, deleteRun, cleanupRuns, generateRunId, isCheckpointYield, isAskYield, isEmitYield, io }
           from '@portel/photon-core';
         export default async () => {
           const all = { maybeStatefulExecute, executeStatefulGenerator, StateLog, parseResumeState, listRuns, getRunInfo,
             deleteRun, cleanupRuns, generateRunId, isCheckpointYield, isAskYield, isEmitYield };
           const missing = Object.entries(all).filter(([, value]) => typeof value !== 'function').map(([name]) => name);
           const out = (id) => deleteRun(id).then(() => 'deleted', (error) => error.message);
           return { missing, same: Base === Photon, asks: Object.keys(io.ask).sort(), emits: Object.keys(io.emit).sort(),
             outside: await out('../x'), empty: await out('') };
         };",
    );
    std::fs::create_dir_all(home.home().join("runs")).expect("made");
    std::fs::create_dir(home.home().join("x")).expect("made");
    std::fs::write(home.home().join("x.jsonl"), "keep").expect("written");
    let result = home.json(&["run", "core.ts", "-A"])["result"].clone();
    assert_eq!((&result["missing"], &result["same"]), (&json!([]), &json!(true)), "{result}");
    for (of, names) in [
        ("asks", &["text", "password", "confirm", "select", "number", "file", "date", "form", "url"][..]),
        ("emits", &["status", "progress", "stream", "log", "toast", "thinking", "artifact", "ui", "qr", "render"]),
    ] {
        let there = result[of].as_array().expect("a list");
        let missing: Vec<_> = names.iter().filter(|name| !there.contains(&json!(name))).collect();
        assert!(missing.is_empty(), "io.{of} has no {missing:?}: {result}");
    }
    for name in ["outside", "empty"] {
        assert_ne!(result[name], "deleted", "{result}");
    }
    assert_eq!(std::fs::read_to_string(home.home().join("x.jsonl")).expect("still there"), "keep");
}

#[test]
fn what_is_not_there_says_what_is() {
    let photon = "export default class extends Photon { async think() { return this.sample({ prompt: 'x' }); } }";
    let home = Home::with_photons(&[("thinks", photon)]);
    let failed = home.run(&["run", "thinks"]).expect(1);
    assert!(failed.err.contains("this.sample() is not there") && failed.err.contains("this.mcp("), "{failed:?}");
    for (import, instead) in [
        ("import { execSync } from 'child_process'; return execSync('id')", "`shell:` node of a DAG"),
        ("import { Worker } from 'node:worker_threads'; return new Worker('x')", "call another photon"),
        ("import { createServer } from 'node:http'; return createServer()", "fetch()"),
    ] {
        let refused = home.run(&["code", import]).expect(2);
        assert!(refused.err.contains("is not available to programs") && refused.err.contains(instead), "{refused:?}");
    }
}

#[test]
fn an_error_as_large_as_the_memory_is_told() {
    let home = Home::new();
    for code in [
        "throw new Error('x'.repeat(2e7))",
        "throw 'x'.repeat(2e7)",
        "throw Object.assign(new Error('x'), { code: 'x'.repeat(2e7) })",
        "throw new Error('x', { cause: new Error('y'.repeat(2e7)) })",
        "new Intl.DateTimeFormat('en', { timeZone: 'x'.repeat(1e7) })",
    ] {
        let failed = home.run(&["code", code, "--limit-memory=96MiB", "--id", "big"]).expect(1);
        assert!(failed.err.contains("run big") && failed.err.contains('x'), "{code}: {}", &failed.err[..500]);
        assert!(!failed.err.contains("can bring about") && failed.err.len() < 1 << 20, "{code}: {}", failed.err.len());
        assert_eq!(home.status("big"), "failed");
        home.run(&["delete", "big"]).expect(0);
    }
}
