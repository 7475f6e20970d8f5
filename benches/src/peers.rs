//! Starts peers and collects what they print.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    measure::{Measure, Outcome},
    process,
    rows::{
        CPYTHON, DBOS, FLOOR_SQLITE, LANGGRAPH, LANGGRAPH_MEMORY, LANGGRAPH_UNSYNCED, LUA, MCP_SDK, NODE_JSON, PHOTON,
        QUICKJS_WASI, RESTATE,
    },
};

/// No peer needs longer than this for one group of rows.
const LIMIT: Duration = Duration::from_secs(180);

/// The folder of peers, and what is known of it.
pub struct Peers {
    folder: PathBuf,
    scratch: PathBuf,
    missing: BTreeMap<String, String>,
}

/// One line that a peer prints.
#[derive(Deserialize)]
struct Line {
    row: String,
    value: f64,
    unit: String,
    #[serde(rename = "as")]
    label: Option<String>,
}

/// One value of a peer.
pub struct Value {
    /// The row's id.
    pub row: String,
    /// Tells two values of one peer in one row apart.
    pub label: Option<String>,
    /// The number.
    pub outcome: Outcome,
}

impl Peers {
    /// The peers in `folder`; `install` wrote a line `package<TAB>reason` to `.missing` for each that it could not install.
    pub fn new(folder: &Path, scratch: &Path) -> Self {
        let missing = fs::read_to_string(folder.join(".missing")).unwrap_or_default();
        let missing = missing.lines().filter_map(|line| line.split_once('\t'));
        Self {
            folder: folder.to_owned(),
            scratch: scratch.to_owned(),
            missing: missing.map(|(name, why)| (name.to_owned(), why.to_owned())).collect(),
        }
    }

    /// Runs a peer's program and gives its values; on failure, why it has none.
    pub fn measure(&self, peer: &str, args: &[&str]) -> Result<Vec<Value>, String> {
        let done = process::run(&mut self.command(peer, args)?, LIMIT)?;
        let values: Vec<Value> = done.stdout.lines().filter_map(value).collect();
        if done.code != Some(0) && values.is_empty() {
            return Err(self.without_paths(&done.complaint()));
        }
        Ok(values)
    }

    /// The command that runs a peer's program.
    pub fn command(&self, peer: &str, args: &[&str]) -> Result<Command, String> {
        let (package, program) = match peer {
            PHOTON => ("@portel/photon-core", "photon.mjs"),
            QUICKJS_WASI => ("quickjs-wasi", "quickjs_wasi.mjs"),
            RESTATE => ("@restatedev/restate-server", "restate.mjs"),
            DBOS => ("dbos", "dbos_steps.py"),
            LANGGRAPH if args.len() > 1 => ("langgraph", "langgraph_line.py"),
            LANGGRAPH => ("langgraph", "langgraph_steps.py"),
            LANGGRAPH_MEMORY | LANGGRAPH_UNSYNCED => ("langgraph", "langgraph_line.py"),
            NODE_JSON => ("node", "json.mjs"),
            MCP_SDK => ("@modelcontextprotocol/sdk", "mcp.mjs"),
            FLOOR_SQLITE => ("sqlite3", "sqlite_floor.py"),
            CPYTHON => ("python", "neutron_rows.py"),
            LUA => ("lua5.4", "neutron_rows.lua"),
            other => return Err(format!("{other} has no program")),
        };
        let needed = match peer {
            RESTATE => &[package, "@restatedev/restate-sdk"][..],
            _ => &[package][..],
        };
        if let Some(why) = needed.iter().find_map(|package| self.missing.get(*package)) {
            return Err(format!("could not be installed: {why}"));
        }
        let mut command = match program.rsplit('.').next() {
            Some("py") => Command::new(self.python()),
            Some("lua") => Command::new("lua5.4"),
            _ => Command::new("node"),
        };
        command.arg(self.folder.join(program)).args(args).current_dir(&self.scratch);
        // Nobody is to be told that a benchmark runs, and nothing is to be loaded from elsewhere.
        command.env("DO_NOT_TRACK", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }

    /// The Python of the peers; the system's own if they are not installed, which suffices for the floor.
    pub fn python(&self) -> PathBuf {
        let venv = self.folder.join("venv/bin/python");
        if venv.exists() { venv } else { "python3".into() }
    }

    /// The pinned versions, from the files that pin them.
    pub fn versions(&self) -> Vec<String> {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let package: serde_json::Value = serde_json::from_str(&read("package.json")).unwrap_or_default();
        let npm = ["dependencies", "optionalDependencies"].into_iter().filter_map(|key| package[key].as_object());
        let npm = npm.flatten().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")));
        let pins = read("requirements.txt");
        let named = |line: &&str| {
            ["dbos==", "langgraph==", "langgraph-checkpoint-sqlite=="].iter().any(|p| line.starts_with(p))
        };
        npm.chain(pins.lines().filter(named).map(|line| line.replace("==", " "))).collect()
    }

    fn without_paths(&self, text: &str) -> String {
        let folder = self.folder.to_string_lossy();
        let scratch = self.scratch.to_string_lossy();
        text.replace(&*folder, "peers").replace(&*scratch, "scratch")
    }
}

/// Reads one line; anything that is not a measurement is somebody's chatter.
fn value(line: &str) -> Option<Value> {
    let line: Line = serde_json::from_str(line).ok()?;
    Some(Value { row: line.row, label: line.label, outcome: Measure::parse(line.value, &line.unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_measurements_and_skips_chatter() {
        let one = value(r#"{"row":"cpu.fib25","value":14.5,"unit":"ms","as":"raw"}"#).expect("a measurement");
        assert_eq!((one.row.as_str(), one.label.as_deref()), ("cpu.fib25", Some("raw")));
        assert_eq!(one.outcome, Ok(Measure::seconds(0.0145)));
        for chatter in ["", "listening on 8080", r#"{"level":"info"}"#] {
            assert!(value(chatter).is_none());
        }
    }
}
