//! What a module asks of others and offers them, read from its syntax tree.

use std::collections::BTreeSet;

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::{IsGlobalReference as _, Scoping};
use oxc_span::{GetSpan as _, Span};

/// How a module is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `import … from`, `export … from`.
    Import,
    /// `import()`.
    Dynamic,
    /// `require()`.
    Require,
}

/// One module asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub specifier: String,
    pub kind: Kind,
    /// Where the specifier stands, in bytes of the author's text.
    pub span: Span,
    /// Inside `try`: the program is ready for its absence.
    pub guarded: bool,
    /// The names taken from it.
    pub names: Vec<(String, Span)>,
}

/// What an ES module exports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exports {
    pub names: BTreeSet<String>,
    /// `export * from specifier`.
    pub stars: Vec<String>,
    /// Interfaces and types: exported in the source, but nothing at run time.
    pub types: BTreeSet<String>,
}

/// Collects what `program` asks for.
pub(crate) fn requests(program: &Program<'_>, scoping: &Scoping) -> Vec<Request> {
    let mut visitor = Requests { scoping, found: Vec::new(), tries: 0 };
    visitor.visit_program(program);
    visitor.found
}

struct Requests<'s> {
    scoping: &'s Scoping,
    found: Vec<Request>,
    tries: usize,
}

impl Requests<'_> {
    fn add(&mut self, kind: Kind, specifier: &str, span: Span, names: Vec<(String, Span)>) {
        let guarded = self.tries > 0;
        self.found.push(Request { specifier: specifier.to_owned(), kind, span, guarded, names });
    }

    fn is_require(&self, callee: &Expression<'_>) -> bool {
        match callee.get_inner_expression() {
            Expression::Identifier(id) => id.name == "require" && id.is_global_reference(self.scoping),
            // `require.resolve('x')` needs the link too.
            Expression::StaticMemberExpression(member) => {
                member.property.name == "resolve"
                    && matches!(&member.object, Expression::Identifier(id)
                        if id.name == "require" && id.is_global_reference(self.scoping))
            }
            _ => false,
        }
    }
}

impl<'a> Visit<'a> for Requests<'_> {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let names = it.specifiers.iter().flatten().filter_map(|specifier| match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(s) => Some((s.imported.name().to_string(), s.imported.span())),
            ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => Some(("default".to_owned(), s.span)),
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => None,
        });
        self.add(Kind::Import, &it.source.value, it.source.span, names.collect());
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        let names = it.specifiers.iter().map(|s| (s.local.name().to_string(), s.local.span()));
        self.add(Kind::Import, &it.source.value, it.source.span, names.collect());
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.add(Kind::Import, &it.source.value, it.source.span, Vec::new());
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Some((specifier, span)) = literal(&it.source) {
            self.add(Kind::Dynamic, specifier, span, Vec::new());
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if self.is_require(&it.callee)
            && let Some((specifier, span)) = required(it)
        {
            self.add(Kind::Require, specifier, span, Vec::new());
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        // Only what is caught: a `finally` alone, the handler and the finalizer protect nothing.
        let caught = usize::from(it.handler.is_some());
        self.tries += caught;
        self.visit_block_statement(&it.block);
        self.tries -= caught;
        if let Some(handler) = &it.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &it.finalizer {
            self.visit_block_statement(finalizer);
        }
    }
}

/// The text of a string literal, or of a template without substitutions.
pub(crate) fn literal<'t>(expression: &'t Expression<'_>) -> Option<(&'t str, Span)> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(s) => Some((&s.value, s.span)),
        Expression::TemplateLiteral(t) if t.expressions.is_empty() => {
            Some((t.quasis.first()?.value.cooked.as_ref()?.as_str(), t.span))
        }
        _ => None,
    }
}

/// The literal first argument of a call.
pub(crate) fn required<'t>(call: &'t CallExpression<'_>) -> Option<(&'t str, Span)> {
    literal(call.arguments.first()?.as_expression()?)
}

/// Collects what an ES module exports; in TypeScript before types are stripped that includes types.
pub(crate) fn exports(program: &Program<'_>) -> Exports {
    let mut out = Exports::default();
    for statement in &program.body {
        match statement {
            Statement::ExportDefaultDeclaration(_) | Statement::TSExportAssignment(_) => {
                out.names.insert("default".to_owned());
            }
            Statement::ExportAllDeclaration(all) => match &all.exported {
                Some(name) => {
                    out.names.insert(name.name().to_string());
                }
                None => out.stars.push(all.source.value.to_string()),
            },
            Statement::ExportNamedDeclaration(named) => specifiers(&named.specifiers, &mut out),
            Statement::ExportFromDeclaration(from) => specifiers(&from.specifiers, &mut out),
            Statement::ExportDeclaration(export) => {
                BoundNames { names: &mut out.names }.declaration(&export.declaration)
            }
            _ => {}
        }
    }
    out
}

fn specifiers(specifiers: &[ExportSpecifier<'_>], out: &mut Exports) {
    out.names.extend(specifiers.iter().map(|specifier| specifier.exported.name().to_string()));
}

struct BoundNames<'n> {
    names: &'n mut BTreeSet<String>,
}

impl BoundNames<'_> {
    fn declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for declarator in &variables.declarations {
                    self.visit_binding_pattern(&declarator.id);
                }
            }
            other => {
                if let Some(id) = other.id() {
                    self.names.insert(id.name.to_string());
                }
            }
        }
    }
}

impl<'a> Visit<'a> for BoundNames<'_> {
    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.names.insert(it.name.to_string());
    }

    // Default values hold functions with bindings of their own.
    fn visit_expression(&mut self, _: &Expression<'a>) {}
}

/// Whether a statement belongs to ES modules. TypeScript's `import x = require()` and `export =` do not.
pub(crate) fn is_es_syntax(statement: &Statement<'_>) -> bool {
    matches!(
        statement,
        Statement::ImportDeclaration(_)
            | Statement::ExportDefaultDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportDeclaration(_)
            | Statement::ExportAllDeclaration(_)
    )
}

/// For a file without `import` and `export`: does it use CommonJS (`Some(true)`), a module's top-level `await`
/// (`Some(false)`), or neither?
pub(crate) fn commonjs_signs(program: &Program<'_>) -> Option<bool> {
    let forms = |s: &Statement<'_>| match s {
        Statement::TSExportAssignment(_) => true,
        Statement::TSImportEqualsDeclaration(import) => {
            matches!(import.module_reference, TSModuleReference::ExternalModuleReference(_))
        }
        _ => false,
    };
    if program.body.iter().any(forms) {
        return Some(true);
    }
    let mut awaits = TopLevelAwait(false);
    awaits.visit_program(program);
    if awaits.0 {
        return Some(false);
    }
    let built = oxc_semantic::SemanticBuilder::new().build(program);
    let scoping = built.semantic.scoping();
    let free = scoping.root_unresolved_references();
    let names = ["require", "module", "exports", "__filename", "__dirname"];
    free.keys().any(|name| names.contains(&name.as_str())).then_some(true)
}

struct TopLevelAwait(bool);

impl<'a> Visit<'a> for TopLevelAwait {
    fn visit_await_expression(&mut self, _: &AwaitExpression<'a>) {
        self.0 = true;
    }

    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        self.0 |= it.r#await;
        walk::walk_for_of_statement(self, it);
    }

    fn visit_function(&mut self, _: &Function<'a>, _: oxc_syntax::scope::ScopeFlags) {}

    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
}
