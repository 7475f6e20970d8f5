//! What parses but is not run, and what parses only with a little help.

use oxc_allocator::{Allocator, TakeIn as _};
use oxc_ast::ast::*;
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{Visit, walk};
use oxc_span::Span;

use crate::compile::Input;
use crate::error::Diagnostic;
use crate::limits;

/// Complaints about syntax that is valid but not supported.
pub(crate) fn unsupported(input: &Input<'_>, program: &Program<'_>) -> Vec<Diagnostic> {
    let mut visitor = Unsupported { input, found: Vec::new() };
    visitor.visit_program(program);
    visitor.found
}

struct Unsupported<'i> {
    input: &'i Input<'i>,
    found: Vec<Diagnostic>,
}

impl Unsupported<'_> {
    fn add(&mut self, span: Span, message: &str, help: &str) {
        if self.found.len() >= limits::DIAGNOSTICS {
            return;
        }
        let Input { file, text, .. } = self.input;
        let diagnostic = Diagnostic::at(file, text, span.start as usize, span.size() as usize, message);
        self.found.push(diagnostic.help(help));
    }
}

impl<'a> Visit<'a> for Unsupported<'_> {
    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.add(it.span, "decorators are not supported", "call the decorating function yourself: x = decorate(x)");
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.add(it.span, "`accessor` fields are not supported", "write a private field with get and set");
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        if it.phase.is_some() {
            self.add(
                it.span,
                "`import defer` and `import source` are not supported",
                "use a plain import, or import()",
            );
        }
        walk::walk_import_declaration(self, it);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if it.phase.is_some() {
            self.add(it.span, "import.defer() and import.source() are not supported", "use import()");
        }
        walk::walk_import_expression(self, it);
    }
}

/// Adds a hint to complaints of the parser that people meet often.
pub(crate) fn explain(mut diagnostic: Diagnostic) -> Diagnostic {
    if diagnostic.help.is_some() {
        return diagnostic;
    }
    let help = match diagnostic.message.as_str() {
        m if m.contains("JSX") => "JSX is not supported; call the function that would make the element",
        m if m.contains("`await` is only allowed") => "make the function around it `async`",
        m if m.contains("Unterminated string") => "close the string, or use a `template` for text of several lines",
        m if m.contains("Unterminated template") => "close the template with a backtick",
        _ => return diagnostic,
    };
    diagnostic.help = Some(help.to_owned());
    diagnostic
}

/// In a TypeScript file that is an ES module, `import x = require('y')` and `export = x` become `import x from 'y'` and
/// `export default x`: the default of a CommonJS module is its `module.exports`, so they mean the same.
pub(crate) fn commonjs_forms_to_es<'a>(allocator: &'a Allocator, program: &mut Program<'a>) {
    let builder = AstBuilder::new(allocator);
    for statement in &mut program.body {
        match statement {
            Statement::TSImportEqualsDeclaration(import) if import.import_kind.is_value() => {
                let TSModuleReference::ExternalModuleReference(external) = &import.module_reference else { continue };
                let source = StringLiteral::new(external.expression.span, external.expression.value, None, &builder);
                let local = BindingIdentifier::new(import.id.span, import.id.name, &builder);
                let specifier =
                    ImportDeclarationSpecifier::new_import_default_specifier(import.id.span, local, &builder);
                let specifiers = oxc_allocator::ArenaVec::from_array_in([specifier], &builder);
                *statement = Statement::new_import_declaration(
                    import.span,
                    Some(specifiers),
                    source,
                    None,
                    None,
                    ImportOrExportKind::Value,
                    &builder,
                );
            }
            Statement::TSExportAssignment(export) => {
                let value = export.expression.take_in(&builder);
                let declaration = ExportDefaultDeclarationKind::from(value);
                *statement = Statement::new_export_default_declaration(export.span, declaration, &builder);
            }
            _ => {}
        }
    }
}
