//! CommonJS files: how they are told, and what becomes of them.

use crate::{code, error, module};

/// The kind of a file without imports.
#[track_caller]
fn kind(path: &str, text: &str, expected: &str) {
    let code = code(&[(path, text)]);
    let found = if code.modules.len() == 2 { "commonjs" } else { "module" };
    assert_eq!(found, expected, "{path}: {text}");
}

#[test]
fn which_files_are_commonjs() {
    kind("a.cjs", "", "commonjs");
    kind("a.mjs", "", "module");
    kind("a.js", "exports.a = 1", "commonjs");
    kind("a.js", "const fs = require('fs')", "commonjs");
    kind("a.js", "return 1", "commonjs");
    kind("a.cjs", "with (Math) max(010)", "commonjs");
    kind("a.js", "export const a = typeof require", "module");
    kind("a.js", "const exports = {}; exports.a = 1", "module");
    kind("a.js", "await 1", "module");
    kind("a.js", "import.meta.url", "module");
    kind("a.js", "console.log(1)", "module");
    kind("a.ts", "module.exports = 1 as any", "commonjs");
    kind("a.ts", "import fs = require('fs'); export = fs", "commonjs");
    kind("a.ts", "import fs = require('fs'); export const a = fs", "module");
    kind("a.cts", "import fs from 'fs'; export const a = fs", "module");
    let typed = [("a.js", "console.log(1)"), ("package.json", r#"{"type": "commonjs"}"#)];
    assert_eq!(code(&typed).modules.len(), 2);
    let module_typed = [("a.js", "exports.a = 1"), ("package.json", r#"{"type": "module"}"#)];
    assert_eq!(code(&module_typed).modules.len(), 1);
}

#[test]
fn registered_then_run() {
    let code = code(&[
        (
            "a.cjs",
            "#!/bin/node\nconst b = require('./b'), fs = require('fs'), e = require('./e.mjs'), d = require('./d.json');\nexports.a = b;",
        ),
        ("b.js", "'use strict'; exports.b = require('./a.cjs');"),
        ("e.mjs", "export default 1"),
        ("d.json", "{}"),
    ]);
    let facade = module(&code, "a.cjs");
    assert_eq!(code.entry, "file:///app/a.cjs");
    assert_eq!(
        facade.source,
        "import \"file:///app/a.cjs?commonjs\";\n\
         const m = globalThis.__require(\"file:///app/a.cjs\"), o = Object(m ?? {});\n\
         export default m;\n\
         const n0 = o[\"a\"]; export { n0 as \"a\" };\n"
    );
    let registration = &code.modules["file:///app/a.cjs?commonjs"];
    assert_eq!(
        registration.source,
        "import \"file:///app/b.js?commonjs\";\n\
         import q1 from \"file:///app/d.json\";\n\
         import * as q2 from \"file:///app/e.mjs\";\n\
         globalThis.__commonjs(\"file:///app/a.cjs\", {__proto__: null, \"./b\": \"file:///app/b.js\", \
         \"./d.json\": () => q1, \"./e.mjs\": () => q2, \"fs\": \"node:fs\", }, \
         \"(function (exports, require, module, __filename, __dirname) {///bin/node\\nconst b = require('./b'), \
         fs = require('fs'), e = require('./e.mjs'), d = require('./d.json');\\nexports.a = b;\\n})\");\n"
    );
    assert_eq!(registration.imports.len(), 3);
    assert!(code.modules.contains_key("file:///app/b.js?commonjs"), "circles are registered once");
}

/// The names that a CommonJS file exports to ES modules, besides `default`.
#[track_caller]
fn names(text: &str, expected: &[&str]) {
    let code = code(&[
        ("flow.mjs", "import './a.cjs'"),
        ("a.cjs", text),
        ("y.cjs", "exports.y1 = exports.y2 = 1; module.exports.y3 = 2"),
    ]);
    let found: Vec<_> = module(&code, "a.cjs")
        .source
        .lines()
        .filter_map(|line| line.strip_prefix("const n")?.split('"').nth(1))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn named_exports_are_found() {
    names("exports.a = 1; exports['b-c'] = 2; module.exports.d = 3; exports.default = 4", &["a", "b-c", "d"]);
    names(
        "module.exports = { a, b: 1, 'c': 2, d() {}, get e() { return 1 }, [f]: 1, ...g }",
        &["a", "b", "c", "d", "e"],
    );
    names("exports = module.exports = { a }; exports.b = 1", &["a", "b"]);
    names("module.exports = Foo; module.exports.Foo = Foo", &["Foo"]);
    names(
        "Object.defineProperty(exports, '__esModule', { value: true }); Object.defineProperty(exports, 'a', { enumerable: true, get: function () { return x.a } })",
        &["__esModule", "a"],
    );
    names("exports.a = exports.b = void 0; exports.a = 1", &["a", "b"]);
    names("module.exports = require('./y.cjs')", &["y1", "y2", "y3"]);
    names("__exportStar(require('./y.cjs'), exports); exports.a = 1", &["a", "y1", "y2", "y3"]);
    names("tslib_1.__exportStar(require('./y.cjs'), exports)", &["y1", "y2", "y3"]);
    names(
        "var _y = require('./y.cjs'); Object.keys(_y).forEach(function (key) { if (key === 'default') return; exports[key] = _y[key]; })",
        &["y1", "y2", "y3"],
    );
    names("module.exports = { ...require('./y.cjs'), a: 1 }", &["a", "y1", "y2", "y3"]);
    names(
        "var s = {}; __export(s, { a: () => a, b: () => b }); module.exports = __toCommonJS(s); 0 && (module.exports = { a, b })",
        &["a", "b"],
    );
    names(
        "(function (g, f) { typeof exports === 'object' ? f(exports) : f(g.X = {}) })(this, function (exports) { exports.hidden = 1 })",
        &[],
    );
    names("function f(exports) { exports.no = 1 } exports.yes = 1", &["yes"]);
}

#[test]
fn an_imported_name_is_always_there() {
    let code = code(&[
        ("flow.ts", "import { hidden } from './a.cjs'; export default hidden;"),
        ("a.cjs", "for (const k of ['hidden']) exports[k] = 1;"),
    ]);
    assert!(module(&code, "a.cjs").source.contains("export { n0 as \"hidden\" }"));
}

#[test]
fn optional_parts_may_be_missing() {
    let code = code(&[
        ("flow.mjs", "import 'p'"),
        (
            "node_modules/p/index.js",
            "if (x) require('optional'); try { require('./native.node') } catch {} require('http'); exports.a = import('gone');",
        ),
        ("node_modules/p/native.node", ""),
    ]);
    assert_eq!(module(&code, "node_modules/p/index.js").imports.len(), 1);
    let error = error(&[("a.cjs", "try { require('fine') } catch {}\nrequire('gone')")]);
    assert!(error.starts_with("/app/a.cjs:2:9: the package 'gone' is not installed"), "{error}");
}

#[test]
fn conditions_differ() {
    let package = r#"{"exports": {"import": "./m.mjs", "require": "./c.cjs"}}"#;
    let code = code(&[
        ("a.cjs", "require('p'); exports.p = import('p')"),
        ("node_modules/p/package.json", package),
        ("node_modules/p/m.mjs", "export {}"),
        ("node_modules/p/c.cjs", ""),
    ]);
    assert_eq!(module(&code, "a.cjs").imports["p"], "file:///app/node_modules/p/m.mjs");
    assert!(code.modules["file:///app/a.cjs?commonjs"].source.contains("\"p\": \"file:///app/node_modules/p/c.cjs\""));
}

#[test]
fn typescript_commonjs_keeps_its_positions() {
    let code = code(&[("a.cts", "interface X {}\nconst fs = require('fs') as X;\nmodule.exports = fs;\n")]);
    let registration = &code.modules["file:///app/a.cts?commonjs"].source;
    let from = registration.find("\"(function").expect("a script");
    let script: String =
        serde_json::from_str(registration[from..].trim_end().trim_end_matches(");")).expect("a string");
    let column = script
        .lines()
        .next()
        .and_then(|line| line.find("\"use strict\"").or(line.find("const")))
        .expect("code on the first line");
    let (row, text) =
        script.lines().enumerate().find(|(_, line)| line.contains("module.exports")).expect("an assignment");
    let column_of_module = text.find("module.exports").expect("an assignment") as u32 + 1;
    assert!(column > 10);
    assert_eq!(bundler::position(module(&code, "a.cts"), row as u32 + 1, column_of_module), Some((3, 1)));
}

#[test]
fn require_in_a_module_is_explained() {
    let error = error(&[("flow.ts", "export default require('fs')")]);
    assert!(error.contains("flow.ts:1:24: require() does not exist in an ES module"), "{error}");
}
