//! A drawing that needs nothing but an SVG viewer.

use std::fmt::Write;

use super::layout::{LETTERS, Place, places};
use super::{Graph, Node};
use crate::document::Dag;

const STYLE: &str = "text{font:13px ui-monospace,monospace;fill:#1b1f24}.detail{fill:#59636e;font-size:11px}\
    .port{fill:#59636e;font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:4px}\
    rect{fill:#fff;stroke:#59636e}.entry{stroke-width:2.5}.group{fill:#f3f5f8;stroke-dasharray:5 3}\
    .FanOutNode{fill:#fdf4e3}.DeepDAGNode{fill:#e9f2fd}.End{fill:#eceff2}\
    path{fill:none;stroke:#8c959f}.back{stroke-dasharray:4 3}";

/// The DAG as an SVG image.
pub fn svg(dag: &Dag) -> String {
    let graph = Graph::of(dag);
    let (places, width, height) = places(&graph);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\"><title>{}</title><style>{STYLE}</style><defs><marker id=\"arrow\" \
         viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path \
         d=\"M0 0L8 4L0 8z\" style=\"fill:#8c959f;stroke:none\"/></marker></defs>",
        escape(&dag.name)
    );
    let mut labels = String::new();
    for (i, edge) in graph.edges.iter().enumerate() {
        let (from, to) = (places[edge.from], places[edge.to]);
        // Several edges of one node begin and are labelled beside each other.
        let siblings = graph.edges.iter().filter(|other| other.from == edge.from).count() as f64;
        let nth = graph.edges[..i].iter().filter(|other| other.from == edge.from).count() as f64;
        let (line, x, y) = path(from, to, (nth + 1.0) / (siblings + 1.0), width);
        let class = if to.layer <= from.layer { " class=\"back\"" } else { "" };
        let _ = writeln!(out, "<path{class} d=\"{line}\" marker-end=\"url(#arrow)\"/>");
        let _ = writeln!(labels, "<text class=\"port\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(&cut(edge.label)));
    }
    // Groups first, so that their members lie on them.
    let order =
        |grouped: bool| graph.nodes.iter().zip(&places).filter(move |(node, _)| node.group.is_some() == grouped);
    for (node, place) in order(false).chain(order(true)) {
        let full =
            graph.nodes.iter().any(|member| member.group.is_some_and(|group| std::ptr::eq(&graph.nodes[group], node)));
        draw(node, place, full, &mut out);
    }
    out.push_str(&labels);
    out.push_str("</svg>\n");
    out
}

fn path(from: Place, to: Place, share: f64, width: f64) -> (String, f64, f64) {
    let (x1, y1) = (from.x + from.width * share, from.y + from.height);
    if to.layer > from.layer {
        let (x2, y2) = (to.x + to.width / 2.0, to.y);
        let middle = (y1 + y2) / 2.0;
        let line = format!("M{x1:.1} {y1:.1}C{x1:.1} {middle:.1} {x2:.1} {middle:.1} {x2:.1} {y2:.1}");
        return (line, x1 + 4.0, y1 + 14.0);
    }
    // Back along the right edge.
    let (x1, y1) = (from.x + from.width, from.y + from.height / 2.0);
    let (x2, y2) = (to.x + to.width, to.y + to.height / 2.0);
    let side = (x1.max(x2) + 46.0).min(width - 8.0);
    let line = format!("M{x1:.1} {y1:.1}C{side:.1} {y1:.1} {side:.1} {y2:.1} {x2:.1} {y2:.1}");
    (line, x1 + 6.0, y1 - 6.0)
}

fn draw(node: &Node<'_>, place: &Place, full: bool, out: &mut String) {
    let Place { x, y, width, height, .. } = *place;
    let class = [node.kind, if full { "group" } else { "" }, if node.name.is_some() { "entry" } else { "" }];
    let class: Vec<_> = class.into_iter().filter(|name| !name.is_empty()).collect();
    let round = if node.kind == "End" { height / 2.0 } else { 6.0 };
    let _ = writeln!(
        out,
        "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.0}\"/>",
        class.join(" ")
    );
    let middle = x + width / 2.0;
    let first = if node.detail.is_empty() && !full { y + height / 2.0 + 4.5 } else { y + 20.0 };
    let mut line = |class: &str, y: f64, text: &str| {
        let text = escape(&cut(text));
        let _ = writeln!(out, "<text{class} x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>");
    };
    line("", first, &node.label);
    if !node.detail.is_empty() {
        line(" class=\"detail\"", first + 17.0, &node.detail);
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Text as XML allows it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
