//! One file: parsed, its types stripped, its imports listed. No other file is looked at.

use std::path::PathBuf;

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions, LegalComment};
use oxc_diagnostics::{OxcDiagnostic, Severity};
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::SourceType;
use oxc_transformer::{EnvOptions, Module as ModuleKind, TransformOptions, Transformer};

use crate::cjs_exports::{self, CjsExports};
use crate::error::Diagnostic;
use crate::requests::{self, Exports, Request};
use crate::{limits, refuse, snippet, stack};

/// What is known of a file before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// An ES module: `.mjs`, `.mts`, or `"type": "module"`.
    Module,
    /// CommonJS: `.cjs`, `.cts`.
    CommonJs,
    /// The syntax decides; without any sign it is CommonJS in packages of others, as in Node, and a module elsewhere.
    Either { commonjs: bool },
    /// The body of a function, with imports: code mode.
    Snippet,
}

/// A file to compile.
pub(crate) struct Input<'i> {
    /// The path, for complaints.
    pub file: &'i str,
    /// The module's name, for the source map.
    pub name: &'i str,
    pub text: &'i str,
    pub typescript: bool,
    pub expect: Expect,
}

/// A file compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub commonjs: bool,
    /// The JavaScript, if it is not the author's text.
    pub code: Option<String>,
    pub map: Option<String>,
    pub requests: Vec<Request>,
    pub exports: Exports,
    pub commonjs_exports: CjsExports,
}

/// Why it did not compile.
pub(crate) enum Failed {
    Complaints(Vec<Diagnostic>),
    Internal(String),
}

/// Compiles on a stack of its own: the parser is recursive, and sources come from outside.
pub(crate) fn compile(input: &Input<'_>) -> Result<Compiled, Failed> {
    if let Some(at) = stack::too_deep(input.text, limits::NESTING) {
        let message = format!("code is nested more than {} levels deep here", limits::NESTING);
        let diagnostic = Diagnostic::at(input.file, input.text, at, 1, message);
        return Err(Failed::Complaints(vec![
            diagnostic.help("break the expression up, or keep the data in a JSON file"),
        ]));
    }
    stack::with_room(input.text.len(), || {
        let allocator = Allocator::default();
        parse(&allocator, input).and_then(|parsed| finish(&allocator, input, parsed)).map_err(Failed::Complaints)
    })
    .unwrap_or_else(|cause| Err(Failed::Internal(cause)))
}

/// A syntax tree and what kind of file it turned out to be.
pub(crate) struct Parsed<'a> {
    pub program: Program<'a>,
    pub commonjs: bool,
}

pub(crate) fn parser<'a>(allocator: &'a Allocator, text: &'a str, kind: SourceType) -> ParserReturn<'a> {
    let options = ParseOptions {
        parse_regular_expression: true,
        allow_return_outside_function: kind.is_commonjs(),
        ..ParseOptions::default()
    };
    Parser::new(allocator, text, kind).with_options(options).parse()
}

/// Complaints of the parser as our own: the first ones, for there may be as many as there are bytes.
pub(crate) fn complaints(input: &Input<'_>, found: &[OxcDiagnostic]) -> Vec<Diagnostic> {
    let place =
        |d: &OxcDiagnostic| d.labels.first().map_or((0, 0), |label| (label.offset() as usize, label.len() as usize));
    let mut errors: Vec<_> = found.iter().filter(|d| d.severity == Severity::Error).map(|d| (place(d), d)).collect();
    errors.sort_by_key(|(place, _)| *place);
    errors.dedup_by(|(a_place, a), (b_place, b)| a_place == b_place && a.message == b.message);
    errors.truncate(limits::DIAGNOSTICS);
    let ours = errors.into_iter().map(|((start, len), d)| {
        let mut diagnostic = Diagnostic::at(input.file, input.text, start, len, d.message.to_string());
        diagnostic.help = d.help.as_ref().or(d.note.as_ref()).map(ToString::to_string);
        refuse::explain(diagnostic)
    });
    ours.collect()
}

fn parse<'a>(allocator: &'a Allocator, input: &Input<'a>) -> Result<Parsed<'a>, Vec<Diagnostic>> {
    let base = if input.typescript { SourceType::ts() } else { SourceType::mjs() };
    let as_module = || parser(allocator, input.text, base.with_module(true));
    let as_commonjs = || parser(allocator, input.text, base.with_commonjs(true));
    let done = |parsed: ParserReturn<'a>, commonjs| {
        let errors = complaints(input, &parsed.diagnostics);
        if errors.is_empty() { Ok(Parsed { program: parsed.program, commonjs }) } else { Err(errors) }
    };
    match input.expect {
        Expect::Snippet => snippet::parse(allocator, input),
        Expect::Module => done(as_module(), false),
        Expect::CommonJs => {
            let module = as_module();
            // TypeScript may write `import` in a .cts file.
            if input.typescript && module.diagnostics.is_empty() && is_module(&module) {
                return done(module, false);
            }
            done(as_commonjs(), true)
        }
        Expect::Either { commonjs } => {
            let module = as_module();
            if is_module(&module) {
                return done(module, false);
            }
            if module.diagnostics.has_errors() {
                // Sloppy code, or `return` at top level: if that does not parse either, the first complaints stand.
                let script = as_commonjs();
                let wins = !script.diagnostics.has_errors();
                return if wins { done(script, true) } else { done(module, false) };
            }
            let commonjs = requests::commonjs_signs(&module.program).unwrap_or(commonjs);
            if commonjs { done(as_commonjs(), true) } else { done(module, false) }
        }
    }
}

/// `import`, `export` or `import.meta`, other than TypeScript's CommonJS forms of them.
fn is_module(parsed: &ParserReturn<'_>) -> bool {
    let record = &parsed.module_record;
    !record.import_entries.is_empty()
        || !record.requested_modules.is_empty()
        || !record.import_metas.is_empty()
        || !record.local_export_entries.is_empty()
        || !record.indirect_export_entries.is_empty()
        || !record.star_export_entries.is_empty()
        || parsed.program.body.iter().any(requests::is_es_syntax)
}

fn finish<'a>(
    allocator: &'a Allocator,
    input: &Input<'a>,
    Parsed { mut program, commonjs }: Parsed<'a>,
) -> Result<Compiled, Vec<Diagnostic>> {
    if input.typescript && !commonjs {
        refuse::commonjs_forms_to_es(allocator, &mut program);
    }
    let unsupported = refuse::unsupported(input, &program);
    if !unsupported.is_empty() {
        return Err(unsupported);
    }
    let declared = if input.typescript { requests::exports(&program) } else { Exports::default() };
    let mut scoping = scopes(input, &program)?;
    if input.typescript {
        let kind = if commonjs { ModuleKind::CommonJS } else { ModuleKind::Preserve };
        let options = TransformOptions {
            env: EnvOptions { module: kind, ..EnvOptions::default() },
            ..TransformOptions::default()
        };
        let path = PathBuf::from(input.file);
        let done = Transformer::new(allocator, &path, &options).build_with_scoping(scoping, &mut program);
        let errors = complaints(input, &done.diagnostics);
        if !errors.is_empty() {
            return Err(errors);
        }
        scoping = done.scoping;
    }
    let mut exports = requests::exports(&program);
    exports.types = declared.names.difference(&exports.names).cloned().collect();
    let (code, map) = if input.typescript {
        let (code, map) = print(input, &program);
        (Some(code), map)
    } else {
        (None, None)
    };
    Ok(Compiled {
        commonjs,
        code,
        map,
        requests: requests::requests(&program, &scoping),
        commonjs_exports: if commonjs { cjs_exports::find(&program, &scoping) } else { CjsExports::default() },
        exports,
    })
}

pub(crate) fn scopes<'a>(input: &Input<'_>, program: &Program<'a>) -> Result<Scoping, Vec<Diagnostic>> {
    // The transformer adds scopes and symbols: room for them beforehand.
    let built = SemanticBuilder::new_compiler().with_excess_capacity(1.0).with_enum_eval(true).build(program);
    let errors = complaints(input, &built.diagnostics);
    if errors.is_empty() { Ok(built.semantic.into_scoping()) } else { Err(errors) }
}

fn print(input: &Input<'_>, program: &Program<'_>) -> (String, Option<String>) {
    let options = CodegenOptions {
        // `Function.prototype.toString` is the only thing that could tell; the author's text is kept beside it.
        comments: CommentOptions { normal: false, jsdoc: true, annotation: false, legal: LegalComment::Inline },
        source_map_path: Some(PathBuf::from(input.name)),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(program);
    let map = printed.map.map(|mut map| {
        // The text is in the pinned code already.
        map.set_source_contents(Vec::new());
        map.to_json_string()
    });
    (printed.code, map)
}
