//! The dispatcher for TypeScript programs: `crates/dag` as pure functions of the engine. A flow's state lies in the
//! program's memory; here are only compiled DAGs, by the hash of what they were compiled from, to be had again at any
//! time.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use dag::{
    Compiled, Dag, Problem, Problems, Registry, StepError, render,
    wire::{self, Stepped, WireError},
};
use run::{Failure, Hash};
use serde::Deserialize;
use serde_json::{Value, json};
use typescript::{Answer, PureFunctions};

/// Compiled DAGs that are kept; when there are more, all are forgotten.
const KEPT: usize = 256;

/// The functions `dag.*`.
#[derive(Default)]
pub struct Dispatcher {
    compiled: Mutex<HashMap<String, Arc<Compiled>>>,
}

/// The functions of this process; what they keep serves all programs in it.
pub fn functions() -> Arc<Dispatcher> {
    static SHARED: LazyLock<Arc<Dispatcher>> = LazyLock::new(Arc::default);
    SHARED.clone()
}

#[derive(Deserialize)]
struct Check {
    document: Value,
    #[serde(default)]
    ports: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Draw {
    document: Value,
    format: String,
}

#[derive(Deserialize)]
struct Compile {
    name: String,
    documents: Vec<Value>,
}

impl PureFunctions for Dispatcher {
    fn call(&self, op: &str, json: &str, bytes: &[u8]) -> Option<Result<Answer, Failure>> {
        Some(match op {
            "dag.advance" => self.advance(json, bytes),
            // Of programs whose library is older than `dag.advance`.
            "dag.step" => self.step(json, bytes),
            "dag.new" => self.fresh(json, bytes),
            "dag.look" => self.look(json, bytes),
            "dag.check" => check(json),
            "dag.draw" => draw(json),
            "dag.compile" => self.compile(json),
            _ => return None,
        })
    }
}

impl Dispatcher {
    fn find(&self, handle: &str) -> Result<Arc<Compiled>, Failure> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.get(handle).cloned().ok_or_else(|| {
            Failure::with_code("ExecutionError", "DAG_UNKNOWN", format!("no DAG is compiled as {handle}; compile it"))
        })
    }

    fn compile(&self, request: &str) -> Result<Answer, Failure> {
        let Compile { name, documents } = read("dag.compile", request)?;
        let mut registry = Registry::default();
        for document in &documents {
            match Dag::from_json(document) {
                Ok(checked) => drop(registry.add(checked.dag)),
                Err(problems) => return answer(&json!({ "problems": list(&problems.0) })),
            }
        }
        let compiled = match registry.compile(&name) {
            Ok(compiled) => compiled,
            Err(Problems(problems)) => return answer(&json!({ "problems": list(&problems) })),
        };
        let handle = Hash::of(request.as_bytes()).to_string();
        let mut tables = wire::tables(&compiled);
        tables["handle"] = handle.as_str().into();
        let mut kept = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(handle, Arc::new(compiled));
        answer(&tables)
    }

    /// Bytes: the seed of the chance in delays, 8 bytes.
    fn fresh(&self, handle: &str, seed: &[u8]) -> Result<Answer, Failure> {
        let dag = self.find(handle)?;
        let seed = seed.try_into().map_or(0, u64::from_le_bytes);
        Ok(given(wire::new_state(&dag, seed, false)))
    }

    /// Bytes: the length of the state (32 bits, little endian), the state, the events. Gives the same with the actions,
    /// which begin at a multiple of four.
    fn step(&self, handle: &str, bytes: &[u8]) -> Result<Answer, Failure> {
        let dag = self.find(handle)?;
        let (state, events) = split(bytes).ok_or_else(|| failed(&WireError::Event))?;
        let stepped = wire::step(&dag, state, events).map_err(|e| failed(&e))?;
        Ok(given(stepped_bytes(stepped)))
    }

    /// Bytes, in words of 32 bits, little endian: the length of the state in bytes, how many bytes of events are known
    /// already, how many events to look ahead, 0; then the state, up to a multiple of four, and the events. A state of 8
    /// bytes is the seed of one that has not begun. Gives what `step` gives.
    fn advance(&self, handle: &str, bytes: &[u8]) -> Result<Answer, Failure> {
        let dag = self.find(handle)?;
        let (head, rest) = bytes.split_first_chunk::<16>().ok_or_else(|| failed(&WireError::Event))?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (len, known) = (word(0) as usize, word(4) as usize);
        let cut = rest.split_at_checked(len.next_multiple_of(4)).ok_or_else(|| failed(&WireError::Event))?;
        let (state, events) = (&cut.0[..len], cut.1);
        let stepped = wire::advance(&dag, state, events, known, word(8)).map_err(|e| failed(&e))?;
        Ok(given(stepped_bytes(stepped)))
    }

    fn look(&self, handle: &str, state: &[u8]) -> Result<Answer, Failure> {
        answer(&wire::look(&*self.find(handle)?, state).map_err(|e| failed(&e))?)
    }
}

fn stepped_bytes(stepped: Stepped) -> Vec<u8> {
    let len = stepped.state.len();
    let mut out = Vec::with_capacity(8 + len + stepped.actions.len());
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&stepped.state);
    out.resize(4 + len.next_multiple_of(4), 0);
    out.extend_from_slice(&stepped.actions);
    out
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

fn check(request: &str) -> Result<Answer, Failure> {
    let Check { document, ports } = read("dag.check", request)?;
    let (problems, warnings) = match Dag::with_ports(&document, &|node| ports.get(node).cloned()) {
        Ok(checked) => (Vec::new(), checked.warnings),
        Err(Problems(problems)) => (problems, Vec::new()),
    };
    answer(&json!({ "problems": list(&problems), "warnings": list(&warnings) }))
}

fn draw(request: &str) -> Result<Answer, Failure> {
    let Draw { document, format } = read("dag.draw", request)?;
    let invalid = |problems: Problems| {
        let lines: Vec<_> = problems.0.iter().map(Problem::to_string).collect();
        Failure::new("ValidationError", format!("the document is not valid: {}", lines.join("; ")))
    };
    let dag = Dag::from_json(&document).map_err(invalid)?.dag;
    answer(&match format.as_str() {
        "mermaid" => render::mermaid(&dag).into(),
        "svg" => render::svg(&dag).into(),
        "cytoscape" => render::cytoscape(&dag),
        "json-ld" => render::json_ld(&dag),
        other => return Err(Failure::new("ValidationError", format!("there is no drawing in the format {other:?}"))),
    })
}

fn list(problems: &[Problem]) -> Vec<Value> {
    problems.iter().map(|p| json!({ "path": p.path, "message": p.message })).collect()
}

fn read<'a, T: Deserialize<'a>>(op: &str, request: &'a str) -> Result<T, Failure> {
    serde_json::from_str(request)
        .map_err(|e| Failure::new("ValidationError", format!("{op}: it has another shape: {e}")))
}

fn answer(value: &Value) -> Result<Answer, Failure> {
    Ok(Answer { json: value.to_string(), bytes: None })
}

fn given(bytes: Vec<u8>) -> Answer {
    Answer { json: String::new(), bytes: Some(bytes) }
}

fn failed(error: &WireError) -> Failure {
    let name = match error {
        WireError::Step(StepError::Cursor(_)) => "NotFoundError",
        WireError::State(_) => "ValidationError",
        _ => "ExecutionError",
    };
    Failure::new(name, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> String {
        let node = |name: &str, next: Value| json!({ "@type": "SingleNode", "name": name, "node": name, "outputs": { "success": next } });
        let nodes = [node("a", "b".into()), node("b", Value::Null)];
        let document = json!({ "@type": "DAG", "name": "line", "version": "1", "entrypoint": "a", "nodes": nodes });
        json!({ "name": "line", "documents": [document] }).to_string()
    }

    fn call(dispatcher: &Dispatcher, op: &str, json: &str, bytes: &[u8]) -> Result<Answer, Failure> {
        dispatcher.call(op, json, bytes).expect("one of ours")
    }

    #[test]
    fn a_forgotten_dag_is_compiled_again_under_the_same_name() {
        let (one, other) = (Dispatcher::default(), Dispatcher::default());
        let tables: Value =
            serde_json::from_str(&call(&one, "dag.compile", &line(), &[]).expect("compiled").json).expect("JSON");
        let handle = tables["handle"].as_str().expect("a handle");
        let state = call(&one, "dag.new", handle, &[0; 8]).expect("made").bytes.expect("a state");
        let mut request = (state.len() as u32).to_le_bytes().to_vec();
        request.extend_from_slice(&state);
        request.extend_from_slice(&[0; 32]);
        let unknown = call(&other, "dag.step", handle, &request).expect_err("not compiled there");
        assert_eq!(unknown.code.as_deref(), Some("DAG_UNKNOWN"));
        call(&other, "dag.compile", &line(), &[]).expect("compiled");
        let (a, b) = (call(&one, "dag.step", handle, &request), call(&other, "dag.step", handle, &request));
        assert_eq!(a.expect("stepped").bytes, b.expect("stepped").bytes);
    }

    #[test]
    fn strange_bytes_are_failures() {
        let dispatcher = Dispatcher::default();
        let tables: Value =
            serde_json::from_str(&call(&dispatcher, "dag.compile", &line(), &[]).expect("compiled").json)
                .expect("JSON");
        let handle = tables["handle"].as_str().expect("a handle");
        for bytes in [&[][..], &[0, 0], &[255; 4], &[0; 4], &[4, 0, 0, 0, 1, 2, 3, 4, 5]] {
            assert!(call(&dispatcher, "dag.step", handle, bytes).is_err() || bytes.len() == 4, "{bytes:?}");
            assert!(call(&dispatcher, "dag.look", handle, bytes).is_err(), "{bytes:?}");
        }
        assert!(call(&dispatcher, "dag.compile", "{}", &[]).is_err());
        assert!(dispatcher.call("url.parse", "", &[]).is_none());
    }
}
