//! CommonJS files become two modules.
//!
//! Node runs a CommonJS file when it is first required, and `require` may go in circles; an ES module runs in the
//! order of the static imports. So each file is **registered** before any is run:
//!
//! * `file:///app/y.cjs?commonjs` registers the file and, by its imports, every file that it can require:
//!   ```js
//!   import "file:///app/z.cjs?commonjs";             // what it requires is registered too, never run
//!   import * as q0 from "file:///app/esm.mjs";       // ES modules cannot be started later: they are evaluated first
//!   import q1 from "file:///app/data.json";
//!   globalThis.__commonjs("file:///app/y.cjs", {
//!     "./z": "file:///app/z.cjs",                    // a string: another registered file, or a built-in ("node:fs")
//!     "fs": "node:fs",
//!     "./esm.mjs": () => q0,                         // a function: gives the value
//!     "./data.json": () => q1,
//!   }, "(function (exports, require, module, __filename, __dirname) {…\n})");
//!   ```
//! * `file:///app/y.cjs` is what `import` and the entry get; its evaluation runs the file:
//!   ```js
//!   import "file:///app/y.cjs?commonjs";
//!   const m = globalThis.__require("file:///app/y.cjs"), o = Object(m ?? {});
//!   export default m;
//!   const n0 = o.name; export { n0 as name };        // the names that the file seems to export
//!   ```
//!
//! The prelude's side:
//!
//! * `__commonjs(name, links, source)` puts a record into a table, once per name. `source` is text and is given to
//!   `evalScript(source, name)` at the first `require`: an ES module is strict, a CommonJS file need not be, so the
//!   file must be compiled as a classic script. The wrapper is on the file's first line, so lines stay the same.
//! * `__require(name)` gives `module.exports` of the registered file, and runs it if it has not begun (a file that is
//!   being run gives what it exports so far). A file that throws is forgotten, to be run again.
//! * The `require` that a file is given looks its specifier up in `links`; a specifier that is not there, but names a
//!   built-in, gives the built-in (its `default`); anything else throws `Cannot find module '…'`, code
//!   `MODULE_NOT_FOUND`. `require.resolve(specifier)` gives the path.
//! * `import()` in such a file comes from `name`, whose links are in the pinned code as usual; its source map is there
//!   too, and belongs to the text that `evalScript` was given.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use run::program::Module;

use crate::graph::{Link, Unit};
use crate::map;

/// What the author's text is wrapped in. No line end in it, so that lines stay the same.
const OPEN: &str = "(function (exports, require, module, __filename, __dirname) {";

/// The name under which the registration of a CommonJS file is a module.
pub(crate) fn registration(name: &str) -> String {
    // In a `file:` URL made from a path a `?` is encoded, so this is no file's name.
    format!("{name}?commonjs")
}

/// Both modules of a CommonJS file, by name.
pub(crate) fn modules(units: &[Unit], at: usize, imports: BTreeMap<String, String>) -> [(String, Module); 2] {
    let unit = &units[at];
    let registered = registration(&unit.name);
    let mut facade_imports = imports;
    facade_imports.insert(registered.clone(), registered.clone());
    let map = unit.compiled.as_ref().and_then(|c| c.map.as_deref()).map(|map| map::shift_first_line(map, OPEN.len()));
    let facade = Module {
        source: facade(&unit.name, &registered, &names(units, at)),
        original: Some(unit.text.clone()),
        imports: facade_imports,
        map,
    };
    [(unit.name.clone(), facade), (registered, register(units, at))]
}

fn facade(name: &str, registered: &str, names: &BTreeSet<String>) -> String {
    let mut out = format!("import {};\n", text(registered));
    let _ = writeln!(out, "const m = globalThis.__require({}), o = Object(m ?? {{}});", text(name));
    out.push_str("export default m;\n");
    let own = names.iter().filter(|name| *name != "default");
    for (n, name) in own.enumerate() {
        let name = text(name);
        let _ = writeln!(out, "const n{n} = o[{name}]; export {{ n{n} as {name} }};");
    }
    out
}

fn register(units: &[Unit], at: usize) -> Module {
    let unit = &units[at];
    let mut imports = BTreeMap::new();
    let mut head = String::new();
    let mut links = String::new();
    for (specifier, link) in &unit.requires {
        let value = match link {
            Link::Builtin(name) => text(name),
            Link::Unit(target) => {
                let target = &units[*target];
                let local = format!("q{}", imports.len());
                let is_commonjs = target.compiled.as_ref().is_some_and(|c| c.commonjs);
                let from = if is_commonjs { registration(&target.name) } else { target.name.clone() };
                let binding = match &target.compiled {
                    None => format!("{local} from "),
                    Some(_) if is_commonjs => String::new(),
                    Some(_) => format!("* as {local} from "),
                };
                let _ = writeln!(head, "import {binding}{};", text(&from));
                imports.insert(from.clone(), from);
                if is_commonjs { text(&target.name) } else { format!("() => {local}") }
            }
        };
        let _ = write!(links, "{}: {value}, ", text(specifier));
    }
    let body = unit.compiled.as_ref().and_then(|c| c.code.as_deref()).unwrap_or(&unit.text);
    let script = match body.strip_prefix("#!") {
        Some(rest) => format!("{OPEN}//{rest}\n}})"),
        None => format!("{OPEN}{body}\n}})"),
    };
    // `__proto__` in a literal would be something else than a name.
    let links = format!("{{__proto__: null, {links}}}");
    let source = format!("{head}globalThis.__commonjs({}, {links}, {});\n", text(&unit.name), text(&script));
    Module { source, original: None, imports, map: None }
}

/// All names that others may import: its own, those of files that it passes on, and those that others do import.
fn names(units: &[Unit], at: usize) -> BTreeSet<String> {
    let mut out = units[at].wanted.clone();
    let mut open = vec![at];
    let mut seen = HashSet::from([at]);
    while let Some(at) = open.pop() {
        let (unit, Some(compiled)) = (&units[at], &units[at].compiled) else { continue };
        if !compiled.commonjs {
            out.extend(compiled.exports.names.iter().cloned());
            continue;
        }
        out.extend(compiled.commonjs_exports.names.iter().cloned());
        for specifier in &compiled.commonjs_exports.reexports {
            if let Some(Link::Unit(target)) = unit.requires.get(specifier)
                && seen.insert(*target)
            {
                open.push(*target);
            }
        }
    }
    out
}

/// A JavaScript string literal. JSON's are, line separators included.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}
