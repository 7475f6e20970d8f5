//! Finds out what each name means: which variables are captured by functions, which are a file's own, which come from
//! other files.

mod walk;

use std::collections::HashMap;
use std::rc::Rc;

use crate::ast::{Ident, Stmt, StmtKind, Tree, UseKind, VarDecl};
use crate::diagnostic::Problem;

/// What a name means where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing that is known here: an error if it is ever reached.
    Unknown,
    /// The variable declared by the ident with this id.
    Local(u32),
    /// A variable of the top level, by its place in `Names`.
    Top(u32),
    /// A variable of another file: a slot.
    Global(u32),
}

/// The names of a file's top level.
#[derive(Default, Debug)]
pub(crate) struct Names {
    pub by_name: HashMap<Rc<str>, u32>,
    pub all: Vec<Rc<str>>,
    /// Names that come from other files: slots.
    pub imported: HashMap<Rc<str>, u32>,
}

impl Names {
    pub fn declare(&mut self, name: &Rc<str>) -> u32 {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        let at = self.all.len() as u32;
        self.all.push(name.clone());
        self.by_name.insert(name.clone(), at);
        at
    }

    /// Takes the names that a file's top level declares.
    pub fn declare_all(&mut self, tree: &Tree) {
        for statement in &tree.body {
            for name in declared(statement) {
                self.declare(&name.name);
            }
        }
    }
}

/// The names that a statement gives to the block around it.
pub(crate) fn declared(statement: &Stmt) -> Vec<&Ident> {
    match &statement.kind {
        StmtKind::Var { decl: VarDecl::Names(_, vars), .. } => vars.iter().map(|v| &v.name).collect(),
        StmtKind::Var { decl: VarDecl::Array(names, _), .. } => names.iter().collect(),
        StmtKind::Var { decl: VarDecl::Object(names, _), .. } => names.iter().map(|(_, n)| n).collect(),
        StmtKind::Fun(fun) => fun.name.iter().collect(),
        StmtKind::Class(class) => vec![&class.name],
        StmtKind::Enum { name, .. } => vec![name],
        StmtKind::Use(UseKind::Module { name, .. }) => vec![name],
        StmtKind::Use(UseKind::Members { names, .. }) => names.iter().collect(),
        _ => Vec::new(),
    }
}

/// What the compiler needs to know.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// By ident id.
    pub uses: Vec<Use>,
    /// By ident id of a declaration: a function uses the variable from outside.
    pub captured: Vec<bool>,
    /// By place in `Names`: the variable must be a global, not a register.
    pub global: Vec<bool>,
    pub problems: Vec<Problem>,
}

/// Names that `using` statements bring: file path → name → slot.
pub(crate) type Imports<'a> = dyn Fn(&str) -> Option<HashMap<Rc<str>, u32>> + 'a;

/// Resolves a file. `shared`: its variables are seen by other files, so none may live in a register.
pub(crate) fn resolve(tree: &Tree, names: &mut Names, shared: bool, imports: &Imports<'_>) -> Resolved {
    walk::Walker::new(tree, names, shared, imports).run(tree)
}
