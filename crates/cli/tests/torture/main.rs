//! The real binary, killed with SIGKILL at random instants, hundreds of times: in the end the result is that of an
//! undisturbed run, and no effect whose result was recorded was done again.
//!
//! `SEED=n` repeats one life; `KILLS=n` sets how many kills there are in all.

mod faults;
mod neutron;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use server::Server;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/program.ts");
const ROUNDS: u32 = 12;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn quicksave(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quicksave"));
    command.arg("--home").arg(home).args(args).arg("--allow-net=127.0.0.1").arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(home: &Path, server: &Server, extra: &[&str]) -> Child {
    let (server, rounds) = (format!("server={}", server.url), format!("rounds={ROUNDS}"));
    let args = ["run", PROGRAM, "--id", "life", "-p", &server, "-p", &rounds];
    quicksave(home, &[&args[..], extra].concat()).spawn().unwrap()
}

/// The numbers of the effects whose results the journal holds, without a torn last line.
fn recorded(home: &Path) -> BTreeSet<u64> {
    let log = std::fs::read_to_string(home.join("runs/life.jsonl")).unwrap_or_default();
    let whole = &log[..log.rfind('\n').map_or(0, |at| at + 1)];
    let lines =
        whole.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a whole line is JSON"));
    lines.filter(|line| line["t"] == "result").filter_map(|line| line["n"].as_u64()).collect()
}

fn result(seed: u64, output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| line.starts_with('{')).map(str::to_owned);
    let shape = serde_json::from_str::<serde_json::Value>(text.trim()).ok();
    let shape = shape.or_else(|| last.and_then(|line| serde_json::from_str(&line).ok())).unwrap_or_default();
    assert_eq!(shape["status"], "completed", "seed {seed}: {text}{}", String::from_utf8_lossy(&output.stderr));
    shape["result"].clone()
}

/// One run from its start to its end, with kills in between. Gives how many there were.
fn life(seed: u64, expected: &serde_json::Value) -> u32 {
    let mut random = Random(seed);
    let home = tempfile::tempdir().unwrap();
    let server = Server::start();
    let mut settled: BTreeMap<String, u32> = BTreeMap::new();
    let mut kills = 0;
    let modes = [
        &["--durability", "disk"][..],
        &["--durability", "process"],
        &["--durability", "process", "--snapshot", "always"],
        &["--snapshot", "never"],
    ];
    let output = loop {
        let mode = modes[random.below(4) as usize];
        let begun = home.path().join("runs/life.jsonl").metadata().is_ok_and(|meta| meta.len() > 0);
        let mut child = if begun {
            quicksave(home.path(), &[&["resume", "life"], mode].concat()).spawn().unwrap()
        } else {
            let _ = quicksave(home.path(), &["delete", "life"]).output();
            start(home.path(), &server, mode)
        };
        let patience = Duration::from_micros(random.below(if kills < 60 { 60_000 } else { 60_000_000 }));
        let died = wait(&mut child, patience);
        if died {
            break child.wait_with_output().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // Requests on their way to the server when their sender died.
        std::thread::sleep(Duration::from_millis(2));
        let counts = server.counts.by_key.lock().unwrap();
        settled = recorded(home.path())
            .into_iter()
            .filter_map(|n| counts.get_key_value(&format!("life/{n}")))
            .map(|(key, times)| (key.clone(), *times))
            .collect();
        for key in settled.keys() {
            assert!(counts[key] >= 1);
        }
    };
    assert_eq!(result(seed, &output), *expected, "seed {seed}");
    let counts = server.counts.by_key.lock().unwrap();
    for (key, times) in &settled {
        assert_eq!(counts[key], *times, "seed {seed}: {key} was done again although its result was recorded");
    }
    let repeated: u32 = counts.values().map(|times| times - 1).sum();
    assert!(repeated <= kills * 5, "seed {seed}: {repeated} repeated effects for {kills} kills");
    kills
}

/// Whether the process ended by itself within `patience`.
fn wait(child: &mut Child, patience: Duration) -> bool {
    let until = std::time::Instant::now() + patience;
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if std::time::Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

#[test]
fn runs_survive_hundreds_of_kills() {
    let (home, server) = (tempfile::tempdir().unwrap(), Server::start());
    let undisturbed = start(home.path(), &server, &[]).wait_with_output().unwrap();
    let expected = result(0, &undisturbed);
    assert_eq!(expected["entries"], ROUNDS * 3);
    assert!(server.counts.by_key.lock().unwrap().values().all(|times| *times == 1));

    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{} kills", life(seed, &expected));
        return;
    }
    let wanted: u32 = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(300);
    let (mut kills, mut lives) = (0, 0);
    while kills < wanted {
        lives += 1;
        kills += life(lives, &expected);
    }
    println!("{lives} lives, {kills} kills");
}
