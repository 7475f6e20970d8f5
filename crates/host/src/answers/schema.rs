//! The part of JSON Schema that forms use: types, bounds, choices, required fields. What is unknown does not bind.

use serde_json::{Map, Value};

use super::{check_number, check_text, kind_of};

/// Deeper forms are not looked into.
const MAX_DEPTH: usize = 32;

/// Checks `value` and fills in defaults of fields that are missing. `place` is the path to it, for messages.
pub(super) fn check(schema: &Value, value: &mut Value, place: &str) -> Result<(), String> {
    at_depth(schema, value, place, 0)
}

fn at_depth(schema: &Value, value: &mut Value, place: &str, depth: usize) -> Result<(), String> {
    let Value::Object(schema) = schema else { return Ok(()) };
    if depth > MAX_DEPTH {
        return Err(format!("{}the form is nested too deeply", prefix(place)));
    }
    check_type(schema, value, place)?;
    check_choices(schema, value, place)?;
    let named = |e: String| format!("{}{e}", prefix(place));
    match value {
        Value::String(text) => check_text(schema, text).map_err(named),
        Value::Number(n) => {
            let n = n.as_f64().unwrap_or(f64::NAN);
            check_number(schema, n, "minimum", "maximum").map_err(named)?;
            match (bound(schema, "exclusiveMinimum"), bound(schema, "exclusiveMaximum")) {
                (Some(low), _) if n <= low => Err(named(format!("more than {low} is expected, not {n}"))),
                (_, Some(high)) if n >= high => Err(named(format!("less than {high} is expected, not {n}"))),
                _ => Ok(()),
            }
        }
        Value::Array(items) => {
            let (least, most) = (count(schema, "minItems"), count(schema, "maxItems"));
            if least.is_some_and(|least| items.len() < least) || most.is_some_and(|most| items.len() > most) {
                let bounds =
                    format!("{} to {}", least.unwrap_or(0), most.map_or("any number".into(), |m| m.to_string()));
                return Err(named(format!("a list of {bounds} entries is expected, not of {}", items.len())));
            }
            let Some(each) = schema.get("items") else { return Ok(()) };
            for (i, item) in items.iter_mut().enumerate() {
                at_depth(each, item, &format!("{place}[{i}]"), depth + 1)?;
            }
            Ok(())
        }
        Value::Object(fields) => check_fields(schema, fields, place, depth),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn check_fields(
    schema: &Map<String, Value>,
    fields: &mut Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<(), String> {
    let path = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            if !fields.contains_key(name)
                && let Some(default) = property.get("default")
            {
                fields.insert(name.clone(), default.clone());
            }
            if let Some(value) = fields.get_mut(name) {
                at_depth(property, value, &path(name), depth + 1)?;
            }
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(false))
            && let Some(unknown) = fields.keys().find(|name| !properties.contains_key(*name))
        {
            return Err(format!("{}: the form has no such field", path(unknown)));
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    match required.into_iter().flatten().filter_map(Value::as_str).find(|name| !fields.contains_key(*name)) {
        Some(missing) => Err(format!("{}: this field is required", path(missing))),
        None => Ok(()),
    }
}

fn check_type(schema: &Map<String, Value>, value: &Value, place: &str) -> Result<(), String> {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = |wanted: &str| match wanted {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    if types.is_empty() || types.iter().any(|wanted| is(wanted)) {
        return Ok(());
    }
    let given = if types.contains(&"integer") && value.is_number() { "a fraction" } else { kind_of(value) };
    Err(format!("{}{} is expected, not {given}", prefix(place), types.join(" or ")))
}

fn check_choices(schema: &Map<String, Value>, value: &Value, place: &str) -> Result<(), String> {
    let mut choices: Vec<&Value> = Vec::new();
    if let Some(Value::Array(list)) = schema.get("enum") {
        choices.extend(list);
    }
    choices.extend(schema.get("const"));
    for key in ["oneOf", "anyOf"] {
        // Titled choices: each alternative is one constant.
        if let Some(Value::Array(list)) = schema.get(key)
            && list.iter().all(|one| one.get("const").is_some())
        {
            choices.extend(list.iter().filter_map(|one| one.get("const")));
        }
    }
    if choices.is_empty() || choices.contains(&value) {
        return Ok(());
    }
    let names: Vec<String> = choices.iter().map(ToString::to_string).collect();
    Err(format!("{}one of {} is expected, not {value}", prefix(place), names.join(", ")))
}

fn bound(schema: &Map<String, Value>, name: &str) -> Option<f64> {
    schema.get(name).and_then(Value::as_f64)
}

fn count(schema: &Map<String, Value>, name: &str) -> Option<usize> {
    schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
}

fn prefix(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("{place}: ") }
}
