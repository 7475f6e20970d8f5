//! What must hold between runs and processes: locks, memory, state, and attempts to come, over kills and stops.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::daemon::{Daemon, wait_until};
use crate::support::{Home, finish, signal, until};

const SHOP: &str = "import fs from 'node:fs';
const note = (text) => fs.appendFileSync(process.env.NOTES, `${text}\\n`);
const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));
const section = async (name, ms) => { note(`+${name}`); await pause(ms); note(`-${name}`); return name; };
export default class Shop extends Photon {
  async board(params: { name: string; ms: number }) { return this.withLock('board', () => section(params.name, params.ms)); }
  async briefly(params: { name: string }) { return this.withLock('board', () => section(params.name, 0), 300); }
  /** @locked board */
  async tagged(params: { name: string; ms: number }) { return section(params.name, params.ms); }
  /** @locked board */
  async both() { return this.withLock('board', () => section('both', 0)); }
  /** @queued 1 */
  async queued(params: { name: string; ms: number }) { return section(params.name, params.ms); }
  async again() { return this.withLock('board', () => this.call('shop.briefly', { name: 'inner' })); }
  async count(params: { times: number }) {
    for (let i = 0; i < params.times; i++) await this.memory.update('n', (n) => (n ?? 0) + 1, 'global');
    await this.memory.set(`mine ${params.times}`, 1);
    return this.memory.get('n', 'global');
  }
  async slowly() {
    return this.memory.update('slow', async (n) => { note(`saw ${n}`); await pause(400); return (n ?? 0) + 1; });
  }
  async grab(params: { who: string; ms?: number }) { return this.acquireLock('turn', params.who, params.ms); }
  async drop(params: { who: string }) { return this.releaseLock('turn', params.who); }
  /** @retryable 2 2s */
  async *flaky() {
    note('first');
    yield { checkpoint: 'first', data: 1 };
    note('attempt');
    if (fs.readFileSync(process.env.NOTES, 'utf8').split('attempt').length < 3) throw new Error('not yet');
    return 'done';
  }
  /** @throttled 1/h */
  async rare() { return 1; }
  /** @idempotent params.order */
  async pay(params: { order: string }) { note(`paid ${params.order}`); return params.order; }
}
";

const COUNTER: &str = "export default class Counter extends Photon {
  n = 0;
  getState() { return { n: this.n }; }
  setState(state) { this.n = state.n; }
  async up(params: { ms: number }) { await new Promise((wake) => setTimeout(wake, params.ms)); return ++this.n; }
}
";

struct Shop {
    home: Home,
    notes: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let home = Home::with_photons(&[("shop", SHOP), ("counter", COUNTER)]);
        let notes = home.work().join("notes");
        std::fs::write(&notes, "").expect("written");
        Self { home, notes }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env("NOTES", &self.notes).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("runs")
    }

    /// A call in a process of its own.
    fn call(&self, method: &str, params: &[&str], id: &str) -> Child {
        let mut args = vec!["run", "-A", "shop", method, "--id", id];
        params.iter().for_each(|param| args.extend(["-p", param]));
        self.spawn(&args)
    }

    fn resume(&self, run: &str) -> Child {
        self.spawn(&["resume", "-A", run])
    }

    fn noted(&self) -> Vec<String> {
        read(&self.notes).lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn until_noted(&self, expected: &[&str]) {
        until(&format!("the notes {expected:?}"), || self.noted() == expected);
    }

    /// Kills a call in its section, when what it noted is in its journal.
    fn kill(&self, child: Child, run: &str) {
        self.home.wait_for(run, "\"sync\":true");
        signal(&child, Signal::KILL);
        finish(child);
    }

    /// A daemon that may do everything and knows where to note.
    fn daemon(&self) -> Daemon<'_> {
        let done = self.command(&["daemon", "start", "-A"]).output().expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Daemon::adopt(&self.home)
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[track_caller]
fn good(child: Child) -> String {
    let done = child.wait_with_output().expect("ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn moment() {
    std::thread::sleep(Duration::from_millis(400));
}

#[test]
fn sections_of_processes_never_overlap() {
    let shop = Shop::new();
    let calls: Vec<Child> = (0..5)
        .map(|n| {
            // By the tag or by the program: it is one lock.
            let method = if n % 2 == 0 { "board" } else { "tagged" };
            shop.call(method, &[&format!("name={n}"), "ms=60"], &format!("s{n}"))
        })
        .collect();
    calls.into_iter().for_each(|call| drop(good(call)));
    let noted = shop.noted();
    assert_eq!(noted.len(), 10);
    assert!(noted.chunks(2).all(|pair| pair[0][1..] == pair[1][1..] && pair[0].starts_with('+')), "{noted:?}");
    // What a run holds it may take once more; and nothing is left lying about.
    assert_eq!(good(shop.call("both", &[], "b")), "both");
    let left = std::fs::read_dir(shop.home.home().join("locks")).expect("there").count();
    assert_eq!(left, 0);
}

#[test]
fn a_run_that_was_killed_in_its_section_takes_the_lock_again() {
    for method in ["board", "tagged", "queued"] {
        let shop = Shop::new();
        let first = shop.call(method, &["name=a", "ms=300"], "a");
        shop.until_noted(&["+a"]);
        shop.kill(first, "a");
        // It is free, since its holder is dead.
        let second = shop.call(method, &["name=b", "ms=1500"], "b");
        shop.until_noted(&["+a", "+b"]);
        // Its pause is long over, but it must not go on.
        let resumed = shop.resume("a");
        moment();
        assert_eq!(shop.noted(), ["+a", "+b"], "{method}");
        good(second);
        good(resumed);
        assert_eq!(shop.noted(), ["+a", "+b", "-b", "-a"], "{method}");
    }
}

#[test]
fn who_waits_for_its_lock_can_be_cancelled() {
    let shop = Shop::new();
    let first = shop.call("board", &["name=a", "ms=300"], "a");
    shop.until_noted(&["+a"]);
    shop.kill(first, "a");
    let second = shop.call("board", &["name=b", "ms=60000"], "b");
    shop.until_noted(&["+a", "+b"]);
    let resumed = shop.resume("a");
    moment();
    shop.home.run(&["cancel", "a"]).expect(0);
    let done = resumed.wait_with_output().expect("ends");
    assert!(!done.status.success());
    assert_eq!(shop.home.status("a"), "cancelled");
    assert_eq!(shop.noted(), ["+a", "+b"]);
    signal(&second, Signal::KILL);
    finish(second);
}

#[test]
fn a_holder_that_stands_still_keeps_its_lock() {
    for method in ["board", "tagged"] {
        let shop = Shop::new();
        let first = shop.call(method, &["name=a", "ms=100"], "a");
        shop.until_noted(&["+a"]);
        signal(&first, Signal::STOP);
        // One that does not want to wait for long is told who has it.
        let done = shop.call("briefly", &["name=c"], "c").wait_with_output().expect("ends");
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(err.contains("the lock 'board' was not free within 0.3 s: run a (process "), "{err}");
        let second = shop.call(method, &["name=b", "ms=1"], "b");
        moment();
        assert_eq!(shop.noted(), ["+a"], "{method}");
        signal(&first, Signal::CONT);
        good(first);
        good(second);
        assert_eq!(shop.noted(), ["+a", "-a", "+b", "-b"], "{method}");
    }
}

#[test]
fn a_call_that_wants_what_its_caller_holds_is_refused() {
    let shop = Shop::new();
    let done = shop.call("again", &[], "a").wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(err.contains("the lock 'board' cannot be had: run a has it, and waits for this run"), "{err}");
}

#[test]
fn memory_loses_no_change_of_any_process() {
    let shop = Shop::new();
    // One is killed in the middle, and goes on beside the others.
    let killed = shop.call("count", &["times=9"], "k");
    shop.home.wait_for("k", "state.save");
    signal(&killed, Signal::KILL);
    finish(killed);
    let mut calls: Vec<Child> =
        (5..8).map(|times| shop.call("count", &[&format!("times={times}")], &format!("m{times}"))).collect();
    calls.push(shop.resume("k"));
    calls.into_iter().for_each(|call| drop(good(call)));
    let memory = |file: &str| -> serde_json::Value {
        serde_json::from_str(&read(&shop.home.home().join("state").join(file))).expect("JSON")
    };
    assert_eq!(memory("_shared/memory"), json!({"n": 9 + 5 + 6 + 7}));
    assert_eq!(memory("shop/memory"), json!({"mine 5": 1, "mine 6": 1, "mine 7": 1, "mine 9": 1}));
}

#[test]
fn a_change_that_stood_still_is_made_anew() {
    let shop = Shop::new();
    let first = shop.call("slowly", &[], "a");
    shop.until_noted(&["saw null"]);
    shop.kill(first, "a");
    assert_eq!(good(shop.call("slowly", &[], "b")), "1");
    assert_eq!(good(shop.resume("a")), "2");
    assert_eq!(shop.noted(), ["saw null", "saw null", "saw 1"]);
}

#[test]
fn locks_with_holders_outlive_runs() {
    let shop = Shop::new();
    let call = |method: &str, params: &[&str], id: &str| good(shop.call(method, params, id));
    assert_eq!(call("grab", &["who=ann"], "h1"), "true");
    assert_eq!(call("grab", &["who=bob"], "h2"), "false");
    assert_eq!(call("drop", &["who=bob"], "h3"), "false");
    assert_eq!(call("drop", &["who=ann"], "h4"), "true");
    assert_eq!(call("grab", &["who=bob", "ms=1"], "h5"), "true");
    assert_eq!(call("grab", &["who=ann"], "h6"), "true", "his time is over");
}

#[test]
fn a_run_that_is_taken_up_holds_its_state_again() {
    let shop = Shop::new();
    let up = |ms: &str, id: &str| shop.spawn(&["run", "counter", "up", "-p", ms, "--id", id]);
    let first = up("ms=2500", "a");
    shop.home.wait_for("a", "state.load");
    signal(&first, Signal::KILL);
    finish(first);
    let resumed = shop.resume("a");
    shop.home.wait_for("a", "\"resume\"");
    moment();
    let second = up("ms=1", "b");
    assert_eq!((good(resumed), good(second)), ("1".into(), "2".into()));
}

#[test]
fn locks_do_not_depend_on_the_daemon() {
    let shop = Shop::new();
    let daemon = shop.daemon();
    // In a process of its own: whatever becomes of the daemon, it keeps its lock.
    let first = shop.call("tagged", &["name=a", "ms=5000"], "a");
    shop.until_noted(&["+a"]);
    daemon.kill();
    let daemon = shop.daemon();
    let run = good(shop.spawn(&["run", "shop", "board", "-p", "name=b", "-p", "ms=2500", "--detach"]));
    assert_eq!(shop.noted(), ["+a"]);
    good(first);
    shop.until_noted(&["+a", "-a", "+b"]);
    shop.home.wait_for(&run, "\"sync\":true");
    // In the daemon: it dies with it, and the next one takes it again before the run goes on.
    daemon.kill();
    let third = shop.call("tagged", &["name=c", "ms=3000"], "c");
    shop.until_noted(&["+a", "-a", "+b", "+c"]);
    let _daemon = shop.daemon();
    wait_until(&shop.home, &run, "completed");
    good(third);
    assert_eq!(shop.noted(), ["+a", "-a", "+b", "+c", "-c", "-b"]);
}

#[test]
fn an_attempt_to_come_outlives_its_process() {
    let shop = Shop::new();
    let child = shop.call("flaky", &[], "f");
    shop.home.wait_for("f", "\"t\":\"error\"");
    until("the attempt to be on disk", || shop.home.home().join("calls/retries/f.json").exists());
    signal(&child, Signal::KILL);
    finish(child);
    assert_eq!(shop.home.status("f"), "failed");
    let _daemon = shop.daemon();
    wait_until(&shop.home, "f", "completed");
    assert_eq!(shop.noted(), ["first", "attempt", "attempt"]);
    until("it to be over", || !shop.home.home().join("calls/retries/f.json").exists());
}

#[test]
fn what_is_handed_over_has_its_tags() {
    let shop = Shop::new();
    let _daemon = shop.daemon();
    let detach =
        |args: &[&str]| shop.command(&[&["run", "shop"], args, &["--detach"]].concat()).output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let flaky = detach(&["flaky", "--id", "f"]);
    assert_eq!(text(&flaky.stdout), "f", "{}", text(&flaky.stderr));
    wait_until(&shop.home, "f", "completed");
    assert_eq!(shop.noted(), ["first", "attempt", "attempt"]);
    let rare = detach(&["rare"]);
    assert!(rare.status.success(), "{}", text(&rare.stderr));
    let refused = detach(&["rare"]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("more than 1 calls in 3600 s"), "{}", text(&refused.stderr));
    // Calls with one key, or one argument that is the key, are one run.
    let keyed = |key: &str| text(&detach(&["rare", "--key", key]).stdout);
    assert_eq!(keyed("x"), "", "the key is new, and the rate is used up");
    let pay = |order: &str| text(&detach(&["pay", "-p", order]).stdout);
    let (first, second, other) = (pay("order=1"), pay("order=1"), pay("order=2"));
    assert!(first.starts_with("key_") && first == second && first != other, "{first} {second} {other}");
    wait_until(&shop.home, &first, "completed");
    wait_until(&shop.home, &other, "completed");
    assert_eq!(shop.noted()[3..], ["paid 1", "paid 2"]);
}
