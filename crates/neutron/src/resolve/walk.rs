//! The walk over the tree.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Imports, Names, Resolved, Use};
use crate::ast::{Class, Expr, ExprKind, Fun, Ident, Stmt, StmtKind, Tree, UseKind, VarDecl};
use crate::diagnostic::{Problem, nearest};

/// A name of a block, and the function (by depth) that it belongs to.
#[derive(Clone, Copy)]
struct Bound {
    meaning: Use,
    function: usize,
    /// Not declared yet; functions may name it already.
    early: bool,
}

/// Unknown names beyond this many problems are not looked for.
const MAX_PROBLEMS: usize = 200;

/// Only the first problems come with a guess at what was meant, which looks at all names.
const MAX_GUESSES: usize = 20;

pub(super) struct Walker<'a> {
    names: &'a mut Names,
    imports: &'a Imports<'a>,
    scopes: Vec<HashMap<Rc<str>, Bound>>,
    /// Functions around this place; 0 is the top level.
    function: usize,
    /// By place in `Names`: declared by now.
    seen: Vec<bool>,
    /// Inside a method: `this` means something.
    methods: usize,
    out: Resolved,
}

impl<'a> Walker<'a> {
    pub fn new(tree: &Tree, names: &'a mut Names, shared: bool, imports: &'a Imports<'a>) -> Self {
        let n = tree.idents as usize;
        let tops = names.all.len();
        let out = Resolved {
            uses: vec![Use::Unknown; n],
            captured: vec![false; n],
            global: vec![shared; tops],
            problems: Vec::new(),
        };
        Self { names, imports, scopes: Vec::new(), function: 0, seen: vec![shared; tops], methods: 0, out }
    }

    pub fn run(mut self, tree: &Tree) -> Resolved {
        self.early(&tree.body);
        self.statements(&tree.body);
        self.out
    }

    /// Functions and classes have their names from the beginning of their block.
    fn early(&mut self, body: &[Stmt]) {
        for statement in body {
            let Some(name) = statement.early_name() else { continue };
            if self.scopes.is_empty() {
                // Functions of the top level are made before anything else runs.
                if matches!(statement.kind, StmtKind::Fun(_))
                    && let Some(at) = self.names.by_name.get(&name.name)
                {
                    self.out.global[*at as usize] = true;
                    self.seen[*at as usize] = true;
                }
                continue;
            }
            let bound = Bound { meaning: Use::Local(name.id), function: self.function, early: true };
            if let Some(scope) = self.scopes.last_mut() {
                scope.entry(name.name.clone()).or_insert(bound);
            }
        }
    }

    fn declare(&mut self, name: &Ident) {
        if self.scopes.is_empty() {
            let at = self.names.declare(&name.name);
            self.out.global.resize(self.names.all.len(), false);
            self.seen.resize(self.names.all.len(), false);
            self.seen[at as usize] = true;
            self.out.uses[name.id as usize] = Use::Top(at);
            return;
        }
        let function = self.function;
        let Some(scope) = self.scopes.last_mut() else { return };
        // A second declaration in the same block is the same variable.
        let bound =
            scope.entry(name.name.clone()).or_insert(Bound { meaning: Use::Local(name.id), function, early: false });
        bound.early = false;
        self.out.uses[name.id as usize] = bound.meaning;
    }

    fn bind(&mut self, name: &Rc<str>, meaning: Use) {
        let bound = Bound { meaning, function: 0, early: false };
        match self.scopes.last_mut() {
            Some(scope) => {
                scope.insert(name.clone(), bound);
            }
            None => {
                if let Use::Global(slot) = meaning {
                    self.names.imported.insert(name.clone(), slot);
                }
            }
        }
    }

    fn name(&mut self, name: &Ident) {
        self.out.uses[name.id as usize] = self.meaning(&name.name);
        if self.out.uses[name.id as usize] == Use::Unknown {
            self.unknown(name);
        }
    }

    fn meaning(&mut self, name: &Rc<str>) -> Use {
        for scope in self.scopes.iter().rev() {
            if let Some(bound) = scope.get(name) {
                if let Use::Local(declaration) = bound.meaning
                    && (bound.function != self.function || bound.early)
                {
                    self.out.captured[declaration as usize] = true;
                }
                return bound.meaning;
            }
        }
        if let Some(at) = self.names.by_name.get(name) {
            if self.function > 0 || !self.seen[*at as usize] {
                self.out.global[*at as usize] = true;
            }
            return Use::Top(*at);
        }
        self.names.imported.get(name).map_or(Use::Unknown, |slot| Use::Global(*slot))
    }

    fn unknown(&mut self, name: &Ident) {
        if self.out.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let hint = if crate::modules::find(&name.name).is_some() {
            Some(format!("add: use {};", name.name))
        } else if self.out.problems.len() < MAX_GUESSES {
            let known = self.scopes.iter().flat_map(|s| s.keys()).chain(self.names.all.iter());
            let mut known: Vec<&str> = known.chain(self.names.imported.keys()).map(|n| &**n).collect();
            known.sort_unstable();
            nearest(&name.name, known.into_iter()).map(|other| format!("did you mean {other}?"))
        } else {
            None
        };
        let mut problem = Problem::new(name.span, format!("{} is not defined", name.name)).warning();
        problem.hint = hint;
        self.out.problems.push(problem);
    }

    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(HashMap::new());
        inside(self);
        self.scopes.pop();
    }

    fn block(&mut self, body: &[Stmt]) {
        self.scope(|w| {
            w.early(body);
            w.statements(body);
        });
    }

    fn statements(&mut self, body: &[Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    /// A statement that is a block of its own even without braces.
    fn body(&mut self, statement: &Stmt) {
        self.scope(|w| w.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Empty | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Say(e) | StmtKind::Expr(e) | StmtKind::Throw(e) => self.expr(e),
            StmtKind::Var { decl, .. } => self.var(decl),
            StmtKind::If { branches, otherwise } => {
                for (test, then) in branches {
                    self.expr(test);
                    self.body(then);
                }
                if let Some(otherwise) = otherwise {
                    self.body(otherwise);
                }
            }
            StmtKind::While { test, body } => {
                self.expr(test);
                self.body(body);
            }
            StmtKind::DoWhile { body, test } => {
                self.body(body);
                self.expr(test);
            }
            StmtKind::For(f) => self.scope(|w| {
                if let Some(init) = &f.init {
                    w.statement(init);
                }
                f.test.iter().for_each(|e| w.expr(e));
                w.body(&f.body);
                f.step.iter().for_each(|e| w.expr(e));
            }),
            StmtKind::ForIn { declares, name, object, body } => {
                self.expr(object);
                let known = !declares && self.meaning(&name.name) != Use::Unknown;
                self.scope(|w| {
                    if known {
                        w.name(name);
                    } else {
                        w.declare(name);
                    }
                    w.body(body);
                });
            }
            StmtKind::Class(class) => self.class(class),
            StmtKind::Use(kind) => self.use_(kind),
            StmtKind::Fun(fun) => {
                if let Some(name) = &fun.name {
                    self.declare(name);
                }
                self.fun(fun);
            }
            StmtKind::Return(e) => e.iter().for_each(|e| self.expr(e)),
            StmtKind::Match { subject, cases, default } => {
                self.expr(subject);
                for case in cases {
                    self.expr(&case.value);
                    case.guard.iter().for_each(|e| self.expr(e));
                    self.body(&case.body);
                }
                default.iter().for_each(|s| self.body(s));
            }
            StmtKind::Try(t) => {
                self.block(&t.body);
                self.catch(&t.catch);
                t.finally.iter().for_each(|body| self.block(body));
            }
            StmtKind::Retry { count, body, catch } => {
                self.expr(count);
                self.block(body);
                self.catch(catch);
            }
            StmtKind::Enum { name, members } => {
                members.iter().filter_map(|(_, e)| e.as_ref()).for_each(|e| self.expr(e));
                self.declare(name);
            }
            StmtKind::Block(body) => self.block(body),
        }
    }

    fn catch(&mut self, catch: &Option<(Ident, Vec<Stmt>)>) {
        if let Some((name, body)) = catch {
            self.scope(|w| {
                w.declare(name);
                w.block(body);
            });
        }
    }

    fn var(&mut self, decl: &VarDecl) {
        match decl {
            VarDecl::Names(_, vars) => {
                for var in vars {
                    var.value.iter().for_each(|e| self.expr(e));
                    self.declare(&var.name);
                }
            }
            VarDecl::Array(names, value) => {
                self.expr(value);
                names.iter().for_each(|name| self.declare(name));
            }
            VarDecl::Object(names, value) => {
                self.expr(value);
                names.iter().for_each(|(_, name)| self.declare(name));
            }
        }
    }

    fn use_(&mut self, kind: &UseKind) {
        match kind {
            UseKind::Module { module, name } => {
                self.module(module);
                self.declare(name);
            }
            UseKind::Members { module, names } => {
                self.module(module);
                for name in names {
                    let known = crate::modules::find(&module.name).is_none_or(|m| m.has(&name.name));
                    if !known {
                        let message = format!("the module {} has no {}", module.name, name.name);
                        self.out.problems.push(Problem::new(name.span, message));
                    }
                    self.declare(name);
                }
            }
            UseKind::File { path } => {
                for (name, slot) in (self.imports)(path).unwrap_or_default() {
                    self.bind(&name, Use::Global(slot));
                }
            }
            UseKind::FileMembers { path, names } => {
                let Some(known) = (self.imports)(path) else { return };
                for name in names {
                    match known.get(&name.name) {
                        Some(slot) => self.bind(&name.name, Use::Global(*slot)),
                        None => {
                            let message = format!("the file {path:?} defines no {}", name.name);
                            self.out.problems.push(Problem::new(name.span, message));
                        }
                    }
                }
            }
        }
    }

    fn module(&mut self, module: &Ident) {
        if crate::modules::find(&module.name).is_some() {
            return;
        }
        let names = crate::modules::names();
        let mut problem = Problem::new(module.span, format!("there is no module {}", module.name));
        problem.hint = Some(match nearest(&module.name, names.iter().copied()) {
            Some(other) => format!("did you mean {other}?"),
            None => format!("a file is used by its path: using \"{}.nt\";", module.name),
        });
        self.out.problems.push(problem);
    }

    fn class(&mut self, class: &Class) {
        if let Some(parent) = &class.parent {
            self.name(parent);
        }
        self.declare(&class.name);
        self.methods += 1;
        // Fields are set in a function of their own.
        self.function += 1;
        self.scope(|w| {
            for field in &class.fields {
                field.value.iter().for_each(|e| w.expr(e));
            }
        });
        self.function -= 1;
        for method in &class.methods {
            self.fun(method);
        }
        self.methods -= 1;
    }

    fn fun(&mut self, fun: &Fun) {
        self.function += 1;
        self.scope(|w| {
            for param in &fun.params {
                param.default.iter().for_each(|e| w.expr(e));
                w.declare(&param.name);
            }
            w.early(&fun.body);
            w.statements(&fun.body);
        });
        self.function -= 1;
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Nil | ExprKind::Bool(_) | ExprKind::Number(_) => {}
            ExprKind::Text(_) | ExprKind::Say => {}
            ExprKind::This | ExprKind::SuperGet(_) => {
                if self.methods == 0 {
                    let word = if matches!(e.kind, ExprKind::This) { "this" } else { "super" };
                    self.out.problems.push(Problem::new(e.span, format!("{word} stands outside a class")));
                }
            }
            ExprKind::Name(name) => self.name(name),
            ExprKind::Interpolated(parts) => parts.iter().for_each(|e| self.expr(e)),
            ExprKind::Array(items) => items.iter().for_each(|item| self.expr(&item.value)),
            ExprKind::Object(members) => members.iter().for_each(|(_, e)| self.expr(e)),
            ExprKind::Lambda(fun) => self.fun(fun),
            ExprKind::Unary(_, e) => self.expr(e),
            ExprKind::Binary(b) => {
                self.expr(&b.left);
                self.expr(&b.right);
            }
            ExprKind::And(pair) | ExprKind::Or(pair) => {
                self.expr(&pair.0);
                self.expr(&pair.1);
            }
            ExprKind::Cond(c) => {
                self.expr(&c.0);
                self.expr(&c.1);
                self.expr(&c.2);
            }
            ExprKind::Assign(a) => {
                self.expr(&a.target);
                self.expr(&a.value);
            }
            ExprKind::Step(step) => self.expr(&step.target),
            ExprKind::Call(call) => {
                self.expr(&call.callee);
                call.args.iter().for_each(|arg| self.expr(&arg.value));
            }
            ExprKind::Member(m) => self.expr(&m.object),
            ExprKind::Index(i) => {
                self.expr(&i.object);
                self.expr(&i.index);
            }
        }
    }
}
