//! The DAG document: what it may hold, how it is read, and everything that can be wrong with it.
//!
//! A document is JSON, and JSON-LD compatible: `@context`, `@id` and `@type` are kept and otherwise not looked at.

mod check;
mod names;
mod read;
mod twice;
mod write;

use std::fmt;

use serde_json::Value;

pub use names::Reference;
pub(crate) use names::member_names;
pub use read::{Checked, Ports};

/// The port of a node that went well.
pub const SUCCESS: &str = "success";
/// The port of a node that did not.
pub const ERROR: &str = "error";
/// The ports of a fan-out, in the order in which they are drawn.
pub const FAN_OUT_PORTS: [&str; 4] = ["all-success", "partial", "all-error", "empty"];

/// A DAG as its author wrote it.
#[derive(Clone, PartialEq, Debug)]
pub struct Dag {
    /// `@context`, as it stands.
    pub context: Option<Value>,
    /// `@id`.
    pub id: Option<String>,
    /// What it is registered under.
    pub name: String,
    /// The author's version of it.
    pub version: String,
    /// The placement to begin with.
    pub entrypoint: String,
    /// Its placements, in the author's order.
    pub nodes: Vec<Placement>,
}

/// One node of a DAG: an implementation at a place, with its wiring.
#[derive(Clone, PartialEq, Debug)]
pub struct Placement {
    /// `@id`.
    pub id: Option<String>,
    /// Its name, by which others route to it; unique in the document.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Port → the placement that follows, or `None` for the end of the DAG; in the author's order.
    pub outputs: Vec<(String, Option<String>)>,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether and when it is tried again after an error.
    pub retry: Option<Retry>,
}

/// What a placement does.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// `SingleNode`: runs one node.
    Single {
        /// The reference to its implementation.
        node: String,
    },
    /// `ParallelNode`: runs several at one time and goes on when all have ended.
    Parallel {
        /// Names of placements of this document, or references to nodes.
        members: Vec<String>,
        /// How their ports become one.
        combine: Combine,
    },
    /// `FanOutNode`: runs one node for each item of an array.
    FanOut {
        /// The reference to the implementation.
        node: String,
        /// Where the array is in the state, as a dotted path.
        source: String,
        /// The place in the state at which the node finds its item.
        item_key: String,
        /// How many items run at one time.
        concurrency: Option<u32>,
        /// What becomes of the results.
        fan_in: FanIn,
    },
    /// `DeepDAGNode`: runs another DAG.
    Deep {
        /// The name under which it is registered.
        dag: String,
        /// What passes between the two states; without it the sub-DAG works on the same state.
        mapping: Option<Mapping>,
    },
}

/// How the ports of a parallel group become one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Combine {
    /// `success` if no member ended with an error.
    AllSuccess,
    /// `success` if one member ended without an error.
    AnySuccess,
    /// `success` always.
    Collect,
    /// A registered function says which.
    Custom(String),
}

/// What becomes of the results of a fan-out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FanIn {
    /// Every result that is not an error is appended to the array at a dotted path.
    Append {
        /// The path.
        target: String,
    },
    /// Results are appended to arrays by the port that their node chose.
    Partition {
        /// Port → dotted path.
        partitions: Vec<(String, String)>,
    },
    /// A node gets all results.
    Custom {
        /// The reference to it.
        node: String,
    },
}

/// What passes between the state of a DAG and that of its sub-DAG, as dotted paths.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mapping {
    /// (Path in the sub-DAG's state, path in the outer state), copied at the start.
    pub input: Vec<(String, String)>,
    /// (Path in the outer state, path in the sub-DAG's state), copied when it has completed.
    pub output: Vec<(String, String)>,
}

/// When a node is tried again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retry {
    /// How often it is tried in all, the first time included.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The first delay, in milliseconds.
    pub base_ms: u64,
    /// The longest delay, in milliseconds.
    pub max_ms: u64,
    /// How much of the delay is left to chance, from 0 (nothing) to 1 (all of it).
    pub jitter: f64,
}

/// How the delay of retries grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backoff {
    /// base, base, base …
    Constant,
    /// base, 2·base, 3·base …
    Linear,
    /// base, 2·base, 4·base …
    Exponential,
    /// Chosen between base and three times the delay before.
    DecorrelatedJitter,
}

impl Kind {
    /// `@type` of the placement.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Single { .. } => "SingleNode",
            Self::Parallel { .. } => "ParallelNode",
            Self::FanOut { .. } => "FanOutNode",
            Self::Deep { .. } => "DeepDAGNode",
        }
    }
}

impl Combine {
    /// As it stands in a document.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AllSuccess => "all-success",
            Self::AnySuccess => "any-success",
            Self::Collect => "collect",
            Self::Custom(name) => name,
        }
    }
}

impl Backoff {
    /// As it stands in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Exponential => "exponential",
            Self::DecorrelatedJitter => "decorrelated-jitter",
        }
    }
}

impl Dag {
    /// The placement of this name.
    pub fn placement(&self, name: &str) -> Option<&Placement> {
        self.nodes.iter().find(|p| p.name == name)
    }

    /// Every reference to a node that the document makes, with the place where it stands; members that are placements
    /// of the document are not among them.
    pub fn references(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        for (i, placement) in self.nodes.iter().enumerate() {
            match &placement.kind {
                Kind::Single { node } => found.push((format!("nodes[{i}].node"), node.as_str())),
                Kind::FanOut { node, fan_in, .. } => {
                    found.push((format!("nodes[{i}].node"), node.as_str()));
                    if let FanIn::Custom { node } = fan_in {
                        found.push((format!("nodes[{i}].fanIn.customNode"), node.as_str()));
                    }
                }
                Kind::Parallel { members, .. } => {
                    for (j, member) in members.iter().enumerate() {
                        if self.placement(member).is_none() {
                            found.push((format!("nodes[{i}].nodes[{j}]"), member.as_str()));
                        }
                    }
                }
                Kind::Deep { .. } => {}
            }
        }
        found
    }
}

/// One thing that is wrong with a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where, as a JSON path: `nodes[3].outputs.success`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with a document. Trying again does not help: the document must be changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);
