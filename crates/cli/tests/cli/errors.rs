//! What was typed wrongly, or is not there: the exit code, the thing, the cause, the next step.

use crate::support::{ASKER, Home};

#[test]
fn errors_and_their_codes() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    home.write("broken.ts", "export default function ( {");
    home.write("imports.ts", "import x from './none.ts'; export default () => x");
    home.write("x.nt", "var = 1;\nsay(2;\n");
    home.write("a.snap", "something else");
    home.write("bad.toml", "[limits]\ncpu = \"soon\"\n");
    for (args, code, text) in [
        (vec!["show", "nope"], 2, "there is no run nope\n  see what there is with: quicksave list"),
        (vec!["resume", "nope"], 2, "there is no run nope"),
        (vec!["answer", "nope", "1"], 2, "there is no run nope"),
        (vec!["signal", "nope", "x"], 2, "there is no run nope"),
        (vec!["cancel", "nope"], 2, "there is no run nope"),
        (vec!["log", "nope"], 2, "there is no run nope"),
        (vec!["inspect", "nope"], 2, "there is no run nope"),
        (vec!["fork", "nope", "--at", "x"], 2, "there is no run nope"),
        (vec!["delete", "nope"], 2, "there is no run nope"),
        (vec!["run", "none.ts"], 2, "none.ts"),
        (vec!["run", "broken.ts"], 2, "broken.ts:1:"),
        (vec!["run", "imports.ts"], 2, "./none.ts"),
        (vec!["run", "x.nt"], 2, " --> x.nt:2:"),
        (vec!["run", "none.nt"], 2, "none.nt"),
        (vec!["run", "x.nt", "-p", "a=1"], 2, "has no parameters"),
        (vec!["check", "none.nt"], 2, "none.nt"),
        (vec!["run", "a.snap"], 2, "is a snapshot"),
        (vec!["resume", "a.snap"], 3, "a.snap is refused: it is not a Neutron snapshot"),
        (vec!["resume", "none.snap"], 2, "none.snap"),
        (vec!["inspect", "a.snap"], 3, "a.snap is refused"),
        (vec!["resume", "a.snap", "--retry"], 2, "each resume of it is a new run"),
        (vec!["resume", "nope", "argument"], 2, "a run has its arguments"),
        (vec!["resume", "nope", "--code", "new"], 2, "not in this release"),
        (vec!["run", "asker.ts", "--detach"], 2, "no daemon is running for this home"),
        (vec!["run", "asker.ts", "--params", "[1]"], 2, "not a JSON object"),
        (vec!["run", "asker.ts", "-p", "novalue"], 2, "name=value is expected"),
        (vec!["code", "return 1 +"], 2, "code.ts:1:"),
        (vec!["--store", "postgres://127.0.0.1:1/x", "list"], 2, "see that the server runs"),
        (vec!["--store", "floppy:", "list"], 2, "its scheme is not known"),
        (vec!["--config", "bad.toml", "list"], 2, "bad.toml:2: "),
        (vec!["--config", "none.toml", "list"], 2, "none.toml"),
        (vec!["list", "--status", "sleeping"], 2, "is not a status"),
        (vec!["code", "return 1", "--allow-net=ex ample"], 2, "--allow-net"),
        (vec!["--home", "", "list"], 2, "home"),
        (vec!["frobnicate"], 2, "unrecognized subcommand"),
        (vec![], 2, "Usage: quicksave"),
        (vec!["code", "throw new Error('boom')"], 1, "Error: boom\n    at "),
        (vec!["code", "throw new Error('')"], 1, "an error without a message"),
        (vec!["code", "throw 'a text'"], 1, "a text"),
        (vec!["code", "process.exit(3)"], 1, "exit code 3"),
        (vec!["code", "await new Promise(() => {})"], 1, "cannot go on"),
        (vec!["run", "asker.ts"], 4, "waits"),
    ] {
        let output = home.run(&args).expect(code);
        assert!(output.err.contains(text), "{args:?}: {}", output.err);
        assert_eq!(output.out, "", "{args:?}");
    }
}

#[test]
fn hostile_ids_touch_no_file() {
    let home = Home::new();
    let outside = home.write("x.jsonl", "keep me");
    for id in ["../work/x", "..", "", "a/b", "/etc/passwd", "a b", "ä", "a.jsonl", "-", &"x".repeat(129)] {
        for command in ["show", "log", "resume", "delete", "cancel", "inspect"] {
            let refused = home.run(&[command, "--", id]).expect(2);
            assert!(refused.err.contains("is not a run id") || id == "-", "{command} {id:?}: {}", refused.err);
        }
        if id != "-" {
            home.run(&["code", "return 1", &format!("--id={id}")]).expect(2);
        }
    }
    assert_eq!(std::fs::read_to_string(outside).expect("there"), "keep me");
    assert!(!home.home().join("runs").exists());
}

#[test]
fn a_home_that_cannot_be_used_is_told() {
    let home = Home::new();
    let file = home.write("file", "");
    let file = file.to_str().expect("text");
    for args in [vec!["--home", file, "code", "return 1"], vec!["--home", file, "list"]] {
        let refused = home.run(&args).expect(2);
        assert!(refused.err.contains("as home") && refused.err.contains("--home"), "{}", refused.err);
    }
}

#[test]
fn json_errors_are_json() {
    let home = Home::new();
    let shape = home.run(&["--json", "show", "nope"]).expect(2).json();
    assert_eq!(shape["error"], "there is no run nope");
    assert_eq!(shape["exitCode"], 2);
    assert!(shape["hint"].as_str().is_some_and(|hint| hint.contains("quicksave list")));
}

#[test]
fn help_completions_and_manual() {
    let home = Home::new();
    let help = home.run(&["--help"]).expect(0).out;
    for command in [
        "run", "code", "resume", "answer", "signal", "list", "show", "log", "cancel", "fork", "inspect", "delete",
        "cleanup", "doctor",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        let own = home.run(&[command, "--help"]).expect(0).out;
        assert!(own.contains(&format!("Usage: quicksave {command}")), "{own}");
    }
    assert!(!help.contains(home.home().to_str().expect("text")), "help shows this machine's paths");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(home.run(&["completions", shell]).expect(0).out.contains("quicksave"));
    }
    assert!(home.run(&["man"]).expect(0).out.contains(".TH quicksave 1"));
    assert!(home.run(&["man", "answer"]).expect(0).out.contains("answer"));
    home.run(&["man", "frobnicate"]).expect(2);
}
