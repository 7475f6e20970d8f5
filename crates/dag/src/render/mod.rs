//! Drawings of a document: Mermaid, SVG, JSON-LD, Cytoscape.

mod layout;
mod svg;

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::document::{Dag, Kind, member_names};

pub use svg::svg;

/// What is drawn: the placements, the members of groups inside theirs, and an end if anything leads there.
struct Graph<'d> {
    nodes: Vec<Node<'d>>,
    edges: Vec<Edge<'d>>,
}

struct Node<'d> {
    label: String,
    /// The second line: what the placement runs.
    detail: String,
    kind: &'static str,
    /// The group that it is a member of.
    group: Option<usize>,
    name: Option<&'d str>,
}

struct Edge<'d> {
    from: usize,
    to: usize,
    label: &'d str,
}

/// The label of the end.
const END: &str = "end";

impl<'d> Graph<'d> {
    fn of(dag: &'d Dag) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new() };
        let members: Vec<&str> = dag
            .nodes
            .iter()
            .filter_map(|p| if let Kind::Parallel { members, .. } = &p.kind { Some(members) } else { None })
            .flatten()
            .map(String::as_str)
            .collect();
        let mut by_name = HashMap::new();
        for placement in &dag.nodes {
            let routed = |name: &str| {
                dag.entrypoint == name
                    || dag.nodes.iter().any(|p| p.outputs.iter().any(|(_, to)| to.as_deref() == Some(name)))
            };
            // Placements that are only ever members are drawn inside their groups.
            if members.contains(&placement.name.as_str()) && !routed(&placement.name) {
                continue;
            }
            by_name.insert(placement.name.as_str(), graph.nodes.len());
            graph.place(&placement.name, &placement.kind, None);
        }
        for placement in &dag.nodes {
            let (Kind::Parallel { members, .. }, Some(group)) = (&placement.kind, by_name.get(placement.name.as_str()))
            else {
                continue;
            };
            for (member, shown) in members.iter().zip(member_names(members)) {
                let single = Kind::Single { node: member.clone() };
                let kind = dag.placement(member).map_or(&single, |placement| &placement.kind);
                graph.place(&shown, kind, Some(*group));
            }
        }
        let mut end = None;
        for placement in &dag.nodes {
            let Some(from) = by_name.get(placement.name.as_str()).copied() else { continue };
            for (port, to) in &placement.outputs {
                let to = match to {
                    Some(to) => by_name.get(to.as_str()).copied(),
                    None => Some(*end.get_or_insert_with(|| {
                        let (label, detail) = (END.to_owned(), String::new());
                        graph.nodes.push(Node { label, detail, kind: "End", group: None, name: None });
                        graph.nodes.len() - 1
                    })),
                };
                if let Some(to) = to {
                    graph.edges.push(Edge { from, to, label: port });
                }
            }
        }
        // The entrypoint comes first in every layout.
        if let Some(entry) = by_name.get(dag.entrypoint.as_str()) {
            graph.nodes[*entry].name = Some(&dag.entrypoint);
        }
        graph
    }

    fn place(&mut self, name: &str, kind: &Kind, group: Option<usize>) {
        let detail = match kind {
            Kind::Single { node } if node != name => node.clone(),
            Kind::Single { .. } => String::new(),
            Kind::Parallel { combine, .. } => combine.as_str().to_owned(),
            Kind::FanOut { node, source, .. } => format!("{node} for each of {source}"),
            Kind::Deep { dag, .. } => dag.clone(),
        };
        self.nodes.push(Node { label: name.to_owned(), detail, kind: kind.type_name(), group, name: None });
    }
}

/// A Mermaid flowchart.
pub fn mermaid(dag: &Dag) -> String {
    let graph = Graph::of(dag);
    let mut out = String::from("flowchart TD\n");
    let shape = |node: &Node<'_>| {
        let label = mermaid_text(&node.label, &node.detail);
        match node.kind {
            "FanOutNode" => format!("[/\"{label}\"/]"),
            "DeepDAGNode" => format!("[[\"{label}\"]]"),
            "End" => format!("([\"{label}\"])"),
            _ => format!("[\"{label}\"]"),
        }
    };
    for (i, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.group.is_none()) {
        if node.kind == "ParallelNode" {
            let _ = writeln!(out, "  subgraph n{i}[\"{}\"]", mermaid_text(&node.label, &node.detail));
            for (m, member) in graph.nodes.iter().enumerate().filter(|(_, member)| member.group == Some(i)) {
                let _ = writeln!(out, "    n{m}{}", shape(member));
            }
            out.push_str("  end\n");
        } else {
            let _ = writeln!(out, "  n{i}{}", shape(node));
        }
    }
    for edge in &graph.edges {
        let _ = writeln!(out, "  n{} -->|\"{}\"| n{}", edge.from, mermaid_text(edge.label, ""), edge.to);
    }
    if let Some(entry) = graph.nodes.iter().position(|node| node.name.is_some()) {
        let _ = writeln!(out, "  style n{entry} stroke-width:3px");
    }
    out
}

/// Entity codes for all that means something to Mermaid.
fn mermaid_text(label: &str, detail: &str) -> String {
    let escape = |text: &str| {
        let plain = |c: char| c.is_alphanumeric() || " -_./:,∕".contains(c);
        text.chars().map(|c| if plain(c) { c.to_string() } else { format!("#{};", c as u32) }).collect::<String>()
    };
    if detail.is_empty() { escape(label) } else { format!("{}<br/>{}", escape(label), escape(detail)) }
}

/// Elements for Cytoscape: `{elements: {nodes, edges}}`.
pub fn cytoscape(dag: &Dag) -> Value {
    let graph = Graph::of(dag);
    let id = |node: usize| match (graph.nodes[node].group, graph.nodes[node].kind) {
        (Some(group), _) => format!("{}/{}", graph.nodes[group].label, graph.nodes[node].label),
        // No placement can be named like this.
        (None, "End") => "/end".to_owned(),
        (None, _) => graph.nodes[node].label.clone(),
    };
    let nodes = graph.nodes.iter().enumerate().map(|(i, node)| {
        let mut data = json!({ "id": id(i), "label": node.label, "type": node.kind });
        if !node.detail.is_empty() {
            data["detail"] = node.detail.as_str().into();
        }
        if let Some(group) = node.group {
            data["parent"] = id(group).into();
        }
        if node.name.is_some() {
            data["entrypoint"] = true.into();
        }
        json!({ "data": data })
    });
    let edges = graph.edges.iter().map(|edge| {
        let (source, target) = (id(edge.from), id(edge.to));
        let id = format!("{source}:{}", edge.label);
        json!({ "data": { "id": id, "source": source, "target": target, "label": edge.label } })
    });
    json!({ "elements": { "nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>() } })
}

/// The document as JSON-LD: with a context and an `@id` for the DAG and each placement, where the author gave none.
pub fn json_ld(dag: &Dag) -> Value {
    let base = dag.id.clone().unwrap_or_else(|| format!("urn:dag:{}", percent(&dag.name)));
    let mut dag = dag.clone();
    dag.context.get_or_insert_with(|| {
        json!({
            "@vocab": "urn:dag:vocabulary:",
            "nodes": { "@container": "@list" },
            "outputs": { "@type": "@json" },
            "fanIn": { "@type": "@json" },
            "stateMapping": { "@type": "@json" },
            "retry": { "@type": "@json" },
        })
    });
    for placement in &mut dag.nodes {
        let id = format!("{base}#{}", percent(&placement.name));
        placement.id.get_or_insert(id);
    }
    dag.id = Some(base);
    dag.to_json()
}

fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
