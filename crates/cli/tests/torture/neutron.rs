//! The same for a Neutron script.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{Random, server::Server, wait};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/program.nt");

fn quicksave(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quicksave"));
    command.arg("--home").arg(home).args(args).arg("--allow-net=127.0.0.1").current_dir(home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn start(home: &Path, server: &Server, mode: &[&str]) -> Child {
    let args = ["run", PROGRAM, &server.url, "--id", "life"];
    quicksave(home, &[&args[..], mode].concat()).spawn().expect("started")
}

/// The whole lines of the journal.
fn journal(home: &Path) -> Vec<Value> {
    let log = std::fs::read_to_string(home.join("runs/life.jsonl")).unwrap_or_default();
    let whole = &log[..log.rfind('\n').map_or(0, |at| at + 1)];
    whole.lines().map(|line| serde_json::from_str(line).expect("a whole line is JSON")).collect()
}

/// What was printed last, and how the run ended.
fn end(home: &Path) -> (String, String) {
    let lines = journal(home);
    let said = lines.iter().rev().find_map(|line| line["message"].as_str()).unwrap_or_default().to_owned();
    (said, lines.last().map(|line| line["t"].as_str().unwrap_or_default().to_owned()).unwrap_or_default())
}

/// One run with kills in between. Gives how many there were.
fn life(seed: u64, expected: &str) -> u32 {
    let mut random = Random(seed);
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start();
    let mut settled: BTreeMap<String, u32> = BTreeMap::new();
    let mut kills = 0;
    let modes = [
        &["--durability", "disk"][..],
        &["--durability", "process"],
        &["--durability", "process", "--snapshot", "always"],
        &["--snapshot", "never"],
    ];
    loop {
        let mode = modes[random.below(4) as usize];
        let begun = home.path().join("runs/life.jsonl").metadata().is_ok_and(|meta| meta.len() > 0);
        let mut child = if begun {
            quicksave(home.path(), &[&["resume", "life"], mode].concat()).spawn().expect("started")
        } else {
            let _ = quicksave(home.path(), &["delete", "life"]).output();
            start(home.path(), &server, mode)
        };
        let patience = Duration::from_micros(random.below(if kills < 60 { 40_000 } else { 60_000_000 }));
        if wait(&mut child, patience) {
            let output = child.wait_with_output().expect("ended");
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "seed {seed}: {text}");
            break;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        kills += 1;
        // Requests on their way to the server when their sender died.
        std::thread::sleep(Duration::from_millis(2));
        let results: BTreeSet<u64> = journal(home.path())
            .iter()
            .filter(|line| line["t"] == "result")
            .filter_map(|line| line["n"].as_u64())
            .collect();
        let counts = server.counts.by_key.lock().expect("whole");
        settled = results
            .into_iter()
            .filter_map(|n| counts.get_key_value(&format!("life/{n}")))
            .map(|(key, times)| (key.clone(), *times))
            .collect();
        // The checkpoint file is whole at every instant.
        let snap = home.path().join("torture.snap");
        if let Ok(bytes) = std::fs::read(&snap) {
            ::neutron::snapshot::verify(&bytes).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
    }
    assert_eq!(end(home.path()), (expected.to_owned(), "return".into()), "seed {seed}");
    let counts = server.counts.by_key.lock().expect("whole");
    for (key, times) in &settled {
        assert_eq!(counts[key], *times, "seed {seed}: {key} was done again although its result was recorded");
    }
    kills
}

#[test]
fn neutron_runs_survive_hundreds_of_kills() {
    let (home, server) = (tempfile::tempdir().expect("a folder"), Server::start());
    let output = start(home.path(), &server, &[]).wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (expected, last) = end(home.path());
    assert!(last == "return" && expected.starts_with('{'), "{last} {expected}");
    assert!(server.counts.by_key.lock().expect("whole").values().all(|times| *times == 1));

    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{} kills", life(seed, &expected));
        return;
    }
    let wanted: u32 = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200);
    let (mut kills, mut lives) = (0, 0);
    while kills < wanted {
        lives += 1;
        kills += life(lives, &expected);
    }
    println!("{lives} lives, {kills} kills");
}
