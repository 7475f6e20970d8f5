//! Sources that try to cost more than they are long: each is compiled or refused, within seconds on an idle machine.

use std::time::{Duration, Instant};

use neutron::{Diagnostic, NoFiles};

fn check(what: &str, source: &str) -> Vec<Diagnostic> {
    let start = Instant::now();
    let found = neutron::check(source, "test.nt", &NoFiles);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(60), "{what} took {took:?}");
    assert!(found.len() <= 300, "{what}: {} problems", found.len());
    found
}

fn refused(what: &str, source: &str, message: &str) {
    let found = check(what, source);
    assert!(found.iter().any(|d| d.message.contains(message)), "{what}: {found:?}");
}

fn accepted(what: &str, source: &str) {
    let found = check(what, source);
    assert!(found.is_empty(), "{what}: {}", found[0].render());
}

#[test]
fn chains_within_parentheses_do_not_exhaust_the_native_stack() {
    let mut e = "1".to_owned();
    for _ in 0..100 {
        e = format!("({e}){}", " + 1".repeat(1_900));
    }
    refused("sums", &format!("var a = {e};"), "too many parts");
    let mut e = "o".to_owned();
    for _ in 0..100 {
        e = format!("({e}){}", ".a".repeat(1_900));
    }
    refused("members", &format!("var o = {{}}; var a = {e};"), "too many parts");
    let mut e = "1".to_owned();
    for _ in 0..30 {
        e = format!("fun () {{ return {e}; }}(){}", " + 1".repeat(1_900));
    }
    refused("functions", &format!("var a = {e};"), "too many parts");
    accepted("a long sum", &format!("var a = 1{};", " + 1".repeat(3_900)));
    accepted("a sum of sums", &format!("var a = {};", vec![format!("(1{})", " + 1".repeat(1_900)); 60].join(" * ")));
}

#[test]
fn branches_in_a_row_are_no_nesting() {
    let chain =
        |inner: &str| format!("if (a == 0) {{ }}{} else {{ {inner} }}", " elif (a == 1) { a = 2; }".repeat(3_000));
    accepted("elif", &format!("var a = 5; {}", chain("")));
    let mut source = String::new();
    for _ in 0..20 {
        source = chain(&source);
    }
    accepted("nested elif", &format!("var a = 5; {source}"));
    accepted("else if", &format!("var a = 5; if (a == 1) {{ }} {}", "else if (a == 2) { a = 3; } ".repeat(65_000)));
}

#[test]
fn nesting_is_refused_before_it_hurts() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{k: ", "}"),
        ("-", ""),
        ("!", ""),
        ("f(", ")"),
        ("a[", "]"),
        ("fun () { return ", "; }"),
    ] {
        let source = format!("var a = {}1{};", open.repeat(50_000), close.repeat(50_000));
        refused(open, &source, "nested too deeply");
    }
    for (open, close) in [
        ("{", "}"),
        ("if (a) ", ";"),
        ("while (a) { ", "}"),
        ("try { ", "} finally { }"),
        ("fun f() { ", "}"),
        ("class A { m() { ", "} }"),
    ] {
        let source = format!("var a = 1; {}a = 2;{}", open.repeat(50_000), close.repeat(50_000));
        refused(open, &source, "nested too deeply");
    }
    let source = format!("say({}1{});", "\"${".repeat(50_000), "}\"".repeat(50_000));
    refused("interpolations", &source, "nested too deeply");
    refused("comments", &"#{".repeat(100_000), "never closed");
    refused("powers", &format!("var a = {}1;", "a = ".repeat(50_000)), "nested too deeply");
    refused("questions", &format!("var a = {}1{};", "1 ? ".repeat(50_000), " : 1".repeat(50_000)), "nested too deeply");
}

#[test]
fn nothing_is_parsed_twice() {
    let mut source = "say(1) + 1;".to_owned();
    for _ in 0..35 {
        source = format!("say(fun () {{ {source} }}) + 1;");
    }
    accepted("say in say", &source);
}

#[test]
fn many_complaints_cost_no_more_than_few() {
    check("characters", &"`".repeat(1_000_000));
    check("escapes", &format!("var a = \"{}\";", "\\q".repeat(500_000)));
    check("numbers", &"1a ".repeat(300_000));
    check("interpolations", &"\"${`}\"".repeat(200_000));
    check("braces", &"}".repeat(300_000));
    let unknown: String = (0..50_000).map(|i| format!("unknown{i}; ")).collect();
    let known: String = (0..50_000).map(|i| format!("var known{i} = 1; ")).collect();
    check("names", &(known + &unknown));
}

#[test]
fn lists_are_as_long_as_the_limits_say() {
    let list = |f: &dyn Fn(usize) -> String, n: usize| (0..n).map(f).collect::<Vec<_>>().join(", ");
    accepted("params", &format!("fun f({}) {{ }}", list(&|i| format!("p{i}"), 65_535)));
    refused("params", &format!("fun f({}) {{ }}", list(&|i| format!("p{i}"), 65_536)), "at most 65,535 parameters");
    accepted("members", &format!("enum E {{ {} }}", list(&|i| format!("m{i}"), 65_535)));
    accepted("literals", &format!("var a = [{}];", list(&|i| format!("{i}.5"), 65_535)));
    accepted("keys", &format!("var a = {{{}}};", list(&|i| format!("k{i}: {i}"), 65_535)));
    accepted("globals", &(0..65_535).map(|i| format!("var g{i} = {i}; ")).collect::<String>());
    accepted(
        "locals",
        &format!("fun f() {{ {} }}", (0..65_535).map(|i| format!("var g{i} = {i}; ")).collect::<String>()),
    );
    let methods: String = (0..20_000).map(|i| format!("m{i}() {{ }} ")).collect();
    accepted("methods", &format!("class A {{ {methods} }}"));
    let cases: String = (0..65_535).map(|i| format!("case {i} => a = {i}; ")).collect();
    accepted("cases", &format!("var a = 1; match (a) {{ {cases} }}"));
    accepted("text", &format!("var a = 1; var b = \"{}\";", "${a} ".repeat(65_535)));
    accepted("arguments", &format!("fun f(a) {{ }} f({});", list(&|i| i.to_string(), 65_535)));
}
