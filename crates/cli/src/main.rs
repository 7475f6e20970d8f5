//! The `quicksave` command. `commands/` has a file for each command; `session` puts together what they work with;
//! `report` has every error text and exit code.

mod alone;
mod args;
mod commands;
mod dagonizer;
mod dags;
mod drive;
mod handoff;
mod kept;
mod logview;
mod memory;
mod message;
mod notices;
mod output;
mod prompts;
mod repl;
mod report;
mod screen;
mod script;
mod session;
mod settings;
mod source;
mod units;
mod world;

use std::ffi::OsString;

use clap::{CommandFactory, Parser};
use daemon::shapes;

use crate::{args::Cli, report::Error, session::Session};

fn main() {
    let (json, done) = if alone::is_called() {
        let cli = alone::Neutron::parse();
        notices::start(&cli.globals, false);
        (cli.globals.json, cli.run())
    } else {
        let cli = Cli::parse_from(arguments(std::env::args_os().collect()));
        (cli.globals.json, run(cli))
    };
    let code = done.unwrap_or_else(|error| error.show(json));
    // Not by returning: that would wait for threads that stand in a read of the terminal.
    std::process::exit(output::close(code).into());
}

/// `quicksave --resume FILE` is `quicksave resume FILE`.
fn arguments(mut typed: Vec<OsString>) -> Vec<OsString> {
    let commands: Vec<String> = Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let begins = |arg: &OsString| arg == "--" || commands.iter().any(|name| arg == name.as_str());
    let flag = |arg: &OsString| arg == "--resume" || arg.as_encoded_bytes().starts_with(b"--resume=");
    let first = typed.iter().skip(1).position(|arg| begins(arg) || flag(arg)).map(|at| at + 1);
    if let Some(at) = first.filter(|at| flag(&typed[*at])) {
        let value = typed[at].to_str().and_then(|arg| arg.strip_prefix("--resume=")).map(OsString::from);
        typed[at] = "resume".into();
        if let Some(value) = value {
            typed.insert(at + 1, value);
        }
    }
    typed
}

/// Says what of a script will fail if it gets there.
fn warn(globals: &args::Globals, warnings: &[::neutron::Diagnostic]) {
    if !globals.quiet {
        for warning in warnings {
            output::error_line(warning.render());
        }
    }
}

fn run(cli: Cli) -> Result<u8, Error> {
    notices::start(&cli.globals, matches!(&cli.command, commands::Command::Daemon(args) if args.works()));
    if let Some(code) = commands::plain(&cli.command, cli.globals.json)? {
        return Ok(code);
    }
    let session = Session::new(cli.globals)?;
    if let commands::Command::Repl(args) = &cli.command {
        return commands::repl::run(&session, args);
    }
    session.runtime.block_on(commands::run(&session, cli.command))
}
