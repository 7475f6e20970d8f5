//! What a program may know of the process that it runs in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use executor::CallContext;
use run::{Outcome, Payload};
use serde::Deserialize;
use serde_json::json as tree;

use crate::args::{self, json};
use crate::gate::Gate;
use crate::permissions::{Access, Decision};

/// What `process.info` and `env.*` tell.
#[derive(Clone, Default)]
pub struct Facts {
    /// The current folder.
    pub cwd: String,
    /// As in `process.argv`: the program that runs, the script, its arguments.
    pub argv: Vec<String>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The name of the machine.
    pub hostname: String,
    /// The folder for temporary files.
    pub tmpdir: String,
    /// The process's id.
    pub pid: u32,
}

impl Facts {
    /// Those of this very process.
    pub fn of_this_process() -> Self {
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        Self {
            cwd: std::env::current_dir().map_or_else(|_| "/".into(), text),
            argv: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
                .collect(),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            tmpdir: text(std::env::temp_dir()),
            pid: std::process::id(),
        }
    }
}

/// Without the values of the environment, which are secrets as often as not.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.keys().collect();
        f.debug_struct("Facts")
            .field("cwd", &self.cwd)
            .field("argv", &self.argv)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

/// Only what tells nothing of the machine or its user, unless that was granted: the home folder comes with
/// `--allow-env=HOME`, the machine's name with `--allow-env=HOSTNAME`.
///
/// `own_home` is the folder of runs and data; a photon is told, since it has a folder there.
pub(crate) fn info(gate: &Gate, facts: &Facts, context: &CallContext, own_home: &Path) -> Outcome {
    let platform = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let home = facts.env.get("HOME").filter(|_| granted(gate, "HOME")).map_or("/", |home| home);
    let hostname = if granted(gate, "HOSTNAME") { &facts.hostname } else { "localhost" };
    let tells_home = context.photon.is_some() || granted(gate, "HOME") || gate.permissions().is_everything();
    json(&tree!({
        "home": tells_home.then(|| own_home.to_string_lossy()),
        "cwd": facts.cwd,
        "argv": facts.argv,
        "platform": platform,
        "arch": arch,
        "pid": facts.pid,
        "hostname": hostname,
        "homedir": home,
        "tmpdir": facts.tmpdir,
        "versions": { "quicksave": env!("CARGO_PKG_VERSION") },
    }))
}

fn granted(gate: &Gate, name: &str) -> bool {
    gate.permissions().decide(&Access::Env(name.into())) == Decision::Granted
}

pub(crate) async fn get(gate: &Gate, facts: &Facts, context: &CallContext, args: &Payload) -> Outcome {
    #[derive(Deserialize)]
    struct Args {
        name: String,
    }
    let Args { name } = args::read("env.get", args)?;
    gate.check(&context.run, Access::Env(name.clone())).await?;
    json(&facts.env.get(&name))
}

/// The variables that are granted; the others are as if they were not set.
pub(crate) fn list(gate: &Gate, facts: &Facts) -> Outcome {
    let seen: BTreeMap<_, _> = facts.env.iter().filter(|(name, _)| granted(gate, name)).collect();
    json(&seen)
}
