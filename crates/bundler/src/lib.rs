//! Sources to the pinned code of a run: TypeScript and JavaScript files, with everything that they import.
//!
//! `bundle` starts at a file, `snippet` at a few lines. Each file is compiled on its own (`compile`: types stripped by
//! oxc, positions kept in a source map), its imports are resolved as Node does (`resolve`, `package`), until the graph
//! is complete (`graph`); then imports by name are checked (`link`) and the modules are written out. Modules stay
//! separate, named by their `file:` URLs, with a table from specifier to name each: nothing is resolved at run time.
//!
//! Absent on purpose: type checking, minification, down-levelling (the engine runs ES2023), and I/O other than through
//! `Files`. Sources are untrusted: no text makes the bundler panic or overflow its stack.

mod builtins;
mod cjs_exports;
pub mod commonjs;
mod compile;
mod error;
mod files;
mod graph;
mod library;
pub mod limits;
mod link;
mod map;
mod package;
mod refuse;
mod requests;
mod resolve;
pub mod save;
mod snippet;
mod stack;
pub mod tools;
mod watched;

use std::collections::BTreeMap;
use std::path::Path;

use run::program::{Code, Module};

pub use error::{BundleError, Diagnostic};
pub use files::{Fenced, Files, MemoryFiles, OsFiles};
pub use map::position;
pub use watched::{Seen, Watched};

use graph::{Graph, Link, Unit};

/// The guest that runs the code.
const GUEST: &str = "typescript";

/// The file `entry` and everything it imports, as code that can be pinned with a run.
pub fn bundle(files: &dyn Files, entry: &Path) -> Result<Code, BundleError> {
    write(Graph::from_file(files, entry)?)
}

/// Code mode: TypeScript with `await`, `yield`, `return` and imports at its top level; paths are relative to `cwd`, a
/// folder by its absolute path. The module is named `code.ts` and its default export is an async function around the
/// code, whose result is what the code returns (an async generator, if the code yields).
pub fn snippet(files: &dyn Files, source: &str, cwd: &Path) -> Result<Code, BundleError> {
    write(Graph::from_snippet(files, source, cwd)?)
}

fn write(mut graph: Graph<'_>) -> Result<Code, BundleError> {
    link::check(&mut graph);
    graph.checked()?;
    let units = &graph.units;
    let entry = units.first().map(|unit| unit.name.clone()).unwrap_or_default();
    let mut modules = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        if unit.compiled.as_ref().is_some_and(|c| c.commonjs) {
            modules.extend(commonjs::modules(units, at, imports(units, unit)));
        } else {
            modules.insert(unit.name.clone(), module(units, unit));
        }
    }
    Ok(Code { guest: GUEST.into(), entry, modules, about: None })
}

/// An ES module, or JSON, which the engine reads by the ending of its name.
fn module(units: &[Unit], unit: &Unit) -> Module {
    let code = unit.compiled.as_ref().and_then(|c| c.code.clone());
    let mut source = code.clone().unwrap_or_else(|| unit.text.clone());
    if !unit.phantoms.is_empty() {
        let names: Vec<_> = unit.phantoms.iter().map(|name| format!("__type as {name}")).collect();
        source.push_str(&format!("\nvar __type; export {{ {} }};\n", names.join(", ")));
    }
    // Nobody debugs a library of the platform in a run: without original and map the pinned code is a third.
    let own = !unit.is_library();
    Module {
        original: code.filter(|_| own).map(|_| unit.text.clone()),
        imports: imports(units, unit),
        map: unit.compiled.as_ref().and_then(|c| c.map.clone()).filter(|_| own),
        source,
    }
}

fn imports(units: &[Unit], unit: &Unit) -> BTreeMap<String, String> {
    let name = |link: &Link| match link {
        Link::Unit(target) => units[*target].name.clone(),
        Link::Builtin(name) => name.clone(),
    };
    unit.imports.iter().map(|(specifier, link)| (specifier.clone(), name(link))).collect()
}
