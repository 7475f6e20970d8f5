//! What becomes of TypeScript's features.

use crate::{code, module, try_bundle};

/// The JavaScript of one TypeScript file, white space made single, holds each of `expected`, and none of `absent`.
#[track_caller]
fn check(source: &str, expected: &[&str], absent: &[&str]) {
    let code = code(&[("flow.ts", source)]);
    let squeezed = module(&code, "flow.ts").source.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in expected {
        assert!(squeezed.contains(text), "no {text:?} in {squeezed}");
    }
    for text in absent {
        assert!(!squeezed.contains(text), "{text:?} in {squeezed}");
    }
}

#[test]
fn types_vanish() {
    check("export const n: number = 1;", &["export const n = 1;"], &["number"]);
    check(
        "interface A { x: 1 } type B = A; export default (a: A & B): B => a;",
        &["export default (a) => a;"],
        &["interface", "type"],
    );
    check(
        "export function f<T extends object>(this: T, x?: T): asserts x is T {}",
        &["export function f(x) {}"],
        &["T"],
    );
    check(
        "const x = y as unknown as string; const z = x!.length; const w = { a: 1 } satisfies object;",
        &["const x = y;", "const z = x.length;", "const w = { a: 1 };"],
        &[],
    );
    check(
        "declare const g: number; declare module 'm' {} declare global { var q: 1 } export {};",
        &[],
        &["declare", "q"],
    );
    check(
        "export function f(a: string): void; export function f(a: any) { return a }",
        &["export function f(a) { return a; }"],
        &["string"],
    );
    check(
        "let u = <string>v; const f = <T,>(x: T) => x; f<number>(1);",
        &["let u = v;", "const f = (x) => x;", "f(1);"],
        &[],
    );
}

#[test]
fn classes() {
    check(
        "export class A { constructor(private x: number, readonly y = 2) {} }",
        &["constructor(x, y = 2) { this.x = x; this.y = y; }"],
        &["private", "readonly"],
    );
    // Fields are defined, as TypeScript does for ES2022: one without a value is `undefined`.
    check(
        "export class A { a: number; b?: string; declare gone: 1; static d = 1; #e = 2; }",
        &["a; b; static d = 1; #e = 2;"],
        &["gone"],
    );
    check(
        "export abstract class A { abstract f(): void; protected override g(): void {} abstract h: 1; get k(): 1 { return 1 } }",
        &["export class A { g() {} get k() { return 1; } }"],
        &["abstract"],
    );
    check(
        "export class A<T> extends B<T> implements C { static { this.x = 1 } [k: string]: any }",
        &["export class A extends B { static { this.x = 1; } }"],
        &["implements", "string"],
    );
}

#[test]
fn enums_and_namespaces() {
    check(
        "export enum E { A, B = 'b', C = 1 << 2 }",
        &["E[E[\"A\"] = 0] = \"A\"", "E[\"B\"] = \"b\"", "= 4"],
        &["enum"],
    );
    check("const enum E { A = 3 } export default E.A;", &["3"], &["enum"]);
    check(
        "export namespace N { export const x = 1; export namespace M { export function f() {} } }",
        &["export let N;", "N.x = 1"],
        &["namespace"],
    );
    check("namespace T { export interface I {} } export {}", &[], &["T"]);
}

#[test]
fn imports_that_are_types_vanish() {
    check("import type { Pool } from 'pg'; export const f = (p: Pool) => p;", &["export const f = (p) => p;"], &["pg"]);
    check("import { type Pool, type Client } from 'pg'; export const f = (p: Pool) => p;", &[], &["pg"]);
    check("import { Pool } from 'pg'; export const f = (p: Pool) => p;", &[], &["pg"]);
    check("import Pg, * as pg from 'pg'; export const f = (p: pg.Pool): Pg => p;", &[], &["pg"]);
    check("export type { Pool } from 'pg'; export type * from 'pg'; export { type Client } from 'pg';", &[], &["pg"]);
    check("type P = import('pg').Pool; export const f = (p: P) => p;", &[], &["pg"]);
    check("import fs = require('fs'); export const x = fs.readFileSync;", &["import fs from \"fs\";"], &["require"]);
    check("import pg = require('pg'); export const f = (p: pg.Pool) => 1;", &[], &["pg"]);
    check("import a from 'os'; export = a;", &["export default a"], &["export ="]);
}

#[test]
fn modern_javascript_stays() {
    for text in [
        "a?.b ?? c;",
        "a ||= b;",
        "x ** y;",
        "class A { static #p = 1; static { A.#p; } }",
        "await using r = f();",
        "for await (const x of y) z(x);",
        "async function* g() { yield* h(); }",
        "/(?<y>\\d)[\\p{L}--[a-z]]/v.test(s);",
        "label: for (;;) break label;",
        "import.meta.url;",
        "new.target;",
        "tag`a${b}`;",
        "const { a, ...rest } = o;",
    ] {
        let source = if text.starts_with("new.target") {
            format!("export function f() {{ {text} }}")
        } else {
            format!("export {{}}; {text}")
        };
        check(&source, &[text], &[]);
    }
}

#[test]
fn maps_lead_back() {
    let source = "interface Gone {\n  a: number;\n}\n\nexport default function run(x: Gone): number {\n  throw new Error('here');\n}\n";
    let code = code(&[("flow.ts", source)]);
    let module = module(&code, "flow.ts");
    let (row, text) = module.source.lines().enumerate().find(|(_, line)| line.contains("throw")).expect("a throw");
    let column = text.find("throw").expect("a throw") as u32 + 1;
    assert_eq!(bundler::position(module, row as u32 + 1, column), Some((6, 3)));
    assert_eq!(module.original.as_deref(), Some(source));
    assert!(!module.map.as_deref().unwrap_or_default().contains("interface"), "the text is not stored twice");
    assert_eq!(bundler::position(module, 999, 1), None);
}

#[test]
fn javascript_is_left_alone() {
    let source = "#!/usr/bin/env node\n// a comment\nexport default   1 ;\r\n";
    let code = code(&[("flow.js", source)]);
    let module = module(&code, "flow.js");
    assert_eq!((module.source.as_str(), &module.original, &module.map), (source, &None, &None));
}

#[test]
fn passing_on_a_type_links() {
    let code = code(&[
        ("flow.ts", "import { A } from './all'; export { B } from './types'; export { A }; export default 1;"),
        ("all.ts", "export * from './types';"),
        ("types.ts", "export interface A {} export type B = 1; export const c = 1;"),
    ]);
    let types = module(&code, "types.ts");
    assert!(types.source.contains("export { __type as A, __type as B }"), "{}", types.source);
}

#[test]
fn refusals() {
    for (source, message) in [
        ("@sealed class A {}", "flow.ts:1:1: decorators are not supported"),
        ("class A { @log f() {} }", "flow.ts:1:11: decorators are not supported"),
        ("class A { accessor x = 1 }", "`accessor` fields are not supported"),
        ("import defer * as x from 'fs'", "`import defer`"),
    ] {
        let error = try_bundle(&[("flow.ts", source)]).expect_err(source).to_string();
        assert!(error.contains(message), "{error}");
    }
}
