//! Types on the left, schemas on the right.

use serde_json::{Value, json};

use super::schema;

/// Each case: declarations, a type, its schema.
#[track_caller]
fn check(cases: &[(&str, &str, Value)]) {
    for (declarations, ty, expected) in cases {
        let (found, photon) = schema(declarations, ty);
        assert_eq!(&found["properties"]["v"], expected, "{declarations} {ty}");
        assert_eq!(photon.warnings, [], "{declarations} {ty}");
        assert_eq!(found["required"], json!(["v"]), "{declarations} {ty}");
        // What is written is a schema.
        jsonschema::meta::validate(&found).unwrap_or_else(|error| panic!("{ty}: {error}"));
    }
}

#[test]
fn primitives_and_literals() {
    check(&[
        ("", "string", json!({"type": "string"})),
        ("", "number", json!({"type": "number"})),
        ("", "boolean", json!({"type": "boolean"})),
        ("", "bigint", json!({"type": "integer"})),
        ("", "null", json!({"type": "null"})),
        ("", "any", json!({})),
        ("", "unknown", json!({})),
        ("", "object", json!({"type": "object"})),
        ("", "{}", json!({"type": "object"})),
        ("", "(string)", json!({"type": "string"})),
        ("", "String", json!({"type": "string"})),
        ("", "'a'", json!({"type": "string", "const": "a"})),
        ("", "`a`", json!({"type": "string", "const": "a"})),
        ("", "5", json!({"type": "number", "const": 5})),
        ("", "-1.5", json!({"type": "number", "const": -1.5})),
        ("", "true", json!({"type": "boolean", "const": true})),
        ("", "Date", json!({"type": "string", "format": "date-time"})),
        ("", "URL", json!({"type": "string", "format": "uri"})),
        ("", "RegExp", json!({"type": "string", "format": "regex"})),
        ("", "Buffer", json!({"type": "string", "contentEncoding": "base64"})),
        ("", "Uint8Array", json!({"type": "string", "contentEncoding": "base64"})),
        ("", "Float64Array", json!({"type": "array", "items": {"type": "number"}})),
    ]);
}

#[test]
fn unions() {
    check(&[
        ("", "'a' | 'b'", json!({"type": "string", "enum": ["a", "b"]})),
        ("", "| 'a' | 'b' | 'a'", json!({"type": "string", "enum": ["a", "b"]})),
        ("", "1 | 2 | 3", json!({"type": "number", "enum": [1, 2, 3]})),
        ("", "true | false", json!({"type": "boolean"})),
        ("", "'a' | 1", json!({"enum": ["a", 1]})),
        ("", "string | number", json!({"anyOf": [{"type": "string"}, {"type": "number"}]})),
        ("", "string | null", json!({"type": ["string", "null"]})),
        ("", "null | number", json!({"type": ["number", "null"]})),
        ("", "'a' | 'b' | null", json!({"type": ["string", "null"], "enum": ["a", "b", null]})),
        ("", "'a' | null", json!({"anyOf": [{"type": "string", "const": "a"}, {"type": "null"}]})),
        ("", "string | number | null", json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]})),
        ("", "string | 'a'", json!({"type": "string"})),
        ("", "'a' | (string & {})", json!({"type": "string"})),
        ("", "number | 'auto'", json!({"anyOf": [{"type": "number"}, {"type": "string", "const": "auto"}]})),
        ("", "number | '+1' | '-1'", json!({"anyOf": [{"type": "number"}, {"type": "string", "enum": ["+1", "-1"]}]})),
        ("", "string | any", json!({})),
        ("", "string | never", json!({"type": "string"})),
        (
            "",
            "string | string[]",
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        ),
        ("type N = null;", "string | N", json!({"type": ["string", "null"]})),
        ("type A = 'a' | 'b'; type B = A | 'c';", "B", json!({"type": "string", "enum": ["a", "b", "c"]})),
        (
            "type A = { kind: 'a', x: number }; interface B { kind: 'b' }",
            "A | B",
            json!({"anyOf": [
                {"type": "object", "properties": {"kind": {"type": "string", "const": "a"}, "x": {"type": "number"}}, "required": ["kind", "x"]},
                {"type": "object", "properties": {"kind": {"type": "string", "const": "b"}}, "required": ["kind"]},
            ]}),
        ),
        (
            "",
            "{ a: 1 } | null",
            json!({"type": ["object", "null"], "properties": {"a": {"type": "number", "const": 1}}, "required": ["a"]}),
        ),
    ]);
}

#[test]
fn lists() {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    check(&[
        ("", "string[]", strings.clone()),
        ("", "readonly string[]", strings.clone()),
        ("", "Array<string>", strings.clone()),
        ("", "ReadonlyArray<string>", strings.clone()),
        ("", "Set<string>", json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true})),
        ("", "string[][]", json!({"type": "array", "items": strings})),
        ("", "('a' | 'b')[]", json!({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}})),
        (
            "",
            "[string, number]",
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "maxItems": 2, "minItems": 2}),
        ),
        (
            "",
            "[x: string, y?: number]",
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "maxItems": 2, "minItems": 1}),
        ),
        (
            "",
            "[string, number?]",
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "maxItems": 2, "minItems": 1}),
        ),
        (
            "",
            "[string, ...number[]]",
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "number"}, "minItems": 1}),
        ),
        ("", "[...string[]]", json!({"type": "array", "items": {"type": "string"}})),
        (
            "type P = [1, 2];",
            "[...P, 3]",
            json!({"type": "array", "prefixItems": [{"type": "number", "const": 1}, {"type": "number", "const": 2}, {"type": "number", "const": 3}], "maxItems": 3, "minItems": 3}),
        ),
        ("", "[]", json!({"type": "array", "maxItems": 0})),
        ("interface Names extends Array<string> {}", "Names", json!({"type": "array", "items": {"type": "string"}})),
    ]);
}

#[test]
fn objects() {
    let ab =
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]});
    check(&[
        ("", "{ a: string, b?: number }", ab.clone()),
        ("", "{ a: string; b: number | undefined }", ab.clone()),
        ("interface I { a: string; b?: number }", "I", ab.clone()),
        ("type I = { a: string; b?: number }", "I", ab.clone()),
        ("interface I { a: string } interface I { b?: number }", "I", ab.clone()),
        ("interface A { a: string } interface I extends A { b?: number }", "I", ab.clone()),
        ("interface A { a: string } interface B { b?: number } interface I extends A, B {}", "I", ab.clone()),
        ("type A = { a: string }", "A & { b?: number }", ab.clone()),
        ("export class I { a: string; b?: number; private c = 1; #d = 2; static e = 3; f() {} }", "I", ab.clone()),
        ("export class A { a!: string } class I extends A { b?: number }", "I", ab.clone()),
        (
            "export class I { constructor(public a: string, readonly b?: number, private c?: string, d?: string) {} }",
            "I",
            ab.clone(),
        ),
        ("namespace N { export interface I { a: string; b?: number } }", "N.I", ab.clone()),
        (
            "namespace N { export interface A { a: string } export interface I extends A { b?: number } }",
            "N.I",
            ab.clone(),
        ),
        ("type Maybe<T> = T | undefined", "{ a: string, b: Maybe<number> }", ab.clone()),
        ("", "{ a: string, b?: number, f?: () => void, g(): string, s: symbol }", ab.clone()),
        ("", "{ 'a': string, ['b']?: number }", ab),
        (
            "",
            "{ readonly a: string }",
            json!({"type": "object", "properties": {"a": {"type": "string", "readOnly": true}}, "required": ["a"]}),
        ),
        ("", "{ [key: string]: number }", json!({"type": "object", "additionalProperties": {"type": "number"}})),
        ("", "Record<string, number>", json!({"type": "object", "additionalProperties": {"type": "number"}})),
        ("", "Map<string, boolean>", json!({"type": "object", "additionalProperties": {"type": "boolean"}})),
        (
            "",
            "{ a: string, [key: string]: unknown }",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": {}}),
        ),
        ("", "{ 1: string }", json!({"type": "object", "properties": {"1": {"type": "string"}}, "required": ["1"]})),
        (
            "interface A { a: string | number } interface I extends A { a: string }",
            "I",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ),
        (
            "type A = { a: string | number }",
            "A & { a: string | boolean }",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ),
        (
            "",
            "{ get a(): string; set a(v: string) }",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ),
    ]);
}

#[test]
fn enums() {
    check(&[
        ("enum E { A, B, C }", "E", json!({"type": "number", "enum": [0, 1, 2]})),
        ("enum E { A = 'a', B = 'b' }", "E", json!({"type": "string", "enum": ["a", "b"]})),
        ("export const enum E { A = 1, B, C = 10, D }", "E", json!({"type": "number", "enum": [1, 2, 10, 11]})),
        ("enum E { A = 1 << 0, B = 1 << 1, C = A | B }", "E.B", json!({"type": "number", "const": 2})),
        ("enum E { A = 'a', B = 1 }", "E", json!({"enum": ["a", 1]})),
        ("enum E { A = -1, B }", "E", json!({"type": "number", "enum": [-1, 0]})),
        ("enum E { A = 'a', B = A }", "E", json!({"type": "string", "const": "a"})),
        ("enum E { A = 'a', B = 'b' }", "keyof typeof E", json!({"type": "string", "enum": ["A", "B"]})),
        ("enum E { A = 'a', B = 'b' }", "`${E}!`", json!({"type": "string", "enum": ["a!", "b!"]})),
        ("declare enum E { A = 'a' }", "E.A", json!({"type": "string", "const": "a"})),
    ]);
}

#[test]
fn operators_with_syntax() {
    check(&[
        ("type A = { a: string, b: number }", "keyof A", json!({"type": "string", "enum": ["a", "b"]})),
        ("type A = { a: string, b: number }", "A['a']", json!({"type": "string"})),
        ("type A = { a: string, b: number }", "A[keyof A]", json!({"anyOf": [{"type": "string"}, {"type": "number"}]})),
        ("type A = { a: { b: 1 }[] }", "A['a'][number]['b']", json!({"type": "number", "const": 1})),
        ("const L = ['a', 'b'] as const;", "typeof L[number]", json!({"type": "string", "enum": ["a", "b"]})),
        ("const L = ['a', 'b'];", "typeof L[number]", json!({"type": "string"})),
        (
            "const L = Object.freeze(['a', 'b'] as const);",
            "(typeof L)[number]",
            json!({"type": "string", "enum": ["a", "b"]}),
        ),
        ("const O = { a: 1, b: 'x' } as const;", "keyof typeof O", json!({"type": "string", "enum": ["a", "b"]})),
        ("const O = { a: 1, b: 'x' } as const; type O = typeof O[keyof typeof O];", "O", json!({"enum": [1, "x"]})),
        (
            "const O = { a: 1 } satisfies Record<string, number>;",
            "typeof O",
            json!({"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}),
        ),
        (
            "const O = { a: { b: true } };",
            "typeof O.a",
            json!({"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]}),
        ),
        ("const X = 'x';", "typeof X", json!({"type": "string", "const": "x"})),
        ("let x = 5;", "typeof x", json!({"type": "number"})),
        (
            "type M = { [K in 'a' | 'b']: number }",
            "M",
            json!({"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}),
        ),
        (
            "type M = { [K in 'a' | 'b']?: K }",
            "M",
            json!({"type": "object", "properties": {"a": {"type": "string", "const": "a"}, "b": {"type": "string", "const": "b"}}}),
        ),
        (
            "type A = { a?: string }; type M<T> = { [K in keyof T]: T[K][] }",
            "M<A>",
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}),
        ),
        (
            "type A = { a?: string }; type M<T> = { [K in keyof T]-?: boolean }",
            "M<A>",
            json!({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}),
        ),
        (
            "type A = { a: 1 }; type G<T> = { [K in keyof T as `get_${K & string}`]: T[K] }",
            "G<A>",
            json!({"type": "object", "properties": {"get_a": {"type": "number", "const": 1}}, "required": ["get_a"]}),
        ),
        ("", "{ [K in string]: number }", json!({"type": "object", "additionalProperties": {"type": "number"}})),
        (
            "type C<T> = T extends string ? 'text' : 'other';",
            "C<'x' | 5>",
            json!({"type": "string", "enum": ["text", "other"]}),
        ),
        ("type Item<T> = T extends (infer U)[] ? U : never;", "Item<string[]>", json!({"type": "string"})),
        ("type Inner<T> = T extends Promise<infer U> ? U : T;", "Inner<Promise<number>>", json!({"type": "number"})),
        ("", "`a${string}`", json!({"type": "string", "pattern": r"^a[\s\S]*$"})),
        ("", "`${number}px`", json!({"type": "string", "pattern": r"^-?\d+(?:\.\d+)?px$"})),
        ("", "`${'a' | 'b'}-${1 | 2}`", json!({"type": "string", "enum": ["a-1", "a-2", "b-1", "b-2"]})),
        ("", "`v${'a' | 'b'}.${number}`", json!({"type": "string", "pattern": r"^v(?:a|b)\.-?\d+(?:\.\d+)?$"})),
        ("type Id = string & { readonly __brand: 'Id' };", "Id", json!({"type": "string"})),
        ("declare const tag: unique symbol; type Id = number & { [tag]: 'Id' };", "Id", json!({"type": "number"})),
    ]);
}

#[test]
fn the_standard_library() {
    let ab = "interface A { a: string; b?: number }";
    check(&[
        (ab, "Partial<A>", json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}})),
        (
            ab,
            "Required<A>",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a", "b"]}),
        ),
        (
            ab,
            "Readonly<A>",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]}),
        ),
        (ab, "Pick<A, 'a'>", json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})),
        (ab, "Omit<A, 'a'>", json!({"type": "object", "properties": {"b": {"type": "number"}}})),
        (
            ab,
            "Omit<A, 'b'> & { c: boolean }",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "c": {"type": "boolean"}}, "required": ["a", "c"]}),
        ),
        (ab, "Partial<Pick<A, 'a'>>", json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        (
            ab,
            "Record<keyof A, boolean>",
            json!({"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}}, "required": ["a", "b"]}),
        ),
        (
            "",
            "Record<'x' | 'y', number>",
            json!({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]}),
        ),
        ("", "Partial<Record<'x', number>>", json!({"type": "object", "properties": {"x": {"type": "number"}}})),
        ("", "NonNullable<string | null | undefined>", json!({"type": "string"})),
        ("", "Exclude<'a' | 'b' | 'c', 'a'>", json!({"type": "string", "enum": ["b", "c"]})),
        ("", "Extract<'a' | 1 | true, string>", json!({"type": "string", "const": "a"})),
        ("", "Uppercase<'ab'>", json!({"type": "string", "const": "AB"})),
        ("", "Capitalize<'ab' | 'cd'>", json!({"type": "string", "enum": ["Ab", "Cd"]})),
        ("", "Promise<string>", json!({"type": "string"})),
        ("", "Awaited<Promise<string>>", json!({"type": "string"})),
        (
            "type Date = { day: number };",
            "Date",
            json!({"type": "object", "properties": {"day": {"type": "number"}}, "required": ["day"]}),
        ),
    ]);
}

#[test]
fn generics() {
    let page = json!({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}}, "next": {"type": "string"}}, "required": ["items"]});
    check(&[
        ("interface Page<T> { items: T[]; next?: string }", "Page<string>", page.clone()),
        ("type Page<T = string> = { items: T[]; next?: string }", "Page", page.clone()),
        (
            "interface Base<T> { items: T } interface Page<T> extends Base<T[]> { next?: string }",
            "Page<string>",
            page.clone(),
        ),
        ("class Page<T> { items: T[]; next?: string }", "Page<string>", page),
        (
            "type Pair<A, B = A> = [A, B]",
            "Pair<string>",
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "maxItems": 2, "minItems": 2}),
        ),
        ("type Nullable<T> = T | null", "Nullable<number>", json!({"type": ["number", "null"]})),
        (
            "type Pluck<T, K extends keyof T> = T[K]; type A = { a: 1, b: 2 }",
            "Pluck<A, 'b'>",
            json!({"type": "number", "const": 2}),
        ),
    ]);
}

#[test]
fn recursive_types_have_definitions() {
    let (found, _) = schema("interface Tree { name: string; kids?: Tree[] }", "Tree");
    assert_eq!(
        found,
        json!({
            "type": "object",
            "properties": {"v": {"$ref": "#/$defs/Tree"}},
            "required": ["v"],
            "$defs": {"Tree": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
                "required": ["name"],
            }},
        })
    );
    let (found, _) = schema("type Json = string | number | boolean | null | Json[] | { [key: string]: Json };", "Json");
    let json = &found["$defs"]["Json"]["anyOf"];
    assert_eq!(json[3], json!({"type": "array", "items": {"$ref": "#/$defs/Json"}}), "{found}");
    assert_eq!(json[4], json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/Json"}}), "{found}");
    for (declarations, ty) in [
        ("interface A { b?: B } interface B { a?: A }", "A"),
        ("interface Node<T> { value: T; next: Node<T> | null }", "Node<string>"),
        ("type Rose<T> = { value: T, kids: Rose<T>[] }", "Rose<{ x: Rose<number> }>"),
        ("class C { next?: C; all: Map<string, C> }", "C"),
        ("interface T { partial?: Partial<T> }", "T"),
        ("type E = { op: 'not', of: E } | { op: 'lit', value: boolean }", "E | null"),
        ("interface A { x: Pick<A, 'y'>; y: A[] }", "A"),
    ] {
        let (found, photon) = schema(declarations, ty);
        assert!(found["$defs"].is_object(), "{declarations}: {found}");
        assert_eq!(photon.warnings, [], "{declarations}");
        let validator = jsonschema::validator_for(&found);
        assert!(validator.is_ok(), "{declarations}: {found}");
    }
    // Two types of one name.
    let (found, _) = schema(
        "namespace A { export interface T { t?: T; a: 1 } } namespace B { export interface T { t?: T; b: 2 } }",
        "[A.T, B.T]",
    );
    assert_eq!(found["$defs"]["T"]["required"], json!(["a"]), "{found}");
    assert_eq!(found["$defs"]["T2"]["required"], json!(["b"]), "{found}");
}

#[test]
fn what_is_not_known_is_open_and_says_why() {
    for (declarations, ty, line, column, message) in [
        ("", "Nowhere", 2, 40, "this type is not known: 'Nowhere' is not declared in this file"),
        ("", "a.B", 2, 40, "this type is not known: 'a' is not declared in this file"),
        ("import { X } from './x';", "X", 2, 40, "this type is not known: there is no file './x'"),
        ("import { X } from 'node:fs';", "X", 2, 40, "this type is not known: 'node:fs' has no types here"),
        ("", "typeof nothing", 2, 40, "this value is not known: 'nothing' is not declared in this file"),
        ("type A = { a: 1 }", "A['b']", 2, 40, "there is no such member"),
        ("type A = A | string;", "A", 1, 0, "is defined by itself"),
        ("", "ReturnType<typeof f>", 2, 40, "this type is not known: 'ReturnType' is not declared in this file"),
    ] {
        let (found, photon) = schema(declarations, ty);
        let warning = photon.warnings.first().unwrap_or_else(|| panic!("{ty}: {found}"));
        assert!(warning.message.contains(message), "{ty}: {warning}");
        if column > 0 {
            assert_eq!((warning.line, warning.column), (line, column), "{warning}");
            assert_eq!(found["properties"]["v"], json!({}), "{ty}");
            assert_eq!(warning.file, "/app/notes.photon.ts");
        }
    }
}
