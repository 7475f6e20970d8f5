//! `quicksave dag`

use std::path::PathBuf;

use ::dag::{Dag, render};
use clap::ValueEnum;
use serde_json::json;

use crate::{
    dags, output,
    report::{Error, exit},
    session::Session,
};

/// Check and draw DAG documents (.dag.json)
///
/// They are run by `quicksave run FILE.dag.json -p NAME=VALUE`, where -p gives what the state begins with.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Say everything that is wrong with documents and the files that they name, and run nothing
    ///
    /// With --json: {ok, documents: [{file, errors, warnings}]}.
    Check {
        /// The documents
        #[arg(required = true)]
        file: Vec<PathBuf>,
    },
    /// Draw a document, on standard output
    Draw {
        /// The document
        file: PathBuf,
        /// As what
        #[arg(long, value_enum, default_value = "mermaid", value_name = "FORMAT")]
        format: Format,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Mermaid's flowchart, which Markdown on many sites shows
    Mermaid,
    /// A picture
    Svg,
    /// Elements of Cytoscape.js, as JSON
    Cytoscape,
    /// The document as JSON-LD
    JsonLd,
}

pub fn run(session: &Session, args: Args) -> Result<u8, Error> {
    match args.what {
        What::Check { file } => check(session, &file),
        What::Draw { file, format } => draw(&file, format),
    }
}

fn check(session: &Session, files: &[PathBuf]) -> Result<u8, Error> {
    let mut good = true;
    let mut shapes = Vec::new();
    for file in files {
        let (errors, warnings) = match dags::pinned(file)? {
            Ok(pinned) => (Vec::new(), pinned.warnings),
            Err(error) => (error.0, Vec::new()),
        };
        good &= errors.is_empty();
        if session.globals.json {
            shapes.push(json!({ "file": file.to_string_lossy(), "errors": errors, "warnings": warnings }));
            continue;
        }
        for error in &errors {
            output::error_line(format!("error: {}", output::tame(error)));
        }
        for warning in &warnings {
            output::error_line(format!("warning: {}", output::tame(warning)));
        }
        if errors.is_empty() && !session.globals.quiet {
            output::line(format!("{}: good", file.display()));
        }
    }
    if session.globals.json {
        output::json(&json!({ "ok": good, "documents": shapes }));
    }
    Ok(if good { exit::COMPLETED } else { exit::USAGE })
}

fn draw(file: &std::path::Path, format: Format) -> Result<u8, Error> {
    let text = dags::read(file)?;
    let problems = |problems: ::dag::Problems| {
        let lines = problems.0.iter().map(|problem| format!("{}: {problem}", file.display()));
        Error::Dag(::dag::guest::PinError(lines.collect()))
    };
    let dag = Dag::parse(&text).map_err(problems)?.dag;
    match format {
        Format::Mermaid => output::raw(render::mermaid(&dag).as_bytes()),
        Format::Svg => output::raw(render::svg(&dag).as_bytes()),
        Format::Cytoscape => output::json(&render::cytoscape(&dag)),
        Format::JsonLd => output::json(&render::json_ld(&dag)),
    }
    output::fresh_line();
    Ok(exit::COMPLETED)
}
