//! Photons: found by name, called with checked arguments, with states of their own.

use serde_json::{Value, json};

use crate::support::{Home, finish, until};

const NOTES: &str = "/** Keeps notes. */
export default class Notes extends Photon {
  private notes: string[] = [];
  getState() { return { notes: this.notes }; }
  setState(state) { this.notes = state.notes; }
  /**
   * Adds a note
   * @param text What to keep {@min 2}
   * @param times How often {@max 5}
   */
  add(text: string, times = 1, ...tags: string[]): number {
    for (let i = 0; i < times; i++) this.notes.push([text, ...tags].join('/'));
    return this.notes.length;
  }
  list() { return this.notes; }
  find({ part, all = false }: { part: string; all?: boolean }) {
    return { all, found: this.notes.filter((note) => note.includes(part)) };
  }
  where() { return this.instanceName; }
  async big() { this.notes = 5n; return null; }
}
";

fn state(home: &Home, photon: &str, instance: &str) -> Value {
    let text = std::fs::read_to_string(home.home().join("state").join(photon).join(instance)).expect("a state");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_photon_is_called_by_its_name() {
    let home = Home::with_photons(&[("notes", NOTES)]);
    let add = |args: &[&str]| home.json(&[&["run", "notes", "add"], args].concat())["result"].clone();
    assert_eq!(add(&["-p", "text=12"]), 1);
    assert_eq!(add(&["-p", "text=milk", "-p", "times=2", "-p", "tags=a,b"]), 3);
    assert_eq!(home.json(&["run", "notes", "list"])["result"], json!(["12", "milk/a/b", "milk/a/b"]));
    let found = home.json(&["run", "notes", "find", "-p", "part=mil", "-p", "all=yes"]);
    assert_eq!(found["result"], json!({"all": true, "found": ["milk/a/b", "milk/a/b"]}));
    let file = home.home().join("notes.photon.ts");
    let by_file = home.json(&["run", file.to_str().expect("text"), "add", "--params", r#"{"text": "four"}"#]);
    assert_eq!(by_file["result"], 4);
    // What runs are called.
    let shown = home.json(&["show", by_file["runId"].as_str().expect("an id")]);
    assert_eq!((&shown["photon"], &shown["tool"]), (&json!("notes"), &json!("add")));
    assert_eq!(shown["params"], json!({"text": "four", "times": 1}));
    for (args, expected) in [
        (&["notes", "add", "-p", "text=x"][..], "notes.add: text must have at least 2 characters"),
        (&["notes", "add", "-p", "times=9", "-p", "text=ab"], "times must be at most 5, and is 9"),
        (&["notes", "add", "-p", "times=x", "-p", "text=ab"], "times must be a number, and is the string \"x\""),
        (&["notes", "add"], "text is missing"),
        (&["notes", "add", "-p", "text=ab", "-p", "tmies=2"], "tmies is not a parameter; did you mean 'times'?"),
        (&["notes", "ad"], "notes has no method \"ad\"; did you mean 'add'?; there are add, list, find, where, big"),
        (&["notes"], "which method of notes is meant?; there are add, list"),
        (&["notse", "add"], "there is no photon \"notse\"; did you mean 'notes'?"),
        (&["notes", "getState"], "notes has no method \"getState\""),
        (&["notes", "list", "--instance", "../x"], "cannot name an instance"),
        (&["nowhere.ts"], "cannot read"),
    ] {
        let before = home.json(&["list"])["runs"].as_array().map(Vec::len);
        let refused = home.run(&[&["run"], args].concat()).expect(2);
        assert!(refused.err.contains(expected), "{args:?}: {}", refused.err);
        assert_eq!(home.json(&["list"])["runs"].as_array().map(Vec::len), before, "nothing was started: {args:?}");
    }
}

#[test]
fn instances_have_states_of_their_own() {
    let home = Home::with_photons(&[("notes", NOTES)]);
    home.run(&["run", "notes", "add", "-p", "text=home"]).expect(0);
    home.run(&["run", "notes", "add", "-p", "text=work", "--instance", "work"]).expect(0);
    assert_eq!(state(&home, "notes", "default"), json!({"notes": ["home"]}));
    assert_eq!(state(&home, "notes", "work"), json!({"notes": ["work"]}));
    let ran = home.json(&["run", "notes", "where", "--instance", "work"]);
    assert_eq!(ran["result"], "work");
    assert_eq!(home.json(&["show", ran["runId"].as_str().expect("an id")])["instance"], "work");
    assert_eq!(home.json(&["run", "notes", "where"])["result"], "default");
    // What JSON cannot hold is an error, and the state stays.
    let refused = home.run(&["run", "notes", "big"]).expect(1);
    assert!(refused.err.contains("state.notes is a BigInt (5n), which JSON cannot hold"), "{}", refused.err);
    assert_eq!(state(&home, "notes", "default"), json!({"notes": ["home"]}));
}

#[test]
fn photons_are_listed_and_shown() {
    let bad = "export default class {\n  /** @timeout 30 */\n  go() {} }";
    let home = Home::with_photons(&[("notes", NOTES), ("bad", bad)]);
    let listed = home.json(&["photon", "list"]);
    let photons = listed["photons"].as_array().expect("a list");
    assert_eq!(photons.len(), 2);
    assert!(photons[0]["error"].as_str().expect("an error").contains("bad.photon.ts:2:7: @timeout"), "{listed}");
    assert_eq!(photons[1]["tools"], json!(["add", "list", "find", "where", "big"]));
    assert_eq!(photons[1]["stateful"], true);
    let list = home.run(&["photon", "list"]).expect(0).out;
    assert!(list.contains("bad    broken: ") && list.contains("notes  add, list"), "{list}");
    let shown = home.run(&["photon", "show", "notes"]).expect(0).out;
    for expected in [
        "Keeps notes.",
        "add  text=… [times=…] [tags=…]",
        "  text   string length ≥ 2  What to keep",
        "  times  number ≤ 5, 1 unless given  How often",
        "  tags   list of string",
        "  gives number",
        "state/notes/default (none yet)",
    ] {
        assert!(shown.contains(expected), "{expected:?} in {shown}");
    }
    let shape = home.json(&["photon", "show", "notes"]);
    assert_eq!(shape["tools"][0]["inputSchema"]["required"], json!(["text"]));
    assert_eq!(shape["tools"][0]["binding"]["kind"], "positional");
    let broken = home.run(&["photon", "show", "bad"]).expect(2).err;
    assert!(broken.contains("the photon bad cannot be used: ") && broken.contains("bad.photon.ts:2:7"), "{broken}");
    let unknown = home.run(&["photon", "show", "note"]).expect(2).err;
    assert!(unknown.contains("did you mean 'notes'?") && unknown.contains("quicksave photon list"), "{unknown}");
    // Other folders, by option and by configuration.
    let here = home.work().join("more");
    std::fs::create_dir(&here).expect("made");
    std::fs::write(here.join("other.photon.js"), "export default class { go() { return 7 } }").expect("written");
    assert_eq!(home.json(&["run", "other", "go", "--photons", "more"])["result"], 7);
    let configured = format!("photons = [{:?}]\n", here.to_str().expect("text"));
    std::fs::write(home.home().join("quicksave.toml"), &configured).expect("written");
    assert_eq!(home.json(&["photon", "list"])["photons"].as_array().map(Vec::len), Some(3));
    assert_eq!(home.json(&["run", "other"])["result"], 7);
    // A configuration that came with a program says nothing about photons.
    std::fs::remove_file(home.home().join("quicksave.toml")).expect("removed");
    std::fs::write(home.work().join("quicksave.toml"), &configured).expect("written");
    let listed = home.run(&["--json", "photon", "list"]).expect(0);
    assert!(listed.err.contains("do not count"), "{}", listed.err);
    assert_eq!(listed.json()["photons"].as_array().map(Vec::len), Some(2));
}

const COUNT: &str = "export default class Count extends Photon {
  count = 0;
  getState() { return this.count; }
  setState(count) { this.count = count; }
  async up() {
    const before = this.count;
    await new Promise((wake) => setTimeout(wake, 30));
    this.count = before + 1;
    return this.count;
  }
  async asks() {
    const by = await ask({ ask: 'number', message: 'By how much?' });
    this.count += by;
    return this.count;
  }
  async itself() { return this.call('count.up'); }
  async other() { return this.call('count.up', {}, { instance: 'other' }); }
}
import { ask } from 'quicksave';
";

#[test]
fn calls_at_once_lose_no_update() {
    let home = Home::with_photons(&[("count", COUNT)]);
    let children: Vec<_> = (0..6).map(|_| home.spawn(&["run", "count", "up"])).collect();
    for child in children {
        finish(child).expect(0);
    }
    assert_eq!(state(&home, "count", "default"), 6);
    // In one process.
    let all = home.json(&["code", "return Promise.all([1, 2, 3, 4, 5].map(() => count.up()))"]);
    let mut results: Vec<i64> = all["result"].as_array().expect("a list").iter().filter_map(Value::as_i64).collect();
    results.sort_unstable();
    assert_eq!(results, [7, 8, 9, 10, 11], "{all}");
    assert_eq!(state(&home, "count", "default"), 11);
}

#[test]
fn a_save_over_somebody_elses_is_refused() {
    let home = Home::with_photons(&[("count", COUNT)]);
    home.run(&["run", "count", "asks", "--id", "a", "--no-prompt"]).expect(4);
    // It waits and holds nothing.
    home.run(&["run", "count", "up"]).expect(0);
    let refused = home.run(&["answer", "a", "10"]).expect(1);
    assert!(refused.err.contains("was changed by another run") && !refused.err.contains("ERR_STATE_CHANGED"));
    assert_eq!(state(&home, "count", "default"), 1);
    // Undisturbed, the same works.
    home.run(&["run", "count", "asks", "--id", "b", "--no-prompt"]).expect(4);
    assert_eq!(home.json(&["answer", "b", "10"])["result"], 11);
    // Its own call would wait for its own end; another instance is another state.
    let stuck = home.run(&["run", "count", "itself"]).expect(1);
    assert!(stuck.err.contains("a photon that keeps state cannot call itself"), "{}", stuck.err);
    assert_eq!(home.json(&["run", "count", "other"])["result"], 1);
    assert_eq!((state(&home, "count", "default"), state(&home, "count", "other")), (json!(11), json!(1)));
}

#[test]
fn states_are_shown_and_taken_back() {
    let home = Home::with_photons(&[("count", COUNT)]);
    let none = home.run(&["photon", "state", "count"]).expect(2).err;
    assert!(none.contains("count has no state of the instance default"), "{none}");
    for _ in 0..3 {
        home.run(&["run", "count", "up"]).expect(0);
    }
    assert_eq!(home.run(&["photon", "state", "count"]).expect(0).out, "3\n");
    assert_eq!(home.json(&["photon", "state", "count"])["state"], 3);
    let list = home.json(&["photon", "state", "count", "--list"]);
    let numbers: Vec<&Value> = list["backups"].as_array().expect("a list").iter().map(|one| &one["number"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)], "{list}");
    assert!(list["backups"][0]["bytes"] == 1 && list["backups"][0]["until"].is_string(), "{list}");
    home.run(&["photon", "state", "count", "--restore", "1"]).expect(0);
    assert_eq!(state(&home, "count", "default"), 1);
    // The one that was there is kept.
    home.run(&["photon", "state", "count", "--restore", "3"]).expect(0);
    assert_eq!(home.json(&["run", "count", "up"])["result"], 4);
    let unknown = home.run(&["photon", "state", "count", "--restore", "77"]).expect(2).err;
    assert!(unknown.contains("count has no earlier state 77"), "{unknown}");
    // Not while a run of it is driven.
    let slow = "export default class extends Photon { getState() { return 1 } setState() {} async go() { await new Promise((w) => setTimeout(w, 60000)); } }";
    std::fs::write(home.home().join("slow.photon.ts"), slow).expect("written");
    std::fs::create_dir_all(home.home().join("state/slow/backups")).expect("made");
    std::fs::write(home.home().join("state/slow/backups/default.000001.json"), "0").expect("written");
    let mut child = home.spawn(&["run", "slow", "--id", "s"]);
    home.wait_for("s", "state.load");
    let refused = home.run(&["photon", "state", "slow", "--restore", "1"]).expect(2).err;
    assert!(refused.contains("run s of slow is driven by"), "{refused}");
    child.kill().expect("killed");
    child.wait().expect("ended");
    home.run(&["photon", "state", "slow", "--restore", "1"]).expect(0);
}

#[test]
fn snippets_become_photons() {
    let home = Home::with_photons(&[("count", COUNT)]);
    let code = "import { join } from 'node:path';\nconst times = 3, who = 'Ada';\nlet n = 0;\nfor (let i = 0; i < times; i++) n = await count.up();\nreturn { n, who, path: join('a', who) };";
    let first = home.json(&["code", code, "--id", "c1"]);
    assert_eq!(first["result"], json!({"n": 3, "who": "Ada", "path": "a/Ada"}), "{first}");
    let saved = home.run(&["photon", "save", "c1", "raise", "--description", "Counts up."]).expect(0);
    assert!(
        saved.out.contains("run  [times=…] [who=…]") && saved.err.contains("quicksave photon enable raise"),
        "{saved:?}"
    );
    // It is no tool yet.
    home.run(&["run", "raise"]).expect(2);
    assert_eq!(home.json(&["photon", "list"])["pending"], json!(["raise"]));
    home.run(&["photon", "enable", "raise", "--dry-run"]).expect(0);
    home.run(&["run", "raise"]).expect(2);
    home.run(&["photon", "enable", "raise"]).expect(0);
    assert_eq!(home.json(&["run", "raise"])["result"], json!({"n": 6, "who": "Ada", "path": "a/Ada"}));
    let other = home.json(&["run", "raise", "-p", "times=1", "-p", "who=Bob"]);
    assert_eq!(other["result"], json!({"n": 7, "who": "Bob", "path": "a/Bob"}));
    home.run(&["photon", "disable", "raise"]).expect(0);
    home.run(&["run", "raise"]).expect(2);
    home.run(&["code", "throw new Error('x')", "--id", "c2"]).expect(1);
    home.run(&["code", "import './x.ts'; return 1", "--id", "c3"]).expect(2);
    for (run, name, expected) in [
        ("c1", "raise", "there is a photon 'raise' already"),
        ("c1", "count", "there is a photon 'count' already"),
        ("c1", "../x", "cannot name a photon"),
        ("c2", "x", "run c2 is failed"),
        (first["runId"].as_str().expect("an id"), "", "cannot name a photon"),
    ] {
        let refused = home.run(&["photon", "save", run, name]).expect(2).err;
        assert!(refused.contains(expected), "{run} {name}: {refused}");
    }
    let not_code = home.json(&["run", "count", "up"])["runId"].as_str().expect("an id").to_owned();
    let refused = home.run(&["photon", "save", &not_code, "x"]).expect(2).err;
    assert!(refused.contains("is not a run of a snippet"), "{refused}");
    // A file from elsewhere.
    let file = home.write("seven.photon.ts", "export default class { go() { return 7 } }");
    home.run(&["photon", "enable", file.to_str().expect("text")]).expect(0);
    assert_eq!(home.json(&["run", "seven"])["result"], 7);
}

#[test]
fn packages_that_are_missing_are_named() {
    let photon = "/** @dependencies left-pad@^1.3.0, there@1 */\nimport pad from 'left-pad';\nimport there from 'there';\nexport default class { go() { return pad('x') + there } }";
    let home = Home::with_photons(&[("pads", photon)]);
    let package = home.home().join("node_modules/there");
    std::fs::create_dir_all(&package).expect("made");
    std::fs::write(package.join("package.json"), r#"{"name": "there", "version": "1.0.0", "main": "i.js"}"#)
        .expect("written");
    std::fs::write(package.join("i.js"), "module.exports = '!';").expect("written");
    let missing = home.run(&["run", "pads"]).expect(2).err;
    let folder = home.home().canonicalize().expect("there");
    let expected = format!("npm install --prefix {} left-pad@^1.3.0", folder.display());
    assert!(
        missing.contains("the photon pads needs packages that are not installed: left-pad")
            && missing.contains(&expected),
        "{missing}"
    );
    let package = home.home().join("node_modules/left-pad");
    std::fs::create_dir_all(&package).expect("made");
    std::fs::write(package.join("package.json"), r#"{"name": "left-pad", "version": "1.3.0", "main": "i.js"}"#)
        .expect("written");
    std::fs::write(package.join("i.js"), "module.exports = (text) => ' ' + text;").expect("written");
    assert_eq!(home.json(&["run", "pads"])["result"], " x!");
}

#[test]
fn constructors_are_given_what_they_ask_for() {
    let photon = "/**\n * @stateful\n * @photon sums ./sums.photon.ts\n */
export default class extends Photon {
  constructor(private apiKey: string, private retries = 3, private sums: any, private items: string[] = []) { super(); }
  async add(item: string) { this.items.push(item); return { key: this.apiKey, retries: this.retries, n: await this.sums.add({ a: this.items.length, b: 1 }) }; }
}";
    let home = Home::with_photons(&[
        ("things", photon),
        ("sums", "export default class { add(a: number, b: number) { return a + b } }"),
    ]);
    let refused = home.run(&["run", "things", "add", "-p", "item=a"]).expect(1).err;
    assert!(refused.contains("THINGS_API_KEY"), "{refused}");
    let call = |item: &str| {
        let mut command =
            home.command(&["--json", "run", "things", "add", "-p", item, "--allow-env=THINGS_API_KEY,THINGS_RETRIES"]);
        finish(command.env("THINGS_API_KEY", "k").env("THINGS_RETRIES", "5").spawn().expect("started")).json()["result"]
            .clone()
    };
    assert_eq!(call("item=a"), json!({"key": "k", "retries": 5, "n": 2}));
    assert_eq!(call("item=b"), json!({"key": "k", "retries": 5, "n": 3}));
    assert_eq!(state(&home, "things", "default"), json!({"items": ["a", "b"]}));
}

#[test]
fn counters_of_the_seed_count_over_two_sessions() {
    let home = Home::with_photons(&[]);
    for name in ["counter", "my"] {
        let file = format!("{}/../../examples/seeds/{name}.photon.ts", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(file, home.home().join(format!("{name}.photon.ts"))).expect("copied");
        for n in 1..=2 {
            assert_eq!(home.json(&["run", name])["result"]["count"], n);
        }
        assert_eq!(state(&home, name, "default")["count"], 2);
        // Another session, and by the name of the method.
        for n in 3..=4 {
            assert_eq!(home.json(&["run", name, "run"])["result"]["count"], n);
        }
    }
    until("backups", || home.home().join("state/counter/backups/default.000003.json").exists());
}

#[test]
fn methods_are_nodes_of_dags() {
    let home = Home::with_photons(&[("notes", NOTES)]);
    let node = |name: &str, node: &str, next: Value| json!({ "@type": "SingleNode", "name": name, "node": node, "outputs": { "success": next } });
    let document = |second: &str| {
        let nodes = [node("first", "photon:notes.add", "second".into()), node("second", second, Value::Null)];
        json!({ "@type": "DAG", "name": "noted", "version": "1", "entrypoint": "first", "nodes": nodes }).to_string()
    };
    home.write("noted.dag.json", &document("photon:notes.list"));
    // What the method does not take stays in the state.
    let ran = home.json(&["run", "noted.dag.json", "-p", "text=milk", "-p", "times=2", "-p", "other=1"]);
    let state = &ran["result"]["state"];
    assert_eq!((&state["first"], &state["second"]), (&json!(2), &json!(["milk", "milk"])), "{ran}");
    assert_eq!(state["other"], 1);
    // Each call is a run of its own, below the DAG's.
    let runs = home.json(&["list"]);
    let called = runs["runs"].as_array().expect("runs").iter().filter(|run| run["photon"] == "notes").count();
    assert_eq!(called, 2, "{runs}");
    home.write("noted.dag.json", &document("photon:nots.list"));
    let failed = home.run(&["run", "noted.dag.json", "-p", "text=xy"]).expect(1);
    assert!(failed.err.contains("nots") && failed.err.contains("notes"), "{failed:?}");
    let wrong = home.run(&["run", "noted.dag.json", "-p", "text=xy", "-p", "times=many"]).expect(1);
    assert!(wrong.err.contains("times"), "{wrong:?}");
}
