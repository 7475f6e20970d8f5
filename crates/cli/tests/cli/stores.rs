//! Runs that are kept elsewhere than in the home: SQLite, Postgres, Redis; copied, checked and sealed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use serde_json::json;
use store_tests::servers::{Postgres, PostgresSetup};

use crate::support::{ASKER, COUNTER, Home, Output, finish, signal, until};

/// Starts the counter, kills it in its middle and resumes it; then looks for it and deletes it.
fn life(home: &Home, place: &str) {
    home.write("counter.ts", COUNTER);
    let store = format!("--store={place}");
    let run = |args: &[&str]| home.run(&[args, &[&store]].concat());
    let json = |args: &[&str]| home.json(&[args, &[&store]].concat());
    let begun = ["run", "counter.ts", "-p", "n=20", "-p", "pause=30", "--id", "c1", "--snapshot", "always", &store];
    let child = home.spawn(&begun);
    until("some steps", || run(&["log", "c1"]).out.contains("step 3"));
    signal(&child, Signal::KILL);
    let first = finish(child);
    assert!(first.out.contains("step 2") && !first.out.contains("step 19"), "{first:?}");
    // A database takes the lease of a driver that is silent away after a while; this does not wait for that.
    let resumed = run(&["resume", "c1", "--take-over"]).expect(0);
    assert!(resumed.out.contains("step 19") && !resumed.out.contains("step 1\n"), "{resumed:?}");
    assert!(resumed.out.contains("\"sum\": 190"), "{resumed:?}");
    let listed = json(&["list"]);
    assert_eq!(listed["runs"][0]["runId"], "c1", "{listed}");
    assert_eq!(listed["runs"][0]["status"], "completed", "{listed}");
    assert!(!home.journal("c1").exists(), "it is kept elsewhere");
    run(&["delete", "c1"]).expect(0);
    assert_eq!(json(&["list"])["runs"], json!([]));
    run(&["show", "c1"]).expect(2);
}

#[test]
fn runs_in_sqlite() {
    let home = Home::new();
    life(&home, "sqlite:runs.db");
    assert!(home.work().join("runs.db").is_file());
}

#[test]
fn runs_in_postgres() {
    let server = Postgres::start(PostgresSetup::default());
    life(&Home::new(), &server.url());
}

/// A server of one's own that listens on a socket in its folder.
struct Redis {
    folder: tempfile::TempDir,
    child: Child,
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::var("QUICKSAVE_TEST_REDIS").unwrap_or("redis-server".into());
        // Its end comes with ours, even if we are killed.
        let mut server = Command::new("setpriv");
        server.args([
            "--pdeathsig",
            "KILL",
            &program,
            "--port",
            "0",
            "--appendonly",
            "yes",
            "--appendfsync",
            "no",
            "--save",
            "",
            "--unixsocket",
        ]);
        server.arg(folder.path().join("s")).arg("--dir").arg(folder.path());
        let child = server
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv and redis-server are installed (scripts/install-deps)");
        let socket = folder.path().join("s");
        until("the server", || socket.exists());
        Self { folder, child }
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("s").display())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn checkpoints_in_redis() {
    let (home, server) = (Home::new(), Redis::start());
    home.write("counter.ts", COUNTER);
    let url = server.url();
    let place = ["--checkpoints", url.as_str(), "--snapshot=always", "--durability=process"];
    let child = home.spawn(&[&["run", "counter.ts", "-p", "n=20", "--id", "c1"], &place[..]].concat());
    home.wait_for("c1", "step 5");
    signal(&child, Signal::KILL);
    finish(child);
    assert!(!holds(&home.home().join("runs"), ".blobs"), "they are kept elsewhere");
    let resumed = home.run(&[&["resume", "c1"], &place[..]].concat()).expect(0);
    assert!(resumed.out.contains("\"sum\": 190") && !resumed.out.contains("step 3\n"), "{resumed:?}");
    // Its code is there too.
    let other = home.run(&["inspect", "c1"]);
    assert_ne!(other.code, 0, "{other:?}");
}

/// Whether a file name below `folder` contains `part`.
fn holds(folder: &Path, part: &str) -> bool {
    files(folder).iter().any(|path| path.to_string_lossy().contains(part))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

#[test]
fn a_store_is_copied_there_and_back() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.write("asker.ts", ASKER);
    home.run(&["run", "counter.ts", "--id", "done", "--snapshot=always"]).expect(0);
    home.run(&["run", "asker.ts", "--id", "asks", "--snapshot=always"]).expect(4);
    let from = format!("file:{}", home.home().display());
    let copied = home.json(&["store", "copy", &from, "sqlite:copy.db"]);
    assert_eq!((&copied["runs"], &copied["failed"]), (&json!(2), &json!([])), "{copied}");
    // What is there is not copied again.
    let again = home.json(&["store", "copy", &from, "sqlite:copy.db"]);
    assert_eq!(again["bytes"], 0, "{again}");
    home.run(&["store", "check", "sqlite:copy.db"]).expect(0);
    home.run(&["store", "copy", "sqlite:copy.db", "file:back"]).expect(0);
    home.run(&["store", "check", "file:back"]).expect(0);
    let journal = |folder: PathBuf| fs::read(folder.join("runs/done.jsonl")).expect("a journal");
    assert_eq!(journal(home.home()), journal(home.work().join("back")));
    // The waiting run goes on in each place.
    for place in ["sqlite:copy.db", "file:back"] {
        home.run(&["answer", "asks", "yes", "--store", place]).expect(4);
        let end = home.run(&["answer", "asks", "b", "--store", place]).expect(0);
        assert!(end.out.contains("\"color\": \"b\""), "{end:?}");
    }
    assert_eq!(home.status("asks"), "waiting");
    // Nothing is made of an address that was mistyped.
    home.run(&["store", "copy", "sqlite:none.db", "file:x"]).expect(2);
    home.run(&["store", "check", "file:none"]).expect(2);
    assert!(!home.work().join("none.db").exists() && !home.work().join("none").exists());
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.run(&["run", "counter.ts", "--id", "c1", "--snapshot=always"]).expect(0);
    let url = format!("file:{}", home.home().display());
    assert_eq!(home.json(&["store", "check", &url])["ok"], true);
    let all = files(&home.home());
    let (journals, blobs): (Vec<_>, Vec<_>) = all.iter().partition(|path| path.ends_with("c1.jsonl"));
    let blobs: Vec<_> = blobs.into_iter().filter(|path| !path.to_string_lossy().contains("index")).collect();
    let mut found = 0;
    for path in journals.into_iter().chain(blobs) {
        let good = fs::read(path).expect("read");
        // An empty file keeps no data.
        if good.is_empty() || path.to_string_lossy().ends_with(".lease") {
            continue;
        }
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 0x10;
        fs::write(path, &bad).expect("written");
        let check = home.run(&["--json", "store", "check", &url]);
        fs::write(path, &good).expect("written");
        let shape = check.expect(3).json();
        assert_eq!(shape["ok"], false, "{}: {shape}", path.display());
        found += 1;
    }
    assert!(found >= 3, "a journal, a snapshot and the code at least: {all:?}");
    home.run(&["store", "check", &url]).expect(0);
}

const SECRET: &str = "the-launch-code-is-4711";

/// A program whose memory holds a secret while it asks.
const KEEPER: &str = "export default async function* keeper() {
  const secret = ['the-launch', 'code-is', '4711'].join('-');
  const again = yield { ask: 'text', message: 'Go on?' };
  return { again, length: secret.length };
}
";

fn seal(home: &Home, text: &str) {
    fs::create_dir_all(home.home()).expect("made");
    fs::write(home.home().join("quicksave.toml"), text).expect("written");
}

fn key(home: &Home, name: &str, digits: &[char]) -> String {
    let path = home.write(name, &digits.iter().map(|d| d.to_string().repeat(64) + "\n").collect::<String>());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    path.display().to_string()
}

/// Whether the secret stands in a file beside the journal; snapshots that are not compressed would show it.
fn tells(home: &Home) -> bool {
    let tells = |path: &PathBuf| fs::read(path).expect("read").windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
    files(&home.home()).iter().any(tells)
}

#[test]
fn snapshots_are_sealed() {
    let home = Home::new();
    home.write("keeper.ts", KEEPER);
    let keys = key(&home, "keys", &['a']);
    seal(&home, &format!("[seal]\nkey-file = {keys:?}\n"));
    for id in ["k1", "k2", "k3"] {
        home.run(&["run", "keeper.ts", "--id", id, "--snapshot=always"]).expect(4);
    }
    assert!(!tells(&home));
    let source = "yield { ask: 'text'";
    let plain = |path: &PathBuf| fs::read(path).expect("read").windows(source.len()).any(|w| w == source.as_bytes());
    assert!(!files(&home.home()).iter().any(plain), "the code is sealed as well");
    let end = home.run(&["answer", "k1", "yes"]).expect(0);
    assert!(end.out.contains("\"length\": 23"), "{end:?}");
    // Another key opens nothing, and neither does none.
    let refused = |output: Output, what: &str| {
        assert!(output.code == 2 || output.code == 3, "{output:?}");
        assert!(output.err.contains(what) && output.out.is_empty(), "{output:?}");
        assert!(!output.err.contains("aaaa") && !output.err.contains("bbbb"), "{output:?}");
    };
    key(&home, "keys", &['b']);
    refused(home.run(&["answer", "k2", "yes"]), "key");
    // The new key first, the old one behind it: sealed anew, the old one is needed no more.
    key(&home, "keys", &['b', 'a']);
    home.run(&["store", "rotate"]).expect(0);
    let again = home.json(&["store", "rotate"]);
    assert_eq!((&again["sealed"], &again["failed"]), (&json!(0), &json!([])), "{again}");
    key(&home, "keys", &['b']);
    home.run(&["answer", "k3", "yes"]).expect(0);
    key(&home, "keys", &['a']);
    refused(home.run(&["resume", "k2"]), "key");
    seal(&home, "");
    let rotate = home.run(&["store", "rotate"]).expect(2);
    assert!(rotate.err.contains("[seal]"), "{rotate:?}");
}
