//! One driver at a time; cancel; take-over; fork.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{ASKER, COUNTER, Home, finish, signal};

#[test]
fn the_second_driver_is_refused_and_told_who_has_it() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let first = home.spawn(&["run", "counter.ts", "-p", "n=4", "-p", "pause=300", "--id", "o1"]);
    home.wait_for("o1", "cp_0");
    let pid = first.id();
    let second = home.run(&["--json", "resume", "o1"]).expect(5);
    assert!(second.err.contains(&format!("run o1 is driven by quicksave run (process {pid} on ")), "{}", second.err);
    let shape = second.json();
    assert_eq!((&shape["runId"], &shape["exitCode"]), (&json!("o1"), &json!(5)));
    finish(first).expect(0);
    assert_eq!(home.json(&["show", "o1"])["effects"], json!({ "checkpoint": 4, "emit": 4, "timer": 4 }));
}

#[test]
fn many_resumes_at_once_drive_it_once() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let child = home.spawn(&["run", "counter.ts", "-p", "n=6", "-p", "pause=100", "--id", "m1"]);
    home.wait_for("m1", "cp_1");
    signal(&child, Signal::KILL);
    finish(child);
    let all: Vec<_> = (0..6).map(|_| home.spawn(&["resume", "m1"])).collect();
    let codes: Vec<i32> = all.into_iter().map(|child| finish(child).code).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 5].contains(code)), "{codes:?}");
    assert_eq!(home.json(&["show", "m1"])["effects"], json!({ "checkpoint": 6, "emit": 6, "timer": 6 }));
}

#[test]
fn a_driven_run_is_cancelled_by_another_process() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let driver = home.spawn(&["run", "counter.ts", "-p", "pause=20000", "--id", "c1"]);
    home.wait_for("c1", "cp_0");
    let cancelled = home.run(&["--json", "cancel", "c1", "--reason", "not needed"]).expect(0);
    assert_eq!(cancelled.json(), json!({ "runId": "c1", "status": "cancelled", "error": "not needed" }));
    let ended = finish(driver).expect(1);
    assert!(ended.err.contains("run c1 was cancelled: not needed"), "{}", ended.err);
    let shown = home.json(&["show", "c1"]);
    assert_eq!((&shown["status"], &shown["error"]), (&json!("cancelled"), &json!("not needed")));
    home.run(&["cancel", "c1"]).expect(2);
}

#[test]
fn a_waiting_run_is_cancelled_without_being_driven_on() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    home.run(&["run", "asker.ts", "--id", "c2"]).expect(4);
    home.run(&["cancel", "c2"]).expect(0);
    assert_eq!(home.status("c2"), "cancelled");
    home.run(&["resume", "c2"]).expect(1);
    home.run(&["answer", "c2", "yes"]).expect(2);
}

#[test]
fn an_interrupted_run_is_cancelled_without_its_calls_being_repeated() {
    let home = Home::new();
    let code = "import { writeFile } from 'node:fs/promises';
        export default async function* w() {
            yield { checkpoint: 1 };
            await writeFile('out.txt', 'written');
            return 1;
        }";
    home.write("w.ts", code);
    home.run(&["run", "w.ts", "--id", "c3", "--allow-write=."]).expect(0);
    let path = home.work().join("out.txt");
    std::fs::remove_file(&path).expect("it was written");
    // As if it had been killed after the call's intent was on disk, and before its result was.
    let journal = std::fs::read_to_string(home.journal("c3")).expect("read");
    let until: usize =
        journal.lines().take_while(|line| !line.contains("\"t\":\"result\"")).map(|line| line.len() + 1).sum();
    std::fs::write(home.journal("c3"), &journal[..until]).expect("written");
    home.run(&["cancel", "c3"]).expect(0);
    assert!(!path.exists());
    assert_eq!(home.status("c3"), "cancelled");
}

#[test]
fn a_hanging_driver_loses_the_run() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let stuck = home.spawn(&["run", "counter.ts", "-p", "n=3", "-p", "pause=200", "--id", "t1"]);
    home.wait_for("t1", "cp_0");
    signal(&stuck, Signal::STOP);
    home.run(&["resume", "t1"]).expect(5);
    assert!(home.run(&["resume", "t1", "--take-over"]).expect(0).out.ends_with("{\n  \"sum\": 3\n}\n"));
    signal(&stuck, Signal::CONT);
    let lost = finish(stuck).expect(5);
    assert!(lost.err.contains("was taken over by another driver"), "{}", lost.err);
    assert_eq!(home.json(&["show", "t1"])["effects"], json!({ "checkpoint": 3, "emit": 3, "timer": 3 }));
}

#[test]
fn a_fork_goes_its_own_way() {
    let home = Home::new();
    let program = "export default async function* f() {
        console.log('before');
        yield { checkpoint: 'half', data: { a: 1 } };
        const answer = yield { ask: 'text', message: '?' };
        return answer;
    }";
    home.write("f.ts", program);
    home.run(&["run", "f.ts", "--id", "f1"]).expect(4);
    home.run(&["answer", "f1", "left"]).expect(0);
    let fork = home.run(&["--json", "fork", "f1", "--at", "half"]).expect(4);
    let id = fork.json()["runId"].as_str().expect("an id").to_owned();
    assert!(!fork.err.contains("before"), "{}", fork.err);
    assert_eq!(home.json(&["answer", &id, "right"])["result"], "right");
    assert_eq!(home.json(&["show", "f1"])["result"], "left");
    assert_eq!(home.json(&["show", &id])["forkOf"], json!({ "runId": "f1", "checkpoint": "half" }));
    let none = home.run(&["fork", "f1", "--at", "nowhere"]).expect(2);
    assert!(none.err.contains("no checkpoint \"nowhere\"; it has half"), "{}", none.err);
}
