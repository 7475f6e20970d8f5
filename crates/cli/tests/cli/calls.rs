//! Tools inside programs: photons called by snippets and by other photons, as runs of their own.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Home, finish, signal};

const SUMS: &str = "export default class {
  /** Adds two numbers */
  add(a: number, b: number): number { return a + b; }
  fails() { throw new RangeError('too much'); }
  /** @internal */
  hidden() { return 1; }
}";

#[track_caller]
fn code(home: &Home, text: &str) -> Value {
    let ran = home.run(&["--json", "code", text]);
    assert_eq!(ran.code, 0, "{text}: {ran:#?}");
    ran.json()["result"].clone()
}

#[test]
fn photons_are_namespaces_of_snippets() {
    let home = Home::with_photons(&[
        ("sums", SUMS),
        ("my-sums", SUMS),
        ("console", SUMS),
        ("bad", "export default class { t( }"),
    ]);
    assert_eq!(code(&home, "return sums.add({ a: 1, b: 2 })"), 3);
    assert_eq!(code(&home, "return my_sums.add({ a: 1, b: 2 })"), 3);
    assert_eq!(code(&home, "const sums = { add: () => 'mine' }; return sums.add()"), "mine");
    assert_eq!(
        code(&home, "return [typeof console.log, typeof sums, await Promise.resolve(sums) === sums]"),
        json!(["function", "object", true])
    );
    assert_eq!(code(&home, "return tools.call('my-sums.add', { a: 1, b: 2 })"), 3);
    assert_eq!(code(&home, "return ncp.run('sums:add', { a: 2, b: 2 })"), 4);
    assert_eq!(code(&home, "return ncp.run('sums.add', { a: 2, b: 2 })"), 4);
    let found = code(&home, "return ncp.find('add numbers')");
    assert_eq!(found["tools"].as_array().map(Vec::len), Some(3), "{found}");
    assert_eq!(found["tools"][0]["inputSchema"]["required"], json!(["a", "b"]));
    assert_eq!(code(&home, "return (await ncp.find({ query: 'add', limit: 1 })).tools.length"), 1);
    let all = code(&home, "return tools.list()");
    let all = all.as_array().expect("a list");
    assert!(
        all.iter()
            .any(|one| one["source"] == "bad" && one["error"].as_str().is_some_and(|e| e.contains("bad.photon.ts"))),
        "{all:?}"
    );
    assert!(!all.iter().any(|one| one["name"] == "hidden"), "{all:?}");
    assert_eq!(code(&home, "return (await tools.list('sums')).map((tool) => tool.name)"), json!(["add", "fails"]));
    for (text, expected) in [
        ("return sums.ad({})", "sums has no tool \"ad\"; did you mean 'add'?"),
        ("return sums.hidden()", "sums has no tool \"hidden\""),
        ("return sums.add({ a: 'x', b: 1 })", "sums.add: a must be a number, and is the string \"x\""),
        ("return sums.add(1)", "sums.add() takes one object of arguments"),
        ("return sums.fails()", "sums.fails failed: RangeError: too much (run "),
        ("return bad.t()", "bad.photon.ts"),
        ("return tools.call('nobody.at')", "there is no photon or server \"nobody\""),
        ("return tools.call('nobody')", "'name.tool' is needed"),
        ("return nobody.at()", "nobody is not defined"),
    ] {
        let failed = home.run(&["code", text]).expect(1).err;
        assert!(failed.contains(expected), "{text}: {failed}");
    }
    // Each call is a run, named after its caller.
    home.run(&["code", "await sums.add({ a: 1, b: 1 }); return sums.add({ a: 1, b: 2 })", "--id", "c"]).expect(0);
    let child = home.json(&["show", "c_1"]);
    assert_eq!(
        (&child["parent"], &child["photon"], &child["result"]),
        (&json!("c"), &json!("sums"), &json!(3)),
        "{child}"
    );
}

/// Appends a line to a file for every time that it is really done.
const WRITER: &str = "import { appendFile } from 'node:fs/promises';
export default class extends Photon {
  async write(file: string, lines: number) {
    for (let i = 0; i < lines; i++) {
      await appendFile(file, `${i}\\n`);
      await new Promise((wake) => setTimeout(wake, 25));
    }
    return lines;
  }
}";

const CALLER: &str = "export default class extends Photon {
  async twice(file: string) {
    const first = await this.call('writer.write', { file, lines: 12 });
    return { first, second: await this.call('writer.write', { file, lines: 3 }) };
  }
  async ask() { return { answer: await this.call('asker.ask') }; }
  async recurse(n: number) { return this.call('caller.recurse', { n: n + 1 }); }
}";

fn lines(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

#[test]
fn a_killed_caller_finds_its_call_again() {
    let home = Home::with_photons(&[("writer", WRITER), ("caller", CALLER)]);
    let file = home.work().join("lines");
    let param = format!("file={}", file.display());
    let grants = ["--allow-write", "--allow-read"];
    let child = home.spawn(&[&["run", "caller", "twice", "-p", &param, "--id", "p"], &grants[..]].concat());
    home.wait_for("p_0", "\"t\":\"timer\"");
    signal(&child, Signal::KILL);
    finish(child);
    assert_eq!(home.status("p_0"), "running");
    let resumed = home.run(&[&["--json", "resume", "p"], &grants[..]].concat()).expect(0).json();
    assert_eq!(resumed["result"], json!({"first": 12, "second": 3}));
    let expected: String = (0..12).chain(0..3).map(|i| format!("{i}\n")).collect();
    // The one line whose result was perhaps lost may stand there twice.
    let written = lines(&file);
    let extra = written.lines().count() - expected.lines().count();
    assert!(extra <= 1, "{written}");
    assert_eq!(home.json(&["list"])["runs"].as_array().map(Vec::len), Some(3), "one run for each call");
    assert_eq!((home.status("p_0"), home.status("p_1")), ("completed".into(), "completed".into()));
}

#[test]
fn a_call_that_waits_lets_its_caller_wait() {
    let asker = "import { ask } from 'quicksave';\nexport default class { async ask() { return ask('Name?'); } }";
    let home = Home::with_photons(&[("asker", asker), ("caller", CALLER)]);
    let waits = home.run(&["run", "caller", "ask", "--id", "p", "--no-prompt"]).expect(4).err;
    assert!(waits.contains("for run p_0, which it called"), "{waits}");
    assert_eq!((home.status("p"), home.status("p_0")), ("waiting".into(), "waiting".into()));
    assert_eq!(home.json(&["show", "p"])["waitingFor"], json!([{"kind": "run", "n": 0, "runId": "p_0"}]));
    // The answer goes to the run that asked; its caller goes on with it.
    home.run(&["answer", "p_0", "Ada"]).expect(0);
    assert_eq!(home.json(&["resume", "p"])["result"], json!({"answer": "Ada"}));
}

#[test]
fn calls_have_bounds() {
    let home = Home::with_photons(&[("caller", CALLER)]);
    let deep = home.run(&["run", "caller", "recurse", "-p", "n=0"]).expect(1).err;
    assert!(deep.contains("calls are nested too deep"), "{deep}");
    // A program may delete what has ended, and not what waits.
    home.run(&["code", "import { ask } from 'quicksave'; return ask('x')", "--id", "w", "--no-prompt"]).expect(4);
    let refused = home.run(&["code", "return code.delete_run({ runId: 'w' })"]).expect(1).err;
    assert!(refused.contains("run w is waiting: a program may delete runs that have ended"), "{refused}");
    home.run(&["cancel", "w"]);
    assert_eq!(code(&home, "return code.delete_run({ runId: 'w' })")["deleted"], true);
}
