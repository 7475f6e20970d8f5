//! Sessions as a person types them.

use run::{Effect, Payload, program::ProgramError};

use super::*;
use crate::load::NoFiles;

const MEMORY: usize = 64 << 20;

/// Keeps what is printed; grants nothing. `fuel`: looks before an input is stopped.
struct Screen {
    out: Vec<String>,
    next: u64,
    fuel: u32,
}

impl Port for Screen {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        if let Effect::Emit { message: Some(message), .. } = effect {
            self.out.push(message);
        }
        self.next += 1;
        Ok(self.next)
    }

    fn call(&mut self, op: String, _: Payload) -> Result<(u64, Outcome), Stop> {
        self.next += 1;
        Ok((self.next, Err(run::Failure::new("Error", format!("{op} is not possible")))))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.fuel = self.fuel.saturating_sub(1);
        (self.fuel == 0).then(|| Stop(ProgramError::new("left", "")))
    }
}

fn screen() -> Screen {
    Screen { out: Vec::new(), next: 0, fuel: 1000 }
}

fn session() -> Session {
    Session::new(MEMORY, &crate::params(&[]), Seed([1; 32]), 0, &mut screen()).expect("nothing stops it")
}

/// What an input prints and gives.
#[track_caller]
fn typed(session: &mut Session, input: &str) -> String {
    let mut screen = screen();
    match session.feed(input, true, &NoFiles) {
        Input::Ready(_) => {}
        Input::Incomplete => panic!("{input:?} is not incomplete"),
        Input::Wrong(problems) => return format!("wrong: {}", problems[0].message),
    }
    let end = session.go(0, &mut screen).expect("nothing stops it");
    let end = match end {
        Step::Value(value) => value.unwrap_or_default(),
        Step::Failed(report) => report.lines().next().unwrap_or_default().to_owned(),
        other => format!("{other:?}"),
    };
    screen.out.push(end);
    screen.out.join("|")
}

#[test]
fn variables_functions_and_classes_stay() {
    let mut s = session();
    for (input, expected) in [
        ("var x = 1", ""),
        ("x + 1", "2"),
        ("var f = fun (y) { return x * y; }; var g = fun () { return later(2); };", ""),
        ("fun later(n) { x += n; return x; }", ""),
        ("f(10)", "10"),
        ("g() + 0", "3"),
        ("f(10)", "30"),
        ("class P { init(n) { this.n = n; } twice() { return this.n * 2; } }", ""),
        ("var p = P(4); var twice = p.twice;", ""),
        ("fun other() { return \"o\"; } say(other()); say(p.n)", "o|4|"),
        ("fun () { static var calls = 0; calls += 1; return calls; }", "<fn (function)>"),
        ("var count = fun () { static var calls = 0; calls += 1; return calls; }; count()", "1"),
        ("count() + twice()", "10"),
        ("x = \"text\"", "\"text\""),
        ("nil", ""),
        ("[x, f(2)]", "[text, texttext]"),
        ("[x / 1, f(1)]", "error: TypeError: "),
        ("x = 5; [x, f(1)]", "[5, 5]"),
        ("missing", "error: NameError: "),
        ("var missing = 3;", ""),
        ("missing", "3"),
        ("1 +* 2", "wrong: "),
        ("x", "5"),
        ("if (x == 5) { say(\"five\"); }", "five|"),
        ("throw \"it\"", "error: uncaught it"),
        ("use math; math.abs(0 - 2)", "2"),
        ("math.max(1, count())", "3"),
    ] {
        let got = typed(&mut s, input);
        assert!(got == expected || (expected.ends_with(": ") && got.starts_with(expected)), "{input}: {got}");
    }
    assert!(s.names().contains(&"later".to_owned()), "{:?}", s.names());
}

#[test]
fn what_is_cut_off_waits_for_more() {
    let mut s = session();
    for input in ["fun f() {", "say(", "\"abc", "1 +", "#{ a comment", "if (true) {\n say(1);"] {
        assert!(matches!(s.feed(input, false, &NoFiles), Input::Incomplete), "{input}");
        assert!(matches!(s.feed(input, true, &NoFiles), Input::Wrong(_)), "{input}");
    }
    assert_eq!(typed(&mut s, "fun f() {\n return 7;\n}\nf()"), "7");
}

#[test]
fn a_stopped_input_leaves_the_session_usable() {
    let mut s = session();
    typed(&mut s, "var n = 0; fun spin() { while (true) { n += 1; } }");
    assert!(matches!(s.feed("spin()", true, &NoFiles), Input::Ready(_)));
    s.go(0, &mut screen()).expect_err("it is stopped");
    s.abandon();
    assert_eq!(typed(&mut s, "n > 100"), "true");
}

#[test]
fn a_saved_session_goes_on() {
    let mut s = session();
    typed(&mut s, "var a = [1]; var push = fun (x) { a.push(x); return a.length; };");
    typed(&mut s, "var b = a;");
    let bytes = s.save().expect("saved");
    let mut again = Session::restore(&bytes, MEMORY).expect("good").expect("a session");
    assert_eq!(typed(&mut again, "fun first() { return a[0]; } push(5)"), "2");
    assert_eq!(typed(&mut again, "[a, b, first()]"), "[[1, 5], [1, 5], 1]");
    assert_eq!(typed(&mut s, "a"), "[1]");
    let code = Arc::new(crate::resume(&bytes, "x.snap").expect("good"));
    run::Guest::load(&crate::Neutron, &code, &run::limits::Limits::default()).map(drop).expect("loads");
}

#[test]
fn exits_and_waits() {
    let mut s = session();
    assert_eq!(typed(&mut s, "use sys; sys.exit(3)"), "Exit(3)");
    assert_eq!(typed(&mut s, "sys.exit(0)"), "Exit(0)");
    assert_eq!(typed(&mut s, "var line = sys.input(\"? \"); line.length"), "Waits");
    let step = s.deliver(1, Ok(serde_json::json!("four").into()), 0, &mut screen()).expect("goes on");
    assert_eq!(step, Step::Value(Some("4".into())));
}
