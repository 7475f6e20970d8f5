//! Values against schemas, and texts as values.

use bundler::tools::{coerce, validate};
use serde_json::{Value, json};

use super::tool;

#[test]
fn errors_name_the_field_in_plain_words() {
    let body = r"t(p: {
        name?: string, age?: number, on?: boolean, tags?: string[], kind?: 'a' | 'b', one?: 'x', either?: number | string[],
        shape?: { type: 'circle', r: number } | { type: 'square', side: number }, when?: Date, at?: { city: string }[],
        pair?: [string, number], /** {@min 1} {@max 5} */ n?: number, /** {@min 2} {@max 3} */ s?: string,
        /** {@pattern ^a} */ pat?: string, /** {@format email} */ mail?: string, set?: Set<number>,
        /** {@field integer} */ whole?: number, maybe?: string | null, /** {@multipleOf 5} */ fives?: number,
    }) {}";
    let schema = tool(body).input_schema;
    for (value, expected) in [
        (json!({"name": 5}), "name must be a string, and is 5"),
        (json!({"age": "x"}), "age must be a number, and is the string \"x\""),
        (json!({"on": "yes"}), "on must be true or false, and is the string \"yes\""),
        (json!({"tags": ["a", 2]}), "tags[1] must be a string, and is 2"),
        (json!({"tags": {}}), "tags must be a list, and is an object"),
        (json!({"kind": "c"}), "kind must be one of \"a\", \"b\", and is \"c\""),
        (json!({"one": "y"}), "one must be \"x\", and is \"y\""),
        (json!({"either": true}), "either must be a number or a list, and is true"),
        (json!({"either": [1]}), "either[0] must be a string, and is 1"),
        (json!({"shape": {"type": "circle"}}), "shape.r is missing"),
        (json!({"shape": {"type": "square", "side": "x"}}), "shape.side must be a number, and is the string \"x\""),
        (json!({"shape": {"type": "line"}}), "shape.type must be one of \"circle\", \"square\", and is \"line\""),
        (json!({"when": "soon"}), "when must be a date and time, as in 2026-01-31T12:00:00Z"),
        (json!({"at": [{"city": "x"}, {}]}), "at[1].city is missing"),
        (json!({"pair": ["a"]}), "pair must have at least 2 items"),
        (json!({"pair": ["a", 1, 2]}), "pair must have at most 2 items"),
        (json!({"n": 0}), "n must be at least 1, and is 0"),
        (json!({"n": 6}), "n must be at most 5, and is 6"),
        (json!({"s": "a"}), "s must have at least 2 characters"),
        (json!({"s": "abcd"}), "s must have at most 3 characters"),
        (json!({"pat": "b"}), "pat must match the pattern ^a"),
        (json!({"mail": "b"}), "mail must be an email address"),
        (json!({"set": [1, 1]}), "set has an item twice"),
        (json!({"whole": 1.5}), "whole must be a whole number, and is 1.5"),
        (json!({"maybe": 1}), "maybe must be a string or null, and is 1"),
        (json!({"fives": 7}), "fives must be a multiple of 5"),
        (json!([]), "must be an object, and is a list"),
    ] {
        let errors = validate(&schema, &value).expect_err(expected);
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected], "{value}");
    }
    let good = json!({"name": "", "age": 1, "tags": [], "kind": "a", "shape": {"type": "circle", "r": 1}, "extra": 1, "maybe": null});
    assert_eq!(validate(&schema, &good), Ok(()));
    // Many complaints are cut short, long values as well.
    let many: Vec<Value> = (0..1_000).map(Value::from).collect();
    assert_eq!(validate(&schema, &json!({ "tags": many })).expect_err("wrong").len(), 20);
    let long = validate(&schema, &json!({"kind": "x".repeat(10_000)})).expect_err("wrong");
    assert!(long[0].message.len() < 200, "{long:?}");
    let errors = validate(&json!({"type": "nothing"}), &json!(1)).expect_err("no schema");
    assert!(errors[0].message.starts_with("cannot be checked: the schema is not valid"), "{errors:?}");
    let errors = validate(&json!({"$ref": "https://example.com/a.json"}), &json!(1)).expect_err("nothing is fetched");
    assert!(errors[0].message.starts_with("cannot be checked"), "{errors:?}");
}

#[test]
fn texts_become_what_the_schema_wants() {
    let body = r"t(p: {
        s: string, n: number, b: boolean, l: string[], ns: number[], o: { a: 1 }, e: 'a' | 'b', en: 1 | 2, u: number | string,
        un: number | string[], m: string | null, mn: number | null, any: any, d: Date, tree: Tree, ub: boolean | 'auto', mixed: 'a' | 1,
    }) {}";
    let photon = super::of(&format!("interface Tree {{ kids?: Tree[] }}\nexport default class A {{ {body} }}"));
    let schema = super::named(&photon, "t").input_schema;
    for (name, text, expected) in [
        ("s", "5", json!("5")),
        ("s", "true", json!("true")),
        ("s", "", json!("")),
        ("n", "5", json!(5)),
        ("n", " -1.5e3 ", json!(-1500.0)),
        ("n", "+7", json!(7)),
        ("n", "x", json!("x")),
        ("n", "", json!("")),
        ("n", "NaN", json!("NaN")),
        ("b", "true", json!(true)),
        ("b", "No", json!(false)),
        ("b", "1", json!(true)),
        ("b", "maybe", json!("maybe")),
        ("l", "a,b", json!(["a", "b"])),
        ("l", r#"["a, b"]"#, json!(["a, b"])),
        ("l", "1", json!(["1"])),
        ("l", "", json!([])),
        ("ns", "1, 2", json!([1, 2])),
        ("ns", "1,x", json!([1, "x"])),
        ("o", r#"{"a":1}"#, json!({"a": 1})),
        ("o", "a", json!("a")),
        ("e", "a", json!("a")),
        ("e", "c", json!("c")),
        ("en", "2", json!(2)),
        ("en", "3", json!("3")),
        ("u", "5", json!(5)),
        ("u", "x", json!("x")),
        ("un", "5", json!(5)),
        ("un", "a,b", json!(["a", "b"])),
        ("m", "null", json!("null")),
        ("mn", "null", json!(null)),
        ("mn", "4", json!(4)),
        ("any", "5", json!(5)),
        ("any", "x", json!("x")),
        ("d", "2026", json!("2026")),
        ("tree", r#"{"kids":[]}"#, json!({"kids": []})),
        ("ub", "auto", json!("auto")),
        ("ub", "true", json!(true)),
        ("mixed", "1", json!(1)),
        ("mixed", "a", json!("a")),
        ("unheard", "5", json!(5)),
    ] {
        assert_eq!(coerce(&schema, name, text), expected, "{name}={text}");
    }
}
