//! What is done to the user's state, as pure functions on JSON: dotted paths, merges, fan-in, mappings.
//!
//! The members of a group and the items of a fan-out each work on the state as it was when their group began. What
//! members changed is merged in the document's order, whatever order they ended in; of items only the results come
//! back.

use serde_json::{Map, Value};

use crate::document::{ERROR, FanIn, Mapping, SUCCESS};

/// Why a path cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// Something on the way is neither an object nor an array with that position.
    #[error("`{path}` cannot be set: `{at}` is {found}, not an object; remove it or use another path")]
    NotAnObject {
        /// The whole path.
        path: String,
        /// The part that is in the way.
        at: String,
        /// What it is.
        found: &'static str,
    },
    /// An array was expected there.
    #[error("`{path}` is {found}, not an array; {hint}")]
    NotAnArray {
        /// The path.
        path: String,
        /// What is there.
        found: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    }
}

/// A position in an array: decimal digits without a leading zero.
fn position(name: &str) -> Option<usize> {
    let plain = name == "0" || (!name.starts_with('0') && name.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| name.parse().ok()).flatten()
}

/// The value at a dotted path: `a.b.c`, `items.0.name`.
pub fn get<'v>(state: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(state, |value, name| match value {
        Value::Object(map) => map.get(name),
        Value::Array(items) => items.get(position(name)?),
        _ => None,
    })
}

/// Sets the value at a dotted path; objects that are missing (or null) on the way are made.
pub fn set(state: &mut Value, path: &str, value: Value) -> Result<(), PathError> {
    *place(state, path)? = value;
    Ok(())
}

/// The place at a dotted path, made if it is missing.
fn place<'v>(state: &'v mut Value, path: &str) -> Result<&'v mut Value, PathError> {
    let mut here = state;
    let mut walked = 0;
    for name in path.split('.') {
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        let refused = |found| PathError::NotAnObject {
            path: path.into(),
            at: if walked == 0 { "the state".into() } else { path[..walked - 1].into() },
            found,
        };
        here = match here {
            Value::Object(map) => map.entry(name).or_insert(Value::Null),
            Value::Array(items) => {
                position(name).and_then(|at| items.get_mut(at)).ok_or_else(|| refused("an array without it"))?
            }
            other => return Err(refused(kind_of(Some(other)))),
        };
        walked += name.len() + 1;
    }
    Ok(here)
}

/// Sets the members of a state that `fields` has, whole: what a node gives back. Other members stay.
pub fn update(state: &mut Value, fields: Map<String, Value>) {
    if !state.is_object() {
        *state = Value::Object(Map::new());
    }
    if let Value::Object(state) = state {
        state.extend(fields);
    }
}

/// Does to `target` what was done to `base` to make it `changed`: members of objects are compared one by one, whatever
/// differs is set, what is gone is removed. Two members of a group that change different things both count; of two that
/// change the same thing the later does.
pub fn rebase(target: &mut Value, base: &Value, changed: &Value) {
    let (Value::Object(new), Value::Object(old), Value::Object(fields)) = (changed, base, &mut *target) else {
        if changed != base {
            *target = changed.clone();
        }
        return;
    };
    for (key, value) in new {
        match (old.get(key), fields.get_mut(key)) {
            (Some(before), _) if before == value => {}
            (Some(before), Some(now)) => rebase(now, before, value),
            (None, Some(now)) if now.is_object() && value.is_object() => rebase(now, &Value::Object(Map::new()), value),
            _ => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        // Keeps the order of what stays, so that equal states have equal texts.
        fields.shift_remove(key);
    }
}

/// The array of a fan-out.
pub fn items<'v>(state: &'v Value, source: &str) -> Result<&'v [Value], PathError> {
    match get(state, source) {
        Some(Value::Array(items)) => Ok(items),
        other => Err(PathError::NotAnArray {
            path: source.into(),
            found: kind_of(other),
            hint: "a fan-out needs an array at its `source`",
        }),
    }
}

/// What one item of a fan-out gave.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ItemResult {
    /// Its port; `error` if it threw.
    pub port: String,
    /// Its result; of one that threw, what is known of the error.
    pub value: Value,
    /// Whether it threw.
    pub threw: bool,
}

/// What a node gave back.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeResult {
    /// Its port.
    pub port: String,
    /// The members of the state that it sets.
    pub state: Map<String, Value>,
    /// What it gives for its item in a fan-out.
    pub result: Option<Value>,
}

impl NodeResult {
    /// Reads what a node returned: a string is the port; an object may have `output` (the port), `state` (members of
    /// the state to set) and `result` (of an item); null, or no `output`, is `success`. Else what is wrong with it.
    pub fn read(value: Value) -> Result<Self, String> {
        let mut read = Self { port: SUCCESS.into(), ..Self::default() };
        match value {
            Value::Null => {}
            Value::String(port) => read.port = port,
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("output" | "state", Value::Null) => {}
                        ("output", Value::String(port)) => read.port = port,
                        ("state", Value::Object(state)) => read.state = state,
                        ("result", value) => read.result = Some(value),
                        ("output", _) => return Err("the node's `output` must be a string, the name of a port".into()),
                        ("state", _) => return Err("the node's `state` must be an object, the fields to set".into()),
                        (other, _) => {
                            return Err(format!("the node returned `{other}`; it may return output, state and result"));
                        }
                    }
                }
            }
            other => {
                let kind = kind_of(Some(&other));
                return Err(format!("the node returned {kind}; return a port's name, {{output, state}}, or nothing"));
            }
        }
        Ok(read)
    }
}

/// Puts the results of a fan-out into the state, in the items' order: `append` those that did not end with an error,
/// `partition` each by its port where that is named. `custom` is the driver's.
pub fn fan_in(state: &mut Value, fan_in: &FanIn, results: &[ItemResult]) -> Result<(), PathError> {
    match fan_in {
        FanIn::Append { target } => {
            let values = results.iter().filter(|r| !r.threw && r.port != ERROR).map(|r| r.value.clone());
            append(state, target, values)
        }
        FanIn::Partition { partitions } => partitions.iter().try_for_each(|(port, target)| {
            append(state, target, results.iter().filter(|r| r.port == *port).map(|r| r.value.clone()))
        }),
        FanIn::Custom { .. } => Ok(()),
    }
}

fn append(state: &mut Value, target: &str, values: impl Iterator<Item = Value>) -> Result<(), PathError> {
    let place = place(state, target)?;
    if place.is_null() {
        *place = Value::Array(Vec::new());
    }
    match place {
        Value::Array(items) => {
            items.extend(values);
            Ok(())
        }
        other => Err(PathError::NotAnArray {
            path: target.into(),
            found: kind_of(Some(other)),
            hint: "results can be appended to an array only",
        }),
    }
}

/// The state of a sub-DAG with a mapping: what `input` names, and nothing else.
pub fn enter(outer: &Value, mapping: &Mapping) -> Result<Value, PathError> {
    let mut inner = Value::Object(Map::new());
    for (to, from) in &mapping.input {
        if let Some(value) = get(outer, from) {
            set(&mut inner, to, value.clone())?;
        }
    }
    Ok(inner)
}

/// Copies what `output` names from the state of a sub-DAG that has completed.
pub fn leave(outer: &mut Value, inner: &Value, mapping: &Mapping) -> Result<(), PathError> {
    for (to, from) in &mapping.output {
        if let Some(value) = get(inner, from) {
            set(outer, to, value.clone())?;
        }
    }
    Ok(())
}
