//! `quicksave mcp`, spoken to line by line. What official clients get is tested in tests/mcp.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Home, signal, until};

/// A server, and its client.
pub struct Session {
    pub child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Session {
    pub fn begin(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command(&[&["mcp"], args].concat());
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("started");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut session = Self { child, input, output, next: 0 };
        let me = json!({ "name": "test", "version": "1" });
        let begun =
            session.ask("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": me }));
        assert_eq!(begun["result"]["serverInfo"]["name"], "quicksave");
        session.tell(json!({ "method": "notifications/initialized" }));
        session
    }

    fn tell(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        writeln!(self.input, "{message}").expect("the server reads");
    }

    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        self.tell(json!({ "id": self.next, "method": method, "params": params }));
        self.next
    }

    /// The answer to a request; what comes before it is dropped.
    fn answer(&mut self, id: u64) -> Value {
        self.answers(&[id]).remove(0)
    }

    /// The answers to requests, which come in whatever order.
    pub fn answers(&mut self, ids: &[u64]) -> Vec<Value> {
        let mut answers = vec![Value::Null; ids.len()];
        while answers.iter().any(Value::is_null) {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("readable") > 0, "the server ended");
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("no JSON ({e}): {line}"));
            if let Some(at) = ids.iter().position(|id| message["id"] == *id) {
                answers[at] = message;
            }
        }
        answers
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    pub fn call(&mut self, name: &str, args: Value) -> Value {
        self.ask("tools/call", json!({ "name": name, "arguments": args }))["result"].take()
    }

    /// Closes standard input, and waits for the server's end.
    pub fn end(mut self) -> i32 {
        drop(self.input);
        self.child.wait().expect("ended").code().expect("a code")
    }
}

fn only_run(home: &Home) -> String {
    let mut run = String::new();
    until("a run", || {
        let listed = home.json(&["list"]);
        run = listed["runs"][0]["runId"].as_str().unwrap_or_default().to_owned();
        !run.is_empty()
    });
    run
}

#[test]
fn snippets_are_runs() {
    let home = Home::new();
    let mut session = Session::begin(&home, &[]);
    let tools = session.ask("tools/list", json!({}));
    assert!(tools["result"]["tools"].as_array().expect("a list").iter().any(|tool| tool["name"] == "code_run"));
    let done = session.call("code:run", json!({ "code": "console.log('x'); return [1, 2]" }));
    let shape = &done["structuredContent"];
    assert_eq!((&shape["result"], &shape["logs"]), (&json!([1, 2]), &json!("x\n")), "{done}");
    let run = shape["runId"].as_str().expect("an id");
    assert_eq!(home.status(run), "completed");
    assert_eq!(session.end(), 0);
}

#[test]
fn a_killed_server_goes_on_with_its_runs() {
    let home = Home::new();
    let mut session = Session::begin(&home, &[]);
    let code = "for (let n = 0; n < 20; n++) { yield { checkpoint: true, id: `at-${n}`, state: n }; \
                await new Promise((done) => setTimeout(done, 50)); } return 'finished'";
    session.send("tools/call", json!({ "name": "code_run", "arguments": { "code": code } }));
    let run = only_run(&home);
    until("some steps", || home.json(&["show", &run])["lastCheckpoint"]["state"].as_u64().unwrap_or(0) >= 3);
    session.child.kill().expect("killed");
    session.child.wait().expect("ended");
    assert_eq!(home.status(&run), "running", "nobody goes on with it yet");
    let again = Session::begin(&home, &[]);
    until("the end", || home.json(&["show", &run])["result"] == "finished");
    assert_eq!(again.end(), 0);
    // What a person began is left to the person.
    let mut child = home.spawn(&["code", "--id", "mine", "await new Promise((d) => setTimeout(d, 30_000))"]);
    until("a run", || home.journal("mine").exists());
    child.kill().expect("killed");
    child.wait().expect("ended");
    let mut again = Session::begin(&home, &[]);
    assert_eq!(again.call("code_run", json!({ "code": "return 1" }))["structuredContent"]["result"], 1);
    assert!(home.json(&["show", "mine"]).get("driver").is_none());
    assert_eq!(again.end(), 0);
}

#[test]
fn a_server_wakes_what_sleeps_in_it() {
    let home = Home::new();
    let mut session = Session::begin(&home, &["--park-after", "1s"]);
    let code = "await new Promise((done) => setTimeout(done, 3500)); return 'awake'";
    session.call("code_run", json!({ "code": code }));
    let run = only_run(&home);
    assert_eq!(home.status(&run), "waiting");
    until("the end", || home.json(&["show", &run])["result"] == "awake");
    assert_eq!(session.end(), 0);
}

#[test]
fn a_server_that_is_stopped_leaves_runs_that_go_on() {
    let home = Home::new();
    let mut session = Session::begin(&home, &["--linger", "0s"]);
    let code = "await new Promise((done) => setTimeout(done, 1500)); return 'finished'";
    session.send("tools/call", json!({ "name": "code_run", "arguments": { "code": code } }));
    let run = only_run(&home);
    signal(&session.child, rustix::process::Signal::TERM);
    assert!(session.child.wait().expect("ended").success());
    assert_eq!(home.status(&run), "running");
    let again = Session::begin(&home, &[]);
    until("the end", || home.json(&["show", &run])["result"] == "finished");
    assert_eq!(again.end(), 0);
}

#[test]
fn what_is_refused_before_anything_runs() {
    let home = Home::new();
    for (args, expected) in [
        (&["mcp", "--http", "0.0.0.0:0"][..], "no token"),
        (&["mcp", "--http", "nowhere"], "a port"),
        (&["mcp", "--token-file", "x"], "--http"),
        (&["mcp", "--http", "0", "--token-file", "missing"], "missing"),
        (&["mcp", "--mcp-config", "missing.json"], "missing.json"),
    ] {
        let refused = home.run(args).expect(2);
        assert!(refused.err.contains(expected), "{args:?}: {refused:?}");
    }
    let ended = home.run(&["mcp"]).expect(0);
    assert_eq!(ended.out, "", "a client that says nothing gets nothing");
}

#[test]
fn snippets_of_agents_import_what_is_granted() {
    let home = Home::new();
    home.write("secret.json", "{\"key\": 1}");
    let code = json!({ "code": "import secret from './secret.json'; return secret" });
    let mut session = Session::begin(&home, &[]);
    let refused = session.call("code_run", code.clone());
    assert_eq!(refused["isError"], true);
    assert!(refused["content"][0]["text"].as_str().expect("text").contains("--allow-read"), "{refused}");
    assert_eq!(session.end(), 0);
    let mut session = Session::begin(&home, &["--allow-read=."]);
    assert_eq!(session.call("code_run", code)["structuredContent"]["result"]["key"], 1);
    assert_eq!(session.end(), 0);
}

#[test]
fn a_bomb_stops_nobody_else() {
    let home = Home::new();
    let mut session = Session::begin(&home, &["--limit-cpu=2s", "--limit-memory=96MiB"]);
    let bombs = [
        "for (;;);",
        "const again = () => Promise.resolve().then(again); await again()",
        "const all = []; for (;;) all.push(new Uint8Array(1e6))",
        "return await import('/etc/passwd')",
    ];
    let bombs =
        bombs.map(|code| session.send("tools/call", json!({ "name": "code_run", "arguments": { "code": code } })));
    let others: Vec<u64> = (0..8)
        .map(|n| {
            session.send("tools/call", json!({ "name": "code_run", "arguments": { "code": format!("return {n}") } }))
        })
        .collect();
    let mut open: Vec<u64> = bombs.iter().chain(&others).copied().collect();
    while !open.is_empty() {
        let mut line = String::new();
        assert!(session.output.read_line(&mut line).expect("readable") > 0, "the server ended");
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let Some(id) = message["id"].as_u64() else { continue };
        open.retain(|one| *one != id);
        let result = &message["result"];
        assert_eq!(result["isError"] == true, bombs.contains(&id), "{message}");
        assert!(!line.contains("root:"), "{line}");
        if let Some(n) = others.iter().position(|one| *one == id) {
            assert_eq!(result["structuredContent"]["result"], n, "{message}");
        }
    }
    assert_eq!(session.end(), 0);
}

#[test]
fn events_reach_listeners_in_a_server_without_a_daemon() {
    let says =
        "export default class extends Photon { async say() { await this.emit({ type: 'said', data: { n: 1 } }); } }";
    let hears = "export default class extends Photon {
      heard = [];
      getState() { return this.heard; }
      setState(heard) { this.heard = heard; }
      /** @notify-on said */
      async onNotification(type, payload) { this.heard.push([type, payload]); }
      async list() { return this.heard; }
    }";
    let home = Home::with_photons(&[("says", says), ("hears", hears)]);
    let mut session = Session::begin(&home, &[]);
    assert_ne!(session.call("says_say", json!({}))["isError"], true);
    until("an event to be heard", || {
        session.call("hears_list", json!({}))["content"][0]["text"] == "[[\"said\",{\"n\":1}]]"
    });
    assert_eq!(session.end(), 0);
}

#[test]
fn a_call_runs_the_files_of_now() {
    let photon = "import { word } from './words/word.ts';\nimport type { Many } from './words/many.ts';\n\
                  export default class Say { word(args: Many) { return [word, Math.random(), crypto.randomUUID()]; } }";
    let home = Home::with_photons(&[("say", photon)]);
    let folder = home.home().join("words");
    std::fs::create_dir(&folder).expect("made");
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    put("many.ts", "export interface Many { a?: string }");
    put("word.ts", "export const word = 100;");
    let mut session = Session::begin(&home, &[]);
    let mut seen = std::collections::HashSet::new();
    let mut say = |session: &mut Session, expected: u64| {
        let said = session.call("say_word", json!({ "a": "x" }));
        let said: Value = serde_json::from_str(said["content"][0]["text"].as_str().expect("a text")).expect("JSON");
        assert_eq!(said[0], expected);
        // Code and memory that were there before have nothing of other runs in them.
        assert!(seen.insert(said[1].to_string()) && seen.insert(said[2].to_string()), "{said}");
    };
    // In place, of one length, and many times within a tick of the file system's clock.
    for word in 100..140 {
        put("word.ts", &format!("export const word = {word};"));
        say(&mut session, word);
    }
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        say(&mut session, 139);
    }
    put("word.ts", "export const word = 140;");
    say(&mut session, 140);
    // A file that would go before another.
    std::fs::write(folder.join("word.ts.ts"), "").expect("written");
    std::fs::write(home.home().join("package.json"), "{\"type\":\"module\"}").expect("written");
    say(&mut session, 140);
    // What it takes comes from a file of its own.
    put("many.ts", "export interface Many { b?: string }");
    until("other arguments", || {
        let tools = session.ask("tools/list", json!({}));
        let tools = tools["result"]["tools"].as_array().expect("a list").clone();
        let tool = tools.into_iter().find(|tool| tool["name"] == "say_word").expect("there");
        tool["inputSchema"]["properties"].get("b").is_some()
    });
    assert_eq!(session.call("say_word", json!({ "a": "x" }))["isError"], true);
    assert_eq!(session.end(), 0);
}

#[test]
fn calls_with_one_key_are_one_run() {
    let text = "export default class Shop {
  made = 0;
  getState() { return { made: this.made }; }
  setState(state) { this.made = state.made; }
  async pay(params: { cents: number }) { this.made += 1; return { made: this.made, cents: params.cents }; }
  /** @idempotent params.order */
  async order(params: { order: string }) { this.made += 1; return { made: this.made, order: params.order }; }
}
";
    let home = Home::with_photons(&[("shop", text)]);
    let mut session = Session::begin(&home, &[]);
    let mut call = |name: &str, args: Value, key: Option<&str>| {
        let meta = key.map_or_else(|| json!({}), |key| json!({ "idempotencyKey": key }));
        let result =
            session.ask("tools/call", json!({ "name": name, "arguments": args, "_meta": meta }))["result"].take();
        assert_ne!(result["isError"], true, "{result}");
        (result["structuredContent"].clone(), result["_meta"]["runId"].clone())
    };
    let first = call("shop_pay", json!({ "cents": 5 }), Some("a"));
    assert_eq!(first.0, json!({ "made": 1, "cents": 5 }));
    assert_eq!(call("shop_pay", json!({ "cents": 5 }), Some("a")), first);
    assert_eq!(call("shop_pay", json!({ "cents": 5 }), Some("b")).0["made"], 2);
    assert_eq!(call("shop_pay", json!({ "cents": 5 }), None).0["made"], 3);
    let order = call("shop_order", json!({ "order": "x" }), None);
    assert_eq!(call("shop_order", json!({ "order": "x" }), None), order);
    assert_eq!(call("shop_order", json!({ "order": "y" }), None).0["made"], 5);
    assert_eq!(session.end(), 0);
}
