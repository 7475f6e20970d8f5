//! What only the whole document shows: wiring, duplicates, what cannot be reached.

use std::collections::{BTreeSet, HashMap};

use super::read::{Ports, join};
use super::{Combine, Dag, ERROR, FAN_OUT_PORTS, Kind, Placement, Problem, SUCCESS};

pub(super) fn wiring(dag: &Dag, ports: &Ports<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (i, placement) in dag.nodes.iter().enumerate() {
        if let Some(first) = by_name.insert(&placement.name, i) {
            let message = format!("{:?} is the name of nodes[{first}] already; names must be unique", placement.name);
            problems.push(Problem::new(format!("nodes[{i}].name"), message));
        }
    }
    let near = |name: &str| nearest(name, by_name.keys().copied());
    if !by_name.contains_key(dag.entrypoint.as_str()) {
        let message = format!("no placement is named {:?}{}", dag.entrypoint, near(&dag.entrypoint));
        problems.push(Problem::new("entrypoint", message));
    }
    for (i, placement) in dag.nodes.iter().enumerate() {
        let outputs = format!("nodes[{i}].outputs");
        for (port, target) in &placement.outputs {
            if let Some(target) = target.as_deref().filter(|target| !by_name.contains_key(target)) {
                let message =
                    format!("no placement is named {target:?}{}; name one, or write null for the end", near(target));
                problems.push(Problem::new(join(&outputs, port), message));
            }
        }
        declared(placement, &outputs, ports, problems);
        if let Kind::Parallel { members, .. } = &placement.kind {
            group(dag, i, members, &by_name, problems);
        }
    }
    if problems.is_empty() {
        reach(dag, &by_name, warnings);
    }
}

/// Compares the wiring with the ports that the placement has.
fn declared(placement: &Placement, outputs: &str, ports: &Ports<'_>, problems: &mut Vec<Problem>) {
    let fixed = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (declared, whose) = match &placement.kind {
        Kind::Single { node } => match ports(node) {
            Some(ports) => (ports, format!("the node {node:?}")),
            None => return,
        },
        Kind::Parallel { combine: Combine::Custom(_), .. } => return,
        Kind::Parallel { combine: Combine::Collect, .. } => (fixed(&[SUCCESS]), "a group that collects".into()),
        Kind::Parallel { .. } => (fixed(&[SUCCESS, ERROR]), "a parallel group".into()),
        Kind::FanOut { .. } => (fixed(&FAN_OUT_PORTS), "a fan-out".into()),
        Kind::Deep { .. } => (fixed(&[SUCCESS, ERROR]), "a sub-DAG".into()),
    };
    for port in &declared {
        if !placement.outputs.iter().any(|(wired, _)| wired == port) {
            let message = format!("{whose} has this port; wire it to a placement, or to null for the end");
            problems.push(Problem::new(join(outputs, port), message));
        }
    }
    for (wired, _) in &placement.outputs {
        // Whatever a node declares, an error that it throws goes to `error` where that is wired.
        if !declared.contains(wired) && wired != ERROR {
            let message = format!("{whose} has no such port; remove it (its ports: {})", declared.join(", "));
            problems.push(Problem::new(join(outputs, wired), message));
        }
    }
}

fn group(dag: &Dag, i: usize, members: &[String], by_name: &HashMap<&str, usize>, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (j, member) in members.iter().enumerate() {
        let at = format!("nodes[{i}].nodes[{j}]");
        if !seen.insert(member) {
            problems.push(Problem::new(&at, format!("{member:?} is a member of this group already; remove one")));
        }
        let nested = by_name.get(member.as_str()).map(|index| &dag.nodes[*index].kind);
        if let Some(Kind::Parallel { .. }) = nested {
            let message = format!("{member:?} is a parallel group itself; put it into a sub-DAG");
            problems.push(Problem::new(&at, message));
        }
    }
}

/// Warns of placements that nothing leads to.
fn reach(dag: &Dag, by_name: &HashMap<&str, usize>, warnings: &mut Vec<Problem>) {
    let mut reached = vec![false; dag.nodes.len()];
    let mut next: Vec<usize> = by_name.get(dag.entrypoint.as_str()).copied().into_iter().collect();
    while let Some(i) = next.pop() {
        if std::mem::replace(&mut reached[i], true) {
            continue;
        }
        let placement = &dag.nodes[i];
        next.extend(placement.outputs.iter().filter_map(|(_, to)| by_name.get(to.as_deref()?).copied()));
        if let Kind::Parallel { members, .. } = &placement.kind {
            // A member's own wiring is not followed: it only ends the member.
            for member in members.iter().filter_map(|name| by_name.get(name.as_str())) {
                reached[*member] = true;
            }
        }
    }
    for (i, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
        let message = format!("nothing leads to {:?} from the entrypoint; wire it or remove it", dag.nodes[i].name);
        warnings.push(Problem::new(format!("nodes[{i}]"), message));
    }
}

/// A hint at the name that was probably meant.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for other in names.take(1_000) {
        let distance = distance(&lower, &other.to_lowercase());
        if distance * 3 <= lower.len().max(3) && best.is_none_or(|(least, who)| (distance, other) < (least, who)) {
            best = Some((distance, other));
        }
    }
    best.map_or_else(String::new, |(_, other)| format!(" (did you mean {other:?}?)"))
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}
