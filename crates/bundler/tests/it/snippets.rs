//! Code mode.

use std::path::Path;

use bundler::{Fenced, MemoryFiles, snippet};

use crate::try_snippet;

#[track_caller]
fn check(source: &str, expected: &str) {
    let code = try_snippet(source, &[("lib.ts", "export const x: number = 1; export default 2;")])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(code.entry, "code.ts");
    let squeezed = code.modules["code.ts"].source.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed, expected);
}

#[test]
fn bodies() {
    check("return 42", "export default async function() { return 42; }");
    check("", "export default async function() {}");
    check(
        "const x: number = await f(); return x!",
        "export default async function() { const x = await f(); return x; }",
    );
    check(
        "import { x } from './lib'\nreturn x",
        "import { x } from \"./lib\"; export default async function() { return x; }",
    );
    check(
        "const y = 1\nimport l from './lib.js'\nreturn l + y",
        "import l from \"./lib.js\"; export default async function() { const y = 1; return l + y; }",
    );
    check("import type { T } from 'nowhere'; return 1", "export default async function() { return 1; }");
    check(
        "const console = 1, fetch = 2; return console",
        "export default async function() { const console = 1, fetch = 2; return console; }",
    );
    check(
        "enum E { A } return E.A",
        "export default async function() { let E = function(E) { E[E[\"A\"] = 0] = \"A\"; return E; }({}); return E.A; }",
    );
    check("if (a) return 1; else return 2", "export default async function() { if (a) return 1; else return 2; }");
    check(
        "import fs = require('fs'); return fs",
        "import fs from \"fs\"; export default async function() { return fs; }",
    );
}

#[test]
fn yields_make_a_generator() {
    check(
        "yield { checkpoint: true }; return 1",
        "export default async function* () { yield { checkpoint: true }; return 1; }",
    );
    check(
        "import { x } from './lib'\nconst a = yield x\nreturn a",
        "import { x } from \"./lib\"; export default async function* () { const a = yield x; return a; }",
    );
    check(
        "function* g() { yield 1 }\nreturn [...g()]",
        "export default async function() { function* g() { yield 1; } return [...g()]; }",
    );
}

#[test]
fn exports_make_a_module() {
    check("export default class A { run() {} }", "export default class A { run() {} }");
}

#[test]
fn positions_are_the_snippets() {
    for source in ["const a = 1;\nthrow new Error('x')", "yield 1;\nthrow new Error('x')"] {
        let code = try_snippet(source, &[]).unwrap_or_else(|e| panic!("{e}"));
        let module = &code.modules["code.ts"];
        let (row, text) = module.source.lines().enumerate().find(|(_, line)| line.contains("throw")).expect("a throw");
        let column = text.find("throw").expect("a throw") as u32 + 1;
        assert_eq!(bundler::position(module, row as u32 + 1, column), Some((2, 1)), "{source}");
    }
    let error = try_snippet("const a = 1;\nconst b = ;", &[]).expect_err("no value").to_string();
    assert!(error.starts_with("code.ts:2:11: "), "{error}");
    let error = try_snippet("yield 1;\nconst b = ;", &[]).expect_err("no value").to_string();
    assert!(error.starts_with("code.ts:2:11: "), "{error}");
    let error = try_snippet("yield 1; const b = ;", &[]).expect_err("no value").to_string();
    assert!(error.starts_with("code.ts:1:20: "), "{error}");
    let error = try_snippet("import x from 'nowhere'; return x", &[]).expect_err("not installed").to_string();
    assert!(error.starts_with("code.ts:1:15: the package 'nowhere' is not installed"), "{error}");
}

#[test]
fn a_snippet_cannot_leave_its_function() {
    for source in ["} evil(); {", "}; async function* g() {", "yield 1; } evil(); {", "return 1 })("] {
        assert!(try_snippet(source, &[]).is_err(), "{source}");
    }
}

#[test]
fn a_fence_hides_what_lies_outside() {
    let files = MemoryFiles::new()
        .with("/app/own.ts", "export default 1")
        .with("/app/node_modules/p/index.js", "export default 2")
        .with("/secret.json", "3")
        .with_link("/app/link.json", "/secret.json");
    let may_read = |path: &Path| path.starts_with("/app");
    let fenced = Fenced::new(&files, &may_read);
    let ask = |specifier: &str| snippet(&fenced, &format!("import x from '{specifier}'; return x"), Path::new("/app"));
    for inside in ["./own", "/app/own.ts", "p"] {
        assert!(ask(inside).is_ok(), "{inside}");
    }
    // The same is said whether there is something or not.
    for outside in ["/secret.json", "../secret.json", "./link.json", "/secret", "/nothing.ts", "../nothing"] {
        let error = ask(outside).expect_err(outside).to_string();
        assert!(error.contains("may not be imported") && error.contains("--allow-read="), "{error}");
    }
    let missing = ask("./missing").expect_err("not there").to_string();
    assert!(missing.contains("there is no file"), "{missing}");
}
