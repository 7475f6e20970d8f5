//! Questions of programs as elicitations, and what comes back as answers. No I/O.
//!
//! A form of an elicitation has fields of simple types only. A question of another kind (a password, a file, a form
//! with nested fields) is not asked this way: the run waits, and is answered by `code_resume_run` or the command line.

use host::answers;
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction};
use run::Ask;
use serde_json::{Map, Value, json};

/// The one field of a form for a question that is no form.
const FIELD: &str = "answer";

/// What the client can show.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Forms.
    pub form: bool,
    /// Addresses that are opened.
    pub url: bool,
    /// Options with titles (since 2025-11-25), and lists of options.
    pub titles: bool,
}

/// What became of an elicitation.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The answer, as the program is to see it.
    Given(Value),
    /// It does not fit: what is expected.
    Wrong(String),
    /// Nobody answered: the run waits.
    None,
}

/// The elicitation for a question; `None` if this client cannot be asked that. `hint` says what was wrong with the
/// answer before.
pub fn request(ask: &Ask, id: &str, client: Client, hint: Option<&str>) -> Option<ElicitRequestParams> {
    let spec = spec(ask);
    let mut message = if ask.message.is_empty() { format!("{}?", ask.kind) } else { ask.message.clone() };
    if let Some(hint) = hint {
        message = format!("{message}\n({hint})");
    }
    let url = spec.get("url").and_then(Value::as_str).filter(|_| ask.kind == "url");
    if let (Some(url), true) = (url, client.url) {
        return read(json!({ "mode": "url", "message": message, "url": url, "elicitationId": id }));
    }
    if !client.form {
        return None;
    }
    if let Some(url) = url {
        message = format!("{message}\n{url}");
    }
    let schema = match &*ask.kind {
        "form" => form(spec.get("schema")?)?,
        "url" => single(json!({ "type": "boolean", "title": "Done", "default": false })),
        _ => single(field(ask, &spec, client)?),
    };
    // The mode is left out, as clients of older protocols know none.
    read(json!({ "message": message, "requestedSchema": schema }))
}

/// What the client's reply means as an answer to `ask`.
pub fn answer(ask: &Ask, reply: ElicitResult) -> Answer {
    let content = reply.content.unwrap_or_default();
    let value = match (&reply.action, &*ask.kind) {
        (ElicitationAction::Accept, "form") => json!({ "action": "accept", "content": content }),
        // A program that shows a form is told that it was declined.
        (ElicitationAction::Decline, "form") => json!({ "action": "decline" }),
        (ElicitationAction::Accept, "url") => content.get(FIELD).cloned().unwrap_or(Value::Bool(true)),
        (ElicitationAction::Accept, kind) => match content.get(FIELD) {
            Some(given) if kind == "select" => chosen(&spec(ask), given),
            Some(given) => given.clone(),
            None => return Answer::Wrong("an answer is expected".into()),
        },
        _ => return Answer::None,
    };
    match answers::check(ask, value) {
        Ok(value) => Answer::Given(value),
        Err(expected) => Answer::Wrong(expected),
    }
}

fn read(params: Value) -> Option<ElicitRequestParams> {
    serde_json::from_value(params).inspect_err(|e| tracing::debug!(error = %e, "a question cannot be elicited")).ok()
}

fn spec(ask: &Ask) -> Map<String, Value> {
    match ask.spec.value() {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn single(field: Value) -> Value {
    json!({ "type": "object", "properties": { FIELD: field }, "required": [FIELD] })
}

/// The field for a question with one answer.
fn field(ask: &Ask, spec: &Map<String, Value>, client: Client) -> Option<Value> {
    let mut field = Map::new();
    let mut put = |name: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            field.insert(name.into(), value.clone());
        }
    };
    put("title", spec.get("label").filter(|label| label.is_string()));
    let default = spec.get("default");
    match &*ask.kind {
        "text" => {
            put("type", Some(&"string".into()));
            put("minLength", length(spec, "minLength").as_ref());
            put("maxLength", length(spec, "maxLength").as_ref());
            put("default", default.filter(|value| value.is_string()));
            let pattern = spec.get("pattern").and_then(Value::as_str).map(|pattern| format!("must match /{pattern}/"));
            put("description", spec.get("placeholder").cloned().or(pattern.map(Value::from)).as_ref());
        }
        "confirm" => {
            put("type", Some(&"boolean".into()));
            // What is dangerous is not done by pressing Enter.
            let dangerous = spec.get("dangerous") == Some(&Value::Bool(true));
            put("default", default.filter(|value| value.is_boolean() && !dangerous));
            put("description", dangerous.then(|| "This cannot be undone.".into()).as_ref());
        }
        "number" => {
            put("type", Some(&"number".into()));
            for (ours, theirs) in [("min", "minimum"), ("max", "maximum"), ("default", "default")] {
                put(theirs, spec.get(ours).filter(|value| value.is_number()));
            }
        }
        "date" => {
            put("type", Some(&"string".into()));
            let with_time = spec.get("includeTime") == Some(&Value::Bool(true));
            // A date-time of JSON Schema has a zone, which an answer need not have.
            put("format", (!with_time).then(|| "date".into()).as_ref());
            let example = if with_time { "such as 2026-03-06T10:30" } else { "such as 2026-03-06" };
            put("description", Some(&example.into()));
            put("default", default.filter(|value| value.is_string()));
        }
        "select" => return options(spec, client),
        _ => return None,
    }
    Some(field.into())
}

/// A length, which clients take as a whole number of 32 bits.
fn length(spec: &Map<String, Value>, name: &str) -> Option<Value> {
    let length = spec.get(name).and_then(Value::as_u64)?;
    u32::try_from(length).ok().map(Value::from)
}

/// The values of options as texts, which is what a form takes, and their labels.
fn labelled(spec: &Map<String, Value>) -> Vec<(Value, String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let options = spec.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    options
        .iter()
        .map(|option| match option {
            Value::Object(map) => {
                let value = map.get("value").or_else(|| map.get("label")).cloned().unwrap_or_default();
                let label = map.get("label").map_or_else(|| text(&value), text);
                let name = text(&value);
                (value, name, label)
            }
            plain => (plain.clone(), text(plain), text(plain)),
        })
        .collect()
}

fn options(spec: &Map<String, Value>, client: Client) -> Option<Value> {
    let options = labelled(spec);
    if options.is_empty() {
        return None;
    }
    let names: Vec<&str> = options.iter().map(|(_, name, _)| name.as_str()).collect();
    let plain = options.iter().all(|(_, name, label)| name == label);
    let titled =
        || -> Value { options.iter().map(|(_, name, label)| json!({ "const": name, "title": label })).collect() };
    let by_text = |wanted: &Value| options.iter().find(|(value, ..)| value == wanted).map(|(_, name, _)| name.clone());
    let default = spec.get("default");
    if spec.get("multi") == Some(&Value::Bool(true)) {
        if !client.titles {
            return None;
        }
        let items = if plain { json!({ "type": "string", "enum": names }) } else { json!({ "anyOf": titled() }) };
        let mut field = json!({ "type": "array", "items": items });
        if let Some(default) = default.and_then(Value::as_array) {
            field["default"] = default.iter().filter_map(by_text).collect();
        }
        return Some(field);
    }
    let mut field = match (plain, client.titles) {
        (true, _) => json!({ "type": "string", "enum": names }),
        (false, true) => json!({ "type": "string", "oneOf": titled() }),
        (false, false) => {
            let labels: Vec<&str> = options.iter().map(|(_, _, label)| label.as_str()).collect();
            json!({ "type": "string", "enum": names, "enumNames": labels })
        }
    };
    if let Some(default) = default.and_then(by_text).filter(|_| plain || client.titles) {
        field["default"] = default.into();
    }
    Some(field)
}

/// The options that were chosen by their texts.
fn chosen(spec: &Map<String, Value>, given: &Value) -> Value {
    let options = labelled(spec);
    let one = |given: &Value| {
        let found = options.iter().find(|(value, name, _)| given.as_str() == Some(name) || value == given);
        found.map_or_else(|| given.clone(), |(value, ..)| value.clone())
    };
    match given {
        Value::Array(list) => list.iter().map(one).collect(),
        plain => one(plain),
    }
}

/// A form's schema, if all its fields are simple.
fn form(schema: &Value) -> Option<Value> {
    let properties = schema.get("properties")?.as_object()?;
    let mut fields = Map::new();
    for (name, field) in properties {
        let simple = matches!(field["type"].as_str()?, "string" | "number" | "integer" | "boolean");
        let texts =
            field.get("enum").is_none_or(|list| list.as_array().is_some_and(|l| l.iter().all(Value::is_string)));
        if !simple || !texts {
            return None;
        }
        let known = |(key, _): &(&String, &Value)| {
            let keys =
                ["type", "title", "description", "default", "enum", "minLength", "maxLength", "minimum", "maximum"];
            keys.contains(&key.as_str())
                || (*key == "format"
                    && matches!(field["format"].as_str(), Some("email" | "uri" | "date" | "date-time")))
        };
        let field: Map<String, Value> =
            field.as_object()?.iter().filter(known).map(|(key, value)| (key.clone(), value.clone())).collect();
        fields.insert(name.clone(), field.into());
    }
    let required: Vec<&Value> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    Some(json!({ "type": "object", "properties": fields, "required": required }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Client = Client { form: true, url: true, titles: true };
    const OLD: Client = Client { form: true, url: false, titles: false };

    fn ask(kind: &str, spec: Value) -> Ask {
        Ask { id: None, kind: kind.into(), message: "Well?".into(), spec: spec.into() }
    }

    fn schema(ask: &Ask, client: Client) -> Value {
        serde_json::to_value(request(ask, "1", client, None).expect("a request")).expect("JSON")["requestedSchema"]
            .take()
    }

    fn accept(content: Value) -> ElicitResult {
        ElicitResult::new(ElicitationAction::Accept).with_content(content)
    }

    #[test]
    fn each_kind_has_its_field() {
        let cases = [
            (
                "text",
                json!({ "minLength": 2, "default": "ab" }),
                json!({ "type": "string", "minLength": 2, "default": "ab" }),
            ),
            ("confirm", json!({ "default": true }), json!({ "type": "boolean", "default": true })),
            ("number", json!({ "min": 1, "max": 9.5 }), json!({ "type": "number", "minimum": 1.0, "maximum": 9.5 })),
            ("select", json!({ "options": ["a", "b"] }), json!({ "type": "string", "enum": ["a", "b"] })),
        ];
        for (kind, spec, expected) in cases {
            let schema = schema(&ask(kind, spec), NEW);
            let got = &schema["properties"]["answer"];
            for (key, value) in expected.as_object().expect("a map") {
                assert_eq!(got[key].as_f64(), value.as_f64(), "{kind} {key} {got}");
                assert!(value.is_number() || got[key] == *value, "{kind} {key} {got}");
            }
            assert_eq!(schema["required"], json!(["answer"]));
        }
        let dangerous = schema(&ask("confirm", json!({ "dangerous": true, "default": true })), NEW);
        assert!(dangerous["properties"]["answer"].get("default").is_none(), "{dangerous}");
    }

    #[test]
    fn options_of_any_type_come_back_as_they_were() {
        let spec = json!({ "options": [{ "value": 7, "label": "Seven" }, { "value": "x", "label": "Ex" }] });
        let question = ask("select", spec);
        for client in [NEW, OLD] {
            assert!(request(&question, "1", client, None).is_some());
        }
        assert_eq!(answer(&question, accept(json!({ "answer": "7" }))), Answer::Given(json!(7)));
        assert_eq!(answer(&question, accept(json!({ "answer": "x" }))), Answer::Given(json!("x")));
        assert!(matches!(answer(&question, accept(json!({ "answer": "y" }))), Answer::Wrong(_)));
        let several = ask("select", json!({ "multi": true, "options": ["a", "b", "c"] }));
        assert!(request(&several, "1", NEW, None).is_some() && request(&several, "1", OLD, None).is_none());
        assert_eq!(answer(&several, accept(json!({ "answer": ["c", "a"] }))), Answer::Given(json!(["c", "a"])));
    }

    #[test]
    fn what_cannot_be_asked_waits() {
        for (kind, spec) in [
            ("password", json!({})),
            ("file", json!({})),
            ("other", json!({})),
            ("form", json!({})),
            ("form", json!({ "schema": { "properties": { "a": { "type": "object" } } } })),
            ("select", json!({})),
        ] {
            assert!(request(&ask(kind, spec), "1", NEW, None).is_none(), "{kind}");
        }
        let nobody = Client { form: false, url: false, titles: false };
        assert!(request(&ask("text", json!({})), "1", nobody, None).is_none());
    }

    #[test]
    fn forms_and_addresses() {
        let fields =
            json!({ "name": { "type": "string", "pattern": "x" }, "age": { "type": "integer", "minimum": 3 } });
        let question =
            ask("form", json!({ "schema": { "type": "object", "properties": fields, "required": ["name"] } }));
        assert_eq!(schema(&question, OLD)["required"], json!(["name"]));
        let given = answer(&question, accept(json!({ "name": "x", "age": 4 })));
        assert_eq!(given, Answer::Given(json!({ "action": "accept", "content": { "name": "x", "age": 4 } })));
        let declined = answer(&question, ElicitResult::new(ElicitationAction::Decline));
        assert_eq!(declined, Answer::Given(json!({ "action": "decline" })));
        let url = ask("url", json!({ "url": "https://example.com/" }));
        assert!(matches!(
            request(&url, "1", NEW, None),
            Some(ElicitRequestParams::UrlElicitationParams { url, .. }) if url == "https://example.com/"
        ));
        assert!(matches!(request(&url, "1", OLD, None), Some(ElicitRequestParams::FormElicitationParams { .. })));
        assert_eq!(answer(&url, ElicitResult::new(ElicitationAction::Accept)), Answer::Given(json!(true)));
        assert_eq!(answer(&ask("text", json!({})), ElicitResult::new(ElicitationAction::Cancel)), Answer::None);
    }
}
