//! A snippet as a photon: a class whose one method runs the same code, with the snippet's constants as its parameters.

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_span::{GetSpan as _, SPAN, Span};

use crate::compile::{Expect, Input, scopes};
use crate::error::BundleError;
use crate::{limits, snippet, stack};

/// The method that runs the code.
pub const METHOD: &str = "run";

/// A constant that becomes a parameter.
struct Parameter<'s> {
    name: &'s str,
    kind: &'static str,
    /// The literal, as it was written.
    default: &'s str,
}

/// The text of a photon that does what `source`, a snippet, does. Constants at its top level that are numbers, texts or
/// truth values become parameters, with their values as defaults; imports go before the class. `namespaces` are globals
/// of the snippet that stand for photons and servers: those that it uses are defined in the method. Errors: the snippet
/// does not parse, is a module already, or imports files by paths, which mean something else where the photon lies.
pub fn as_photon(source: &str, name: &str, description: &str, namespaces: &[String]) -> Result<String, BundleError> {
    let refuse = |reason: &str| BundleError::Unsupported { file: snippet::NAME.into(), reason: reason.into() };
    if stack::too_deep(source, limits::NESTING).is_some() {
        return Err(refuse("it is nested too deep"));
    }
    stack::with_room(source.len(), || {
        write(source, name, description, namespaces).map_err(|failed| match failed {
            Failed::Syntax(diagnostics) => BundleError::Syntax { diagnostics },
            Failed::Refused(reason) => refuse(&reason),
        })
    })
    .unwrap_or_else(|cause| Err(BundleError::Internal { file: snippet::NAME.into(), cause }))
}

enum Failed {
    Syntax(Vec<crate::Diagnostic>),
    Refused(String),
}

fn write(source: &str, name: &str, description: &str, namespaces: &[String]) -> Result<String, Failed> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let allocator = Allocator::default();
    let input =
        Input { file: snippet::NAME, name: snippet::NAME, text: source, typescript: true, expect: Expect::Snippet };
    let program = snippet::parse(&allocator, &input).map_err(Failed::Syntax)?.program;
    let Some(function) = body_of(&program) else {
        return Err(Failed::Refused("it is a module with exports: save it as a file of its own and run that".into()));
    };
    let free = scopes(&input, &program).map_err(Failed::Syntax)?;
    let used = |global: &str| free.root_unresolved_references().keys().any(|name| name.as_str() == global);

    let mut moved: Vec<Span> = Vec::new();
    for statement in &program.body {
        if matches!(statement, Statement::ExportDefaultDeclaration(_)) {
            continue;
        }
        if let Statement::ImportDeclaration(import) = statement
            && import.source.value.starts_with(['.', '/'])
        {
            return Err(Failed::Refused(format!(
                "it imports '{}', a path that means another file beside the photon: put that code into the snippet",
                import.source.value
            )));
        }
        moved.push(statement.span());
    }
    let imports: Vec<&str> = moved.iter().map(|span| text(source, *span).trim()).collect();
    let mut parameters = Vec::new();
    for statement in function.body.iter().flat_map(|body| &body.statements) {
        if let Statement::VariableDeclaration(declaration) = statement
            && let Some(found) = constants(source, declaration)
        {
            parameters.extend(found);
            moved.push(declaration.span);
        }
    }
    let mut out = String::new();
    for import in &imports {
        out.push_str(&format!("{import}\n"));
    }
    if !imports.is_empty() {
        out.push('\n');
    }
    let about = prose(description);
    out.push_str(&format!("/**\n{}\n */\n", lines(" ", if about.is_empty() { name } else { &about })));
    out.push_str(&format!("export default class {} extends Photon {{\n", class_name(name)));
    out.push_str(&method_head(name, &about, &parameters, function.generator));
    for namespace in namespaces {
        let global = global_name(namespace);
        if used(&global) {
            out.push_str(&format!(
                "const {global} = tools.namespace({});\n",
                serde_json::Value::from(namespace.as_str())
            ));
        }
    }
    out.push_str(rest(source, moved).trim_matches(['\n', '\r']));
    out.push_str("\n  }\n}\n");
    Ok(out)
}

/// The function that `snippet::parse` put around the code.
fn body_of<'p, 'a>(program: &'p Program<'a>) -> Option<&'p Function<'a>> {
    program.body.iter().find_map(|statement| match statement {
        Statement::ExportDefaultDeclaration(export) if export.span == SPAN => match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => Some(&**function),
            _ => None,
        },
        _ => None,
    })
}

/// The constants of a declaration, if all of them are literals.
fn constants<'s>(source: &'s str, declaration: &VariableDeclaration<'_>) -> Option<Vec<Parameter<'s>>> {
    if declaration.kind != VariableDeclarationKind::Const || declaration.declare {
        return None;
    }
    let one = |declarator: &VariableDeclarator<'_>| {
        let BindingPattern::BindingIdentifier(id) = &declarator.id else { return None };
        let value = declarator.init.as_ref()?;
        let name = text(source, Span::new(id.span.start, id.span.start + u32::try_from(id.name.len()).ok()?));
        Some(Parameter { name, kind: kind(value)?, default: text(source, value.span()) })
    };
    declaration.declarations.iter().map(one).collect()
}

/// The type of a literal.
fn kind(value: &Expression<'_>) -> Option<&'static str> {
    match value {
        Expression::NumericLiteral(_) => Some("number"),
        Expression::StringLiteral(_) => Some("string"),
        Expression::BooleanLiteral(_) => Some("boolean"),
        Expression::UnaryExpression(unary) if matches!(unary.operator, UnaryOperator::UnaryNegation) => {
            matches!(unary.argument, Expression::NumericLiteral(_)).then_some("number")
        }
        _ => None,
    }
}

fn text(source: &str, span: Span) -> &str {
    source.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// The source without these places, and without the lines that are empty then.
fn rest(source: &str, mut without: Vec<Span>) -> String {
    let mut out = String::with_capacity(source.len());
    without.sort_by_key(|span| span.start);
    let mut at = first_code(source);
    for span in without {
        let (start, end) = (span.start as usize, span.end as usize);
        out.push_str(source.get(at..start).unwrap_or_default());
        at = end.max(at);
        let after = source.get(at..).unwrap_or_default();
        let line = after.find('\n').map_or(after.len(), |end| end + 1);
        let alone = out.is_empty() || out.ends_with('\n');
        if alone && after[..line].trim().is_empty() {
            at += line;
        }
    }
    out.push_str(source.get(at..).unwrap_or_default());
    out
}

/// Behind a `#!` line.
fn first_code(source: &str) -> usize {
    if source.starts_with("#!") { source.find('\n').map_or(source.len(), |end| end + 1) } else { 0 }
}

fn method_head(name: &str, about: &str, parameters: &[Parameter<'_>], generator: bool) -> String {
    let mut out = String::from("  /**\n");
    out.push_str(&lines("   ", if about.is_empty() { name } else { about }));
    out.push('\n');
    for parameter in parameters {
        out.push_str(&format!("   * @param {} A constant of the code\n", parameter.name));
    }
    out.push_str("   */\n");
    let star = if generator { "*" } else { "" };
    let params = if parameters.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = parameters.iter().map(|p| format!("{} = {}", p.name, p.default)).collect();
        let types: Vec<_> = parameters.iter().map(|p| format!("{}?: {}", p.name, p.kind)).collect();
        format!("{{ {} }}: {{ {} }} = {{}}", names.join(", "), types.join("; "))
    };
    out.push_str(&format!("  async {star}{METHOD}({params}) {{\n"));
    out
}

/// Text that stays text in a docblock: no tag, no end of it.
fn prose(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim().replace("*/", "* /").replace("{@", "{ @");
        if line.starts_with('@') { format!("'{line}'") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn lines(indent: &str, text: &str) -> String {
    text.lines().map(|line| format!("{indent}* {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `weekly-report` → `WeeklyReport`.
fn class_name(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let camel: String = parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect();
    if camel.starts_with(|c: char| c.is_ascii_alphabetic()) { camel } else { format!("Photon{camel}") }
}

/// A photon's or server's name as a name in programs; as `defineNamespaces` of the prelude makes it.
fn global_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '$') { c } else { '_' };
    let global: String = name.chars().map(plain).collect();
    if global.starts_with(|c: char| c.is_ascii_digit()) { format!("_{global}") } else { global }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_parameters() {
        let source = "import { join } from 'node:path';\nconst limit = 3, who = \"Ada */ @x\";\nconst low = -1;\nconst made = [1];\nconst on = true;\nlet total = 0;\nfor (let i = 0; i < limit; i++) total += i;\nawait github.search({ q: who });\nreturn { total, made, on, low, p: join('a', who) };\n";
        let text = as_photon(source, "weekly-report", "Counts.\n@timeout 5", &["github".into(), "my-fs".into()])
            .expect("good");
        let expected = "import { join } from 'node:path';

/**
 * Counts.
 * '@timeout 5'
 */
export default class WeeklyReport extends Photon {
  /**
   * Counts.
   * '@timeout 5'
   * @param limit A constant of the code
   * @param who A constant of the code
   * @param low A constant of the code
   * @param on A constant of the code
   */
  async run({ limit = 3, who = \"Ada */ @x\", low = -1, on = true }: { limit?: number; who?: string; low?: number; on?: boolean } = {}) {
const github = tools.namespace(\"github\");
const made = [1];
let total = 0;
for (let i = 0; i < limit; i++) total += i;
await github.search({ q: who });
return { total, made, on, low, p: join('a', who) };
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_cannot_be_saved() {
        for (source, expected) in [
            ("export default 1", "is a module with exports"),
            ("import './a.ts'; return 1", "imports './a.ts'"),
            ("return (", "code.ts:1:"),
        ] {
            let error = as_photon(source, "x", "", &[]).expect_err(source).to_string();
            assert!(error.contains(expected), "{source}: {error}");
        }
        let text = as_photon("const n = 2;\nyield n;\nreturn n * 2", "2x", "", &[]).expect("good");
        assert!(text.contains("class Photon2x") && text.contains("async *run({ n = 2 }"), "{text}");
        let text = as_photon("return 1", "x", "", &[]).expect("good");
        assert!(text.contains("async run() {\nreturn 1\n  }"), "{text}");
    }
}
