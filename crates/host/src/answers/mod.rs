//! Answers to asks: what each kind takes, and how it is written on a terminal. No I/O.
//!
//! | kind | takes | bounds |
//! |---|---|---|
//! | `text` | string | `minLength`, `maxLength`, `pattern` |
//! | `password` | string | as `text` |
//! | `confirm` | true, false | |
//! | `select` | the value of an option; with `multi` a list of them | `options`: strings or `{value, label}` |
//! | `number` | number | `min`, `max`, `step` |
//! | `file` | a path (or `{name, …}`); with `multiple` a list | `accept`: `.pdf,.png` (MIME types are not checked) |
//! | `date` | `2026-03-06`; with `includeTime` `2026-03-06T10:30` with or without zone | `min`, `max` |
//! | `form` | `{action: accept\|decline\|cancel, content}`, or the content alone | `schema` |
//! | `url` | true, false, a text, or `{action}` | |
//!
//! Any other kind takes any value. Lengths are in characters. Patterns are searched, as `RegExp.test` does.

mod parse;
mod schema;

use jiff::{Timestamp, civil};
use run::Ask;
use serde_json::{Map, Value, json};

pub use parse::parse;

/// The longest pattern's compiled size, in bytes, and the longest text it is tried on.
const PATTERN_SIZE: usize = 1 << 20;

/// Checks an answer against its question, and gives it as the program is to see it. The error says what is expected.
pub fn check(ask: &Ask, value: Value) -> Result<Value, String> {
    let spec = spec(ask);
    match &*ask.kind {
        "text" | "password" => text(&spec, value),
        "confirm" => match value {
            Value::Bool(_) => Ok(value),
            other => Err(format!("yes or no (true or false) is expected, not {}", kind_of(&other))),
        },
        "select" => select(&spec, value),
        "number" => number(&spec, value),
        "file" => files(&spec, value),
        "date" => date(&spec, value),
        "form" => form(&spec, value),
        "url" => url(value),
        _ => Ok(value),
    }
}

/// The request as a map; bounds that are missing or not of the right type do not bind.
fn spec(ask: &Ask) -> Map<String, Value> {
    match ask.spec.value() {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn flag(spec: &Map<String, Value>, name: &str) -> bool {
    spec.get(name) == Some(&Value::Bool(true))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn text(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    let Value::String(text) = &value else { return Err(format!("a text is expected, not {}", kind_of(&value))) };
    check_text(spec, text)?;
    Ok(value)
}

/// `minLength`, `maxLength` and `pattern`, which JSON Schema has too.
fn check_text(spec: &Map<String, Value>, text: &str) -> Result<(), String> {
    let length = text.chars().count() as u64;
    let characters = |n: u64| if n == 1 { "1 character".to_owned() } else { format!("{n} characters") };
    if let Some(min) = spec.get("minLength").and_then(Value::as_u64)
        && length < min
    {
        return Err(format!("at least {} are expected, not {length}", characters(min)));
    }
    if let Some(max) = spec.get("maxLength").and_then(Value::as_u64)
        && length > max
    {
        return Err(format!("at most {} are expected, not {length}", characters(max)));
    }
    if let Some(pattern) = spec.get("pattern").and_then(Value::as_str) {
        match regex::RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build() {
            Ok(regex) if !regex.is_match(text) => return Err(format!("a text that matches /{pattern}/ is expected")),
            Ok(_) => {}
            // Look-around and back-references: refusing every answer would hold the run for ever.
            Err(e) => tracing::warn!(pattern, error = %e, "an answer is not compared with its pattern"),
        }
    }
    Ok(())
}

/// The value and the label of each option.
fn options(spec: &Map<String, Value>) -> Vec<(Value, String)> {
    let Some(Value::Array(options)) = spec.get("options") else { return Vec::new() };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    options
        .iter()
        .map(|option| match option {
            Value::Object(map) => {
                let value = map.get("value").or_else(|| map.get("label")).cloned().unwrap_or_default();
                let label = map.get("label").map_or_else(|| plain(&value), plain);
                (value, label)
            }
            other => (other.clone(), plain(other)),
        })
        .collect()
}

fn one_of(options: &[(Value, String)]) -> String {
    let labels: Vec<_> = options.iter().take(20).map(|(_, label)| label.as_str()).collect();
    let more = if options.len() > 20 { ", …" } else { "" };
    format!("one of {}{more} is expected", labels.join(", "))
}

fn select(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    let options = options(spec);
    if options.is_empty() {
        return Err("the question has no options, so nothing can answer it: cancel the run and mend the program".into());
    }
    let known = |value: &Value| options.iter().any(|(option, _)| option == value);
    if !flag(spec, "multi") {
        return if known(&value) { Ok(value) } else { Err(format!("{}, not {value}", one_of(&options))) };
    }
    let Value::Array(chosen) = value else {
        return Err(format!("a list is expected, not {}: {}", kind_of(&value), one_of(&options)));
    };
    let mut kept: Vec<Value> = Vec::new();
    for value in chosen {
        if !known(&value) {
            return Err(format!("in the list, {}, not {value}", one_of(&options)));
        }
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    Ok(Value::Array(kept))
}

fn number(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    let Some(n) = value.as_f64().filter(|_| value.is_number()) else {
        return Err(format!("a number is expected, not {}", kind_of(&value)));
    };
    check_number(spec, n, "min", "max")?;
    if let Some(step) = spec.get("step").and_then(Value::as_f64)
        && step > 0.0
    {
        let from = spec.get("min").and_then(Value::as_f64).unwrap_or(0.0);
        let steps = (n - from) / step;
        // Steps such as 0.1 have no exact form.
        if (steps - steps.round()).abs() > 1e-9 * steps.abs().max(1.0) {
            return Err(format!("steps of {step} from {from} are expected, not {n}"));
        }
    }
    Ok(value)
}

fn check_number(spec: &Map<String, Value>, n: f64, min: &str, max: &str) -> Result<(), String> {
    let bound = |name: &str| spec.get(name).and_then(Value::as_f64);
    match (bound(min), bound(max)) {
        (Some(low), _) if n < low => Err(format!("at least {low} is expected, not {n}")),
        (_, Some(high)) if n > high => Err(format!("at most {high} is expected, not {n}")),
        _ => Ok(()),
    }
}

fn files(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    if !flag(spec, "multiple") {
        file(spec, &value)?;
        return Ok(value);
    }
    match &value {
        Value::Array(list) => list.iter().try_for_each(|one| file(spec, one))?,
        other => return Err(format!("a list of paths is expected, not {}", kind_of(other))),
    }
    Ok(value)
}

fn file(spec: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let name = match value {
        Value::String(path) => Some(path.as_str()),
        Value::Object(map) => map.get("path").or_else(|| map.get("name")).and_then(Value::as_str),
        _ => None,
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(format!("the path of a file is expected, not {}", kind_of(value)));
    };
    let accept: Vec<&str> = match spec.get("accept") {
        Some(Value::String(list)) => list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    // A MIME type says nothing of a name: where one is given, any name will do.
    let lower = name.to_lowercase();
    let good = accept.is_empty()
        || accept.iter().any(|entry| !entry.starts_with('.') || lower.ends_with(&entry.to_lowercase()));
    if good { Ok(()) } else { Err(format!("a file that ends in {} is expected", accept.join(" or "))) }
}

/// A point in time to compare by; one without zone is taken as it is.
fn moment(text: &str, with_time: bool) -> Option<civil::DateTime> {
    if !with_time {
        // Exactly a date: the reader of dates would take a time too, and drop it.
        return (text.len() == 10).then(|| text.parse::<civil::Date>().ok())?.map(civil::DateTime::from);
    }
    let utc = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    text.parse::<Timestamp>().map(utc).ok().or_else(|| text.parse().ok())
}

fn date(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    let with_time = flag(spec, "includeTime");
    let expected = if with_time { "a date and time such as 2026-03-06T10:30" } else { "a date such as 2026-03-06" };
    let given = value.as_str().and_then(|text| moment(text, with_time));
    let Some(given) = given else { return Err(format!("{expected} is expected, not {value}")) };
    let bound = |name: &str| {
        let text = spec.get(name)?.as_str()?;
        Some((moment(text, true)?, text.to_owned()))
    };
    match (bound("min"), bound("max")) {
        (Some((min, text)), _) if given < min => Err(format!("{text} or later is expected")),
        (_, Some((max, text))) if given > max => Err(format!("{text} or earlier is expected")),
        _ => Ok(value),
    }
}

const ACTIONS: [&str; 3] = ["accept", "decline", "cancel"];

fn form(spec: &Map<String, Value>, value: Value) -> Result<Value, String> {
    let Value::Object(mut map) = value else {
        return Err(format!("an object with the form's fields is expected, not {}", kind_of(&value)));
    };
    let whole = map.contains_key("action") && map.keys().all(|key| key == "action" || key == "content");
    let (action, content) = if whole {
        let action = map.get("action").and_then(Value::as_str).unwrap_or_default().to_owned();
        (action, map.remove("content"))
    } else {
        ("accept".to_owned(), Some(Value::Object(map)))
    };
    match &*action {
        "accept" => {
            let mut content = content.filter(|content| !content.is_null()).unwrap_or_else(|| json!({}));
            if let Some(schema) = spec.get("schema") {
                schema::check(schema, &mut content, "")?;
            }
            Ok(json!({ "action": action, "content": content }))
        }
        "decline" | "cancel" => Ok(json!({ "action": action })),
        _ => Err(format!("the action {action:?} is not one of {}", ACTIONS.join(", "))),
    }
}

fn url(value: Value) -> Result<Value, String> {
    let good = match &value {
        Value::Bool(_) | Value::String(_) => true,
        Value::Object(map) => map.get("action").and_then(Value::as_str).is_some_and(|a| ACTIONS.contains(&a)),
        _ => false,
    };
    let expected = "true (it was opened and is done), false, a text, or {\"action\": \"accept\"} is expected";
    if good { Ok(value) } else { Err(format!("{expected}, not {}", kind_of(&value))) }
}
