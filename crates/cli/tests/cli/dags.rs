//! DAG documents: run, killed, resumed, checked and drawn.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Home, finish, signal};

const NODES: &str = "import { appendFile } from 'node:fs/promises';
async function slow(what) {
  await appendFile('ran.txt', what + '\\n');
  await new Promise((wake) => setTimeout(wake, 40));
}
export async function first() { await slow('first'); return { state: { items: [1, 2, 3] } }; }
export async function item({ item }) { await slow('each:' + item); return { result: item * 2 }; }
export async function last({ state }) { await slow('last'); return { state: { end: state.sum + state.price } }; }
";

const SCRIPT: &str = "use time;
fun sum(given) {
    time.sleep(20);
    var sum = 0;
    for (var i = 0; i < 3; i++) { sum += given.state.doubled[i]; }
    return {'state': {'sum': sum}};
}
";

/// A DAG of every kind of node. Each writes its name into `ran.txt` when it begins, except the script.
fn document(server: &str) -> String {
    let node = |name: &str, node: &str, next: Value| json!({ "@type": "SingleNode", "name": name, "node": node, "outputs": { "success": next } });
    let each = json!({
        "@type": "FanOutNode", "name": "each", "node": "./n.ts#item", "source": "items", "concurrency": 2,
        "fanIn": { "strategy": "append", "target": "doubled" },
        "outputs": { "all-success": "sum", "partial": null, "all-error": null, "empty": null },
    });
    let shell = "shell:echo count >> ran.txt; sleep 0.05; tr -cd , | wc -c";
    json!({
        "@type": "DAG", "name": "all", "version": "1", "entrypoint": "first",
        "nodes": [
            node("first", "./n.ts#first", "count".into()), node("count", shell, "each".into()), each,
            node("sum", "./s.nt#sum", "price".into()), node("price", server, "last".into()),
            node("last", "./n.ts#last", Value::Null),
        ],
    })
    .to_string()
}

/// Prices: writes into `ran`, and answers ten times the sum in the state that it is sent.
fn server(ran: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/price", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that was killed leaves a broken connection.
            let _ = serve(stream, &ran);
        }
    });
    url
}

fn serve(mut stream: TcpStream, ran: &PathBuf) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let Ok(state) = serde_json::from_slice::<Value>(&body) else { return Ok(()) };
    writeln!(fs::OpenOptions::new().append(true).create(true).open(ran)?, "price")?;
    let answer = json!({ "state": { "price": state["sum"].as_i64().unwrap_or(-1) * 10 } }).to_string();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
}

const GRANTS: [&str; 3] = ["--allow-write=ran.txt", "--allow-run=sh", "--allow-net=127.0.0.1"];

fn home() -> Home {
    let home = Home::new();
    home.write("n.ts", NODES);
    home.write("s.nt", SCRIPT);
    let url = server(home.work().join("ran.txt"));
    home.write("all.dag.json", &document(&url));
    home
}

/// How often each node and item began.
fn ran(home: &Home) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(home.work().join("ran.txt")).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn journal(home: &Home) -> Vec<Value> {
    let log = fs::read_to_string(home.journal("d1")).unwrap_or_default();
    let whole = &log[..log.rfind('\n').map_or(0, |at| at + 1)];
    whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The nodes and items that have ended, as `ran.txt` names them.
fn ended(home: &Home) -> Vec<String> {
    let name = |entry: &Value| {
        let (node, item) = (entry["state"]["node"].as_str()?, &entry["state"]["item"]);
        Some(item.as_i64().map_or(node.to_owned(), |i| format!("{node}:{}", i + 1)))
    };
    journal(home).iter().filter(|entry| entry["t"] == "checkpoint").filter_map(name).collect()
}

#[track_caller]
fn result(home: &Home) {
    let log = journal(home);
    let last = log.last().expect("an end");
    assert_eq!(last["t"], "return", "{last}");
    assert_eq!(last["value"]["executedNodes"], json!(["first", "count", "each", "sum", "price", "last"]));
    let state =
        json!({ "seed": 7, "items": [1, 2, 3], "count": 3, "doubled": [2, 4, 6], "sum": 12, "price": 120, "end": 132 });
    assert_eq!(last["value"]["state"], state);
}

#[test]
fn every_kind_of_node() {
    let home = home();
    let args = ["run", "all.dag.json", "-p", "seed=7", "--id", "d1"];
    home.run(&[&args[..], &GRANTS].concat()).expect(0);
    result(&home);
    assert!(ran(&home).values().all(|n| *n == 1), "{:?}", ran(&home));
    // Without a grant for the shell its command does not run.
    let denied = home.run(&["run", "all.dag.json", "--id", "d2", GRANTS[0], GRANTS[2]]).expect(1);
    assert!(denied.err.contains("--allow-run=sh"), "{denied:?}");
    assert_eq!(ran(&home)["count"], 1);
}

#[test]
fn a_finished_node_does_not_run_again() {
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| std::process::id().into());
    println!("SEED={seed}");
    let mut state: u64 = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut kills = 0;
    for life in 0..6 {
        let home = home();
        let begun: &[&str] = &["run", "all.dag.json", "-p", "seed=7", "--id", "d1"];
        let mut args = begun.to_vec();
        let mut settled: BTreeMap<String, u32> = BTreeMap::new();
        for turn in 0..200 {
            assert!(turn < 199, "life {life} does not come to its end");
            let child = home.spawn(&[&args[..], &GRANTS].concat());
            // Later attempts have more time, so that each life ends.
            std::thread::sleep(Duration::from_millis(random(120 + 20 * turn)));
            signal(&child, Signal::KILL);
            let output = finish(child);
            kills += u32::from(output.code == -9);
            let counts = ran(&home);
            for (node, n) in &settled {
                assert_eq!(counts.get(node), Some(n), "{node} had ended, and ran again (life {life})");
            }
            for node in ended(&home) {
                let n = counts.get(&node).copied().unwrap_or(0);
                settled.entry(node).or_insert(n);
            }
            settled.retain(|_, n| *n > 0);
            if output.code == 0 {
                break;
            }
            let log = journal(&home);
            args = if log.is_empty() { begun.to_vec() } else { vec!["resume", "d1"] };
            // Nobody knows whether a command may be run twice: here it may.
            let call = log
                .iter()
                .rev()
                .find(|entry| entry["op"] == "process.exec")
                .map(|entry| format!("--call={}", entry["n"]));
            if output.code == 4 {
                let call = call.expect("only a command is asked about");
                home.run(&[&["answer", "d1", &call, "--repeat"], &GRANTS[..]].concat()).expect(0);
                break;
            }
            assert!(output.code == -9, "{output:?}");
        }
        result(&home);
    }
    assert!(kills >= 6, "{kills} kills");
}

#[test]
fn all_that_is_wrong_is_said_with_its_place() {
    let home = Home::new();
    home.write("n.ts", NODES);
    let mut wrong: Value = serde_json::from_str(&document("http://127.0.0.1:1/")).expect("JSON");
    wrong["nodes"][0]["outputs"]["success"] = "coun".into();
    wrong["nodes"][1]["retry"] = json!({ "attempts": 0 });
    wrong["nodes"][5]["outptus"] = json!({});
    home.write("wrong.dag.json", &wrong.to_string());
    let check = home.run(&["dag", "check", "wrong.dag.json"]).expect(2);
    for part in
        ["nodes[0].outputs.success", "did you mean \"count\"?", "nodes[1].retry.attempts", "nodes[5]", "outptus"]
    {
        assert!(check.err.contains(part), "{part}: {check:?}");
    }
    let shape = home.json(&["dag", "check", "wrong.dag.json"]);
    assert_eq!(
        (&shape["ok"], shape["documents"][0]["errors"].as_array().expect("a list").len()),
        (&json!(false), 3),
        "{shape}"
    );
    // The command for programs says the same of it, beside a program.
    let both = home.run(&["--json", "check", "wrong.dag.json", "n.ts"]).expect(2).json();
    let found = both["diagnostics"].as_array().expect("a list");
    assert_eq!((&both["ok"], found.len()), (&json!(false), 3), "{both}");
    assert!(found.iter().all(|one| one["file"] == "wrong.dag.json" && one["severity"] == "error"), "{both}");
    let run = home.run(&["run", "wrong.dag.json"]).expect(2);
    assert!(run.err.contains("nodes[0].outputs.success"), "{run:?}");
    // A file that is missing, and one that is not JSON.
    home.write("right.dag.json", &document("http://127.0.0.1:1/"));
    let missing = home.run(&["dag", "check", "right.dag.json"]).expect(2);
    assert!(missing.err.contains("nodes[3].node") && missing.err.contains("s.nt"), "{missing:?}");
    home.write("text.dag.json", "{\n  \"@type\": DAG\n}");
    let text = home.run(&["dag", "check", "text.dag.json"]).expect(2);
    assert!(text.err.contains("line 2"), "{text:?}");
    home.run(&["dag", "check", "none.dag.json"]).expect(2);
    home.write("s.nt", SCRIPT);
    assert_eq!(home.run(&["dag", "check", "right.dag.json"]).expect(0).out, "right.dag.json: good\n");
    home.run(&["check", "right.dag.json"]).expect(0);
}

#[test]
fn documents_are_drawn() {
    let home = Home::new();
    home.write("all.dag.json", &document("http://127.0.0.1:1/"));
    let svg = home.run(&["dag", "draw", "all.dag.json", "--format", "svg"]).expect(0).out;
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    let mermaid = home.run(&["dag", "draw", "all.dag.json", "--format", "mermaid"]).expect(0).out;
    assert!(mermaid.starts_with("flowchart "), "{mermaid}");
    for name in ["first", "count", "each", "sum", "price", "last"] {
        assert!(svg.contains(name) && mermaid.contains(name), "{name}");
    }
    assert_eq!(home.run(&["dag", "draw", "all.dag.json"]).expect(0).out, mermaid);
    home.write("wrong.dag.json", "{}");
    home.run(&["dag", "draw", "wrong.dag.json"]).expect(2);
}
