//! Servers whose programs give their memory back whenever they wait, here for long enough that they do.

use serde_json::{Value, json};

use crate::{
    mcp::Session,
    support::{Home, until},
};

/// One that swaps out every program that waits.
fn home() -> Home {
    let home = Home::with_photons(&[]);
    std::fs::write(home.home().join("quicksave.toml"), "idle-programs = 0\n").expect("written");
    home
}

/// Holds closures, a generator, a class with private fields and random numbers while it waits.
const RICH: &str = "const wait = (ms) => new Promise((done) => setTimeout(done, ms));
class Sum { #n = 0; add(n) { this.#n += n; return this.#n } }
function* count() { let n = 0; for (;;) n += yield n }
const sum = new Sum(), counter = count(), drawn = [Math.random()]; counter.next();
const late = wait(500).then(() => 'late');
for (const n of [1, 2, 3]) { await wait(150); sum.add(n); counter.next(n); drawn.push(Math.random()); }
const both = await Promise.all([late, (async () => { await wait(120); return 'both' })()]);
if (new Set(drawn).size !== 4) throw new Error('the same numbers again');
return [sum.add(0), counter.next(0).value, ...both, SELF]";

fn kinds(home: &Home, run: &str) -> Vec<String> {
    let journal = std::fs::read_to_string(home.journal(run)).expect("a journal");
    let line =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["t"].as_str().expect("a kind").to_owned();
    journal.lines().map(line).collect()
}

#[test]
fn programs_go_on_as_if_they_had_stayed() {
    let swapping = home();
    let mut journals = Vec::new();
    for home in [&swapping, &Home::new()] {
        let mut session = Session::begin(home, &[]);
        let args =
            |n: u64| json!({ "name": "code_run", "arguments": { "code": RICH.replace("SELF", &n.to_string()) } });
        let calls: Vec<u64> = (0..12).map(|n| session.send("tools/call", args(n))).collect();
        for (n, mut answer) in session.answers(&calls).into_iter().enumerate() {
            let mut done = answer["result"]["structuredContent"].take();
            assert_eq!(done["result"].take(), json!([6, 6, "late", "both", n]), "{done}");
            journals.push(kinds(home, done["runId"].as_str().expect("an id")));
        }
        assert_eq!(session.end(), 0);
    }
    journals.dedup();
    assert_eq!(journals.len(), 1, "the journals differ: {journals:?}");
}

#[test]
fn commands_reach_them_and_a_killed_server_loses_nothing() {
    let home = home();
    let mut session = Session::begin(&home, &[]);
    let code = "const first = await Promise.race([signal('go'), new Promise((done) => setTimeout(done, 50_000))]);
                await new Promise((done) => setTimeout(done, 1500)); return first";
    let code = format!("import {{ signal }} from 'quicksave';\n{code}");
    let call = |session: &mut Session| {
        session.send("tools/call", json!({ "name": "code_run", "arguments": { "code": code } }))
    };
    let (first, second) = (call(&mut session), call(&mut session));
    let runs = || -> Vec<String> {
        let listed = home.json(&["list"]);
        let all = listed["runs"].as_array().expect("a list");
        all.iter().map(|run| run["runId"].as_str().expect("an id").to_owned()).collect()
    };
    until("two runs", || runs().len() == 2);
    // Long enough to be swapped out, and looked at less often.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let (cancelled, goes_on) = (&runs()[0], &runs()[1]);
    home.run(&["inspect", goes_on]).expect(0);
    home.run(&["cancel", cancelled]);
    until("it is cancelled", || home.status(cancelled) == "cancelled");
    home.run(&["signal", goes_on, "go", "7"]);
    home.wait_for(goes_on, "\"signal\"");
    std::thread::sleep(std::time::Duration::from_millis(500));
    session.child.kill().expect("killed");
    session.child.wait().expect("ended");
    let _ = (first, second);
    let again = Session::begin(&home, &[]);
    until("the end", || home.json(&["show", goes_on])["result"] == 7);
    assert_eq!(again.end(), 0);
}
