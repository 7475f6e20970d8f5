//! The pinned code of a DAG: its document, the documents of its sub-DAGs, and the pinned code of every node's file.
//!
//! The entry is the document. The other documents are modules whose names end in `.dag.json`. Each node's file has a
//! module whose source is the JSON form of its own [`Code`], guest's name included. `imports` of a document say which:
//! `./nodes.ts` → the module with that code.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use run::program::{Code, Module};
use run::{Guest, GuestError};

use super::{ENDING, GUEST};
use crate::compiled::{Compiled, NONE, Registry, SiteKind};
use crate::document::{Combine, Dag, FanIn, Problem, Problems, Reference};
use crate::machine::Role;

/// Finds what a document names. The reason of a failure is shown behind the place that named it.
pub trait Loader {
    /// The document of the sub-DAG `name`, as the document in `from` names it: its file, and its text.
    fn document(&mut self, from: &str, name: &str) -> Result<(String, String), String>;

    /// The pinned code of a node's file, as the document in `from` names it (`./nodes.ts`).
    fn code(&mut self, from: &str, file: &str) -> Result<Code, String>;

    /// The pinned code of the function that is registered as `name`, if there can be any.
    fn registered(&mut self, _name: &str) -> Option<Code> {
        None
    }
}

/// A DAG with everything that it needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Pinned {
    /// The code of the run.
    pub code: Code,
    /// What is probably not meant so, as `file: path: message`.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with a DAG and what it names, as `file: path: message`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PinError(pub Vec<String>);

/// Reads a document and all that it names, and gives the code to run it.
pub fn pin(file: &str, text: &str, loader: &mut dyn Loader) -> Result<Pinned, PinError> {
    let entry = if file.ends_with(ENDING) { file.to_owned() } else { format!("{file}{ENDING}") };
    let mut pin = Pin { modules: BTreeMap::new(), faults: Vec::new(), warnings: Vec::new(), names: BTreeMap::new() };
    let mut waiting = VecDeque::from([(entry.clone(), text.to_owned())]);
    while let Some((file, text)) = waiting.pop_front() {
        pin.document(&file, &text, loader, &mut waiting);
    }
    let Pin { modules, mut faults, warnings, .. } = pin;
    let code = Code { guest: GUEST.into(), entry, modules, about: None };
    if faults.is_empty()
        && let Err(problems) = documents(&code).and_then(|(registry, name)| registry.compile(&name).map(drop))
    {
        faults.extend(problems.0.iter().map(ToString::to_string));
    }
    if faults.is_empty() { Ok(Pinned { code, warnings }) } else { Err(PinError(faults)) }
}

struct Pin {
    modules: BTreeMap<String, Module>,
    faults: Vec<String>,
    warnings: Vec<String>,
    /// DAG's name → the file with it.
    names: BTreeMap<String, String>,
}

impl Pin {
    fn document(&mut self, file: &str, text: &str, loader: &mut dyn Loader, waiting: &mut VecDeque<(String, String)>) {
        if self.modules.contains_key(file) {
            return;
        }
        let checked = match Dag::parse(text) {
            Ok(checked) => checked,
            Err(problems) => return self.faults.extend(problems.0.iter().map(|problem| format!("{file}: {problem}"))),
        };
        self.warnings.extend(checked.warnings.iter().map(|problem| format!("{file}: {problem}")));
        let dag = checked.dag;
        if let Some(other) = self.names.insert(dag.name.clone(), file.to_owned()) {
            let message = format!("name: {:?} is the name of the DAG in {other} already; rename one", dag.name);
            return self.faults.push(format!("{file}: {message}"));
        }
        let mut imports = BTreeMap::new();
        for (path, reference) in referenced(&dag) {
            match Reference::parse(reference) {
                Reference::File { file: named, .. } if !imports.contains_key(named) => match loader.code(file, named) {
                    Ok(code) => {
                        imports.insert(named.to_owned(), self.node(&code));
                    }
                    Err(why) => self.faults.push(format!("{file}: {path}: {named}: {why}")),
                },
                Reference::Registered(name) if imports.contains_key(name) => {}
                Reference::Registered(name) => {
                    if let Some(code) = loader.registered(name) {
                        imports.insert(name.to_owned(), self.node(&code));
                        continue;
                    }
                    let how = "a file runs no registered functions; name one of a file, as in ./nodes.ts#name";
                    self.faults.push(format!("{file}: {path}: {name:?} is no reference to a node: {how}"));
                }
                _ => {}
            }
        }
        self.modules.insert(file.to_owned(), Module { source: text.to_owned(), original: None, imports, map: None });
        for (i, placement) in dag.nodes.iter().enumerate() {
            let crate::document::Kind::Deep { dag: name, .. } = &placement.kind else { continue };
            if self.names.contains_key(name) || waiting.iter().any(|(_, text)| named(text).as_ref() == Some(name)) {
                continue;
            }
            match loader.document(file, name) {
                Ok((inner, text)) => waiting.push_back((inner, text)),
                Err(why) => self.faults.push(format!("{file}: nodes[{i}].dag: {name:?}: {why}")),
            }
        }
    }

    /// Adds the code of a node's file. Its module is named by content, so that two documents can share it.
    fn node(&mut self, code: &Code) -> String {
        let key = format!("node:{}", code.hash());
        let source = String::from_utf8_lossy(&code.to_bytes()).into_owned();
        self.modules.entry(key.clone()).or_insert(Module {
            source,
            original: None,
            imports: BTreeMap::new(),
            map: None,
        });
        key
    }
}

fn named(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text).ok()?.get("name")?.as_str().map(str::to_owned)
}

/// All references of a document, custom combinations included.
fn referenced(dag: &Dag) -> Vec<(String, &str)> {
    let mut found = dag.references();
    for (i, placement) in dag.nodes.iter().enumerate() {
        if let crate::document::Kind::Parallel { combine: Combine::Custom(name), .. } = &placement.kind {
            found.push((format!("nodes[{i}].combine"), name));
        }
    }
    found
}

/// The documents of a pinned DAG, and the name of the outermost.
fn documents(code: &Code) -> Result<(Registry, String), Problems> {
    let mut registry = Registry::default();
    let mut entry = None;
    for (file, module) in code.modules.iter().filter(|(file, _)| file.ends_with(ENDING)) {
        let dag = Dag::parse(&module.source)?.dag;
        if *file == code.entry {
            entry = Some(dag.name.clone());
        }
        registry.add(dag);
    }
    let missing = || Problems(vec![Problem::new("", format!("the code has no module {}", code.entry))]);
    Ok((registry, entry.ok_or_else(missing)?))
}

/// What runs a node.
#[derive(Clone)]
pub(super) enum Runner {
    /// A function of a program.
    Program { guest: Arc<dyn Guest>, code: Arc<Code>, method: Option<String> },
    /// A command.
    Shell(String),
    /// A request.
    Http(String),
    /// A method of a photon.
    Photon { name: String, method: Option<String> },
}

/// A pinned DAG, ready to run.
pub(super) struct Unpacked {
    pub compiled: Compiled,
    /// By site: the node, or what combines the ports; and the fan-in.
    runners: Vec<[Option<Runner>; 2]>,
}

impl Unpacked {
    pub fn of(code: &Code, guests: &BTreeMap<String, Arc<dyn Guest>>) -> Result<Self, String> {
        let (registry, name) = documents(code).map_err(|e| e.to_string())?;
        let compiled = registry.compile(&name).map_err(|e| e.to_string())?;
        // Each document names files its own way.
        let mut files: BTreeMap<(String, &str), Arc<Code>> = BTreeMap::new();
        let mut codes: BTreeMap<&str, Arc<Code>> = BTreeMap::new();
        for (file, module) in code.modules.iter().filter(|(file, _)| file.ends_with(ENDING)) {
            let dag = Dag::parse(&module.source).map_err(|e| format!("{file}: {e}"))?.dag;
            for (named, key) in &module.imports {
                let code = match codes.get(key.as_str()) {
                    Some(code) => code.clone(),
                    None => {
                        let nested = code.modules.get(key).ok_or_else(|| format!("the code has no module {key}"))?;
                        let nested = Code::from_bytes(nested.source.as_bytes()).map_err(|e| format!("{key}: {e}"))?;
                        codes.entry(key).or_insert(Arc::new(nested)).clone()
                    }
                };
                files.insert((dag.name.clone(), named), code);
            }
        }
        let runner = |site: u32, reference_text: &str| -> Result<Runner, String> {
            let here = &compiled.sites()[site as usize];
            let dag = compiled.flows()[here.flow as usize].dag.name.clone();
            let fault = |why: String| format!("{}: {reference_text}: {why}", here.path);
            Ok(match Reference::parse(reference_text) {
                Reference::Shell(command) => Runner::Shell(command.into()),
                Reference::Http(url) => Runner::Http(url.into()),
                Reference::Photon { name, method } => {
                    Runner::Photon { name: name.into(), method: method.map(str::to_owned) }
                }
                reference @ (Reference::Registered(_) | Reference::File { .. }) => {
                    let (named, name) = match reference {
                        Reference::File { file, name } => (file, name),
                        _ => (reference_text, None),
                    };
                    let code = files.get(&(dag, named)).ok_or_else(|| fault("the code does not have it".into()))?;
                    let known = || guests.keys().cloned().collect::<Vec<_>>().join(", ");
                    let guest = guests.get(&code.guest);
                    let missing =
                        || fault(format!("no guest {:?} runs nodes here (there are: {})", code.guest, known()));
                    let guest = guest.ok_or_else(missing)?.clone();
                    Runner::Program { guest, code: code.clone(), method: name.map(str::to_owned) }
                }
            })
        };
        let mut runners = Vec::with_capacity(compiled.sites().len());
        for (number, site) in compiled.sites().iter().enumerate() {
            let of = |reference: &str| runner(number as u32, reference).map(Some);
            runners.push(match &site.kind {
                SiteKind::Single => [of(&site.node)?, None],
                SiteKind::Parallel { combine: Combine::Custom(name), .. } => [of(name)?, None],
                SiteKind::FanOut { fan_in: FanIn::Custom { node }, .. } => [of(&site.node)?, of(node)?],
                SiteKind::FanOut { .. } => [of(&site.node)?, None],
                _ => [None, None],
            });
        }
        debug_assert!(compiled.flows()[0].parent == NONE);
        Ok(Self { compiled, runners })
    }

    /// What runs a call of this role at a site.
    pub fn runner(&self, site: u32, role: Role) -> Option<&Runner> {
        self.runners.get(site as usize)?[usize::from(role == Role::FanIn)].as_ref()
    }

    /// The program of a call, for restoring it.
    pub fn program(&self, site: u32, role: Role) -> Result<(&Arc<dyn Guest>, &Arc<Code>), GuestError> {
        match self.runner(site, role) {
            Some(Runner::Program { guest, code, .. }) => Ok((guest, code)),
            _ => Err(GuestError::Refused("a program runs where the DAG has none".into())),
        }
    }
}
