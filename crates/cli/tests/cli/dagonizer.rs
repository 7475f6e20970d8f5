//! `@noocodex/dagonizer`: its tests, its example, and what must hold when the process dies.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use store_tests::servers::{DURABLE, Postgres, PostgresSetup, RedisServer, S3Server, s3};

use crate::support::{Home, finish, serve, signal, until};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize().expect("it is there")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn its_tests_pass_in_the_runtime() {
    for name in ["flows", "line", "resume", "documents", "runtime", "seeds"] {
        let home = Home::new();
        let file = repository("tests/dagonizer").join(format!("{name}.test.ts"));
        let output = home.run(&["run", text(&file)]).expect(0);
        assert!(output.out.contains("ℹ fail 0") && !output.out.contains("ℹ pass 0"), "{name}: {output:?}");
    }
}

#[test]
fn the_archivist_runs_offline_and_pays_no_scout_twice() {
    let run =
        Command::new(repository("examples/archivist/run")).env("QUICKSAVE", env!("CARGO_BIN_EXE_quicksave")).output();
    let run = run.expect("started");
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{out}\n{}", String::from_utf8_lossy(&run.stderr));
    for expected in [
        "visitor abandoned at: visitor closed page",
        "stopped at compose-loop/crl-compose-response — resumable",
        "scouts sent by this process: 4; drafts written in all: 1",
        "goes on at compose-loop/crl-compose-response, with 4 books found before",
        "scouts sent by this process: 0; drafts written in all: 2",
        "nothing to finish",
    ] {
        assert!(out.contains(expected), "{expected:?} is not in:\n{out}");
    }
}

/// Answers as OpenLibrary, Google Books, Wikipedia and a writer in OpenAI's manner do.
fn services(path: &str, body: &str) -> (u16, String) {
    let found = |answer: Value| (200, answer.to_string());
    let (service, rest) = path[1..].split_once('/').unwrap_or_default();
    match (service, rest.split('?').next().unwrap_or_default()) {
        ("openlibrary.org", "search.json") => found(json!({ "numFound": 1, "docs": [
            { "key": "/works/OL1W", "title": "The Maze", "author_name": ["A. Author"], "first_publish_year": 1999 },
        ] })),
        ("openlibrary.org", subject) if subject.starts_with("subjects/") => found(json!({ "works": [
            { "key": "/works/OL2W", "title": "Labyrinth Walks", "authors": [{ "name": "B. Walker" }] },
        ] })),
        ("www.googleapis.com", "books/v1/volumes") => found(json!({ "items": [
            { "volumeInfo": { "title": "Labyrinths", "authors": ["J. L. Borges"], "publishedDate": "1962-05",
                "description": "Stories.", "infoLink": "https://books.google.com/1" } },
        ] })),
        ("en.wikipedia.org", "w/api.php") => found(json!({ "query": { "search": [
            { "title": "Labyrinth novel", "snippet": "a <span class='x'>labyrinth</span>" },
        ] } })),
        ("v1", "chat/completions") => {
            let asked: Value = serde_json::from_str(body).expect("a request");
            let text = asked["messages"][0]["content"].as_str().expect("a text").to_owned();
            assert!(text.contains("Labyrinths") && asked["model"] == "gpt-4o-mini", "{asked}");
            // The first draft names no source.
            let cite = if text.contains("An earlier draft was refused") { " [google-books]" } else { "" };
            let draft = format!("Read Labyrinths by J. L. Borges{cite}.");
            if !cite.is_empty() {
                // Long enough that the visitor leaves before it comes.
                std::thread::sleep(std::time::Duration::from_millis(400));
            }
            found(json!({ "choices": [{ "message": { "role": "assistant", "content": draft } }] }))
        }
        _ => (404, format!("nothing is at {path}")),
    }
}

#[test]
fn the_archivist_asks_services_and_a_writer() {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = asked.clone();
    let port = serve(move |path, body| {
        log.lock().expect("not poisoned").push(path.to_owned());
        services(path, body)
    });
    let run = Command::new(repository("examples/archivist/run"))
        .env("QUICKSAVE", env!("CARGO_BIN_EXE_quicksave"))
        .env("SERVICES", format!("http://127.0.0.1:{port}"))
        .env("WRITER", format!("http://127.0.0.1:{port}/v1"))
        .output()
        .expect("started");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    for expected in [
        "stopped at compose-loop/crl-compose-response — resumable",
        "scouts sent by this process: 4; drafts written in all: 1",
        "responded: Read Labyrinths by J. L. Borges [google-books].",
        "scouts sent by this process: 0; drafts written in all: 2",
        "nothing to finish",
    ] {
        assert!(out.contains(expected), "{expected:?} is not in:\n{out}\n{err}");
    }
    let asked = asked.lock().expect("not poisoned");
    for service in
        ["openlibrary.org/search.json", "openlibrary.org/subjects/", "www.googleapis.com/", "en.wikipedia.org/"]
    {
        assert_eq!(asked.iter().filter(|path| path[1..].starts_with(service)).count(), 1, "{service}: {asked:?}");
    }
}

/// A line of nodes that wait, a group and a fan-out; every node writes its name into a file.
const FLOW: &str = "import { appendFile } from 'node:fs/promises';
import { Dagonizer, DAGBuilder, NodeStateBase } from '@noocodex/dagonizer';
class State extends NodeStateBase { items = [1, 2, 3, 4]; results = []; ran = []; }
export default async function main({ file }) {
  const dispatcher = new Dagonizer();
  const node = (name) => dispatcher.registerNode({ name, outputs: ['success'], async execute(state, { item }) {
    const what = item === undefined ? name : `${name}:${item}`;
    await new Promise((wake) => setTimeout(wake, 60));
    await appendFile(file, what + '\\n');
    if (item === undefined) state.ran.push(name);
    return { output: 'success', result: item * 2 };
  } });
  for (const name of ['a', 'x', 'y', 'each', 'deep', 'z']) node(name);
  dispatcher.registerDAG(new DAGBuilder('inner').node('deep', 'deep', { success: null }).build());
  dispatcher.registerDAG(new DAGBuilder('flow')
    .node('a', 'a', { success: 'both' })
    .parallel('both', ['x', 'y'], 'all-success', { success: 'all', error: null })
    .fanOut('all', 'each', 'items', { 'all-success': 'sub', partial: null, 'all-error': null, empty: null },
      { concurrency: 2, fanIn: { strategy: 'append', target: 'results' } })
    .deepDAG('sub', 'inner', { success: 'z', error: null })
    .node('z', 'z', { success: null }).build());
  const { state, executedNodes } = await dispatcher.execute('flow', new State());
  return { ran: state.ran, results: state.results, executedNodes, kind: state.lifecycle.kind };
}
";

/// What ends in it: a, the group and its two members, the fan-out and its four items, the sub-DAG and its node, z.
const ALL: usize = 12;

/// What the journal says has ended, in order.
fn recorded(home: &Home, run: &str) -> Vec<String> {
    let journal = std::fs::read_to_string(home.journal(run)).unwrap_or_default();
    let mut found = Vec::new();
    for line in journal.lines() {
        let Some(entry) = line.get(..line.rfind('}').map_or(0, |at| at + 1)) else { continue };
        let Ok(entry) = serde_json::from_str::<Value>(entry) else { continue };
        if entry["emit"] != "nodes" {
            continue;
        }
        for flow in entry["data"].as_array().into_iter().flatten() {
            let nodes = flow["nodes"].as_array().into_iter().flatten();
            found.extend(nodes.filter_map(|node| Some(node.as_str()?.split_once(' ')?.0.to_owned())));
        }
    }
    found
}

#[test]
fn every_node_that_ended_is_in_the_journal_and_is_not_run_again_after_a_kill() {
    // The moments are spread over the flow; each kill hits the same run, which goes on from there.
    let home = Home::new();
    let source = home.write("flow.ts", FLOW);
    let file = home.work().join("ran");
    let (grant, file_arg) = (format!("--allow-write={}", home.work().display()), format!("file={}", file.display()));
    let mut child = home.spawn(&["run", text(&source), "--id", "r", "-p", &file_arg, &grant]);
    let mut ended: Vec<String> = Vec::new();
    let mut kills = 0;
    loop {
        let enough = (ended.len() + 2).min(ALL);
        until("more nodes", || recorded(&home, "r").len() >= enough);
        if recorded(&home, "r").len() == ALL {
            break;
        }
        signal(&child, Signal::KILL);
        finish(child);
        kills += 1;
        let now = recorded(&home, "r");
        assert_eq!(now[..ended.len()], ended[..], "kill {kills}: what was recorded stays");
        ended = now;
        child = home.spawn(&["resume", "r", &grant, "--json"]);
    }
    assert!(kills >= 2, "the flow was too quick to be killed: {kills}");
    let output = finish(child).expect(0).json();
    let now = recorded(&home, "r");
    assert_eq!(now[..ended.len()], ended[..]);
    for (i, name) in now.iter().enumerate() {
        assert!(!now[..i].contains(name), "{name} ended twice: {now:?}");
    }
    assert_eq!(now.len(), ALL, "{now:?}");
    let shown = &home.json(&["show", "r"])["result"];
    assert_eq!(shown["results"], json!([2, 4, 6, 8]), "{output}");
    assert_eq!(shown["kind"], "completed");
    // A write whose result was lost is made again, with the same key; one whose end is recorded is not. So each kill
    // may double what was under way, and nothing that had ended.
    let written = std::fs::read_to_string(&file).expect("read");
    for name in ["a", "x", "y", "each:1", "each:2", "each:3", "each:4", "deep", "z"] {
        assert!(written.lines().any(|line| line == name), "{name} is missing: {written}");
    }
    assert!(written.lines().count() <= 9 + 2 * kills, "{written}");
}

#[test]
fn a_stale_writer_of_a_checkpoint_is_refused() {
    let home = Home::new();
    let source = home.write(
        "stores.ts",
        "import { FileCheckpointStore } from '@noocodex/dagonizer/checkpoint';
         export default async function main({ folder }) {
           const one = new FileCheckpointStore(folder), other = new FileCheckpointStore(folder);
           const seen = [await one.load('k: ä'), await other.load('k: ä')];
           await one.save('k: ä', 'first');
           let refused;
           try { await other.save('k: ä', 'second'); } catch (error) { refused = error.name; }
           seen.push(await other.load('k: ä'));
           await other.save('k: ä', 'third');
           seen.push(await one.load('k: ä'));
           await one.delete('k: ä');
           seen.push(await one.load('k: ä'));
           return { seen, refused };
         }",
    );
    let folder = home.work().join("kept");
    let (source, param) = (text(&source), format!("folder={}", folder.display()));
    let denied = home.run(&["run", source, "-p", &param]).expect(1);
    assert!(denied.err.contains("--allow-write"), "{denied:?}");
    let grant = format!("--allow-write={}", folder.display());
    let result = home.json(&["run", source, "-p", &param, &grant])["result"].clone();
    let expected = json!({ "seen": [null, null, "first", "third", null], "refused": "CheckpointConflictError" });
    assert_eq!(result, expected);
}

/// Persist, recall, resume, delete, and a stale writer; `url` names the place, `grant` lets the program there, `variables`
/// are those of the command's environment.
#[track_caller]
fn check_store(class: &str, url: &str, grant: &str, variables: &[(&str, &str)]) {
    let home = Home::new();
    let source = home.write(
        "stores.ts",
        &format!(
            "import {{ Checkpoint, {class} as Store }} from '@noocodex/dagonizer/checkpoint';
             import {{ Dagonizer, DAGBuilder, NodeStateBase }} from '@noocodex/dagonizer';
             class State extends NodeStateBase {{
               ran = [];
               snapshotData() {{ return {{ ran: [...this.ran] }}; }}
               restoreData(snap) {{ this.ran = snap.ran; }}
             }}
             export default async function main({{ url }}) {{
               const [one, other] = [new Store(url), new Store(url)];
               const stop = new AbortController();
               const dispatcher = new Dagonizer();
               for (const name of ['a', 'b']) {{
                 dispatcher.registerNode({{ name, outputs: ['success'], execute(state) {{ state.ran.push(name); stop.abort('x'); }} }});
               }}
               dispatcher.registerDAG(new DAGBuilder('line').node('a', 'a', {{ success: 'b' }}).node('b', 'b', {{ success: null }}).build());
               const restore = (snap) => State.restore(snap);
               const none = await Checkpoint.recall(other, 'k: ä', restore);
               const result = await dispatcher.execute('line', new State(), {{ signal: stop.signal }});
               await Checkpoint.persist(one, 'k: ä', Checkpoint.from('line', result));
               const refused = await other.save('k: ä', 'stale').then(() => 'saved', (error) => error.name);
               const recalled = await Checkpoint.recall(other, 'k: ä', restore);
               const {{ state }} = await dispatcher.resume(recalled.dagName, recalled.state, recalled.cursor);
               await other.save('k: ä', 'fresh');
               const seen = await one.load('k: ä');
               await one.delete('k: ä');
               return {{ none, refused, cursor: recalled.cursor, ran: state.ran, seen, left: await other.load('k: ä') }};
             }}"
        ),
    );
    let (source, param) = (text(&source), format!("url={url}"));
    let run = |args: &[&str]| finish(home.command(args).envs(variables.iter().copied()).spawn().expect("started"));
    let denied = run(&["run", source, "-p", &param]).expect(1);
    assert!(denied.err.contains(grant), "{class}: {denied:?}");
    let output = run(&["--json", "run", source, "-p", &param, grant]).expect(0).json();
    let expected = json!({
        "none": null, "refused": "CheckpointConflictError", "cursor": "b", "ran": ["a", "b"], "seen": "fresh",
        "left": null,
    });
    assert_eq!(output["result"], expected, "{class}");
}

#[test]
fn a_sqlite_file_keeps_checkpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().canonicalize().expect("it is there").join("checkpoints.db");
    check_store("SqliteCheckpointStore", text(&file), &format!("--allow-write={}", file.display()), &[]);
}

#[test]
fn a_postgres_server_keeps_checkpoints() {
    let server = Postgres::start(PostgresSetup::default());
    check_store("PostgresCheckpointStore", &server.url(), &format!("--allow-net=127.0.0.1:{}", server.port()), &[]);
}

#[test]
fn a_redis_server_keeps_checkpoints() {
    let server = RedisServer::start(DURABLE);
    let url = format!("redis://127.0.0.1:{}/0", server.port());
    check_store("RedisCheckpointStore", &url, &format!("--allow-net=127.0.0.1:{}", server.port()), &[]);
}

#[test]
fn an_s3_service_keeps_checkpoints() {
    let server = S3Server::start();
    let url = format!("s3://{}/of/programs?endpoint=http%3A%2F%2F127.0.0.1%3A{}", s3::BUCKET, server.port());
    let keys = [("AWS_ACCESS_KEY_ID", s3::KEY_ID), ("AWS_SECRET_ACCESS_KEY", s3::SECRET)];
    check_store("S3CheckpointStore", &url, &format!("--allow-net=127.0.0.1:{}", server.port()), &keys);
    // What the store tried before it promised conditional saves; the checkpoint itself was deleted.
    assert_eq!(server.objects().names(), ["of/programs/~probe"]);
}
