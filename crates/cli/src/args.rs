//! The command line: what holds for every command. Each command's own arguments are in its file.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser, ValueEnum};
use host::{Grants, permissions::Kind};

use crate::{commands::Command, units};

/// Runs programs that survive: killed at any instant, they go on exactly where they were.
#[derive(Parser)]
#[command(name = "quicksave", version, max_term_width = 100, disable_help_subcommand = true, after_help = AFTER)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "Exit codes: 0 completed · 1 the program failed · 2 usage, syntax or bad input · 3 a snapshot or log \
    was refused · 4 waiting · 5 driven by somebody else · 130 interrupted, and resumable";

const WHERE: &str = "Where runs are kept";
const MAY: &str = "What programs may reach (nothing by default)";
const LIMITS: &str = "What programs may use";

/// Options of every command that they concern.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Globals {
    /// The folder of runs, states and configuration [default: ~/.photon]
    #[arg(long, global = true, env = "QUICKSAVE_HOME", hide_env_values = true, value_name = "DIR", help_heading = WHERE)]
    pub home: Option<PathBuf>,
    /// Where runs are kept: file:DIR, sqlite:FILE, postgres://…, or memory: to keep nothing [default: the home]
    #[arg(long, global = true, env = "QUICKSAVE_STORE", hide_env_values = true, value_name = "URL", help_heading = WHERE)]
    pub store: Option<String>,
    /// Where snapshots and long values are kept: redis://…, s3://BUCKET/PREFIX, or one of the above [default: with the
    /// runs]
    #[arg(long, global = true, env = "QUICKSAVE_CHECKPOINTS", hide_env_values = true, value_name = "URL", help_heading = WHERE)]
    pub checkpoints: Option<String>,
    /// What runs survive: a power cut (`disk`, the default), or just the death of the process
    #[arg(long, global = true, value_enum, help_heading = WHERE, value_name = "KIND")]
    pub durability: Option<Durability>,
    /// When a program's memory is saved: when it pays (`auto`, the default), at every checkpoint, or never
    #[arg(long, global = true, value_enum, help_heading = WHERE, value_name = "WHEN")]
    pub snapshot: Option<Snapshot>,
    /// A run that can only wait is left when nothing is due within this time [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = units::duration, help_heading = WHERE)]
    pub park_after: Option<Duration>,
    /// A folder of photons; may be given several times [default: the home, and `photons` of the configuration]
    #[arg(long, global = true, value_name = "DIR", help_heading = WHERE, action = ArgAction::Append)]
    pub photons: Vec<PathBuf>,
    /// The configuration file [default: quicksave.toml in the home, then in the current folder]
    #[arg(long, global = true, value_name = "FILE", help_heading = WHERE)]
    pub config: Option<PathBuf>,
    /// MCP servers whose tools programs call, in the form of other clients: {"mcpServers": {…}}
    #[arg(long, global = true, value_name = "FILE", help_heading = WHERE)]
    pub mcp_config: Option<PathBuf>,

    /// Everything
    #[arg(short = 'A', long, global = true, help_heading = MAY)]
    pub allow_all: bool,
    /// The network: host, host:port, *.host, address/bits; separated by commas
    #[arg(long, global = true, help_heading = MAY, value_name = "HOST,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub allow_net: Vec<String>,
    /// Reading files: paths; a folder grants what is in it
    #[arg(long, global = true, help_heading = MAY, value_name = "PATH,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub allow_read: Vec<String>,
    /// Changing files
    #[arg(long, global = true, help_heading = MAY, value_name = "PATH,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub allow_write: Vec<String>,
    /// Environment variables: names, or APP_*
    #[arg(long, global = true, help_heading = MAY, value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub allow_env: Vec<String>,
    /// Programs that may be started: names, or paths; `sh` for command lines that need a shell
    #[arg(long, global = true, help_heading = MAY, value_name = "PROGRAM,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub allow_run: Vec<String>,
    /// Not these hosts, whatever is allowed
    #[arg(long, global = true, help_heading = MAY, value_name = "HOST,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub deny_net: Vec<String>,
    /// Not reading these
    #[arg(long, global = true, help_heading = MAY, value_name = "PATH,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub deny_read: Vec<String>,
    /// Not changing these
    #[arg(long, global = true, help_heading = MAY, value_name = "PATH,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub deny_write: Vec<String>,
    /// Not these environment variables
    #[arg(long, global = true, help_heading = MAY, value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub deny_env: Vec<String>,
    /// Not these programs
    #[arg(long, global = true, help_heading = MAY, value_name = "PROGRAM,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = ArgAction::Append)]
    pub deny_run: Vec<String>,
    /// Ask nobody: what is not allowed is refused, and questions of the program wait for `answer`
    #[arg(long, global = true, help_heading = MAY)]
    pub no_prompt: bool,

    /// CPU time between two waits [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = units::duration, help_heading = LIMITS)]
    pub limit_cpu: Option<Duration>,
    /// Time from start to end, waits included [default: none]
    #[arg(long, global = true, value_name = "TIME", value_parser = units::duration, help_heading = LIMITS)]
    pub limit_wall: Option<Duration>,
    /// Memory [default: 512MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = units::bytes, help_heading = LIMITS)]
    pub limit_memory: Option<usize>,
    /// What is printed in all [default: 64MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = units::size, help_heading = LIMITS)]
    pub limit_output: Option<u64>,

    /// One JSON value on standard output; what programs print goes to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Just what the program itself prints: no result, no progress, no warnings
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Tell more; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// This is the command `neutron`: nothing is recorded, and standard input belongs to the script.
    #[arg(skip)]
    pub alone: bool,
}

/// What runs survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    Disk,
    Process,
}

/// When a program's memory is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Snapshot {
    Always,
    Auto,
    Never,
}

impl Durability {
    /// As stores call it.
    pub fn kind(self) -> store::Durability {
        match self {
            Self::Disk => store::Durability::Disk,
            Self::Process => store::Durability::Process,
        }
    }
}

impl Globals {
    fn lists(&self) -> [(Kind, bool, &[String]); 10] {
        [
            (Kind::Net, true, &self.allow_net),
            (Kind::Read, true, &self.allow_read),
            (Kind::Write, true, &self.allow_write),
            (Kind::Env, true, &self.allow_env),
            (Kind::Run, true, &self.allow_run),
            (Kind::Net, false, &self.deny_net),
            (Kind::Read, false, &self.deny_read),
            (Kind::Write, false, &self.deny_write),
            (Kind::Env, false, &self.deny_env),
            (Kind::Run, false, &self.deny_run),
        ]
    }

    /// Whether anything is granted or denied here.
    pub fn grants(&self) -> bool {
        self.allow_all || self.lists().iter().any(|(_, _, lists)| !lists.is_empty())
    }

    /// Adds what the flags grant and deny.
    pub fn add_to(&self, grants: &mut Grants) {
        grants.all |= self.allow_all;
        for (kind, allow, lists) in self.lists() {
            for list in lists {
                // The bare flag: clap gives its stand-in.
                let list = (list != "*").then_some(list.as_str());
                if allow { grants.allow(kind, list) } else { grants.deny(kind, list) }
            }
        }
    }

    /// The options that another command about the same run needs too, each with a blank before it.
    pub fn again(&self) -> String {
        let mut out = String::new();
        let mut add = |flag: &str, value: Option<&str>| {
            out.push(' ');
            out.push_str(flag);
            if let Some(value) = value {
                out.push('=');
                out.push_str(&quote(value));
            }
        };
        if let Some(home) = &self.home
            && std::env::var_os("QUICKSAVE_HOME").is_none_or(|set| set != home.as_os_str())
        {
            add("--home", Some(&home.to_string_lossy()));
        }
        let stores = [
            ("--store", "QUICKSAVE_STORE", &self.store),
            ("--checkpoints", "QUICKSAVE_CHECKPOINTS", &self.checkpoints),
        ];
        for (flag, variable, text) in stores {
            if let Some(text) = text
                && std::env::var_os(variable).is_none_or(|set| set != text.as_str())
                && let Ok(url) = text.parse::<store::StoreUrl>()
            {
                // Not the text itself, which may hold a password.
                add(flag, Some(&url.again()));
            }
        }
        for folder in &self.photons {
            add("--photons", Some(&folder.to_string_lossy()));
        }
        if let Some(config) = &self.config {
            add("--config", Some(&config.to_string_lossy()));
        }
        if let Some(config) = &self.mcp_config {
            add("--mcp-config", Some(&config.to_string_lossy()));
        }
        if self.allow_all {
            add("-A", None);
        }
        for (kind, allow, lists) in self.lists() {
            let flag = format!("--{}-{}", if allow { "allow" } else { "deny" }, kind.name());
            for list in lists {
                add(&flag, (list != "*").then_some(list));
            }
        }
        out
    }
}

/// Quotes `text` for a shell, if it needs that.
pub fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn permission_flags_are_given_again() {
        let typed = ["quicksave", "code", "1", "--allow-net", "--allow-read=./a b", "--deny-env=A,B", "--home", "/h"];
        let cli = Cli::parse_from(typed);
        assert_eq!(cli.globals.again(), " --home=/h --allow-net --allow-read='./a b' --deny-env=A,B");
    }
}
