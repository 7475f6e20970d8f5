//! Which answers questions take.

use host::answers::{check, parse};
use run::Ask;
use serde_json::{Value, json};

fn ask(kind: &str, spec: Value) -> Ask {
    Ask { id: None, kind: kind.into(), message: "?".into(), spec: spec.into() }
}

#[test]
fn values() {
    let colours = json!({"options": ["red", {"value": 2, "label": "Blue"}]});
    let many = json!({"options": ["a", "b", "c"], "multi": true});
    let schema = json!({"schema": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "minLength": 2}, "age": {"type": "integer", "minimum": 0},
        "role": {"enum": ["x", "y"], "default": "x"}, "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    }}});
    // The expected answer, or a part of the error.
    let table: Vec<(&str, Value, Value, Result<Value, &str>)> = vec![
        ("text", json!({}), json!("x"), Ok(json!("x"))),
        ("text", json!({}), json!(""), Ok(json!(""))),
        ("text", json!({}), json!(1), Err("a text is expected, not a number")),
        ("text", json!({"minLength": 2}), json!("ä"), Err("at least 2 characters")),
        ("text", json!({"maxLength": 2}), json!("äö"), Ok(json!("äö"))),
        ("text", json!({"maxLength": 1}), json!("ab"), Err("at most 1 character are expected, not 2")),
        ("text", json!({"pattern": "^a+$"}), json!("aaa"), Ok(json!("aaa"))),
        ("text", json!({"pattern": "^a+$"}), json!("b"), Err("matches /^a+$/")),
        ("text", json!({"pattern": "b"}), json!("abc"), Ok(json!("abc"))),
        ("text", json!({"pattern": "(?=x)"}), json!("y"), Ok(json!("y"))),
        ("text", json!({"pattern": "(a{1000}){1000}{1000}"}), json!("y"), Ok(json!("y"))),
        ("password", json!({"minLength": 3}), json!("ab"), Err("at least 3")),
        ("confirm", json!({}), json!(false), Ok(json!(false))),
        ("confirm", json!({}), json!("yes"), Err("yes or no")),
        ("confirm", json!({}), Value::Null, Err("not null")),
        ("select", colours.clone(), json!("red"), Ok(json!("red"))),
        ("select", colours.clone(), json!(2), Ok(json!(2))),
        ("select", colours.clone(), json!("Blue"), Err("one of red, Blue is expected")),
        ("select", json!({}), json!("x"), Err("no options")),
        ("select", many.clone(), json!(["a", "c", "a"]), Ok(json!(["a", "c"]))),
        ("select", many.clone(), json!([]), Ok(json!([]))),
        ("select", many.clone(), json!("a"), Err("a list is expected")),
        ("select", many, json!(["z"]), Err("in the list")),
        ("number", json!({}), json!(1.5), Ok(json!(1.5))),
        ("number", json!({}), json!("1"), Err("a number is expected")),
        ("number", json!({"min": 2}), json!(1), Err("at least 2")),
        ("number", json!({"max": 2}), json!(3), Err("at most 2")),
        ("number", json!({"step": 0.1}), json!(0.3), Ok(json!(0.3))),
        ("number", json!({"step": 5, "min": 1}), json!(6), Ok(json!(6))),
        ("number", json!({"step": 5, "min": 1}), json!(5), Err("steps of 5 from 1")),
        ("number", json!({"step": 0}), json!(5), Ok(json!(5))),
        ("file", json!({}), json!("/a.pdf"), Ok(json!("/a.pdf"))),
        ("file", json!({}), json!(""), Err("the path of a file")),
        ("file", json!({"accept": ".pdf, .PNG"}), json!("a.png"), Ok(json!("a.png"))),
        ("file", json!({"accept": ".pdf"}), json!("a.exe"), Err("ends in .pdf")),
        ("file", json!({"accept": "image/*"}), json!("a"), Ok(json!("a"))),
        ("file", json!({"multiple": true}), json!(["a", {"name": "b"}]), Ok(json!(["a", {"name": "b"}]))),
        ("file", json!({"multiple": true}), json!("a"), Err("a list of paths")),
        ("date", json!({}), json!("2026-03-06"), Ok(json!("2026-03-06"))),
        ("date", json!({}), json!("2026-02-30"), Err("a date such as")),
        ("date", json!({}), json!("2026-03-06T10:30"), Err("a date such as")),
        ("date", json!({"min": "2026-03-07"}), json!("2026-03-06"), Err("2026-03-07 or later")),
        ("date", json!({"max": "2026-03-05"}), json!("2026-03-06"), Err("or earlier")),
        ("date", json!({"includeTime": true}), json!("2026-03-06T10:30"), Ok(json!("2026-03-06T10:30"))),
        ("date", json!({"includeTime": true}), json!("2026-03-06T10:30:00Z"), Ok(json!("2026-03-06T10:30:00Z"))),
        ("date", json!({"includeTime": true}), json!("noon"), Err("a date and time such as")),
        ("date", json!({}), json!(5), Err("a date such as")),
        (
            "form",
            schema.clone(),
            json!({"name": "Bo"}),
            Ok(json!({"action": "accept", "content": {"name": "Bo", "role": "x"}})),
        ),
        (
            "form",
            schema.clone(),
            json!({"action": "accept", "content": {"name": "Bo", "role": "y"}}),
            Ok(json!({"action": "accept", "content": {"name": "Bo", "role": "y"}})),
        ),
        ("form", schema.clone(), json!({"action": "decline"}), Ok(json!({"action": "decline"}))),
        ("form", schema.clone(), json!({"action": "cancel", "content": {}}), Ok(json!({"action": "cancel"}))),
        ("form", schema.clone(), json!({"action": "maybe"}), Err("not one of accept, decline, cancel")),
        ("form", schema.clone(), json!({}), Err("name: this field is required")),
        ("form", schema.clone(), json!({"name": "B"}), Err("name: at least 2")),
        ("form", schema.clone(), json!({"name": 3}), Err("name: string is expected, not a number")),
        ("form", schema.clone(), json!({"name": "Bo", "age": 1.5}), Err("age: integer is expected, not a fraction")),
        ("form", schema.clone(), json!({"name": "Bo", "age": -1}), Err("age: at least 0")),
        ("form", schema.clone(), json!({"name": "Bo", "role": "z"}), Err("role: one of \"x\", \"y\"")),
        ("form", schema.clone(), json!({"name": "Bo", "tags": ["a", 1]}), Err("tags[1]: string is expected")),
        ("form", schema.clone(), json!({"name": "Bo", "tags": ["a", "b", "c"]}), Err("tags: a list of 0 to 2")),
        ("form", schema, json!("x"), Err("an object with the form's fields")),
        ("form", json!({}), json!({"x": 1}), Ok(json!({"action": "accept", "content": {"x": 1}}))),
        ("url", json!({}), json!(true), Ok(json!(true))),
        ("url", json!({}), json!({"action": "accept"}), Ok(json!({"action": "accept"}))),
        ("url", json!({}), json!(4), Err("not a number")),
        ("colour", json!({}), json!({"any": 1}), Ok(json!({"any": 1}))),
    ];
    for (kind, spec, value, expected) in table {
        let given = check(&ask(kind, spec.clone()), value.clone());
        compare(given, expected, &format!("{kind} {spec} {value}"));
    }
}

#[test]
fn texts() {
    let colours = json!({"options": ["red", {"value": 2, "label": "Blue"}, "x,y"], "default": "red"});
    let many = json!({"options": ["a", "b", {"value": 3, "label": "c"}], "multi": true});
    let table: Vec<(&str, Value, &str, Result<Value, &str>)> = vec![
        ("text", json!({}), " a b \n", Ok(json!(" a b "))),
        ("text", json!({"default": "d"}), "", Ok(json!("d"))),
        ("text", json!({}), "true", Ok(json!("true"))),
        ("password", json!({}), " p \r\n", Ok(json!(" p "))),
        ("confirm", json!({}), "Y", Ok(json!(true))),
        ("confirm", json!({}), "no", Ok(json!(false))),
        ("confirm", json!({}), "false", Ok(json!(false))),
        ("confirm", json!({"default": false}), "", Ok(json!(false))),
        ("confirm", json!({}), "", Err("yes or no")),
        ("confirm", json!({}), "perhaps", Err("yes or no")),
        ("number", json!({}), " 42 ", Ok(json!(42))),
        ("number", json!({}), "-1.5e3", Ok(json!(-1500.0))),
        ("number", json!({}), "NaN", Err("a number is expected")),
        ("number", json!({}), "1,5", Err("a number is expected")),
        ("number", json!({"max": 3}), "4", Err("at most 3")),
        ("select", colours.clone(), "red", Ok(json!("red"))),
        ("select", colours.clone(), "BLUE", Ok(json!(2))),
        ("select", colours.clone(), "2", Ok(json!(2))),
        ("select", colours.clone(), "3", Ok(json!("x,y"))),
        ("select", colours.clone(), "0", Err("its number from 1 to 3")),
        ("select", colours.clone(), "", Ok(json!("red"))),
        ("select", colours, "green", Err("one of red, Blue, x,y is expected")),
        ("select", json!({"options": []}), "green", Err("no options")),
        ("select", many.clone(), "a, 3", Ok(json!(["a", 3]))),
        ("select", many.clone(), "[\"a\",3]", Ok(json!(["a", 3]))),
        ("select", many.clone(), "", Ok(json!([]))),
        ("select", many, "a,z", Err("one of a, b, c")),
        ("file", json!({}), " ./a b.txt ", Ok(json!("./a b.txt"))),
        ("file", json!({"multiple": true}), "a, b", Ok(json!(["a", "b"]))),
        ("date", json!({}), "2026-03-06", Ok(json!("2026-03-06"))),
        ("date", json!({}), "6 March", Err("a date such as")),
        ("form", json!({}), "{\"a\": 1}", Ok(json!({"action": "accept", "content": {"a": 1}}))),
        ("form", json!({}), "cancel", Ok(json!({"action": "cancel"}))),
        ("form", json!({}), "", Ok(json!({"action": "accept", "content": {}}))),
        ("form", json!({}), "{a", Err("as JSON are expected")),
        ("url", json!({}), "", Ok(json!(true))),
        ("url", json!({}), "n", Ok(json!(false))),
        ("other", json!({}), "{\"a\": 1}", Ok(json!({"a": 1}))),
        ("other", json!({}), "plain", Ok(json!("plain"))),
    ];
    for (kind, spec, text, expected) in table {
        compare(parse(&ask(kind, spec.clone()), text), expected, &format!("{kind} {spec} {text:?}"));
    }
}

fn compare(given: Result<Value, String>, expected: Result<Value, &str>, case: &str) {
    match (given, expected) {
        (Ok(given), Ok(expected)) => assert_eq!(given, expected, "{case}"),
        (Err(given), Err(part)) => assert!(given.contains(part), "{case}: {given}"),
        (given, expected) => panic!("{case}: {given:?}, not {expected:?}"),
    }
}
