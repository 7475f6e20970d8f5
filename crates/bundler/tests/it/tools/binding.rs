//! Parameters as a schema, and arguments as parameters.

use bundler::tools::{Binding, bind, unknown};
use serde_json::{Map, Value, json};

use super::{named, of, tool};

fn args(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn object(param: &str) -> Binding {
    Binding::Object { param: param.into(), optional: false }
}

fn positional(params: &[&str], rest: bool) -> Binding {
    Binding::Positional { params: params.iter().map(|name| (*name).to_owned()).collect(), rest }
}

#[test]
fn parameters_become_a_schema() {
    let ab =
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]});
    let open = json!({"type": "object", "properties": {}});
    for (params, expected, binding) in [
        ("", open.clone(), Binding::None),
        ("p: { a: string, b?: number }", ab.clone(), object("p")),
        ("p: I", ab.clone(), object("p")),
        ("p: Partial<I> & { a: string }", ab.clone(), object("p")),
        ("a: string, b?: number", ab.clone(), positional(&["a", "b"], false)),
        ("a: string, b: number | undefined", ab.clone(), positional(&["a", "b"], false)),
        ("{ a, b }: I", ab.clone(), object("")),
        ("p?: I", ab.clone(), Binding::Object { param: "p".into(), optional: true }),
        ("p: I | string", ab.clone(), object("p")),
        (
            "a: string, b = 5",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number", "default": 5}}, "required": ["a"]}),
            positional(&["a", "b"], false),
        ),
        (
            "{ a, b = 5 }: { a: string, b?: number }",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number", "default": 5}}, "required": ["a"]}),
            object(""),
        ),
        (
            "p: { a: string, b: number } = { a: 'x', b: 2 }",
            json!({"type": "object", "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "number", "default": 2}}}),
            Binding::Object { param: "p".into(), optional: true },
        ),
        (
            "a: string",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
            positional(&["a"], false),
        ),
        (
            "a: string[] = []",
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}, "default": []}}}),
            positional(&["a"], false),
        ),
        (
            "when: Date, how = 'fast'",
            json!({"type": "object", "properties": {"when": {"type": "string", "format": "date-time"}, "how": {"type": "string", "default": "fast"}}, "required": ["when"]}),
            positional(&["when", "how"], false),
        ),
        (
            "a: string, ...rest: number[]",
            json!({"type": "object", "properties": {"a": {"type": "string"}, "rest": {"type": "array", "items": {"type": "number"}}}, "required": ["a"]}),
            positional(&["a", "rest"], true),
        ),
        (
            "a: I, { x }: { x: 1 }",
            json!({"type": "object", "properties": {"a": ab, "arg2": {"type": "object", "properties": {"x": {"type": "number", "const": 1}}, "required": ["x"]}}, "required": ["a", "arg2"]}),
            positional(&["a", "arg2"], false),
        ),
        // Without types: all arguments as one object, as seed 000 has it.
        ("params", open.clone(), object("params")),
        ("p", open.clone(), object("p")),
        ("params: any", open.clone(), object("params")),
        (
            "value: any",
            json!({"type": "object", "properties": {"value": {}}, "required": ["value"]}),
            positional(&["value"], false),
        ),
        (
            "{ a, b = 2 }",
            json!({"type": "object", "properties": {"a": {}, "b": {"default": 2}}, "required": ["a"]}),
            object(""),
        ),
        (
            "a, b",
            json!({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]}),
            positional(&["a", "b"], false),
        ),
        (
            "all: Record<string, number>",
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "number"}}),
            object("all"),
        ),
        (
            "big = 2 ** 10, far = 60 * 1000, no = f()",
            json!({"type": "object", "properties": {"big": {"type": "number", "default": 1024}, "far": {"type": "number", "default": 60000}, "no": {}}}),
            positional(&["big", "far", "no"], false),
        ),
    ] {
        let photon =
            of(&format!("interface I {{ a: string; b?: number }}\nexport default class A {{ t({params}) {{}} }}"));
        let found = named(&photon, "t");
        assert_eq!(found.input_schema, expected, "{params}");
        assert_eq!(found.binding, binding, "{params}");
        assert_eq!((photon.errors, photon.warnings), (vec![], vec![]), "{params}");
    }
    // JavaScript with types in its docblock.
    let found = tool("/** @param {string} a Name\n * @param {number[]} [b] Counts */ t(a, b) {}");
    assert_eq!(
        found.input_schema,
        json!({"type": "object", "properties": {
            "a": {"type": "string", "description": "Name"},
            "b": {"type": "array", "items": {"type": "number"}, "description": "Counts"},
        }, "required": ["a"]})
    );
    let found = tool("/** @param {string} name Name */ t(name) {}");
    assert_eq!(found.binding, positional(&["name"], false));
}

#[test]
fn one_of_several_objects() {
    let found = tool("t(p: { kind: 'a', x: number } | { kind: 'b', y: string }) {}").input_schema;
    assert_eq!(found["type"], "object");
    assert_eq!(found["anyOf"].as_array().map(Vec::len), Some(2), "{found}");
    let photon = of("interface Node { name: string; next?: Node } export default class A { t(p: Node) {} }");
    let found = named(&photon, "t").input_schema;
    assert_eq!(found["type"], "object", "{found}");
    assert_eq!(found["properties"]["next"], json!({"$ref": "#/$defs/Node"}), "{found}");
    let tool = named(&photon, "t");
    assert!(bind(&tool, &args(json!({"name": "a", "next": {"name": "b"}}))).is_ok());
    assert!(bind(&tool, &args(json!({"name": "a", "next": {"name": 5}}))).is_err());
}

#[test]
fn arguments_become_parameters() {
    for (params, given, expected) in [
        ("", json!({}), json!([])),
        ("p: { a: string }", json!({"a": "x"}), json!([{"a": "x"}])),
        ("p: { a: string }", json!({"p": {"a": "x"}}), json!([{"a": "x"}])),
        ("p: { p: { a: 1 } }", json!({"p": {"a": 1}}), json!([{"p": {"a": 1}}])),
        ("p?: { a: string }", json!({}), json!([])),
        ("p: { a?: number }", json!({}), json!([{}])),
        ("a: string, b: number", json!({"b": 2, "a": "x"}), json!(["x", 2])),
        ("a?: string, b?: number", json!({"b": 2}), json!([null, 2])),
        ("a?: string, b?: number", json!({"a": "x"}), json!(["x"])),
        ("a = 1, b = 2", json!({"b": 3}), json!([1, 3])),
        ("a: string, ...b: number[]", json!({"a": "x", "b": [1, 2]}), json!(["x", 1, 2])),
        ("a: string, ...b: number[]", json!({"a": "x"}), json!(["x"])),
        ("params", json!({"any": 1, "thing": [2]}), json!([{"any": 1, "thing": [2]}])),
        ("params", json!({"params": {"a": 1}}), json!([{"params": {"a": 1}}])),
        ("{ a = 5 }: { a?: number }", json!({}), json!([{"a": 5}])),
    ] {
        let bound = bind(&tool(&format!("t({params}) {{}}")), &args(given.clone()));
        let bound: Vec<Value> = bound
            .unwrap_or_else(|e| panic!("{params} {given}: {e:?}"))
            .into_iter()
            .map(|v| v.unwrap_or(Value::Null))
            .collect();
        assert_eq!(json!(bound), expected, "{params} {given}");
    }
    let errors = bind(&tool("t(a: string, b: number) {}"), &args(json!({"b": "x"}))).expect_err("wrong");
    let mut messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    messages.sort();
    assert_eq!(messages, ["a is missing", "b must be a number, and is the string \"x\""]);
}

#[test]
fn arguments_that_no_parameter_takes() {
    let messages = |params: &str, given: Value| {
        let found = unknown(&tool(&format!("t({params}) {{}}")), &args(given));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        messages("p: { name: string }", json!({"nmae": "x"})),
        ["nmae is not a parameter; did you mean 'name'?"]
    );
    assert_eq!(messages("a: string, b: number", json!({"other": 1})), ["other is not a parameter; there are a, b"]);
    assert_eq!(messages("", json!({"x": 1})), ["x is not a parameter; the tool takes no parameters"]);
    assert_eq!(messages("p: { name: string }", json!({"p": {"name": "x"}})), [""; 0]);
    assert_eq!(messages("params", json!({"x": 1})), [""; 0]);
    assert_eq!(messages("p: { [key: string]: number }", json!({"x": 1})), [""; 0]);
    assert_eq!(messages("p: { a: 1 } | { b: 2 }", json!({"x": 1})), [""; 0]);
}

#[test]
fn results() {
    let result = json!({"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]});
    for (method, expected) in [
        ("async t(): Promise<{ n: number }> {}", Some(result.clone())),
        ("t(): R {}", Some(result.clone())),
        ("async *t(): AsyncGenerator<any, R, any> {}", Some(result.clone())),
        ("*t(): Generator<string, R> {}", Some(result.clone())),
        ("async *t(): AsyncIterable<string> {}", None),
        ("async *t(): AsyncGenerator<string> {}", None),
        ("async t(): Promise<void> {}", None),
        ("async t(): Promise<any> {}", None),
        ("t() {}", None),
        ("async t(): Promise<string[]> {}", Some(json!({"type": "array", "items": {"type": "string"}}))),
        (
            "async t(): Promise<R | null> {}",
            Some(json!({"type": ["object", "null"], "properties": {"n": {"type": "number"}}, "required": ["n"]})),
        ),
        ("async t(): Promise<R | undefined> {}", Some(result)),
    ] {
        let photon = of(&format!("interface R {{ n: number }}\nexport default class A {{ {method} }}"));
        assert_eq!(named(&photon, "t").output_schema, expected, "{method}");
        assert_eq!(photon.warnings, [], "{method}");
    }
}
