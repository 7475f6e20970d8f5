//! Events are not lost, whoever is killed at whatever moment: each reaches each listener, as one run.

use std::{collections::BTreeMap, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, wait_until},
    support::{Home, finish, signal, until},
};

const SOURCE: &str = "export default class Source extends Photon {
    async run({ name, count = 40 }) {
        for (let n = 0; n < count; n++) {
            await this.emit('tick', { name, n });
            if (n % 3 == 0) await new Promise((wake) => setTimeout(wake, 1 + (n % 4) * 8));
        }
        return count;
    }
}";

const EAR: &str = "/** @notify-on tick */
export default class Ear extends Photon {
    async onNotification(type, { name, n }) {
        await new Promise((wake) => setTimeout(wake, 3));
        console.log(`heard ${name} ${n}`);
    }
}";

const COUNT: usize = 40;

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now.as_nanos() as u64 >> 10)
}

fn below(seed: &mut u64, n: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % n
}

/// How often each event was heard, by its source and number; and how many runs heard something.
fn heard(home: &Home, photon: &str) -> (BTreeMap<(String, u64), usize>, usize) {
    let list = home.json(&["list", "--limit", "100000"]);
    let runs: Vec<&Value> = list["runs"].as_array().expect("runs").iter().filter(|r| r["photon"] == photon).collect();
    let mut heard = BTreeMap::new();
    for run in &runs {
        let id = run["runId"].as_str().expect("an id");
        let journal = std::fs::read_to_string(home.journal(id)).expect("a journal");
        for line in journal.lines().filter(|line| line.contains("\"message\":\"heard ")) {
            let entry: Value = serde_json::from_str(line).expect("an entry");
            let mut words = entry["message"].as_str().expect("text").split(' ').skip(1);
            let (name, n) = (words.next().expect("a name").to_owned(), words.next().expect("a number"));
            *heard.entry((name, n.trim().parse().expect("a number"))).or_default() += 1;
        }
    }
    (heard, runs.len())
}

/// All events of these sources were heard by each of the listeners, by one run each.
fn check(home: &Home, sources: &[String], listeners: &[&str], seed: u64) {
    for listener in listeners {
        let complete = || heard(home, listener).0.len() == sources.len() * COUNT;
        let began = std::time::Instant::now();
        while !complete() && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let (heard, runs) = heard(home, listener);
        for source in sources {
            for n in 0..COUNT as u64 {
                assert_eq!(heard.get(&(source.clone(), n)), Some(&1), "{listener}: {source} {n}, SEED={seed}");
            }
        }
        assert_eq!(runs, sources.len() * COUNT, "{listener}, SEED={seed}");
    }
}

#[test]
fn with_a_daemon_each_event_is_heard_once_whoever_is_killed() {
    let seed = seed();
    println!("SEED={seed}");
    let mut random = seed;
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2);
    for _ in 0..rounds {
        let home = Home::with_photons(&[("source", SOURCE), ("ear", EAR), ("other", &EAR.replace("Ear", "Other"))]);
        let daemon = Daemon::start(&home, &[]);
        until("the listeners", || {
            let places = std::fs::read_to_string(home.home().join("daemon/listeners.json")).unwrap_or_default();
            places.contains("ear") && places.contains("other")
        });
        let (mut sources, mut deaths) = (Vec::new(), 0);
        for n in 0..4 {
            let name = format!("s{n}");
            let count = format!("count={COUNT}");
            let param = format!("name={name}");
            let child = home.spawn(&["run", "source", "-p", &param, "-p", &count, "--id", &name]);
            std::thread::sleep(Duration::from_millis(below(&mut random, 700)));
            // More deaths with a run would have the daemon leave it alone.
            if deaths < 2 && below(&mut random, 2) == 0 {
                deaths += 1;
                daemon.kill();
                if below(&mut random, 2) == 0 {
                    signal(&child, Signal::KILL);
                }
                std::thread::sleep(Duration::from_millis(below(&mut random, 200)));
                home.run(&["daemon", "start"]).expect(0);
            } else if below(&mut random, 4) > 0 {
                signal(&child, Signal::KILL);
            }
            finish(child);
            // Killed before it was recorded: it never was.
            if home.journal(&name).exists() && std::fs::metadata(home.journal(&name)).expect("there").len() > 0 {
                sources.push(name);
            }
        }
        // The daemon takes up by itself what was killed.
        for source in &sources {
            wait_until(&home, source, "completed");
        }
        check(&home, &sources, &["ear", "other"], seed);
        until("the marks to be gone", || {
            std::fs::read_dir(home.home().join("daemon/outbox")).map_or(0, Iterator::count) == 0
        });
        let kept = home.run(&["--json", "events"]).expect(0).out;
        assert_eq!(kept.lines().count(), sources.len() * COUNT, "each has one number, SEED={seed}");
    }
}

#[test]
fn without_a_daemon_whoever_takes_the_run_up_finds_its_events() {
    let seed = seed();
    println!("SEED={seed}");
    let mut random = seed;
    let home = Home::with_photons(&[("source", SOURCE), ("ear", EAR)]);
    let (count, name) = (format!("count={COUNT}"), "alone".to_owned());
    let mut args = vec!["run", "source", "-p", "name=alone", "-p", &count, "--id", &name];
    for _ in 0..6 {
        let child = home.spawn(&args);
        std::thread::sleep(Duration::from_millis(below(&mut random, 900)));
        signal(&child, Signal::KILL);
        finish(child);
        if std::fs::metadata(home.journal(&name)).is_ok_and(|data| data.len() > 0) {
            args = vec!["resume", &name];
        } else {
            let _ = std::fs::remove_file(home.journal(&name));
        }
    }
    home.run(&args).expect(0);
    assert_eq!(home.json(&["show", &name])["status"], json!("completed"));
    // A listener that was killed is gone on with when its event is handed over again.
    check(&home, std::slice::from_ref(&name), &["ear"], seed);
    assert_eq!(std::fs::read_dir(home.home().join("daemon/outbox")).expect("made").count(), 0);
}

#[test]
fn a_daemon_publishes_what_an_earlier_process_has_recorded() {
    let home = Home::with_photons(&[("source", SOURCE), ("ear", EAR)]);
    // A home whose daemon knows the listener.
    let daemon = Daemon::start(&home, &[]);
    until("the listener", || home.home().join("daemon/listeners.json").exists());
    home.run(&["daemon", "stop"]).expect(0);
    let count = format!("count={COUNT}");
    home.run(&["run", "source", "-p", "name=old", "-p", &count, "--id", "old"]).expect(0);
    check(&home, &["old".into()], &["ear"], 0);
    // As if it had been killed when its end was recorded, and before anybody heard of its events.
    for run in heard_runs(&home) {
        home.run(&["delete", &run]).expect(0);
    }
    let outbox = home.home().join("daemon/outbox");
    let address = format!("0 file:{}", home.home().display());
    std::os::unix::fs::symlink(address, outbox.join("old")).expect("marked");
    home.run(&["daemon", "start"]).expect(0);
    check(&home, &["old".into()], &["ear"], 0);
    until("the mark to be gone", || std::fs::read_dir(&outbox).expect("there").count() == 0);
    drop(daemon);
}

fn heard_runs(home: &Home) -> Vec<String> {
    let list = home.json(&["list", "--limit", "1000"]);
    let runs = list["runs"].as_array().expect("runs").iter().filter(|run| run["photon"] == "ear");
    runs.map(|run| run["runId"].as_str().expect("an id").to_owned()).collect()
}
