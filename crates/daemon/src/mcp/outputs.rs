//! What a method gives, as the `outputSchema` of its tool. Clients check what they are given against it, so it must
//! hold for all that a call may give: for a result that is not what the types say, and for a run that waits.

use bundler::tools::Schema;
use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

/// The schema of a method's results, and what it means.
#[derive(Clone)]
pub struct Output {
    /// For clients: a result of the method's type, or what there is to say of the run instead.
    pub schema: std::sync::Arc<JsonObject>,
    result: std::sync::Arc<Schema>,
}

impl Output {
    /// From the schema of a return type. `None` where the results are no objects, which clients of the protocols in use
    /// do not take as structured content, or where the schema is none.
    pub fn of(schema: &Value) -> Option<Self> {
        let mut result = schema.clone();
        plain(&mut result);
        let root = result.as_object_mut()?;
        let defs = root.remove("$defs");
        if !is_object(&result, defs.as_ref()) {
            return None;
        }
        let other = json!({
            "type": "object",
            "description": "What there is to say of the run, if it waits, goes on, failed or gave something else.",
            "properties": { "runId": { "type": "string" }, "status": { "type": "string" } },
            "required": ["runId", "status"],
        });
        let whole = |parts: Vec<&Value>| {
            let mut map = Map::new();
            map.insert("type".into(), "object".into());
            map.insert("anyOf".into(), parts.into_iter().cloned().collect());
            map.extend(defs.clone().map(|defs| ("$defs".to_owned(), defs)));
            map
        };
        let check = Schema::new(&whole(vec![&result]).into()).ok()?;
        Some(Self { schema: whole(vec![&result, &other]).into(), result: check.into() })
    }

    /// Whether this is a result of the method's type.
    pub fn fits(&self, value: &Value) -> bool {
        self.result.fits(value)
    }
}

/// Leaves out what validators read differently: patterns in the syntax of one language, and what follows a tuple's
/// places, which older drafts take for all of them.
fn plain(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    map.remove("pattern");
    if map.contains_key("prefixItems") {
        map.remove("items");
    }
    for (key, inner) in map {
        match key.as_str() {
            "properties" | "$defs" => inner.as_object_mut().into_iter().flatten().for_each(|(_, one)| plain(one)),
            "anyOf" | "allOf" | "oneOf" | "prefixItems" => inner.as_array_mut().into_iter().flatten().for_each(plain),
            "items" | "additionalProperties" | "not" => plain(inner),
            _ => {}
        }
    }
}

/// Whether all that fits is an object.
fn is_object(schema: &Value, defs: Option<&Value>) -> bool {
    let parts = |name: &str| schema.get(name).and_then(Value::as_array).filter(|parts| !parts.is_empty());
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    schema["type"] == "object"
        || parts("anyOf").is_some_and(|parts| parts.iter().all(|part| is_object(part, defs)))
        || parts("allOf").is_some_and(|parts| parts.iter().any(|part| is_object(part, defs)))
        // A definition that is only another name is written out by the extraction.
        || named.and_then(|name| defs?.get(name)).is_some_and(|target| target["type"] == "object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_have_schemas() {
        let object = json!({ "type": "object", "properties": { "n": { "type": "number" } }, "required": ["n"] });
        let defs = json!({ "anyOf": [{ "$ref": "#/$defs/N" }], "$defs": { "N": object } });
        let union = json!({ "anyOf": [object, { "allOf": [{}, { "type": "object" }] }] });
        for (schema, expected) in [
            (object.clone(), true),
            (defs, true),
            (union, true),
            (json!({ "anyOf": [object, { "type": "null" }] }), false),
            (json!({ "type": "string" }), false),
            (json!({ "type": ["object", "null"] }), false),
            (json!({ "type": "object", "properties": { "n": { "type": "nonsense" } } }), false),
            (json!({}), false),
        ] {
            assert_eq!(Output::of(&schema).is_some(), expected, "{schema}");
        }
        let output = Output::of(&object).expect("an object");
        assert!(output.fits(&json!({ "n": 1 })) && !output.fits(&json!({ "runId": "r", "status": "waiting" })));
        let whole = Schema::new(&Value::Object((*output.schema).clone())).expect("a schema");
        assert!(whole.fits(&json!({ "runId": "r", "status": "waiting" })) && whole.fits(&json!({ "n": 1 })));
        assert!(!whole.fits(&json!({ "n": "x" })));
    }

    #[test]
    fn what_validators_read_differently_is_left_out() {
        let text = json!({ "type": "string", "pattern": "^\\-$" });
        let list = json!({ "type": "array", "prefixItems": [text], "items": { "type": "number" } });
        let schema = json!({ "type": "object", "properties": { "pattern": text, "list": list } });
        let output = Output::of(&schema).expect("an object");
        let result = &output.schema["anyOf"][0];
        assert_eq!(result["properties"]["pattern"], json!({ "type": "string" }));
        assert_eq!(result["properties"]["list"], json!({ "type": "array", "prefixItems": [{ "type": "string" }] }));
    }
}
