//! Answers as they are typed, at a prompt or on the command line.

use run::Ask;
use serde_json::{Map, Value, json};

use super::{check, flag, one_of, options, spec};

/// Reads what was typed, and checks it. Nothing typed stands for the question's `default`, where it has one.
pub fn parse(ask: &Ask, typed: &str) -> Result<Value, String> {
    let spec = spec(ask);
    let text = typed.trim();
    if text.is_empty()
        && let Some(default) = spec.get("default").filter(|default| !default.is_null())
    {
        return check(ask, default.clone());
    }
    let value = match &*ask.kind {
        // A password may begin or end with a space.
        "password" => Value::String(typed.trim_end_matches(['\r', '\n']).to_owned()),
        "text" => Value::String(typed.trim_end_matches(['\r', '\n']).to_owned()),
        "confirm" => Value::Bool(yes_or_no(text).ok_or("yes or no is expected")?),
        "select" if flag(&spec, "multi") => several(&spec, text)?,
        "select" => choice(&spec, text)?,
        "number" => number(text)?,
        "file" if flag(&spec, "multiple") => match serde_json::from_str(text) {
            Ok(list @ Value::Array(_)) => list,
            _ => text.split(',').map(str::trim).filter(|path| !path.is_empty()).collect(),
        },
        "file" | "date" => Value::String(text.to_owned()),
        "form" => form(text)?,
        "url" => match yes_or_no(text) {
            Some(answer) => Value::Bool(answer),
            None if text.is_empty() => Value::Bool(true),
            None => json_or_text(text),
        },
        _ => json_or_text(text),
    };
    check(ask, value)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match &*text.to_lowercase() {
        "y" | "yes" | "true" | "1" | "ok" => Some(true),
        "n" | "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn number(text: &str) -> Result<Value, String> {
    let bad = || format!("a number is expected, not {text:?}");
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.into());
    }
    let n: f64 = text.parse().map_err(|_| bad())?;
    serde_json::Number::from_f64(n).map(Value::Number).ok_or_else(bad)
}

/// An option by its value, its label, its place (from 1), or its value as JSON; in that order.
fn choice(spec: &Map<String, Value>, text: &str) -> Result<Value, String> {
    let options = options(spec);
    if options.is_empty() {
        // The check says what is wrong with such a question.
        return Ok(json_or_text(text));
    }
    let by_value = || options.iter().find(|(value, _)| value.as_str() == Some(text));
    let by_label = || options.iter().find(|(_, label)| label == text);
    let by_any_case = || {
        let lower = text.to_lowercase();
        let mut same = options.iter().filter(|(_, label)| label.to_lowercase() == lower);
        same.next().filter(|_| same.next().is_none())
    };
    let by_json = || {
        let value: Value = serde_json::from_str(text).ok()?;
        options.iter().find(|(option, _)| *option == value)
    };
    let by_place = || text.parse::<usize>().ok().and_then(|place| options.get(place.checked_sub(1)?));
    let found = by_value().or_else(by_label).or_else(by_any_case).or_else(by_place).or_else(by_json);
    let answer = found.map(|(value, _)| value.clone());
    answer.ok_or_else(|| format!("{}, or its number from 1 to {}, not {text:?}", one_of(&options), options.len()))
}

fn several(spec: &Map<String, Value>, text: &str) -> Result<Value, String> {
    if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
        return Ok(list);
    }
    // One option may hold a comma itself.
    if let Ok(one) = choice(spec, text) {
        return Ok(json!([one]));
    }
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| choice(spec, part)).collect()
}

/// JSON, or one of the actions. Nothing typed takes the defaults of the schema.
fn form(text: &str) -> Result<Value, String> {
    match text {
        "accept" | "decline" | "cancel" => return Ok(json!({ "action": text })),
        "" => return Ok(json!({})),
        _ => {}
    }
    let value: Result<Value, _> = serde_json::from_str(text);
    value.map_err(|e| format!("the form's fields as JSON are expected, such as {{\"name\": \"value\"}}: {e}"))
}
