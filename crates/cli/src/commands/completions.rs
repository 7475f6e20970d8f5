//! `quicksave completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, output, report::exit};

/// Write a completion script for a shell
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "quicksave", &mut script);
    output::raw(&script);
    exit::COMPLETED
}
