//! Asks and signals, answered by other commands.

use serde_json::json;

use crate::support::{ASKER, Home, finish};

#[test]
fn a_question_waits_for_its_answer() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    let waits = home.run(&["run", "asker.ts", "--id", "a1"]).expect(4);
    assert!(
        waits.err.contains("for an answer (confirm): Sure?\n    quicksave answer a1 VALUE --id=sure"),
        "{}",
        waits.err
    );
    let spec = json!({ "ask": "confirm", "id": "sure", "message": "Sure?" });
    let waiting = json!([{ "kind": "ask", "id": "sure", "ask": "confirm", "message": "Sure?", "spec": spec }]);
    let outcome = json!({ "runId": "a1", "status": "waiting", "waitingFor": waiting });
    assert_eq!(home.run(&["--json", "resume", "a1"]).expect(4).json(), outcome);
    assert_eq!(home.json(&["show", "a1"])["waitingFor"], waiting);
    // `false` is an answer.
    home.run(&["answer", "a1", "false"]).expect(4);
    assert_eq!(home.json(&["show", "a1"])["waitingFor"][0]["id"], "ask_1");
    assert_eq!(home.json(&["answer", "a1", "blue"])["result"], json!({ "sure": false, "color": "b" }));
    assert_eq!(home.json(&["show", "a1"])["effects"], json!({ "ask": 2 }));
}

#[test]
fn an_answer_must_fit() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    home.run(&["run", "asker.ts", "--id", "a2"]).expect(4);
    for (args, text) in [
        (vec!["answer", "a2", "perhaps"], "yes or no is expected"),
        (vec!["answer", "a2"], "the answer is missing"),
        (vec!["answer", "a2", "yes", "--id", "other"], "no open question \"other\""),
        (vec!["answer", "a2", "--call", "3", "--repeat"], "does not wait for a word on call 3"),
        (vec!["answer", "none", "yes"], "there is no run none"),
    ] {
        let refused = home.run(&args).expect(2);
        assert!(refused.err.contains(text), "{args:?}: {}", refused.err);
    }
    home.run(&["answer", "a2", "yes", "--id", "sure"]).expect(4);
    home.run(&["answer", "a2", "1"]).expect(0);
    let ended = home.run(&["answer", "a2", "yes"]).expect(2);
    assert!(ended.err.contains("it is completed"), "{}", ended.err);
}

#[test]
fn a_repeated_name_is_a_question_each_time() {
    let home = Home::new();
    let program = "export default async function* again() {
        const all = [];
        for (let i = 0; i < 3; i++) all.push(yield { ask: 'number', id: 'same', message: `${i}?` });
        return all;
    }";
    home.write("again.ts", program);
    home.run(&["run", "again.ts", "--id", "n1"]).expect(4);
    home.run(&["answer", "n1", "10", "--id", "same"]).expect(4);
    home.run(&["answer", "n1", "-20"]).expect(4);
    assert_eq!(home.json(&["answer", "n1", "30"])["result"], json!([10, -20, 30]));
}

#[test]
fn a_password_stays_out_of_log_and_listing() {
    let home = Home::new();
    home.write(
        "login.ts",
        "export default async function* login() {
        const secret = yield { ask: 'password', message: 'Password?' };
        return secret.length;
    }",
    );
    home.run(&["run", "login.ts", "--id", "p1"]).expect(4);
    home.run(&["answer", "p1", "hunter2hunter2"]).expect(0);
    assert!(!std::fs::read_to_string(home.journal("p1")).expect("read").contains("hunter2"));
    assert!(!home.run(&["log", "p1", "--full"]).out.contains("hunter2"));
    assert!(!home.run(&["show", "p1", "--json"]).out.contains("hunter2"));
}

#[test]
fn a_signal_is_delivered_now_or_later() {
    let home = Home::new();
    let program = "import { signal } from 'quicksave';
        export default async function gate() {
            const first = await signal('go');
            const second = await signal('go');
            return [first, second];
        }";
    home.write("gate.ts", program);
    let waits = home.run(&["run", "gate.ts", "--id", "g1"]).expect(4);
    assert!(waits.err.contains("quicksave signal g1 go [JSON]"), "{}", waits.err);
    assert_eq!(home.json(&["show", "g1"])["waitingFor"], json!([{ "kind": "signal", "name": "go" }]));
    // Nobody waits for this one.
    home.run(&["signal", "g1", "other", "1"]).expect(4);
    home.run(&["signal", "g1", "go", "{\"n\":1}"]).expect(4);
    assert_eq!(home.json(&["signal", "g1", "go", "plain text"])["result"], json!([{ "n": 1 }, "plain text"]));
    home.run(&["signal", "g1", "go"]).expect(2);
}

#[test]
fn a_message_is_handed_to_the_driver() {
    let home = Home::new();
    // The timer keeps the driver from leaving the run.
    let program = "import { signal, sleep } from 'quicksave';
        export default async function gate() {
            const late = sleep(60_000);
            const value = await signal('go');
            return value;
        }";
    home.write("gate.ts", program);
    let driver = home.spawn(&["run", "gate.ts", "--id", "h1", "--park-after", "5m"]);
    home.wait_for("h1", "\"start\"");
    let handed = home.run(&["--json", "signal", "h1", "go", "5"]).expect(0).json();
    assert_eq!((&handed["status"], &handed["taken"]), (&json!("running"), &json!(true)), "{handed}");
    assert!(handed["handedTo"].as_str().is_some_and(|who| who.contains("quicksave run")), "{handed}");
    assert_eq!(finish(driver).expect(0).out, "5\n");
}

#[test]
fn a_far_timer_is_left_and_a_near_one_waited_for() {
    let home = Home::new();
    assert_eq!(
        home.run(&["code", "await new Promise((wake) => setTimeout(wake, 300)); return 1"]).expect(0).out,
        "1\n"
    );
    let code = "await new Promise((wake) => setTimeout(wake, 1500)); return 2";
    let left = home.run(&["code", code, "--id", "t1", "--park-after", "100ms"]).expect(4);
    assert!(left.err.contains("quicksave resume t1"), "{}", left.err);
    assert_eq!(home.json(&["show", "t1"])["waitingFor"][0]["kind"], "timer");
    assert_eq!(home.run(&["resume", "t1"]).expect(0).out, "2\n");
}
