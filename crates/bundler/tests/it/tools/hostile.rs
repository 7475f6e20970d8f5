//! Sources that nobody would write. Whatever comes in, an answer comes out, soon and of bounded size.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::try_photon;

/// Bytes of a photon as JSON, and how long it took.
fn weigh(text: &str) -> (usize, Duration) {
    let start = Instant::now();
    let size = match try_photon(&[("n.photon.ts", text)]) {
        Ok(photon) => serde_json::to_string(&photon).map_or(0, |json| json.len()),
        Err(error) => error.to_string().len(),
    };
    (size, start.elapsed())
}

#[test]
fn types_that_grow_are_bounded() {
    let doubling: String = (0..40).map(|n| format!("type T{} = {{ a: T{n}, b: T{n} }};\n", n + 1)).collect();
    let wide: String = (0..5_000).map(|n| format!("  f{n}: string;\n")).collect();
    let keys: Vec<String> = (0..300).map(|n| format!("'k{n}'")).collect();
    let keys = keys.join("|");
    for (name, text) in [
        ("doubling", format!("type T0 = string; {doubling} export default class A {{ t(p: T40) {{}} }}")),
        ("wide", format!("interface W {{ {wide} }} export default class A {{ t(p: W, q: Partial<W>, r: W & W) {{}} }}")),
        ("endless", "interface L<T> { v: T; next: L<T[]> } export default class A { t(p: L<string>) {} }".into()),
        ("endless pairs", "interface L<T> { a: L<T[]>; b: L<{ x: T }> } export default class A { t(p: L<string>) {} }".into()),
        ("unions", format!("type K = {keys}; export default class A {{ t(p: `${{K}}${{K}}${{K}}`) {{}} }}")),
        ("mapped", format!("type K = {keys}; type M = {{ [A in K]: {{ [B in K]: {{ [C in K]: 1 }} }} }}; export default class A {{ t(p: M) {{}} }}")),
        ("conditional", "type C<T> = T extends string ? C<T[]> : C<T | 1>; export default class A { t(p: C<'a'>) {} }".into()),
        ("distribution", format!("type K = {keys}; type C<A, B> = A extends string ? B extends string ? `${{A}}-${{B}}` : 0 : 0; export default class A {{ t(p: C<K, K>) {{}} }}")),
        ("intersections", format!("export default class A {{ t(p: {}{{}}) {{}} }}", "({ a: 1 } | { b: 2 }) & ".repeat(30))),
        ("self", "type A = A; type B = C; type C = B; type D = D[]; type E = E & { x: 1 }; type F = keyof F; type G = Partial<G>; type H = H['x']; interface I extends I {} export default class X { t(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I) {} }".into()),
        ("nested arguments", format!("type B<T> = {{ v: T, w: T }}; export default class A {{ t(p: {}1{}) {{}} }}", "B<".repeat(300), ">".repeat(300))),
        ("arrays", format!("export default class A {{ t(p: string{}) {{}} }}", "[]".repeat(5_000))),
        ("parens", format!("export default class A {{ t(p: {}string{}) {{}} }}", "(".repeat(900), ")".repeat(900))),
        ("long union", format!("export default class A {{ t(p: {}) {{}} }}", (0..20_000).map(|n| n.to_string()).collect::<Vec<_>>().join("|"))),
        ("namespaces", format!("namespace {} {{ export type T = 1 }} export default class A {{ t(p: {}.T) {{}} }}", vec!["a"; 500].join("."), vec!["a"; 500].join("."))),
        ("methods", format!("export default class A {{ {} }}", (0..2_000).map(|n| format!("m{n}(a: string) {{}}\n")).collect::<String>())),
        ("tuples", format!("type T0 = [1, 2]; {} export default class A {{ t(p: T30) {{}} }}", (0..30).map(|n| format!("type T{} = [...T{n}, ...T{n}];", n + 1)).collect::<String>())),
    ] {
        let (size, time) = weigh(&text);
        println!("{name}: {size} bytes, {time:?}");
        assert!(size < 16 << 20, "{name}: {size} bytes");
        assert!(time < Duration::from_secs(20), "{name}: {time:?}");
    }
}

#[test]
fn docblocks_of_all_kinds_are_read() {
    for doc in [
        "/** @param */",
        "/** @param {*/",
        "/** @param { */",
        "/** @param {@ */",
        "/** @param {@min */",
        "/** @param [ */",
        "/** @param [] x */",
        "/** @param . x */",
        "/** @param p..a x */",
        "/** {@} */",
        "/** {@@min} */",
        "/** @ */",
        "/** @@ */",
        "/**@*/",
        "/** @format */",
        "/** @format { */",
        "/** @use x {@ */",
        "/** @cron \u{0} \u{0} \u{0} \u{0} \u{0} */",
        "/** @param p {@default {\"a\":} */",
        "/** @param p {@example \"} */",
        "/** @param p {@pattern (?<=a)b} */",
        "/** @param p {@pattern [} */",
        "/** @param {Array<Array<string} p */",
        "/** @param {typeof import('x')} p */",
        "/** @param p {@min 1e999} */",
        "/** @param p {@max NaN} */",
        "/** @retryable 99999999999999999999 */",
        "/** @timeout 1e5s */",
        "/** @timeout .s */",
        "/** @param p \u{1F600}{@min \u{1F600}} */",
        "/** ```\n@param p x */",
        "/** @returns {@label */",
        "/** @static */",
        "/** @dependencies @ */",
        "/** @photon a : */",
    ] {
        let _ = weigh(&format!("{doc}\nexport default class A {{ {doc}\n t(p: {{ {doc} a: string }}, q) {{}} }}"));
        let _ = weigh(&format!(
            "export default class A {{ {doc}\n t(p) {{}} {doc} protected settings = {{ {doc} a: 1 }} }}"
        ));
    }
    let long = format!(
        "/** {} */ export default class A {{ /** @param p {} */ t(p: string) {{}} }}",
        "{@a ".repeat(2_000),
        "{".repeat(20_000)
    );
    let (_, time) = weigh(&long);
    assert!(time < Duration::from_secs(10), "{time:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_mixture_of_words_has_an_answer(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        let ty = words.join(" ");
        let _ = weigh(&format!("type A = {ty}; interface B {{ a: {ty} }} export default class C {{ /** @param p {ty} */ t(p: {ty}, q: A) {{}} }}"));
        let _ = weigh(&format!("type A = B; interface B {{ a?: A, b: B[] }} export default class C {{ t(p: A & Partial<B>, q: {ty}) {{}} }}"));
    }

    #[test]
    fn any_docblock_has_an_answer(doc in "[ @{}\\[\\]a-z0-9*\n\"'.:,-]{0,80}") {
        let doc = doc.replace("*/", "");
        let _ = weigh(&format!("/** {doc} */ export default class C {{ /** @param p {doc} */ t(p: string) {{}} /** {doc} */ u() {{}} }}"));
    }
}

const WORDS: &[&str] = &[
    "A",
    "B",
    "string",
    "number",
    "|",
    "&",
    "[",
    "]",
    "{",
    "}",
    "a:",
    "a?:",
    "<",
    ">",
    "keyof",
    "typeof",
    "Partial<A>",
    "Record<",
    ",",
    "extends",
    "infer U",
    "?",
    ":",
    "'x'",
    "1",
    "`a${",
    "}`",
    "(",
    ")",
    "=>",
    "readonly",
    "...",
    "unique symbol",
    "import('x')",
    "in",
    "as",
    "null",
    "undefined",
    "Pick<A, 'a'>",
    "A['a']",
    "B[]",
    "{ [K in keyof B]: B[K] }",
    "never",
    "any",
    "Exclude<A, B>",
    ";",
];
