//! `quicksave photon`

use std::path::Path;

use ::run::{RunId, Status, time::iso};
use bundler::tools::{Binding, Photon, Tool, Visibility};
use daemon::{CallError, catalog::Entry, save};
use host::{RestoreError, SavedState};
use serde_json::{Value, json};

use crate::{
    args::quote,
    output::{self, cut, tame},
    report::{Error, exit},
    session::Session,
};

/// List photons, look at them and their states, and save code as a photon
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the photons that there are
    List,
    /// Show what a photon offers: its methods and what they take
    Show {
        /// The photon
        name: String,
    },
    /// Show the state of a photon, list those before it, or take one back
    State {
        /// The photon
        name: String,
        /// Which instance [default: default]
        #[arg(long, value_name = "NAME", default_value = "default", hide_default_value = true)]
        instance: String,
        /// List earlier states
        #[arg(long, conflicts_with = "restore")]
        list: bool,
        /// Take an earlier state back; the present one becomes the newest earlier one
        #[arg(long, value_name = "NUMBER")]
        restore: Option<u64>,
    },
    /// Save the code of a completed run of a snippet as a photon, to be looked at and enabled
    ///
    /// Constants at its top level that are numbers, texts or truth values become parameters.
    Save {
        /// The run
        run: RunId,
        /// The photon's name
        name: String,
        /// What it does
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Make a photon that waits in `pending`, or a file, one of the photons
    Enable {
        /// The photon's name, or a file
        #[arg(value_name = "NAME|FILE")]
        what: String,
        /// Show what it would be, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Put a photon back among those that wait
    Disable {
        /// The photon
        name: String,
    },
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    match args.what {
        What::List => list(session),
        What::Show { name } => show(session, &name),
        What::State { name, instance, list, restore } => state(session, &name, &instance, list, restore).await,
        What::Save { run, name, description } => save_run(session, &run, &name, description.as_deref()).await,
        What::Enable { what, dry_run } => enable(session, &what, dry_run),
        What::Disable { name } => disable(session, &name),
    }
}

/// The longest text in a line of a table, in characters.
const WIDE: usize = 100;

fn list(session: &Session) -> Result<u8, Error> {
    let catalog = session.catalog();
    let (entries, pending) = (catalog.list(), save::pending(&catalog));
    if session.globals.json {
        let photons: Vec<Value> = entries.iter().map(|entry| listed(entry)).collect();
        output::json(&json!({ "photons": photons, "pending": pending }));
        return Ok(exit::COMPLETED);
    }
    if entries.is_empty() && !session.globals.quiet {
        let folders: Vec<String> = catalog.folders().iter().map(|folder| folder.display().to_string()).collect();
        output::error_line(format!("no photons in {}", folders.join(", ")));
    }
    let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
    for entry in &entries {
        let text = match entry.photon() {
            Ok(photon) => {
                let tools: Vec<&str> = public(photon).map(|tool| tool.name.as_str()).collect();
                let about = first_line(&photon.description);
                let tools = tools.join(", ");
                if about.is_empty() { tools } else { format!("{tools}  {about}") }
            }
            Err(broken) => format!("broken: {}", first_line(&broken.to_string())),
        };
        output::line(format!("{:width$}  {}", tame(&entry.name), cut(&tame(&text), WIDE)));
    }
    if !pending.is_empty() && !session.globals.quiet {
        let names = pending.join(", ");
        output::error_line(format!(
            "not enabled yet: {}; look at one with: quicksave photon enable NAME --dry-run",
            tame(&names)
        ));
    }
    Ok(exit::COMPLETED)
}

fn listed(entry: &Entry) -> Value {
    let mut shape = json!({ "name": entry.name, "file": entry.file });
    match entry.photon() {
        Ok(photon) => {
            shape["description"] = photon.description.as_str().into();
            shape["tools"] = public(photon).map(|tool| tool.name.as_str()).collect();
            shape["stateful"] = keeps_state(photon).into();
        }
        Err(broken) => shape["error"] = broken.to_string().into(),
    }
    shape
}

fn show(session: &Session, name: &str) -> Result<u8, Error> {
    let entry = session.catalog().find(name).map_err(CallError::from)?;
    let photon = match entry.photon() {
        Ok(photon) => photon,
        Err(cause) => return Err(CallError::Broken { name: entry.name.clone(), cause: cause.clone() }.into()),
    };
    let state = SavedState::new(&session.home, &entry.name, "default")
        .map_err(|what| Error::usage(what, "rename the photon"))?;
    if session.globals.json {
        let mut shape = json!(photon);
        shape["file"] = json!(entry.file);
        if keeps_state(photon) {
            shape["state"] = json!(state.file());
        }
        output::json(&shape);
        return Ok(exit::COMPLETED);
    }
    for line in described(&entry, photon) {
        output::line(line);
    }
    if keeps_state(photon) {
        let instances = state.instances().map_err(|e| Error::io("the states cannot be listed", e))?;
        let which = if instances.is_empty() { "none yet".into() } else { instances.join(", ") };
        output::line(format!("\nstate  {} ({})", state.file().display(), tame(&which)));
    }
    Ok(exit::COMPLETED)
}

fn public(photon: &Photon) -> impl Iterator<Item = &Tool> {
    photon.tools.iter().filter(|tool| tool.visibility == Visibility::Public)
}

fn keeps_state(photon: &Photon) -> bool {
    photon.header.stateful || photon.lifecycle.iter().any(|method| method == "getState")
}

/// A photon for people.
fn described(entry: &Entry, photon: &Photon) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", tame(&entry.name), entry.file.display())];
    lines.extend(indented(&photon.description, ""));
    let header = &photon.header;
    let mut tag = |name: &str, values: Vec<&str>| {
        if !values.is_empty() {
            lines.push(format!("@{name} {}", tame(&values.join(", "))));
        }
    };
    tag("version", header.version.as_deref().into_iter().collect());
    tag("notify-on", header.notify_on.iter().map(String::as_str).collect());
    for (name, needs) in [("dependencies", &header.dependencies), ("mcp", &header.mcp), ("photon", &header.photons)] {
        tag(name, needs.iter().map(|need| need.name.as_str()).collect());
    }
    for tool in photon.tools.iter().chain(&photon.templates).chain(&photon.resources) {
        lines.push(String::new());
        lines.extend(method(tool));
    }
    for warning in &photon.warnings {
        lines.push(String::new());
        lines.extend(format!("warning: {warning}").lines().map(tame));
    }
    lines
}

fn method(tool: &Tool) -> Vec<String> {
    let schema = &tool.input_schema;
    let properties = schema.get("properties").and_then(Value::as_object);
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let names = properties.into_iter().flat_map(|all| all.keys());
    let usage: Vec<String> = names
        .map(|name| if required.contains(&name.as_str()) { format!("{name}=…") } else { format!("[{name}=…]") })
        .collect();
    let open = usage.is_empty() && matches!(tool.binding, Binding::Object { .. });
    let usage = if open { "anything".into() } else { usage.join(" ") };
    let mut lines = vec![format!("{}  {}", tame(&tool.name), tame(&usage)).trim_end().to_owned()];
    lines.extend(indented(&tool.description, "  "));
    if tool.visibility == Visibility::Internal {
        lines.push("  internal: called by schedules and webhooks only".into());
    }
    let width = properties.into_iter().flat_map(|all| all.keys()).map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, property) in properties.into_iter().flatten() {
        let mut text = kind(schema, property, 4);
        if let Some(default) = property.get("default") {
            text.push_str(&format!(", {default} unless given"));
        }
        if let Some(about) = property.get("description").and_then(Value::as_str) {
            text.push_str(&format!("  {}", first_line(about)));
        }
        lines.push(format!("  {:width$}  {}", tame(name), cut(&tame(&text), WIDE)));
    }
    if let Some(output) = &tool.output_schema {
        lines.push(format!("  gives {}", cut(&tame(&kind(output, output, 4)), WIDE)));
    }
    lines
}

/// A schema in a few words.
fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else { return "…".into() };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?)) {
        return kind(root, target, depth);
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(one) = schema.get("const") {
        return one.to_string();
    }
    if let Some(branches) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        return branches.iter().map(|branch| kind(root, branch, depth)).collect::<Vec<_>>().join(" | ");
    }
    let mut text = match schema.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => "anything".into(),
    };
    if text == "array"
        && let Some(items) = schema.get("items")
    {
        text = format!("list of {}", kind(root, items, depth));
    }
    if text == "object"
        && let Some(members) = schema.get("properties").and_then(Value::as_object).filter(|m| !m.is_empty())
    {
        let members: Vec<String> =
            members.iter().map(|(name, of)| format!("{name}: {}", kind(root, of, depth))).collect();
        text = format!("{{ {} }}", members.join(", "));
    }
    for (key, sign) in [
        ("minimum", "≥"),
        ("maximum", "≤"),
        ("minLength", "length ≥"),
        ("maxLength", "length ≤"),
        ("pattern", "like"),
        ("format", "as"),
    ] {
        if let Some(bound) = schema.get(key) {
            let bound = bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
            text.push_str(&format!(" {sign} {bound}"));
        }
    }
    text
}

fn indented(text: &str, indent: &str) -> Vec<String> {
    text.lines().map(|line| format!("{indent}{}", tame(line)).trim_end().to_owned()).collect()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

async fn state(session: &Session, name: &str, instance: &str, list: bool, restore: Option<u64>) -> Result<u8, Error> {
    let unreadable = |e| Error::io(format!("the state of {name} cannot be read"), e);
    let state = SavedState::new(&session.home, name, instance).map_err(|what| Error::usage(what, "check the name"))?;
    let (now, backups) = (state.now().map_err(unreadable)?, state.backups().map_err(unreadable)?);
    if now.is_none() && backups.is_empty() {
        let instances = state.instances().map_err(unreadable)?;
        let next = match instances.as_slice() {
            [] => "a photon with getState has one after its first call".into(),
            some => format!("there are states of {}; name one with --instance", some.join(", ")),
        };
        return Err(Error::usage(format!("{name} has no state of the instance {instance}"), next));
    }
    if let Some(number) = restore {
        return take_back(session, &state, (name, instance), number).await;
    }
    if list {
        let shapes: Vec<Value> = backups
            .iter()
            .map(|backup| json!({ "number": backup.number, "bytes": backup.bytes, "until": iso(millis(backup.until)) }))
            .collect();
        if session.globals.json {
            output::json(&json!({ "photon": name, "instance": instance, "backups": shapes }));
        } else {
            for backup in &backups {
                output::line(format!(
                    "{:>6}  {:>9} bytes  until {}",
                    backup.number,
                    backup.bytes,
                    iso(millis(backup.until))
                ));
            }
        }
        return Ok(exit::COMPLETED);
    }
    let text = now.unwrap_or_else(|| "null".into());
    let value: Value = serde_json::from_str(&text).map_err(|e| {
        Error::usage(
            format!("the state in {} is damaged: {e}", state.file().display()),
            format!("take an earlier one back: quicksave photon state {} --list, and --restore NUMBER", quote(name)),
        )
    })?;
    if session.globals.json {
        output::json(&json!({ "photon": name, "instance": instance, "file": state.file(), "state": value }));
    } else {
        output::line(serde_json::to_string_pretty(&value).unwrap_or(text));
    }
    Ok(exit::COMPLETED)
}

async fn take_back(
    session: &Session,
    state: &SavedState,
    (name, instance): (&str, &str),
    number: u64,
) -> Result<u8, Error> {
    // A run that keeps nothing locked may still hold what it has loaded in its memory.
    let reader = session.reader();
    for info in reader.list().await? {
        let own = info.photon.as_deref() == Some(name) && info.instance.as_deref().unwrap_or("default") == instance;
        if own
            && info.status == Status::Running
            && let Some(owner) = reader.owner(&info.run).await?
        {
            let what =
                format!("run {} of {name} is driven by {owner}: it would save over what is taken back", info.run);
            return Err(Error::usage(what, format!("wait for it, or end it with: quicksave cancel {}", info.run)));
        }
    }
    state.restore(number).map_err(|error| match error {
        RestoreError::Busy => Error::usage(
            format!("a run holds the state of {name} now: it would save over what is taken back"),
            "wait for it; see: quicksave list --status running",
        ),
        RestoreError::Missing(number) => Error::usage(
            format!("{name} has no earlier state {number}"),
            format!("see which there are: quicksave photon state {} --list", quote(name)),
        ),
        RestoreError::Io(e) => Error::io(format!("the state of {name} cannot be taken back"), e),
    })?;
    if session.globals.json {
        output::json(&json!({ "photon": name, "instance": instance, "restored": number }));
    } else if !session.globals.quiet {
        output::error_line(format!("the state of {name} is that of number {number} again; the one before it is kept"));
    }
    Ok(exit::COMPLETED)
}

fn millis(time: std::time::SystemTime) -> u64 {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn save_run(session: &Session, run: &RunId, name: &str, description: Option<&str>) -> Result<u8, Error> {
    let entry = save::save_as_photon(&session.reader(), &session.catalog(), run, name, description).await?;
    tell(session, &entry, "written", &format!("make it a tool with: quicksave photon enable {}", entry.name));
    Ok(exit::COMPLETED)
}

fn enable(session: &Session, what: &str, dry_run: bool) -> Result<u8, Error> {
    let catalog = session.catalog();
    if dry_run {
        let entry = save::look(&catalog, what)?;
        tell(session, &entry, "looked at", &format!("make it a tool with: quicksave photon enable {}", quote(what)));
        return Ok(exit::COMPLETED);
    }
    let entry = save::enable(&catalog, what)?;
    tell(session, &entry, "enabled", &format!("call it with: quicksave run {}", entry.name));
    Ok(exit::COMPLETED)
}

fn disable(session: &Session, name: &str) -> Result<u8, Error> {
    let file = save::disable(&session.catalog(), name)?;
    if session.globals.json {
        output::json(&json!({ "photon": name, "file": file, "disabled": true }));
    } else if !session.globals.quiet {
        output::error_line(format!("{} is no tool any more; it lies in {}", tame(name), file.display()));
    }
    Ok(exit::COMPLETED)
}

/// Shows a photon, and what can be done next.
fn tell(session: &Session, entry: &Entry, done: &str, next: &str) {
    if session.globals.json {
        let mut shape = listed(entry);
        shape["done"] = done.into();
        return output::json(&shape);
    }
    if session.globals.quiet {
        return;
    }
    if let Ok(photon) = entry.photon() {
        described(entry, photon).into_iter().for_each(output::line);
    }
    let file = Path::new(entry.file.as_os_str()).display();
    output::error_line(format!("{done}: {file}\n  {next}"));
}
