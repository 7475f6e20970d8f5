//! `quicksave inspect`

use std::path::Path;

use executor::Look;
use serde_json::{Map, Value};

use crate::{
    commands::{Named, named},
    memory::{self, WIDE},
    output::{self, cut},
    report::{Error, exit},
    script,
    session::Session,
};

/// Look into the memory of a run, or of a snapshot file, without touching it
///
/// Shows where its code stands, with local variables, and what it waits for; or evaluates an expression there. Nothing
/// is recorded, and nothing of the world is reached.
#[derive(clap::Args)]
pub struct Args {
    /// The run, or a file
    #[arg(value_name = "RUN|FILE.snap")]
    run: String,
    /// At this checkpoint (its last occurrence, or NAME#2) instead of now
    #[arg(long, value_name = "CHECKPOINT")]
    at: Option<String>,
    /// Evaluate an expression in which the variables in sight can be used
    #[arg(long, value_name = "EXPRESSION")]
    eval: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let run = match named(&args.run)? {
        Named::File(file) => return snapshot(session, &file, &args),
        Named::Run(run) => run,
    };
    let look = session.still("inspect")?.look(&run, args.at.as_deref(), args.eval.as_deref()).await?;
    let memory = look.memory.value();
    if session.globals.json {
        output::json(&look);
    } else if args.eval.is_some() {
        evaluated(&memory);
    } else {
        shown(&look, &memory);
    }
    // An expression that fails is a mistake in what was typed.
    Ok(if args.eval.is_some() && memory.get("error").is_some() { exit::USAGE } else { exit::COMPLETED })
}

fn snapshot(session: &Session, file: &Path, args: &Args) -> Result<u8, Error> {
    if args.at.is_some() || args.eval.is_some() {
        let next = format!("see all of it: quicksave inspect {}", script::shown(file));
        return Err(Error::usage("--at and --eval are for runs, not for files", next));
    }
    let described = ::neutron::describe(&script::bytes(file)?);
    let described = described.map_err(|cause| script::refused(file, cause.to_string()))?;
    if session.globals.json {
        output::json(&described);
        return Ok(exit::COMPLETED);
    }
    let described = described.value();
    let (size, format) = (&described["size"], &described["format"]);
    output::line(format!("snapshot {}  {size} bytes, format {format}", file.display()));
    let place = match described["line"].as_u64() {
        Some(line) => format!(":{line}"),
        None => String::new(),
    };
    output::line(format!("program  {}{place}", output::tame(described["file"].as_str().unwrap_or("?"))));
    memory::show(described.as_object().unwrap_or(&Map::new()));
    Ok(exit::COMPLETED)
}

fn evaluated(memory: &Value) {
    match (memory.get("text").and_then(Value::as_str), memory.get("error")) {
        (_, Some(error)) => {
            let text = error.get("stack").or_else(|| error.get("message")).and_then(Value::as_str);
            output::error_line(format!("error: {}", text.map_or_else(|| error.to_string(), str::to_owned).trim_end()));
        }
        (Some(text), None) => output::line(text),
        (None, None) => output::line(pretty(memory)),
    }
}

fn shown(look: &Look, memory: &Value) {
    let at = look.checkpoint.as_deref().map_or_else(String::new, |id| format!(" at {id}"));
    output::line(format!("run {}{at}", look.run_id));
    if let Some(state) = &look.state {
        output::line(format!("state  {}", cut(&state.to_string(), WIDE)));
    }
    let Some(map) = memory.as_object() else {
        output::line(pretty(memory));
        return;
    };
    if memory::is_neutron(map) {
        memory::show(map);
        return;
    }
    for frame in list(map, "frames") {
        let name = frame["function"].as_str().filter(|name| !name.is_empty()).unwrap_or("(anonymous)");
        let file = frame["file"].as_str().unwrap_or("?");
        output::line(format!("\n{name}  {file}:{}:{}", frame["line"], frame["column"]));
        variables(frame.get("locals"));
    }
    let exports = map.get("exports");
    if exports.and_then(Value::as_object).is_some_and(|exports| !exports.is_empty()) {
        output::line("\nexports");
        variables(exports);
    }
    let pending = list(map, "pending");
    if !pending.is_empty() {
        output::line("\nwaits for");
    }
    for effect in pending {
        let mut rest = effect.as_object().cloned().unwrap_or_default();
        let (n, kind) = (rest.shift_remove("n").unwrap_or_default(), rest.shift_remove("kind").unwrap_or_default());
        let rest = if rest.is_empty() { String::new() } else { Value::Object(rest).to_string() };
        output::line(format!("  #{n} {} {}", kind.as_str().unwrap_or_default(), cut(&rest, WIDE)));
    }
}

fn list<'a>(map: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    map.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn variables(values: Option<&Value>) {
    let Some(values) = values.and_then(Value::as_object) else { return };
    for (name, value) in values {
        output::line(format!("  {name} = {}", cut(&value.to_string(), WIDE)));
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
