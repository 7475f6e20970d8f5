//! run, code, resume; killed and interrupted.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{COUNTER, Home, finish, signal};

#[test]
fn a_program_gives_its_result() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let run = home.run(&["run", "counter.ts", "-p", "n=4", "--id", "r1"]).expect(0);
    assert_eq!(run.out, "step 0\nstep 1\nstep 2\nstep 3\n{\n  \"sum\": 6\n}\n");
    assert_eq!(run.err, "");
    // A run that has ended gives its recorded result, and prints nothing again.
    assert_eq!(home.run(&["resume", "r1"]).expect(0).out, "{\n  \"sum\": 6\n}\n");
    let expected = json!({ "runId": "r1", "status": "completed", "result": { "sum": 6 } });
    assert_eq!(home.json(&["resume", "r1"]), expected);
}

#[test]
fn results_of_all_kinds() {
    let home = Home::new();
    for (code, out) in [
        ("return 42", "42\n"),
        ("return 'a text'", "a text\n"),
        ("return null", ""),
        ("1 + 1", ""),
        ("return [1, {a: true}]", "[\n  1,\n  {\n    \"a\": true\n  }\n]\n"),
        ("process.stdout.write('no end'); return 1", "no end\n1\n"),
        ("process.stdout.write('no end')", "no end"),
        ("return new Uint8Array([104, 105])", "hi"),
    ] {
        assert_eq!(home.run(&["code", code]).expect(0).out, out, "{code}");
    }
    assert_eq!(home.run(&["-q", "code", "console.log('said'); return 1"]).expect(0).out, "said\n");
    assert_eq!(home.json(&["code", "return new Uint8Array([104, 105])"])["resultBytes"], "aGk=");
}

#[test]
fn code_from_standard_input_and_its_record() {
    let home = Home::new();
    let mut child =
        home.command(&["code", "-", "--id", "c1"]).stdin(std::process::Stdio::piped()).spawn().expect("started");
    std::io::Write::write_all(&mut child.stdin.take().expect("open"), b"return 6 * 7").expect("written");
    assert_eq!(finish(child).expect(0).out, "42\n");
    let shown = home.json(&["show", "c1"]);
    assert_eq!((&shown["tool"], &shown["params"]), (&json!("code"), &json!({ "code": "return 6 * 7" })));
}

#[test]
fn parameters_and_methods() {
    let home = Home::new();
    home.write(
        "math.photon.ts",
        "export default class Math2 {\n  async add({ a, b }: { a: number; b: number }) { return a + b }\n  async echo(params: any) { return params }\n}\n",
    );
    assert_eq!(home.run(&["run", "math.photon.ts", "add", "-p", "a=1", "-p", "b=2"]).expect(0).out, "3\n");
    let args = [
        "run",
        "math.photon.ts",
        "echo",
        "--params",
        "{\"a\":1,\"x\":null}",
        "-p",
        "a=two",
        "-p",
        "j=[1]",
        "--id",
        "m1",
    ];
    assert_eq!(home.json(&args)["result"], json!({ "a": "two", "x": null, "j": [1] }));
    let shown = home.json(&["show", "m1"]);
    assert_eq!((&shown["tool"], &shown["photon"]), (&json!("echo"), &json!("math")));
    let failed = home.run(&["run", "math.photon.ts"]).expect(2);
    assert!(failed.err.contains("there are add, echo"), "{}", failed.err);
}

#[test]
fn killed_anywhere_it_goes_on_where_it_was() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let mut child = home.spawn(&["run", "counter.ts", "-p", "n=12", "--id", "k1"]);
    let mut printed = String::new();
    for step in ["step 1\"", "step 4\"", "step 8\""] {
        home.wait_for("k1", step);
        signal(&child, Signal::KILL);
        let killed = finish(child);
        assert_eq!(killed.code, -9);
        printed += &killed.out;
        // The file does not matter any more: the code is pinned.
        home.write("counter.ts", "export default () => 'another program'");
        child = home.spawn(&["resume", "k1"]);
    }
    let last = finish(child).expect(0);
    printed += &last.out;
    assert!(last.out.ends_with("{\n  \"sum\": 66\n}\n"), "{last:?}");
    // What was recorded and not yet printed when the process died is not printed again; nothing is printed twice.
    for step in 0..12 {
        let count = printed.lines().filter(|line| *line == format!("step {step}")).count();
        assert!(count <= 1, "step {step}: {count} times");
    }
    let effects = &home.json(&["show", "k1"])["effects"];
    assert_eq!(effects, &json!({ "checkpoint": 12, "emit": 12, "timer": 12 }));
}

#[test]
fn interrupted_it_is_left_resumable() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    for (n, sent) in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().enumerate() {
        let id = format!("i{n}");
        let child = home.spawn(&["run", "counter.ts", "-p", "pause=300", "--id", &id, "--allow-net=example.com"]);
        home.wait_for(&id, "cp_0");
        signal(&child, sent);
        let left = finish(child).expect(130);
        let hint = format!("quicksave resume {id} --allow-net=example.com\n");
        assert!(left.err.ends_with(&hint), "{}", left.err);
        assert_eq!(home.status(&id), "running");
        assert_eq!(home.run(&["resume", &id]).expect(0).out.lines().last(), Some("}"));
    }
}

#[test]
fn a_computing_program_is_interrupted_too() {
    let home = Home::new();
    let child = home.spawn(&["--json", "code", "console.log('on'); while (true) {}", "--id", "w1"]);
    home.wait_for("w1", "\"start\"");
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&child, Signal::INT);
    let left = finish(child).expect(130);
    assert_eq!(left.json(), json!({ "runId": "w1", "status": "running" }));
}

#[test]
fn a_failed_run_goes_on_from_its_last_checkpoint() {
    let home = Home::new();
    home.write(
        "shaky.ts",
        "import { readFileSync } from 'node:fs';
export default async function* shaky() {
  console.log('once');
  yield { checkpoint: { done: 1 } };
  return readFileSync('answer.txt', 'utf8');
}",
    );
    let failed = home.run(&["run", "shaky.ts", "--id", "f1", "--allow-read=."]).expect(1);
    assert_eq!(failed.out, "once\n");
    assert!(failed.err.contains("ENOENT") && failed.err.contains("resume f1 --retry --allow-read=."), "{}", failed.err);
    home.write("answer.txt", "now it is there");
    let still = home.run(&["resume", "f1", "--allow-read=."]).expect(1);
    assert!(still.err.contains("ENOENT"), "{}", still.err);
    assert_eq!(home.run(&["resume", "f1", "--retry", "--allow-read=."]).expect(0).out, "now it is there\n");
}

#[test]
fn state_is_kept_across_runs() {
    let home = Home::new();
    home.write(
        "tally.ts",
        "export default class Tally {\n  n = 0;\n  getState() { return { n: this.n } }\n  setState(s) { this.n = s.n }\n  async run() { return ++this.n }\n}",
    );
    for n in 1..=3 {
        assert_eq!(home.run(&["run", "tally.ts"]).expect(0).out, format!("{n}\n"));
    }
    assert!(home.home().join("state/tally/default").is_file());
}

#[test]
fn nothing_is_kept_in_memory() {
    let home = Home::new();
    assert_eq!(home.run(&["--store", "memory:", "code", "return 1"]).expect(0).out, "1\n");
    assert!(!home.home().join("runs").exists());
    let elsewhere = home.work().join("store");
    let url = format!("file:{}", elsewhere.display());
    home.run(&["--store", &url, "code", "return 1", "--id", "e1"]).expect(0);
    assert!(elsewhere.join("runs/e1.jsonl").is_file());
}

#[test]
fn an_id_is_used_once() {
    let home = Home::new();
    home.run(&["code", "return 1", "--id", "same"]).expect(0);
    let again = home.run(&["code", "return 2", "--id", "same"]).expect(2);
    assert!(again.err.contains("run same exists already"), "{}", again.err);
    assert_eq!(home.run(&["resume", "same"]).expect(0).out, "1\n");
}
