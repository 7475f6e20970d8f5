//! DAGs of registered functions, as durable runs.

use std::collections::BTreeMap;

use dag::{
    Dag,
    document::Reference,
    guest::{ENDING, Loader, pin},
};
use run::Code;
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// What a node is given, besides what its own type takes of it: `{state, node, attempt}`, and of a fan-out's item
/// `item` and `index` too. Any type that serde can read from that will do.
#[derive(Deserialize, Clone, PartialEq, Debug)]
pub struct NodeInput<S = Value> {
    /// The DAG's state, as it is now.
    pub state: S,
    /// The path of the placement.
    pub node: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The item of a fan-out.
    #[serde(default)]
    pub item: Value,
    /// The item's number, from 0.
    pub index: Option<u32>,
}

/// How a DAG completed: the result of its run.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub struct DagResult<S = Value> {
    /// The paths of the placements that ended, in order.
    pub executed_nodes: Vec<String>,
    /// Those that were skipped.
    pub skipped_nodes: Vec<String>,
    /// The state at the end.
    pub state: S,
}

/// Finds what documents name among what was registered.
struct Registered<'a> {
    documents: &'a BTreeMap<String, String>,
    codes: &'a BTreeMap<String, Code>,
}

impl Loader for Registered<'_> {
    fn document(&mut self, _: &str, name: &str) -> Result<(String, String), String> {
        let text = self.documents.get(name).ok_or("no DAG is registered by this name")?;
        Ok((format!("{name}{ENDING}"), text.clone()))
    }

    fn code(&mut self, _: &str, _: &str) -> Result<Code, String> {
        Err("nodes in files are run by the command quicksave; name a registered function".into())
    }

    fn registered(&mut self, name: &str) -> Option<Code> {
        self.codes.get(name).cloned()
    }
}

/// The names of documents. Those with nodes that nothing here performs are refused.
pub(crate) fn named(texts: Vec<String>) -> Result<BTreeMap<String, String>, Error> {
    let mut documents = BTreeMap::new();
    for text in texts {
        let dag = Dag::parse(&text).map_err(|e| Error::new(format!("a DAG's document: {e}")))?.dag;
        for (path, reference) in dag.references() {
            if matches!(
                Reference::parse(reference),
                Reference::Shell(_) | Reference::Http(_) | Reference::Photon { .. }
            ) {
                let how = "name a registered function that does it";
                return Err(Error::new(format!(
                    "DAG {:?}: {path}: {reference:?} is not performed here; {how}",
                    dag.name
                )));
            }
        }
        if documents.insert(dag.name.clone(), text).is_some() {
            return Err(Error::new(format!("two DAGs are named {:?}; rename one", dag.name)));
        }
    }
    Ok(documents)
}

/// The pinned code of each DAG.
pub(crate) fn codes(
    documents: &BTreeMap<String, String>,
    functions: &BTreeMap<String, Code>,
) -> Result<BTreeMap<String, Code>, Error> {
    let one = |(name, text): (&String, &String)| {
        let mut loader = Registered { documents, codes: functions };
        let pinned = pin(&format!("{name}{ENDING}"), text, &mut loader).map_err(Error::new)?;
        Ok((name.clone(), pinned.code))
    };
    documents.iter().map(one).collect()
}
