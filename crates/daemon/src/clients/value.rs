//! Results of other servers' tools as values of programs.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use run::{Failure, Json, Outcome};
use serde_json::{Value, json};

/// What a call gives its program: structured content as it is, else text (as JSON, where it is JSON), else the content.
/// A tool's error is thrown.
pub fn outcome(tool: &str, response: CallToolResponse) -> Outcome {
    match response {
        CallToolResponse::Complete(result) => complete(tool, result),
        CallToolResponse::InputRequired(_) => Err(failure(
            "ERR_TOOL_ASKS",
            format!("{tool} asks a person for more, which cannot be answered from a program"),
        )),
        _ => Err(failure("ERR_TOOL", format!("{tool} answered in a way that is not known here"))),
    }
}

/// The failure of a tool.
pub fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure::with_code("ToolError", code, message)
}

fn complete(tool: &str, result: CallToolResult) -> Outcome {
    let text = text(&result.content);
    if result.is_error == Some(true) {
        let message = text.filter(|text| !text.is_empty()).unwrap_or_else(|| "it failed without a message".into());
        return Err(failure("ERR_TOOL", format!("{tool}: {message}")));
    }
    let value = match (result.structured_content, text) {
        (Some(value), _) => value,
        (None, Some(text)) => json_or_text(text),
        (None, None) => json!({ "content": result.content }),
    };
    Json::of(&value).map(Into::into).map_err(|e| failure("ERR_TOOL", format!("{tool}: {e}")))
}

/// All of it, if it is nothing but text.
fn text(content: &[ContentBlock]) -> Option<String> {
    let texts: Option<Vec<&str>> = content.iter().map(|block| Some(block.as_text()?.text.as_str())).collect();
    texts.map(|texts| texts.join("\n"))
}

/// Servers write objects as text where the protocol of their time had nothing else. A plain word or number stays text.
fn json_or_text(text: String) -> Value {
    let begins = text.trim_start().starts_with(['{', '[']);
    if begins && let Ok(value) = serde_json::from_str(&text) {
        return value;
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(result: CallToolResult) -> Value {
        outcome("t", result.into()).expect("a value").json.value()
    }

    #[test]
    fn content_becomes_a_value() {
        let text = |text: &str| CallToolResult::success(vec![ContentBlock::text(text)]);
        assert_eq!(value(text("plain")), json!("plain"));
        assert_eq!(value(text("{\"a\": [1]}")), json!({ "a": [1] }));
        assert_eq!(value(text("[1] see below")), json!("[1] see below"));
        assert_eq!(value(text("12")), json!("12"));
        assert_eq!(value(CallToolResult::structured(json!({ "b": 2 }))), json!({ "b": 2 }));
        let image = CallToolResult::success(vec![ContentBlock::image("AA==", "image/png")]);
        assert_eq!(value(image)["content"][0]["mimeType"], "image/png");
        let failed = CallToolResult::error(vec![ContentBlock::text("no such repository")]);
        let failure = outcome("github.get", failed.into()).expect_err("a failure");
        assert_eq!(failure.message, "github.get: no such repository");
    }
}
