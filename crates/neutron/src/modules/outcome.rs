//! Results of effects that a task waited for.

use run::{Ask, Effect, Json, Outcome};
use serde_json::Value as Tree;

use crate::fault::{R, fail, kind};
use crate::heap::{Asked, Heap, Map};
use crate::value::Value;

/// What a task waits for behind `sys.checkpoint`: that the journal holds it.
pub(crate) const CHECKPOINT: &str = "sys.checkpoint";

/// The question that `sys.input` asks.
pub(crate) fn question(prompt: &str) -> Effect {
    let spec = Json::from(serde_json::json!({ "ask": "text", "message": prompt }));
    Effect::Ask(Ask { id: None, kind: "text".into(), message: prompt.to_owned(), spec })
}

/// What the program gets for the result of an effect.
pub(crate) fn answer(heap: &mut Heap, what: &Asked, outcome: Outcome) -> R<Value> {
    let payload = match outcome {
        Ok(payload) => payload,
        Err(failure) => {
            let kind = match what {
                _ if failure.name == "PermissionDenied" => kind::PERMISSION,
                Asked::Call { op } if op.starts_with("http") => kind::HTTP,
                Asked::Call { op } if op.starts_with("sys.exec") => kind::PROCESS,
                _ => kind::IO,
            };
            return fail(kind, failure.message);
        }
    };
    let tree = payload.json.value();
    match what {
        Asked::Timer { .. } => Ok(Value::NIL),
        Asked::Line { .. } => Ok(match tree {
            Tree::String(text) => heap.text(text),
            Tree::Null => Value::NIL,
            other => heap.text(other.to_string()),
        }),
        Asked::Call { op } if op.starts_with("http") => {
            let bytes = payload.bytes.unwrap_or_default();
            Ok(response(heap, &tree, &bytes))
        }
        Asked::Call { op } if op == CHECKPOINT => Ok(Value::FALSE),
        Asked::Call { .. } => exec_result(heap, &tree),
    }
}

/// `{status, statusText, ok, url, headers, body}`.
fn response(heap: &mut Heap, tree: &Tree, bytes: &[u8]) -> Value {
    let result = heap.map(Map::with_capacity(6));
    let status = tree.get("status").and_then(Tree::as_f64).unwrap_or(0.0);
    heap.set_member(result, "status", Value::number(status));
    heap.set_member(result, "ok", Value::bool((200.0..300.0).contains(&status)));
    for name in ["statusText", "url"] {
        let text = heap.text(tree.get(name).and_then(Tree::as_str).unwrap_or(""));
        heap.set_member(result, name, text);
    }
    let headers = heap.map(Map::default());
    for pair in tree.get("headers").and_then(Tree::as_array).into_iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get(0).and_then(Tree::as_str), pair.get(1).and_then(Tree::as_str)) {
            let value = heap.text(value);
            heap.set_member(headers, &name.to_lowercase(), value);
        }
    }
    heap.set_member(result, "headers", headers);
    // What is no text stays bytes.
    let body = match std::str::from_utf8(bytes) {
        Ok(text) => heap.text(text),
        Err(_) => heap.bytes_value(bytes.to_vec()),
    };
    heap.set_member(result, "body", body);
    result
}

/// What a command printed; an error if it failed.
fn exec_result(heap: &mut Heap, tree: &Tree) -> R<Value> {
    let text = |name: &str| tree.get(name).and_then(Tree::as_str).unwrap_or("").to_owned();
    let status = tree.get("status").and_then(Tree::as_i64).unwrap_or(0);
    if status != 0 {
        let stderr = text("stderr");
        let said = if stderr.trim().is_empty() { String::new() } else { format!(": {}", stderr.trim()) };
        return fail(kind::PROCESS, format!("the command ended with exit code {status}{said}"));
    }
    Ok(heap.text(text("stdout")))
}
