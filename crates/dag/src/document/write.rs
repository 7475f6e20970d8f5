//! From a document back to JSON.

use serde_json::{Map, Value, json};

use super::{Dag, FanIn, Kind, Placement};

impl Dag {
    /// The document as JSON; reading it gives the same document.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(context) = &self.context {
            object.insert("@context".into(), context.clone());
        }
        if let Some(id) = &self.id {
            object.insert("@id".into(), id.clone().into());
        }
        object.insert("@type".into(), "DAG".into());
        object.insert("name".into(), self.name.clone().into());
        object.insert("version".into(), self.version.clone().into());
        object.insert("entrypoint".into(), self.entrypoint.clone().into());
        object.insert("nodes".into(), self.nodes.iter().map(placement).collect());
        Value::Object(object)
    }
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.clone()))).collect::<Map<_, _>>().into()
}

fn placement(placement: &Placement) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.into(), value);
    if let Some(id) = &placement.id {
        put("@id", id.clone().into());
    }
    put("@type", placement.kind.type_name().into());
    put("name", placement.name.clone().into());
    match &placement.kind {
        Kind::Single { node } => {
            put("node", node.clone().into());
        }
        Kind::Parallel { members, combine } => {
            put("nodes", members.clone().into());
            put("combine", combine.as_str().into());
        }
        Kind::FanOut { node, source, item_key, concurrency, fan_in } => {
            put("node", node.clone().into());
            put("source", source.clone().into());
            put("itemKey", item_key.clone().into());
            if let Some(concurrency) = concurrency {
                put("concurrency", (*concurrency).into());
            }
            let fan_in = match fan_in {
                FanIn::Append { target } => json!({ "strategy": "append", "target": target }),
                FanIn::Partition { partitions } => {
                    json!({ "strategy": "partition", "partitions": pairs(partitions) })
                }
                FanIn::Custom { node } => json!({ "strategy": "custom", "customNode": node }),
            };
            put("fanIn", fan_in);
        }
        Kind::Deep { dag, mapping } => {
            put("dag", dag.clone().into());
            if let Some(mapping) = mapping {
                put("stateMapping", json!({ "input": pairs(&mapping.input), "output": pairs(&mapping.output) }));
            }
        }
    }
    let outputs: Map<_, _> =
        placement.outputs.iter().map(|(port, target)| (port.clone(), target.clone().into())).collect();
    put("outputs", outputs.into());
    if let Some(timeout) = placement.timeout_ms {
        put("timeoutMs", timeout.into());
    }
    if let Some(retry) = &placement.retry {
        let policy = json!({
            "attempts": retry.attempts,
            "backoff": retry.backoff.as_str(),
            "baseMs": retry.base_ms,
            "maxMs": retry.max_ms,
            "jitter": retry.jitter,
        });
        put("retry", policy);
    }
    Value::Object(object)
}
