//! The users' own programs, as they wrote them (examples/seeds).

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Home, finish, signal, until};

fn seed(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/seeds").join(name);
    path.to_str().expect("text").to_owned()
}

#[test]
fn a_counter_counts_from_run_to_run() {
    let home = Home::new();
    for (name, key) in [("counter.photon.ts", "count"), ("my.photon.ts", "count")] {
        for n in 1..=4 {
            assert_eq!(home.json(&["run", &seed(name)])["result"][key], n, "{name}");
        }
    }
}

#[test]
fn code_mode_lists_and_gets_runs() {
    let home = Home::new();
    home.run(&["code", "return 1", "--id", "first"]).expect(0);
    let source = |name: &str| std::fs::read_to_string(seed(name)).expect("read");
    let list = &home.json(&["code", &source("list-runs.code.ts"), "--id", "second"])["result"];
    let runs = list["runs"].as_array().expect("a list");
    let ids: Vec<&str> = runs.iter().map(|run| run["runId"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["second", "first"]);
    let run = &home.json(&["code", &source("get-run.code.ts")])["result"];
    assert_eq!((&run["runId"], &run["tool"], &run["status"]), (&json!("second"), &json!("code"), &json!("completed")));
    for key in ["params", "startedAt", "completedAt"] {
        assert!(run.get(key).is_some(), "{key}: {run}");
    }
}

#[test]
fn a_long_running_photon_stops_at_what_it_may_not_reach() {
    let home = Home::new();
    let stopped = home.run(&["run", &seed("long-running.photon.ts"), "--id", "l1"]).expect(1);
    assert!(stopped.err.contains("--allow-net=api.example.com"), "{}", stopped.err);
    assert_eq!(home.json(&["show", "l1"])["lastCheckpoint"]["state"], json!({ "step": 1 }));
}

/// What the first three programs print, and what they print when they go on from what they saved.
#[test]
fn neutron_programs_print_what_was_promised() {
    let home = Home::new();
    let checks = "checking\nDay 2 complete. Hibernating...\n";
    for (name, file, first, then) in [
        ("backup.nt", "backup.snap", "Halfway done...\nFinished!\n", "Finished!\n"),
        (
            "pipeline.nt",
            "after_download.snap",
            "downloading\nDownload complete.\nuploaded [2, 4, 6]\n",
            "uploaded [2, 4, 6]\n",
        ),
        (
            "monitor.nt",
            "monitor.snap",
            "checking\nDay 1 complete. Hibernating...\n",
            &format!("Waking up for next day!\n{checks}"),
        ),
    ] {
        let ran = home.neutron(&[&seed(name)]).expect(0);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), (first, ""), "{name}");
        let resumed = home.neutron(&["--resume", file]).expect(0);
        assert_eq!((resumed.out.as_str(), resumed.err.as_str()), (then, ""), "{name}");
        let ran = home.run(&["run", &seed(name)]).expect(0);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), (first, ""), "{name}");
        for resume in [&["--resume", file][..], &["resume", file]] {
            // The monitor has saved itself again meanwhile.
            let then = then.replace("Day 2", if resume[0] == "resume" { "Day 3" } else { "Day 2" });
            let resumed = home.run(resume).expect(0);
            assert_eq!((resumed.out, resumed.err.as_str()), (then, ""), "{name}");
        }
    }
    // A day for each resume, as a cron job does it.
    for day in 4..10 {
        let resumed = home.neutron(&["--resume", "monitor.snap"]).expect(0);
        let expected = format!("Waking up for next day!\n{}", checks.replace("Day 2", &format!("Day {day}")));
        assert_eq!(resumed.out, expected);
    }
}

/// Requests that a service got: their path and idempotency key.
type Got = Arc<Mutex<Vec<(String, String)>>>;

/// A service that answers every POST, after `pause`.
fn service(pause: Duration) -> (String, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let got = Got::default();
    let record = got.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let record = record.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let (mut path, mut key, mut length) = (String::new(), String::new(), 0);
                for line in reader.by_ref().lines() {
                    let Ok(line) = line else { return };
                    if line.is_empty() {
                        break;
                    }
                    match line.split_once(": ") {
                        None => path = line.split(' ').nth(1).unwrap_or_default().into(),
                        Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => key = value.into(),
                        Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                            length = value.parse().expect("a number")
                        }
                        Some(_) => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                record.lock().expect("whole").push((path, key));
                std::thread::sleep(pause);
                let body = "{\"ts\":\"17.4\",\"number\":7}";
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = reader.get_mut().write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    (url, got)
}

#[test]
fn a_workflow_that_is_killed_posts_its_message_once() {
    let home = Home::new();
    let (url, got) = service(Duration::from_millis(300));
    let server = format!("server={url}");
    let workflow = seed("workflow.ts");
    let child = home.spawn(&["run", &workflow, "generate", "-p", &server, "--id", "w1", "--allow-net=127.0.0.1"]);
    until("the second request", || got.lock().expect("whole").len() == 2);
    signal(&child, Signal::KILL);
    finish(child);
    let resumed = home.run(&["--json", "resume", "w1", "--allow-net=127.0.0.1"]).expect(0).json();
    let answer = json!({ "ts": "17.4", "number": 7 });
    assert_eq!(resumed["result"], json!({ "posted": answer, "issue": answer }));
    let got = got.lock().expect("whole").clone();
    // The request whose answer was lost is sent again, and says that it is the same.
    let paths: Vec<&str> = got.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/slack/post_message", "/github/create_issue", "/github/create_issue"]);
    assert!(got[1].1.starts_with("w1/") && got[1] == got[2] && got[0].1 != got[1].1, "{got:?}");
    let last = &home.json(&["show", "w1"])["lastCheckpoint"];
    assert_eq!(last["state"], json!({ "step": 2, "messageTs": "17.4", "issueNumber": 7 }));
}
