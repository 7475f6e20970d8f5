//! Questions on a terminal, by kind. An answer that does not fit is said to be so, and asked for again.

use std::fmt;

use dialoguer::{Confirm, Input, MultiSelect, Password, Select, console::Term, theme::Theme};
use host::{Reply, answers};
use run::Ask;
use serde_json::{Map, Value, json};

use crate::output::{error_line, tame};

/// The questions as they are, without a colon behind a question mark.
struct Plain;

impl Theme for Plain {
    fn format_prompt(&self, f: &mut dyn fmt::Write, prompt: &str) -> fmt::Result {
        f.write_str(prompt)
    }

    fn format_input_prompt(&self, f: &mut dyn fmt::Write, prompt: &str, _: Option<&str>) -> fmt::Result {
        write!(f, "{prompt} ")
    }

    fn format_password_prompt(&self, f: &mut dyn fmt::Write, prompt: &str) -> fmt::Result {
        write!(f, "{prompt} ")
    }
}

/// Asks. `None` if nobody answers (Escape, or the end of input).
pub fn ask(ask: &Ask) -> Option<Value> {
    let spec = match ask.spec.value() {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let message = match ask.message.as_str() {
        "" => format!("{}?", tame(&ask.kind)),
        message => tame(message),
    };
    loop {
        let answer = match ask.kind.as_str() {
            "confirm" => answers::check(ask, confirm(&message, &spec)?.into()),
            "password" => answers::parse(
                ask,
                &Password::with_theme(&Plain).with_prompt(&message).allow_empty_password(true).interact().ok()?,
            ),
            "select" if !labels(&spec).is_empty() => answers::check(ask, select(&message, &spec)?),
            "form" if spec.get("schema").is_some_and(|schema| schema["properties"].is_object()) => {
                error_line(&message);
                answers::check(ask, fields(&spec["schema"])?)
            }
            "url" => {
                if let Some(url) = spec.get("url").and_then(Value::as_str) {
                    error_line(format!("open {}", tame(url)));
                }
                answers::check(ask, confirm(&format!("{message} Done?"), &spec)?.into())
            }
            _ => answers::parse(ask, &line(&message, spec.get("default"))?),
        };
        match answer {
            Ok(answer) => return Some(answer),
            Err(expected) => error_line(format!("  {}", tame(&expected))),
        }
    }
}

fn confirm(message: &str, spec: &Map<String, Value>) -> Option<bool> {
    let dangerous = spec.get("dangerous") == Some(&Value::Bool(true));
    let message = if dangerous { format!("{message} (this cannot be undone)") } else { message.to_owned() };
    let mut confirm = Confirm::with_theme(&Plain).with_prompt(message);
    // What is dangerous is not done by pressing Enter.
    if let (Some(default), false) = (spec.get("default").and_then(Value::as_bool), dangerous) {
        confirm = confirm.default(default);
    }
    confirm.interact_opt().ok()?
}

fn line(message: &str, default: Option<&Value>) -> Option<String> {
    let shown = match default {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => format!(" [{}]", tame(text)),
        Some(value) => format!(" [{}]", tame(&value.to_string())),
    };
    Input::with_theme(&Plain).with_prompt(format!("{message}{shown}")).allow_empty(true).interact_text().ok()
}

/// The values and labels of the options.
fn labels(spec: &Map<String, Value>) -> Vec<(Value, String)> {
    let text = |value: &Value| tame(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let options = spec.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let pair = |option: &Value| match option {
        Value::Object(map) => {
            let value = map.get("value").or_else(|| map.get("label")).cloned().unwrap_or_default();
            let label = text(map.get("label").unwrap_or(&value));
            (value, label)
        }
        plain => (plain.clone(), text(plain)),
    };
    options.iter().map(pair).collect()
}

fn select(message: &str, spec: &Map<String, Value>) -> Option<Value> {
    let options = labels(spec);
    let names: Vec<&str> = options.iter().map(|(_, label)| label.as_str()).collect();
    let default = spec.get("default");
    if spec.get("multi") == Some(&Value::Bool(true)) {
        let chosen = |value: &Value| default.and_then(Value::as_array).is_some_and(|list| list.contains(value));
        let defaults: Vec<bool> = options.iter().map(|(value, _)| chosen(value)).collect();
        let prompt = MultiSelect::with_theme(&Plain).with_prompt(format!("{message} (space chooses, enter ends)"));
        let picked = prompt.items(&names).defaults(&defaults).interact_opt().ok()??;
        return Some(picked.into_iter().map(|at| options[at].0.clone()).collect());
    }
    let first = options.iter().position(|(value, _)| Some(value) == default).unwrap_or(0);
    let picked = Select::with_theme(&Plain).with_prompt(message).items(&names).default(first).interact_opt().ok()??;
    Some(options[picked].0.clone())
}

/// The fields of a form, one after the other.
fn fields(schema: &Value) -> Option<Value> {
    let required: Vec<&str> =
        schema["required"].as_array().map_or_else(Vec::new, |list| list.iter().filter_map(Value::as_str).collect());
    let mut content = Map::new();
    for (name, field) in schema["properties"].as_object()? {
        let title = field["title"].as_str().unwrap_or(name);
        let star = if required.contains(&name.as_str()) { " (required)" } else { "" };
        let message = format!("  {}{star}", tame(title));
        let kind = field["type"].as_str().unwrap_or("string");
        let value = match (kind, field["enum"].as_array()) {
            (_, Some(options)) => {
                let mut spec = Map::new();
                spec.insert("options".into(), options.clone().into());
                Some(select(&message, &spec)?)
            }
            ("boolean", _) => Some(confirm(&message, field.as_object()?)?.into()),
            _ => {
                let typed = line(&message, field.get("default"))?;
                match (typed.as_str(), kind) {
                    ("", _) => field.get("default").cloned(),
                    (typed, "string") => Some(typed.into()),
                    (typed, _) => Some(serde_json::from_str(typed).unwrap_or_else(|_| typed.into())),
                }
            }
        };
        if let Some(value) = value {
            content.insert(name.clone(), value);
        }
    }
    Some(json!({ "action": "accept", "content": content }))
}

/// Asks whether an access may be.
pub fn permission(access: &str, flag: &str) -> Option<Reply> {
    let term = Term::stderr();
    error_line(format!("The program wants {access} (granted from the start by {flag})."));
    loop {
        term.write_str("Allow it? [y] this time  [A] for all of this run  [n] no: ").ok()?;
        let typed = term.read_line().ok()?;
        match typed.trim() {
            "y" | "Y" | "yes" => return Some(Reply::Once),
            "A" | "all" => return Some(Reply::Run),
            "n" | "N" | "no" => return Some(Reply::Deny),
            "" => return None,
            _ => {}
        }
    }
}
