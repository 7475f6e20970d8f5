//! Traps that other systems of this kind fell into, each of which must stay shut.

use crate::support::Home;

#[test]
fn code_that_is_edited_between_runs_changes_nothing() {
    let home = Home::new();
    let program = |word: &str| {
        format!(
            "export default async function* flow() {{
               console.log('{word} begins');
               yield {{ checkpoint: true, state: {{ word: '{word}' }} }};
               await (yield {{ ask: 'confirm', message: 'on?' }});
               return '{word}';
             }}"
        )
    };
    home.write("flow.ts", &program("old"));
    let begun = home.run(&["run", "flow.ts", "--id", "e1"]).expect(4);
    assert!(begun.out.contains("old begins"));
    home.write("flow.ts", &program("new"));
    let ended = home.run(&["answer", "e1", "yes"]).expect(0);
    assert_eq!(ended.out.trim(), "old");
    std::fs::remove_file(home.work().join("flow.ts")).expect("removed");
    assert_eq!(home.run(&["resume", "e1"]).expect(0).out.trim(), "old");
}

#[test]
fn a_failing_script_runs_once() {
    let home = Home::new();
    let failed = home.run(&["code", "console.log('once'); throw new Error('no luck')"]).expect(1);
    assert_eq!(failed.out.matches("once").count(), 1);
    let never = home.run(&["code", "console.log('once'); await new Promise(() => {})"]).expect(1);
    assert_eq!(never.out.matches("once").count(), 1);
    assert!(never.err.contains("will never happen"), "{}", never.err);
    let runs = home.json(&["list"]);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_run_that_fails_before_its_first_yield_leaves_a_record() {
    let home = Home::new();
    home.write("early.ts", "export default async function* early() { throw new Error(''); }");
    home.run(&["run", "early.ts", "--id", "t1"]).expect(1);
    let shown = home.json(&["show", "t1"]);
    assert_eq!((&shown["status"], &shown["error"]), (&"failed".into(), &"".into()));
    assert_eq!(home.json(&["list"])["runs"][0]["status"], "failed");
}
