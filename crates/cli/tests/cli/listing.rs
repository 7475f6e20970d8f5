//! list, show, log, delete, cleanup, and what programs ask about runs.

use serde_json::{Value, json};

use crate::support::{COUNTER, Home, finish};

fn ids(list: &Value) -> Vec<&str> {
    list["runs"].as_array().expect("a list").iter().map(|run| run["runId"].as_str().expect("an id")).collect()
}

#[test]
fn the_newest_run_is_first() {
    let home = Home::new();
    assert_eq!(home.json(&["list"]), json!({ "runs": [] }));
    // Not in the order of their names.
    for id in ["b", "c", "a"] {
        home.run(&["code", "return 1", "--id", id]).expect(0);
    }
    home.run(&["code", "throw new Error('')", "--id", "failed"]).expect(1);
    assert_eq!(ids(&home.json(&["list"])), ["failed", "a", "c", "b"]);
    assert_eq!(ids(&home.json(&["list", "--limit", "2"])), ["failed", "a"]);
    assert_eq!(ids(&home.json(&["list", "--status", "completed", "-n", "1"])), ["a"]);
    let list = home.json(&["list", "--status", "failed"]);
    let run = &list["runs"][0];
    for key in ["startedAt", "completedAt"] {
        let time = run[key].as_str().expect("a time");
        assert!(time.starts_with("20") && time.ends_with('Z') && time.contains('T'), "{time}");
    }
    assert_eq!((&run["status"], &run["tool"], &run["error"]), (&json!("failed"), &json!("code"), &json!("")));
    assert_eq!(run.get("photon"), None);
    let table = home.run(&["list"]).expect(0).out;
    assert!(table.starts_with("RUN     STATUS     STARTED"), "{table}");
}

#[test]
fn show_has_the_shape_of_get_run() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.run(&["run", "counter.ts", "-p", "n=2", "--id", "s1"]).expect(0);
    let mut shown = home.json(&["show", "s1"]);
    for time in ["startedAt", "updatedAt", "completedAt"] {
        assert!(shown[time].as_str().expect("a time").ends_with('Z'));
        shown[time] = "…".into();
    }
    shown["lastCheckpoint"]["at"] = "…".into();
    let expected = json!({
        "runId": "s1",
        "tool": "counter",
        "photon": "counter",
        "params": { "n": 2 },
        "startedAt": "…",
        "updatedAt": "…",
        "completedAt": "…",
        "status": "completed",
        "result": { "sum": 1 },
        "lastCheckpoint": { "id": "cp_1", "state": { "i": 1, "sum": 1 }, "at": "…" },
        "effects": { "checkpoint": 2, "emit": 2, "timer": 2 },
    });
    assert_eq!(shown, expected);
    let text = home.run(&["show", "s1"]).expect(0).out;
    assert!(text.contains("status          completed\n") && text.contains("checkpoint      cp_1 "), "{text}");
}

#[test]
fn show_names_the_driver() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let mut child = home.spawn(&["run", "counter.ts", "-p", "pause=5000", "--id", "d1"]);
    home.wait_for("d1", "cp_0");
    assert_eq!(home.json(&["show", "d1"])["driver"]["pid"], child.id());
    child.kill().expect("killed");
    finish(child);
    assert_eq!(home.json(&["show", "d1"]).get("driver"), None);
    assert!(home.run(&["show", "d1"]).out.contains("go on with: quicksave resume d1"));
}

#[test]
fn long_values_are_shown_whole() {
    let home = Home::new();
    home.run(&["code", "return 'x'.repeat(100_000)", "--id", "l1"]).expect(0);
    assert_eq!(home.json(&["show", "l1"])["result"].as_str().map(str::len), Some(100_000));
    assert_eq!(home.run(&["resume", "l1"]).out.len(), 100_001);
    let log = home.run(&["log", "l1"]).expect(0).out;
    assert!(log.contains("kept beside the journal") && log.len() < 1000, "{log}");
}

#[test]
fn the_log_is_a_line_an_entry() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.run(&["run", "counter.ts", "-p", "n=1", "--id", "g1"]).expect(0);
    let log = home.run(&["log", "g1"]).expect(0).out;
    let kinds: Vec<&str> = log.lines().map(|line| line.split_whitespace().nth(1).expect("a kind")).collect();
    assert_eq!(kinds, ["start", "checkpoint", "timer", "emit", "return"]);
    let raw = home.run(&["log", "g1", "--json"]).expect(0).out;
    assert_eq!(raw, std::fs::read_to_string(home.journal("g1")).expect("read"));
}

#[test]
fn the_log_follows_until_the_end() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let run = home.spawn(&["run", "counter.ts", "-p", "n=5", "-p", "pause=100", "--id", "g2"]);
    home.wait_for("g2", "cp_0");
    let log = home.run(&["log", "-f", "--json", "g2"]).expect(0).out;
    finish(run).expect(0);
    assert_eq!(log, std::fs::read_to_string(home.journal("g2")).expect("read"));
}

#[test]
fn logs_of_the_photon_ecosystem_are_read() {
    let home = Home::new();
    std::fs::create_dir_all(home.home().join("runs")).expect("made");
    let one = "{\"t\":\"start\",\"tool\":\"generate\",\"params\":{\"week\":\"52\"},\"ts\":1704067200000}\n\
               {\"t\":\"checkpoint\",\"id\":\"cp_1\",\"state\":{\"step\":1},\"ts\":1704067205000}\n\
               {\"t\":\"ask\",\"id\":\"approve\",\"ask\":\"confirm\",\"message\":\"Continue?\",\"ts\":1704067211000}\n";
    std::fs::write(home.journal("theirs"), one).expect("written");
    let two = "{\"type\":\"start\",\"tool\":\"code\",\"params\":{\"code\":\"1\"},\"timestamp\":\"2026-03-06T10:30:00Z\"}\n\
               {\"type\":\"return\",\"value\":42,\"timestamp\":\"2026-03-06T10:30:01Z\"}\n";
    std::fs::write(home.journal("older"), two).expect("written");
    assert_eq!(ids(&home.json(&["list"])), ["older", "theirs"]);
    let shown = home.json(&["show", "theirs"]);
    assert_eq!((&shown["status"], &shown["startedAt"]), (&json!("waiting"), &json!("2024-01-01T00:00:00Z")));
    assert_eq!(shown["waitingFor"][0]["id"], "approve");
    assert_eq!(home.json(&["show", "older"])["result"], 42);
    assert_eq!(home.run(&["log", "theirs"]).expect(0).out.lines().count(), 3);
    let refused = home.run(&["resume", "theirs"]).expect(2);
    assert!(refused.err.contains("was not written by quicksave"), "{}", refused.err);
}

#[test]
fn runs_are_deleted() {
    let home = Home::new();
    for id in ["x1", "x2", "x3"] {
        home.run(&["code", "return 1", "--id", id]).expect(0);
    }
    let deleted = home.run(&["--json", "delete", "x1", "nope", "x2"]).expect(2);
    assert_eq!(deleted.json()["deleted"], json!(["x1", "x2"]));
    assert_eq!(ids(&home.json(&["list"])), ["x3"]);
    assert!(!home.home().join("runs/x1.d").exists());
}

#[test]
fn a_driven_run_is_not_deleted() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let mut child = home.spawn(&["run", "counter.ts", "-p", "pause=5000", "--id", "d2"]);
    home.wait_for("d2", "cp_0");
    home.run(&["delete", "d2"]).expect(5);
    child.kill().expect("killed");
    finish(child);
    home.run(&["delete", "d2"]).expect(0);
}

#[test]
fn old_runs_are_cleaned_up() {
    let home = Home::new();
    home.run(&["code", "return 1", "--id", "done"]).expect(0);
    home.run(&["code", "await new Promise((wake) => setTimeout(wake, 1e9))", "--id", "asleep"]).expect(4);
    let cleanup = |older: &str, extra: &[&str]| {
        let mut args = vec!["cleanup", "--older-than", older];
        args.extend(extra);
        home.json(&args)["removed"].clone()
    };
    assert_eq!(cleanup("7d", &[]), json!([]));
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(cleanup("1ms", &["--dry-run"]), json!(["done"]));
    assert_eq!(cleanup("1ms", &[]), json!(["done"]));
    assert_eq!(ids(&home.json(&["list"])), ["asleep"]);
    home.run(&["cleanup"]).expect(2);
    home.run(&["cleanup", "--older-than", "soon"]).expect(2);
}

#[test]
fn programs_list_get_and_delete_runs() {
    let home = Home::new();
    home.run(&["code", "return 7", "--id", "p1"]).expect(0);
    let code = "const list = await code.list_runs({ limit: 1, status: 'completed' });
        const run = await code.get_run({ runId: 'p1' });
        await code.delete_run({ runId: 'p1' });
        const gone = await code.get_run({ runId: 'p1' }).catch((e) => e.code);
        const own = await code.delete_run({ runId: 'self' }).catch((e) => e.message);
        const bad = await code.get_run({ runId: '../x' }).catch((e) => e.message);
        return { list, run, gone, own, bad };";
    let result = &home.json(&["code", code, "--id", "self"])["result"];
    assert_eq!(ids(&result["list"]), ["p1"]);
    assert_eq!((&result["run"]["result"], &result["run"]["tool"]), (&json!(7), &json!("code")));
    assert_eq!(result["gone"], "ENOENT");
    assert!(result["own"].as_str().is_some_and(|own| own.contains("cannot delete itself")), "{result}");
    assert!(result["bad"].as_str().is_some_and(|bad| bad.contains("not a run id")), "{result}");
}
