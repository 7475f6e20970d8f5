//! Which file an import means.

use bundler::{MemoryFiles, bundle};
use std::path::Path;

use crate::{code, error, files, module};

/// In files `list`, `specifier` imported by `/app/flow.ts` means `expected`: a path below `/app`, or a built-in.
#[track_caller]
fn check(specifier: &str, expected: &str, list: &[(&str, &str)]) {
    let source = format!("import {specifier:?}; export default 1;");
    let mut all = vec![("flow.ts", source.as_str())];
    all.extend(list);
    let code = code(&all);
    let found = &module(&code, "flow.ts").imports[specifier];
    assert_eq!(found.strip_prefix("file:///app/").unwrap_or(found), expected);
    assert!(!found.starts_with("file:") || code.modules.contains_key(found), "{found} is not in the code");
}

const TS: &str = "export const x: number = 1;";

#[test]
fn local_files() {
    check("./a", "a.ts", &[("a.ts", TS), ("a.js", "export {}")]);
    check("./a.ts", "a.ts", &[("a.ts", TS)]);
    check("./a.js", "a.ts", &[("a.ts", TS)]);
    check("./a.js", "a.js", &[("a.ts", TS), ("a.js", "export {}")]);
    check("./a.mjs", "a.mts", &[("a.mts", TS)]);
    check("./a.cjs", "a.cts", &[("a.cts", "export = 1")]);
    check("./lib", "lib/index.ts", &[("lib/index.ts", TS)]);
    check("./lib/", "lib/index.ts", &[("lib/index.ts", TS), ("lib.ts", TS)]);
    check("./lib", "lib.ts", &[("lib/index.ts", TS), ("lib.ts", TS)]);
    check("./data.json", "data.json", &[("data.json", "{\"a\": 1}")]);
    check("./b.c", "b.c.ts", &[("b.c.ts", TS)]);
    check("./a.ts?v=1", "a.ts", &[("a.ts", TS)]);
    check("/app/a.ts", "a.ts", &[("a.ts", TS)]);
    check("file:///app/a.ts", "a.ts", &[("a.ts", TS)]);
    check(".", "index.ts", &[("index.ts", TS)]);
    check("./with space/ü", "with%20space/%C3%BC.ts", &[("with space/ü.ts", TS)]);
}

#[test]
fn built_ins() {
    check("fs", "node:fs", &[]);
    check("node:fs/promises", "node:fs/promises", &[]);
    check("node:test", "node:test", &[]);
    check("quicksave", "quicksave", &[]);
    check("@portel/photon-core", "@portel/photon-core", &[("node_modules/@portel/photon-core/index.js", "export {}")]);
    check("test", "node_modules/test/index.js", &[("node_modules/test/index.js", "export {}")]);
}

#[test]
fn packages() {
    let esm = "export const x = 1;";
    check("p", "node_modules/p/index.js", &[("node_modules/p/index.js", esm)]);
    check(
        "p",
        "node_modules/p/lib/m.js",
        &[("node_modules/p/package.json", r#"{"main": "lib/m"}"#), ("node_modules/p/lib/m.js", esm)],
    );
    check(
        "p",
        "node_modules/p/m.mjs",
        &[("node_modules/p/package.json", r#"{"module": "./m.mjs"}"#), ("node_modules/p/m.mjs", esm)],
    );
    check("p/sub", "node_modules/p/sub.js", &[("node_modules/p/sub.js", esm)]);
    check("@s/p/sub", "node_modules/@s/p/sub/index.js", &[("node_modules/@s/p/sub/index.js", esm)]);
    let both = r#"{"exports": {".": {"types": "./x.d.ts", "import": "./m.mjs", "require": "./c.cjs"}, "./deep/*": "./d/*.js", "./deep/private/*": null}}"#;
    let list = [
        ("node_modules/p/package.json", both),
        ("node_modules/p/m.mjs", esm),
        ("node_modules/p/c.cjs", ""),
        ("node_modules/p/d/y.js", esm),
    ];
    check("p", "node_modules/p/m.mjs", &list);
    check("p/deep/y", "node_modules/p/d/y.js", &list);
    let nested = r#"{"exports": {"node": {"development": "./dev.js", "default": "./n.js"}, "default": "./d.js"}}"#;
    check(
        "p",
        "node_modules/p/n.js",
        &[("node_modules/p/package.json", nested), ("node_modules/p/n.js", esm), ("node_modules/p/d.js", esm)],
    );
    check("self/x", "x.ts", &[("package.json", r#"{"name": "self", "exports": {"./x": "./x.ts"}}"#), ("x.ts", TS)]);
    check("#x", "x.ts", &[("package.json", r##"{"imports": {"#x": "./x.ts"}}"##), ("x.ts", TS)]);
    check("#fs", "node:fs", &[("package.json", r##"{"imports": {"#fs": {"node": "fs", "default": "./x.ts"}}}"##)]);
}

#[test]
fn packages_are_found_above() {
    let files = files(&[("a/b/flow.ts", "import 'p'; export default 1"), ("node_modules/p/index.js", "export {}")]);
    let code = bundle(&files, Path::new("/app/a/b/flow.ts")).expect("found above");
    assert_eq!(code.entry, "file:///app/a/b/flow.ts");
    assert!(code.modules.contains_key("file:///app/node_modules/p/index.js"));
}

#[test]
fn links_are_followed() {
    let files = MemoryFiles::new()
        .with("/app/flow.ts", "import 'p'; export default 1")
        .with("/store/p@1/node_modules/p/index.js", "import 'q'; export {}")
        .with("/store/p@1/node_modules/q/index.js", "export {}")
        .with_link("/app/node_modules/p", "/store/p@1/node_modules/p");
    let code = bundle(&files, Path::new("/app/flow.ts")).expect("links are followed");
    assert!(code.modules.contains_key("file:///store/p@1/node_modules/q/index.js"), "{:?}", code.modules.keys());
}

#[test]
fn circles_and_dynamic_imports() {
    let code = code(&[
        ("a.ts", "import { b } from './b'; export const a = 1; export default () => import('./c');"),
        ("b.ts", "import { a } from './a'; export const b = () => a;"),
        ("c.ts", "export default 1; import(`./b`); import(anything); try { await import('gone') } catch {}"),
    ]);
    assert_eq!(code.modules.len(), 3);
    assert_eq!(module(&code, "a.ts").imports["./c"], "file:///app/c.ts");
    assert_eq!(module(&code, "c.ts").imports.keys().collect::<Vec<_>>(), ["./b"]);
}

#[test]
fn json_is_data() {
    let code = code(&[
        ("flow.ts", "import data from './d.json' with { type: 'json' }; export default data;"),
        ("d.json", "\u{feff}{\"a\": [1]}"),
    ]);
    assert_eq!(module(&code, "d.json").source, "{\"a\": [1]}");
}

#[test]
fn same_files_same_code() {
    let list = [("flow.ts", "import './a'; import './b'; export default 1"), ("a.ts", TS), ("b.ts", TS)];
    assert_eq!(code(&list).hash(), code(&list).hash());
}

#[test]
fn what_cannot_be_imported() {
    for (specifier, message) in [
        ("./gone", "there is no file './gone'"),
        ("gone", "the package 'gone' is not installed\n"),
        ("@s/gone/x", "help: npm install @s/gone"),
        ("https://x.org/a.ts", "code is not downloaded"),
        ("data:text/javascript,1", "imports with 'data:' are not supported"),
        ("npm:zod", "npm install zod, then import 'zod'"),
        ("http", "'node:http' is not available to programs"),
        ("node:child_process", "help: a program starts no processes: let a tool of an MCP server do it"),
        ("./x.node", "is a native addon"),
        ("./x.tsx", "is JSX"),
        ("./x.css", "files that end in .css are not imported"),
        ("./x", "has types only"),
        ("", "'' is neither a path nor the name of a package"),
        ("#none", "'#none' needs a package.json"),
        ("p/hidden", "the package 'p' does not export './hidden'"),
        ("p/bad", "the package.json of 'p' is not valid"),
    ] {
        let source = format!("// first\nimport {specifier:?};");
        let list = [
            ("flow.ts", source.as_str()),
            ("x.node", ""),
            ("x.tsx", ""),
            ("x.css", ""),
            ("x.d.ts", ""),
            ("node_modules/p/package.json", r#"{"exports": {".": "./i.js", "./bad": "../out.js"}}"#),
        ];
        let specifier = if specifier == "./x" { "./x.d.ts" } else { specifier };
        let source = source.replace("\"./x\"", &format!("{specifier:?}"));
        let error = error(&[&[("flow.ts", source.as_str())], &list[1..]].concat());
        assert!(error.contains(message), "{specifier}: {error}");
        assert!(error.starts_with("/app/flow.ts:2:8: "), "{error}");
    }
}

#[test]
fn names_must_be_exported() {
    let lib =
        ("lib.ts", "export const one = 1, { two, ...three } = {} as any; export class Four {} export * from './more';");
    let more = ("more.ts", "export function five() {}");
    code(&[
        (
            "flow.ts",
            "import { one, two, three, Four, five } from './lib'; export default [one, two, three, Four, five];",
        ),
        lib,
        more,
    ]);
    for (source, message) in [
        ("import { six } from './lib'; six", "1:10: './lib' does not export 'six'"),
        ("import { four } from './lib'; four", "did you mean 'Four'?"),
        ("import lib from './lib'; lib", "1:8: './lib' does not export 'default'"),
        ("export { seven } from './more';", "it exports 'five'"),
        ("import { a } from './d.json'; a", "default export only"),
    ] {
        let error = error(&[("flow.ts", source), lib, more, ("d.json", "{}")]);
        assert!(error.contains(message), "{error}");
    }
}
