//! One file's declarations: types, values that `typeof` may ask for, classes, and what goes in and out by import and
//! export.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use oxc_ast::ast::Declaration as Declared;
use oxc_ast::ast::*;
use oxc_span::{GetSpan as _, Span};
use serde_json::Value;

use super::class::Class;
use super::docs::{Comments, Doc};
use super::syntax::{Kind, Member, Property, Reader, Ty, TypeParam, node, path};
use super::values;

/// A file, read.
#[derive(Debug)]
pub(super) struct Source {
    /// The path, for complaints.
    pub file: String,
    pub dir: PathBuf,
    pub text: String,
    pub scope: Scope,
    /// Docblocks before the file's first statement: what they say is about the photon.
    pub file_docs: Vec<Rc<Doc>>,
}

/// The names of a file or a namespace.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub types: HashMap<String, Rc<Declaration>>,
    pub values: HashMap<String, Ty>,
    pub imports: HashMap<String, Imported>,
    /// Names as others see them.
    pub exports: HashMap<String, Exported>,
    /// `export * from`
    pub stars: Vec<String>,
    /// The default export is a function or an object: nothing that has methods of a class.
    default_value: bool,
    /// Classes in their order, for files without a default export.
    pub classes: Vec<String>,
}

impl Scope {
    /// Whether the default export is certainly no class.
    pub fn default_is_value(&self) -> bool {
        let function = |name: &String| matches!(self.values.get(name), Some(ty) if matches!(ty.kind, Kind::Function));
        self.default_value || matches!(self.exports.get("default"), Some(Exported::Local(name)) if function(name))
    }
}

/// A name from another file.
#[derive(Clone, Debug)]
pub(super) struct Imported {
    pub specifier: String,
    /// `None`: the whole module.
    pub name: Option<String>,
}

/// What an export leads to.
#[derive(Clone, Debug)]
pub(super) enum Exported {
    /// A name of this file.
    Local(String),
    /// A name of another one.
    From(Imported),
}

/// What a name of a type stands for.
#[derive(Debug)]
pub(super) enum Declaration {
    Alias { params: Vec<TypeParam>, ty: Ty, doc: Option<Rc<Doc>> },
    Interface { params: Vec<TypeParam>, extends: Vec<Ty>, members: Rc<Vec<Member>>, doc: Option<Rc<Doc>> },
    Enum { members: Vec<(String, Option<Value>)>, doc: Option<Rc<Doc>> },
    Class(Rc<Class>),
    Namespace(Scope),
}

/// The name under which `export default class {}` is kept.
pub(super) const DEFAULT: &str = "*default*";

/// Reads a parsed file.
pub(super) fn read(file: String, dir: PathBuf, text: &str, program: &Program<'_>) -> Source {
    let comments = Comments::new(text, &program.comments);
    let first = program.body.first().map_or(0, |statement| statement.span().start);
    let mut file_docs = comments.all_before(first).to_vec();
    // The one nearest to a class is the class's own.
    if program.body.first().is_some_and(is_class) {
        file_docs.pop();
    }
    let reader = Reader { comments: &comments };
    let scope = reader.scope(&program.body);
    Source { file, dir, text: text.to_owned(), scope, file_docs }
}

fn is_class(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ClassDeclaration(_) => true,
        Statement::ExportDefaultDeclaration(export) => {
            matches!(export.declaration, ExportDefaultDeclarationKind::ClassDeclaration(_))
        }
        Statement::ExportDeclaration(export) => matches!(export.declaration, Declared::ClassDeclaration(_)),
        _ => false,
    }
}

impl Reader<'_> {
    fn scope(&self, statements: &[Statement<'_>]) -> Scope {
        let mut scope = Scope::default();
        for statement in statements {
            self.statement(&mut scope, statement);
        }
        scope
    }

    fn statement(&self, scope: &mut Scope, statement: &Statement<'_>) {
        match statement {
            Statement::ImportDeclaration(import) => imports(scope, import),
            Statement::ExportDefaultDeclaration(export) => self.default_export(scope, export),
            Statement::ExportDeclaration(export) => {
                for name in self.declare(scope, &export.declaration, export.span) {
                    scope.exports.insert(name.clone(), Exported::Local(name));
                }
            }
            Statement::ExportNamedDeclaration(named) => {
                for specifier in &named.specifiers {
                    let local = specifier.local.name().to_string();
                    scope.exports.insert(specifier.exported.name().to_string(), Exported::Local(local));
                }
            }
            Statement::ExportFromDeclaration(from) => {
                for specifier in &from.specifiers {
                    let name = Some(specifier.local.name().to_string());
                    let imported = Imported { specifier: from.source.value.to_string(), name };
                    scope.exports.insert(specifier.exported.name().to_string(), Exported::From(imported));
                }
            }
            Statement::ExportAllDeclaration(all) => {
                let specifier = all.source.value.to_string();
                match &all.exported {
                    Some(name) => {
                        let imported = Imported { specifier, name: None };
                        scope.exports.insert(name.name().to_string(), Exported::From(imported));
                    }
                    None => scope.stars.push(specifier),
                }
            }
            Statement::TSExportAssignment(export) => {
                if let Expression::Identifier(id) = &export.expression {
                    scope.exports.insert("default".into(), Exported::Local(id.name.to_string()));
                }
            }
            other => {
                if let Some(declaration) = other.as_declaration() {
                    self.declare(scope, declaration, declaration.span());
                }
            }
        }
    }

    fn default_export(&self, scope: &mut Scope, export: &ExportDefaultDeclaration<'_>) {
        let local = match &export.declaration {
            ExportDefaultDeclarationKind::ClassDeclaration(class) => self.declare_class(scope, class, export.span),
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(it) => self.interface(scope, it, export.span),
            ExportDefaultDeclarationKind::Identifier(id) => id.name.to_string(),
            ExportDefaultDeclarationKind::ClassExpression(class) => self.declare_class(scope, class, export.span),
            ExportDefaultDeclarationKind::FunctionDeclaration(_)
            | ExportDefaultDeclarationKind::FunctionExpression(_)
            | ExportDefaultDeclarationKind::ArrowFunctionExpression(_)
            | ExportDefaultDeclarationKind::ObjectExpression(_) => {
                scope.default_value = true;
                return;
            }
            _ => return,
        };
        scope.exports.insert("default".into(), Exported::Local(local));
    }

    /// Takes a declaration in, and says which names it has. `outer`: the statement, before which docblocks stand.
    fn declare(&self, scope: &mut Scope, declaration: &Declared<'_>, outer: Span) -> Vec<String> {
        let doc = || self.comments.before(outer.start).or_else(|| self.comments.before(declaration.span().start));
        let name = match declaration {
            Declared::VariableDeclaration(variables) => return self.variables(scope, variables),
            Declared::ClassDeclaration(class) => self.declare_class(scope, class, outer),
            Declared::TSInterfaceDeclaration(interface) => self.interface(scope, interface, outer),
            Declared::TSTypeAliasDeclaration(alias) => {
                let params = self.type_params(&alias.type_parameters);
                let ty = self.ty(&alias.type_annotation);
                let name = alias.id.name.to_string();
                scope.types.insert(name.clone(), Rc::new(Declaration::Alias { params, ty, doc: doc() }));
                name
            }
            Declared::TSEnumDeclaration(it) => {
                let name = it.id.name.to_string();
                let members = enum_members(&it.body);
                scope.values.insert(name.clone(), enum_object(it.span, &members));
                scope.types.insert(name.clone(), Rc::new(Declaration::Enum { members, doc: doc() }));
                name
            }
            Declared::TSNamespaceDeclaration(it) => {
                let name = it.id.name.to_string();
                let inner = self.namespace(&it.body);
                scope.types.entry(name.clone()).or_insert_with(|| Rc::new(Declaration::Namespace(inner)));
                name
            }
            Declared::FunctionDeclaration(function) => {
                let Some(id) = &function.id else { return Vec::new() };
                scope.values.insert(id.name.to_string(), node(function.span, Kind::Function));
                id.name.to_string()
            }
            Declared::TSImportEqualsDeclaration(import) => {
                let name = import.id.name.to_string();
                match &import.module_reference {
                    TSModuleReference::ExternalModuleReference(external) => {
                        let specifier = external.expression.value.to_string();
                        let imported = Imported { specifier, name: Some("default".into()) };
                        scope.imports.insert(name.clone(), imported);
                    }
                    TSModuleReference::IdentifierReference(id) => {
                        alias(scope, &name, import.span, vec![id.name.to_string()]);
                    }
                    TSModuleReference::QualifiedName(qualified) => {
                        let mut names = path(&qualified.left);
                        names.push(qualified.right.name.to_string());
                        alias(scope, &name, import.span, names);
                    }
                }
                name
            }
            Declared::TSExternalModuleDeclaration(_) | Declared::TSGlobalDeclaration(_) => return Vec::new(),
        };
        vec![name]
    }

    fn variables(&self, scope: &mut Scope, variables: &VariableDeclaration<'_>) -> Vec<String> {
        let constant = variables.kind == VariableDeclarationKind::Const;
        let mut names = Vec::new();
        for declarator in &variables.declarations {
            let BindingPattern::BindingIdentifier(id) = &declarator.id else { continue };
            let name = id.name.to_string();
            if let Some(Expression::ClassExpression(class)) = &declarator.init {
                let class = self.class(class, variables.span);
                scope.types.insert(name.clone(), Rc::new(Declaration::Class(Rc::new(class))));
                scope.classes.push(name.clone());
            }
            let annotated = self.annotation(&declarator.type_annotation);
            let ty = annotated.or_else(|| {
                // `const a = 'x'` has the type 'x', but `const a = { b: 'x' }` has a string in it.
                let init = declarator.init.as_ref()?;
                let scalar =
                    constant && matches!(values::value(init), Some(value) if !value.is_object() && !value.is_array());
                Some(self.type_of(init, scalar))
            });
            if let Some(ty) = ty {
                scope.values.insert(name.clone(), ty);
            }
            names.push(name);
        }
        names
    }

    fn declare_class(&self, scope: &mut Scope, class: &oxc_ast::ast::Class<'_>, outer: Span) -> String {
        let name = class.id.as_ref().map_or_else(|| DEFAULT.to_owned(), |id| id.name.to_string());
        let read = self.class(class, outer);
        scope.types.insert(name.clone(), Rc::new(Declaration::Class(Rc::new(read))));
        scope.classes.push(name.clone());
        name
    }

    fn interface(&self, scope: &mut Scope, it: &TSInterfaceDeclaration<'_>, outer: Span) -> String {
        let name = it.id.name.to_string();
        let mut members = self.members(&it.body.body);
        let mut extends: Vec<Ty> = it
            .extends
            .iter()
            .map(|base| {
                node(base.span, Kind::Reference { name: path(&base.type_name), args: self.args(&base.type_arguments) })
            })
            .collect();
        let mut doc = self.comments.before(outer.start).or_else(|| self.comments.before(it.span.start));
        let mut params = self.type_params(&it.type_parameters);
        // Interfaces of one name are one interface.
        if let Some(before) = scope.types.remove(&name) {
            match Rc::try_unwrap(before) {
                Ok(Declaration::Interface { params: p, extends: e, members: m, doc: d }) => {
                    let mut all = Rc::try_unwrap(m).unwrap_or_default();
                    all.append(&mut members);
                    members = all;
                    extends.splice(0..0, e);
                    (doc, params) = (d.or(doc), p);
                }
                Ok(other) => {
                    scope.types.insert(name.clone(), Rc::new(other));
                    return name;
                }
                Err(shared) => {
                    scope.types.insert(name.clone(), shared);
                    return name;
                }
            }
        }
        let declaration = Declaration::Interface { params, extends, members: Rc::new(members), doc };
        scope.types.insert(name.clone(), Rc::new(declaration));
        name
    }

    fn namespace(&self, body: &TSNamespaceDeclarationBody<'_>) -> Scope {
        match body {
            TSNamespaceDeclarationBody::TSModuleBlock(block) => self.scope(&block.body),
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => {
                let mut scope = Scope::default();
                let nested = self.namespace(&inner.body);
                scope.types.insert(inner.id.name.to_string(), Rc::new(Declaration::Namespace(nested)));
                scope
            }
        }
    }
}

fn alias(scope: &mut Scope, name: &str, span: Span, target: Vec<String>) {
    let ty = node(span, Kind::Reference { name: target, args: Vec::new() });
    scope.types.insert(name.to_owned(), Rc::new(Declaration::Alias { params: Vec::new(), ty, doc: None }));
}

fn imports(scope: &mut Scope, import: &ImportDeclaration<'_>) {
    for specifier in import.specifiers.iter().flatten() {
        let (local, name) = match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(s) => (&s.local, Some(s.imported.name().to_string())),
            ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => (&s.local, Some("default".to_owned())),
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(s) => (&s.local, None),
        };
        let imported = Imported { specifier: import.source.value.to_string(), name };
        scope.imports.insert(local.name.to_string(), imported);
    }
}

/// The members with their values; a value that only the program knows is `None`.
fn enum_members(body: &TSEnumBody<'_>) -> Vec<(String, Option<Value>)> {
    let mut next = Some(0.0);
    let mut members: Vec<(String, Option<Value>)> = Vec::new();
    for member in &body.members {
        let value = match &member.initializer {
            None => next.map(values::number),
            Some(Expression::Identifier(id)) => {
                members.iter().find(|(name, _)| id.name == name.as_str()).and_then(|(_, value)| value.clone())
            }
            Some(init) => values::value(init),
        };
        next = value.as_ref().and_then(Value::as_f64).map(|n| n + 1.0);
        members.push((member.id.static_name().to_string(), value));
    }
    members
}

fn enum_object(span: Span, members: &[(String, Option<Value>)]) -> Ty {
    let property = |(name, value): &(String, Option<Value>)| {
        let ty = node(span, value.clone().map_or(Kind::Any, Kind::Literal));
        Member::Property(Property { name: name.clone(), ty, optional: false, readonly: true, doc: None })
    };
    node(span, Kind::Members(Rc::new(members.iter().map(property).collect())))
}

/// A type that is written in a docblock. Its positions mean nothing.
pub(super) fn parse_type(text: &str) -> Option<Ty> {
    if text.len() > 1_000 || crate::stack::too_deep(text, 50).is_some() {
        return None;
    }
    let allocator = oxc_allocator::Allocator::default();
    let text = format!("type T = {text}");
    let parsed = crate::compile::parser(&allocator, &text, oxc_span::SourceType::ts().with_module(true));
    if parsed.diagnostics.has_errors() {
        return None;
    }
    let comments = Comments::default();
    let reader = Reader { comments: &comments };
    match parsed.program.body.as_slice() {
        [Statement::TSTypeAliasDeclaration(alias)] => Some(reader.ty(&alias.type_annotation)),
        _ => None,
    }
}
