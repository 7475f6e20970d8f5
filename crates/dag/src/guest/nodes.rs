//! Commands, requests and methods of photons as nodes: what they are asked, and what their answers mean.

use bytes::Bytes;
use run::{Effect, Outcome, Payload};
use serde_json::{Map, Value, json};

use crate::state::NodeResult;

/// An attempt that failed.
pub(super) struct Failed {
    pub message: String,
    /// Trying again cannot help.
    pub fatal: bool,
}

impl Failed {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), fatal: false }
    }
}

/// The command, with the state as JSON on its standard input (the bytes beside the arguments).
pub(super) fn shell(command: &str, state: &Value) -> Effect {
    let args = Payload { json: json!({ "command": command }).into(), bytes: Some(text(state)) };
    Effect::Call { op: "process.exec".into(), args }
}

/// The request, with the state as JSON in its body.
pub(super) fn http(url: &str, state: &Value) -> Effect {
    let headers = [["content-type", "application/json"], ["accept", "application/json"]];
    let args = json!({ "url": url, "method": "POST", "headers": headers, "redirect": "follow" });
    Effect::Call { op: "fetch".into(), args: Payload { json: args.into(), bytes: Some(text(state)) } }
}

/// The call, with those fields of the state that the method takes.
pub(super) fn photon(name: &str, method: Option<&str>, state: &Value) -> Effect {
    let args = json!({ "photon": name, "method": method, "params": state, "pick": true });
    Effect::Call { op: "photon.call".into(), args: args.into() }
}

fn text(state: &Value) -> Bytes {
    state.to_string().into_bytes().into()
}

/// What a command gave.
pub(super) fn exited(name: &str, outcome: Outcome) -> Result<NodeResult, Failed> {
    let payload = outcome.map_err(|e| Failed::new(e.to_string()))?;
    let value = payload.json.value();
    let status = value["status"].as_i64().unwrap_or(1);
    if status != 0 {
        let said = value["stderr"].as_str().unwrap_or_default().trim();
        return Err(Failed::new(format!("the command ended with status {status}: {said}")));
    }
    Ok(given(name, value["stdout"].as_str().unwrap_or_default()))
}

/// What a server answered.
pub(super) fn answered(name: &str, outcome: Outcome) -> Result<NodeResult, Failed> {
    let payload = outcome.map_err(|e| Failed::new(e.to_string()))?;
    let status = payload.json.value()["status"].as_u64().unwrap_or(0);
    let body = payload.bytes.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    if !(200..300).contains(&status) {
        let short: String = body.chars().take(200).collect();
        // What the client did wrong it would do wrong again, unless it only came too early or too often.
        let fatal = (400..500).contains(&status) && ![408, 425, 429].contains(&status);
        return Err(Failed { message: format!("the server answered {status}: {}", short.trim()), fatal });
    }
    Ok(given(name, &body))
}

/// What a method returned.
pub(super) fn returned(name: &str, outcome: Outcome) -> Result<NodeResult, Failed> {
    // Arguments that do not fit, or a photon that is not there, are no better the next time.
    let fatal =
        |code: Option<&str>| matches!(code, Some("ERR_INVALID_ARG_VALUE" | "ERR_UNKNOWN_PHOTON" | "ERR_UNKNOWN_TOOL"));
    let payload = outcome.map_err(|e| Failed { fatal: fatal(e.code.as_deref()), message: e.to_string() })?;
    if payload.bytes.is_some() {
        return Err(Failed { message: "the method returned bytes; a state is JSON".into(), fatal: true });
    }
    Ok(match payload.json.value() {
        Value::Null => success(),
        value => meant(name, value),
    })
}

fn success() -> NodeResult {
    NodeResult { port: crate::document::SUCCESS.into(), ..NodeResult::default() }
}

/// Text is JSON if it can be, and nothing is `success`.
fn given(name: &str, text: &str) -> NodeResult {
    match text.trim() {
        "" => success(),
        text => meant(name, serde_json::from_str(text).unwrap_or_else(|_| text.into())),
    }
}

/// A JSON object of output, state and result is that; all else is data, which goes into the state under the
/// placement's name and is the result of an item.
fn meant(name: &str, value: Value) -> NodeResult {
    let data = match value {
        Value::Object(fields) => match NodeResult::read(Value::Object(fields.clone())) {
            Ok(result) if !fields.is_empty() => return result,
            _ => Value::Object(fields),
        },
        value => value,
    };
    let state = Map::from_iter([(name.to_owned(), data.clone())]);
    NodeResult { state, result: Some(data), ..success() }
}
