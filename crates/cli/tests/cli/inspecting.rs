//! inspect

use serde_json::json;

use crate::support::{ASKER, COUNTER, Home};

#[test]
fn memory_at_a_checkpoint_and_now() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    home.run(&["run", "counter.ts", "-p", "n=5", "--id", "i1"]).expect(0);
    let before = std::fs::read(home.journal("i1")).expect("read");
    let text = home.run(&["inspect", "i1", "--at", "cp_3"]).expect(0).out;
    for part in ["run i1 at cp_3\n", "state  {\"i\":3,\"sum\":6}", "counter.ts:5:", "  sum = 6\n", "  i = 3\n"] {
        assert!(text.contains(part), "{part:?}: {text}");
    }
    assert_eq!(home.run(&["inspect", "i1", "--at", "cp_2", "--eval", "sum * 100"]).expect(0).out, "300\n");
    let shape = home.json(&["inspect", "i1", "--at", "cp_1"]);
    assert_eq!(
        (&shape["runId"], &shape["checkpoint"], &shape["state"]),
        (&json!("i1"), &json!("cp_1"), &json!({ "i": 1, "sum": 1 }))
    );
    assert_eq!(shape["memory"]["frames"][0]["locals"]["sum"], 1);
    let bad = home.run(&["inspect", "i1", "--at", "cp_1", "--eval", "nope"]).expect(2);
    assert!(bad.err.contains("nope is not defined"), "{}", bad.err);
    home.run(&["inspect", "i1", "--at", "cp_9"]).expect(2);
    assert_eq!(std::fs::read(home.journal("i1")).expect("read"), before);
}

#[test]
fn what_it_waits_for() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    home.run(&["run", "asker.ts", "--id", "w1"]).expect(4);
    let text = home.run(&["inspect", "w1"]).expect(0).out;
    assert!(text.contains("waits for\n  #0 ") && text.contains("Sure?"), "{text}");
    assert_eq!(home.json(&["inspect", "w1"])["pending"], json!([{ "n": 0, "kind": "ask" }]));
    assert_eq!(home.status("w1"), "waiting");
}
