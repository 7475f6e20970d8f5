//! `quicksave check`

use std::path::PathBuf;

use ::neutron::{Diagnostic, Severity};
use serde_json::{Value, json};

use crate::{
    dags,
    output::{self, error_line},
    report::{Error, exit},
    script, source,
};

/// Say everything that is wrong with programs, and run nothing
///
/// Errors keep a program from being run. Warnings name what will fail if the program gets there. With --json:
/// `{ok, diagnostics: [{file, line, column, severity, message, hint?}]}`.
#[derive(clap::Args)]
pub struct Args {
    /// The programs (.nt, .ts, .mts, .cts, .js, .mjs, .cjs) and DAG documents (.dag.json)
    #[arg(required = true)]
    file: Vec<PathBuf>,
}

pub fn run(args: &Args, as_json: bool) -> Result<u8, Error> {
    files(&args.file, as_json)
}

/// Checks files, and says what was found.
pub fn files(files: &[PathBuf], as_json: bool) -> Result<u8, Error> {
    let mut found = Vec::new();
    let (mut errors, mut warnings) = (0, 0);
    for file in files {
        if script::is_script(file) {
            for one in script::check(file)? {
                if one.severity == Severity::Error {
                    errors += 1
                } else {
                    warnings += 1
                }
                found.push(shape(&one));
                say(as_json, &one.render());
            }
        } else if dags::is_document(file) {
            let (bad, odd) = match dags::pinned(file)? {
                Ok(pinned) => (Vec::new(), pinned.warnings),
                Err(problems) => (problems.0, Vec::new()),
            };
            errors += bad.len() as u64;
            warnings += odd.len() as u64;
            let all = bad.iter().map(|text| ("error", text)).chain(odd.iter().map(|text| ("warning", text)));
            for (severity, text) in all {
                found.push(json!({ "file": file.to_string_lossy(), "severity": severity, "message": text }));
                say(as_json, &format!("{severity}: {}", output::tame(text)));
            }
        } else if let Err(error) = source::compile(file) {
            errors += 1;
            let text = error.to_string();
            found.push(json!({ "file": file.to_string_lossy(), "severity": "error", "message": text }));
            say(as_json, &format!("error: {text}"));
        }
    }
    if as_json {
        output::json(&json!({ "ok": errors == 0, "diagnostics": found }));
    } else {
        let of = match files {
            [one] => one.display().to_string(),
            many => format!("{} files", many.len()),
        };
        let count = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let found = [(errors, "error"), (warnings, "warning")];
        let found: Vec<_> = found.iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(*n, what)).collect();
        error_line(format!("{of}: {}", if found.is_empty() { "good".into() } else { found.join(", ") }));
    }
    Ok(if errors > 0 { exit::USAGE } else { exit::COMPLETED })
}

fn say(as_json: bool, text: &str) {
    if !as_json {
        error_line(text);
    }
}

fn shape(one: &Diagnostic) -> Value {
    let severity = if one.severity == Severity::Error { "error" } else { "warning" };
    let (line, column) = one.position;
    let mut shape = json!({
        "file": one.file, "line": line, "column": column, "start": one.span.start, "end": one.span.end,
        "severity": severity, "message": one.message,
    });
    if let Some(hint) = &one.hint {
        shape["hint"] = hint.as_str().into();
    }
    shape
}
