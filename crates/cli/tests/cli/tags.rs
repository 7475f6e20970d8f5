//! What the tags of methods do around their calls, and what photons find of their platform: with the real binary.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Home, finish, signal, until};

const TAGS: &str = "import fs from 'node:fs';
const note = (text) => fs.appendFileSync(`${process.env.NOTES}`, `${text}\\n`);
export default class Tags extends Photon {
  /** @timeout 300ms */
  async slow() { await new Promise((r) => setTimeout(r, 60_000)); }
  /** @retryable 2 10ms */
  async *flaky() {
    note('first step');
    yield { checkpoint: 'first', data: 1 };
    note('attempt');
    if (fs.readFileSync(process.env.NOTES, 'utf8').split('attempt').length < 4) throw new Error('not yet');
    return 'done';
  }
  /** @cached 1h */
  async dear(params: { n: number }) { note('dear'); return { n: params.n }; }
  /** @throttled 1/h */
  async rare() { return 1; }
  /** @locked */
  async alone(params: { ms: number }) { note('in'); await new Promise((r) => setTimeout(r, params.ms)); note('out'); }
  /** @queued 2 */
  async some(params: { ms: number }) { note('+'); await new Promise((r) => setTimeout(r, params.ms)); note('-'); }
  /** @fallback {\"none\": true} */
  async broken() { throw new Error('broken'); }
}
";

fn home() -> (Home, std::path::PathBuf) {
    let home = Home::with_photons(&[("tags", TAGS)]);
    let notes = home.work().join("notes");
    std::fs::write(&notes, "").expect("written");
    (home, notes)
}

fn call<'a>(method: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["run", "-A", "tags", method], rest].concat()
}

fn command(home: &Home, notes: &std::path::Path, args: &[&str]) -> std::process::Command {
    let mut command = home.command(args);
    command.env("NOTES", notes).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

fn run(home: &Home, notes: &std::path::Path, args: &[&str]) -> (i32, String, String) {
    let done = command(home, notes, args).output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

fn noted(notes: &std::path::Path) -> Vec<String> {
    std::fs::read_to_string(notes).expect("there").lines().map(str::to_owned).collect()
}

#[test]
fn a_timeout_ends_the_run_and_is_in_its_journal() {
    let (home, notes) = home();
    let (code, _, err) = run(&home, &notes, &call("slow", &["--id", "slow1"]));
    assert_eq!(code, 1, "{err}");
    assert_eq!(home.status("slow1"), "timed_out");
    // Killed and taken up late: its time is up all the same.
    let child = command(&home, &notes, &call("slow", &["--id", "slow2"])).spawn().expect("runs");
    home.wait_for("slow2", "\"start\"");
    signal(&child, Signal::KILL);
    finish(child);
    std::thread::sleep(Duration::from_millis(400));
    home.run(&["resume", "slow2"]);
    assert_eq!(home.status("slow2"), "timed_out");
}

#[test]
fn a_retry_goes_on_from_the_last_checkpoint_of_the_same_run() {
    let (home, notes) = home();
    let (code, out, err) = run(&home, &notes, &call("flaky", &["--id", "flaky"]));
    assert_eq!((code, out.trim()), (0, "done"), "{err}");
    assert_eq!(noted(&notes), ["first step", "attempt", "attempt", "attempt"]);
    let journal = std::fs::read_to_string(home.journal("flaky")).expect("there");
    assert_eq!(journal.matches("\"why\":\"retry\"").count(), 2, "{journal}");
}

#[test]
fn a_cached_result_is_that_of_the_run_that_made_it() {
    let (home, notes) = home();
    let one = |n: &str| {
        let (_, out, err) = run(&home, &notes, &call("dear", &["-p", n, "--json"]));
        serde_json::from_str::<serde_json::Value>(&out).unwrap_or_else(|_| panic!("{out}{err}"))
    };
    let (first, second, other) = (one("n=1"), one("n=1"), one("n=2"));
    assert_eq!(first, second);
    assert_eq!(other["result"], json!({"n": 2}));
    assert_ne!(first["runId"], other["runId"]);
    assert_eq!(noted(&notes).len(), 2);
}

#[test]
fn refusals_say_when_and_begin_no_run() {
    let (home, notes) = home();
    assert_eq!(run(&home, &notes, &call("rare", &[])).0, 0);
    let (code, _, err) = run(&home, &notes, &call("rare", &[]));
    assert_eq!(code, 1);
    assert!(err.contains("tags.default.rare: more than 1 calls in 3600 s; try again in 3"), "{err}");
    assert_eq!(home.json(&["list"])["runs"].as_array().expect("a list").len(), 1);
    let (code, out, _) = run(&home, &notes, &call("broken", &["--json"]));
    assert_eq!((code, out.contains("\"none\": true") || out.contains("\"none\":true")), (0, true), "{out}");
}

#[test]
fn calls_with_one_key_are_one_run() {
    let (home, notes) = home();
    let args = call("alone", &["-p", "ms=300", "--key", "order 7", "--json"]);
    let both: Vec<_> = (0..3).map(|_| command(&home, &notes, &args).spawn().expect("runs")).collect();
    let ends: Vec<String> = both
        .into_iter()
        .map(|child| child.wait_with_output().expect("ends"))
        .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
        .collect();
    assert!(ends.iter().all(|end| end == &ends[0] && end.contains("completed")), "{ends:?}");
    assert_eq!(run(&home, &notes, &args).1, ends[0]);
    assert_eq!(noted(&notes), ["in", "out"]);
    run(&home, &notes, &call("alone", &["-p", "ms=1", "--key", "order 8"]));
    assert_eq!(noted(&notes).len(), 4);
}

#[test]
fn a_lock_is_given_back_when_its_holder_is_killed() {
    let (home, notes) = home();
    let holder = command(&home, &notes, &call("alone", &["-p", "ms=60000"])).spawn().expect("runs");
    until("the lock is taken", || noted(&notes) == ["in"]);
    let waits = command(&home, &notes, &call("alone", &["-p", "ms=1"])).spawn().expect("runs");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(noted(&notes), ["in"], "one at a time");
    signal(&holder, Signal::KILL);
    finish(holder);
    let began = Instant::now();
    assert!(waits.wait_with_output().expect("ends").status.success());
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(noted(&notes), ["in", "in", "out"]);
}

#[test]
fn a_queue_holds_for_all_processes() {
    let (home, notes) = home();
    let calls: Vec<_> =
        (0..6).map(|_| command(&home, &notes, &call("some", &["-p", "ms=150"])).spawn().expect("runs")).collect();
    for child in calls {
        assert!(child.wait_with_output().expect("ends").status.success());
    }
    let (mut now, mut most, lines) = (0_i32, 0, noted(&notes));
    for line in &lines {
        now += if line == "+" { 1 } else { -1 };
        most = most.max(now);
    }
    assert_eq!((lines.len(), now), (12, 0));
    assert!(most <= 2, "{lines:?}");
}

#[test]
fn settings_are_a_tool_and_last() {
    let home = Home::new();
    std::fs::create_dir_all(home.home()).expect("made");
    let text = "export default class Weather {
  protected settings = { /** Units */ units: 'metric', every: 300 };
  async look() { return this.settings.units; }
}
";
    std::fs::write(home.home().join("weather.photon.ts"), text).expect("written");
    assert_eq!(home.json(&["run", "weather", "look"])["result"], "metric");
    let set = home.json(&["run", "weather", "settings", "-p", "units=imperial"]);
    assert_eq!(set["result"], json!({"units": "imperial", "every": 300}));
    assert_eq!(home.json(&["run", "weather", "look"])["result"], "imperial");
    assert_eq!(home.json(&["run", "weather", "look", "--instance", "two"])["result"], "metric");
    let wrong = home.run(&["run", "weather", "settings", "-p", "every=often"]).expect(2);
    assert!(wrong.err.contains("every must be a number"), "{}", wrong.err);
}

#[test]
fn a_photon_has_a_folder_memory_and_locale_without_grants() {
    let home = Home::new();
    std::fs::create_dir_all(home.home()).expect("made");
    let text = "import fs from 'node:fs';
import { Table, listRuns } from '@portel/photon-core';
export default class Shop {
  async run() {
    const file = `${this.storage('pics')}/a.txt`;
    fs.writeFileSync(file, 'x');
    await this.memory.set('seen', 1, 'global');
    const runs = await listRuns().catch((error) => error.message);
    return { read: fs.readFileSync(file, 'utf8'), seen: await this.memory.get('seen', 'global'), runs,
      price: (1234.5).toLocaleString('de-DE', { style: 'currency', currency: 'EUR' }),
      day: new Date(0).toLocaleDateString('en-US', { dateStyle: 'long' }), table: new Table([{ a: 1 }]) };
  }
  async onShutdown() { console.log('down'); }
}
export class Other {}
";
    std::fs::write(home.home().join("shop.photon.ts"), text).expect("written");
    let done = home.json(&["run", "shop"]);
    let result = &done["result"];
    assert_eq!((&result["read"], &result["seen"]), (&json!("x"), &json!(1)), "{done}");
    assert_eq!((&result["price"], &result["day"]), (&json!("1.234,50\u{a0}€"), &json!("January 1, 1970")));
    assert_eq!(result["table"]["_photonType"], "table");
    let runs = home.home().join("runs");
    assert!(result["runs"].as_str().expect("a refusal").contains(runs.to_str().expect("text")), "{result}");
    assert!(home.home().join("data/shop/pics/a.txt").exists());
    let read = format!("--allow-read={}", runs.display());
    assert_eq!(home.json(&["run", "shop", &read])["result"]["runs"].as_array().expect("a list").len(), 2);
}
