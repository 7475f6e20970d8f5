//! From JSON to a document. Everything that is wrong is reported, not only the first.

use serde_json::{Map, Value};

use super::names::{name_fault, path_fault, reference_fault};
use super::twice::twice;
use super::{Backoff, Combine, Dag, FanIn, Kind, Mapping, Placement, Problem, Problems, Retry, check};
use crate::limits;

/// The ports that a node declares, by its reference; `None` if that is not known.
pub type Ports<'a> = dyn Fn(&str) -> Option<Vec<String>> + 'a;

/// A document without errors.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    /// The document.
    pub dag: Dag,
    /// What is probably not meant so.
    pub warnings: Vec<Problem>,
}

impl Dag {
    /// Reads a document from JSON text.
    pub fn parse(text: &str) -> Result<Checked, Problems> {
        let whole = |message: String| Problems(vec![Problem::new("", message)]);
        if text.len() > limits::DOCUMENT {
            return Err(whole(format!(
                "the document is longer than {} bytes; split it into sub-DAGs",
                limits::DOCUMENT
            )));
        }
        let value = serde_json::from_str(text).map_err(|e| whole(format!("the document is not JSON: {e}")))?;
        let mut problems = twice(text);
        match Self::from_json(&value) {
            Ok(checked) if problems.is_empty() => Ok(checked),
            Ok(_) => Err(Problems(problems)),
            Err(more) => {
                problems.extend(more.0);
                Err(Problems(problems))
            }
        }
    }

    /// Reads a document from a JSON value.
    pub fn from_json(value: &Value) -> Result<Checked, Problems> {
        Self::with_ports(value, &|_| None)
    }

    /// Reads a document, and checks its wiring against the ports that its nodes declare.
    pub fn with_ports(value: &Value, ports: &Ports<'_>) -> Result<Checked, Problems> {
        let mut reader = Reader::default();
        let dag = reader.dag(value);
        let mut problems = reader.problems;
        let mut warnings = Vec::new();
        if let Some(dag) = &dag {
            check::wiring(dag, ports, &mut problems, &mut warnings);
        }
        match dag {
            Some(dag) if problems.is_empty() => Ok(Checked { dag, warnings }),
            _ => Err(Problems(problems)),
        }
    }
}

/// An object that is being read: which of its keys were looked at tells which are unknown.
struct Object<'v> {
    path: String,
    map: &'v Map<String, Value>,
    known: Vec<&'static str>,
}

impl Object<'_> {
    fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_@$".contains(c));
    match (plain, path.is_empty()) {
        (true, true) => key.into(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{key:?}]"),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    fn object<'v>(&mut self, value: &'v Value, path: &str, what: &str) -> Option<Object<'v>> {
        match value {
            Value::Object(map) => Some(Object { path: path.into(), map, known: Vec::new() }),
            other => {
                self.problem(path, format!("must be {what}, an object, not {}", kind_of(other)));
                None
            }
        }
    }

    fn close(&mut self, object: Object<'_>) {
        for key in object.map.keys().filter(|key| !object.known.contains(&key.as_str())) {
            let path = object.at(key);
            self.problem(path, format!("is not known here; remove it (known: {})", object.known.join(", ")));
        }
    }

    fn get<'v>(object: &mut Object<'v>, key: &'static str) -> Option<&'v Value> {
        object.known.push(key);
        object.map.get(key)
    }

    fn string(&mut self, object: &mut Object<'_>, key: &'static str) -> Option<String> {
        match Self::get(object, key)? {
            Value::String(text) => Some(text.clone()),
            other => {
                self.problem(object.at(key), format!("must be a string, not {}", kind_of(other)));
                None
            }
        }
    }

    fn required(&mut self, object: &mut Object<'_>, key: &'static str) -> Option<String> {
        let before = self.problems.len();
        let value = self.string(object, key);
        if value.is_none() && self.problems.len() == before {
            self.problem(object.at(key), "is missing; add it");
        }
        value
    }

    /// A required text that `fault` finds nothing wrong with.
    fn sound(
        &mut self,
        object: &mut Object<'_>,
        key: &'static str,
        fault: fn(&str) -> Option<String>,
    ) -> Option<String> {
        let text = self.required(object, key)?;
        match fault(&text) {
            Some(fault) => {
                self.problem(object.at(key), fault);
                None
            }
            None => Some(text),
        }
    }

    fn integer(&mut self, object: &mut Object<'_>, key: &'static str, low: u64, high: u64) -> Option<u64> {
        let value = Self::get(object, key)?;
        let number = value
            .as_u64()
            .or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0 && *f < 1e15).map(|f| f as u64));
        match number {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                self.problem(object.at(key), format!("must be a whole number from {low} to {high}, not {value}"));
                None
            }
        }
    }

    fn dag(&mut self, value: &Value) -> Option<Dag> {
        let mut object = self.object(value, "", "a DAG document")?;
        let context = Self::get(&mut object, "@context").cloned();
        let id = self.string(&mut object, "@id");
        match self.required(&mut object, "@type").as_deref() {
            Some("DAG") | None => {}
            Some(other) => self.problem("@type", format!("must be \"DAG\", not {other:?}")),
        }
        let name = self.sound(&mut object, "name", name_fault);
        let version = self.required(&mut object, "version");
        let entrypoint = self.required(&mut object, "entrypoint");
        let nodes = match Self::get(&mut object, "nodes") {
            Some(Value::Array(nodes)) if nodes.is_empty() => {
                self.problem("nodes", "is empty; a DAG has at least one placement");
                None
            }
            Some(Value::Array(nodes)) if nodes.len() > limits::PLACEMENTS => {
                let (have, most) = (nodes.len(), limits::PLACEMENTS);
                self.problem("nodes", format!("holds {have} placements, more than {most}; split it into sub-DAGs"));
                None
            }
            Some(Value::Array(nodes)) => {
                let read: Vec<_> =
                    nodes.iter().enumerate().map(|(i, node)| self.placement(node, &format!("nodes[{i}]"))).collect();
                // A placement that cannot be read would make others look badly wired: keep to what is known.
                read.into_iter().collect::<Option<Vec<_>>>()
            }
            Some(other) => {
                self.problem("nodes", format!("must be an array of placements, not {}", kind_of(other)));
                None
            }
            None => {
                self.problem("nodes", "is missing; add an array of placements");
                None
            }
        };
        self.close(object);
        Some(Dag { context, id, name: name?, version: version?, entrypoint: entrypoint?, nodes: nodes? })
    }

    fn placement(&mut self, value: &Value, path: &str) -> Option<Placement> {
        let mut object = self.object(value, path, "a placement")?;
        let id = self.string(&mut object, "@id");
        let kind_name = self.required(&mut object, "@type");
        let name = self.sound(&mut object, "name", name_fault);
        let before = self.problems.len();
        let kind = match kind_name.as_deref() {
            Some("SingleNode") => self.sound(&mut object, "node", reference_fault).map(|node| Kind::Single { node }),
            Some("ParallelNode") => self.parallel(&mut object),
            Some("FanOutNode") => self.fan_out(&mut object),
            Some("DeepDAGNode") => self.deep(&mut object),
            Some(other) => {
                let known = "SingleNode, ParallelNode, FanOutNode or DeepDAGNode";
                self.problem(object.at("@type"), format!("must be {known}, not {other:?}"));
                return None;
            }
            None => return None,
        };
        let outputs = self.outputs(&mut object);
        let timeout_ms = self.integer(&mut object, "timeoutMs", 1, limits::MILLIS);
        let retry = Self::get(&mut object, "retry").and_then(|value| self.retry(value, &object.at("retry")));
        self.close(object);
        if self.problems.len() > before && (kind.is_none() || outputs.is_none()) {
            return None;
        }
        Some(Placement { id, name: name?, kind: kind?, outputs: outputs?, timeout_ms, retry })
    }

    fn parallel(&mut self, object: &mut Object<'_>) -> Option<Kind> {
        let path = object.at("nodes");
        let members = match Self::get(object, "nodes") {
            Some(Value::Array(members)) if members.is_empty() || members.len() > limits::MEMBERS => {
                self.problem(path, format!("must name 1 to {} members, not {}", limits::MEMBERS, members.len()));
                None
            }
            Some(Value::Array(members)) => {
                let mut names = Vec::new();
                for (i, member) in members.iter().enumerate() {
                    let at = format!("{path}[{i}]");
                    match member.as_str().map(|name| (name, reference_fault(name))) {
                        None => {
                            self.problem(at, format!("must be a placement's or node's name, not {}", kind_of(member)))
                        }
                        Some((_, Some(fault))) => self.problem(at, fault),
                        Some((name, None)) => names.push(name.to_owned()),
                    }
                }
                (names.len() == members.len()).then_some(names)
            }
            Some(other) => {
                self.problem(path, format!("must be an array of names, not {}", kind_of(other)));
                None
            }
            None => {
                self.problem(path, "is missing; name the members of the group");
                None
            }
        };
        let combine = self.sound(object, "combine", reference_fault).map(|combine| match combine.as_str() {
            "all-success" => Combine::AllSuccess,
            "any-success" => Combine::AnySuccess,
            "collect" => Combine::Collect,
            _ => Combine::Custom(combine),
        });
        Some(Kind::Parallel { members: members?, combine: combine? })
    }

    fn fan_out(&mut self, object: &mut Object<'_>) -> Option<Kind> {
        let node = self.sound(object, "node", reference_fault);
        let source = self.sound(object, "source", path_fault);
        let item_key = match object.map.contains_key("itemKey") {
            true => self.sound(object, "itemKey", path_fault),
            false => {
                object.known.push("itemKey");
                Some("currentItem".to_owned())
            }
        };
        let concurrency = self.integer(object, "concurrency", 1, limits::CONCURRENCY).map(|n| n as u32);
        let path = object.at("fanIn");
        let fan_in = match Self::get(object, "fanIn") {
            Some(value) => self.fan_in(value, &path),
            None => {
                self.problem(path, "is missing; say what becomes of the results (append, partition or custom)");
                None
            }
        };
        Some(Kind::FanOut { node: node?, source: source?, item_key: item_key?, concurrency, fan_in: fan_in? })
    }

    fn fan_in(&mut self, value: &Value, path: &str) -> Option<FanIn> {
        let mut object = self.object(value, path, "a fan-in")?;
        let fan_in = match self.required(&mut object, "strategy").as_deref() {
            Some("append") => self.sound(&mut object, "target", path_fault).map(|target| FanIn::Append { target }),
            Some("partition") => {
                let at = object.at("partitions");
                match Self::get(&mut object, "partitions") {
                    Some(value) => self.pairs(value, &at, name_fault).map(|partitions| FanIn::Partition { partitions }),
                    None => {
                        self.problem(at, "is missing; map ports to the paths where their results go");
                        None
                    }
                }
            }
            Some("custom") => self.sound(&mut object, "customNode", reference_fault).map(|node| FanIn::Custom { node }),
            Some(other) => {
                let at = object.at("strategy");
                self.problem(at, format!("must be append, partition or custom, not {other:?}"));
                return None;
            }
            None => return None,
        };
        self.close(object);
        fan_in
    }

    /// An object of names to dotted paths.
    fn pairs(
        &mut self,
        value: &Value,
        path: &str,
        key_fault: fn(&str) -> Option<String>,
    ) -> Option<Vec<(String, String)>> {
        let object = self.object(value, path, "names to dotted paths")?;
        let before = self.problems.len();
        let mut pairs = Vec::new();
        for (key, value) in object.map {
            let at = object.at(key);
            if let Some(fault) = key_fault(key) {
                self.problem(at.clone(), format!("this name {fault}"));
            }
            match value.as_str().map(|text| (text, path_fault(text))) {
                None => self.problem(at, format!("must be a dotted path, not {}", kind_of(value))),
                Some((_, Some(fault))) => self.problem(at, fault),
                Some((text, None)) => pairs.push((key.clone(), text.to_owned())),
            }
        }
        (self.problems.len() == before).then_some(pairs)
    }

    fn deep(&mut self, object: &mut Object<'_>) -> Option<Kind> {
        let dag = self.sound(object, "dag", name_fault);
        let path = object.at("stateMapping");
        let mapping = match Self::get(object, "stateMapping") {
            None => Some(None),
            Some(value) => self.mapping(value, &path).map(Some),
        };
        Some(Kind::Deep { dag: dag?, mapping: mapping? })
    }

    fn mapping(&mut self, value: &Value, path: &str) -> Option<Mapping> {
        let mut object = self.object(value, path, "a mapping")?;
        let mut side = |reader: &mut Self, key: &'static str| {
            let at = object.at(key);
            match Self::get(&mut object, key) {
                None => Some(Vec::new()),
                Some(value) => reader.pairs(value, &at, path_fault),
            }
        };
        let (input, output) = (side(self, "input"), side(self, "output"));
        self.close(object);
        Some(Mapping { input: input?, output: output? })
    }

    fn outputs(&mut self, object: &mut Object<'_>) -> Option<Vec<(String, Option<String>)>> {
        let path = object.at("outputs");
        let Some(value) = Self::get(object, "outputs") else {
            self.problem(path, "is missing; wire every port to a placement, or to null for the end");
            return None;
        };
        let outputs = self.object(value, &path, "ports to placements")?;
        let before = self.problems.len();
        if outputs.map.is_empty() || outputs.map.len() > limits::OUTPUTS {
            self.problem(&path, format!("must wire 1 to {} ports, not {}", limits::OUTPUTS, outputs.map.len()));
        }
        let mut wired = Vec::new();
        for (port, target) in outputs.map {
            let at = outputs.at(port);
            if let Some(fault) = name_fault(port) {
                self.problem(at.clone(), format!("this port's name {fault}"));
            }
            match target {
                Value::Null => wired.push((port.clone(), None)),
                Value::String(name) => wired.push((port.clone(), Some(name.clone()))),
                other => self.problem(at, format!("must be a placement's name or null, not {}", kind_of(other))),
            }
        }
        (self.problems.len() == before).then_some(wired)
    }

    fn retry(&mut self, value: &Value, path: &str) -> Option<Retry> {
        let mut object = self.object(value, path, "a retry policy")?;
        let before = self.problems.len();
        let attempts = self.integer(&mut object, "attempts", 1, limits::ATTEMPTS);
        if attempts.is_none() && self.problems.len() == before {
            self.problem(object.at("attempts"), "is missing; say how often the node is tried in all");
        }
        let backoff = match self.string(&mut object, "backoff").as_deref() {
            None => Backoff::Exponential,
            Some("constant") => Backoff::Constant,
            Some("linear") => Backoff::Linear,
            Some("exponential") => Backoff::Exponential,
            Some("decorrelated-jitter") => Backoff::DecorrelatedJitter,
            Some(other) => {
                let known = "constant, linear, exponential or decorrelated-jitter";
                self.problem(object.at("backoff"), format!("must be {known}, not {other:?}"));
                Backoff::Constant
            }
        };
        let base_ms = self.integer(&mut object, "baseMs", 0, limits::MILLIS).unwrap_or(limits::DEFAULT_BASE_MS);
        let max_ms = self.integer(&mut object, "maxMs", 0, limits::MILLIS);
        if let Some(max) = max_ms.filter(|max| *max < base_ms) {
            self.problem(object.at("maxMs"), format!("is {max}, less than baseMs ({base_ms}); raise it"));
        }
        let jitter = match Self::get(&mut object, "jitter") {
            None | Some(Value::Bool(false)) => 0.0,
            Some(Value::Bool(true)) => 1.0,
            Some(value) => value.as_f64().filter(|j| (0.0..=1.0).contains(j)).unwrap_or_else(|| {
                self.problem(object.at("jitter"), format!("must be true, false or a number from 0 to 1, not {value}"));
                0.0
            }),
        };
        self.close(object);
        let max_ms = max_ms.unwrap_or_else(|| limits::DEFAULT_MAX_MS.max(base_ms));
        (self.problems.len() == before).then_some(Retry {
            attempts: attempts? as u32,
            backoff,
            base_ms,
            max_ms,
            jitter,
        })
    }
}
