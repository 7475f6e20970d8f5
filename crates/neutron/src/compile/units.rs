//! A program of several files: loads what `using` names, gives every top-level variable its slot, compiles.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Job, compile};
use crate::ast::{StmtKind, Tree};
use crate::code::{Global, Program, Unit};
use crate::diagnostic::{Diagnostic, Problem, Severity};
use crate::parser;
use crate::resolve::{self, Names};
use crate::source::{Source, Span};

/// More files are refused.
const MAX_FILES: usize = 1_000;

/// A file that a `using` statement named: its name, for errors and for finding what it uses in turn, and its text.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file's name; two paths to one file give one name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Finds the files of `using`: the name of the file that asks, the path as it stands there.
pub(crate) type Load<'a> = dyn FnMut(&str, &str) -> Result<Loaded, String> + 'a;

struct File {
    source: Source,
    tree: Tree,
    names: Names,
    /// Path as it stands in the text → place in `Units::files`.
    uses: HashMap<Rc<str>, u32>,
    problems: Vec<Problem>,
}

/// The files of a program.
pub(crate) struct Units {
    files: Vec<File>,
}

impl Units {
    /// Parses the library, the entry file and everything that it uses.
    pub fn load(library: &str, entry: Source, load: &mut Load<'_>) -> Self {
        let mut units = Self { files: Vec::new() };
        units.parse(Source { name: "(library)".into(), text: library.into() });
        units.parse(entry);
        let mut at = 1;
        while at < units.files.len() {
            for (path, span) in units.files[at].tree.uses.clone() {
                units.add(at, path, span, load);
            }
            at += 1;
        }
        units
    }

    fn parse(&mut self, source: Source) -> u32 {
        let (tree, problems) = parser::parse(&source.text);
        let mut names = Names::default();
        names.declare_all(&tree);
        self.files.push(File { source, tree, names, uses: HashMap::new(), problems });
        (self.files.len() - 1) as u32
    }

    fn add(&mut self, from: usize, path: Rc<str>, span: Span, load: &mut Load<'_>) {
        let problem = |message: String| Problem::new(span, message);
        if self.files.len() > MAX_FILES {
            self.files[from].problems.push(problem(format!("the program has more than {MAX_FILES} files")));
            return;
        }
        match load(&self.files[from].source.name, &path) {
            Ok(loaded) => {
                let known = self.files.iter().skip(1).position(|f| f.source.name == loaded.name);
                let unit = match known {
                    Some(at) => at as u32 + 1,
                    None => self.parse(Source { name: loaded.name, text: loaded.text }),
                };
                self.files[from].uses.insert(path, unit);
            }
            Err(reason) => self.files[from].problems.push(problem(format!("cannot use {path:?}: {reason}"))),
        }
    }

    /// For each file but the library: its name, text, and what its `using` paths lead to.
    pub fn sources(&self) -> impl Iterator<Item = (&Source, Vec<(&str, &str)>)> {
        self.files.iter().skip(1).map(|file| {
            let uses = file.uses.iter().map(|(path, unit)| (&**path, &*self.files[*unit as usize].source.name));
            (&file.source, uses.collect())
        })
    }

    /// For a session: where each input begins among the entry file's statements, given where it begins in the text. The
    /// value of the last expression becomes the result of the last input.
    pub fn inputs(&mut self, offsets: &[u32]) -> Vec<usize> {
        let body = &mut self.files[1].tree.body;
        let begins = offsets.last().copied().unwrap_or(0);
        if let Some(last) = body.last_mut().filter(|s| s.span.start >= begins && matches!(s.kind, StmtKind::Expr(_)))
            && let StmtKind::Expr(e) = std::mem::replace(&mut last.kind, StmtKind::Empty)
        {
            last.kind = StmtKind::Return(Some(e));
        }
        offsets.iter().map(|offset| body.partition_point(|s| s.span.start < *offset)).collect()
    }

    /// Compiles everything. `inputs`: the entry file is a session, whose variables are seen by what is typed later.
    pub fn compile(self, inputs: Option<&[usize]>) -> (Program, Vec<Diagnostic>) {
        let mut program = Program { entry: 1, ..Program::default() };
        let mut slots: Vec<Vec<u32>> = Vec::new();
        for (unit, file) in self.files.iter().enumerate() {
            slots.push(file.names.all.iter().map(|name| new_slot(&mut program, name, unit as u32)).collect());
            program.units.push(Unit { source: file.source.clone(), main: 0 });
        }
        let exported = |unit: u32| -> HashMap<Rc<str>, u32> {
            let (file, slots) = (&self.files[unit as usize], &slots[unit as usize]);
            file.names.by_name.iter().map(|(name, at)| (name.clone(), slots[*at as usize])).collect()
        };
        let exports: Vec<_> = (0..self.files.len() as u32).map(exported).collect();
        let used_entry = self.files.iter().any(|f| f.uses.values().any(|unit| *unit == 1));
        let mut diagnostics = Vec::new();
        let mut unit_marks = HashMap::new();
        for (unit, mut file) in self.files.into_iter().enumerate() {
            let is_entry = unit == 1;
            let imports = |path: &str| file.uses.get(path).map(|unit| exports[*unit as usize].clone());
            let seen_by_others = !is_entry || inputs.is_some() || used_entry;
            let resolved = resolve::resolve(&file.tree, &mut file.names, seen_by_others, &imports);
            let mut problems = file.problems;
            let broken = problems.iter().any(|p| p.severity == Severity::Error);
            let job = Job {
                program: &mut program,
                unit: unit as u32,
                tree: &file.tree,
                text: &file.source.text,
                names: &file.names,
                resolved,
                slots: slots[unit].clone(),
                files: &file.uses,
                // A session does not call `main` by itself.
                is_entry: is_entry && inputs.is_none(),
                inputs: inputs.filter(|_| is_entry),
                unit_marks: &mut unit_marks,
            };
            let (main, found) = compile(job);
            // Names are unknown for want of the declarations that did not parse: do not report them.
            problems.extend(found.into_iter().filter(|p| !broken || p.severity == Severity::Error));
            program.units[unit].main = main;
            problems.sort_by_key(|p| p.span.start);
            diagnostics.extend(problems.into_iter().map(|p| p.at(&file.source)));
        }
        (program, diagnostics)
    }
}

fn new_slot(program: &mut Program, name: &str, unit: u32) -> u32 {
    program.globals.push(Global { name: name.into(), unit });
    (program.globals.len() - 1) as u32
}
