//! Interactive sessions, with piped input and on a terminal.

use crate::support::{Home, fed};

fn session(home: &Home, input: &str) -> (String, String) {
    let output = home.neutron_fed(&[], input).expect(0);
    (output.out, output.err)
}

#[test]
fn what_is_typed_is_run_and_stays() {
    let home = Home::new();
    let (out, err) = session(
        &home,
        "var x = 20\nfun add(a, b) {\n    return a + b;\n}\nadd(x, 22)\n\"text\"\nnil\nsay(\"said\")\n\
         class P { init() { this.v = [1]; } }\nvar p = P(); p.v.push(2);\np.v\n:vars\n",
    );
    assert_eq!(out, "42\n\"text\"\nsaid\n2\n[1, 2]\nP add p x\n");
    assert_eq!(err, "");
}

#[test]
fn errors_do_not_end_it() {
    let home = Home::new();
    let (out, err) = session(&home, "1 / 0\nvar a = ;\nmissing\nthrow \"it\"\n1 + 1\n:nonsense\n:save\n2 + 2\n");
    assert_eq!(out, "2\n4\n");
    for part in ["DivisionByZero", "expected", "missing", "it", ":nonsense is no command", ":save needs a file"] {
        assert!(err.contains(part), "{part}: {err}");
    }
}

#[test]
fn it_is_saved_and_goes_on() {
    let home = Home::new();
    home.write("lib.nt", "fun twice(x) { return x * 2; }\nsay(\"loaded\");\n");
    let (out, err) =
        session(&home, "var n = [1]; var f = fun () { n.push(1); return n.length; };\nf()\n:save s.snap\nf()\n");
    assert_eq!((out.as_str(), err.as_str()), ("2\n3\n", ""));
    let next = "f()\n:load lib.nt\ntwice(f())\n:save s.snap\n";
    for (args, count) in [(&["--resume", "s.snap"][..], 3), (&["--resume", "s.snap"], 5)] {
        let output = home.neutron_fed(args, next).expect(0);
        let loaded = if count == 3 { "loaded\n" } else { "" };
        assert_eq!(output.out, format!("{count}\n{loaded}{}\n", (count + 1) * 2), "{}", output.err);
    }
    let output = fed(home.command(&["resume", "s.snap"]), "f()\n").expect(0);
    assert_eq!(output.out, "7\n");
    let output = fed(home.command(&["repl", "s.snap"]), "f()\n").expect(0);
    assert_eq!(output.out, "7\n");
    assert_eq!(session(&home, "1\n:load s.snap\nf()\n").0, "1\n7\n");
    home.write("p.nt", "use sys; sys.checkpoint(\"p.snap\"); say(\"on\");");
    home.neutron(&["p.nt"]).expect(0);
    let (_, err) = session(&home, ":load p.snap\n:load none.snap\n");
    assert!(err.contains("is the checkpoint of a program") && err.contains("none.snap"), "{err}");
}

#[test]
fn effects_and_exits() {
    let home = Home::new();
    let input = "use sys; use time; use async;\nvar t = time.now(); sys.sleep(20); time.now() - t >= 20\n\
        sys.read(\"none.txt\")\nsys.checkpoint(\"c.snap\")\nsys.exit(5)\nsay(\"never\")\n";
    let output = home.neutron_fed(&[], input).expect(5);
    assert_eq!(output.out, "true\nfalse\n");
    assert!(output.err.contains("--allow-read"), "{}", output.err);
    assert_eq!(home.neutron(&["--resume", "c.snap"]).expect(0).out, "");
    assert_eq!(fed(home.command(&["repl"]), ":quit\n").expect(0).out, "");
}

#[test]
fn an_unfinished_input_at_the_end_is_an_error() {
    let home = Home::new();
    let (out, err) = session(&home, "fun f() {\n");
    assert_eq!(out, "");
    assert!(err.contains("error: "), "{err}");
}
