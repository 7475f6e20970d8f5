//! Checks that what is imported by name is exported, before a run is started with it.

use std::collections::HashSet;

use crate::error::Diagnostic;
use crate::graph::{Graph, Link, Unit};
use crate::limits;

/// Where a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A value, or something that only the running program knows.
    Value,
    /// In this unit, an interface or type.
    Type(usize),
    /// In this unit, a CommonJS file: perhaps.
    CommonJs(usize),
    Nowhere,
}

/// Finds out for each import by name where the name comes from.
///
/// TypeScript compiled file by file cannot know that `export { Options } from './types'` passes on a type. Here all
/// files are known: such a type gets an export that is undefined, so that the modules link.
pub(crate) fn check(graph: &mut Graph<'_>) {
    let mut complaints = Vec::new();
    let mut phantoms = Vec::new();
    let mut wanted = Vec::new();
    for unit in &graph.units {
        let Some(compiled) = &unit.compiled else { continue };
        for request in &compiled.requests {
            let Some(Link::Unit(target)) = unit.imports.get(&request.specifier) else { continue };
            for (name, span) in &request.names {
                match find(&graph.units, *target, name) {
                    Found::Value => {}
                    Found::Type(at) => phantoms.push((at, name.clone())),
                    Found::CommonJs(at) => wanted.push((at, name.clone())),
                    Found::Nowhere if complaints.len() >= limits::DIAGNOSTICS => {}
                    Found::Nowhere => {
                        let message = format!("'{}' does not export '{name}'", request.specifier);
                        let (start, len) = (span.start as usize, span.size() as usize);
                        let complaint = Diagnostic::at(&unit.file, &unit.text, start, len, message);
                        complaints.push(complaint.help(hint(&graph.units[*target], name)));
                    }
                }
            }
        }
    }
    for (at, name) in phantoms {
        graph.units[at].phantoms.insert(name);
    }
    for (at, name) in wanted {
        graph.units[at].wanted.insert(name);
    }
    complaints.into_iter().for_each(|complaint| graph.complain(complaint));
}

/// Looks for a name in a unit, and in all that it passes on with `export *`: without recursion, for such chains may be
/// as long as the program has modules.
fn find(units: &[Unit], at: usize, name: &str) -> Found {
    let mut open = vec![at];
    let mut seen = HashSet::from([at]);
    let mut perhaps = Found::Nowhere;
    while let Some(at) = open.pop() {
        let Some(compiled) = &units[at].compiled else {
            // JSON.
            if name == "default" {
                return Found::Value;
            }
            continue;
        };
        if compiled.commonjs {
            if name == "default" {
                return Found::Value;
            }
            // It would answer to every name: a certain answer is better.
            if perhaps == Found::Nowhere {
                perhaps = Found::CommonJs(at);
            }
            continue;
        }
        if compiled.exports.names.contains(name) {
            return Found::Value;
        }
        if compiled.exports.types.contains(name) {
            return Found::Type(at);
        }
        if name == "default" {
            // `export *` leaves it out.
            continue;
        }
        for star in &compiled.exports.stars {
            match units[at].imports.get(star) {
                Some(Link::Unit(target)) if seen.insert(*target) => open.push(*target),
                Some(Link::Unit(_)) => {}
                // What a built-in exports is known when the program runs.
                Some(Link::Builtin(_)) | None => return Found::Value,
            }
        }
    }
    perhaps
}

fn hint(unit: &Unit, name: &str) -> String {
    let Some(compiled) = &unit.compiled else {
        return "a JSON file has a default export only: import data from './data.json'".into();
    };
    let names = &compiled.exports.names;
    if let Some(close) = names.iter().find(|other| other.eq_ignore_ascii_case(name)) {
        return format!("did you mean '{close}'?");
    }
    if names.contains("default") && names.len() == 1 {
        return format!("it has a default export only: import {name} from …");
    }
    match names.iter().take(8).map(|name| format!("'{name}'")).collect::<Vec<_>>() {
        list if list.is_empty() => "it exports nothing".into(),
        list => format!("it exports {}{}", list.join(", "), if names.len() > 8 { ", …" } else { "" }),
    }
}
