//! Variables, functions, classes, uses.

use std::collections::HashSet;
use std::rc::Rc;

use super::{P, Parser};
use crate::ast::{Class, Fun, Ident, Param, Stmt, StmtKind, Type, UseKind, Var, VarDecl};
use crate::lexer::Tok;

/// The most parameters of a function, and arguments of a call.
const MAX_PARAMS: usize = 65_535;

impl Parser {
    /// A type's name where a name follows, else nothing.
    fn type_before_name(&mut self) -> Option<Type> {
        let Tok::Name(name) = self.tok() else { return None };
        let (_, ty) = *Type::ALL.iter().find(|(n, _)| *n == &**name)?;
        matches!(self.ahead(1), Tok::Name(_)).then(|| {
            self.advance();
            ty
        })
    }

    pub(super) fn var(&mut self) -> P<StmtKind> {
        let is_static = self.take_key("static");
        if !self.take_key("var") {
            return self.unexpected("var after static");
        }
        let decl = self.declared()?;
        self.semicolon()?;
        Ok(StmtKind::Var { is_static, decl })
    }

    fn declared(&mut self) -> P<VarDecl> {
        if self.take("[") {
            let mut names = Vec::new();
            while !self.take("]") {
                names.push(self.ident("a name")?);
                if !self.take(",") {
                    self.expect("]")?;
                    break;
                }
            }
            self.expect("=")?;
            return Ok(VarDecl::Array(names, self.expression()?));
        }
        if self.take("{") {
            let mut names = Vec::new();
            while !self.take("}") {
                let key_span = self.span();
                let key = self.member_name("a name")?;
                let name = if self.take(":") { self.ident("a name")? } else { self.new_ident(key.clone(), key_span) };
                names.push((key, name));
                if !self.take(",") {
                    self.expect("}")?;
                    break;
                }
            }
            self.expect("=")?;
            return Ok(VarDecl::Object(names, self.expression()?));
        }
        let ty = self.type_before_name();
        let mut vars = Vec::new();
        loop {
            let name = self.ident("the name of a variable")?;
            let value = if self.take("=") { Some(self.expression()?) } else { None };
            vars.push(Var { name, value });
            if !self.take(",") {
                return Ok(VarDecl::Names(ty, vars));
            }
        }
    }

    pub(super) fn fun_statement(&mut self) -> P<StmtKind> {
        let start = self.advance().span;
        let name = self.ident("the name of a function")?;
        Ok(StmtKind::Fun(Rc::new(self.fun_rest(Some(name), start)?)))
    }

    /// Parameters and body.
    pub(super) fn fun_rest(&mut self, name: Option<Ident>, start: crate::source::Span) -> P<Fun> {
        let around = std::mem::take(&mut self.highest);
        self.expect("(")?;
        let mut params: Vec<Param> = Vec::new();
        let mut seen = HashSet::new();
        while !self.take(")") {
            let ty = self.type_before_name();
            let name = self.ident("the name of a parameter")?;
            if !seen.insert(name.name.clone()) {
                self.problem(name.span, format!("there is a parameter {} already", name.name));
            }
            let default = if self.take("=") { Some(self.expression()?) } else { None };
            if default.is_none() && params.last().is_some_and(|p| p.default.is_some()) {
                self.problem(name.span, format!("{} needs a default, as the parameter before it has one", name.name));
            }
            params.push(Param { name, ty, default });
            if params.len() > MAX_PARAMS {
                return self.unexpected("at most 65,535 parameters");
            }
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        let result = if self.take("->") {
            let Tok::Name(name) = self.tok() else { return self.unexpected("a type") };
            let found = Type::ALL.iter().find(|(n, _)| *n == &**name).map(|(_, ty)| *ty);
            let Some(ty) = found else {
                return self.unexpected("a type (int, float, string, bool, array, object, any)");
            };
            self.advance();
            Some(ty)
        } else {
            None
        };
        let loops = std::mem::take(&mut self.loops);
        self.functions += 1;
        let body = self.block();
        self.functions -= 1;
        self.loops = loops;
        let end = self.last();
        let height = self.highest;
        self.highest = height.max(around);
        Ok(Fun { name, params, result, body: body?, span: start.to(end), end, height })
    }

    pub(super) fn class(&mut self) -> P<StmtKind> {
        self.advance();
        let name = self.ident("the name of a class")?;
        let parent = if self.take_key("extends") { Some(self.ident("the name of a class")?) } else { None };
        self.expect("{")?;
        let mut seen = HashSet::new();
        let mut class = Class { name, parent, fields: Vec::new(), field_types: Vec::new(), methods: Vec::new() };
        while !self.take("}") {
            let start = self.span();
            if self.is_key("var") {
                let StmtKind::Var { decl: VarDecl::Names(ty, vars), .. } = self.var()? else {
                    self.problem(start.to(self.last()), "a field of a class is declared by its name");
                    continue;
                };
                class.field_types.extend(vars.iter().map(|_| ty));
                class.fields.extend(vars);
                continue;
            }
            let with_fun = self.take_key("fun");
            let span = self.span();
            if !matches!(self.tok(), Tok::Name(_) | Tok::Key(_)) {
                return self.unexpected(if with_fun { "the name of a method" } else { "a method, a field or }" });
            }
            let name = self.member_name("the name of a method")?;
            let name = self.new_ident(name, span);
            if !seen.insert(name.name.clone()) {
                self.problem(span, format!("the class has a method {} already", name.name));
            }
            let method = self.fun_rest(Some(name), start)?;
            class.methods.push(Rc::new(method));
        }
        Ok(StmtKind::Class(Rc::new(class)))
    }

    fn names(&mut self) -> P<Vec<Ident>> {
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.take(")") {
            names.push(self.ident("a name")?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        self.expect("=")?;
        if !self.take_key("from") {
            return self.unexpected("from");
        }
        Ok(names)
    }

    pub(super) fn use_(&mut self) -> P<StmtKind> {
        self.advance();
        let kind = if self.is("(") {
            let names = self.names()?;
            UseKind::Members { module: self.ident("the name of a module")?, names }
        } else {
            let module = self.ident("the name of a module")?;
            let name = if self.take_key("as") {
                self.ident("a name")?
            } else {
                self.new_ident(module.name.clone(), module.span)
            };
            UseKind::Module { module, name }
        };
        self.semicolon()?;
        Ok(StmtKind::Use(kind))
    }

    pub(super) fn using(&mut self) -> P<StmtKind> {
        self.advance();
        let kind = if self.is("(") {
            let names = self.names()?;
            let (path, path_span) = self.plain_string("the path of a file")?;
            self.uses.push((path.clone(), path_span));
            UseKind::FileMembers { path, names }
        } else {
            let (path, path_span) = self.plain_string("the path of a file")?;
            self.uses.push((path.clone(), path_span));
            UseKind::File { path }
        };
        self.semicolon()?;
        Ok(StmtKind::Use(kind))
    }

    pub(super) fn lambda_body(&mut self, start: crate::source::Span) -> P<Fun> {
        self.fun_rest(None, start)
    }
}

impl Stmt {
    /// The name that a statement gives to its block before it runs: functions may call each other before their turn.
    pub fn early_name(&self) -> Option<&Ident> {
        match &self.kind {
            StmtKind::Fun(fun) => fun.name.as_ref(),
            StmtKind::Class(class) => Some(&class.name),
            _ => None,
        }
    }
}
