//! What goes where.

use std::process::Stdio;

use crate::support::{COUNTER, Home};

const SAYS: &str = "export default async function* says() {
  console.log('out'); console.warn('warned'); console.error('failed'); console.debug('detail');
  yield { emit: 'stream', data: 'raw ' };
  yield 'piece';
  yield { emit: 'stream', data: '\\n' };
  yield { emit: 'status', message: 'working' };
  yield { emit: 'progress', value: 0.5, message: 'half' };
  yield { emit: 'toast', message: 'hey' };
  yield { emit: 'artifact', type: 'markdown' };
  return 'result';
}";

#[test]
fn output_result_and_progress_are_kept_apart() {
    let home = Home::new();
    home.write("says.ts", SAYS);
    let plain = home.run(&["run", "says.ts"]).expect(0);
    assert_eq!(plain.out, "out\ndetail\nraw piece\nresult\n");
    for line in ["warned", "failed", "working", "half", "hey"] {
        assert!(plain.err.lines().any(|own| own == line), "{line}: {}", plain.err);
    }
    let json = home.run(&["--json", "run", "says.ts"]).expect(0);
    assert_eq!(json.json()["result"], "result");
    assert!(json.err.contains("out\n") && json.err.contains("raw piece\n"), "{}", json.err);
    let quiet = home.run(&["-q", "run", "says.ts"]).expect(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("out\ndetail\nraw piece\n", "warned\nfailed\n"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    home.write("counter.ts", COUNTER);
    let mut child = home
        .command(&["run", "counter.ts", "-p", "n=5", "--id", "p1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    assert!(child.wait().expect("ended").success());
    assert_eq!(home.status("p1"), "completed");
    for command in [vec!["log", "p1"], vec!["list"], vec!["show", "p1"], vec!["man"]] {
        let mut child = home.command(&command).spawn().expect("started");
        drop(child.stdout.take());
        assert!(child.wait().expect("ended").success(), "{command:?}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let home = Home::new();
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let child = home.command(&["code", "return 1"]).stdout(full).spawn().expect("started");
    let output = crate::support::finish(child).expect(2);
    assert!(output.err.contains("standard output cannot be written"), "{}", output.err);
}

#[test]
fn text_of_programs_moves_no_cursor_in_our_lines() {
    let home = Home::new();
    let code = "export default async function* evil() { yield { ask: 'text', message: 'a\\u001b[2Jb' } }";
    home.write("evil.ts", code);
    let waits = home.run(&["run", "evil.ts", "--id", "e1"]).expect(4);
    assert!(!waits.err.contains('\u{1b}') && waits.err.contains("a\\u{1b}[2Jb"), "{}", waits.err);
    for command in ["show", "log"] {
        assert!(!home.run(&[command, "e1"]).expect(0).out.contains('\u{1b}'), "{command}");
    }
}

#[test]
fn the_doctor_is_content_with_a_new_home() {
    let home = Home::new();
    let shape = home.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!(shape["ok"], true);
    let names: Vec<&str> =
        shape["checks"].as_array().expect("a list").iter().map(|c| c["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["version", "engine", "home", "leftovers", "runs"]);
}
