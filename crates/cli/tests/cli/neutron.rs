//! Neutron scripts: under both names of the command, as runs and alone.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Home, fed, finish, signal};

#[test]
fn arguments_reach_the_script() {
    let home = Home::new();
    home.write("args.nt", "use sys;\nsay(sys.args());\nsys.checkpoint(\"a.snap\");\nsay(sys.args().length);\n");
    assert_eq!(home.neutron(&["args.nt", "one", "--two", "-3"]).expect(0).out, "[one, --two, -3]\n3\n");
    assert_eq!(home.neutron(&["--resume", "a.snap"]).expect(0).out, "3\n");
    assert_eq!(home.neutron(&["--resume", "a.snap", "x"]).expect(0).out, "1\n");
    assert_eq!(home.run(&["run", "args.nt", "one", "--", "--two"]).expect(0).out, "[one, --two]\n2\n");
    assert_eq!(home.run(&["resume", "a.snap"]).expect(0).out, "2\n");
    assert_eq!(home.run(&["run", "args.nt"]).expect(0).out, "[]\n0\n");
}

#[test]
fn exit_codes() {
    let home = Home::new();
    for (name, text, code, err) in [
        ("done.nt", "say(1);", 0, ""),
        ("exit.nt", "use sys; sys.exit(7);", 7, ""),
        ("zero.nt", "use sys; sys.exit();", 0, ""),
        ("fails.nt", "fun f(x) {\n  return x.missing();\n}\n\nsay(f(nil));", 1, "--> fails.nt:2"),
        ("throws.nt", "throw {\"a\": 1};", 1, "{a: 1}"),
        ("syntax.nt", "say(\"never\");\nvar x = ;\nif { }\n", 2, "--> syntax.nt:2:9"),
        ("lexical.nt", "say(\"never\");\nvar x = 1 § 2;\n", 2, "--> lexical.nt:2:11"),
        ("waits.nt", "use process; process.receive();", 1, "can never come"),
    ] {
        home.write(name, text);
        let alone = home.neutron(&[name]).expect(code);
        let run = home.run(&["run", name]).expect(code);
        for output in [&alone, &run] {
            assert!(output.err.contains(err), "{name}: {output:?}");
            assert_eq!(output.err.is_empty(), err.is_empty(), "{name}: {output:?}");
            assert_eq!(output.out, if name == "done.nt" { "1\n" } else { "" }, "{name}");
        }
    }
    // The report of an uncaught error: message, file, line, source line, calls; nothing else.
    let report = home.neutron(&["fails.nt"]).err;
    for part in ["error: ", "fails.nt:2\n", "  return x.missing();", "fails.nt:5"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("quicksave"), "{report}");
    // Recorded ends keep their codes.
    home.run(&["run", "exit.nt", "--id", "e"]).expect(7);
    home.run(&["resume", "e"]).expect(7);
    let shape = home.run(&["--json", "resume", "e"]).expect(7).json();
    assert_eq!((&shape["exitCode"], &shape["error"]), (&json!(7), &json!("exit code 7")));
    // An input that nobody can give.
    home.write("asks.nt", "use sys; var line = sys.input(\"Name? \"); say(\"Hello \" + line);");
    let waits = home.run(&["run", "asks.nt", "--id", "a"]).expect(4);
    assert!(waits.err.contains("quicksave answer a VALUE"), "{}", waits.err);
    assert_eq!(home.run(&["answer", "a", "Ada"]).expect(0).out, "Hello Ada\n");
    let ended = home.neutron(&["asks.nt"]).expect(1);
    assert!(ended.err.contains("standard input has ended"), "{}", ended.err);
    assert_eq!(home.neutron_fed(&["asks.nt"], "Bob\n").expect(0).out, "Name? Hello Bob\n");
}

#[test]
fn the_other_name_has_its_own_help() {
    let home = Home::new();
    let help = home.neutron(&["--help"]).expect(0).out;
    assert!(help.contains("Usage: neutron ") && help.contains("--resume"), "{help}");
    assert!(home.neutron(&["--version"]).expect(0).out.starts_with("neutron "));
    home.neutron(&["--nonsense"]).expect(2);
    home.neutron(&["none.nt"]).expect(2);
    home.neutron(&["--resume", "none.snap"]).expect(2);
}

#[test]
fn a_script_alone_records_nothing() {
    let home = Home::new();
    home.write("hello.nt", "say(\"hello\");");
    assert_eq!(home.neutron(&["hello.nt"]).expect(0).out, "hello\n");
    assert!(!home.home().exists() && !home.work().join("../.photon").exists());
    let names: Vec<_> = std::fs::read_dir(home.work()).expect("read").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names, ["hello.nt"]);
}

#[test]
fn programs_may_do_what_was_granted() {
    let home = Home::new();
    home.write("other.snap", "a snapshot of something else");
    home.write("dir.nt", "");
    let script = |text: &str| {
        home.write(
            "s.nt",
            &format!("use sys; try {{ {text} say(\"done\"); }} catch (e) {{ say(e.kind + \": \" + e.message); }}"),
        )
    };
    for (text, flag) in [
        ("sys.read(\"dir.nt\");", "--allow-read"),
        ("sys.write(\"x.txt\", \"x\");", "--allow-write"),
        ("sys.write(\"x.snap\", \"x\");", "--allow-write"),
        ("sys.checkpoint(\"x.txt\");", "--allow-write"),
        ("sys.checkpoint(\"../x.snap\");", "--allow-write"),
        ("sys.checkpoint(\"other.snap\");", "--allow-write"),
        ("sys.env(\"HOME\");", "--allow-env"),
        ("sys.exec(\"true\");", "--allow-run"),
        ("sys.exec(\"true; true\");", "--allow-run=sh"),
    ] {
        script(text);
        let refused = home.neutron(&["s.nt"]).expect(0).out;
        assert!(refused.starts_with("PermissionError: ") && refused.contains(flag), "{text}: {refused}");
        let granted = home.neutron(&["-A", "s.nt"]).expect(0).out;
        assert_eq!(granted, "done\n", "{text}");
        home.write("other.snap", "a snapshot of something else");
        let _ = std::fs::remove_file(home.work().join("x.snap"));
    }
    script("sys.checkpoint(\"y.snap\"); sys.checkpoint(\"y.snap\");");
    assert_eq!(home.neutron(&["s.nt"]).expect(0).out, "done\n");
    let mode = std::fs::metadata(home.work().join("y.snap")).expect("saved").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the program's memory");
    let denied = home.neutron(&["--deny-write=.", "s.nt"]).expect(0).out;
    assert!(denied.contains("--deny-write forbids it"), "{denied}");
    script("say(sys.exec(\"echo  a b\")); say(sys.exec([\"echo\", \"c  d\"])); sys.exec(\"false\");");
    let ran = home.neutron(&["--allow-run=echo,false", "s.nt"]).expect(0).out;
    assert_eq!(ran, "a b\n\nc  d\n\nProcessError: the command ended with exit code 1\n");
}

#[test]
fn check_finds_everything_and_runs_nothing() {
    let home = Home::new();
    home.write("bad.nt", "say(\"never\");\nvar a = ;\nvar b = 2\nsay(c);\nfun f( { }\n");
    home.write("warns.nt", "var count = 1;\nfun f() { return cont; }\n");
    home.write("good.nt", "say(1);");
    home.write("good.ts", "export default () => 1;");
    home.write("bad.ts", "export default () => {");
    let bad = home.run(&["check", "bad.nt"]).expect(2);
    assert_eq!(bad.out, "");
    assert!(bad.err.contains("--> bad.nt:2:9") && bad.err.contains("--> bad.nt:5:"), "{}", bad.err);
    let shape = home.run(&["--json", "check", "bad.nt", "good.nt"]).expect(2).json();
    assert_eq!(shape["ok"], false);
    assert!(shape["diagnostics"].as_array().expect("a list").len() >= 2, "{shape}");
    assert_eq!((&shape["diagnostics"][0]["line"], &shape["diagnostics"][0]["column"]), (&json!(2), &json!(9)));
    let warns = home.run(&["check", "warns.nt"]).expect(0);
    assert!(warns.err.contains("did you mean count?"), "{}", warns.err);
    assert_eq!(home.run(&["check", "good.nt", "good.ts"]).expect(0).err, "2 files: good\n");
    home.run(&["check", "bad.ts"]).expect(2);
    home.neutron(&["--check", "bad.nt"]).expect(2);
}

const COUNTER: &str = "use sys;
use time;
class Counter {
    init() { this.n = 0; }
    up() { this.n = this.n + 1; return this.n; }
}
var counter = Counter();
var log = [];
fun step(i) {
    var doubled = i * 2;
    sys.checkpoint(\"c.snap\");
    log.push(counter.up() + doubled);
    time.sleep(20);
}
for (var i = 0; i < 5; i++) { step(i); say(\"step \" + i); }
say(log);
";

#[test]
fn a_script_is_a_durable_run() {
    let home = Home::new();
    home.write("counter.nt", COUNTER);
    let child = home.spawn(&["run", "counter.nt", "--id", "c1"]);
    home.wait_for("c1", "step 2");
    signal(&child, Signal::KILL);
    let killed = finish(child).out;
    assert!(killed.starts_with("step 0\nstep 1\n"), "{killed}");
    let listed = home.json(&["list"]);
    assert_eq!((&listed["runs"][0]["runId"], &listed["runs"][0]["tool"]), (&json!("c1"), &json!("counter")));
    let look = home.json(&["inspect", "c1"])["memory"].clone();
    assert!(look["globals"]["log"].is_array(), "{look}");
    assert!(look["tasks"][0]["calls"].as_array().is_some_and(|calls| !calls.is_empty()), "{look}");
    let shown = home.run(&["inspect", "c1"]).expect(0).out;
    assert!(shown.contains("counter.nt:") && shown.contains("log = ["), "{shown}");
    let resumed = home.run(&["resume", "c1"]).expect(0).out;
    let all: Vec<String> = (0..5).map(|i| format!("step {i}\n")).collect();
    assert!(resumed.ends_with("step 4\n[1, 4, 7, 10, 13]\n") && !resumed.contains("step 0"), "{resumed}");
    assert!(format!("{}[1, 4, 7, 10, 13]\n", all.concat()).ends_with(&resumed), "{resumed}");
    // A fork goes on behind a checkpoint, with the memory that the run had there.
    let forked = home.run(&["fork", "c1", "--at", "c.snap#2", "-q"]).expect(0).out;
    assert_eq!(forked, "step 1\nstep 2\nstep 3\nstep 4\n[1, 4, 7, 10, 13]\n");
    let there = home.run(&["inspect", "c1", "--at", "c.snap#2", "--eval", "log"]).expect(0).out;
    assert_eq!(there.split_whitespace().collect::<String>(), "[1]");
}

#[test]
fn a_snapshot_file_can_be_read() {
    let home = Home::new();
    home.write("counter.nt", COUNTER);
    home.neutron(&["counter.nt"]).expect(0);
    let shown = home.run(&["inspect", "c.snap"]).expect(0).out;
    for part in ["snapshot c.snap", "counter.nt:11", "step  counter.nt:11", "doubled = 8", "log = [1,4,7,10]", "heap  "]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shape = home.run(&["--json", "inspect", "c.snap"]).expect(0).json();
    assert_eq!(shape["tasks"][0]["calls"][0]["variables"]["i"], 4);
    assert_eq!(shape["globals"]["log"], json!([1, 4, 7, 10]));
    home.run(&["inspect", "c.snap", "--eval", "log"]).expect(2);
}

#[test]
fn checkpoints_anywhere_and_again_after_each_resume() {
    let home = Home::new();
    home.write(
        "deep.nt",
        "use sys;
var out = [];
fun save(name) { return sys.checkpoint(name + \".snap\"); }
class Saver { init(n) { this.n = n; } go() { var r = save(this.n); out.push(\"method \" + r); return this.n; } }
out.push([1, 2, 3].map(fun (x) { if (x == 2) { out.push(\"map \" + save(\"map\")); } return x * x; }));
try { try { out.push(\"try \" + save(\"try\")); throw \"up\"; } finally { out.push(\"finally \" + save(\"fin\")); } }
catch (e) { out.push(\"caught \" + e + \" \" + save(\"catch\")); }
out.push(1 + Saver(\"method\").go().length * 10);
say(out);
",
    );
    let whole = "[map false, [1, 4, 9], try false, finally false, caught up false, method false, 61]\n";
    assert_eq!(home.neutron(&["deep.nt"]).expect(0).out, whole);
    // The last first: a program that goes on saves the later ones again.
    for (file, word) in
        [("method", "method"), ("catch", "caught up"), ("fin", "finally"), ("try", "try"), ("map", "map")]
    {
        let expected = whole.replace(&format!("{word} false"), &format!("{word} true"));
        let file = format!("{file}.snap");
        assert_eq!(home.neutron(&["--resume", &file]).expect(0).out, expected, "{file}");
        assert_eq!(home.run(&["resume", &file]).expect(0).out, expected, "{file}");
    }
    home.write(
        "chain.nt",
        "use sys;\nvar n = 0;\nwhile (n < 5) { n++; if (!sys.checkpoint(\"chain.snap\")) { sys.exit(40 + n); } say(n); }",
    );
    home.neutron(&["chain.nt"]).expect(41);
    for n in 1..5 {
        let resumed = home.neutron(&["--resume", "chain.snap"]).expect(41 + n);
        assert_eq!(resumed.out, format!("{n}\n"));
    }
    assert_eq!(home.neutron(&["--resume", "chain.snap"]).expect(0).out, "5\n");
}

#[test]
fn what_a_computing_script_prints_is_seen_at_once() {
    let home = Home::new();
    home.write("busy.nt", "say(\"begun\");\nwhile (true) { }\n");
    for (mut command, code) in [(home.neutron_command(&["busy.nt"]), 130), (home.command(&["run", "busy.nt"]), 130)] {
        let mut child = command.spawn().expect("started");
        let mut first = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().expect("piped")), &mut first)
            .expect("read");
        assert_eq!(first, "begun\n");
        signal(&child, Signal::INT);
        assert_eq!(finish(child).code, code);
    }
}

#[test]
fn sleep_time_and_chance() {
    let home = Home::new();
    home.write(
        "t.nt",
        "use sys; use time; use random;
var t = time.now(); sys.sleep(30); say(time.now() - t >= 30);
random.seed(5); var a = random.randint(1, 1000000); random.seed(5); say(a == random.randint(1, 1000000));",
    );
    assert_eq!(home.neutron(&["t.nt"]).expect(0).out, "true\ntrue\n");
    assert_eq!(home.run(&["run", "t.nt"]).expect(0).out, "true\ntrue\n");
    // The numbers of two runs differ.
    home.write("r.nt", "use random; say(random.random());");
    assert_ne!(home.neutron(&["r.nt"]).out, home.neutron(&["r.nt"]).out);
}

#[test]
fn files_beside_a_script_are_found_from_anywhere() {
    let home = Home::new();
    std::fs::create_dir_all(home.work().join("a/b")).expect("made");
    home.write("a/main.nt", "using \"b/lib.nt\";\nsay(greet(\"you\"));\n");
    home.write("a/b/lib.nt", "using \"../c.nt\";\nfun greet(who) { return hello + who; }\n");
    home.write("a/c.nt", "var hello = \"hi \";\n");
    assert_eq!(home.neutron(&["a/main.nt"]).expect(0).out, "hi you\n");
    assert_eq!(home.run(&["run", "a/main.nt"]).expect(0).out, "hi you\n");
    home.write("a/c.nt", "var hello = ;\n");
    let broken = home.neutron(&["a/main.nt"]).expect(2);
    assert!(broken.err.contains("c.nt:1:13"), "{}", broken.err);
    home.write("script", "#!/usr/bin/env neutron\nsay(\"with a first line\");\n");
    assert_eq!(home.neutron(&["script"]).expect(0).out, "with a first line\n");
}

#[test]
fn an_answer_typed_into_a_pipe_is_the_scripts() {
    let home = Home::new();
    home.write(
        "lines.nt",
        "use sys;\ntry { while (true) { say(\"<\" + sys.input() + \">\"); } } catch (e) { say(e.message); }",
    );
    let output = fed(home.neutron_command(&["lines.nt"]), "a\nb c\r\nlast").expect(0);
    assert_eq!(output.out, "<a>\n<b c>\n<last>\nstandard input has ended\n");
}
