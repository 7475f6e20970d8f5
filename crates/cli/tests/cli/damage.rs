//! Journals that were torn or changed.

use serde_json::json;

use crate::support::{ASKER, Home};

fn waiting(home: &Home, id: &str) -> String {
    home.write("asker.ts", ASKER);
    home.run(&["run", "asker.ts", "--id", id]).expect(4);
    std::fs::read_to_string(home.journal(id)).expect("read")
}

#[test]
fn a_torn_tail_is_cut_off() {
    let home = Home::new();
    home.run(&["code", "return 1", "--id", "other"]).expect(0);
    let journal = waiting(&home, "t1");
    std::fs::write(home.journal("t1"), format!("{journal}{{\"t\":\"answer\",\"ts\":17")).expect("written");
    assert_eq!(home.json(&["list"])["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(home.status("t1"), "waiting");
    let log = home.run(&["log", "t1"]).expect(0);
    let line = journal.lines().count() + 1;
    assert!(log.err.contains(&format!("line {line} is cut off after 21 bytes")), "{}", log.err);
    let resumed = home.run(&["resume", "t1"]).expect(4);
    assert!(resumed.err.starts_with("warning: the last line was cut off"), "{}", resumed.err);
    assert_eq!(home.run(&["resume", "t1"]).expect(4).err.lines().count(), 3);
    home.run(&["answer", "t1", "yes"]).expect(4);
}

#[test]
fn a_changed_line_is_named_and_hides_nothing_else() {
    let home = Home::new();
    home.run(&["code", "return 1", "--id", "other"]).expect(0);
    let journal = waiting(&home, "c1");
    std::fs::write(home.journal("c1"), journal.replace("Sure?", "Fine?")).expect("written");
    let list = home.json(&["list"]);
    let corrupt = list["runs"].as_array().expect("a list").iter().find(|run| run["runId"] == "c1").expect("listed");
    assert_eq!(corrupt["status"], "corrupt");
    assert!(corrupt["error"].as_str().is_some_and(|error| error.contains("line 2: its checksum")), "{corrupt}");
    assert_eq!(home.json(&["list", "--status", "completed"])["runs"][0]["runId"], "other");
    for command in ["resume", "show", "log", "cancel", "inspect"] {
        let refused = home.run(&[command, "c1"]).expect(3);
        assert!(refused.err.contains("line 2: its checksum does not match"), "{command}: {}", refused.err);
        assert!(refused.err.contains("quicksave delete c1"), "{command}: {}", refused.err);
    }
    // What precedes the line is shown.
    assert_eq!(home.run(&["log", "c1"]).out.lines().count(), 1);
    assert_eq!(home.run(&["--json", "show", "c1"]).expect(3).json()["status"], json!("corrupt"));
    let doctor = home.run(&["doctor", "--json"]).expect(3).json();
    assert_eq!(doctor["ok"], false);
    home.run(&["delete", "c1"]).expect(0);
    home.run(&["doctor"]).expect(0);
}

#[test]
fn a_damaged_snapshot_is_not_used() {
    let home = Home::new();
    waiting(&home, "s1");
    let folder = home.home().join("runs/s1.d/blobs/snapshot");
    for entry in std::fs::read_dir(folder).expect("snapshots").flatten() {
        let mut bytes = std::fs::read(entry.path()).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(entry.path(), bytes).expect("written");
    }
    let answered = home.run(&["answer", "s1", "yes"]).expect(4);
    assert!(answered.err.starts_with("warning: a snapshot was not used"), "{}", answered.err);
    assert_eq!(home.json(&["answer", "s1", "red"])["result"], json!({ "sure": true, "color": "red" }));
}

#[test]
fn missing_code_is_told() {
    let home = Home::new();
    waiting(&home, "m1");
    std::fs::remove_dir_all(home.home().join("code")).expect("removed");
    let refused = home.run(&["resume", "m1"]).expect(3);
    assert!(refused.err.contains("needs its code, which is missing or damaged"), "{}", refused.err);
}

#[test]
fn an_empty_journal_is_told() {
    let home = Home::new();
    std::fs::create_dir_all(home.home().join("runs")).expect("made");
    std::fs::write(home.journal("e1"), "").expect("written");
    let refused = home.run(&["resume", "e1"]).expect(2);
    assert!(refused.err.contains("run e1 is empty"), "{}", refused.err);
    assert_eq!(home.run(&["list"]).expect(0).out.lines().count(), 2);
    home.run(&["show", "e1"]).expect(0);
    home.run(&["log", "e1"]).expect(0);
    home.run(&["delete", "e1"]).expect(0);
}
