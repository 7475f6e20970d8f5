//! The daemon: there is one, it keeps runs going, and it can be killed.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{ASKER, COUNTER, Home, finish, signal, until};

/// A daemon that ends with the test.
pub struct Daemon<'a> {
    home: &'a Home,
}

impl<'a> Daemon<'a> {
    pub fn start(home: &'a Home, args: &[&str]) -> Self {
        let mut all = vec!["daemon", "start"];
        all.extend(args);
        home.run(&all).expect(0);
        Self { home }
    }

    /// One that was started in another way.
    pub fn adopt(home: &'a Home) -> Self {
        Self { home }
    }

    pub fn status(&self) -> Value {
        self.home.json(&["daemon", "status"])
    }

    pub fn pid(&self) -> Pid {
        let pid = self.status()["pid"].as_i64().expect("a process");
        Pid::from_raw(pid as i32).expect("a process")
    }

    /// Ends it without a word.
    pub fn kill(&self) {
        let pid = self.pid();
        kill_process(pid, Signal::KILL).expect("killed");
        until("the end of the daemon", || rustix::process::test_kill_process(pid).is_err() || is_zombie(pid));
    }
}

/// It was started by a command that has ended: whoever adopted it may not have looked yet.
fn is_zombie(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.home.run(&["daemon", "stop"]);
    }
}

/// Waits until a run has this status.
#[track_caller]
pub fn wait_until(home: &Home, run: &str, status: &str) {
    until(&format!("{run} to be {status}"), || home.status(run) == status);
}

#[test]
fn there_is_one_and_it_says_how_it_is() {
    let home = Home::new();
    assert_eq!(home.run(&["--json", "daemon", "status"]).expect(4).json(), json!({ "status": "stopped" }));
    home.run(&["daemon", "stop"]).expect(2);
    let daemon = Daemon::start(&home, &[]);
    let second = home.run(&["daemon", "start"]).expect(5);
    assert!(second.err.contains("a daemon is running for this home: process "), "{}", second.err);
    home.run(&["daemon"]).expect(5);
    let status = daemon.status();
    assert_eq!((&status["status"], &status["runs"]["driven"]), (&json!("running"), &json!(0)));
    assert!(status["memory"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{status}");
    let folder = home.home().join("daemon");
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(folder.join(name)).expect("there").permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("."), mode("sock"), mode("lock"), mode("log"), mode("events.jsonl")),
        (0o700, 0o600, 0o600, 0o600, 0o600)
    );
    assert!(home.run(&["daemon", "logs"]).expect(0).out.contains("the daemon works: process "));
    home.run(&["daemon", "stop"]).expect(0);
    assert!(home.run(&["daemon", "logs"]).expect(0).out.contains("the daemon has ended"));
    home.run(&["daemon", "status"]).expect(4);
}

#[test]
fn a_killed_daemon_is_no_hindrance() {
    let home = Home::new();
    let daemon = Daemon::start(&home, &[]);
    daemon.kill();
    home.run(&["daemon", "status"]).expect(4);
    assert!(home.home().join("daemon/sock").exists());
    home.run(&["daemon", "start"]).expect(0);
    assert_eq!(daemon.status()["status"], "running");
}

#[test]
fn what_was_interrupted_goes_on() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.write("asker.ts", ASKER);
    let child = home.spawn(&["run", "counter.ts", "-p", "n=6", "-p", "pause=50", "--id", "i1"]);
    home.wait_for("i1", "cp_1");
    signal(&child, Signal::KILL);
    finish(child);
    home.run(&["run", "asker.ts", "--id", "i2"]).expect(4);
    let _daemon = Daemon::start(&home, &[]);
    wait_until(&home, "i1", "completed");
    let shown = home.json(&["show", "i1"]);
    assert_eq!((&shown["result"], &shown["effects"]["checkpoint"]), (&json!({ "sum": 15 }), &json!(6)));
    // The others are handed over when there is something for them.
    assert_eq!(home.status("i2"), "waiting");
    let handed = home.json(&["answer", "i2", "yes"]);
    assert!(handed["handedTo"].as_str().is_some_and(|to| to.starts_with("the daemon")), "{handed}");
    home.wait_for("i2", "\"t\":\"answer\"");
    until("the second question", || home.run(&["answer", "i2", "blue"]).code == 0);
    wait_until(&home, "i2", "completed");
    assert_eq!(home.json(&["show", "i2"])["result"], json!({ "sure": true, "color": "b" }));
}

#[test]
fn a_detached_run_survives_the_daemon() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.run(&["run", "counter.ts", "--detach"]).expect(2);
    let daemon = Daemon::start(&home, &[]);
    let refused = home.run(&["run", "counter.ts", "--detach", "--allow-net"]).expect(2);
    assert!(refused.err.contains("give them to the daemon"), "{}", refused.err);
    let elsewhere = home.run(&["run", "counter.ts", "--detach", "--store", "sqlite:runs.db"]).expect(2);
    assert!(elsewhere.err.contains("give both the same --store"), "{}", elsewhere.err);
    let args = ["run", "counter.ts", "-p", "n=20", "-p", "pause=50", "--detach"];
    let run = home.run(&args).expect(0).out.trim().to_owned();
    home.wait_for(&run, "cp_3");
    let held = home.run(&["resume", "--here", &run]).expect(5);
    assert!(held.err.contains("quicksave daemon"), "{}", held.err);
    let followed = home.spawn(&["log", "-f", &run]);
    daemon.kill();
    home.run(&["daemon", "start"]).expect(0);
    home.wait_for(&run, "cp_8");
    // It is left, and goes on with the next one.
    home.run(&["daemon", "stop"]).expect(0);
    assert_eq!(home.status(&run), "running");
    home.run(&["daemon", "start"]).expect(0);
    wait_until(&home, &run, "completed");
    assert_eq!(home.json(&["show", &run])["effects"], json!({ "checkpoint": 20, "emit": 20, "timer": 20 }));
    assert!(finish(followed).expect(0).out.contains("return"));
}

#[test]
fn sleepers_are_woken() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let args = ["run", "counter.ts", "-p", "n=2", "-p", "pause=3000", "--park-after", "1s", "--id", "s1"];
    home.run(&args).expect(4);
    let _daemon = Daemon::start(&home, &["--park-after", "1s"]);
    wait_until(&home, "s1", "completed");
    let log = home.run(&["--json", "log", "s1"]).expect(0).out;
    // Once for each sleep: nobody looked in between.
    assert_eq!(log.matches("\"t\":\"resume\"").count(), 2, "{log}");
}

#[test]
fn a_run_that_kills_the_daemon_is_left_alone() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let child = home.spawn(&["run", "counter.ts", "-p", "pause=50000", "--id", "k1"]);
    home.wait_for("k1", "cp_0");
    signal(&child, Signal::KILL);
    finish(child);
    let daemon = Daemon::start(&home, &[]);
    for death in 1..=3 {
        home.wait_for("k1", "\"by\":\"quicksave daemon");
        until("the run to be driven", || daemon.status()["runs"]["driven"] == 1);
        daemon.kill();
        home.run(&["daemon", "start"]).expect(0);
        assert!(death < 3 || daemon.status()["runs"]["driven"] == 0);
    }
    until("the word on it", || daemon.status()["runs"]["leftAlone"]["k1"].is_string());
    // A person may insist.
    home.run(&["resume", "k1"]).expect(0);
    until("the run to be driven", || daemon.status()["runs"]["driven"] == 1);
    home.run(&["cancel", "k1"]).expect(0);
}

#[test]
fn events_are_kept_over_the_daemons_death() {
    let home = Home::new();
    assert_eq!(home.run(&["events"]).expect(0).out, "");
    home.run(&["emit", "greeting"]).expect(2);
    let daemon = Daemon::start(&home, &[]);
    let follower = home.spawn(&["--json", "events", "-f", "greet*"]);
    until("the follower", || daemon.status()["subscribers"] == 1);
    assert_eq!(home.json(&["emit", "greeting", "{\"n\":1}"]), json!({ "seq": 1, "type": "greeting" }));
    home.run(&["emit", "other", "text"]).expect(0);
    daemon.kill();
    home.run(&["daemon", "start"]).expect(0);
    until("the follower again", || daemon.status()["subscribers"] == 1);
    home.run(&["emit", "greeting", "2"]).expect(0);
    let lines =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect() };
    let kept = home.run(&["--json", "events", "--after", "1"]).expect(0).out;
    let kept: Vec<Value> =
        lines(&kept).iter().map(|event| json!([event["seq"], event["type"], event["data"]])).collect();
    assert_eq!(kept, [json!([2, "other", "text"]), json!([3, "greeting", 2])]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&follower, Signal::INT);
    let heard: Vec<Value> = lines(&finish(follower).expect(0).out).iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(heard, [json!(1), json!(3)]);
    home.run(&["daemon", "stop"]).expect(0);
    assert_eq!(lines(&home.run(&["--json", "events", "greeting"]).expect(0).out).len(), 2);
}

#[test]
fn what_a_command_leaves_is_taken_up() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let daemon = Daemon::start(&home, &["--park-after", "1s"]);
    // Killed while the daemon works.
    let killed = home.spawn(&["run", "counter.ts", "-p", "n=6", "-p", "pause=50", "--id", "l1"]);
    home.wait_for("l1", "cp_1");
    signal(&killed, Signal::KILL);
    finish(killed);
    // Left to sleep.
    let args = ["run", "counter.ts", "-p", "n=1", "-p", "pause=4000", "--park-after", "1s", "--id", "l2"];
    home.run(&args).expect(4);
    // Interrupted by a person, who has a reason.
    let stopped = home.spawn(&["run", "counter.ts", "-p", "n=200", "-p", "pause=50", "--id", "l3"]);
    home.wait_for("l3", "cp_1");
    signal(&stopped, Signal::INT);
    finish(stopped).expect(130);
    until("the word on sleepers", || daemon.status()["runs"]["sleeps"][0]["runId"] == "l2");
    wait_until(&home, "l1", "completed");
    wait_until(&home, "l2", "completed");
    assert_eq!(home.json(&["show", "l1"])["effects"]["checkpoint"], 6);
    let runs = daemon.status()["runs"].clone();
    assert!(runs["leftAlone"]["l3"].as_str().is_some_and(|why| why.contains("by a person")), "{runs}");
    assert_eq!(home.status("l3"), "running");
    home.run(&["resume", "l3"]).expect(0);
    until("the run to be driven", || daemon.status()["runs"]["drives"][0]["runId"] == "l3");
    home.run(&["cancel", "l3"]).expect(0);
}

#[test]
fn a_caller_goes_on_when_what_it_called_was_ended_elsewhere() {
    let asks = "export default class Asks extends Photon {
        async *run() { const name = yield { ask: 'text', message: 'Who?' }; return `it is ${name}`; }
    }";
    let calls = "export default class Calls extends Photon { async run() { return this.call('asks.run', {}); } }";
    let home = Home::with_photons(&[("asks", asks), ("calls", calls)]);
    home.run(&["run", "calls", "--id", "c1"]).expect(4);
    let called = home.json(&["show", "c1"])["waitingFor"][0]["runId"].as_str().expect("a run").to_owned();
    let _daemon = Daemon::start(&home, &[]);
    // With permissions of its own the command drives the run itself.
    home.run(&["answer", &called, "Ada", "--allow-env=HOME"]).expect(0);
    wait_until(&home, "c1", "completed");
    assert_eq!(home.json(&["show", "c1"])["result"], "it is Ada");
}

/// A daemon in the foreground, below a shell that sets limits.
fn limited(home: &Home, limits: &str) -> std::process::Child {
    let mut command = std::process::Command::new("sh");
    let line = format!("{limits}; exec \"$0\" daemon");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_quicksave")]).current_dir(home.work());
    command.env("QUICKSAVE_HOME", home.home()).env("HOME", home.work());
    let log = std::fs::File::create(home.work().join("log")).expect("made");
    let child = command.stdin(std::process::Stdio::null()).stdout(log.try_clone().expect("cloned")).stderr(log).spawn();
    until("the daemon", || home.run(&["daemon", "status"]).code == 0);
    child.expect("started")
}

#[test]
fn a_full_disk_refuses_events_and_ends_nothing() {
    let home = Home::new();
    // Files of at most 64 blocks of 512 bytes.
    let mut daemon = limited(&home, "ulimit -f 64");
    let long = format!("{:?}", "x".repeat(5_000));
    let mut refused = None;
    for _ in 0..20 {
        let sent = home.run(&["emit", "big", &long]);
        if sent.code != 0 {
            refused = Some(sent.err);
            break;
        }
    }
    assert!(refused.as_ref().is_some_and(|why| why.contains("could not be kept")), "{refused:?}");
    // What was taken is whole, and a shorter one still fits.
    home.run(&["emit", "small", "1"]).expect(0);
    let kept = home.run(&["--json", "events"]).expect(0).out;
    let last: Value = serde_json::from_str(kept.lines().last().expect("events")).expect("JSON");
    assert_eq!((&last["type"], last["seq"].as_u64()), (&json!("small"), Some(kept.lines().count() as u64)));
    home.run(&["daemon", "stop"]).expect(0);
    assert!(daemon.wait().expect("ended").success());
}

#[test]
fn a_daemon_whose_home_is_removed_ends() {
    let home = Home::new();
    let mut daemon = limited(&home, "true");
    std::fs::remove_dir_all(home.home()).expect("removed");
    assert_eq!(daemon.wait().expect("ended").code(), Some(2));
    let log = std::fs::read_to_string(home.work().join("log")).expect("a log");
    assert!(log.contains("was removed"), "{log}");
    home.run(&["daemon", "start"]).expect(0);
    home.run(&["daemon", "stop"]).expect(0);
}
