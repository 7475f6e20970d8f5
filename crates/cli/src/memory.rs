//! The memory of a Neutron program as text: call stack, variables, heap.

use serde_json::{Map, Value};

use crate::output::{cut, line, tame};

/// The longest value on one line, in characters.
pub const WIDE: usize = 160;

/// Whether `memory` is that of a Neutron program.
pub fn is_neutron(memory: &Map<String, Value>) -> bool {
    memory.contains_key("tasks") && memory.contains_key("globals")
}

/// Prints what `neutron::describe` gives.
pub fn show(memory: &Map<String, Value>) {
    let none = Vec::new();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).unwrap_or(&none).clone();
    let text = |value: &Value| tame(value.as_str().unwrap_or("?"));
    for task in memory.get("tasks").and_then(Value::as_array).unwrap_or(&none) {
        line(format!("\ntask {}  {}", task["id"], text(&task["state"])));
        let calls = list(task, "calls");
        for call in &calls {
            line(format!("  {}  {}:{}", text(&call["function"]), text(&call["file"]), call["line"]));
            variables(&call["variables"], "      ");
        }
        let depth = task["depth"].as_u64().unwrap_or(0);
        let more = depth.saturating_sub(calls.len() as u64);
        if more > 0 {
            line(format!("  … {more} more calls"));
        }
    }
    if memory.get("globals").and_then(Value::as_object).is_some_and(|globals| !globals.is_empty()) {
        line("\nvariables of the top level");
        variables(&memory["globals"], "  ");
    }
    if let Some(heap) = memory.get("heap") {
        let kinds = heap["kinds"].as_object().into_iter().flatten();
        let kinds: Vec<String> = kinds.map(|(kind, count)| format!("{count} {kind}")).collect();
        line(format!("\nheap  {} objects, {} bytes: {}", heap["objects"], heap["bytes"], kinds.join(", ")));
    }
}

fn variables(values: &Value, indent: &str) {
    for (name, value) in values.as_object().into_iter().flatten() {
        line(format!("{indent}{} = {}", tame(name), cut(&value.to_string(), WIDE)));
    }
}
