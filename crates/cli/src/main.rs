//! The `quicksave` command. `commands/` has a file for each command; `session` puts together what they work with;
//! `report` has every error text and exit code.

mod args;
mod commands;
mod drive;
mod logview;
mod message;
mod notices;
mod operations;
mod output;
mod prompts;
mod report;
mod screen;
mod session;
mod settings;
mod shapes;
mod source;
mod units;
mod world;

use clap::Parser;

use crate::{args::Cli, report::Error, session::Session};

fn main() {
    let cli = Cli::parse();
    let json = cli.globals.json;
    let code = match run(cli) {
        Ok(code) => code,
        Err(error) => error.show(json),
    };
    // Not by returning: that would wait for threads that stand in a read of the terminal.
    std::process::exit(output::close(code).into());
}

fn run(cli: Cli) -> Result<u8, Error> {
    notices::start(&cli.globals);
    if let Some(code) = commands::plain(&cli.command)? {
        return Ok(code);
    }
    let session = Session::new(cli.globals)?;
    session.runtime.block_on(commands::run(&session, cli.command))
}
