//! What docblocks say of a value: `{@min 1}`, `{@format email}`, `{@default x}` and the like, as keywords of a schema.

use serde_json::{Value, json};

use super::docs::{Doc, Inline};
use super::shape::Types;

/// The constraints of a member's docblock: in braces, or as tags of their own (`@min 1`).
pub(super) fn of_doc(doc: &Doc) -> Vec<Inline> {
    let (_, mut found) = doc.lead.inlines();
    for tag in &doc.tags {
        if is_known(&tag.name) {
            let (value, more) = tag.text.inlines();
            let value = value.trim().to_owned();
            found.push(Inline { name: tag.name.clone(), value, at: tag.at, closed: true });
            found.extend(more);
        }
    }
    found
}

const KNOWN: &[&str] = &[
    "min",
    "max",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "choice",
    "choice-from",
    "field",
    "default",
    "unique",
    "uniqueItems",
    "example",
    "multipleOf",
    "deprecated",
    "readOnly",
    "writeOnly",
    "label",
    "placeholder",
    "hint",
    "hidden",
    "accept",
];

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Puts constraints into a schema. Says whether there is a default, so that the value may be left out.
pub(super) fn apply(types: &Types<'_, '_>, file: usize, schema: &mut Value, inlines: &[Inline]) -> bool {
    for inline in inlines {
        let complain = |message: String, help: &str| types.error(file, inline.at, inline.name.len() + 2, message, help);
        if !inline.closed {
            complain(format!("'{{@{}' is not closed", inline.name), "add a } at its end");
            continue;
        }
        if let Err((message, help)) = one(schema, &inline.name, &inline.value) {
            complain(message, help);
        }
    }
    if let Some(inline) = inlines.iter().find(|inline| !is_known(&inline.name)) {
        let message = format!("'{{@{}}}' is not known and has no effect", inline.name);
        types.note(file, inline.at, inline.name.len() + 2, message, "see the list of constraints in the documentation");
    }
    for (low, high) in [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")] {
        if let (Some(least), Some(most)) = (schema[low].as_f64(), schema[high].as_f64())
            && least > most
            && let Some(inline) = inlines.iter().find(|inline| inline.name.starts_with("max"))
        {
            let message = format!("no value fits: the least is {least} and the most is {most}");
            types.error(file, inline.at, inline.name.len() + 2, message, "exchange them");
        }
    }
    schema.get("default").is_some()
}

type Failure = (String, &'static str);

fn one(schema: &mut Value, name: &str, value: &str) -> Result<(), Failure> {
    // What says something about the whole value stands beside the alternatives; the rest goes into each that it fits.
    let inside = matches!(
        name,
        "min"
            | "max"
            | "minimum"
            | "maximum"
            | "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "pattern"
            | "multipleOf"
            | "unique"
            | "uniqueItems"
            | "format"
    );
    if inside && let Some(Value::Array(alternatives)) = schema.get_mut("anyOf") {
        let mut last = Ok(());
        let mut fits = false;
        for alternative in alternatives {
            match single(alternative, name, value) {
                Ok(()) => fits = true,
                Err(failure) => last = Err(failure),
            }
        }
        return if fits { Ok(()) } else { last };
    }
    single(schema, name, value)
}

fn single(schema: &mut Value, name: &str, value: &str) -> Result<(), Failure> {
    match name {
        "min" | "max" => bound(schema, name == "min", value),
        "minimum" | "maximum" | "multipleOf" => {
            let n = amount(name, value)?;
            if name == "multipleOf" && n.as_f64().is_none_or(|n| n <= 0.0) {
                return Err((
                    format!("'@multipleOf {value}': only a number above 0 has multiples"),
                    "write a number above 0",
                ));
            }
            put(schema, name, n)
        }
        "minLength" | "maxLength" | "minItems" | "maxItems" => {
            let n = value.parse::<u64>().map_err(|_| not_a_count(name, value))?;
            put(schema, name, n.into())
        }
        "pattern" => {
            if jsonschema::options().build(&json!({ "pattern": value })).is_err() {
                return Err((format!("'{value}' is not a regular expression"), "check its brackets and backslashes"));
            }
            expect_type(schema, name, "string")?;
            put(schema, "pattern", value.into())
        }
        "format" => put(schema, "format", needed(name, value)?.into()),
        "choice" => choice(schema, value),
        "choice-from" => put(schema, "x-choiceFrom", needed(name, value)?.into()),
        "field" => {
            if value == "integer" && schema["type"] == "number" {
                schema["type"] = "integer".into();
            }
            put(schema, "field", needed(name, value)?.into())
        }
        "default" => {
            let value = typed(schema, value);
            put(schema, "default", value)
        }
        "example" => {
            let value = typed(schema, value);
            match schema.get_mut("examples") {
                Some(Value::Array(examples)) => examples.push(value),
                _ => schema["examples"] = json!([value]),
            }
            Ok(())
        }
        "unique" | "uniqueItems" => {
            expect_type(schema, name, "array")?;
            put(schema, "uniqueItems", true.into())
        }
        "deprecated" => {
            if !value.is_empty() {
                schema["x-deprecated"] = value.into();
            }
            put(schema, "deprecated", true.into())
        }
        "readOnly" | "writeOnly" => {
            let other = if name == "readOnly" { "writeOnly" } else { "readOnly" };
            if let Some(map) = schema.as_object_mut() {
                map.remove(other);
            }
            put(schema, name, true.into())
        }
        "label" => put(schema, "title", needed(name, value)?.into()),
        "placeholder" | "hint" | "accept" => put(schema, name, needed(name, value)?.into()),
        "hidden" => put(schema, "hidden", true.into()),
        _ => Ok(()),
    }
}

fn put(schema: &mut Value, keyword: &str, value: Value) -> Result<(), Failure> {
    schema[keyword] = value;
    Ok(())
}

fn needed<'v>(name: &str, value: &'v str) -> Result<&'v str, Failure> {
    if value.is_empty() { Err((format!("'@{name}' needs a value"), "write it after the name")) } else { Ok(value) }
}

fn amount(name: &str, value: &str) -> Result<Value, Failure> {
    let n = value.parse::<f64>().ok().filter(|n| n.is_finite());
    n.map(super::values::number)
        .ok_or_else(|| (format!("'@{name} {value}': this is not a number"), "write a number, as in {@min 1}"))
}

fn not_a_count(name: &str, value: &str) -> Failure {
    (format!("'@{name} {value}': this is not a whole number from 0"), "write a whole number")
}

/// The type that a schema names; the first, if it may also be null.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.first()?.as_str(),
        _ => None,
    }
}

fn expect_type(schema: &Value, name: &str, wanted: &str) -> Result<(), Failure> {
    match type_of(schema) {
        Some(found) if found != wanted => Err((
            format!("'@{name}' is for a value of type {wanted}, and this is {found}"),
            "take it away, or change the type",
        )),
        _ => Ok(()),
    }
}

/// `min` and `max` mean what the type makes of them.
fn bound(schema: &mut Value, least: bool, value: &str) -> Result<(), Failure> {
    let name = if least { "min" } else { "max" };
    let n = amount(name, value)?;
    let keyword = match (type_of(schema), least) {
        (Some("number" | "integer") | None, true) => "minimum",
        (Some("number" | "integer") | None, false) => "maximum",
        (Some("string"), true) => "minLength",
        (Some("string"), false) => "maxLength",
        (Some("array"), true) => "minItems",
        (Some("array"), false) => "maxItems",
        (Some(other), _) => {
            return Err((format!("'@{name}' is for numbers, strings and arrays, and this is {other}"), "take it away"));
        }
    };
    if !keyword.ends_with("imum") && n.as_u64().is_none() {
        return Err(not_a_count(name, value));
    }
    put(schema, keyword, n)
}

fn choice(schema: &mut Value, value: &str) -> Result<(), Failure> {
    let target =
        if type_of(schema) == Some("array") && schema.get("items").is_some() { &mut schema["items"] } else { schema };
    let names = needed("choice", value)?.split(',').map(str::trim).filter(|name| !name.is_empty());
    let values: Vec<Value> = names.map(|name| typed(target, name)).collect();
    if matches!(type_of(target), Some("number" | "integer")) && values.iter().any(|value| !value.is_number()) {
        return Err((format!("'@choice {value}': this is a number, and not all of these are"), "write numbers"));
    }
    if let Some(map) = target.as_object_mut() {
        map.remove("const");
    }
    put(target, "enum", values.into())
}

/// A text as a value of a schema's type: JSON, unless text is wanted.
fn typed(schema: &Value, text: &str) -> Value {
    let json = serde_json::from_str::<Value>(text);
    match (type_of(schema), json) {
        (Some("string"), Ok(Value::String(text))) => text.into(),
        (Some("string"), _) | (_, Err(_)) => text.into(),
        (_, Ok(value)) => value,
    }
}
