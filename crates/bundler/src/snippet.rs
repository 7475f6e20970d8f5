//! Code mode: a few lines become the body of a function, and that function the program.

use oxc_allocator::{Allocator, ArenaVec, TakeIn as _};
use oxc_ast::ast::*;
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::VisitMut;
use oxc_parser::{ParseOptions, Parser};
use oxc_span::{SPAN, SourceType, Span};

use crate::compile::{Input, Parsed, complaints, parser};
use crate::error::Diagnostic;

/// The name of a snippet's module.
pub(crate) const NAME: &str = "code.ts";

/// What a snippet with `yield` at its top level is parsed within.
const GENERATOR: &str = "async function*snippet(){";

/// Parses a snippet. Imports stay where they must be, everything else goes into
/// `export default async function () { … }`, a generator if the snippet yields. A snippet that exports is a module
/// already.
pub(crate) fn parse<'a>(allocator: &'a Allocator, input: &Input<'a>) -> Result<Parsed<'a>, Vec<Diagnostic>> {
    let options =
        ParseOptions { parse_regular_expression: true, allow_return_outside_function: true, ..Default::default() };
    let plain = Parser::new(allocator, input.text, SourceType::ts()).with_options(options).parse();
    let errors = complaints(input, &plain.diagnostics);
    if !errors.is_empty() {
        return yielding(allocator, input, errors);
    }
    if plain.program.body.iter().any(exports) {
        let module = parser(allocator, input.text, SourceType::ts());
        let errors = complaints(input, &module.diagnostics);
        return if errors.is_empty() { Ok(Parsed { program: module.program, commonjs: false }) } else { Err(errors) };
    }
    let mut program = plain.program;
    wrap(allocator, &mut program, false);
    Ok(Parsed { program, commonjs: false })
}

fn exports(statement: &Statement<'_>) -> bool {
    matches!(
        statement,
        Statement::ExportDefaultDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportDeclaration(_)
            | Statement::ExportAllDeclaration(_)
            | Statement::TSExportAssignment(_)
    )
}

/// `yield` is no statement of a module: parse the text inside a generator, and move all positions back.
fn yielding<'a>(
    allocator: &'a Allocator,
    input: &Input<'a>,
    errors: Vec<Diagnostic>,
) -> Result<Parsed<'a>, Vec<Diagnostic>> {
    if !input.text.contains("yield") {
        return Err(errors);
    }
    let text = allocator.alloc_str(&format!("{GENERATOR}{}\n}}", blank_hashbang(input.text)));
    let mut parsed = parser(allocator, text, SourceType::ts());
    // Imports are allowed at the top of a snippet, which is inside the generator here.
    parsed.diagnostics.retain(|d| !about_nested_import(text, &d.labels));
    if parsed.diagnostics.has_errors() {
        for diagnostic in parsed.diagnostics.iter_mut() {
            for label in &mut diagnostic.labels {
                label.set_span_offset(label.offset().saturating_sub(to_u32(GENERATOR.len())));
            }
        }
        let other = complaints(input, &parsed.diagnostics);
        // The reading that got further is the one that was meant.
        let place = |list: &[Diagnostic]| list.first().map(|d| (d.line, d.column));
        return Err(if !other.is_empty() && place(&other) > place(&errors) { other } else { errors });
    }
    let mut program = parsed.program;
    unwrap_generator(allocator, &mut program, input.text).ok_or(errors)?;
    wrap(allocator, &mut program, true);
    Ok(Parsed { program, commonjs: false })
}

/// Same length, so that positions stay.
fn blank_hashbang(text: &str) -> String {
    if !text.starts_with("#!") {
        return text.to_owned();
    }
    format!("//{}", &text[2..])
}

fn about_nested_import(text: &str, labels: &[oxc_span::LabeledSpan]) -> bool {
    labels
        .first()
        .is_some_and(|label| text.get(label.offset() as usize..).is_some_and(|rest| rest.starts_with("import")))
}

fn unwrap_generator<'a>(allocator: &'a Allocator, program: &mut Program<'a>, text: &'a str) -> Option<()> {
    let builder = AstBuilder::new(allocator);
    // Text after a `}` that closes our function would be another program.
    let [Statement::FunctionDeclaration(function)] = program.body.as_mut_slice() else { return None };
    let body = function.body.as_mut()?;
    let statements = body.statements.take_in(&builder);
    program.body = statements;
    program.directives = ArenaVec::new_in(&builder);
    program.source_text = text;
    let back = to_u32(GENERATOR.len());
    let mut shift = Shift { back, end: to_u32(text.len()) };
    shift.visit_program(program);
    for comment in &mut program.comments {
        shift.visit_span(&mut comment.span);
        comment.attached_to = comment.attached_to.saturating_sub(back);
    }
    Some(())
}

struct Shift {
    back: u32,
    end: u32,
}

impl<'a> VisitMut<'a> for Shift {
    fn visit_span(&mut self, it: &mut Span) {
        let moved = |at: u32| at.saturating_sub(self.back).min(self.end);
        *it = Span::new(moved(it.start), moved(it.end));
    }
}

fn wrap<'a>(allocator: &'a Allocator, program: &mut Program<'a>, generator: bool) {
    let builder = AstBuilder::new(allocator);
    let statements: ArenaVec<'a, Statement<'a>> = program.body.take_in(&builder);
    let mut outside = ArenaVec::new_in(&builder);
    let mut inside = ArenaVec::new_in(&builder);
    for statement in statements {
        if belongs_outside(&statement) { outside.push(statement) } else { inside.push(statement) }
    }
    let body = FunctionBody::boxed(program.span, ArenaVec::new_in(&builder), inside, &builder);
    let parameters = FormalParameters::boxed(
        SPAN,
        FormalParameterKind::FormalParameter,
        ArenaVec::<FormalParameter<'a>>::new_in(&builder),
        None,
        &builder,
    );
    let function = ExportDefaultDeclarationKind::new_function_declaration(
        SPAN,
        FunctionType::FunctionDeclaration,
        None,
        generator,
        true,
        false,
        None,
        None,
        parameters,
        None,
        Some(body),
        &builder,
    );
    outside.push(Statement::new_export_default_declaration(SPAN, function, &builder));
    program.directives = ArenaVec::new_in(&builder);
    program.body = outside;
}

/// Imports, and what TypeScript has at the top level only.
fn belongs_outside(statement: &Statement<'_>) -> bool {
    matches!(
        statement,
        Statement::ImportDeclaration(_)
            | Statement::TSImportEqualsDeclaration(_)
            | Statement::TSGlobalDeclaration(_)
            | Statement::TSExternalModuleDeclaration(_)
            | Statement::TSNamespaceDeclaration(_)
    )
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
