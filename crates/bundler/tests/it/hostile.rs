//! Sources that nobody would write. Whatever comes in, an answer comes out.

use std::path::Path;

use bundler::{MemoryFiles, bundle, snippet};
use proptest::prelude::*;

use crate::{code, module, try_bundle, try_snippet};

#[test]
fn deep_nesting_is_refused_or_fits() {
    for (part, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("f(", ")"),
        ("!", ""),
        ("-", ""),
        ("a=>", ""),
        ("x=", ""),
        ("a?b:", ""),
        ("if(a)", ""),
        ("if(a);else ", ""),
        ("a.", ""),
        ("a+", ""),
        ("a**", ""),
        ("new ", ""),
        ("await ", ""),
        ("`${", "}`"),
        ("label:", ""),
        ("for(;;)", ""),
        ("function f(){", "}"),
        ("class A{static{", "}}"),
        ("<T>", ""),
        ("A<", ">"),
        ("let a:A<", ">"),
        ("a\n", ""),
        ("a?.", ""),
        ("() => {", "}"),
        ("async () => ", ""),
        ("type A = [", "]"),
        ("type A = B extends C ? D : ", ""),
        ("\u{feff}(", ")"),
        ("/*)*/(/*)*/", ")"),
        ("'(' + (", ")"),
        ("/[/]/,(", ")"),
        ("a/1,(", ")"),
        ("let+", ""),
        ("class extends ", "{}"),
        ("x as A\n", ""),
        ("x as A as ", ""),
        ("type A = keyof\n", ""),
        ("keyof\n", ""),
        ("{} in ", ""),
        ("do ", ""),
        ("if(a){}else ", ""),
        ("a instanceof\n", ""),
        ("try{", "}catch{}"),
        ("<div>", "</div>"),
        ("/*\n*/!", ""),
        ("!\n", ""),
        ("@a ", ""),
        ("[...", "]"),
        ("({a:", "})"),
    ] {
        for count in [300, 3_000, 7_900, 100_000] {
            let text = format!("{}x{}", part.repeat(count), close.repeat(count));
            // The result does not matter; that there is one does.
            let _ = try_bundle(&[("flow.ts", &text)]);
            let _ = try_bundle(&[("flow.cjs", &text)]);
            let _ = try_snippet(&text, &[]);
        }
    }
    // Not deep at any level, but deep in all.
    let _ = try_bundle(&[("flow.ts", &format!("{}({}", "!".repeat(7_000), "x").repeat(900))]);
    let error = crate::error(&[("flow.ts", &format!("{}{}", "(".repeat(100_000), ")".repeat(100_000)))]);
    assert!(error.contains("nested more than 1000 levels deep"), "{error}");
}

#[test]
fn long_but_flat_is_fine() {
    for text in [
        "f(a.b, c => d, [1, 2]);\n".repeat(20_000),
        format!("export default [{}]", "{ a: 1, b: [x ? y : z] }, ".repeat(20_000)),
        format!("const s = {}'';", "'a' + ".repeat(2_000)),
        format!("{}{{}}", "if (a === 1) { f() } else ".repeat(500)),
        "x.y = 1\n".repeat(30_000),
        "function f(a) { return a.b.c }".repeat(30_000),
        "class A { a = 1\n b = 2\n f() {} }\n".repeat(30_000),
        format!("interface A {{\n{}}}", "  a: string | number\n".repeat(30_000)),
        "const f = (a) => a / 2 / 3 // it's \" ` fine\n".repeat(5_000).replace("const f", "x = 1; var f"),
    ] {
        if let Err(error) = try_bundle(&[("flow.ts", &text)])
            && error.to_string().contains("nested")
        {
            panic!("{}: {error}", &text[..40]);
        }
    }
}

#[test]
fn odd_bytes() {
    let code = code(&[(
        "flow.ts",
        "\u{feff}#!/usr/bin/env quicksave\r\nexport default 1;\r\nexport const a: number = 2\u{2028}",
    )]);
    assert!(module(&code, "flow.ts").source.starts_with("#!/usr/bin/env quicksave\nexport default 1;"));
    for text in [
        "\0",
        "export default '\0'",
        "\u{2028}",
        "\u{202e}",
        "'\u{d7ff}'",
        "\\u0061 = 1",
        "let \u{1d49c} = 1",
        "<!-- x\n--> y",
        "\r\r\r",
        "`\\u{110000}`",
        "/(?<a>x)(?<a>y)/u",
        "/[/",
        "'\\",
        "`${",
        "/*",
        "#!",
        "#",
    ] {
        let _ = try_bundle(&[("flow.ts", text)]);
        let _ = try_bundle(&[("flow.js", text)]);
        let _ = try_bundle(&[("flow.cjs", text)]);
        let _ = try_snippet(text, &[]);
    }
}

#[test]
fn package_files_may_be_anything() {
    for text in [
        "",
        "[]",
        "null",
        "{\"exports\": 1}",
        "{\"exports\": {\"*\": {\"./\": []}}}",
        "{\"exports\": [[[]]]}",
        "{\"main\": \"../../../..\"}",
        "{\"main\": \"\"}",
        "{\"exports\": {\"./*\": \"./*\"}}",
        "{\"imports\": {\"#a\": \"#a\", \"#b\": \"\"}}",
    ] {
        for specifier in
            ["p", "p/", "p/x", "p/*", "#a", "#b", "p/../p", "p//x", "@", "@/", "@s", "..", "/", "\\", "p\0", "%"]
        {
            let source = format!("import {specifier:?}");
            let _ = try_bundle(&[
                ("flow.ts", &source),
                ("package.json", text),
                ("node_modules/p/package.json", text),
                ("node_modules/p/x.js", ""),
            ]);
        }
    }
}

#[test]
fn many_complaints_cost_little() {
    let started = std::time::Instant::now();
    for text in [
        "x as A\n",
        "@d class A {}\n",
        "import 'gone';\n",
        "import { gone } from './a';\n",
        "require('gone');\n",
        "let a;\n",
        "export * from './flow';\n",
    ] {
        let text = text.repeat(50_000);
        let _ = try_bundle(&[("flow.ts", &text), ("a.ts", "export {}")]);
        let _ = try_bundle(&[("flow.cjs", &text), ("a.ts", "export {}")]);
        let _ = try_snippet(&text, &[]);
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn long_chains_of_modules() {
    let esm: Vec<_> = (0..9_000).map(|n| (format!("f{n}.ts"), format!("export * from './f{}';", n + 1))).collect();
    let cjs: Vec<_> =
        (0..400).map(|n| (format!("f{n}.cjs"), format!("module.exports = require('./f{}.cjs')", n + 1))).collect();
    for (list, last, text) in [(esm, "f9000.ts", "export const last = 1"), (cjs, "f400.cjs", "exports.last = 1")] {
        let mut list: Vec<_> = list.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let source = format!("import {{ last }} from './{}'; export default last;", list[0].0);
        list.push((last, text));
        list.insert(0, ("flow.ts", &source));
        code(&list);
    }
}

/// Text made of pieces that mean something to the parser, so that it gets far.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "import ",
        "export ",
        "default ",
        "from ",
        "'./a'",
        "'fs'",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        "\n",
        "=",
        "=>",
        "async ",
        "function",
        "*",
        "yield ",
        "await ",
        "class ",
        "extends ",
        "static ",
        "private ",
        "enum ",
        "namespace ",
        "type ",
        "interface ",
        "declare ",
        "as ",
        "satisfies ",
        "!",
        "?",
        ":",
        "<",
        ">",
        ",",
        ".",
        "...",
        "`",
        "${",
        "/",
        "/*",
        "*/",
        "//",
        "'",
        "\"",
        "\\",
        "#",
        "@",
        "x",
        "y",
        "1",
        "0x",
        "return ",
        "if",
        "else ",
        "for",
        "of ",
        "in ",
        "try",
        "catch",
        "using ",
        "require",
        "module",
        "exports",
        "abstract ",
        "accessor ",
        "this",
        "new ",
        "\u{feff}",
        "\u{2028}",
        "ü",
        "🙂",
        "\0",
        "\r\n",
        " ",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|list| list.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gets_an_answer(text in prop_oneof![pieces(), any::<String>()]) {
        for path in ["flow.ts", "flow.js", "flow.cts", "flow.cjs"] {
            if let Err(error) = try_bundle(&[(path, &text), ("a.ts", "export default 1")]) {
                prop_assert!(!error.to_string().contains("the compiler failed"), "{error}");
            }
        }
        if let Err(error) = try_snippet(&text, &[("a.ts", "export default 1")]) {
            prop_assert!(!error.to_string().contains("the compiler failed"), "{error}");
        }
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for path in ["/app/flow.ts", "/app/flow.js", "/app/flow.json"] {
            let files = MemoryFiles::new().with(path, bytes.clone()).with("/app/go.ts", format!("import '{path}'"));
            let _ = bundle(&files, Path::new(path));
            let _ = bundle(&files, Path::new("/app/go.ts"));
        }
        let _ = snippet(&MemoryFiles::new(), &String::from_utf8_lossy(&bytes), Path::new("/"));
    }

    #[test]
    fn positions_never_fail(map in any::<String>(), mappings in "[A-Za-z0-9+/;,]{0,80}", line in 0_u32..5, column in 0_u32..100) {
        for map in [map, format!("{{\"mappings\":\"{mappings}\"}}")] {
            let module = run::program::Module { source: String::new(), original: None, imports: Default::default(), map: Some(map) };
            let _ = bundler::position(&module, line, column);
        }
    }
}
