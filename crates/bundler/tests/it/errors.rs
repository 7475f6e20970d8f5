//! What people read when their code is wrong.

use bundler::{BundleError, MemoryFiles, bundle};
use std::path::Path;

use crate::{error, try_bundle};

#[test]
fn a_complaint_shows_the_place() {
    let text = error(&[("flow.ts", "const a = 1;\nconst b: number = ;\n")]);
    assert_eq!(text, "/app/flow.ts:2:19: Unexpected token\n  2 | const b: number = ;\n    |                   ^");
}

#[test]
fn many_at_once() {
    let Err(BundleError::Syntax { diagnostics }) =
        try_bundle(&[("flow.ts", "import './b';\nlet a; let a;\nconst c = 1; const c = 2;"), ("b.ts", "class {")])
    else {
        panic!("bundled")
    };
    let places: Vec<_> = diagnostics.iter().map(|d| (d.file.as_str(), d.line)).collect();
    assert_eq!(places, [("/app/flow.ts", 2), ("/app/flow.ts", 3)], "what did not compile has no imports to follow");
    let Err(BundleError::Syntax { diagnostics }) =
        try_bundle(&[("flow.ts", "import './b';\nimport './c'"), ("b.ts", "class {"), ("c.ts", "let = 1")])
    else {
        panic!("bundled")
    };
    assert_eq!(diagnostics.iter().map(|d| d.file.as_str()).collect::<Vec<_>>(), ["/app/b.ts", "/app/c.ts"]);
}

#[test]
fn columns_are_characters() {
    let text = error(&[("flow.ts", "const ü = '🙂'; const b = ;")]);
    assert!(text.starts_with("/app/flow.ts:1:26: "), "{text}");
    assert_eq!(text.lines().nth(2).map(|line| line.chars().position(|c| c == '^')), Some(Some(6 + 25)));
}

#[test]
fn long_lines_are_cut_and_terminals_protected() {
    let text = error(&[("flow.js", &format!("{}let = \u{1b}[31m;", "f(1);".repeat(5_000)))]);
    assert!(text.len() < 1_000 && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn files_that_are_none() {
    let files =
        MemoryFiles::new().with("/app/x.json", "{}").with("/app/x.tsx", "").with("/app/b.ts", [0xff, 0xfe, 0x41]);
    for (path, message) in [
        ("/app/gone.ts", "cannot read /app/gone.ts: there is no such file; check the path"),
        ("/app", "cannot read /app: it is a folder; name a file in it"),
        ("/app/x.json", "/app/x.json cannot be run: a JSON file is data"),
        ("/app/x.tsx", "/app/x.tsx cannot be run: 'x.tsx' is JSX"),
        ("/app/b.ts", "/app/b.ts:1:1: this is not UTF-8 text"),
    ] {
        let error = bundle(&files, Path::new(path)).expect_err(path).to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn broken_json() {
    let text =
        error(&[("flow.ts", "import d from './d.json'; export default d"), ("d.json", "{\n  \"a\": 1,\n  b: 2\n}")]);
    assert!(text.starts_with("/app/d.json:3:3: this is not JSON: "), "{text}");
}

#[test]
fn limits_say_what_they_are() {
    let big = "//".repeat(9 << 20);
    let text = error(&[("flow.ts", &big)]);
    assert_eq!(text, "/app/flow.ts: the size of a source file is over the limit of 16 MiB");
    let list: Vec<_> =
        (0..6).map(|n| (format!("f{n}.ts"), format!("import './f{}'; //{}", n + 1, " ".repeat(12 << 20)))).collect();
    let list: Vec<_> = list.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert!(error(&list).contains("the size of all source files together is over the limit of 64 MiB"));
}
